// Free energies against closed forms, and the watershed against landscapes drawn by hand.
#include "libcryosip/assess/free_energy.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/assess/truth.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

Mixture two_wells(double weight, double sigma) {
  Mixture mixture;
  mixture.weights = Eigen::Vector2d(weight, 1 - weight);
  mixture.means = Eigen::RowVector2d(-1, 1);
  mixture.sigmas = Eigen::RowVector2d(sigma, sigma);
  return mixture;
}

double well_density(double weight, double sigma, double x) {
  const auto normal = [&](double mean) {
    const double z = (x - mean) / sigma;
    return std::exp(-0.5 * z * z) / (sigma * std::sqrt(2 * std::numbers::pi));
  };
  return weight * normal(-1) + (1 - weight) * normal(1);
}

// An ensemble, and `refits` others of the same law.
Ensemble draws(double weight, double sigma, int count, int refits) {
  const auto draw = [&](std::uint64_t name) {
    Eigen::MatrixXd points(1, count);
    RandomStream stream(11, StreamPurpose::Test, name, 5);
    for (int i = 0; i < count; ++i) {
      points(0, i) = (stream.uniform() < weight ? -1 : 1) + sigma * stream.normal();
    }
    return points;
  };
  Ensemble ensemble;
  ensemble.coordinates = draw(0);
  ensemble.weights = Eigen::VectorXd::Constant(count, 1.0 / count);
  for (int r = 0; r < refits; ++r) {
    ensemble.refits.push_back({draw(static_cast<std::uint64_t>(r) + 1), ensemble.weights});
  }
  return ensemble;
}

DensityWithRefits by_hand(const Eigen::MatrixXd& cells) {
  DensityWithRefits density;
  density.coordinates = {0, 1};
  density.axes = {
      Eigen::VectorXd::LinSpaced(cells.rows(), 0, static_cast<double>(cells.rows()) - 1),
      Eigen::VectorXd::LinSpaced(cells.cols(), 0, static_cast<double>(cells.cols()) - 1)};
  density.bandwidths = Eigen::Vector2d::Ones();
  const Eigen::MatrixXd turned = cells.transpose();
  density.density = Eigen::Map<const Eigen::VectorXd>(turned.data(), turned.size());
  return density;
}

Ensemble at(const Eigen::MatrixXd& places) {
  Ensemble ensemble;
  ensemble.coordinates = places;
  ensemble.weights =
      Eigen::VectorXd::Constant(places.cols(), 1 / static_cast<double>(places.cols()));
  return ensemble;
}

TEST(FreeEnergy, OfTwoWellsIsThatOfTheirDensity) {
  constexpr double kWeight = 0.7;
  constexpr double kSigma = 0.35;
  const Ensemble ensemble = lay_out(two_wells(kWeight, kSigma), 8000);
  const FreeEnergy energy =
      free_energy(density_with_refits(ensemble, {0}, 512), ensemble, {.kt = 2.5});

  ASSERT_EQ(energy.basins.size(), 2U);
  ASSERT_EQ(energy.barriers.size(), 1U);
  EXPECT_NEAR(energy.basins[0].minimum(0), -1, 0.02);
  EXPECT_NEAR(energy.basins[1].minimum(0), 1, 0.02);
  EXPECT_EQ(energy.basins[0].free_energy, 0);
  EXPECT_NEAR(energy.basins[1].free_energy, 2.5 * std::log(0.7 / 0.3), 0.02);
  EXPECT_NEAR(energy.basins[0].population, 0.7, 0.005);
  EXPECT_NEAR(energy.basins[1].population, 0.3, 0.005);
  // Where the density between is least.
  double saddle = 1;
  for (double x = -0.9; x < 0.9; x += 0.001) {
    saddle = std::min(saddle, well_density(kWeight, kSigma, x));
  }
  const auto height = [&](double mean) {
    return 2.5 * std::log(well_density(kWeight, kSigma, mean) / saddle);
  };
  EXPECT_EQ(energy.barriers[0].from, 1U);
  EXPECT_EQ(energy.barriers[0].to, 0U);
  EXPECT_NEAR(energy.barriers[0].height, height(1), 0.08);
  EXPECT_NEAR(energy.barriers[0].height_back, height(-1), 0.08);
  EXPECT_FALSE(energy.basins[0].population_band);
  EXPECT_EQ(energy.lower.size(), 0);
}

TEST(FreeEnergy, HasBandsOfEverythingWhereThereAreRefits) {
  const Ensemble ensemble = draws(0.6, 0.35, 500, 20);
  const FreeEnergy energy = free_energy(density_with_refits(ensemble, {0}, 256), ensemble);

  ASSERT_EQ(energy.basins.size(), 2U);
  const double population = energy.basins[0].population;
  ASSERT_TRUE(energy.basins[0].population_band);
  const Band band = *energy.basins[0].population_band;
  // Binomial: sd sqrt(0.24 / 500) = 0.022; 20 refits know it to a sixth.
  EXPECT_NEAR(0.5 * (band.upper - band.lower), 1.73 * 0.022, 0.015);
  EXPECT_NEAR(0.5 * (band.upper + band.lower), population, 1e-12);
  ASSERT_TRUE(energy.barriers.at(0).height_band);
  EXPECT_LT(energy.barriers[0].height_band->lower, energy.barriers[0].height);
  EXPECT_GT(energy.barriers[0].height_band->lower, 0);
  for (Index cell = 0; cell < energy.values.size(); ++cell) {
    if (std::isfinite(energy.values(cell))) {
      EXPECT_LE(energy.lower(cell), energy.values(cell));
      EXPECT_GE(energy.upper(cell), energy.values(cell));
    }
  }
}

// A null data set: what looks like a second well in one sample is in no band's certainty.
TEST(FreeEnergy, OfOneWellHasOneBasin) {
  int wells = 0;
  for (std::uint64_t repeat = 0; repeat < 20; ++repeat) {
    Ensemble ensemble;
    const auto draw = [&](std::uint64_t name) -> Eigen::MatrixXd {
      RandomStream stream(repeat, StreamPurpose::Test, name, 6);
      return Eigen::MatrixXd::NullaryExpr(1, 150, [&] { return stream.normal(); });
    };
    ensemble.coordinates = draw(0);
    ensemble.weights = Eigen::VectorXd::Constant(150, 1.0 / 150);
    for (std::uint64_t r = 1; r <= 20; ++r) {
      ensemble.refits.push_back({draw(r), ensemble.weights});
    }
    const FreeEnergy energy = free_energy(density_with_refits(ensemble, {0}, 128), ensemble);
    wells += energy.basins.size() > 1 ? 1 : 0;
  }
  EXPECT_LE(wells, 1);
}

TEST(FreeEnergy, WatershedFindsBasinsSaddlesAndTheirLowestWay) {
  // Three peaks: 8 and 6 meet at 3 in a corner, 4 meets 6 at 2.
  const Eigen::MatrixXd cells = (Eigen::MatrixXd(5, 6) << 8,
                                 4,
                                 1,
                                 1,
                                 1,
                                 1,  //
                                 4,
                                 3,
                                 1,
                                 1,
                                 1,
                                 1,  //
                                 1,
                                 1,
                                 3,
                                 4,
                                 1,
                                 1,  //
                                 1,
                                 1,
                                 4,
                                 6,
                                 2,
                                 4,  //
                                 1,
                                 1,
                                 1,
                                 1,
                                 1,
                                 3)
                                    .finished() /
                                72;
  const Ensemble ensemble = at((Eigen::MatrixXd(2, 4) << 0, 0, 3, 3, 0.2, 1, 2.6, 5).finished());
  const FreeEnergy energy = free_energy(by_hand(cells), ensemble);

  ASSERT_EQ(energy.basins.size(), 3U);
  EXPECT_EQ(energy.basins[0].minimum, Eigen::Vector2d(0, 0));
  EXPECT_EQ(energy.basins[1].minimum, Eigen::Vector2d(3, 3));
  EXPECT_EQ(energy.basins[2].minimum, Eigen::Vector2d(3, 5));
  EXPECT_DOUBLE_EQ(energy.basins[0].population, 0.5);
  EXPECT_DOUBLE_EQ(energy.basins[1].population, 0.25);
  ASSERT_EQ(energy.barriers.size(), 2U);
  EXPECT_EQ(energy.barriers[0].from, 1U);
  EXPECT_EQ(energy.barriers[0].to, 0U);
  EXPECT_NEAR(energy.barriers[0].height, std::log(6.0 / 3), 1e-12);
  EXPECT_NEAR(energy.barriers[0].height_back, std::log(8.0 / 3), 1e-12);
  EXPECT_EQ(energy.barriers[1].from, 2U);
  EXPECT_EQ(energy.barriers[1].to, 1U);
  EXPECT_EQ(energy.barriers[1].place, Eigen::Vector2d(3, 4));
  EXPECT_NEAR(energy.barriers[1].height, std::log(4.0 / 2), 1e-12);
  EXPECT_NEAR(energy.barriers[1].height_back, std::log(6.0 / 2), 1e-12);
}

TEST(FreeEnergy, JoinsShallowAndNearlyEmptyBasins) {
  const Eigen::MatrixXd cells =
      (Eigen::MatrixXd(1, 9) << 5, 4, 4.2, 1, 3, 1, 0.06, 0.05, 0.06).finished() / 20;
  DensityWithRefits density = by_hand(cells);
  density.coordinates = {0};
  density.axes.erase(density.axes.begin());
  density.bandwidths = Eigen::VectorXd::Ones(1);
  const Ensemble ensemble = at((Eigen::MatrixXd(1, 2) << 2, 4).finished());
  const FreeEnergy energy = free_energy(density, ensemble);

  // ln(4.2 / 4) is less than a tenth; the last peak holds 0.3 %.
  ASSERT_EQ(energy.basins.size(), 2U);
  EXPECT_EQ(energy.basin[2], 0);
  EXPECT_EQ(energy.basin[4], 1);
  EXPECT_EQ(energy.basin[8], 1);
  EXPECT_EQ(free_energy(density, ensemble, {.least_barrier_kt = 0.01}).basins.size(), 3U);
  EXPECT_EQ(free_energy(density, ensemble, {.least_population = 0.001}).basins.size(), 3U);
}

TEST(FreeEnergy, TablesSayNoneWhereThereIsNoNumber) {
  const Ensemble ensemble = lay_out(two_wells(0.5, 0.35), 400);
  const auto tables = to_star({free_energy(density_with_refits(ensemble, {0}, 64), ensemble)});

  ASSERT_EQ(tables.size(), 3U);
  EXPECT_EQ(tables[0].name(), "sip_free_energy");
  EXPECT_EQ(tables[0].rows(), 64U);
  EXPECT_EQ(tables[0].text(0, tables[0].column("sipFreeEnergy")), "None");
  EXPECT_EQ(tables[0].text(32, tables[0].column("sipLower")), "None");
  EXPECT_EQ(tables[1].name(), "sip_basins");
  EXPECT_EQ(tables[1].rows(), 2U);
  EXPECT_EQ(tables[2].name(), "sip_barriers");
  EXPECT_EQ(tables[2].integer(0, tables[2].column("sipToBasin")), 1);
}

TEST(FreeEnergy, NonsenseIsWrongUsage) {
  const Ensemble ensemble = lay_out(two_wells(0.5, 0.2), 400);
  const DensityWithRefits density = density_with_refits(ensemble, {0}, 64);
  EXPECT_THROW(free_energy(density, ensemble, {.kt = 0}), Error);
  EXPECT_THROW(free_energy(density, ensemble, {.least_density = 1}), Error);
  EXPECT_THROW(density_with_refits(ensemble, {1}, 64), Error);
  EXPECT_THROW(density_with_refits(ensemble, {0, 0}, 64), Error);
  EXPECT_THROW(density_with_refits(ensemble, {0}, 1), Error);
}

}  // namespace
}  // namespace cryosip

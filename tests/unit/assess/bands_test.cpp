// Bands against the sampling theory of what they are about.
#include "libcryosip/assess/bands.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/assess/density.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

double normal_density(double x, double mean, double sigma) {
  const double z = (x - mean) / sigma;
  return std::exp(-0.5 * z * z) / (sigma * std::sqrt(2 * std::numbers::pi));
}

// Half at -1.2, half at 1.2, as in the paper's one-dimensional system.
constexpr double kSigma = 0.45;

double truth_at(double x) {
  return 0.5 * (normal_density(x, -1.2, kSigma) + normal_density(x, 1.2, kSigma));
}

// Of equal wells.
Eigen::MatrixXd draw(int count,
                     std::uint64_t repeat,
                     std::uint64_t name,
                     const std::vector<double>& wells = {-1.2, 1.2}) {
  RandomStream stream(repeat, StreamPurpose::Test, name, 8);
  Eigen::MatrixXd points(1, count);
  for (int i = 0; i < count; ++i) {
    points(0, i) = wells[stream.below(wells.size())] + kSigma * stream.normal();
  }
  return points;
}

// An ensemble that is a sample, and its bootstrap samples.
Ensemble with_bootstrap(const Eigen::MatrixXd& points, int refits, std::uint64_t repeat) {
  const Index count = points.cols();
  Ensemble ensemble;
  ensemble.coordinates = points;
  ensemble.weights = Eigen::VectorXd::Constant(count, 1.0 / static_cast<double>(count));
  for (int r = 0; r < refits; ++r) {
    RandomStream stream(repeat, StreamPurpose::Test, static_cast<std::uint64_t>(r), 9);
    Eigen::MatrixXd again(1, count);
    for (Index i = 0; i < count; ++i) {
      again(0, i) = points(0, static_cast<Index>(stream.below(static_cast<std::uint64_t>(count))));
    }
    ensemble.refits.push_back({again, ensemble.weights});
  }
  return ensemble;
}

Ensemble sample(int count, int refits, std::uint64_t repeat) {
  return with_bootstrap(draw(count, repeat, 0), refits, repeat);
}

// python3: from scipy.stats import t; t.ppf(0.95, 4), t.ppf(0.95, 1)
TEST(Band, IsStudentsIntervalAboutTheValue) {
  const Eigen::VectorXd refits = (Eigen::VectorXd(5) << 1, 2, 3, 4, 5).finished();
  const double half_width = 2.1318467863266495 * std::sqrt(2.5);

  const Band band = band_of(10, refits);

  EXPECT_NEAR(band.lower, 10 - half_width, 1e-10);
  EXPECT_NEAR(band.upper, 10 + half_width, 1e-10);
  EXPECT_NEAR(band_of(0, Eigen::Vector2d(0, 1)).upper, 6.31375151467504 * std::sqrt(0.5), 1e-9);
  EXPECT_NEAR(band_of(10, refits, 2).upper, 10 + 2.1318467863266495 * std::sqrt(4.5), 1e-10);
  EXPECT_THROW(band_of(0, Eigen::VectorXd::Ones(1)), Error);
}

// 90 % bands of the density itself, which is not smoothed, at every place where it is not nearly 0.
TEST(Bands, HoldTheTruthAsOftenAsTheySay) {
  constexpr int kRepeats = 100;
  constexpr int kPlaces = 23;  // -2.2, -2.0, .. 2.2
  std::vector<int> held(kPlaces, 0);
  for (std::uint64_t repeat = 0; repeat < kRepeats; ++repeat) {
    const DensityWithRefits density = density_with_refits(sample(300, 20, repeat), {0}, 64);
    for (int p = 0; p < kPlaces; ++p) {
      Index cell = 0;
      (density.axes[0].array() - (0.2 * p - 2.2)).abs().minCoeff(&cell);
      const double truth = truth_at(density.axes[0](cell));
      const Band& band = density.bands[static_cast<std::size_t>(cell)];
      held[static_cast<std::size_t>(p)] += band.lower <= truth && truth <= band.upper ? 1 : 0;
    }
  }
  // The truth is the same on either side.
  for (std::size_t p = 0; p <= kPlaces / 2; ++p) {
    const double share = 0.5 * (held[p] + held[kPlaces - 1 - p]) / kRepeats;
    EXPECT_GE(share, 0.80) << p;
    EXPECT_LE(share, 0.97) << p;
  }
}

// Of a number: the mean, whose law is Student's.
TEST(Bands, OfANumberHoldTheTruthAsOftenAsTheySay) {
  constexpr int kRepeats = 200;
  int held = 0;
  for (std::uint64_t repeat = 0; repeat < kRepeats; ++repeat) {
    const Ensemble ensemble = sample(200, 20, 1000 + repeat);
    Eigen::VectorXd means(20);
    for (Index r = 0; r < 20; ++r) {
      means(r) = ensemble.refits[static_cast<std::size_t>(r)].coordinates.mean();
    }
    const Band band = band_of(ensemble.coordinates.mean(), means);
    held += band.lower <= 0 && 0 <= band.upper ? 1 : 0;
  }
  // 180 expected, standard deviation 4.2.
  EXPECT_GE(held, 166);
  EXPECT_LE(held, 194);
}

// The estimated resolution against the bandwidth of least true error.
TEST(DensityWithRefits, HasNearlyTheBestBandwidth) {
  double chosen = 0;
  double best = 0;
  for (std::uint64_t repeat = 0; repeat < 20; ++repeat) {
    const Ensemble ensemble = sample(300, 20, 500 + repeat);
    const DensityWithRefits density = density_with_refits(ensemble, {0}, 128);
    const Eigen::VectorXd truth = density.axes[0].unaryExpr(&truth_at);
    const auto error = [&](double bandwidth) {
      return (kernel_density(ensemble.coordinates.row(0).transpose(),
                             ensemble.weights,
                             bandwidth,
                             density.axes[0]) -
              truth)
          .squaredNorm();
    };
    double least = 1e300;
    for (double h = 0.08; h < 0.6; h *= 1.1) {
      least = std::min(least, error(h));
    }
    chosen += error(density.bandwidths(0));
    best += least;
  }
  EXPECT_LT(chosen, 1.5 * best);
}

// What chance makes of the bandwidth is in no band, so that it must be little.
TEST(DensityWithRefits, HasNearlyTheSameBandwidthFromOtherSamples) {
  double least = 1e300;
  double most = 0;
  for (std::uint64_t repeat = 0; repeat < 10; ++repeat) {
    const double bandwidth = density_with_refits(sample(2000, 20, repeat), {0}, 128).bandwidths(0);
    least = std::min(least, bandwidth);
    most = std::max(most, bandwidth);
  }
  EXPECT_LT(most, 1.25 * least);
}

// As wide as all three, a kernel leaves one hump, which another blur hardly changes.
TEST(DensityWithRefits, DoesNotBlurWellsIntoEachOther) {
  for (std::uint64_t repeat = 0; repeat < 10; ++repeat) {
    const Eigen::MatrixXd points = draw(300, repeat, 0, {-2, 0, 2});
    EXPECT_LT(density_with_refits(with_bootstrap(points, 20, repeat), {0}, 64).bandwidths(0), 0.3)
        << repeat;
  }
}

// The more so the fewer images there were, however many conformations.
TEST(DensityWithRefits, IsCoarserWhereRefitsDiffer) {
  Ensemble ensemble = sample(2000, 0, 1);
  Ensemble steady = ensemble;
  for (std::uint64_t r = 0; r < 20; ++r) {
    RandomStream stream(r, StreamPurpose::Test, 3, 3);
    Eigen::MatrixXd shaken = ensemble.coordinates;
    const Eigen::MatrixXd little = draw(60, r, 2);
    for (Index i = 0; i < shaken.cols(); ++i) {
      shaken(0, i) = little(0, i % 60) + 0.02 * stream.normal();
    }
    ensemble.refits.push_back({shaken, ensemble.weights});
    steady.refits.push_back({draw(2000, r, 4), ensemble.weights});
  }
  EXPECT_GT(density_with_refits(ensemble, {0}, 128).bandwidths(0),
            1.5 * density_with_refits(steady, {0}, 128).bandwidths(0));
}

// python3, with the paper's own program (kde of Botev) in NumPy and x as below:
//   see tests/agreement/evaluation_metrics.py, plug_in_bandwidth
TEST(PlugInBandwidth, DoesNotBlurWells) {
  Eigen::VectorXd points(1000);
  for (Index i = 0; i < 1000; ++i) {
    points(i) = (i % 2 == 0 ? -2 : 2) + 0.3 * std::sin(static_cast<double>(i * i) * 0.37) +
                0.1 * std::cos(static_cast<double>(i) * 1.7);
  }
  const Eigen::VectorXd weights = Eigen::VectorXd::Constant(1000, 1e-3);
  const double silverman = silverman_bandwidths(points.transpose(), weights)(0);

  EXPECT_GT(silverman, 0.5);
  EXPECT_LT(plug_in_bandwidth(points, weights), 0.1);
  EXPECT_GT(plug_in_bandwidth(points, weights), 0.01);
  // Equivariant; 0 where points coincide.
  EXPECT_NEAR(
      plug_in_bandwidth(3 * points, 5 * weights), 3 * plug_in_bandwidth(points, weights), 1e-9);
  EXPECT_EQ(plug_in_bandwidth(Eigen::VectorXd::Constant(5, 0.5), Eigen::VectorXd::Ones(5)), 0);
}

TEST(DensityWithRefits, IntegratesToOneInOneAndTwoCoordinates) {
  Ensemble ensemble;
  RandomStream stream(1, StreamPurpose::Test, 1, 1);
  ensemble.coordinates = Eigen::MatrixXd::NullaryExpr(3, 200, [&] { return stream.normal(); });
  ensemble.weights = Eigen::VectorXd::Constant(200, 0.005);
  for (const std::vector<Index>& coordinates : {std::vector<Index>{2}, std::vector<Index>{0, 2}}) {
    const DensityWithRefits density = density_with_refits(ensemble, coordinates, 64);
    EXPECT_NEAR(density.density.sum() * density.cell_size(), 1, 2e-3);
  }
  // Cells of the plane are where they say: the mean.
  const DensityWithRefits plane = density_with_refits(ensemble, {2, 0}, 64);
  Eigen::Vector2d mean = Eigen::Vector2d::Zero();
  for (Index cell = 0; cell < plane.density.size(); ++cell) {
    mean += plane.cell_size() * plane.density(cell) * plane.place(cell);
  }
  EXPECT_NEAR(mean(0), ensemble.coordinates.row(2).mean(), 1e-2);
  EXPECT_NEAR(mean(1), ensemble.coordinates.row(0).mean(), 1e-2);
}

TEST(DensityWithRefits, HasTheSameBitsOnAnyNumberOfThreads) {
  const Ensemble ensemble = sample(100, 5, 3);
  const DensityWithRefits all = density_with_refits(ensemble, {0}, 64);
  const ThreadLimit one(1);
  const DensityWithRefits alone = density_with_refits(ensemble, {0}, 64);

  EXPECT_EQ(all.bandwidths, alone.bandwidths);
  EXPECT_EQ(all.density, alone.density);
  EXPECT_EQ(all.refits, alone.refits);
}

TEST(PerturbationL1, IsTheIntegralOfTheChange) {
  Ensemble ensemble = sample(200, 0, 4);
  EXPECT_THROW(perturbation_l1(density_with_refits(ensemble, {0}, 256)), Error);
  ensemble.perturbed = Refit{ensemble.coordinates, ensemble.weights};
  EXPECT_EQ(perturbation_l1(density_with_refits(ensemble, {0}, 256)), 0);
  // Moved away altogether.
  Ensemble two = ensemble;
  two.coordinates << ensemble.coordinates.leftCols(100),
      ensemble.coordinates.leftCols(100).array() + 50;
  two.perturbed->coordinates = two.coordinates;
  two.perturbed->weights.head(100).setConstant(0.01);
  two.perturbed->weights.tail(100).setZero();
  // A kernel of fourth order undershoots a little.
  EXPECT_NEAR(perturbation_l1(density_with_refits(two, {0}, 1024)), 1, 5e-3);
}

}  // namespace
}  // namespace cryosip

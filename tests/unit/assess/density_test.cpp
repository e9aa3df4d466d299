// Kernel density estimates against the formula, and the laws of densities.
#include "libcryosip/assess/density.hpp"

#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

Ensemble random_ensemble(Index coordinates, Index count, std::uint64_t name) {
  RandomStream stream(5, StreamPurpose::Test, name, 19);
  Ensemble ensemble;
  ensemble.coordinates =
      Eigen::MatrixXd::NullaryExpr(coordinates, count, [&] { return stream.normal(); });
  ensemble.weights = Eigen::VectorXd::NullaryExpr(count, [&] { return stream.uniform(); });
  ensemble.weights /= ensemble.weights.sum();
  return ensemble;
}

double normal_density(double at, double mean, double sigma) {
  return std::exp(-std::pow((at - mean) / sigma, 2) / 2) /
         (sigma * std::sqrt(2 * std::numbers::pi));
}

double integral(const Eigen::VectorXd& grid, const Eigen::VectorXd& density) {
  return density.sum() * (grid(1) - grid(0));
}

TEST(SilvermanBandwidths, AreTheRuleForEqualWeights) {
  // 1, 2, 3, 4, 5: variance 2.5; (4 / 3 n)^(1/5) sigma.
  Eigen::MatrixXd points = Eigen::RowVectorXd::LinSpaced(5, 1, 5);
  const Eigen::VectorXd equal = Eigen::VectorXd::Constant(5, 0.2);
  EXPECT_NEAR(
      silverman_bandwidths(points, equal)(0), std::pow(4.0 / 15, 0.2) * std::sqrt(2.5), 1e-12);

  // In the plane (4 / 4 n)^(1/6).
  points.conservativeResize(2, 5);
  points.row(1) = 10 * points.row(0);
  const Eigen::VectorXd both = silverman_bandwidths(points, equal);
  EXPECT_NEAR(both(0), std::pow(0.2, 1.0 / 6) * std::sqrt(2.5), 1e-12);
  EXPECT_NEAR(both(1), 10 * both(0), 1e-12);
}

TEST(SilvermanBandwidths, TakeTheEffectiveSampleSizeOfWeights) {
  // Points of weight 0 do not count, nor do two halves of one point.
  Eigen::MatrixXd points(1, 4);
  points << 1, 2, 4, 100;
  Eigen::VectorXd weights(4);
  weights << 0.5, 0.25, 0.25, 0;
  // By hand: mean 2, sum w x^2 - 4 = 1.5, sum w^2 = 0.375.
  EXPECT_NEAR(silverman_bandwidths(points, weights)(0),
              std::pow(4 * 0.375 / 3, 0.2) * std::sqrt(1.5 / (1 - 0.375)),
              1e-12);
  EXPECT_EQ(silverman_bandwidths(points, Eigen::Vector4d(0, 1, 0, 0))(0), 0);
  EXPECT_NEAR(silverman_bandwidths(Eigen::MatrixXd::Constant(1, 4, 0.1), weights)(0), 0, 1e-15);
}

TEST(KernelDensity, IsTheFormula) {
  const Ensemble ensemble = random_ensemble(2, 7, 1);
  const Eigen::VectorXd x = Eigen::VectorXd::LinSpaced(5, -2, 3);
  const Eigen::VectorXd y = Eigen::VectorXd::LinSpaced(4, -1, 2);
  const Eigen::VectorXd line =
      kernel_density(ensemble.coordinates.row(0), ensemble.weights, 0.4, x);
  const Eigen::MatrixXd plane =
      kernel_density(ensemble.coordinates, ensemble.weights, {0.4, 0.7}, x, y);
  for (Index i = 0; i < x.size(); ++i) {
    double on_line = 0;
    for (Index p = 0; p < ensemble.size(); ++p) {
      on_line += ensemble.weights(p) * normal_density(x(i), ensemble.coordinates(0, p), 0.4);
    }
    EXPECT_NEAR(line(i), on_line, 1e-14);
    for (Index j = 0; j < y.size(); ++j) {
      double in_plane = 0;
      for (Index p = 0; p < ensemble.size(); ++p) {
        in_plane += ensemble.weights(p) * normal_density(x(i), ensemble.coordinates(0, p), 0.4) *
                    normal_density(y(j), ensemble.coordinates(1, p), 0.7);
      }
      EXPECT_NEAR(plane(i, j), in_plane, 1e-14);
    }
  }
}

TEST(KernelDensity, OfAPointAsHeavyAsTwoIsThatOfTwo) {
  const Eigen::Vector3d twice(0.3, 0.3, 1.1);
  const Eigen::Vector2d once(0.3, 1.1);
  const Eigen::VectorXd at = Eigen::VectorXd::LinSpaced(9, -1, 2);
  EXPECT_TRUE(kernel_density(twice, Eigen::Vector3d(0.25, 0.25, 0.5), 0.2, at)
                  .isApprox(kernel_density(once, Eigen::Vector2d(0.5, 0.5), 0.2, at), 1e-14));
}

TEST(EnsembleDensities, IntegrateToOneWithTheRightMoments) {
  const Ensemble truth = random_ensemble(3, 400, 1);
  const Ensemble initial = random_ensemble(3, 50, 2);
  Ensemble narrow = random_ensemble(3, 80, 3);
  narrow.coordinates = 0.1 * narrow.coordinates.array() + 1;
  const EnsembleDensities densities = ensemble_densities(truth, &initial, narrow);

  ASSERT_EQ(densities.marginals.size(), 3);
  for (std::size_t k = 0; k < 3; ++k) {
    const auto& [grid, density] = densities.marginals[k];
    EXPECT_NEAR(integral(grid, density.truth), 1, 1e-4);
    EXPECT_NEAR(integral(grid, density.initial), 1, 1e-4);
    EXPECT_NEAR(integral(grid, density.final_values), 1, 1e-4);
    // The mean is the points', the variance theirs and the bandwidth's.
    const auto points = truth.coordinates.row(static_cast<Index>(k));
    const double mean = points * truth.weights;
    const double bandwidth = silverman_bandwidths(points, truth.weights)(0);
    EXPECT_NEAR(integral(grid, density.truth.cwiseProduct(grid)), mean, 1e-3);
    EXPECT_NEAR(integral(grid, density.truth.cwiseProduct((grid.array() - mean).square().matrix())),
                (points.array() - mean).square().matrix() * truth.weights + bandwidth * bandwidth,
                1e-3);
  }
  ASSERT_TRUE(densities.plane);
  const EnsembleDensities::Plane& plane = *densities.plane;
  const double area = (plane.grid1(1) - plane.grid1(0)) * (plane.grid2(1) - plane.grid2(0));
  EXPECT_NEAR(plane.density.truth.sum() * area, 1, 1e-3);
  EXPECT_NEAR(plane.density.initial.sum() * area, 1, 1e-3);
  EXPECT_NEAR(plane.density.final_values.sum() * area, 1, 1e-3);
}

TEST(EnsembleDensities, OfPointMassesAreAsWideAsTheGridsSpacing) {
  Ensemble point = random_ensemble(2, 3, 1);
  point.coordinates.colwise() = Eigen::Vector2d(0.1, 30);
  for (const Ensemble& truth : {point, random_ensemble(2, 20, 2)}) {
    const EnsembleDensities densities = ensemble_densities(truth, nullptr, point);
    for (const auto& [grid, density] : densities.marginals) {
      EXPECT_NEAR(integral(grid, density.final_values), 1, 1e-3);
      EXPECT_NEAR(integral(grid, density.truth), 1, 1e-3);
    }
  }
}

TEST(EnsembleDensities, TableSaysNoneWhereThereIsNoInitialEnsemble) {
  const Ensemble truth = random_ensemble(2, 30, 1);
  const DensityOptions options{.marginal_points = 5, .plane_points = 3};
  const auto tables = to_star(ensemble_densities(truth, nullptr, truth, options));

  ASSERT_EQ(tables.size(), 2);
  EXPECT_EQ(tables[0].name(), "sip_densities");
  ASSERT_EQ(tables[0].rows(), 10);
  EXPECT_EQ(tables[0].integer(5, tables[0].column("sipCoordinate")), 2);
  EXPECT_EQ(tables[0].text(5, tables[0].column("sipInitial")), "None");
  EXPECT_EQ(tables[0].number(7, tables[0].column("sipTruth")),
            tables[0].number(7, tables[0].column("sipFinal")));
  EXPECT_EQ(tables[1].name(), "sip_plane_densities");
  EXPECT_EQ(tables[1].rows(), 9);
  EXPECT_LT(tables[1].number(0, 1), tables[1].number(1, 1));  // coordinate 2 runs fastest

  EXPECT_EQ(to_star(ensemble_densities(
                        random_ensemble(1, 9, 1), nullptr, random_ensemble(1, 9, 2), options))
                .size(),
            1);
}

TEST(EnsembleDensities, HaveTheSameBitsOnAnyNumberOfThreads) {
  const Ensemble truth = random_ensemble(2, 200, 1);
  const EnsembleDensities on_all = ensemble_densities(truth, nullptr, truth);
  const ThreadLimit one(1);
  const EnsembleDensities on_one = ensemble_densities(truth, nullptr, truth);
  EXPECT_EQ(on_all.marginals[1].density.truth, on_one.marginals[1].density.truth);
  EXPECT_EQ(on_all.plane->density.truth, on_one.plane->density.truth);
}

TEST(EnsembleDensities, RefuseOtherDimensionsAndGridsOfOnePoint) {
  const Ensemble truth = random_ensemble(2, 9, 1);
  EXPECT_THROW(ensemble_densities(truth, nullptr, random_ensemble(3, 9, 2)), Error);
  const Ensemble initial = random_ensemble(1, 9, 2);
  EXPECT_THROW(ensemble_densities(truth, &initial, truth), Error);
  EXPECT_THROW(ensemble_densities(truth, nullptr, truth, {.marginal_points = 1}), Error);
}

}  // namespace
}  // namespace cryosip

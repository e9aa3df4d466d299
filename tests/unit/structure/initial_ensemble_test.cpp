#include "libcryosip/structure/initial_ensemble.hpp"

#include <gtest/gtest.h>

#include "formats/error.hpp"

namespace cryosip {
namespace {

TEST(InitialEnsemble, UniformFillsItsInterval) {
  const Ensemble ensemble = initial_ensemble(3, {.count = 4000, .scale = 1.5});

  EXPECT_EQ(ensemble.dimension(), 3);
  EXPECT_EQ(ensemble.weights, Eigen::VectorXd::Constant(4000, 1.0 / 4000));
  EXPECT_LT(ensemble.coordinates.cwiseAbs().maxCoeff(), 1.5);
  EXPECT_GT(ensemble.coordinates.cwiseAbs().maxCoeff(), 1.49);
  // Variance 1.5^2 / 3; bounds: five standard errors.
  const Eigen::VectorXd mean = ensemble.coordinates.rowwise().mean();
  const Eigen::VectorXd square = ensemble.coordinates.rowwise().squaredNorm() / 4000;
  for (int k = 0; k < 3; ++k) {
    EXPECT_NEAR(mean(k), 0, 0.07);
    EXPECT_NEAR(square(k), 0.75, 0.055);
  }
}

TEST(InitialEnsemble, GaussianHasItsVariance) {
  const Ensemble ensemble =
      initial_ensemble(2, {.count = 4000, .law = InitialLaw::Gaussian, .scale = 0.5});

  const Eigen::VectorXd square = ensemble.coordinates.rowwise().squaredNorm() / 4000;
  for (int k = 0; k < 2; ++k) {
    EXPECT_NEAR(square(k), 0.25, 0.03);
  }
}

TEST(InitialEnsemble, FollowsAMixture) {
  Mixture mixture;
  mixture.weights = Eigen::VectorXd::Ones(1);
  mixture.means = Eigen::Vector2d(3, -1);
  mixture.sigmas = Eigen::Vector2d(0, 0);

  EXPECT_EQ(initial_ensemble(mixture, {.count = 2}).coordinates.col(1), Eigen::Vector2d(3, -1));
}

TEST(InitialEnsemble, ALargerOneBeginsWithTheSmaller) {
  const Ensemble small = initial_ensemble(2, {.count = 5, .seed = 9});
  const Ensemble large = initial_ensemble(2, {.count = 50, .seed = 9});
  const Ensemble other = initial_ensemble(2, {.count = 5, .seed = 10});

  EXPECT_EQ(large.coordinates.leftCols<5>(), small.coordinates);
  EXPECT_NE(other.coordinates, small.coordinates);
  EXPECT_EQ(small.seed, 9);
}

TEST(InitialEnsemble, NonsenseIsWrongUsage) {
  EXPECT_THROW(initial_ensemble(2, {.count = 0}), Error);
  EXPECT_THROW(initial_ensemble(2, {.scale = 0}), Error);
  EXPECT_THROW(initial_ensemble(0, {}), Error);
}

}  // namespace
}  // namespace cryosip

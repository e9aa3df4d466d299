#include "libcryosip/assess/truth.hpp"

#include <cmath>
#include <numbers>
#include <sstream>

#include <gtest/gtest.h>

#include "libcryosip/assess/ensemble_distance.hpp"

namespace cryosip {
namespace {

Mixture two_components() {
  Mixture mixture;
  mixture.weights = Eigen::Vector2d(0.25, 0.75);
  mixture.means = (Eigen::Matrix2d() << -1, 2, 0, 4).finished();
  mixture.sigmas = (Eigen::Matrix2d() << 0.5, 0.5, 1, 2).finished();
  return mixture;
}

TEST(Truth, PointsOfAMixtureHaveItsMomentsAndNoOtherCorrelation) {
  const Ensemble points = lay_out(two_components());

  EXPECT_EQ(points.size(), 2048);
  EXPECT_NEAR(points.weights.sum(), 1, 1e-12);
  const Eigen::Vector2d mean = points.coordinates * points.weights;
  EXPECT_NEAR(mean(0), 1.25, 1e-12);  // quantiles are symmetric
  EXPECT_NEAR(mean(1), 3, 1e-12);
  const Eigen::MatrixXd centred = points.coordinates.colwise() - mean;
  const Eigen::Matrix2d covariance = centred * points.weights.asDiagonal() * centred.transpose();
  // Between the components 3/16 (3, 4)(3, 4)', within them the mean of sigma^2.
  EXPECT_NEAR(covariance(0, 0), 9 * 0.1875 + 0.25, 0.002);
  EXPECT_NEAR(covariance(1, 1), 16 * 0.1875 + 3.25, 0.01);
  EXPECT_NEAR(covariance(0, 1), 12 * 0.1875, 0.05);  // 1.6 / sqrt(2048) for independent draws
}

TEST(Truth, DistanceToTheMarginalsIsTheClosedForm) {
  Mixture normal;
  normal.weights = Eigen::VectorXd::Ones(1);
  normal.means = Eigen::MatrixXd::Constant(1, 1, 2);
  normal.sigmas = Eigen::MatrixXd::Constant(1, 1, 3);
  const Ensemble points = lay_out(normal);
  const Eigen::VectorXd one = Eigen::VectorXd::Ones(1);
  const Eigen::VectorXd two = Eigen::VectorXd::Constant(1, 2);

  const double w1 = wasserstein_1d(points.coordinates.row(0), points.weights, two, one);

  EXPECT_NEAR(w1, 3 * std::sqrt(2 / std::numbers::pi), 0.003);
}

TEST(Truth, IsReadFromAMixtureOrAnEnsemble) {
  std::istringstream mixture("data_sip_mixture\nloop_\n_sipWeight\n_sipMean1\n_sipSigma1\n1 5 0\n");
  EXPECT_TRUE((read_truth(formats::read_star(mixture, "x")).coordinates.array() == 5).all());

  std::istringstream ensemble(
      "data_sip_ensemble\n_sipModel m.nmd\n_sipSeed 1\n"
      "data_sip_conformations\nloop_\n_sipWeight\n_sipCoordinate1\n1 7\n");
  EXPECT_EQ(read_truth(formats::read_star(ensemble, "x")).coordinates(0, 0), 7);
}

}  // namespace
}  // namespace cryosip

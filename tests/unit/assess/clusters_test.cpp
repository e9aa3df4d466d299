#include "libcryosip/assess/clusters.hpp"

#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

double cost(const Eigen::MatrixXd& points,
            const Eigen::VectorXd& weights,
            const std::vector<Eigen::Index>& medoids) {
  double sum = 0;
  for (Eigen::Index i = 0; i < points.cols(); ++i) {
    double nearest = std::numeric_limits<double>::infinity();
    for (const Eigen::Index medoid : medoids) {
      nearest = std::min(nearest, (points.col(i) - points.col(medoid)).norm());
    }
    sum += weights(i) * nearest;
  }
  return sum;
}

TEST(Clusters, FindsSeparateGroupsWithTheirShares) {
  RandomStream random(1, StreamPurpose::Test, 1);
  Eigen::MatrixXd points(2, 60);
  Eigen::VectorXd weights = Eigen::VectorXd::Ones(60);
  for (Eigen::Index i = 0; i < 60; ++i) {
    const double x = i < 30 ? 10 : i < 50 ? 0 : -10;
    points.col(i) << x + 0.5 * random.normal(), 0.5 * random.normal();
  }
  weights.tail(10).setConstant(5);
  const Clusters clusters = k_medoids(points, weights, 3);
  ASSERT_EQ(clusters.medoids.size(), 3U);
  // 50, 30 and 20 of 100, the largest first.
  EXPECT_TRUE(clusters.populations.isApprox(Eigen::Vector3d(0.5, 0.3, 0.2), 1e-12));
  EXPECT_GE(clusters.medoids[0], 50);
  EXPECT_LT(clusters.medoids[1], 30);
  for (std::size_t i = 0; i < 60; ++i) {
    EXPECT_EQ(clusters.cluster_of[i], i < 30 ? 1 : i < 50 ? 2 : 0);
  }
}

TEST(Clusters, AreTheBestPairAmongAllPairs) {
  RandomStream random(1, StreamPurpose::Test, 2);
  Eigen::MatrixXd points(3, 25);
  Eigen::VectorXd weights(25);
  for (Eigen::Index i = 0; i < 25; ++i) {
    for (Eigen::Index k = 0; k < 3; ++k) {
      points(k, i) = random.normal() + (k == 0 && i < 10 ? 4 : 0);
    }
    weights(i) = random.uniform();
  }
  double best = std::numeric_limits<double>::infinity();
  for (Eigen::Index a = 0; a < 25; ++a) {
    for (Eigen::Index b = 0; b < a; ++b) {
      best = std::min(best, cost(points, weights, {a, b}));
    }
  }
  EXPECT_NEAR(cost(points, weights, k_medoids(points, weights, 2).medoids), best, 1e-12);
}

TEST(Clusters, OfCoincidingPointsAreFewer) {
  const Eigen::MatrixXd points = Eigen::MatrixXd::Ones(2, 8);
  const Clusters clusters = k_medoids(points, Eigen::VectorXd::Ones(8), 3);
  EXPECT_EQ(clusters.medoids.size(), 1U);
  EXPECT_EQ(clusters.populations(0), 1);
}

TEST(Clusters, AreNoneOfPointsWithoutWeight) {
  Eigen::MatrixXd points(1, 4);
  points << 0, 0.1, 100, 0.2;
  const Clusters clusters = k_medoids(points, Eigen::Vector4d(1, 1, 0, 1), 2);
  for (const Eigen::Index medoid : clusters.medoids) {
    EXPECT_NE(medoid, 2);
  }
}

TEST(Clusters, RefuseNonsense) {
  EXPECT_THROW(k_medoids(Eigen::MatrixXd::Ones(2, 3), Eigen::VectorXd::Ones(2), 1), Error);
  EXPECT_THROW(k_medoids(Eigen::MatrixXd::Ones(2, 3), Eigen::VectorXd::Ones(3), 0), Error);
  EXPECT_THROW(k_medoids(Eigen::MatrixXd::Ones(2, 3), Eigen::VectorXd::Zero(3), 1), Error);
}

}  // namespace
}  // namespace cryosip

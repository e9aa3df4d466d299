#include "libcryosip/flow/stratified_views.hpp"

#include <algorithm>
#include <cmath>

#include <gtest/gtest.h>

#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

Ensemble random_ensemble(Eigen::Index dimension, Eigen::Index count) {
  RandomStream stream(4, StreamPurpose::Test, 1);
  Ensemble ensemble;
  ensemble.coordinates =
      Eigen::MatrixXd::NullaryExpr(dimension, count, [&] { return stream.uniform(-2, 2); });
  ensemble.weights = Eigen::VectorXd::Constant(count, 1.0 / static_cast<double>(count));
  return ensemble;
}

// The direction, in the molecule's frame, that the view looks along.
Eigen::Vector3d direction(const Pose& pose) {
  return pose.rotation.row(2).transpose();
}

TEST(StratifiedViews, EachDirectionIsUniformOverSteps) {
  const Ensemble ensemble = random_ensemble(4, 7);
  constexpr int kSteps = 4000;
  Eigen::Vector3d mean = Eigen::Vector3d::Zero();
  Eigen::Matrix3d second = Eigen::Matrix3d::Zero();
  for (int step = 0; step < kSteps; ++step) {
    const Eigen::Vector3d d = direction(stratified_views(ensemble, 2, 1, step)[5]);
    mean += d / kSteps;
    second += d * d.transpose() / kSteps;
  }
  // Standard deviations 1/sqrt(3 n) and, at most, 0.3 / sqrt(n).
  EXPECT_LT(mean.cwiseAbs().maxCoeff(), 4 / std::sqrt(3.0 * kSteps));
  EXPECT_LT((second - Eigen::Matrix3d::Identity() / 3).cwiseAbs().maxCoeff(),
            4 * 0.3 / std::sqrt(double{kSteps}));
}

// How unevenly views lie on the sphere: variance of how many of them a cap of 60 degrees holds.
double unevenness(const std::vector<Pose>& poses, const std::vector<std::size_t>& drawings) {
  RandomStream stream(4, StreamPurpose::Test, 2);
  constexpr int kCaps = 500;
  double squares = 0;
  for (int cap = 0; cap < kCaps; ++cap) {
    const Eigen::Vector3d centre = stream.rotation().col(0);
    double inside = 0;
    for (const std::size_t t : drawings) {
      inside += centre.dot(direction(poses[t])) > 0.5 ? 1 : 0;
    }
    const double expected = 0.25 * static_cast<double>(drawings.size());
    squares += (inside - expected) * (inside - expected) / kCaps;
  }
  return squares;
}

TEST(StratifiedViews, ANeighbourhoodIsSeenFromAllAroundMoreEvenlyThanByChance) {
  const Ensemble ensemble = random_ensemble(2, 400);
  constexpr std::size_t kViews = 4;
  // A corner of the ensemble, a sixteenth of it.
  std::vector<std::size_t> near;
  for (std::size_t t = 0; t < 400 * kViews; ++t) {
    const auto i = static_cast<Eigen::Index>(t / kViews);
    if (ensemble.coordinates(0, i) < -1 && ensemble.coordinates(1, i) < -1) {
      near.push_back(t);
    }
  }
  double stratified = 0;
  for (std::int64_t step = 0; step < 10; ++step) {
    stratified += unevenness(stratified_views(ensemble, kViews, 1, step), near) / 10;
  }
  // By chance the number is binomial.
  EXPECT_LT(stratified, 0.25 * static_cast<double>(near.size()) * 0.25 * 0.75);
}

TEST(StratifiedViews, StepsAndSeedsDifferAndTheSameComeAgain) {
  const Ensemble ensemble = random_ensemble(3, 20);
  const auto first = stratified_views(ensemble, 3, 1, 5);
  EXPECT_EQ(first.size(), 60U);
  EXPECT_EQ(first[7].rotation, stratified_views(ensemble, 3, 1, 5)[7].rotation);
  EXPECT_NE(first[7].rotation, stratified_views(ensemble, 3, 1, 6)[7].rotation);
  EXPECT_NE(first[7].rotation, stratified_views(ensemble, 3, 2, 5)[7].rotation);
}

// More coordinates than a code has room for.
TEST(StratifiedViews, TakeAnyNumberOfCoordinates) {
  for (const Eigen::Index dimension : {1, 33, 70}) {
    EXPECT_EQ(stratified_views(random_ensemble(dimension, 10), 2, 1, 0).size(), 20U);
  }
}

}  // namespace
}  // namespace cryosip

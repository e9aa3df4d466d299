#include "libcryosip/forward/even_views.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

TEST(EvenViews, LieEvenlyAndAreTurnedByTheSeed) {
  constexpr std::size_t kCount = 300;
  const auto views = even_views(kCount, 1);
  Eigen::MatrixXd directions(3, kCount);
  for (std::size_t v = 0; v < kCount; ++v) {
    EXPECT_LT((views[v] * views[v].transpose() - Eigen::Matrix3d::Identity()).norm(), 1e-12);
    directions.col(static_cast<Eigen::Index>(v)) = views[v].row(2).transpose();
  }
  // A sphere's second moment is a third of the identity.
  EXPECT_LT(directions.rowwise().mean().norm(), 0.01);
  EXPECT_LT((directions * directions.transpose() / kCount - Eigen::Matrix3d::Identity() / 3).norm(),
            0.01);
  // Nearest neighbours at between 0.7 and 1.2 times the square root of the area of each.
  Eigen::MatrixXd cosines = directions.transpose() * directions;
  cosines.diagonal().setConstant(-1);
  const double spacing = std::sqrt(4 * std::numbers::pi / kCount);
  for (Eigen::Index v = 0; v < cosines.cols(); ++v) {
    const double nearest = std::acos(cosines.col(v).maxCoeff());
    EXPECT_GT(nearest, 0.7 * spacing);
    EXPECT_LT(nearest, 1.2 * spacing);
  }
  EXPECT_GT((even_views(kCount, 2)[0] - views[0]).norm(), 0.01);
  EXPECT_THROW(static_cast<void>(even_views(0, 1)), Error);
}

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

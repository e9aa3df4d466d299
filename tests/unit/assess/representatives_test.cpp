// Clusters and the conformations that stand for them, against optima found by trying everything.
#include "libcryosip/assess/representatives.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

TEST(Representatives, OfPointsOnALineAreTheBestPartition) {
  // On a line clusters are stretches: all ways to cut nine points into three are tried.
  constexpr Index kPoints = 9;
  for (std::uint64_t trial = 0; trial < 20; ++trial) {
    RandomStream stream(trial, StreamPurpose::Test, 3);
    Eigen::MatrixXd points(1, kPoints);
    Eigen::VectorXd weights(kPoints);
    for (Index i = 0; i < kPoints; ++i) {
      points(0, i) = stream.uniform(-1, 1);
      weights(i) = stream.uniform(0.2, 1);
    }
    weights /= weights.sum();
    std::vector<Index> order(kPoints);
    std::iota(order.begin(), order.end(), Index{0});
    std::sort(
        order.begin(), order.end(), [&](Index a, Index b) { return points(0, a) < points(0, b); });
    const auto scatter = [&](Index first, Index end) {
      double mass = 0;
      double sum = 0;
      double squares = 0;
      for (Index i = first; i < end; ++i) {
        const Index p = order[static_cast<std::size_t>(i)];
        mass += weights(p);
        sum += weights(p) * points(0, p);
        squares += weights(p) * points(0, p) * points(0, p);
      }
      return squares - sum * sum / mass;
    };
    double best = std::numeric_limits<double>::infinity();
    for (Index a = 1; a < kPoints - 1; ++a) {
      for (Index b = a + 1; b < kPoints; ++b) {
        best = std::min(best, scatter(0, a) + scatter(a, b) + scatter(b, kPoints));
      }
    }

    const Representatives found = choose_representatives(points, weights, 3, 1);

    double objective = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      double mass = 0;
      double mean = 0;
      for (Index i = 0; i < kPoints; ++i) {
        if (found.clusters[static_cast<std::size_t>(i)] == k) {
          mass += weights(i);
          mean += weights(i) * points(0, i);
        }
      }
      mean /= mass;
      double nearest = std::numeric_limits<double>::infinity();
      double about = 0;
      for (Index i = 0; i < kPoints; ++i) {
        if (found.clusters[static_cast<std::size_t>(i)] == k) {
          objective += weights(i) * std::pow(points(0, i) - mean, 2);
          nearest = std::min(nearest, std::abs(points(0, i) - mean));
          about += weights(i) * std::pow(points(0, i) - points(0, found.conformations[k]), 2);
        }
      }
      EXPECT_NEAR(found.populations(static_cast<Index>(k)), mass, 1e-12);
      EXPECT_NEAR(std::abs(points(0, found.conformations[k]) - mean), nearest, 1e-12);
      EXPECT_NEAR(found.spreads(static_cast<Index>(k)), std::sqrt(about / mass), 1e-12);
    }
    EXPECT_NEAR(objective, best, 1e-12) << trial;
    // In their order on the line.
    EXPECT_LT(points(0, found.conformations[0]), points(0, found.conformations[1]));
    EXPECT_LT(points(0, found.conformations[1]), points(0, found.conformations[2]));
  }
}

TEST(Representatives, FindWellsAndTheirPopulations) {
  constexpr Index kEach = 60;
  const Eigen::Vector3d sizes(0.5, 0.2, 0.3);
  Eigen::MatrixXd points(4, 3 * kEach);
  Eigen::VectorXd weights(3 * kEach);
  for (Index i = 0; i < points.cols(); ++i) {
    RandomStream stream(5, StreamPurpose::Test, static_cast<std::uint64_t>(i));
    const Index well = i % 3;
    points.col(i) = Eigen::Vector4d(3.0 * static_cast<double>(well - 1), 0, 1, 0);
    for (double& value : points.col(i)) {
      value += 0.2 * stream.normal();
    }
    weights(i) = sizes(well) / kEach;
  }
  const auto run = [&](std::size_t threads) {
    const ThreadLimit limit(threads);
    return choose_representatives(points, weights, 3, 7);
  };
  const Representatives found = run(1);

  EXPECT_LT((found.populations - sizes).norm(), 1e-12);
  for (Index i = 0; i < points.cols(); ++i) {
    EXPECT_EQ(found.clusters[static_cast<std::size_t>(i)], static_cast<std::size_t>(i % 3));
  }
  EXPECT_EQ(run(3).conformations, found.conformations);
}

TEST(Representatives, AreAllPointsWhereAsManyAreAskedForAndNotMore) {
  Eigen::MatrixXd points(2, 4);
  points << 0, 1, 2, 3, 0, 0, 0, 0;
  const Eigen::Vector4d weights(0.1, 0.2, 0.3, 0.4);
  EXPECT_THAT(choose_representatives(points, weights, 4, 1).conformations,
              ::testing::ElementsAre(0, 1, 2, 3));
  EXPECT_THROW(static_cast<void>(choose_representatives(points, weights, 5, 1)), Error);
  EXPECT_THROW(static_cast<void>(choose_representatives(points, weights, 0, 1)), Error);
  points.col(3) = points.col(2);
  EXPECT_THROW(static_cast<void>(choose_representatives(points, weights, 4, 1)), Error);
  // Nothing stands for a conformation of weight 0 but its neighbours.
  const Eigen::Vector4d some(0.5, 0.5, 0, 0);
  const Representatives two = choose_representatives(points, some, 2, 1);
  EXPECT_THAT(two.conformations, ::testing::ElementsAre(0, 1));
  EXPECT_THAT(two.clusters, ::testing::ElementsAre(0, 1, 1, 1));
  EXPECT_THROW(static_cast<void>(choose_representatives(points, some, 3, 1)), Error);
}

TEST(Representatives, CanBeEveryConformationThatCounts) {
  Ensemble ensemble;
  ensemble.coordinates = Eigen::MatrixXd::Zero(1, 3);
  ensemble.weights = Eigen::Vector3d(0.75, 0, 0.25);
  const Representatives all = all_conformations(ensemble);
  EXPECT_THAT(all.conformations, ::testing::ElementsAre(0, 2));
  EXPECT_EQ(all.populations, Eigen::Vector2d(0.75, 0.25));
}

}  // namespace
}  // namespace cryosip

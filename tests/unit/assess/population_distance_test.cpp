// Populations against populations: closed forms, the originals' numbers in
// agreement/volume_metrics.
#include "libcryosip/assess/population_distance.hpp"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

PopulationOptions whole(Index pool) {
  PopulationOptions options;
  options.replicates = 1;
  options.fraction = 1;
  options.pool = pool;
  return options;
}

TEST(NumpyChoice, DrawsWhatNumpyDraws) {
  // numpy.random.seed(s); sorted(numpy.random.choice(numpy.arange(n), k, replace=False)), 2.x
  EXPECT_EQ(numpy_choice(0, 10, 4), (std::vector<Index>{2, 4, 8, 9}));
  EXPECT_EQ(numpy_choice(3, 5, 1), (std::vector<Index>{3}));
  const std::vector<Index> kept = numpy_choice(7, 80, 72);
  std::vector<Index> left_out;
  for (Index i = 0, next = 0; i < 80; ++i) {
    if (next < 72 && kept[static_cast<std::size_t>(next)] == i) {
      ++next;
    } else {
      left_out.push_back(i);
    }
  }
  EXPECT_EQ(left_out, (std::vector<Index>{14, 23, 25, 47, 57, 67, 68, 75}));
}

TEST(PopulationDistance, OfTwoStatesIsKnown) {
  Eigen::Matrix2d cost;
  cost << 0.1, 7, 3, 0.2;  // ranks 1 2; 2 1
  const auto distances =
      population_distances(cost, Eigen::Vector2d(3, 1), Eigen::Vector2d(0.5, 0.5), whole(1));
  ASSERT_EQ(distances.size(), 1U);
  const PopulationDistance& d = distances.front();
  EXPECT_NEAR(d.emd, 0.75 * 1 + 0.25 * 2, 1e-12);  // a quarter goes to the farther map
  EXPECT_NEAR(d.emd_optimal, 1, 1e-12);
  EXPECT_NEAR(d.kl, 0.75 * std::log(1.5) + 0.25 * std::log(0.5), 1e-12);
  EXPECT_NEAR(d.kl_reverse, 0.5 * std::log(0.5 / 0.75) + 0.5 * std::log(2.0), 1e-12);
  EXPECT_NEAR(d.kl_optimal, 0, 1e-8);
  EXPECT_NEAR(d.kl_reverse_optimal, 0, 1e-8);
}

TEST(PopulationDistance, OnlyTheOrderOfCostsCounts) {
  RandomStream stream(2, StreamPurpose::Test, 33);
  const Eigen::MatrixXd cost =
      Eigen::MatrixXd::NullaryExpr(20, 6, [&] { return stream.uniform(); });
  const Eigen::VectorXd p = Eigen::VectorXd::NullaryExpr(20, [&] { return stream.uniform(); });
  const Eigen::VectorXd q = Eigen::VectorXd::NullaryExpr(6, [&] { return stream.uniform(); });
  const auto plain = population_distances(cost, p, q);
  const auto stretched =
      population_distances(Eigen::MatrixXd(cost.array().exp() * 100 - 7), 3 * p, 5 * q);
  ASSERT_EQ(plain.size(), 30U);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    EXPECT_NEAR(stretched[i].emd, plain[i].emd, 1e-9);
    EXPECT_NEAR(stretched[i].kl, plain[i].kl, 1e-9);
    EXPECT_LE(plain[i].emd_optimal, plain[i].emd + 1e-9);
    EXPECT_LE(plain[i].kl_optimal, plain[i].kl + 1e-4);
  }
}

TEST(PopulationDistance, AMapNearestToNoStateSpreadsEvenly) {
  Eigen::MatrixXd cost(2, 3);
  cost << 0, 1, 2, 1, 0, 2;
  const auto d = population_distances(
      cost, Eigen::Vector2d(0.5, 0.5), Eigen::Vector3d(0.2, 0.2, 0.6), whole(1));
  EXPECT_NEAR(d.front().kl, 0, 1e-12);
}

TEST(PopulationDistance, AStateWhoseMapIsEmptyIsInfinitelyFar) {
  Eigen::Matrix2d cost;
  cost << 0, 1, 1, 0;
  const auto d =
      population_distances(cost, Eigen::Vector2d(0.5, 0.5), Eigen::Vector2d(1, 0), whole(1));
  EXPECT_TRUE(std::isinf(d.front().kl));
  EXPECT_NEAR(d.front().kl_reverse, std::log(2.0), 1e-12);  // 0 log 0 is nan to the original
  EXPECT_NEAR(d.front().emd, 0.5 * 1 + 0.5 * 2, 1e-12);
}

TEST(PopulationDistance, NeedsAPoolOfMaps) {
  const Eigen::MatrixXd cost = Eigen::MatrixXd::Random(5, 3);
  const Eigen::VectorXd p = Eigen::VectorXd::Ones(5);
  const Eigen::VectorXd q = Eigen::VectorXd::Ones(3);
  EXPECT_TRUE(population_distances(cost, p, q).empty());  // nine tenths of 5 are 4
  EXPECT_EQ(population_distances(cost, p, q, whole(5)).size(), 1U);
  EXPECT_THROW(population_distances(cost, q, q), Error);
  EXPECT_THROW(population_distances(cost, -p, q), Error);
  EXPECT_THROW(population_distances(cost * std::nan(""), p, q), Error);
  PopulationOptions options = whole(0);
  EXPECT_THROW(population_distances(cost, p, q, options), Error);
  options = whole(1);
  options.fraction = 1.5;
  EXPECT_THROW(population_distances(cost, p, q, options), Error);
  options = whole(1);
  options.replicates = 0;
  EXPECT_THROW(population_distances(cost, p, q, options), Error);
}

}  // namespace
}  // namespace cryosip

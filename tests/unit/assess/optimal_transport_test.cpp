#include "libcryosip/assess/optimal_transport.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/assess/ensemble_distance.hpp"
#include "tests/support/for_all.hpp"

namespace cryosip {
namespace {

Eigen::VectorXd random_weights(Eigen::Index count, std::mt19937_64& rng) {
  std::uniform_real_distribution<double> uniform(0.1, 1);
  return Eigen::VectorXd::NullaryExpr(count, [&] { return uniform(rng); });
}

Eigen::MatrixXd random_cost(Eigen::Index rows, Eigen::Index columns, std::mt19937_64& rng) {
  std::normal_distribution<double> normal;
  return Eigen::MatrixXd::NullaryExpr(rows, columns, [&] { return normal(rng); });
}

// Between as many points of one weight some permutation is optimal (Birkhoff).
TEST(OptimalTransport, OfEqualWeightsIsTheBestPermutation) {
  testing::for_all(10, [](std::mt19937_64& rng) {
    const Eigen::MatrixXd cost = random_cost(7, 7, rng);
    std::vector<int> order(7);
    std::iota(order.begin(), order.end(), 0);
    double best = std::numeric_limits<double>::infinity();
    do {
      double sum = 0;
      for (int i = 0; i < 7; ++i) {
        sum += cost(i, order[static_cast<std::size_t>(i)]);
      }
      best = std::min(best, sum / 7);
    } while (std::next_permutation(order.begin(), order.end()));
    const Eigen::VectorXd equal = Eigen::VectorXd::Ones(7);

    EXPECT_NEAR(transport_cost(cost, equal, equal), best, 1e-12);
  });
}

// On the line the quantile functions say what is optimal for any convex cost.
TEST(OptimalTransport, OnTheLineIsThatOfQuantiles) {
  testing::for_all(5, [](std::mt19937_64& rng) {
    const Eigen::VectorXd x = random_cost(60, 1, rng);
    const Eigen::VectorXd y = 1.3 * random_cost(75, 1, rng);
    const Eigen::VectorXd a = random_weights(60, rng);
    const Eigen::VectorXd b = random_weights(75, rng);
    for (const double order : {1.0, 2.0, 3.0}) {
      const Eigen::MatrixXd cost =
          (x.replicate(1, 75).rowwise() - y.transpose()).array().abs().pow(order);
      const double exact = std::pow(wasserstein_1d(x, a, y, b, order), order);

      EXPECT_NEAR(transport_cost(cost, a, b), exact, 1e-12 * exact);
    }
  });
}

TEST(OptimalTransport, PlanHasTheMarginalsAndIsATree) {
  std::mt19937_64 rng(4);
  Eigen::VectorXd a = random_weights(30, rng);
  a(7) = 0;
  const Eigen::VectorXd b = random_weights(41, rng);
  const Eigen::MatrixXd cost = random_cost(30, 41, rng).array() * 1e6 - 3e6;

  const TransportPlan plan = optimal_transport(cost, a, b);

  Eigen::VectorXd from = Eigen::VectorXd::Zero(30);
  Eigen::VectorXd to = Eigen::VectorXd::Zero(41);
  double sum = 0;
  for (const TransportedMass& move : plan.moves) {
    from(move.from) += move.mass;
    to(move.to) += move.mass;
    sum += move.mass * cost(move.from, move.to);
  }
  EXPECT_LT((from - a / a.sum()).cwiseAbs().maxCoeff(), 1e-14);
  EXPECT_LT((to - b / b.sum()).cwiseAbs().maxCoeff(), 1e-14);
  EXPECT_EQ(from(7), 0);
  EXPECT_EQ(plan.cost, sum);
  EXPECT_LT(plan.moves.size(), 30U + 41U);
}

TEST(OptimalTransport, OfAShiftIsTheShift) {
  std::mt19937_64 rng(5);
  const Eigen::MatrixXd points = random_cost(4, 80, rng);
  const Eigen::VectorXd weights = random_weights(80, rng);
  const Eigen::Vector4d shift(0.3, -0.4, 1.2, 0);
  Eigen::MatrixXd cost(80, 80);
  for (Eigen::Index i = 0; i < 80; ++i) {
    cost.col(i) = (points.colwise() - (points.col(i) + shift)).colwise().squaredNorm();
  }

  // W2^2 splits into that of the means and that about them.
  EXPECT_NEAR(transport_cost(cost, weights, weights), shift.squaredNorm(), 1e-12);
}

TEST(OptimalTransport, IgnoresTheScaleOfWeightsAndFollowsThatOfCosts) {
  std::mt19937_64 rng(6);
  const Eigen::MatrixXd cost = random_cost(12, 9, rng);
  const Eigen::VectorXd a = random_weights(12, rng);
  const Eigen::VectorXd b = random_weights(9, rng);
  const double plain = transport_cost(cost, a, b);

  EXPECT_EQ(transport_cost(cost, 8 * a, 0.25 * b), plain);
  EXPECT_NEAR(transport_cost(1e-9 * cost, a, b), 1e-9 * plain, 1e-21);
  EXPECT_NEAR(transport_cost(cost.transpose(), b, a), plain, 1e-12);
  EXPECT_NEAR(transport_cost(Eigen::MatrixXd::Constant(12, 9, 2.5), a, b), 2.5, 1e-14);
}

TEST(OptimalTransport, NonsenseIsWrongUsage) {
  const Eigen::MatrixXd cost = Eigen::MatrixXd::Ones(2, 3);
  const Eigen::VectorXd a = Eigen::VectorXd::Ones(2);
  const Eigen::VectorXd b = Eigen::VectorXd::Ones(3);
  Eigen::MatrixXd infinite = cost;
  infinite(1, 1) = std::numeric_limits<double>::infinity();

  EXPECT_THROW(transport_cost(cost, b, b), Error);
  EXPECT_THROW(transport_cost(cost, a, -b), Error);
  EXPECT_THROW(transport_cost(cost, 0 * a, b), Error);
  EXPECT_THROW(transport_cost(infinite, a, b), Error);
  EXPECT_THROW(transport_cost(Eigen::MatrixXd(0, 0), Eigen::VectorXd(0), Eigen::VectorXd(0)),
               Error);
}

}  // namespace
}  // namespace cryosip

#include "libcryosip/map/minimiser.hpp"

#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "formats/error.hpp"

namespace cryosip {
namespace {

// Rosenbrock's valley, its lowest point (1, 1).
double rosenbrock(const Eigen::VectorXd& x, Eigen::VectorXd& gradient) {
  const double across = x(1) - x(0) * x(0);
  gradient.resize(2);
  gradient << -400 * across * x(0) - 2 * (1 - x(0)), 200 * across;
  return 100 * across * across + (1 - x(0)) * (1 - x(0));
}

Eigen::VectorXd start() {
  return Eigen::Vector2d(-1.2, 1.0);
}

TEST(Minimiser, FindsTheEndOfAValleyAndGoesDownAllTheWay) {
  MinimiserOptions options;
  options.tolerance = 1e-14;
  double last = std::numeric_limits<double>::infinity();
  std::int64_t iterations = 0;
  const auto result = minimise(rosenbrock, start(), options, [&](const MinimiserStep& step) {
    EXPECT_LT(step.value, last);
    EXPECT_EQ(step.iteration, ++iterations);
    last = step.value;
    return true;
  });

  EXPECT_EQ(result.end, MinimiserEnd::Converged);
  EXPECT_EQ(result.iterations, iterations);
  EXPECT_EQ(result.value, last);
  EXPECT_LT(iterations, 60);
  EXPECT_LT((result.point - Eigen::Vector2d::Ones()).norm(), 1e-6);
}

TEST(Minimiser, SolvesABadlyScaledQuadraticInAboutAsManyIterationsAsVariables) {
  constexpr Eigen::Index kVariables = 12;
  const Eigen::VectorXd stiffness = Eigen::VectorXd::LinSpaced(kVariables, 0, 4).array().exp();
  const Eigen::VectorXd centre = Eigen::VectorXd::LinSpaced(kVariables, -1, 2);
  const auto well = [&](const Eigen::VectorXd& x, Eigen::VectorXd& gradient) {
    gradient = stiffness.cwiseProduct(x - centre);
    return 0.5 * gradient.dot(x - centre);
  };
  MinimiserOptions options;
  options.tolerance = 1e-16;
  const auto result = minimise(well, Eigen::VectorXd::Zero(kVariables), options, {});

  EXPECT_EQ(result.end, MinimiserEnd::Converged);
  EXPECT_LT(result.iterations, 4 * kVariables);
  EXPECT_LT((result.point - centre).norm(), 1e-6);
}

TEST(Minimiser, StopsWhereRoundingHidesTheWayDown) {
  const auto rounded = [](const Eigen::VectorXd& x, Eigen::VectorXd& gradient) {
    gradient = x;
    return std::round(1e3 * (5 + 0.5 * x.squaredNorm())) / 1e3;
  };
  MinimiserOptions options;
  options.tolerance = 0;
  const auto result = minimise(rounded, Eigen::Vector3d(1, 2, 3), options, {});

  EXPECT_EQ(result.end, MinimiserEnd::Converged);
  EXPECT_NEAR(result.value, 5, 1e-3);
}

TEST(Minimiser, StaysInBoundsWhereTheFunctionEnds) {
  // x - log x, which ends at 0; minus the gradient leads from 3 to -3.7.
  const auto barrier = [](const Eigen::VectorXd& x, Eigen::VectorXd& gradient) {
    gradient = Eigen::VectorXd::Constant(1, 10 - 10 / x(0));
    return 10 * (x(0) - std::log(x(0)));
  };
  MinimiserOptions options;
  options.tolerance = 1e-12;

  EXPECT_NEAR(minimise(barrier, Eigen::VectorXd::Constant(1, 3), options, {}).point(0), 1, 1e-5);
  EXPECT_THROW(minimise(barrier, Eigen::VectorXd::Constant(1, -1), options, {}), Error);
}

TEST(Minimiser, EndsWhenToldTo) {
  EXPECT_EQ(minimise(rosenbrock, start(), {.iterations = 0}, {}).end, MinimiserEnd::Iterations);
  EXPECT_EQ(minimise(rosenbrock, start(), {.iterations = 0}, {}).point, start());
  EXPECT_EQ(minimise(rosenbrock, start(), {.iterations = 3}, {}).iterations, 3);
  const auto stopped = minimise(
      rosenbrock, start(), {}, [](const MinimiserStep& step) { return step.iteration < 4; });
  EXPECT_EQ(stopped.end, MinimiserEnd::Stopped);
  EXPECT_EQ(stopped.iterations, 4);
  // At the minimum there is nothing to do.
  const auto done = minimise(rosenbrock, Eigen::Vector2d::Ones(), {}, {});
  EXPECT_EQ(done.end, MinimiserEnd::Converged);
  EXPECT_EQ(done.iterations, 0);
}

TEST(Minimiser, RefusesOptionsThatMakeNoSense) {
  EXPECT_THROW(minimise(rosenbrock, start(), {.iterations = -1}, {}), Error);
  EXPECT_THROW(minimise(rosenbrock, start(), {.tolerance = -1}, {}), Error);
  EXPECT_THROW(minimise(rosenbrock, start(), {.tolerance = std::nan("")}, {}), Error);
  EXPECT_THROW(minimise(rosenbrock, start(), {.memory = 0}, {}), Error);
}

}  // namespace
}  // namespace cryosip

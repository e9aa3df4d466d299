#include "libcryosip/report/contour.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

class ContourLines : public ::testing::Test {
 protected:
  ContourLines()
      : x_(Eigen::VectorXd::LinSpaced(81, -2, 2)), y_(Eigen::VectorXd::LinSpaced(61, -3, 3)) {}

  template <typename Function>
  [[nodiscard]] Eigen::MatrixXd values(const Function& function) const {
    Eigen::MatrixXd result(x_.size(), y_.size());
    for (Eigen::Index i = 0; i < x_.size(); ++i) {
      for (Eigen::Index j = 0; j < y_.size(); ++j) {
        result(i, j) = function(x_(i), y_(j));
      }
    }
    return result;
  }

  Eigen::VectorXd x_;
  Eigen::VectorXd y_;
};

TEST_F(ContourLines, OfAPlaneAreStraight) {
  const auto lines =
      contour_lines(values([](double x, double y) { return x + 2 * y; }), x_, y_, 0.3);
  ASSERT_EQ(lines.size(), 1U);
  for (const Eigen::Vector2d& point : lines[0]) {
    EXPECT_NEAR(point.x() + 2 * point.y(), 0.3, 1e-12);
  }
}

TEST_F(ContourLines, OfACircleCloseAndHaveItsLength) {
  const auto lines =
      contour_lines(values([](double x, double y) { return -x * x - y * y; }), x_, y_, -1.44);
  ASSERT_EQ(lines.size(), 1U);
  const auto& line = lines[0];
  EXPECT_LT((line.front() - line.back()).norm(), 1e-12);
  double length = 0;
  for (std::size_t i = 1; i < line.size(); ++i) {
    length += (line[i] - line[i - 1]).norm();
    EXPECT_NEAR(line[i].norm(), 1.2, 2e-3);
  }
  EXPECT_NEAR(length, 2 * kPi * 1.2, 0.02);
}

TEST_F(ContourLines, AreAsManyAsThereAreIslands) {
  const auto two = values([](double x, double y) {
    return std::exp(-8 * ((x - 1) * (x - 1) + y * y)) + std::exp(-8 * ((x + 1) * (x + 1) + y * y));
  });
  EXPECT_EQ(contour_lines(two, x_, y_, 0.5).size(), 2U);
  EXPECT_TRUE(contour_lines(two, x_, y_, 2).empty());
}

// Each of four corners of a checkerboard square is on its own side: no line ends inside.
TEST(ContourLinesOfSaddles, DoNotCross) {
  Eigen::Matrix2d values;
  values << 1, 0, 0, 1;
  const Eigen::VectorXd axis = Eigen::Vector2d(0, 1);
  const auto lines = contour_lines(values, axis, axis, 0.4);  // the middle, 0.5, is above
  ASSERT_EQ(lines.size(), 2U);
  for (const auto& line : lines) {
    ASSERT_EQ(line.size(), 2U);
    // About a corner below: (1, 0) or (0, 1).
    EXPECT_NEAR((line[0] - line[1]).norm(), std::sqrt(2) * 0.4, 1e-12);
  }
}

// A Gaussian in the plane has the share 1 - exp(-r^2 / 2) within r.
TEST_F(ContourLines, EnclosingLevelIsThatOfAGaussiansRegion) {
  const auto density = values([](double x, double y) { return std::exp(-(x * x + y * y) / 0.32); });
  for (const double share : {0.5, 0.9}) {
    EXPECT_NEAR(enclosing_level(density, share), 1 - share, 0.02);
  }
}

}  // namespace
}  // namespace cryosip

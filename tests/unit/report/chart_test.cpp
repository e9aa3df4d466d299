#include "libcryosip/report/chart.hpp"

#include <algorithm>
#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace cryosip {
namespace {

std::vector<std::string> texts(const std::vector<Tick>& ticks) {
  std::vector<std::string> result;
  for (const Tick& tick : ticks) {
    result.push_back(tick.text);
  }
  return result;
}

TEST(Ticks, AreRound) {
  EXPECT_THAT(texts(round_ticks(0, 0.63, 4)), ::testing::ElementsAre("0", "0.2", "0.4", "0.6"));
  EXPECT_THAT(texts(round_ticks(-3.1, 2.9, 4)), ::testing::ElementsAre("\u22122", "0", "2"));
  EXPECT_THAT(texts(round_ticks(1, 150, 5)), ::testing::ElementsAre("50", "100", "150"));
  EXPECT_THAT(texts(round_ticks(1000.2, 1000.7, 5)),
              ::testing::ElementsAre("1000.2", "1000.3", "1000.4", "1000.5", "1000.6", "1000.7"));
  EXPECT_TRUE(round_ticks(1, 1).empty());
}

TEST(Ticks, OfLogarithmsArePowersOfTen) {
  EXPECT_THAT(texts(decade_ticks(0.5, 2000)), ::testing::ElementsAre("1", "10", "100", "1000"));
  EXPECT_THAT(texts(decade_ticks(0.003, 0.012)), ::testing::ElementsAre("0.005", "0.01"));
}

class AChart : public ::testing::Test {
 protected:
  AChart() : chart_("name", "Title", {"x", 0, 10}, {"y", -1, 1}) {}

  [[nodiscard]] std::vector<Line> lines_of(const Figure& figure) const {
    std::vector<Line> lines;
    for (const Mark& mark : figure.marks) {
      if (const Line* const line = std::get_if<Line>(&mark);
          line != nullptr && !line->series.empty()) {
        lines.push_back(*line);
      }
    }
    return lines;
  }

  // What the page's script makes of a place.
  [[nodiscard]] static Eigen::Vector2d value_at(const PlotFrame& frame, const Eigen::Vector2d& at) {
    const Eigen::Vector2d share = (at - frame.corner).cwiseQuotient(frame.size);
    return {frame.x(0) + share.x() * (frame.x(1) - frame.x(0)),
            frame.y(1) + share.y() * (frame.y(0) - frame.y(1))};
  }

  Chart chart_;
};

TEST_F(AChart, PlacesValuesSoThatTheFrameGivesThemBack) {
  const Eigen::Vector3d x(1, 4, 9);
  const Eigen::Vector3d y(-0.5, 0.25, 0.75);
  chart_.line(x, y, result_style());
  const Figure figure = chart_.figure("what it shows");
  const std::vector<Line> lines = lines_of(figure);
  ASSERT_EQ(lines.size(), 1U);
  ASSERT_EQ(lines[0].points.size(), 3U);
  for (Eigen::Index i = 0; i < 3; ++i) {
    const Eigen::Vector2d value =
        value_at(*figure.frame, lines[0].points[static_cast<std::size_t>(i)]);
    EXPECT_NEAR(value.x(), x(i), 1e-12);
    EXPECT_NEAR(value.y(), y(i), 1e-12);
  }
}

TEST_F(AChart, CutsLinesAtItsBorders) {
  // Leaves at the top, comes back, leaves at the right.
  const Eigen::Vector4d x(2, 4, 6, 14);
  const Eigen::Vector4d y(0, 2, 0, 0);
  chart_.line(x, y, result_style());
  const Figure figure = chart_.figure("");
  const std::vector<Line> lines = lines_of(figure);
  ASSERT_EQ(lines.size(), 2U);
  const auto value = [&](const Eigen::Vector2d& at) { return value_at(*figure.frame, at); };
  EXPECT_LT((value(lines[0].points.back()) - Eigen::Vector2d(3, 1)).norm(), 1e-12);
  EXPECT_LT((value(lines[1].points.front()) - Eigen::Vector2d(5, 1)).norm(), 1e-12);
  EXPECT_LT((value(lines[1].points.back()) - Eigen::Vector2d(10, 0)).norm(), 1e-12);
}

TEST_F(AChart, LeavesOutDotsBeyond) {
  Eigen::Matrix2Xd points(2, 3);
  points << 1, 11, 5, 0, 0, -2;
  chart_.dots(points, result_style(), 1, 1);
  const Figure figure = chart_.figure("");
  const auto dots = std::find_if(figure.marks.begin(), figure.marks.end(), [](const Mark& mark) {
    return std::holds_alternative<Dots>(mark);
  });
  ASSERT_NE(dots, figure.marks.end());
  EXPECT_EQ(std::get<Dots>(*dots).centres.size(), 1U);
}

TEST_F(AChart, SeriesDifferInColourAndInLine) {
  for (const auto& [a, b] : {std::pair(result_style(), truth_style()),
                             std::pair(result_style(), start_style()),
                             std::pair(truth_style(), start_style())}) {
    EXPECT_NE(std::get<Ink>(a.colour), std::get<Ink>(b.colour));
    EXPECT_NE(a.dash, b.dash);
  }
}

}  // namespace
}  // namespace cryosip

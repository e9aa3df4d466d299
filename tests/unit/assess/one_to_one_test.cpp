// Matching one to one against every way to match.
#include "libcryosip/assess/one_to_one.hpp"

#include <algorithm>
#include <limits>
#include <numeric>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// The largest sum over all ways to give each row of a matrix that is not taller than wide a column.
double best_by_trial(const Eigen::MatrixXd& score) {
  std::vector<Index> columns(static_cast<std::size_t>(score.cols()));
  std::iota(columns.begin(), columns.end(), Index{0});
  double best = -std::numeric_limits<double>::infinity();
  do {
    double sum = 0;
    for (Index row = 0; row < score.rows(); ++row) {
      sum += score(row, columns[static_cast<std::size_t>(row)]);
    }
    best = std::max(best, sum);
  } while (std::next_permutation(columns.begin(), columns.end()));
  return best;
}

TEST(MatchOneToOne, FindsTheLargestSumOfAll) {
  RandomStream stream(1, StreamPurpose::Test, 31);
  for (int trial = 0; trial < 60; ++trial) {
    const auto rows = static_cast<Index>(1 + stream.below(6));
    const auto columns = static_cast<Index>(1 + stream.below(6));
    // Whole numbers, so that many ways are equally good.
    const Eigen::MatrixXd score = Eigen::MatrixXd::NullaryExpr(rows, columns, [&] {
      return trial % 2 == 0 ? static_cast<double>(stream.below(4)) - 1 : stream.normal();
    });
    const std::vector<Index> column_of = match_one_to_one(score);
    ASSERT_EQ(column_of.size(), static_cast<std::size_t>(rows));
    double sum = 0;
    std::vector<Index> used;
    for (Index row = 0; row < rows; ++row) {
      const Index column = column_of[static_cast<std::size_t>(row)];
      if (column >= 0) {
        sum += score(row, column);
        used.push_back(column);
      }
    }
    EXPECT_EQ(used.size(), static_cast<std::size_t>(std::min(rows, columns)));
    std::sort(used.begin(), used.end());
    EXPECT_EQ(std::unique(used.begin(), used.end()), used.end());
    EXPECT_NEAR(
        sum, best_by_trial(rows <= columns ? score : Eigen::MatrixXd(score.transpose())), 1e-12);
  }
}

TEST(MatchOneToOne, RefusesScoresThatAreNotFinite) {
  EXPECT_THROW(match_one_to_one(Eigen::Matrix2d::Constant(std::nan(""))), Error);
  EXPECT_TRUE(match_one_to_one(Eigen::MatrixXd(0, 3)).empty());
}

}  // namespace
}  // namespace cryosip

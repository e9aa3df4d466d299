#include "libcryosip/core/random.hpp"

#include <cmath>
#include <vector>

#include <Eigen/LU>
#include <gtest/gtest.h>

namespace cryosip {
namespace {

TEST(RandomStream, DependsOnItsNameAlone) {
  RandomStream first(7, StreamPurpose::Test, 3, 4);
  const double value = first.uniform();

  RandomStream other(7, StreamPurpose::Test, 3, 5);
  static_cast<void>(other.uniform());
  RandomStream again(7, StreamPurpose::Test, 3, 4);

  EXPECT_EQ(again.uniform(), value);
  EXPECT_NE(other.uniform(), value);
}

TEST(RandomStream, EveryPartOfTheNameCounts) {
  const double value = RandomStream(1, StreamPurpose::Test, 1, 1).uniform();

  EXPECT_NE(RandomStream(2, StreamPurpose::Test, 1, 1).uniform(), value);
  EXPECT_NE(RandomStream(1ULL << 40U, StreamPurpose::Test, 1, 1).uniform(), value);
  EXPECT_NE(RandomStream(1, StreamPurpose::Pose, 1, 1).uniform(), value);
  EXPECT_NE(RandomStream(1, StreamPurpose::Test, 1ULL << 33U, 1).uniform(), value);
  EXPECT_NE(RandomStream(1, StreamPurpose::Test, 1, 2).uniform(), value);
}

TEST(RandomStream, NormalHasTheMomentsOfANormal) {
  constexpr int kDraws = 200000;
  RandomStream stream(1, StreamPurpose::Test, 0);
  Eigen::VectorXd moments = Eigen::VectorXd::Zero(5);
  for (int i = 0; i < kDraws; ++i) {
    const double x = stream.normal();
    for (int p = 1; p <= 4; ++p) {
      moments[p] += std::pow(x, p) / kDraws;
    }
  }

  // Five standard errors each.
  EXPECT_NEAR(moments[1], 0, 5 * std::sqrt(1.0 / kDraws));
  EXPECT_NEAR(moments[2], 1, 5 * std::sqrt(2.0 / kDraws));
  EXPECT_NEAR(moments[3], 0, 5 * std::sqrt(15.0 / kDraws));
  EXPECT_NEAR(moments[4], 3, 5 * std::sqrt(96.0 / kDraws));
}

TEST(RandomStream, RotationsAreProperAndUniform) {
  constexpr int kDraws = 20000;
  RandomStream stream(1, StreamPurpose::Test, 0);
  Eigen::Matrix3d mean = Eigen::Matrix3d::Zero();
  Eigen::Matrix3d mean_square = Eigen::Matrix3d::Zero();
  for (int i = 0; i < kDraws; ++i) {
    const Eigen::Matrix3d rotation = stream.rotation();
    ASSERT_NEAR(rotation.determinant(), 1, 1e-12);
    mean += rotation / kDraws;
    mean_square += rotation.cwiseAbs2() / kDraws;
  }

  // Under Haar measure each entry has mean 0 and variance 1/3.
  EXPECT_LT(mean.cwiseAbs().maxCoeff(), 5 * std::sqrt(1.0 / 3 / kDraws));
  EXPECT_LT((mean_square.array() - 1.0 / 3).abs().maxCoeff(), 5 * std::sqrt(4.0 / 45 / kDraws));
}

TEST(RandomStream, BelowCoversItsRangeAndNoMore) {
  RandomStream stream(1, StreamPurpose::Test, 0);
  std::vector<int> counts(7);
  for (int i = 0; i < 7000; ++i) {
    ++counts.at(stream.below(7));
  }
  for (const int count : counts) {
    EXPECT_NEAR(count, 1000, 150);
  }
}

}  // namespace
}  // namespace cryosip

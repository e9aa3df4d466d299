// Permutation tests: the statistics are the distances, the p-values uniform where nothing differs.
#include "libcryosip/assess/permutation_test.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/assess/ensemble_distance.hpp"
#include "libcryosip/assess/image_distance.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

Eigen::MatrixXd normals(Index dimension, Index count, std::uint64_t name) {
  RandomStream stream(5, StreamPurpose::Test, name, 21);
  return Eigen::MatrixXd::NullaryExpr(dimension, count, [&] { return stream.normal(); });
}

// P(sup |F_n - F| sqrt(n) > x) of a continuous law: Kolmogorov's series, with Stephens' correction.
double kolmogorov_p(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const auto n = static_cast<double>(values.size());
  double distance = 0;
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto rank = static_cast<double>(i);
    distance = std::max({distance, values[i] - rank / n, (rank + 1) / n - values[i]});
  }
  const double x = (std::sqrt(n) + 0.12 + 0.11 / std::sqrt(n)) * distance;
  double p = 0;
  for (int k = 1; k < 100; ++k) {
    p += (k % 2 == 1 ? 2 : -2) * std::exp(-2.0 * k * k * x * x);
  }
  return std::clamp(p, 0.0, 1.0);
}

TEST(PermutationTests, StatisticsAreTheDistances) {
  const Eigen::MatrixXd a = normals(3, 30, 1);
  const Eigen::MatrixXd b = 1.4 * normals(3, 45, 2).array() + 0.2;
  const Eigen::VectorXd u = Eigen::VectorXd::Ones(30);
  const Eigen::VectorXd v = Eigen::VectorXd::Ones(45);

  const TwoSampleTests tests = permutation_tests(a, b, 1.5, 70, 1);

  EXPECT_NEAR(tests.energy_distance.statistic, energy_distance(a, u, b, v), 1e-12);
  EXPECT_NEAR(tests.mmd2.statistic, mmd2(a, u, b, v, 1.5), 1e-12);
}

TEST(PermutationTests, SeeADifference) {
  const Eigen::MatrixXd a = normals(2, 60, 3);
  const Eigen::MatrixXd b = normals(2, 60, 4).array() + 1;

  const TwoSampleTests tests = permutation_tests(a, b, 1, 199, 1);

  EXPECT_EQ(tests.energy_distance.p_value, 1.0 / 200);
  EXPECT_EQ(tests.mmd2.p_value, 1.0 / 200);
}

TEST(PermutationTests, AreUniformWhereNothingDiffers) {
  std::vector<double> energy;
  std::vector<double> mmd;
  for (std::uint64_t repeat = 0; repeat < 300; ++repeat) {
    const TwoSampleTests tests = permutation_tests(
        normals(2, 20, 100 + repeat), normals(2, 25, 1000 + repeat), 1, 199, repeat);
    energy.push_back(tests.energy_distance.p_value - 0.5 / 200);  // the middle of its step
    mmd.push_back(tests.mmd2.p_value - 0.5 / 200);
  }
  EXPECT_GT(kolmogorov_p(energy), 0.01);
  EXPECT_GT(kolmogorov_p(mmd), 0.01);
}

// With few points all relabellings can be had: p takes steps of how many are as large.
TEST(PermutationTests, CountThemselves) {
  const Eigen::MatrixXd a = (Eigen::MatrixXd(1, 2) << 0, 1).finished();
  const Eigen::MatrixXd b = (Eigen::MatrixXd(1, 2) << 10, 11).finished();
  // Of 6 ways to choose two of four, 2 (these and exchanged) are as far apart: p tends to 1/3.
  EXPECT_NEAR(permutation_tests(a, b, 1, 2000, 1).energy_distance.p_value, 1.0 / 3, 0.04);
}

TEST(PermutationTests, HaveTheSameBitsOnAnyNumberOfThreads) {
  const TwoSampleTests all = permutation_tests(normals(3, 40, 5), normals(3, 40, 6), 1, 99, 7);
  const ThreadLimit one(1);
  const TwoSampleTests alone = permutation_tests(normals(3, 40, 5), normals(3, 40, 6), 1, 99, 7);

  EXPECT_EQ(all.energy_distance.p_value, alone.energy_distance.p_value);
  EXPECT_EQ(all.mmd2.statistic, alone.mmd2.statistic);
}

TEST(PermutationTests, NonsenseIsWrongUsage) {
  const Eigen::MatrixXd a = normals(2, 5, 1);
  EXPECT_THROW(permutation_tests(a, normals(3, 5, 1), 1, 9, 1), Error);
  EXPECT_THROW(permutation_tests(a, a.leftCols(1), 1, 9, 1), Error);
  EXPECT_THROW(permutation_tests(a, a, 0, 9, 1), Error);
  EXPECT_THROW(permutation_tests(a, a, 1, 0, 1), Error);
}

TEST(EquallyWeighted, ArePointsDrawnByWeight) {
  const Eigen::MatrixXd points = normals(1, 400, 9);
  EXPECT_EQ(equally_weighted(points, Eigen::VectorXd::Constant(400, 3), 1, 0), points);
  Eigen::VectorXd weights = Eigen::VectorXd::Ones(400);
  weights.head(200).setConstant(3);
  const Eigen::MatrixXd drawn = equally_weighted(points, weights, 1, 0);
  EXPECT_EQ(drawn.cols(), 320);  // 800^2 / 2000
  int of_first = 0;
  for (Index i = 0; i < drawn.cols(); ++i) {
    of_first += (points.leftCols(200).array() == drawn(0, i)).any() ? 1 : 0;
  }
  EXPECT_NEAR(of_first, 240, 4 * std::sqrt(320 * 0.75 * 0.25));
}

// Images in pairs that share something: exchanging them within pairs.
TEST(ImageSetDistance, HasUniformPValuesWhereNothingDiffers) {
  std::vector<double> energy;
  std::vector<double> mmd;
  for (std::uint64_t repeat = 0; repeat < 300; ++repeat) {
    const Eigen::MatrixXd shared = 2 * normals(3, 24, 5000 + repeat);
    const Eigen::MatrixXf a = (shared + normals(3, 24, 6000 + repeat)).cast<float>();
    const Eigen::MatrixXf b = (shared + normals(3, 24, 7000 + repeat)).cast<float>();
    const ImageSetDistance distance = image_set_distance(a, b, 2, 199, repeat);
    energy.push_back(distance.energy_p - 0.5 / 200);
    mmd.push_back(distance.mmd2_p - 0.5 / 200);
  }
  EXPECT_GT(kolmogorov_p(energy), 0.01);
  EXPECT_GT(kolmogorov_p(mmd), 0.01);
}

TEST(ImageSetDistance, HasSmallPValuesWhereSomethingDiffers) {
  // More than a block of images.
  const Eigen::MatrixXf a = normals(4, 300, 1).cast<float>();
  const Eigen::MatrixXf b = (1.5 * normals(4, 300, 2)).cast<float>();
  const ImageSetDistance distance = image_set_distance(a, b, 2, 99, 1);
  EXPECT_EQ(distance.energy_p, 0.01);
  EXPECT_EQ(distance.mmd2_p, 0.01);
  EXPECT_EQ(image_set_distance(a, b, 2).energy_p, 1);
}

}  // namespace
}  // namespace cryosip

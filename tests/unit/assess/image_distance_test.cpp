// Distances of image sets against sums over pairs in double precision, laws and closed forms.
#include "libcryosip/assess/image_distance.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <numbers>
#include <vector>

#include <Eigen/QR>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/discrepancy/kernel.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// Standard normal numbers; another set for every name.
Eigen::MatrixXf normals(Index coefficients, Index images, std::uint64_t name) {
  RandomStream stream(3, StreamPurpose::Test, name, 17);
  return Eigen::MatrixXf::NullaryExpr(
      coefficients, images, [&] { return static_cast<float>(stream.normal()); });
}

// The mean over i != j, term by term.
double by_pairs(const Eigen::MatrixXf& a,
                const Eigen::MatrixXf& b,
                const std::function<double(double)>& term_of_distance) {
  const Eigen::MatrixXd x = a.cast<double>();
  const Eigen::MatrixXd y = b.cast<double>();
  double sum = 0;
  for (Index i = 0; i < x.cols(); ++i) {
    for (Index j = 0; j < x.cols(); ++j) {
      if (i != j) {
        sum += 2 * term_of_distance((x.col(i) - y.col(j)).norm()) -
               term_of_distance((x.col(i) - x.col(j)).norm()) -
               term_of_distance((y.col(i) - y.col(j)).norm());
      }
    }
  }
  return sum / static_cast<double>(x.cols() * (x.cols() - 1));
}

double gaussian_term(double distance, double bandwidth) {
  return -std::exp(-distance * distance / (2 * bandwidth * bandwidth));
}

TEST(ImageSetDistance, IsTheSumOverPairs) {
  constexpr double kBandwidth = 4;
  // Several blocks, the last one not full; and less than a block.
  for (const Index count : {Index{530}, Index{5}}) {
    const Eigen::MatrixXf a = normals(13, count, 1);
    const Eigen::MatrixXf b = 1.2F * normals(13, count, 2).array() + 0.1F;
    const ImageSetDistance distance = image_set_distance(a, b, kBandwidth);

    const double energy = by_pairs(a, b, [](double d) { return d; });
    const double mmd2 = by_pairs(a, b, [](double d) { return gaussian_term(d, kBandwidth); });
    EXPECT_NEAR(distance.energy.value, energy, 1e-7);  // of distances near 5
    EXPECT_NEAR(distance.mmd2.value, mmd2, 1e-8);
  }
}

TEST(ImageSetDistance, KeepsItsDigitsFarFromTheOriginAndForImagesThatAlmostCoincide) {
  const Eigen::MatrixXf spread = normals(10, 100, 1);
  Eigen::MatrixXf a = spread.array() + 64.0F;
  Eigen::MatrixXf b = normals(10, 100, 2).array() + 64.0F;
  EXPECT_NEAR(
      image_set_distance(a, b, 3).energy.value, by_pairs(a, b, [](double d) { return d; }), 1e-7);

  a = spread.rowwise().replicate(1);
  a.middleCols(0, 50) = a.middleCols(50, 50) + 1e-3F * normals(10, 50, 3);
  b = a + 1e-4F * normals(10, 100, 4);
  EXPECT_NEAR(
      image_set_distance(a, b, 3).energy.value, by_pairs(a, b, [](double d) { return d; }), 1e-7);
}

TEST(ImageSetDistance, IsUnbiasedForEqualLawsAndKnowsItsError) {
  // Also where the two images of a pair share something, as a view.
  for (const float shared : {0.0F, 0.8F}) {
    constexpr int kRepeats = 400;
    std::vector<ImageSetDistance> distances;
    for (std::uint64_t repeat = 0; repeat < kRepeats; ++repeat) {
      const Eigen::MatrixXf common = shared * normals(4, 60, 3 * repeat);
      distances.push_back(image_set_distance(
          common + normals(4, 60, 3 * repeat + 1), common + normals(4, 60, 3 * repeat + 2), 2));
    }
    for (const auto kernel : {&ImageSetDistance::energy, &ImageSetDistance::mmd2}) {
      double mean = 0;
      double square = 0;
      double claimed = 0;
      double least = 1;
      for (const ImageSetDistance& distance : distances) {
        const Estimate& estimate = distance.*kernel;
        mean += estimate.value / kRepeats;
        square += estimate.value * estimate.value / kRepeats;
        claimed += estimate.standard_error * estimate.standard_error / kRepeats;
        least = std::min(least, estimate.standard_error);
      }
      const double variance = square - mean * mean;
      EXPECT_LT(std::abs(mean), 4 * std::sqrt(variance / kRepeats)) << shared;
      // The variance of 400 values of a skewed law is known to some 15 %; twice is what is allowed.
      EXPECT_GT(claimed / variance, 0.8) << shared;
      EXPECT_LT(claimed / variance, 2.3) << shared;
      EXPECT_GT(least, 0.3 * std::sqrt(variance)) << shared;
    }
  }
}

TEST(ImageSetDistance, KnowsItsErrorForLawsThatDiffer) {
  constexpr int kRepeats = 400;
  double mean = 0;
  double square = 0;
  double claimed = 0;
  for (std::uint64_t repeat = 0; repeat < kRepeats; ++repeat) {
    const Eigen::MatrixXf shifted = normals(4, 60, 2 * repeat).array() + 0.4F;
    const Estimate energy = image_set_distance(shifted, normals(4, 60, 2 * repeat + 1), 2).energy;
    mean += energy.value / kRepeats;
    square += energy.value * energy.value / kRepeats;
    claimed += energy.standard_error * energy.standard_error / kRepeats;
  }
  EXPECT_NEAR(claimed / (square - mean * mean), 1, 0.3);
}

TEST(ImageSetDistance, IsTheClosedFormOfGaussianLaws) {
  constexpr Index kImages = 3000;
  constexpr double kBandwidth = 2.5;
  const Eigen::Vector3f shift(0.5F, -0.3F, 0.2F);
  const Eigen::MatrixXf b = normals(3, kImages, 2).colwise() + shift;
  const Estimate mmd2 = image_set_distance(normals(3, kImages, 1), b, kBandwidth).mmd2;
  // E k of N(m, 2 I): (h^2 / (h^2 + 2))^(d/2) exp(-m^2 / 2 (h^2 + 2)).
  const double width2 = kBandwidth * kBandwidth + 2;
  const double truth = 2 * std::pow(kBandwidth * kBandwidth / width2, 1.5) *
                       (1 - std::exp(-shift.cast<double>().squaredNorm() / (2 * width2)));
  EXPECT_LT(std::abs(mmd2.value - truth), 4 * mmd2.standard_error);
  EXPECT_LT(mmd2.standard_error, truth / 10);

  // On the line, E|N(m, s^2)| = s sqrt(2 / pi) exp(-m^2 / 2 s^2) + m erf(m / s sqrt(2)), s^2 = 2.
  constexpr double kMean = 0.6;
  const auto mean_distance = [](double m) {
    return 2 / std::sqrt(std::numbers::pi) * std::exp(-m * m / 4) + m * std::erf(m / 2);
  };
  const Eigen::MatrixXf shifted = normals(1, kImages, 3).array() + static_cast<float>(kMean);
  const Estimate energy = image_set_distance(shifted, normals(1, kImages, 4), 1).energy;
  const double energy_truth = 2 * mean_distance(kMean) - 2 * mean_distance(0);
  EXPECT_LT(std::abs(energy.value - energy_truth), 4 * energy.standard_error);
  EXPECT_LT(energy.standard_error, energy_truth / 5);
}

TEST(ImageSetDistance, DoesNotChangeUnderIsometriesExchangeAndTheOrderOfPairs) {
  const Eigen::MatrixXf a = normals(6, 300, 1);
  const Eigen::MatrixXf b = 1.5F * normals(6, 300, 2);
  const ImageSetDistance distance = image_set_distance(a, b, 3);
  const auto expect_same = [&](const Eigen::MatrixXf& x, const Eigen::MatrixXf& y) {
    const ImageSetDistance other = image_set_distance(x, y, 3);
    EXPECT_NEAR(other.energy.value, distance.energy.value, 1e-6);
    EXPECT_NEAR(other.energy.standard_error, distance.energy.standard_error, 1e-7);
    EXPECT_NEAR(other.mmd2.value, distance.mmd2.value, 1e-7);
    EXPECT_NEAR(other.mmd2.standard_error, distance.mmd2.standard_error, 1e-8);
  };
  const Eigen::MatrixXf rotation =
      Eigen::HouseholderQR<Eigen::MatrixXf>(normals(6, 6, 3)).householderQ();
  const Eigen::VectorXf shift = normals(6, 1, 4);
  expect_same((rotation * a).colwise() + shift, (rotation * b).colwise() + shift);
  expect_same(b, a);
  expect_same(a.rowwise().reverse(), b.rowwise().reverse());

  // Twice as large, twice as far; kernels look at the ratio to the bandwidth alone.
  const ImageSetDistance twice = image_set_distance(2 * a, 2 * b, 6);
  EXPECT_NEAR(twice.energy.value, 2 * distance.energy.value, 1e-6);
  EXPECT_NEAR(twice.mmd2.value, distance.mmd2.value, 1e-7);
}

TEST(ImageSetDistance, IsZeroOfASetToItself) {
  const Eigen::MatrixXf a = normals(6, 300, 1);
  const ImageSetDistance distance = image_set_distance(a, a, 3);
  EXPECT_EQ(distance.energy.value, 0);
  EXPECT_EQ(distance.energy.standard_error, 0);
}

TEST(ImageSetDistance, HasTheSameBitsOnAnyNumberOfThreads) {
  const Eigen::MatrixXf a = normals(40, 1000, 1);
  const Eigen::MatrixXf b = normals(40, 1000, 2);
  const ImageSetDistance on_all = image_set_distance(a, b, 3);
  const ThreadLimit one(1);
  const ImageSetDistance on_one = image_set_distance(a, b, 3);
  EXPECT_EQ(on_all.energy.value, on_one.energy.value);
  EXPECT_EQ(on_all.energy.standard_error, on_one.energy.standard_error);
  EXPECT_EQ(on_all.mmd2.value, on_one.mmd2.value);
  EXPECT_EQ(on_all.mmd2.standard_error, on_one.mmd2.standard_error);
}

TEST(ImageSetDistance, RefusesSetsThatDoNotPairAndKernelsWithoutWidth) {
  const Eigen::MatrixXf a = normals(6, 10, 1);
  EXPECT_THROW(image_set_distance(a, normals(6, 11, 2), 1), Error);
  EXPECT_THROW(image_set_distance(a, normals(5, 10, 2), 1), Error);
  EXPECT_THROW(image_set_distance(a.leftCols(3), a.rightCols(3), 1), Error);
  EXPECT_THROW(image_set_distance(a, a, 0), Error);
  EXPECT_THROW(image_set_distance(a, a, std::nan("")), Error);
}

TEST(MedianDistance, IsTheMiddleOneOfAllPairs) {
  // Distances 1, 2, 3 and their sums: 1 2 3 3 5 6.
  Eigen::MatrixXf images = Eigen::MatrixXf::Zero(2, 4);
  images.row(1) << 0, 1, 3, 6;
  EXPECT_EQ(median_distance(images), 3);
  EXPECT_EQ(median_distance(images, 2), 3);  // images 0 and 2
  EXPECT_THROW((void)median_distance<float>(images.leftCols(1)), Error);
}

}  // namespace
}  // namespace cryosip

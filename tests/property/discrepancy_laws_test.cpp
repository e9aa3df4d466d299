// Laws of discrepancies: what they must be, whatever the images.
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/discrepancy/density_divergence.hpp"
#include "libcryosip/discrepancy/kernel_discrepancy.hpp"
#include "tests/support/for_all.hpp"
#include "tests/support/random_images.hpp"

namespace cryosip {
namespace {

using ::cryosip::testing::equally_weighted;
using ::cryosip::testing::Mean;
using ::cryosip::testing::mean_of;
using Generator = std::mt19937_64;

const ReferencePairEngine<double> reference;

Eigen::MatrixXd normal_images(Generator& rng,
                              Eigen::Index size,
                              Eigen::Index count,
                              double sigma = 1) {
  std::normal_distribution<double> normal(0, sigma);
  return Eigen::MatrixXd::NullaryExpr(size, count, [&] { return normal(rng); });
}

double whole(const SimulatedImages<double>& p, const Eigen::MatrixXd& y, const char* kernel) {
  const KernelDiscrepancy<double> discrepancy(reference, parse_kernel(kernel), {});
  return discrepancy.evaluate(p, y).value + discrepancy.observed_term(y);
}

double whole(const Eigen::MatrixXd& x, const Eigen::MatrixXd& y, const char* kernel) {
  return whole(equally_weighted(x), y, kernel);
}

constexpr const char* kSum = "gaussian:1.3+laplace:2+imq+0.3*riesz:1.5";

TEST(KernelDiscrepancyLaw, IsZeroOnAverageForEqualLaws) {
  Generator rng(1);
  for (const char* kernel : {"energy", "gaussian:1.3", kSum}) {
    const Mean mean = mean_of(
        3000, [&] { return whole(normal_images(rng, 3, 4), normal_images(rng, 3, 5), kernel); });
    // An estimator that kept the pairs of an image with itself would be off by 40 of these.
    EXPECT_LT(std::abs(mean.value), 4 * mean.standard_error);
    EXPECT_LT(mean.standard_error, 0.015);
  }
}

TEST(KernelDiscrepancyLaw, IsZeroOnAverageForEqualLawsOfDependentImages) {
  // Each of 3 conformations with each of 3 nuisances, as sampling method B draws them.
  Generator rng(2);
  const auto draw = [&](bool grouped) {
    const Eigen::MatrixXd conformations = normal_images(rng, 2, 3);
    const Eigen::MatrixXd nuisances = normal_images(rng, 2, 3);
    SimulatedImages<double> p = equally_weighted(Eigen::MatrixXd(2, 9));
    for (int i = 0; i < 9; ++i) {
      p.images.col(i) = conformations.col(i / 3) + nuisances.col(i % 3);
      if (grouped) {
        p.conformation.push_back(i / 3);
        p.nuisance.push_back(i % 3);
      }
    }
    return whole(p, normal_images(rng, 2, 5, std::sqrt(2)), "energy");
  };

  const Mean kept_apart = mean_of(3000, [&] { return draw(true); });
  const Mean mixed_up = mean_of(3000, [&] { return draw(false); });

  EXPECT_LT(std::abs(kept_apart.value), 4 * kept_apart.standard_error);
  EXPECT_GT(mixed_up.value, 10 * mixed_up.standard_error);
}

TEST(KernelDiscrepancyLaw, IsPositiveOnAverageForDifferentLaws) {
  Generator rng(3);
  for (const char* kernel : {"energy", "gaussian:1.3", kSum}) {
    const Mean mean = mean_of(500, [&] {
      return whole(normal_images(rng, 3, 10), normal_images(rng, 3, 10, 2), kernel);
    });
    EXPECT_GT(mean.value, 10 * mean.standard_error);
  }
}

TEST(KernelDiscrepancyLaw, OfGaussianSamplesHasItsClosedForm) {
  // x ~ N(0, a^2 I), y ~ N(m, b^2 I), kernel exp(-r^2 / 2 h^2) in d dimensions:
  // E k(x, y) = (h^2 / (h^2 + a^2 + b^2))^(d/2) exp(-|m|^2 / 2 (h^2 + a^2 + b^2)).
  constexpr double kA = 0.7;
  constexpr double kB = 1.2;
  constexpr double kShift = 0.8;
  constexpr int kSize = 3;
  const double h2 = 1.3 * 1.3;
  const auto kernel = [&](double variance, double shift2) {
    return std::pow(h2 / (h2 + variance), kSize / 2.0) * std::exp(-shift2 / 2 / (h2 + variance));
  };
  const double expected = kernel(2 * kA * kA, 0) + kernel(2 * kB * kB, 0) -
                          2 * kernel(kA * kA + kB * kB, kShift * kShift);
  Generator rng(4);

  const Mean mean = mean_of(2000, [&] {
    Eigen::MatrixXd y = normal_images(rng, kSize, 10, kB);
    y.row(0).array() += kShift;
    return whole(normal_images(rng, kSize, 10, kA), y, "gaussian:1.3");
  });

  EXPECT_LT(std::abs(mean.value - expected), 4 * mean.standard_error);
  EXPECT_LT(mean.standard_error, 0.03 * expected);
}

TEST(KernelDiscrepancyLaw, EnergyDistanceOfOneDimensionalGaussiansHasItsClosedForm) {
  constexpr double kA = 0.7;
  constexpr double kB = 1.2;
  constexpr double kShift = 0.8;
  // E|N(m, s^2)|
  const auto folded = [](double m, double s) {
    return s * std::sqrt(2 / kPi) * std::exp(-m * m / (2 * s * s)) +
           m * std::erf(m / (s * std::sqrt(2)));
  };
  const double expected = 2 * folded(kShift, std::hypot(kA, kB)) - folded(0, kA * std::sqrt(2)) -
                          folded(0, kB * std::sqrt(2));
  Generator rng(5);

  const Mean mean = mean_of(2000, [&] {
    const Eigen::MatrixXd y = normal_images(rng, 1, 10, kB).array() + kShift;
    return whole(normal_images(rng, 1, 10, kA), y, "energy");
  });

  EXPECT_LT(std::abs(mean.value - expected), 4 * mean.standard_error);
  EXPECT_LT(mean.standard_error, 0.03 * expected);
}

TEST(KernelDiscrepancyLaw, DoesNotChangeWhenAllImagesAreMovedOrTurned) {
  const PixelNoise noise{.variance = 0.2, .degrees_of_freedom = 3, .integrated = true};
  testing::for_all(20, [&](Generator& rng) {
    const Eigen::MatrixXd x = normal_images(rng, 3, 5);
    const Eigen::MatrixXd y = normal_images(rng, 3, 6);
    const Eigen::VectorXd move = normal_images(rng, 3, 1, 10);
    RandomStream stream(rng(), StreamPurpose::Test, 0);
    const Eigen::Matrix3d turn = stream.rotation();
    for (const char* kernel : {"energy", "gaussian", kSum}) {
      const KernelDiscrepancy<double> discrepancy(reference, parse_kernel(kernel), noise);
      const DiscrepancyResult before = discrepancy.evaluate(equally_weighted(x), y);
      const DiscrepancyResult after = discrepancy.evaluate(
          equally_weighted((turn * x).colwise() + move), (turn * y).colwise() + move);
      EXPECT_NEAR(after.value, before.value, 1e-12);
      EXPECT_LT((after.first_variation - before.first_variation).norm(), 1e-12);
      EXPECT_LT((after.gradient - turn * before.gradient).norm(), 1e-12);
    }
  });
}

TEST(KernelDiscrepancyLaw, IsSymmetricInItsTwoLaws) {
  testing::for_all(20, [](Generator& rng) {
    const Eigen::MatrixXd x = normal_images(rng, 4, 5);
    const Eigen::MatrixXd y = normal_images(rng, 4, 7);
    for (const char* kernel : {"energy", "gaussian", kSum}) {
      EXPECT_NEAR(whole(x, y, kernel), whole(y, x, kernel), 1e-12);
    }
  });
}

TEST(KernelDiscrepancyLaw, DoesNotChangeWithTheOrderOfTheImages) {
  testing::for_all(20, [](Generator& rng) {
    const Eigen::MatrixXd x = normal_images(rng, 4, 5);
    const Eigen::MatrixXd y = normal_images(rng, 4, 7);
    EXPECT_NEAR(
        whole(x, y, kSum), whole(x.rowwise().reverse(), y.rowwise().reverse(), kSum), 1e-13);
  });
}

TEST(KernelDiscrepancyLaw, NoiseDrawnIsNoiseIntegratedOutOnAverage) {
  for (const Eigen::Index size : {1, 4}) {
    for (const char* kernel : {"gaussian", "energy", kSum}) {
      Generator rng(6);
      PixelNoise noise{
          .variance = 0.5, .degrees_of_freedom = static_cast<double>(size), .integrated = true};
      const double sigma = std::sqrt(noise.variance);
      const Eigen::MatrixXd x = normal_images(rng, size, 3);
      const Eigen::MatrixXd y = normal_images(rng, size, 4, 1 + sigma).array() + 0.5;
      const DiscrepancyResult integrated =
          KernelDiscrepancy<double>(reference, parse_kernel(kernel), noise)
              .evaluate(equally_weighted(x), y);
      noise.integrated = false;
      const KernelDiscrepancy<double> plain(reference, parse_kernel(kernel), noise);

      const Mean drawn = mean_of(20000, [&] {
        return plain.evaluate(equally_weighted(x + normal_images(rng, size, 3, sigma)), y).value;
      });

      EXPECT_LT(std::abs(integrated.value * std::exp(integrated.log_scale) - drawn.value),
                4 * drawn.standard_error)
          << kernel << " " << size;
      EXPECT_LT(drawn.standard_error, 0.01);
    }
  }
}

TEST(DensityDivergenceLaw, IsNearZeroForEqualLawsAndPositiveForDifferentOnes) {
  Generator rng(7);
  const BlockedPairEngine<double> engine;
  for (const char* name : {"kl", "reverse-kl", "chi-squared", "hellinger", "jensen-shannon"}) {
    const DensityDivergence<double> divergence(engine, find_divergence(name), 0.6, {});
    const auto mean = [&](double shift) {
      return mean_of(40, [&] {
        const Eigen::MatrixXd y = normal_images(rng, 1, 300).array() + shift;
        return divergence.evaluate(equally_weighted(normal_images(rng, 1, 300)), y).value;
      });
    };
    const Mean equal = mean(0);
    const Mean different = mean(1);
    // What the densities' scatter leaves is of order 1 / (n h).
    EXPECT_LT(std::abs(equal.value), 0.03) << name;
    EXPECT_GT(different.value - std::abs(equal.value), 5 * different.standard_error) << name;
  }
}

TEST(DensityDivergenceLaw, DoesNotChangeWhenAllImagesAreMovedTurnedOrScaled) {
  testing::for_all(20, [&](Generator& rng) {
    const Eigen::MatrixXd x = normal_images(rng, 3, 15);
    const Eigen::MatrixXd y = normal_images(rng, 3, 16);
    const Eigen::VectorXd move = normal_images(rng, 3, 1, 10);
    RandomStream stream(rng(), StreamPurpose::Test, 0);
    const Eigen::Matrix3d turn = 2.5 * stream.rotation();
    for (const char* name : {"kl", "jensen-shannon"}) {
      const DensityDivergence<double> divergence(reference, find_divergence(name), {}, {});
      const DiscrepancyResult before = divergence.evaluate(equally_weighted(x), y);
      const DiscrepancyResult after = divergence.evaluate(
          equally_weighted((turn * x).colwise() + move), (turn * y).colwise() + move);
      EXPECT_NEAR(after.value, before.value, 1e-10);
      EXPECT_LT((after.first_variation - before.first_variation).norm(), 1e-10);
      // Gradients go as one over the length.
      EXPECT_LT((after.gradient - turn * before.gradient / 6.25).norm(), 1e-10);
    }
  });
}

TEST(DensityDivergenceLaw, OfJensenAndShannonAndOfHellingerAreSymmetricForGaussians) {
  // A property of f: f(u) = u f(1/u) up to a multiple of u - 1, that is sample_term(l) + c (1/u -
  // 1) turns into f(1/u).
  for (const char* name : {"hellinger", "jensen-shannon"}) {
    const FDivergence& f = find_divergence(name);
    const auto generator = [&](double l) { return std::exp(l) * f.sample_term(l); };
    const double multiple = (generator(1) - std::exp(1.0) * generator(-1)) / (std::exp(1.0) - 1);
    for (const double l : {-3.0, -0.5, 0.2, 2.0}) {
      EXPECT_NEAR(generator(l) - std::exp(l) * generator(-l), multiple * std::expm1(l), 1e-12)
          << name;
    }
  }
}

}  // namespace
}  // namespace cryosip

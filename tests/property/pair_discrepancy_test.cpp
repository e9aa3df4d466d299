// Laws of pair discrepancies: what energy distance and squared MMD must be, whatever the images.
#include <cmath>
#include <functional>
#include <random>

#include <gtest/gtest.h>

#include "libcryosip/core/random.hpp"
#include "libcryosip/discrepancy/pair_engine.hpp"
#include "tests/support/for_all.hpp"

namespace cryosip {
namespace {

using Generator = std::mt19937_64;

Eigen::MatrixXd normal_images(Generator& rng,
                              Eigen::Index size,
                              Eigen::Index count,
                              double sigma = 1) {
  std::normal_distribution<double> normal(0, sigma);
  return Eigen::MatrixXd::NullaryExpr(size, count, [&] { return normal(rng); });
}

Eigen::VectorXd equal_weights(Eigen::Index count) {
  return Eigen::VectorXd::Constant(count, 1 / static_cast<double>(count));
}

double whole(const Eigen::MatrixXd& x, const Eigen::MatrixXd& y, const PairKernelOptions& options) {
  return ReferencePairEngine::evaluate(x, equal_weights(x.cols()), y, options).value +
         observed_self_term(y, options);
}

struct Mean {
  double value = 0;
  double standard_error = 0;
};

Mean mean_of(int repeats, const std::function<double()>& draw) {
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < repeats; ++i) {
    const double value = draw();
    sum += value;
    squares += value * value;
  }
  const double mean = sum / repeats;
  return {mean, std::sqrt((squares / repeats - mean * mean) / repeats)};
}

constexpr PairKernelOptions kEnergy{.kernel = PairKernel::Distance};
constexpr PairKernelOptions kGaussian{.kernel = PairKernel::Gaussian, .bandwidth = 1.3};

TEST(PairDiscrepancyLaw, IsZeroOnAverageForEqualLaws) {
  Generator rng(1);
  for (const PairKernelOptions& options : {kEnergy, kGaussian}) {
    const Mean mean = mean_of(
        3000, [&] { return whole(normal_images(rng, 3, 4), normal_images(rng, 3, 5), options); });
    // An estimator that kept the pairs of an image with itself would be off by 40 of these.
    EXPECT_LT(std::abs(mean.value), 4 * mean.standard_error);
    EXPECT_LT(mean.standard_error, 0.01);
  }
}

TEST(PairDiscrepancyLaw, IsPositiveOnAverageForDifferentLaws) {
  Generator rng(2);
  for (const PairKernelOptions& options : {kEnergy, kGaussian}) {
    const Mean mean = mean_of(500, [&] {
      return whole(normal_images(rng, 3, 10), normal_images(rng, 3, 10, 2), options);
    });
    EXPECT_GT(mean.value, 10 * mean.standard_error);
  }
}

TEST(PairDiscrepancyLaw, OfGaussianSamplesHasItsClosedForm) {
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
  Generator rng(3);

  const Mean mean = mean_of(2000, [&] {
    Eigen::MatrixXd y = normal_images(rng, kSize, 10, kB);
    y.row(0).array() += kShift;
    return whole(normal_images(rng, kSize, 10, kA), y, kGaussian);
  });

  EXPECT_LT(std::abs(mean.value - expected), 4 * mean.standard_error);
  EXPECT_LT(mean.standard_error, 0.03 * expected);
}

TEST(PairDiscrepancyLaw, DoesNotChangeWhenAllImagesAreMovedOrTurned) {
  testing::for_all(20, [](Generator& rng) {
    const Eigen::MatrixXd x = normal_images(rng, 3, 5);
    const Eigen::MatrixXd y = normal_images(rng, 3, 6);
    const Eigen::VectorXd move = normal_images(rng, 3, 1, 10);
    RandomStream stream(rng(), StreamPurpose::Test, 0);
    const Eigen::Matrix3d turn = stream.rotation();
    const Eigen::VectorXd w = equal_weights(5);
    for (PairKernelOptions options : {kEnergy, kGaussian}) {
      options.noise_variance = 0.2;
      const PairResult before = ReferencePairEngine::evaluate(x, w, y, options);
      const PairResult after = ReferencePairEngine::evaluate(
          Eigen::MatrixXd((turn * x).colwise() + move), w, (turn * y).colwise() + move, options);
      EXPECT_NEAR(after.value, before.value, 1e-12);
      EXPECT_LT((after.gradient - turn * before.gradient).norm(), 1e-12);
    }
  });
}

TEST(PairDiscrepancyLaw, IsSymmetricInItsTwoLaws) {
  testing::for_all(20, [](Generator& rng) {
    const Eigen::MatrixXd x = normal_images(rng, 4, 5);
    const Eigen::MatrixXd y = normal_images(rng, 4, 7);
    EXPECT_NEAR(whole(x, y, kEnergy), whole(y, x, kEnergy), 1e-12);
    EXPECT_NEAR(whole(x, y, kGaussian), whole(y, x, kGaussian), 1e-12);
  });
}

TEST(PairDiscrepancyLaw, DoesNotChangeWithTheOrderOfTheImages) {
  testing::for_all(20, [](Generator& rng) {
    const Eigen::MatrixXd x = normal_images(rng, 4, 5);
    const Eigen::MatrixXd y = normal_images(rng, 4, 7);
    EXPECT_NEAR(whole(x, y, kGaussian),
                whole(x.rowwise().reverse(), y.rowwise().reverse(), kGaussian),
                1e-13);
  });
}

// Both sides' noise drawn, against the simulated side's integrated out: simulated images are given
// as they are, observed ones with the noise they carry.
struct NoiseComparison {
  double integrated = 0;
  Mean drawn;
};

NoiseComparison compare_noise(const PairKernelOptions& options, Eigen::Index size, int repeats) {
  Generator rng(4);
  const double sigma = std::sqrt(options.noise_variance);
  const Eigen::MatrixXd x = normal_images(rng, size, 3);
  const Eigen::MatrixXd y =
      (normal_images(rng, size, 4).array() + 0.5).matrix() + normal_images(rng, size, 4, sigma);
  PairKernelOptions drawn = options;
  drawn.noise_variance = 0;
  const auto d = static_cast<double>(size);
  const double h2 = options.bandwidth * options.bandwidth;
  const double common = options.kernel == PairKernel::Gaussian
                            ? std::pow(h2 / (h2 + options.noise_variance), d / 2)
                            : 1;
  NoiseComparison comparison;
  comparison.integrated =
      common * ReferencePairEngine::evaluate(x, equal_weights(3), y, options).value;
  comparison.drawn = mean_of(repeats, [&] {
    return ReferencePairEngine::evaluate(
               Eigen::MatrixXd(x + normal_images(rng, size, 3, sigma)), equal_weights(3), y, drawn)
        .value;
  });
  return comparison;
}

TEST(PairDiscrepancyLaw, NoiseIsIntegratedOutExactlyForTheGaussianKernel) {
  const NoiseComparison comparison = compare_noise(
      {.kernel = PairKernel::Gaussian, .bandwidth = 1.5, .noise_variance = 0.5}, 4, 40000);

  EXPECT_LT(std::abs(comparison.integrated - comparison.drawn.value),
            4 * comparison.drawn.standard_error);
  EXPECT_LT(comparison.drawn.standard_error, 0.005 * std::abs(comparison.integrated));
}

TEST(PairDiscrepancyLaw, NoiseIsIntegratedOutToOneOverDForTheEnergyDistance) {
  const auto relative_error = [](Eigen::Index size, int repeats) {
    const NoiseComparison comparison =
        compare_noise({.kernel = PairKernel::Distance, .noise_variance = 0.5}, size, repeats);
    EXPECT_LT(comparison.drawn.standard_error,
              0.2 / static_cast<double>(size) * comparison.drawn.value);
    return std::abs(comparison.integrated / comparison.drawn.value - 1);
  };

  // sqrt(E r^2) exceeds E r by the share Var(r^2) / 8 (E r^2)^2 <= 1 / 2d.  The value is the
  // difference of a term twice its size and one of its size.
  EXPECT_LT(relative_error(16, 20000), 1.0 / 16);
  EXPECT_LT(relative_error(256, 2000), 1.0 / 256);
}

}  // namespace
}  // namespace cryosip

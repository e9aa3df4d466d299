#include "libcryosip/discrepancy/pair_engine.hpp"

#include <array>
#include <cmath>
#include <limits>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

Eigen::MatrixXd random_images(Eigen::Index size, Eigen::Index count, std::uint64_t index) {
  RandomStream stream(7, StreamPurpose::Test, index);
  return Eigen::MatrixXd::NullaryExpr(size, count, [&] { return stream.normal(); });
}

Eigen::VectorXd random_weights(Eigen::Index count, std::uint64_t index) {
  RandomStream stream(8, StreamPurpose::Test, index);
  const Eigen::VectorXd weights =
      Eigen::VectorXd::NullaryExpr(count, [&] { return stream.uniform(); });
  return weights / weights.sum();
}

// The kernels as the theory writes them, a pair at a time; `sides` images of the pair have their
// noise integrated out.  The Gaussian is divided by the factor that pair_engine.hpp names.
double s_kernel(const PairKernelOptions& options, double r2, double d, int sides) {
  const double v = options.noise_variance;
  if (options.kernel == PairKernel::Distance) {
    return std::sqrt(r2 + sides * d * v);
  }
  const double h2 = options.bandwidth * options.bandwidth;
  const double height = std::pow(h2 / (h2 + sides * v), d / 2);
  const double common = std::pow(h2 / (h2 + v), d / 2);
  return -height / common * std::exp(-r2 / (2 * (h2 + sides * v)));
}

double by_hand(const Eigen::MatrixXd& x,
               const Eigen::VectorXd& w,
               const Eigen::MatrixXd& y,
               const PairKernelOptions& options) {
  const auto d = static_cast<double>(x.rows());
  double cross = 0;
  for (Eigen::Index i = 0; i < x.cols(); ++i) {
    for (Eigen::Index j = 0; j < y.cols(); ++j) {
      cross += w(i) / static_cast<double>(y.cols()) *
               s_kernel(options, (x.col(i) - y.col(j)).squaredNorm(), d, 1);
    }
  }
  double self = 0;
  double pairs = 0;
  for (Eigen::Index i = 0; i < x.cols(); ++i) {
    for (Eigen::Index k = 0; k < x.cols(); ++k) {
      if (i != k) {
        self += w(i) * w(k) * s_kernel(options, (x.col(i) - x.col(k)).squaredNorm(), d, 2);
        pairs += w(i) * w(k);
      }
    }
  }
  return 2 * cross - self / pairs;
}

constexpr std::array kKernels = {
    PairKernelOptions{.kernel = PairKernel::Distance},
    PairKernelOptions{.kernel = PairKernel::Distance, .noise_variance = 0.4},
    PairKernelOptions{.kernel = PairKernel::Gaussian, .bandwidth = 2},
    PairKernelOptions{.kernel = PairKernel::Gaussian, .bandwidth = 1.5, .noise_variance = 0.3}};

TEST(ReferencePairEngine, EqualsTheFormulasWrittenOut) {
  const Eigen::MatrixXd x = random_images(5, 6, 1);
  const Eigen::MatrixXd y = random_images(5, 7, 2).array() + 0.3;
  const Eigen::VectorXd w = random_weights(6, 3);

  for (const PairKernelOptions& options : kKernels) {
    const double expected = by_hand(x, w, y, options);
    EXPECT_NEAR(ReferencePairEngine().evaluate(x, w, y, options).value,
                expected,
                1e-13 * std::abs(expected));
  }
}

TEST(ReferencePairEngine, HasTheWorkedValueOfTwoAgainstOne) {
  Eigen::MatrixXd x(1, 2);
  x << 0, 3;
  const Eigen::MatrixXd y = Eigen::MatrixXd::Constant(1, 1, 1);
  const Eigen::VectorXd w = Eigen::Vector2d(0.5, 0.5);

  // Energy: 2 (1 + 2) / 2 - 3.  Gaussian: self k(3) - 2 (k(1) + k(2)) / 2, signs as D has them.
  EXPECT_DOUBLE_EQ(ReferencePairEngine().evaluate(x, w, y, {.kernel = PairKernel::Distance}).value,
                   0);
  EXPECT_DOUBLE_EQ(ReferencePairEngine().evaluate(x, w, y, {.kernel = PairKernel::Gaussian}).value,
                   std::exp(-4.5) - std::exp(-0.5) - std::exp(-2.0));
}

TEST(ReferencePairEngine, GradientAgreesWithCentralDifferences) {
  const Eigen::MatrixXd x = random_images(4, 5, 4);
  const Eigen::MatrixXd y = random_images(4, 6, 5);
  const Eigen::VectorXd w = random_weights(5, 6);
  constexpr double kStep = 1e-5;  // error of the difference: its square, 1e-10

  for (const PairKernelOptions& options : kKernels) {
    const PairResult result = ReferencePairEngine::evaluate(x, w, y, options);
    const double scale = result.gradient.cwiseAbs().maxCoeff();
    for (Eigen::Index i = 0; i < x.size(); ++i) {
      Eigen::MatrixXd up = x;
      Eigen::MatrixXd down = x;
      up(i) += kStep;
      down(i) -= kStep;
      const double difference = (ReferencePairEngine::evaluate(up, w, y, options).value -
                                 ReferencePairEngine::evaluate(down, w, y, options).value) /
                                (2 * kStep);
      EXPECT_NEAR(result.gradient(i), difference, 1e-6 * scale);
    }
  }
}

TEST(ReferencePairEngine, ImagesOfWeightZeroDoNotCount) {
  const Eigen::MatrixXd x = random_images(4, 5, 7);
  const Eigen::MatrixXd y = random_images(4, 6, 8);
  Eigen::VectorXd w = random_weights(5, 9);
  w(1) = 0;
  w /= w.sum();
  Eigen::MatrixXd without(4, 4);
  without << x.col(0), x.rightCols(3);
  const Eigen::VectorXd other = (Eigen::VectorXd(4) << w(0), w.tail(3)).finished();

  for (const PairKernelOptions& options : kKernels) {
    const PairResult all = ReferencePairEngine::evaluate(x, w, y, options);
    const PairResult fewer = ReferencePairEngine::evaluate(without, other, y, options);
    EXPECT_NEAR(all.value, fewer.value, 1e-14);
    EXPECT_EQ(all.gradient.col(1), Eigen::VectorXd::Zero(4));
    EXPECT_LT((all.gradient.col(2) - fewer.gradient.col(1)).norm(), 1e-14);
  }
}

TEST(ReferencePairEngine, TwoImagesAtOnePlacePullInNoDirection) {
  Eigen::MatrixXd x = random_images(4, 3, 10);
  x.col(1) = x.col(0);
  const Eigen::MatrixXd y = x.col(0);

  const PairResult result = ReferencePairEngine::evaluate(
      x, Eigen::Vector3d(0.2, 0.3, 0.5), y, {.kernel = PairKernel::Distance});

  EXPECT_TRUE(result.gradient.allFinite());
}

TEST(ReferencePairEngine, RefusesWhatMakesNoSense) {
  const Eigen::MatrixXd x = random_images(4, 3, 11);
  const Eigen::MatrixXd y = random_images(4, 2, 12);
  const Eigen::VectorXd w = Eigen::Vector3d::Constant(1.0 / 3);
  const auto evaluate = [](const Eigen::MatrixXd& simulated,
                           const Eigen::VectorXd& weights,
                           const Eigen::MatrixXd& observed,
                           const PairKernelOptions& options) {
    static_cast<void>(ReferencePairEngine::evaluate(simulated, weights, observed, options));
  };

  EXPECT_THROW(evaluate(x.leftCols(1), w.head(1), y, {}), Error);
  EXPECT_THROW(evaluate(x, w.head(2), y, {}), Error);
  EXPECT_THROW(evaluate(x, w, y.topRows(3), {}), Error);
  EXPECT_THROW(evaluate(x, w, y.leftCols(0), {}), Error);
  EXPECT_THROW(evaluate(x, w, y, {.bandwidth = 0}), Error);
  EXPECT_THROW(evaluate(x, w, y, {.noise_variance = -1}), Error);
  EXPECT_THROW(evaluate(x, w, y, {.noise_variance = std::nan("")}), Error);
}

// Numbers of images that fill blocks in part, exactly, and beyond.
struct Shape {
  Eigen::Index size;
  Eigen::Index simulated;
  Eigen::Index observed;
};

void expect_equal_to_reference(const Eigen::MatrixXf& x,
                               const Eigen::VectorXd& w,
                               const Eigen::MatrixXf& y,
                               const PairKernelOptions& options) {
  const PairResult fast = BlockedPairEngine().evaluate(x, w, y, options);
  const PairEngine& reference = ReferencePairEngine();
  const PairResult slow = reference.evaluate(x, w, y, options);
  // Single precision: 6e-8 a product, a few tens of them cancelling in a gradient.
  EXPECT_NEAR(fast.value, slow.value, 1e-5 * std::abs(slow.value));
  EXPECT_LT((fast.gradient - slow.gradient).norm(), 1e-5 * slow.gradient.norm());
}

TEST(BlockedPairEngine, EqualsTheReference) {
  for (const Shape& shape : {Shape{3, 2, 1}, Shape{40, 64, 512}, Shape{30, 65, 513}}) {
    const Eigen::MatrixXf x = random_images(shape.size, shape.simulated, 20).cast<float>();
    const Eigen::MatrixXf y =
        (random_images(shape.size, shape.observed, 21).array() + 0.2).cast<float>();
    Eigen::VectorXd w = random_weights(shape.simulated, 22);
    if (shape.simulated > 2) {
      w(shape.simulated / 2) = 0;
      w /= w.sum();
    }
    for (PairKernelOptions options : kKernels) {
      // As wide as the images are apart, so that the kernel matters in every dimension.
      options.bandwidth *= std::sqrt(static_cast<double>(shape.size) / 5);
      expect_equal_to_reference(x, w, y, options);
    }
  }
}

TEST(BlockedPairEngine, KeepsItsDigitsBesideALargeCommonOffset) {
  const Eigen::Index size = 30;
  RandomStream stream(7, StreamPurpose::Test, 30);
  const Eigen::VectorXd offset =
      Eigen::VectorXd::NullaryExpr(size, [&] { return 64 * std::round(4 * stream.normal()); });
  // Multiples of 1/256, which single precision holds exactly beside the offset.
  const auto near_offset = [&](Eigen::Index count, std::uint64_t index) -> Eigen::MatrixXf {
    const Eigen::MatrixXd apart =
        (random_images(size, count, index) * 256).array().round().matrix() / 256;
    return (apart.colwise() + offset).cast<float>();
  };
  const Eigen::MatrixXf x = near_offset(70, 31);
  const Eigen::MatrixXf y = near_offset(90, 32);

  for (PairKernelOptions options : kKernels) {
    options.bandwidth *= 2.5;
    expect_equal_to_reference(x, random_weights(70, 33), y, options);
  }
}

TEST(BlockedPairEngine, KeepsTheDistanceOfImagesThatAreAlmostEqual) {
  Eigen::MatrixXf x = random_images(30, 20, 40).cast<float>();
  const Eigen::MatrixXf y = random_images(30, 25, 41).cast<float>();
  x.col(3) = x.col(2);
  x(0, 3) += 1e-3F;

  for (const PairKernelOptions& options : kKernels) {
    expect_equal_to_reference(x, random_weights(20, 42), y, options);
  }
}

TEST(BlockedPairEngine, GivesTheSameBitsOnAnyNumberOfThreads) {
  const Eigen::MatrixXf x = random_images(20, 300, 50).cast<float>();
  const Eigen::MatrixXf y = random_images(20, 600, 51).cast<float>();
  const Eigen::VectorXd w = random_weights(300, 52);
  const auto evaluate = [&](std::size_t threads) {
    const ThreadLimit limit(threads);
    return BlockedPairEngine().evaluate(x, w, y, kKernels[3]);
  };

  const PairResult one = evaluate(1);
  const PairResult two = evaluate(2);

  EXPECT_EQ(one.value, two.value);
  EXPECT_EQ(one.gradient, two.gradient);
}

TEST(BlockedPairEngine, SurvivesADimensionInWhichTheKernelsHeightUnderflows) {
  const Eigen::MatrixXf x = random_images(4000, 8, 60).cast<float>();
  const Eigen::MatrixXf y = (2 * random_images(4000, 9, 61)).cast<float>();
  // (h^2 / (h^2 + sigma^2))^(d/2) = 0.2^2000.
  const PairKernelOptions options{.bandwidth = 1, .noise_variance = 4};

  const PairResult result = BlockedPairEngine().evaluate(x, random_weights(8, 62), y, options);

  EXPECT_TRUE(std::isfinite(result.value));
  EXPECT_TRUE(result.gradient.allFinite());
}

TEST(ObservedSelfTerm, EqualsTheFormulaWrittenOut) {
  const Eigen::MatrixXd y = random_images(5, 7, 70);
  for (const PairKernelOptions& options : kKernels) {
    double sum = 0;
    for (Eigen::Index j = 0; j < 7; ++j) {
      for (Eigen::Index k = 0; k < 7; ++k) {
        if (j != k) {
          // Both carry their noise: none is integrated out, but the common factor still divides.
          PairKernelOptions plain = options;
          plain.noise_variance = 0;
          sum += s_kernel(plain, (y.col(j) - y.col(k)).squaredNorm(), 5, 0);
        }
      }
    }
    double common = 1;
    if (options.kernel == PairKernel::Gaussian) {
      const double h2 = options.bandwidth * options.bandwidth;
      common = std::pow(h2 / (h2 + options.noise_variance), 2.5);
    }
    EXPECT_NEAR(observed_self_term(y, options), -sum / 42 / common, 1e-12 * std::abs(sum));
  }
}

}  // namespace
}  // namespace cryosip

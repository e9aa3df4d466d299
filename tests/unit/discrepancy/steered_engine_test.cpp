#include "libcryosip/discrepancy/steered_engine.hpp"

#include <array>
#include <cmath>
#include <cstring>
#include <limits>
#include <numbers>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/discrepancy/float_lanes.hpp"

namespace cryosip {
namespace {

// Those that make exponents -|a - z|^2 / 2.
Eigen::VectorXd offsets_of(const SteeredOperand& side) {
  return -(side.images.cast<double>().colwise().squaredNorm() +
           side.factors.cast<double>().colwise().squaredNorm())
              .transpose() /
         2;
}

// Images and factors so scaled that exponents are around `typical`, negative.
SteeredOperand random_side(const PolarLayout& layout,
                           Eigen::Index count,
                           Eigen::Index factors,
                           double typical,
                           std::uint64_t index) {
  RandomStream stream(9, StreamPurpose::Test, index);
  const double scale = std::sqrt(-typical / static_cast<double>(layout.size() + factors));
  const auto draw = [&] { return static_cast<float>(scale * stream.normal()); };
  SteeredOperand side;
  side.images = Eigen::MatrixXf::NullaryExpr(layout.size(), count, draw);
  side.factors = Eigen::MatrixXf::NullaryExpr(factors, count, draw);
  side.offsets = offsets_of(side);
  return side;
}

// A few kinds of image, each with a little noise: most pairs are far apart, some near.
SteeredOperand clustered_side(const PolarLayout& layout, Eigen::Index count, std::uint64_t index) {
  constexpr Eigen::Index kKinds = 7;
  const SteeredOperand kinds = random_side(layout, kKinds, 2, -60, 1000);
  SteeredOperand side = random_side(layout, count, 2, -1, index);
  for (Eigen::Index i = 0; i < count; ++i) {
    side.images.col(i) += kinds.images.col(i * 5 % kKinds);
    side.factors.col(i) += kinds.factors.col(i * 5 % kKinds);
  }
  side.offsets = offsets_of(side);
  return side;
}

// psi -> psi + turn.
Eigen::MatrixXf turned(const PolarLayout& layout, const Eigen::MatrixXf& images, double turn) {
  Eigen::MatrixXf result = images;
  for (int m = 0; m < layout.angular_frequencies(); ++m) {
    const Eigen::Index count = layout.count(m);
    const auto re = images.middleRows(layout.offset(m), count).cast<double>();
    const auto im = images.middleRows(layout.offset(m) + count, count).cast<double>();
    const double c = std::cos(m * turn);
    const double s = std::sin(m * turn);
    result.middleRows(layout.offset(m), count) = (c * re - s * im).cast<float>();
    result.middleRows(layout.offset(m) + count, count) = (c * im + s * re).cast<float>();
  }
  return result;
}

void expect_near(const SteeredResult& fast, const SteeredResult& slow, double relative) {
  EXPECT_LE((fast.sums - slow.sums).norm(), relative * slow.sums.norm());
  EXPECT_LE((fast.images_gradient - slow.images_gradient).norm(),
            relative * slow.images_gradient.norm());
  EXPECT_LE((fast.factors_gradient - slow.factors_gradient).norm(),
            relative * slow.factors_gradient.norm());
}

void expect_same_bits(const SteeredResult& a, const SteeredResult& b) {
  EXPECT_EQ(a.sums, b.sums);
  EXPECT_EQ(a.images_gradient, b.images_gradient);
  EXPECT_EQ(a.factors_gradient, b.factors_gradient);
}

const PolarLayout& ragged() {
  static const PolarLayout layout(5, {1, 1, 2, 3, 3, 4, 5});
  return layout;
}

TEST(ReferenceSteeredEngine, HasTheWorkedValueOfOnePair) {
  // One ring; a = 1 + 2i beside z = 3 - i at m = 1: conj(a) z = 1 - 7i.
  const PolarLayout layout(1, {1, 1});
  SteeredOperand left;
  left.images = Eigen::Vector4f(0.5F, 0, 1, 2) / 4;
  left.factors = Eigen::VectorXf::Constant(1, 2);
  left.offsets = Eigen::VectorXd::Constant(1, -0.25);
  SteeredOperand right;
  right.images = Eigen::Vector4f(-1, 0, 3, -1) / 4;
  right.factors = Eigen::VectorXf::Constant(1, 0.5F);
  right.offsets = Eigen::VectorXd::Constant(1, -0.5);

  const SteeredResult result =
      ReferenceSteeredEngine().evaluate(layout, left, right, {.angles = 8});

  double sum = 0;
  double by_real_part = 0;
  for (int k = 0; k < 8; ++k) {
    const double alpha = std::numbers::pi * (k + 0.5) / 4;
    const double e = std::exp((-0.5 + std::cos(alpha) + 7 * std::sin(alpha)) / 16 + 1 - 0.25 - 0.5);
    sum += e / 8;
    by_real_part += e / 8 * (3 * std::cos(alpha) + std::sin(alpha)) / 4;
  }
  EXPECT_NEAR(result.sums(0), sum, 1e-14);
  EXPECT_NEAR(result.images_gradient(2, 0), by_real_part, 1e-14);
  EXPECT_NEAR(result.images_gradient(0, 0), -sum / 4, 1e-14);
  EXPECT_NEAR(result.factors_gradient(0, 0), sum / 2, 1e-14);
}

TEST(ReferenceSteeredEngine, GradientAgreesWithCentralDifferences) {
  SteeredOperand left = random_side(ragged(), 3, 2, -4, 1);
  const SteeredOperand right = random_side(ragged(), 6, 2, -4, 2);
  const SteeredOptions options{.angles = 24};
  // A power of two and images that have room for it: the steps are exact in single precision.
  constexpr float kStep = 0x1p-10F;
  left.images = (left.images * 0x1p12F).array().round() * 0x1p-12F;
  left.factors = (left.factors * 0x1p12F).array().round() * 0x1p-12F;
  const SteeredResult result = ReferenceSteeredEngine().evaluate(ragged(), left, right, options);
  const auto difference = [&](float& number, Eigen::Index image) {
    const float before = number;
    number = before + kStep;
    const double up = ReferenceSteeredEngine().evaluate(ragged(), left, right, options).sums(image);
    number = before - kStep;
    const double down =
        ReferenceSteeredEngine().evaluate(ragged(), left, right, options).sums(image);
    number = before;
    return (up - down) / (2 * static_cast<double>(kStep));
  };

  // Error of the difference: a sixth of the step's square times the third derivative.
  const double tolerance = 1e-6 * result.images_gradient.cwiseAbs().maxCoeff();
  for (Eigen::Index i = 0; i < 3; ++i) {
    for (Eigen::Index k = 0; k < ragged().size(); ++k) {
      EXPECT_NEAR(difference(left.images(k, i), i), result.images_gradient(k, i), tolerance);
    }
    for (Eigen::Index k = 0; k < 2; ++k) {
      EXPECT_NEAR(difference(left.factors(k, i), i), result.factors_gradient(k, i), tolerance);
    }
  }
}

TEST(ReferenceSteeredEngine, RefusesWhatMakesNoSense) {
  const SteeredOperand good = random_side(ragged(), 3, 2, -4, 3);
  const auto evaluate = [&](const SteeredOperand& left, const SteeredOptions& options) {
    static_cast<void>(ReferenceSteeredEngine().evaluate(ragged(), left, good, options));
  };
  EXPECT_NO_THROW(evaluate(good, {}));

  EXPECT_THROW(evaluate(good, {.angles = 12}), Error);
  EXPECT_THROW(evaluate(good, {.angles = 0}), Error);
  EXPECT_THROW(evaluate(good, {.negligible_log = std::nan("")}), Error);
  SteeredOperand bad = good;
  bad.images.conservativeResize(ragged().size() - 1, 3);
  EXPECT_THROW(evaluate(bad, {}), Error);
  bad = good;
  bad.offsets.conservativeResize(2);
  EXPECT_THROW(evaluate(bad, {}), Error);
  bad = good;
  bad.labels.setZero(2);
  EXPECT_THROW(evaluate(bad, {}), Error);
  EXPECT_THROW(evaluate(random_side(ragged(), 3, 1, -4, 4), {}), Error);
}

struct Shape {
  PolarLayout layout;
  Eigen::Index left = 0;
  Eigen::Index right = 0;
  Eigen::Index factors = 0;
  int angles = 8;
};

TEST(BlockedSteeredEngine, EqualsTheReference) {
  // Tiles, groups, blocks, segments and chunks in part, exactly, and beyond.
  const PolarLayout plain(3, {1, 1, 2});
  const std::array shapes = {Shape{ragged(), 16, 64, 3, 24},
                             Shape{ragged(), 37, 131, 0, 24},
                             Shape{ragged(), 1, 1, 1, 72},
                             Shape{PolarLayout(1, {1}), 5, 7, 2, 8},
                             Shape{PolarLayout(2, {1, 2}), 17, 9, 0, 16},
                             Shape{PolarLayout(15, std::vector<int>(27, 1)), 7, 9, 30, 64},
                             Shape{plain, 2, 4099, 1, 8},
                             Shape{plain, 1029, 3, 0, 8}};
  for (const Shape& shape : shapes) {
    const SteeredOperand left = random_side(shape.layout, shape.left, shape.factors, -5, 10);
    const SteeredOperand right = random_side(shape.layout, shape.right, shape.factors, -5, 11);
    const SteeredOptions options{.angles = shape.angles};

    const SteeredResult fast = BlockedSteeredEngine().evaluate(shape.layout, left, right, options);

    expect_near(fast, ReferenceSteeredEngine().evaluate(shape.layout, left, right, options), 1e-5);
    EXPECT_EQ(fast.work.asked, shape.left * shape.right);
  }
}

TEST(BlockedSteeredEngine, EqualsTheReferenceWhereAnglesResolveTheFrequenciesNoMore) {
  // 19 frequencies, 32 angles: m = 16 folds onto itself.
  std::vector<int> first(19, 1);
  first[18] = 2;
  const PolarLayout layout(3, first);
  const SteeredOperand left = random_side(layout, 20, 1, -6, 12);
  const SteeredOperand right = random_side(layout, 30, 1, -6, 13);
  const SteeredOptions options{.angles = 32};

  expect_near(BlockedSteeredEngine().evaluate(layout, left, right, options),
              ReferenceSteeredEngine().evaluate(layout, left, right, options),
              1e-5);
}

TEST(BlockedSteeredEngine, LeavesOutPairsOfEqualLabels) {
  SteeredOperand side = random_side(ragged(), 70, 2, -3, 14);
  side.labels = Eigen::VectorXi::LinSpaced(70, 0, 69) / 3;
  const SteeredOptions options{.angles = 24};

  const SteeredResult fast = BlockedSteeredEngine().evaluate(ragged(), side, side, options);

  expect_near(fast, ReferenceSteeredEngine().evaluate(ragged(), side, side, options), 1e-5);
  SteeredOperand unlabelled = side;
  unlabelled.labels.resize(0);
  const SteeredResult all = BlockedSteeredEngine().evaluate(ragged(), side, unlabelled, options);
  // An image is at distance 0 from itself, nearly so at the angle closest to 0.
  EXPECT_GT(all.sums(5), fast.sums(5) + 0.01);
  // Alone with its own kind: nothing, exactly.
  SteeredOperand same = side;
  same.labels.setZero();
  EXPECT_EQ(BlockedSteeredEngine().evaluate(ragged(), same, same, options).sums,
            Eigen::VectorXd::Zero(70));
}

TEST(BlockedSteeredEngine, LeavesOutOnlyWhatIsNegligible) {
  const SteeredOperand left = clustered_side(ragged(), 150, 15);
  const SteeredOperand right = clustered_side(ragged(), 1300, 16);
  const auto evaluate = [&](double negligible_log) {
    return BlockedSteeredEngine().evaluate(
        ragged(), left, right, {.angles = 24, .negligible_log = negligible_log});
  };
  const SteeredResult all = evaluate(-std::numeric_limits<double>::infinity());
  EXPECT_EQ(
      all.work.skipped_by_norms + all.work.skipped_by_low_frequencies + all.work.skipped_by_means,
      0);

  double flops = all.work.useful_flops;
  for (const double negligible_log : {-25.0, -15.0, -8.0}) {
    const SteeredResult some = evaluate(negligible_log);

    EXPECT_GT(some.work.skipped_by_norms, 0);
    EXPECT_GT(some.work.skipped_by_low_frequencies, 0);
    EXPECT_LT(some.work.useful_flops, flops);
    flops = some.work.useful_flops;
    const double rounding = 1e-5;
    for (Eigen::Index i = 0; i < 150; ++i) {
      EXPECT_LE(std::abs(some.sums(i) - all.sums(i)),
                1300 * std::exp(negligible_log) + rounding * all.sums(i));
    }
    // Every pair left out would have pulled by its right image.
    EXPECT_LE((some.images_gradient - all.images_gradient).colwise().norm().maxCoeff(),
              1300 * std::exp(negligible_log) * right.images.colwise().norm().maxCoeff() +
                  rounding * all.images_gradient.colwise().norm().maxCoeff());
  }
}

TEST(BlockedSteeredEngine, MayLeaveOutEverything) {
  const SteeredOperand left = clustered_side(ragged(), 40, 17);
  SteeredOperand right = clustered_side(ragged(), 300, 18);
  right.offsets.array() -= 1000;

  const SteeredResult none =
      BlockedSteeredEngine().evaluate(ragged(), left, right, {.negligible_log = -50});

  EXPECT_EQ(none.work.skipped_by_norms, 40 * 300);
  EXPECT_EQ(none.sums, Eigen::VectorXd::Zero(40));
  EXPECT_EQ(none.images_gradient.norm(), 0);
  EXPECT_EQ(none.work.useful_flops, 0);
}

TEST(BlockedSteeredEngine, SurvivesExponentsFarBelowZero) {
  const SteeredOperand left = random_side(ragged(), 20, 2, -5, 19);
  SteeredOperand right = random_side(ragged(), 90, 2, -5, 20);
  right.offsets(3) = -std::numeric_limits<double>::infinity();
  right.offsets(4) = -1e300;
  right.offsets.segment(5, 60).array() -= 1e5;
  const SteeredOptions options{.angles = 24};

  const SteeredResult fast = BlockedSteeredEngine().evaluate(ragged(), left, right, options);

  EXPECT_TRUE(fast.images_gradient.allFinite());
  expect_near(fast, ReferenceSteeredEngine().evaluate(ragged(), left, right, options), 1e-5);
}

TEST(BlockedSteeredEngine, DoesNotLoseWhatIsNoNumber) {
  const SteeredOperand good = random_side(ragged(), 20, 0, -5, 21);
  const SteeredOperand right = random_side(ragged(), 90, 0, -5, 22);
  for (const int m : {0, 1, 6}) {
    SteeredOperand left = good;
    left.images(ragged().offset(m), 7) = std::numeric_limits<float>::quiet_NaN();
    for (const double negligible_log : {-std::numeric_limits<double>::infinity(), -30.0}) {
      const SteeredResult result = BlockedSteeredEngine().evaluate(
          ragged(), left, right, {.angles = 24, .negligible_log = negligible_log});

      EXPECT_FALSE(std::isfinite(result.sums(7)));
      EXPECT_TRUE(std::isfinite(result.sums(6)));
    }
  }
}

TEST(BlockedSteeredEngine, GivesTheSameBitsOnAnyNumberOfThreads) {
  const SteeredOperand left = clustered_side(ragged(), 150, 23);
  const SteeredOperand right = clustered_side(ragged(), 2100, 24);
  for (const double negligible_log : {-std::numeric_limits<double>::infinity(), -15.0}) {
    const auto evaluate = [&](std::size_t threads) {
      const ThreadLimit limit(threads);
      return BlockedSteeredEngine().evaluate(
          ragged(), left, right, {.angles = 24, .negligible_log = negligible_log});
    };

    const SteeredResult one = evaluate(1);
    const SteeredResult two = evaluate(2);

    expect_same_bits(one, two);
    EXPECT_EQ(one.work.skipped_by_low_frequencies, two.work.skipped_by_low_frequencies);
  }
}

TEST(BlockedSteeredEngine, DoesNotSeeARotationByAnAngleOfTheGrid) {
  const SteeredOperand left = random_side(ragged(), 20, 1, -5, 25);
  SteeredOperand right = random_side(ragged(), 50, 1, -5, 26);
  const SteeredOptions options{.angles = 24};
  const SteeredResult before = BlockedSteeredEngine().evaluate(ragged(), left, right, options);
  for (const int steps : {1, 5, 12}) {
    right.images = turned(ragged(), right.images, 2 * std::numbers::pi * steps / 24);

    expect_near(BlockedSteeredEngine().evaluate(ragged(), left, right, options), before, 1e-5);
  }
}

// The exponents of 150 left images reach from near 0 to -1000 and so.
TEST(BlockedSteeredEngine, LogSumsEqualTheReferenceWhateverTheSizeOfTheExponents) {
  const SteeredOptions all{.angles = 24};
  const SteeredOptions pruned{.angles = 24, .negligible_log = -25};
  for (const double lift : {-1000.0, 0.0, 500.0}) {
    SteeredOperand left = clustered_side(ragged(), 37, 30);
    left.offsets.array() += lift;
    SteeredOperand right = clustered_side(ragged(), 1100, 31);
    right.offsets.segment(40, 200).array() -= 800;
    right.offsets(3) = -std::numeric_limits<double>::infinity();

    const Eigen::VectorXd slow = ReferenceSteeredEngine().log_sums(ragged(), left, right, all);

    for (const SteeredOptions& options : {all, pruned}) {
      const Eigen::VectorXd fast = BlockedSteeredEngine().log_sums(ragged(), left, right, options);
      // A float next to 1000 is known to 6e-5.
      EXPECT_LE((fast - slow).cwiseAbs().maxCoeff(), 1e-5 + 1e-7 * std::abs(lift));
    }
    if (lift == 0) {
      const Eigen::VectorXd sums =
          ReferenceSteeredEngine().evaluate(ragged(), left, right, all).sums;
      EXPECT_LE((slow - sums.array().log().matrix()).cwiseAbs().maxCoeff(), 1e-10);
    }
  }
}

TEST(BlockedSteeredEngine, LogSumsOfNothingAreMinusInfinity) {
  const SteeredOperand left = random_side(ragged(), 20, 1, -5, 32);
  SteeredOperand right = random_side(ragged(), 9, 1, -5, 33);
  right.offsets.setConstant(-std::numeric_limits<double>::infinity());
  const SteeredOptions options{.angles = 24, .negligible_log = -25};
  const double nothing = -std::numeric_limits<double>::infinity();
  for (const SteeredOperand& side : {right, random_side(ragged(), 0, 1, -5, 34)}) {
    EXPECT_EQ(BlockedSteeredEngine().log_sums(ragged(), left, side, options),
              Eigen::VectorXd::Constant(20, nothing));
    EXPECT_EQ(ReferenceSteeredEngine().log_sums(ragged(), left, side, options),
              Eigen::VectorXd::Constant(20, nothing));
  }
}

TEST(BlockedSteeredEngine, LogSumsDoNotLoseWhatIsNoNumber) {
  SteeredOperand left = random_side(ragged(), 20, 0, -5, 35);
  left.images(ragged().offset(1), 7) = std::numeric_limits<float>::quiet_NaN();
  const SteeredOperand right = random_side(ragged(), 90, 0, -5, 36);
  const Eigen::VectorXd logs =
      BlockedSteeredEngine().log_sums(ragged(), left, right, {.angles = 24, .negligible_log = -25});
  EXPECT_FALSE(std::isfinite(logs(7)));
  EXPECT_TRUE(std::isfinite(logs(6)));
}

TEST(BlockedSteeredEngine, LogSumsHaveTheSameBitsOnAnyNumberOfThreads) {
  const SteeredOperand left = clustered_side(ragged(), 150, 37);
  const SteeredOperand right = clustered_side(ragged(), 2100, 38);
  const auto log_sums = [&](std::size_t threads) {
    const ThreadLimit limit(threads);
    return BlockedSteeredEngine().log_sums(
        ragged(), left, right, {.angles = 24, .negligible_log = -15});
  };
  EXPECT_EQ(log_sums(1), log_sums(2));
}

TEST(BlockedSteeredEngine, HasNothingToSayOfNoImages) {
  const SteeredOperand some = random_side(ragged(), 3, 2, -5, 27);
  const SteeredOperand none = random_side(ragged(), 0, 2, -5, 28);

  EXPECT_EQ(BlockedSteeredEngine().evaluate(ragged(), some, none, {}).sums,
            Eigen::VectorXd::Zero(3));
  EXPECT_EQ(BlockedSteeredEngine().evaluate(ragged(), none, some, {}).sums.size(), 0);
}

TEST(SteeredFlops, AreTheFormulasWorkedByHand) {
  // Rings 5 5 4 3 3 2 1: 23 in all.
  const SteeredFlops flops(ragged(), 3, 24);
  EXPECT_EQ(flops.products, 4 * 5 + 8 * 18 + 2 * 3);
  // m = 0: 3 cosines.  Even: 2 (2 + 4 + 6) 3 of either.  Odd: 2 (1 + 3 + 5) 6 of either.
  EXPECT_EQ(flops.transform, 2 * (3 + 3 * 2 * 3 + 3 * 2 * 6));
  EXPECT_EQ(flops.naive, 8 * 5 * 7 * 2 + 8 * 7 * 24);
}

TEST(ExponentialOfLanes, IsGoodToItsLastDigits) {
  for (int step = 0; step < 80000; ++step) {
    const double x = -126 + 0.00317 * step;
    const FloatLanes power = exp2_lanes(FloatLanes{} + static_cast<float>(x));
    const double exact = std::exp2(static_cast<double>(static_cast<float>(x)));
    ASSERT_NEAR(static_cast<double>(power[0]), exact, 3e-7 * exact) << x;
  }
  const auto at = [](float x) { return exp2_lanes(FloatLanes{} + x)[kFloatLanes - 1]; };
  EXPECT_EQ(at(0), 1);
  EXPECT_EQ(at(-3), 0.125F);
  EXPECT_EQ(at(-127), 0);
  EXPECT_EQ(at(-1e30F), 0);
  EXPECT_EQ(at(-std::numeric_limits<float>::infinity()), 0);
  EXPECT_GE(at(-126.7F), 0);
  EXPECT_LE(at(-126.7F), 2e-38F);
  EXPECT_EQ(at(128), std::numeric_limits<float>::infinity());
  EXPECT_EQ(at(1e30F), std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(at(std::numeric_limits<float>::quiet_NaN())));
}

}  // namespace
}  // namespace cryosip

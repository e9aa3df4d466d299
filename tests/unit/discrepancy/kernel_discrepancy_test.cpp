#include "libcryosip/discrepancy/kernel_discrepancy.hpp"

#include <array>
#include <cmath>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "tests/support/random_images.hpp"

namespace cryosip {
namespace {

using ::cryosip::testing::equally_weighted;
using ::cryosip::testing::random_images;
using ::cryosip::testing::random_weights;

const ReferencePairEngine<double> reference;
constexpr PixelNoise kNoise{.variance = 0.3, .degrees_of_freedom = 3, .integrated = true};

// Six images of three conformations, four draws of nuisances.
SimulatedImages<double> sample() {
  return {.images = random_images(4, 6, 1),
          .weights = random_weights(6, 2),
          .conformation = {0, 0, 1, 1, 2, 2},
          .nuisance = {0, 1, 0, 2, 3, 1}};
}

bool independent(const SimulatedImages<double>& p, Eigen::Index a, Eigen::Index b) {
  const auto differ = [&](const std::vector<int>& labels) {
    return labels.empty() ||
           labels[static_cast<std::size_t>(a)] != labels[static_cast<std::size_t>(b)];
  };
  return a != b && differ(p.conformation) && differ(p.nuisance);
}

// D as the theory writes it, a pair at a time.
double by_hand(const SimulatedImages<double>& p,
               const Eigen::MatrixXd& y,
               const PairFunction& cross,
               const PairFunction& self) {
  double between = 0;
  double among = 0;
  double pairs = 0;
  for (Eigen::Index a = 0; a < p.images.cols(); ++a) {
    for (Eigen::Index j = 0; j < y.cols(); ++j) {
      between += p.weights(a) / static_cast<double>(y.cols()) *
                 cross((p.images.col(a) - y.col(j)).squaredNorm()).value;
    }
    for (Eigen::Index b = 0; b < p.images.cols(); ++b) {
      if (independent(p, a, b)) {
        const double weight = p.weights(a) * p.weights(b);
        among += weight * self((p.images.col(a) - p.images.col(b)).squaredNorm()).value;
        pairs += weight;
      }
    }
  }
  return among / pairs - 2 * between;
}

TEST(IndependentWeights, AreTheSumsOverThePairsThatAreKept) {
  SimulatedImages<double> p = sample();
  const std::array<std::vector<int>, 2> conformations = {p.conformation, std::vector<int>()};
  const std::array<std::vector<int>, 2> nuisances = {p.nuisance, std::vector<int>()};
  for (const std::vector<int>& conformation : conformations) {
    for (const std::vector<int>& nuisance : nuisances) {
      p.conformation = conformation;
      p.nuisance = nuisance;
      const Eigen::VectorXd found = independent_weights(p);
      for (Eigen::Index a = 0; a < 6; ++a) {
        double expected = 0;
        for (Eigen::Index b = 0; b < 6; ++b) {
          expected += independent(p, a, b) ? p.weights(b) : 0;
        }
        EXPECT_NEAR(found(a), expected, 1e-15);
      }
    }
  }
}

TEST(IndependentWeights, AreZeroWhereNothingIsLeft) {
  SimulatedImages<double> p = sample();
  p.conformation.assign(6, 5);
  EXPECT_EQ(independent_weights(p), Eigen::VectorXd::Zero(6));
}

TEST(KernelDiscrepancy, EqualsTheFormulaWrittenOut) {
  const Eigen::MatrixXd y = random_images(4, 7, 3).array() + 0.3;
  for (const char* text : {"gaussian", "energy", "gaussian+laplace:2+0.3*imq+riesz:1.5"}) {
    const Kernel kernel = parse_kernel(text);
    for (const bool integrated : {false, true}) {
      PixelNoise noise = kNoise;
      noise.integrated = integrated;
      for (const bool grouped : {false, true}) {
        SimulatedImages<double> p = sample();
        if (!grouped) {
          p.conformation.clear();
          p.nuisance.clear();
        }
        const double v = integrated ? noise.variance : 0;

        const DiscrepancyResult result =
            KernelDiscrepancy<double>(reference, kernel, noise).evaluate(p, y);

        const double expected =
            by_hand(p, y, PairFunction(kernel, v, 3), PairFunction(kernel, 2 * v, 3));
        EXPECT_NEAR(
            result.value * std::exp(result.log_scale), expected, 1e-13 * std::abs(expected));
      }
    }
  }
}

TEST(KernelDiscrepancy, OfTheDistanceIsTheEnergyDistance) {
  Eigen::MatrixXd x(1, 2);
  x << 0, 3;
  Eigen::MatrixXd y(1, 3);
  y << 1, 2, 7;
  const KernelDiscrepancy<double> energy(reference, energy_kernel(), {});

  // 2 E|x - y| - E|x - x'| - E|y - y'| = 2 (1 + 2 + 7 + 2 + 1 + 4) / 6 - 3 - (1 + 6 + 5) / 3.
  EXPECT_NEAR(energy.evaluate(equally_weighted(x), y).value, 17.0 / 3 - 3, 1e-14);
  EXPECT_NEAR(energy.observed_term(y), -4, 1e-14);
}

TEST(KernelDiscrepancy, GradientTimesWeightAgreesWithDifferencesOfTheValue) {
  const Eigen::MatrixXd y = random_images(4, 7, 3);
  constexpr double kStep = 1e-5;
  for (const char* text : {"gaussian", "energy", "laplace:2+imq+riesz:1.5"}) {
    for (const bool integrated : {false, true}) {
      PixelNoise noise = kNoise;
      noise.integrated = integrated;
      const KernelDiscrepancy<double> discrepancy(reference, parse_kernel(text), noise);
      const SimulatedImages<double> p = sample();

      const DiscrepancyResult result = discrepancy.evaluate(p, y);

      for (Eigen::Index i = 0; i < p.images.size(); ++i) {
        SimulatedImages<double> up = p;
        SimulatedImages<double> down = p;
        up.images(i) += kStep;
        down.images(i) -= kStep;
        const double difference =
            (discrepancy.evaluate(up, y).value - discrepancy.evaluate(down, y).value) / (2 * kStep);
        EXPECT_NEAR(p.weights(i / 4) * result.gradient(i), difference, 1e-8);
      }
    }
  }
}

TEST(KernelDiscrepancy, FirstVariationAgreesWithDifferencesByTheWeights) {
  const Eigen::MatrixXd y = random_images(4, 7, 3);
  constexpr double kStep = 1e-5;
  const KernelDiscrepancy<double> discrepancy(reference, parse_kernel("gaussian+energy"), kNoise);
  const SimulatedImages<double> p = sample();

  const Eigen::VectorXd variation = discrepancy.evaluate(p, y).first_variation;

  // Weight moved from image 0 to image i.
  for (Eigen::Index i = 1; i < 6; ++i) {
    const auto moved = [&](double weight) {
      SimulatedImages<double> other = p;
      other.weights(i) += weight;
      other.weights(0) -= weight;
      return discrepancy.evaluate(other, y).value;
    };
    EXPECT_NEAR(variation(i) - variation(0), (moved(kStep) - moved(-kStep)) / (2 * kStep), 1e-8);
  }
}

TEST(KernelDiscrepancy, GradientAtOtherPointsIsThatOfTheFirstVariation) {
  const Eigen::MatrixXd y = random_images(4, 7, 3);
  const Eigen::MatrixXd points = random_images(4, 3, 5);
  const SimulatedImages<double> p = sample();
  constexpr double kStep = 1e-5;
  const KernelDiscrepancy<double> discrepancy(reference, parse_kernel("imq+energy"), kNoise);
  for (const std::vector<int>& origin : {std::vector<int>{}, std::vector<int>{3, -1, 0}}) {
    const DiscrepancyResult result = discrepancy.evaluate(p, points, origin, y);
    EXPECT_EQ(result.value, discrepancy.evaluate(p, y).value);
    for (Eigen::Index row = 0; row < 4; ++row) {
      Eigen::MatrixXd up = points;
      Eigen::MatrixXd down = points;
      up.row(row).array() += kStep;
      down.row(row).array() -= kStep;
      const Eigen::VectorXd difference =
          (discrepancy.evaluate(p, up, origin, y).first_variation -
           discrepancy.evaluate(p, down, origin, y).first_variation) /
          (2 * kStep);
      EXPECT_LT((result.gradient.row(row).transpose() - difference).norm(), 1e-8);
    }
  }
}

TEST(KernelDiscrepancy, AtTheImagesThemselvesIsAtPointsOfThatOrigin) {
  const Eigen::MatrixXd y = random_images(4, 7, 3);
  const SimulatedImages<double> p = sample();
  const KernelDiscrepancy<double> discrepancy(reference, parse_kernel("gaussian"), kNoise);

  const DiscrepancyResult themselves = discrepancy.evaluate(p, y);
  const DiscrepancyResult points = discrepancy.evaluate(p, p.images, own_origins(6), y);

  EXPECT_EQ(themselves.first_variation, points.first_variation);
  EXPECT_EQ(themselves.gradient, points.gradient);
}

TEST(KernelDiscrepancy, FirstVariationAtAPointIsTwiceTheDifferenceOfMeanKernels) {
  const Eigen::MatrixXd y = random_images(4, 7, 3);
  const Eigen::MatrixXd point = random_images(4, 1, 5);
  const SimulatedImages<double> p = sample();
  const Kernel kernel = parse_kernel("laplace");
  const PairFunction one(kernel, kNoise.variance, 3);
  const PairFunction two(kernel, 2 * kNoise.variance, 3);
  double expected = 0;
  for (Eigen::Index a = 0; a < 6; ++a) {
    expected += 2 * p.weights(a) * two((point - p.images.col(a)).squaredNorm()).value;
  }
  for (Eigen::Index j = 0; j < 7; ++j) {
    expected -= 2 * one((point - y.col(j)).squaredNorm()).value / 7;
  }

  const DiscrepancyResult result =
      KernelDiscrepancy<double>(reference, kernel, kNoise).evaluate(p, point, {}, y);

  EXPECT_NEAR(result.first_variation(0), expected, 1e-14);
}

TEST(KernelDiscrepancy, ImagesOfWeightZeroDoNotCount) {
  const Eigen::MatrixXd y = random_images(4, 7, 3);
  SimulatedImages<double> p = sample();
  p.conformation.clear();
  p.nuisance.clear();
  p.weights(1) = 0;
  p.weights /= p.weights.sum();
  SimulatedImages<double> without;
  without.images.resize(4, 5);
  without.images << p.images.col(0), p.images.rightCols(4);
  without.weights = (Eigen::VectorXd(5) << p.weights(0), p.weights.tail(4)).finished();
  const KernelDiscrepancy<double> discrepancy(reference, parse_kernel("gaussian+energy"), kNoise);

  const DiscrepancyResult all = discrepancy.evaluate(p, y);
  const DiscrepancyResult fewer = discrepancy.evaluate(without, y);

  EXPECT_NEAR(all.value, fewer.value, 1e-14);
  EXPECT_LT((all.gradient.rightCols(4) - fewer.gradient.rightCols(4)).norm(), 1e-14);
  EXPECT_LT((all.first_variation.tail(4) - fewer.first_variation.tail(4)).norm(), 1e-14);
}

TEST(KernelDiscrepancy, AnImageSplitInTwoOfHalfTheWeightChangesNothing) {
  const Eigen::MatrixXd y = random_images(4, 7, 3);
  const SimulatedImages<double> p = sample();
  SimulatedImages<double> split = p;
  split.images.conservativeResize(4, 7);
  split.images.col(6) = p.images.col(2);
  split.weights.conservativeResize(7);
  split.weights(2) /= 2;
  split.weights(6) = split.weights(2);
  split.conformation.push_back(p.conformation[2]);
  split.nuisance.push_back(p.nuisance[2]);
  const KernelDiscrepancy<double> discrepancy(reference, parse_kernel("gaussian+energy"), kNoise);

  const DiscrepancyResult whole = discrepancy.evaluate(p, y);
  const DiscrepancyResult halves = discrepancy.evaluate(split, y);

  EXPECT_NEAR(halves.value, whole.value, 1e-14);
  EXPECT_LT((halves.gradient.leftCols(6) - whole.gradient).norm(), 1e-14);
  EXPECT_LT((halves.gradient.col(6) - whole.gradient.col(2)).norm(), 1e-14);
  EXPECT_LT((halves.first_variation.head(6) - whole.first_variation).norm(), 1e-14);
}

TEST(KernelDiscrepancy, ObservedTermIsTheMeanOverPairsInTheUnitsOfTheValue) {
  const Eigen::MatrixXd y = random_images(4, 7, 3);
  for (const char* text : {"gaussian:0.8", "energy", "laplace+imq"}) {
    const Kernel kernel = parse_kernel(text);
    const PairFunction k(kernel, 0, 0);  // both carry their noise: none is integrated out
    double sum = 0;
    for (Eigen::Index i = 0; i < 7; ++i) {
      for (Eigen::Index j = 0; j < 7; ++j) {
        sum += i == j ? 0 : k((y.col(i) - y.col(j)).squaredNorm()).value;
      }
    }
    EXPECT_NEAR(KernelDiscrepancy<double>(reference, kernel, kNoise).observed_term(y) *
                    std::exp(kernel_log_scale(kernel, kNoise)),
                sum / 42,
                1e-13);
  }
}

TEST(KernelDiscrepancy, IsTheSameOnBothEngines) {
  SimulatedImages<float> p;
  p.images = random_images(30, 80, 11).cast<float>();
  p.weights = random_weights(80, 12);
  for (int i = 0; i < 80; ++i) {
    p.conformation.push_back(i / 4);
    p.nuisance.push_back(i % 4);
  }
  const Eigen::MatrixXf y = (random_images(30, 70, 13).array() + 0.3).cast<float>();
  const Eigen::MatrixXf points = random_images(30, 20, 14).cast<float>();
  const BlockedPairEngine<float> fast;
  const ReferencePairEngine<float> slow;
  const PixelNoise noise{.variance = 0.3, .degrees_of_freedom = 30, .integrated = true};
  for (const char* text : {"gaussian", "energy", "laplace+imq+0.1*riesz:1.3"}) {
    const Kernel kernel = with_common_bandwidth(parse_kernel(text), 6);
    const KernelDiscrepancy<float> on_fast(fast, kernel, noise);
    const KernelDiscrepancy<float> on_slow(slow, kernel, noise);
    for (const bool themselves : {true, false}) {
      const auto result = [&](const KernelDiscrepancy<float>& discrepancy) {
        return themselves ? discrepancy.evaluate(p, y) : discrepancy.evaluate(p, points, {}, y);
      };
      const DiscrepancyResult one = result(on_fast);
      const DiscrepancyResult other = result(on_slow);
      EXPECT_NEAR(one.value, other.value, 1e-5 * std::abs(other.value));
      EXPECT_LT((one.first_variation - other.first_variation).norm(),
                1e-5 * other.first_variation.norm());
      EXPECT_LT((one.gradient - other.gradient).norm(), 1e-5 * other.gradient.norm());
    }
    EXPECT_NEAR(on_fast.observed_term(y),
                on_slow.observed_term(y),
                1e-5 * std::abs(on_slow.observed_term(y)));
  }
}

TEST(KernelDiscrepancy, RefusesWhatMakesNoSense) {
  const Eigen::MatrixXd y = random_images(4, 7, 3);
  const KernelDiscrepancy<double> discrepancy(reference, energy_kernel(), {});
  const auto refuses = [&](auto change) {
    SimulatedImages<double> p = sample();
    change(p);
    EXPECT_THROW(static_cast<void>(discrepancy.evaluate(p, y)), Error);
  };
  refuses([](auto& p) { p.weights.conservativeResize(5); });
  refuses([](auto& p) { p.weights(0) = -0.1; });
  refuses([](auto& p) { p.weights(0) = std::nan(""); });
  refuses([](auto& p) { p.weights *= 2; });
  refuses([](auto& p) { p.images.conservativeResize(3, 6); });
  refuses([](auto& p) { p.conformation.pop_back(); });
  refuses([](auto& p) { p.nuisance.pop_back(); });
  refuses([](auto& p) { p.conformation.assign(6, 0); });
  refuses([](auto& p) { p.weights = Eigen::VectorXd::Unit(6, 2); });
  const SimulatedImages<double> p = sample();
  const auto at = [&](const Eigen::MatrixXd& points, const std::vector<int>& origin) {
    static_cast<void>(discrepancy.evaluate(p, points, origin, y));
  };
  EXPECT_THROW(at(random_images(3, 2, 1), {}), Error);
  EXPECT_THROW(at(random_images(4, 2, 1), {0}), Error);
  EXPECT_THROW(at(random_images(4, 2, 1), {0, 6}), Error);
  EXPECT_THROW(at(random_images(4, 2, 1), {-2, 0}), Error);
  EXPECT_THROW(static_cast<void>(discrepancy.evaluate(p, Eigen::MatrixXd(4, 0))), Error);
  EXPECT_THROW(static_cast<void>(discrepancy.observed_term(y.leftCols(1))), Error);
  EXPECT_THROW(
      KernelDiscrepancy<double>(reference, energy_kernel(), {.variance = 1, .integrated = true}),
      Error);
}

}  // namespace
}  // namespace cryosip

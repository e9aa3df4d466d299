#include "libcryosip/discrepancy/likelihood.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"
#include "tests/support/random_images.hpp"

namespace cryosip {
namespace {

Eigen::VectorXd random_vector(Eigen::Index size, std::uint64_t index) {
  RandomStream stream(9, StreamPurpose::Test, index);
  return Eigen::VectorXd::NullaryExpr(size, [&] { return stream.normal(); });
}

constexpr double kVariance = 0.7;

// log p(y|x) in double precision, up to the same term of y.
double log_likelihood(const Eigen::VectorXd& y,
                      const Eigen::VectorXd& c,
                      const Eigen::VectorXd& x) {
  const Eigen::VectorXd seen = c.cwiseProduct(x);
  return -((seen - y).squaredNorm() - y.squaredNorm()) / (2 * kVariance);
}

class Likelihood : public ::testing::Test {
 protected:
  Eigen::VectorXd y_ = random_vector(12, 1);
  Eigen::VectorXd c_ = random_vector(12, 2);
  Eigen::VectorXd x_ = random_vector(12, 3);
  ImageLikelihood likelihood_{y_.cast<float>(), c_.cast<float>(), kVariance};
};

TEST_F(Likelihood, IsThatOfWhiteNoise) {
  const double expected = log_likelihood(y_, c_, x_);

  // Single precision of a dozen terms.
  EXPECT_NEAR(
      likelihood_.log_likelihood(x_.cast<float>()), expected, 1e-6 * 12 * std::abs(expected));
}

TEST_F(Likelihood, IsLargestWhereTheImageFits) {
  const Eigen::VectorXd fits = y_.cwiseQuotient(c_);
  const double best = likelihood_.log_likelihood(fits.cast<float>());

  EXPECT_NEAR(best, y_.squaredNorm() / (2 * kVariance), 1e-5 * best);
  EXPECT_LT(likelihood_.log_likelihood((fits + 0.1 * x_).cast<float>()), best);
}

TEST_F(Likelihood, GradientAgreesWithDifferencesOfTheFormula) {
  Eigen::VectorXf gradient(12);
  likelihood_.gradient(x_.cast<float>(), 0.25, gradient);

  constexpr double kStep = 1e-4;  // exact for a quadratic, but for rounding
  for (Eigen::Index k = 0; k < 12; ++k) {
    Eigen::VectorXd up = x_;
    Eigen::VectorXd down = x_;
    up(k) += kStep;
    down(k) -= kStep;
    const double difference =
        (log_likelihood(y_, c_, up) - log_likelihood(y_, c_, down)) / (2 * kStep);
    EXPECT_NEAR(gradient(k), 0.25 * difference, 1e-5);
  }
}

TEST_F(Likelihood, LeavesOutCoefficientsWithoutTransfer) {
  c_(2) = 0;
  c_(8) = 0;
  const ImageLikelihood likelihood(y_.cast<float>(), c_.cast<float>(), kVariance);
  Eigen::VectorXf gradient(12);
  likelihood.gradient(x_.cast<float>(), 1, gradient);
  Eigen::VectorXd other = x_;
  other(2) += 100;
  other(8) -= 100;

  EXPECT_EQ(gradient(2), 0);
  EXPECT_EQ(gradient(8), 0);
  EXPECT_EQ(likelihood.log_likelihood(x_.cast<float>()),
            likelihood.log_likelihood(other.cast<float>()));
}

// The pose integrated over by quadrature: u on a grid, its law N(0, I), x + J (u - offset) seen.
class SlackLikelihood : public Likelihood {
 protected:
  struct Integral {
    double log_likelihood = 0;
    Eigen::Vector2d mean;
    double overlap = 0;
    double norm = 0;
  };
  [[nodiscard]] Integral integral(const Eigen::VectorXd& x) const {
    constexpr double kReach = 8;
    constexpr int kPoints = 321;
    constexpr double kSpacing = 2 * kReach / (kPoints - 1);
    Integral result{0, Eigen::Vector2d::Zero()};
    double sum = 0;
    for (int a = 0; a < kPoints; ++a) {
      for (int b = 0; b < kPoints; ++b) {
        const Eigen::Vector2d u(a * kSpacing - kReach, b * kSpacing - kReach);
        const Eigen::VectorXd seen = x + directions_ * (u - offset_);
        const double density = std::exp(-u.squaredNorm() / 2) / (2 * kPi) * kSpacing * kSpacing *
                               std::exp(log_likelihood(y_, c_, seen));
        sum += density;
        result.mean += density * u;
        result.overlap += density * c_.cwiseProduct(seen).dot(y_) / kVariance;
        result.norm += density * c_.cwiseProduct(seen).squaredNorm() / kVariance;
      }
    }
    result.log_likelihood = std::log(sum);
    result.mean /= sum;
    result.overlap /= sum;
    result.norm /= sum;
    return result;
  }

  Eigen::MatrixXd directions_ = [] {
    Eigen::MatrixXd directions(12, 2);
    directions << 0.3 * random_vector(12, 4), 0.5 * random_vector(12, 5);
    return directions;
  }();
  Eigen::Vector2d offset_{0.4, -0.7};
  ImageLikelihood slack_{
      y_.cast<float>(), c_.cast<float>(), kVariance, {directions_.cast<float>(), offset_}};
};

TEST_F(SlackLikelihood, IsTheIntegralOverThePose) {
  const Integral expected = integral(x_);
  const ImageLikelihood::Fit fit = slack_.fit(x_.cast<float>());

  // Single precision of the drawing and its directions.
  EXPECT_NEAR(fit.log_likelihood(), expected.log_likelihood, 1e-5);
  EXPECT_NEAR(fit.overlap, expected.overlap, 1e-5);
  EXPECT_NEAR(fit.norm, expected.norm, 1e-5);
  EXPECT_LT((slack_.pose(x_.cast<float>()) - expected.mean).norm(), 1e-5);
}

TEST_F(SlackLikelihood, GradientAgreesWithDifferencesOfTheIntegral) {
  Eigen::VectorXf gradient(12);
  slack_.gradient(x_.cast<float>(), 0.25, gradient);

  constexpr double kStep = 1e-3;  // exact for a quadratic, but for rounding
  for (Eigen::Index k = 0; k < 12; ++k) {
    const Eigen::VectorXd step = kStep * Eigen::VectorXd::Unit(12, k);
    const double difference =
        (integral(x_ + step).log_likelihood - integral(x_ - step).log_likelihood) / (2 * kStep);
    EXPECT_NEAR(gradient(k), 0.25 * difference, 1e-5);
  }
}

TEST(Responsibilities, AreBayesFormula) {
  const Eigen::Vector3d values =
      responsibilities(
          Eigen::Vector3d(0, std::log(2.0), std::log(3.0)), Eigen::Vector3d(0.5, 0.3, 0.2), 1)
          .values;

  EXPECT_NEAR(values(0), 0.5 / 1.7, 1e-15);
  EXPECT_NEAR(values(1), 0.6 / 1.7, 1e-15);
  EXPECT_NEAR(values(2), 0.6 / 1.7, 1e-15);
}

TEST(Responsibilities, DivideTheLogLikelihoodByTheTemperature) {
  const Responsibilities warm =
      responsibilities(Eigen::Vector2d(0, 2), Eigen::Vector2d(0.5, 0.5), 2);

  EXPECT_NEAR(warm.values(1) / warm.values(0), std::exp(1.0), 1e-14);
  EXPECT_NEAR(warm.log_evidence, std::log(0.5 * (1 + std::exp(1.0))), 1e-14);
}

TEST(Responsibilities, StayFiniteForHugeValues) {
  for (const double huge : {1e6, -1e6, 1e300, -1e300}) {
    const Responsibilities result =
        responsibilities(Eigen::Vector3d(huge, huge, huge - std::abs(huge) / 2),
                         Eigen::Vector3d(0.25, 0.25, 0.5),
                         1);

    EXPECT_NEAR(result.values(0), 0.5, 1e-12) << huge;
    EXPECT_NEAR(result.values(1), 0.5, 1e-12) << huge;
    EXPECT_EQ(result.values(2), 0) << huge;
    EXPECT_NEAR(result.log_evidence, huge + std::log(0.5), 1e-9 * std::abs(huge));
  }
}

TEST(Responsibilities, OfAConformationWithoutWeightAreZeroHoweverWellItFits) {
  const Responsibilities result =
      responsibilities(Eigen::Vector3d(1e6, 0, 1), Eigen::Vector3d(0, 0.5, 0.5), 1);

  EXPECT_EQ(result.values(0), 0);
  EXPECT_NEAR(result.values.sum(), 1, 1e-15);
  EXPECT_NEAR(result.log_evidence, std::log(0.5 * (1 + std::exp(1.0))), 1e-14);
}

class DrawnPoses : public ::testing::Test {
 protected:
  static constexpr Eigen::Index kSize = 5;
  static constexpr double kTemperature = 2;

  SimulatedImages<double> p_{.images = testing::random_images(kSize, 4, 1),
                             .weights = testing::random_weights(4, 2),
                             .conformation = {},
                             .nuisance = {}};
  Eigen::MatrixXd y_ = testing::random_images(kSize, 6, 3);
  Eigen::MatrixXd c_ = testing::random_images(kSize, 6, 4);
  ReferencePairEngine<double> engine_;

  [[nodiscard]] DiscrepancyResult evaluate(const SimulatedImages<double>& p) const {
    return drawn_pose_likelihood(engine_, p, y_, c_, kVariance, kTemperature);
  }
};

TEST_F(DrawnPoses, AreTheFormulaWrittenOut) {
  const DiscrepancyResult result = evaluate(p_);

  double value = 0;
  Eigen::VectorXd variation = Eigen::VectorXd::Zero(4);
  for (Eigen::Index j = 0; j < 6; ++j) {
    Eigen::VectorXd likelihoods(4);
    for (Eigen::Index i = 0; i < 4; ++i) {
      likelihoods(i) =
          std::exp(-(c_.col(j).cwiseProduct(p_.images.col(i)) - y_.col(j)).squaredNorm() /
                   (2 * kTemperature * kVariance));
    }
    const double evidence = likelihoods.dot(p_.weights);
    value -= std::log(evidence) / 6;
    variation -= likelihoods / evidence / 6;
  }
  EXPECT_NEAR(result.value, value, 1e-13);
  EXPECT_LT((result.first_variation - variation).norm(), 1e-13);
  EXPECT_EQ(result.log_scale, 0);
}

TEST_F(DrawnPoses, GradientTimesWeightAgreesWithDifferencesOfTheValue) {
  const DiscrepancyResult result = evaluate(p_);
  constexpr double kStep = 1e-5;
  for (Eigen::Index i = 0; i < p_.images.size(); ++i) {
    SimulatedImages<double> up = p_;
    SimulatedImages<double> down = p_;
    up.images(i) += kStep;
    down.images(i) -= kStep;
    const double difference = (evaluate(up).value - evaluate(down).value) / (2 * kStep);
    EXPECT_NEAR(p_.weights(i / kSize) * result.gradient(i), difference, 1e-9);
  }
}

TEST_F(DrawnPoses, AgreeWithTheLikelihoodOfOneImageAtATime) {
  const Eigen::MatrixXd transfer = testing::random_images(6, 6, 5);
  const Eigen::MatrixXd y = testing::random_images(6, 6, 6);
  p_.images = testing::random_images(6, 4, 7);
  double expected = 0;
  for (Eigen::Index j = 0; j < 6; ++j) {
    const ImageLikelihood likelihood(
        y.col(j).cast<float>(), transfer.col(j).cast<float>(), kVariance);
    Eigen::VectorXd logs(4);
    for (Eigen::Index i = 0; i < 4; ++i) {
      logs(i) = likelihood.log_likelihood(p_.images.col(i).cast<float>());
    }
    expected -= (responsibilities(logs, p_.weights, kTemperature).log_evidence -
                 y.col(j).squaredNorm() / (2 * kTemperature * kVariance)) /
                6;
  }

  EXPECT_NEAR(drawn_pose_likelihood(engine_, p_, y, transfer, kVariance, kTemperature).value,
              expected,
              1e-5 * expected);
}

TEST_F(DrawnPoses, RefuseWhatMakesNoSense) {
  const auto evaluate_with =
      [&](const Eigen::MatrixXd& transfer, double variance, double temperature) {
        static_cast<void>(drawn_pose_likelihood(engine_, p_, y_, transfer, variance, temperature));
      };
  EXPECT_THROW(evaluate_with(c_.leftCols(5), 1, 1), Error);
  EXPECT_THROW(evaluate_with(c_.topRows(4), 1, 1), Error);
  EXPECT_THROW(evaluate_with(c_, 0, 1), Error);
  EXPECT_THROW(evaluate_with(c_, 1, -1), Error);
  p_.weights *= 2;
  EXPECT_THROW(evaluate_with(c_, 1, 1), Error);
}

}  // namespace
}  // namespace cryosip

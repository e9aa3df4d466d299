#include "libcryosip/discrepancy/likelihood.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "libcryosip/core/random.hpp"

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

}  // namespace
}  // namespace cryosip

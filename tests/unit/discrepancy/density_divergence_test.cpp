#include "libcryosip/discrepancy/density_divergence.hpp"

#include <array>
#include <cmath>
#include <string>

#include <boost/math/distributions/normal.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"
#include "tests/support/random_images.hpp"

namespace cryosip {
namespace {

using ::cryosip::testing::equally_weighted;
using ::cryosip::testing::random_images;
using ::cryosip::testing::random_weights;
using ::testing::HasSubstr;

const ReferencePairEngine<double> reference;
constexpr PixelNoise kDrawn{};

struct NamedF {
  const char* name;
  double (*f)(double);
};

constexpr std::array kDivergences = {
    NamedF{"kl", [](double u) { return u * std::log(u); }},
    NamedF{"reverse-kl", [](double u) { return u - 1 - std::log(u); }},
    NamedF{"chi-squared", [](double u) { return u * u - u; }},
    NamedF{"hellinger", [](double u) { return u - std::sqrt(u); }},
    NamedF{"jensen-shannon",
           [](double u) { return (u * std::log(u) - (1 + u) * std::log((1 + u) / 2)) / 2; }}};

TEST(FDivergence, FunctionsAreThoseOfF) {
  for (const NamedF& known : kDivergences) {
    const FDivergence& divergence = find_divergence(known.name);
    EXPECT_EQ(known.f(1), 0) << known.name;
    for (const double u : {0.01, 0.3, 1.0, 2.5, 40.0}) {
      const double step = 1e-4 * u;
      const double first = (known.f(u + step) - known.f(u - step)) / (2 * step);
      const double second =
          (known.f(u + step) - 2 * known.f(u) + known.f(u - step)) / (step * step);
      const double l = std::log(u);
      EXPECT_NEAR(divergence.sample_term(l), known.f(u) / u, 1e-12 * (1 + 1 / u)) << known.name;
      EXPECT_NEAR(divergence.first_variation(l), first, 1e-6 * (1 + std::abs(first))) << known.name;
      EXPECT_NEAR(divergence.slope(l), second * u, 1e-6 * (1 + second * u)) << known.name;
    }
  }
}

TEST(FDivergence, BetweenGaussiansHasItsClosedForm) {
  // p = N(0, 1), q = N(m, s^2), s^2 > 1/2; the mean of sample_term over p by the trapezoidal rule.
  constexpr double kM = 0.5;
  constexpr double kS = 1.2;
  const auto divergence = [&](const char* name) {
    const FDivergence& f = find_divergence(name);
    double sum = 0;
    constexpr double kStep = 0.01;
    for (int i = -1500; i <= 1500; ++i) {
      const double y = i * kStep;
      const double log_p = -y * y / 2;
      const double log_q = -(y - kM) * (y - kM) / (2 * kS * kS) - std::log(kS);
      sum += kStep / std::sqrt(2 * kPi) * std::exp(log_p) * f.sample_term(log_p - log_q);
    }
    return sum;
  };
  const double s2 = kS * kS;
  const double m2 = kM * kM;

  EXPECT_NEAR(divergence("kl"), std::log(kS) + (1 + m2) / (2 * s2) - 0.5, 1e-12);
  EXPECT_NEAR(divergence("reverse-kl"), -std::log(kS) + (s2 + m2) / 2 - 0.5, 1e-12);
  EXPECT_NEAR(divergence("hellinger"),
              1 - std::sqrt(2 * kS / (1 + s2)) * std::exp(-m2 / (4 * (1 + s2))),
              1e-12);
  // Integral of p^2 / q.
  EXPECT_NEAR(divergence("chi-squared"),
              s2 / std::sqrt(2 * s2 - 1) * std::exp(m2 / (2 * s2 - 1)) - 1,
              1e-12);
  EXPECT_GT(divergence("jensen-shannon"), 0);
  EXPECT_LT(divergence("jensen-shannon"), std::log(2));
}

TEST(FDivergence, RefusesAnotherName) {
  try {
    static_cast<void>(find_divergence("renyi"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Usage);
    EXPECT_THAT(error.what(), HasSubstr("'renyi'"));
    EXPECT_THAT(error.what(), HasSubstr("jensen-shannon"));
  }
}

TEST(SilvermanBandwidth, IsTheRuleWrittenOut) {
  Eigen::MatrixXd images(2, 3);
  images << 1, 2, 3, 0, 0, 6;  // variances 1 and 12

  EXPECT_NEAR(
      silverman_bandwidth(images), std::sqrt(6.5) * std::pow(4.0 / (4 * 3), 1.0 / 6), 1e-14);
}

TEST(SilvermanBandwidth, OfTheOneDimensionalSystemIsNearThePapers) {
  // 1/2 N(-1.2, 0.45^2) + 1/2 N(1.2, 0.45^2) with noise of sigma 0.3; the paper (4.1) has 0.3496.
  const Eigen::MatrixXd normal = random_images(1, 1000, 1);
  Eigen::MatrixXd images = normal * std::sqrt(0.45 * 0.45 + 0.3 * 0.3);
  images.leftCols(500).array() -= 1.2;
  images.rightCols(500).array() += 1.2;

  EXPECT_NEAR(silverman_bandwidth(images), 0.35, 0.01);
}

TEST(SilvermanBandwidth, RefusesWhatHasNone) {
  EXPECT_THROW(static_cast<void>(silverman_bandwidth(Eigen::MatrixXd(2, 1))), Error);
  EXPECT_THROW(static_cast<void>(silverman_bandwidth(Eigen::MatrixXd(Eigen::MatrixXd::Ones(2, 4)))),
               Error);
}

// Equally probable places of a Gaussian: an average over them is almost an integral.
Eigen::MatrixXd quantiles(double mean, double sigma, int count) {
  const boost::math::normal law(mean, sigma);
  Eigen::MatrixXd places(1, count);
  for (int i = 0; i < count; ++i) {
    places(0, i) = quantile(law, (i + 0.5) / count);
  }
  return places;
}

class Gaussians : public ::testing::Test {
 protected:
  static constexpr double kMean = 0.5;
  static constexpr double kSigma = 1.2;
  static constexpr double kBandwidth = 0.3;
  static constexpr int kCount = 1000;
  static constexpr double kPVariance = 1 + kBandwidth * kBandwidth;
  static constexpr double kQVariance = kSigma * kSigma + kBandwidth * kBandwidth;

  SimulatedImages<double> p_ = equally_weighted(quantiles(0, 1, kCount));
  Eigen::MatrixXd q_ = quantiles(kMean, kSigma, kCount);
  BlockedPairEngine<double> engine_;
};

TEST_F(Gaussians, FirstVariationIsThatOfTheSmoothedDensities) {
  Eigen::MatrixXd points(1, 4);
  points << -1, 0, 0.7, 1.5;
  for (const NamedF& known : kDivergences) {
    const FDivergence& f = find_divergence(known.name);
    const DiscrepancyResult result =
        DensityDivergence<double>(engine_, f, kBandwidth, kDrawn).evaluate(p_, points, {}, q_);
    for (Eigen::Index i = 0; i < 4; ++i) {
      const double y = points(i);
      const double l = -y * y / (2 * kPVariance) + (y - kMean) * (y - kMean) / (2 * kQVariance) +
                       std::log(kQVariance / kPVariance) / 2;
      const double pull = -y / kPVariance + (y - kMean) / kQVariance;
      EXPECT_NEAR(result.first_variation(i), f.first_variation(l), 2e-3) << known.name;
      EXPECT_NEAR(result.gradient(i), f.slope(l) * pull, 4e-3) << known.name;
    }
  }
}

TEST_F(Gaussians, KullbackLeiblerIsTheSmoothedDensities) {
  // E_p log p_h / q_h; leaving out the image itself costs about 1 / (n h).
  const double expected = std::log(kQVariance / kPVariance) / 2 - 1 / (2 * kPVariance) +
                          (1 + kMean * kMean) / (2 * kQVariance);

  const DiscrepancyResult result =
      DensityDivergence<double>(engine_, find_divergence("kl"), kBandwidth, kDrawn)
          .evaluate(p_, q_);

  EXPECT_NEAR(result.value, expected, 3 / (kCount * kBandwidth));
  EXPECT_GT(expected, 0.07);
}

TEST_F(Gaussians, IntegratedNoiseIsAWiderDensity) {
  // p of noise-free N(0, 0.8^2) and noise of variance 0.36 is N(0, 1).
  const SimulatedImages<double> clean = equally_weighted(quantiles(0, 0.8, kCount));
  const PixelNoise noise{.variance = 0.36, .degrees_of_freedom = 1, .integrated = true};
  Eigen::MatrixXd noisy = clean.images;
  RandomStream stream(3, StreamPurpose::Test, 1);
  for (Eigen::Index i = 0; i < noisy.size(); ++i) {
    noisy(i) += 0.6 * stream.normal();
  }
  const DensityDivergence<double> divergence(engine_, find_divergence("kl"), kBandwidth, noise);

  const DiscrepancyResult result = divergence.evaluate(clean, noisy, own_origins(kCount), q_);

  const auto log_ratio = [&](double y) {
    return -y * y / (2 * kPVariance) + (y - kMean) * (y - kMean) / (2 * kQVariance) +
           std::log(kQVariance / kPVariance) / 2;
  };
  EXPECT_NEAR(result.value, noisy.unaryExpr(log_ratio).mean(), 3 / (kCount * kBandwidth));
  EXPECT_NEAR(result.first_variation(kCount / 2), log_ratio(noisy(kCount / 2)) + 1, 3e-3);
  EXPECT_THROW(static_cast<void>(divergence.evaluate(clean, q_)), Error);
  EXPECT_THROW(static_cast<void>(divergence.evaluate(clean, noisy, {}, q_)), Error);
}

// Images of two coefficients in groups, and points of theirs.
class Groups : public ::testing::Test {
 protected:
  SimulatedImages<double> p_{.images = random_images(2, 6, 21),
                             .weights = random_weights(6, 22),
                             .conformation = {0, 0, 1, 1, 2, 2},
                             .nuisance = {0, 1, 0, 2, 3, 1}};
  Eigen::MatrixXd y_ = random_images(2, 8, 23).array() + 0.3;
  Eigen::MatrixXd points_ = random_images(2, 5, 24);
  std::vector<int> origin_ = {0, 3, 3, 5, 1};

  // log of the density of p at a point of that origin, by the formula.
  [[nodiscard]] double log_p(const Eigen::VectorXd& point, int origin, double variance) const {
    double sum = 0;
    double weight = 0;
    for (Eigen::Index b = 0; b < 6; ++b) {
      const auto at = static_cast<std::size_t>(b);
      const auto from = static_cast<std::size_t>(origin);
      if (p_.conformation[at] != p_.conformation[from] && p_.nuisance[at] != p_.nuisance[from]) {
        weight += p_.weights(b);
        sum += p_.weights(b) *
               std::exp(-(point - p_.images.col(b)).squaredNorm() / (2 * variance)) /
               (2 * kPi * variance);
      }
    }
    return std::log(sum / weight);
  }
  [[nodiscard]] double log_q(const Eigen::VectorXd& point, double variance) const {
    double sum = 0;
    for (Eigen::Index j = 0; j < 8; ++j) {
      sum +=
          std::exp(-(point - y_.col(j)).squaredNorm() / (2 * variance)) / (2 * kPi * variance) / 8;
    }
    return std::log(sum);
  }
};

TEST_F(Groups, EqualTheFormulasWrittenOut) {
  constexpr double kBandwidth = 0.9;
  constexpr double kVariance = kBandwidth * kBandwidth;
  for (const NamedF& known : kDivergences) {
    const FDivergence& f = find_divergence(known.name);
    const DiscrepancyResult drawn =
        DensityDivergence<double>(reference, f, kBandwidth, kDrawn).evaluate(p_, y_);
    const DiscrepancyResult integrated =
        DensityDivergence<double>(reference,
                                  f,
                                  kBandwidth,
                                  {.variance = 0.4, .degrees_of_freedom = 2, .integrated = true})
            .evaluate(p_, points_, origin_, y_);

    double value = 0;
    for (int a = 0; a < 6; ++a) {
      const Eigen::VectorXd x = p_.images.col(a);
      const double l = log_p(x, a, kVariance) - log_q(x, kVariance);
      value += p_.weights(a) * f.sample_term(l);
      EXPECT_NEAR(drawn.first_variation(a), f.first_variation(l), 1e-12);
    }
    EXPECT_NEAR(drawn.value, value, 1e-12);
    // Points 1 and 2 are of one image, whose weight they share; image 2 and 4 have no point.
    double noisy = 0;
    double total = 0;
    for (Eigen::Index i = 0; i < 5; ++i) {
      const int from = origin_[static_cast<std::size_t>(i)];
      const Eigen::VectorXd x = points_.col(i);
      const double l = log_p(x, from, kVariance + 0.4) - log_q(x, kVariance);
      const double weight = p_.weights(from) / (from == 3 ? 2 : 1);
      noisy += weight * f.sample_term(l);
      total += weight;
      EXPECT_NEAR(integrated.first_variation(i), f.first_variation(l), 1e-12);
    }
    EXPECT_NEAR(integrated.value, noisy / total, 1e-12);
  }
}

TEST_F(Groups, GradientAgreesWithDifferencesOfTheFirstVariation) {
  constexpr double kStep = 1e-5;
  for (const NamedF& known : kDivergences) {
    for (const PixelNoise& noise :
         {kDrawn, PixelNoise{.variance = 0.4, .degrees_of_freedom = 2, .integrated = true}}) {
      const DensityDivergence<double> divergence(reference, find_divergence(known.name), {}, noise);
      const DiscrepancyResult result = divergence.evaluate(p_, points_, origin_, y_);
      for (Eigen::Index row = 0; row < 2; ++row) {
        Eigen::MatrixXd up = points_;
        Eigen::MatrixXd down = points_;
        up.row(row).array() += kStep;
        down.row(row).array() -= kStep;
        const Eigen::VectorXd difference =
            (divergence.evaluate(p_, up, origin_, y_).first_variation -
             divergence.evaluate(p_, down, origin_, y_).first_variation) /
            (2 * kStep);
        EXPECT_LT((result.gradient.row(row).transpose() - difference).norm(),
                  1e-7 * (1 + difference.norm()));
      }
    }
  }
}

TEST_F(Groups, AtTheImagesThemselvesAreAtPointsOfThatOrigin) {
  const DensityDivergence<double> divergence(reference, find_divergence("kl"), 0.8, kDrawn);

  const DiscrepancyResult themselves = divergence.evaluate(p_, y_);
  const DiscrepancyResult points = divergence.evaluate(p_, p_.images, own_origins(6), y_);

  EXPECT_EQ(themselves.value, points.value);
  EXPECT_EQ(themselves.first_variation, points.first_variation);
  EXPECT_EQ(themselves.gradient, points.gradient);
  EXPECT_EQ(divergence.observed_term(y_), 0);
}

TEST(DensityDivergence, IsTheSameOnBothEngines) {
  for (const Eigen::Index size : {1, 3, 10}) {
    SimulatedImages<float> p;
    p.images = random_images(size, 80, 31).cast<float>();
    p.weights = random_weights(80, 32);
    const Eigen::MatrixXf y = (random_images(size, 70, 33).array() + 0.2).cast<float>();
    const BlockedPairEngine<float> fast;
    const ReferencePairEngine<float> slow;
    for (const NamedF& known : kDivergences) {
      const FDivergence& f = find_divergence(known.name);
      const DiscrepancyResult one = DensityDivergence<float>(fast, f, {}, kDrawn).evaluate(p, y);
      const DiscrepancyResult other = DensityDivergence<float>(slow, f, {}, kDrawn).evaluate(p, y);
      EXPECT_NEAR(one.value, other.value, 1e-5 * std::abs(other.value)) << known.name;
      EXPECT_LT((one.first_variation - other.first_variation).norm(),
                1e-5 * other.first_variation.norm());
      EXPECT_LT((one.gradient - other.gradient).norm(), 1e-5 * other.gradient.norm());
    }
  }
}

TEST(DensityDivergence, SaysSoWhereTheDensitiesDoNotOverlap) {
  const SimulatedImages<double> p = equally_weighted(random_images(2, 6, 41));
  const Eigen::MatrixXd y = random_images(2, 6, 42).array() + 100;
  const DensityDivergence<double> divergence(
      reference, find_divergence("chi-squared"), 0.5, kDrawn);

  try {
    static_cast<void>(divergence.evaluate(p, y));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Numerical);
    EXPECT_THAT(error.what(), HasSubstr("chi-squared"));
    EXPECT_THAT(error.what(), HasSubstr("bandwidth"));
  }
  // KL only needs the logarithm.
  EXPECT_TRUE(std::isfinite(DensityDivergence<double>(reference, find_divergence("kl"), 0.5, kDrawn)
                                .evaluate(p, y)
                                .value));
}

TEST(DensityDivergence, RefusesWhatMakesNoSense) {
  const FDivergence& kl = find_divergence("kl");
  EXPECT_THROW(DensityDivergence<double>(reference, kl, 0, kDrawn), Error);
  EXPECT_THROW(DensityDivergence<double>(reference, kl, 1, {.variance = -1}), Error);
  SimulatedImages<double> p = equally_weighted(random_images(2, 3, 51));
  p.conformation = {0, 0, 0};
  EXPECT_THROW(
      static_cast<void>(
          DensityDivergence<double>(reference, kl, 1, kDrawn).evaluate(p, random_images(2, 4, 52))),
      Error);
}

}  // namespace
}  // namespace cryosip

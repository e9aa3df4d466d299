#include "libcryosip/discrepancy/pair_function.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include <boost/math/distributions/non_central_chi_squared.hpp>
#include <boost/math/special_functions/gamma.hpp>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

// The kernels as kernel.hpp writes them.
double formula(const Kernel& kernel, double r) {
  double sum = 0;
  for (const KernelTerm& term : kernel) {
    const double h = term.bandwidth;
    switch (term.kind) {
      case KernelKind::Gaussian:
        sum += term.weight * std::exp(-r * r / (2 * h * h));
        break;
      case KernelKind::Laplace:
        sum += term.weight * std::exp(-r / h);
        break;
      case KernelKind::InverseMultiquadric:
        sum += term.weight * std::pow(1 + r * r / (h * h), -term.exponent);
        break;
      case KernelKind::Riesz:
        sum -= term.weight * std::pow(r, term.exponent);
        break;
    }
  }
  return sum;
}

// E k(|z + xi|): |z + xi|^2 / v is noncentral chi-squared.  By the trapezoidal rule in its
// logarithm.
double by_quadrature(const Kernel& kernel, double t, double variance, double degrees_of_freedom) {
  const boost::math::non_central_chi_squared law(degrees_of_freedom, t / variance);
  const double mean = degrees_of_freedom + t / variance;
  const double sigma = std::sqrt(2 * (degrees_of_freedom + 2 * t / variance));
  const double begin = std::log(std::max(1e-26, mean - 10 * sigma));
  const double end = std::log(mean + 16 * sigma + 40);
  const double step = std::min(0.1, sigma / mean / 3);
  double sum = 0;
  for (double x = begin; x < end; x += step) {
    const double square = std::exp(x);
    sum += step * square * pdf(law, square) * formula(kernel, std::sqrt(variance * square));
  }
  return sum;
}

// 1F1(a; b; -z), b > a, z > 0, by Kummer's transformation into a series of positive terms.
double confluent(double a, double b, double z) {
  long double term = std::exp(-static_cast<long double>(z));
  long double sum = 0;
  for (int k = 0; k < 100 || term > 1e-20L * sum; ++k) {
    sum += term;
    term *= (b - a + k) / (b + k) * z / (k + 1);
  }
  return static_cast<double>(sum);
}

constexpr std::array kKernels = {"gaussian",
                                 "laplace",
                                 "imq",
                                 "imq:2:1.7",
                                 "riesz:0.3",
                                 "energy",
                                 "riesz:1.9",
                                 "0.3*gaussian:0.5+2*laplace:2+imq:0.4+0.2*riesz:1.5"};

TEST(PairFunction, WithoutNoiseIsTheKernel) {
  for (const char* text : kKernels) {
    const Kernel kernel = parse_kernel(text);
    for (const double r : {0.0, 0.1, 1.0, 3.0}) {
      EXPECT_NEAR(PairFunction(kernel, 0, 0)(r * r).value, formula(kernel, r), 1e-14) << text << r;
    }
  }
}

TEST(PairFunction, OfTheDistanceInOneDimensionIsTheFoldedNormalsMean) {
  const double v = 0.3;
  const PairFunction k(energy_kernel(), v, 1);
  for (const double z : {0.0, 1e-3, 0.2, 0.7, 2.0, 10.0, 1000.0}) {
    const double expected =
        z * std::erf(z / std::sqrt(2 * v)) + std::sqrt(2 * v / kPi) * std::exp(-z * z / (2 * v));
    EXPECT_NEAR(k(z * z).value, -expected, 1e-12 * expected) << z;
    // d/dz = erf(z / sqrt(2 v)) = 2 z d/dt.
    if (z > 0) {
      EXPECT_NEAR(-2 * z * k(z * z).slope, std::erf(z / std::sqrt(2 * v)), 1e-12) << z;
    }
  }
}

TEST(PairFunction, OfARieszKernelIsAConfluentHypergeometricFunction) {
  for (const double m : {1.0, 2.0, 7.0, 50.0, 700.0}) {
    for (const double a : {0.1, 0.5, 1.0, 1.7, 1.99}) {
      const double v = 0.02;
      const PairFunction k({{.kind = KernelKind::Riesz, .exponent = a}}, v, m);
      const double at_zero = std::pow(2 * v, a / 2) / boost::math::tgamma_delta_ratio(m / 2, a / 2);
      for (const double noise_energies : {0.0, 0.01, 0.5, 1.0, 5.0}) {
        const double t = noise_energies * m * v;
        const double expected = -at_zero * confluent(-a / 2, m / 2, t / (2 * v));
        EXPECT_NEAR(k(t).value, expected, 1e-11 * std::abs(expected)) << m << " " << a << " " << t;
      }
    }
  }
}

TEST(PairFunction, OfTheLaplaceKernelInOneDimensionHasItsClosedForm) {
  const double v = 0.3;
  for (const double h : {0.2, 1.0, 30.0}) {
    const PairFunction k({{.kind = KernelKind::Laplace, .bandwidth = h}}, v, 1);
    for (const double z : {0.0, 0.3, 1.0, 3.0}) {
      const auto side = [&](double at) {
        return std::exp(v / (2 * h * h) + at / h) * std::erfc((v / h + at) / std::sqrt(2 * v)) / 2;
      };
      const double expected = side(z) + side(-z);
      EXPECT_NEAR(k(z * z).value, expected, 1e-12) << h << " " << z;
    }
  }
}

TEST(PairFunction, IsTheMeanOverTheNoiseForEveryKernelInAnyDimension) {
  for (const double m : {1.0, 3.0, 30.0, 700.0}) {
    for (const char* text : kKernels) {
      // As wide as the noise is far, so that the kernel matters.
      const double v = 0.4;
      const Kernel kernel = with_common_bandwidth(parse_kernel(text), std::sqrt(m));
      const PairFunction k(kernel, v, m);
      for (const double energies : {0.1, 1.0, 4.0}) {
        const double expected = by_quadrature(kernel, energies * m * v, v, m);
        EXPECT_NEAR(k(energies * m * v).value, expected, 1e-9 * std::abs(expected))
            << text << " m " << m << " at " << energies;
      }
    }
  }
}

TEST(PairFunction, OfANarrowLaplaceKernelKeepsItsDigits) {
  // exp(-R) with R = sqrt(m v) / h up to 45.
  const double m = 200;
  const double v = 0.4;
  for (const double h : {2.0, 0.6, 0.2}) {
    const Kernel kernel{{.kind = KernelKind::Laplace, .bandwidth = h}};
    const double expected = by_quadrature(kernel, 10, v, m);
    EXPECT_NEAR(PairFunction(kernel, v, m)(10).value, expected, 1e-8 * expected) << h;
  }
}

TEST(PairFunction, OfVeryLittleNoiseIsAlmostTheKernel) {
  for (const char* text : kKernels) {
    const Kernel kernel = parse_kernel(text);
    const double expected = formula(kernel, 1.5);
    EXPECT_NEAR(PairFunction(kernel, 1e-9, 4)(2.25).value, expected, 1e-8) << text;
  }
}

TEST(PairFunction, SlopeIsTheDerivative) {
  for (const char* text : kKernels) {
    for (const double variance : {0.0, 0.3}) {
      const PairFunction k(parse_kernel(text), variance, 5, 0.7);
      for (const double t : {0.2, 1.0, 7.0}) {
        constexpr double kStep = 1e-5;
        const double difference = (k(t + kStep).value - k(t - kStep).value) / (2 * kStep);
        EXPECT_NEAR(k(t).slope, difference, 1e-8) << text << " " << variance << " " << t;
      }
    }
  }
}

TEST(PairFunction, AtOnePlaceWithoutNoisePullsInNoDirection) {
  for (const char* text : kKernels) {
    EXPECT_TRUE(std::isfinite(PairFunction(parse_kernel(text), 0, 0)(0).slope)) << text;
  }
}

TEST(PairFunction, KeepsTheRatioOfHeightsThatUnderflow) {
  // (h^2 / (h^2 + v))^(m/2) = (1/5)^500, and with two sides' noise (1/9)^500.
  const Kernel kernel = parse_kernel("gaussian");
  const double log_scale =
      kernel_log_scale(kernel, {.variance = 4, .degrees_of_freedom = 1000, .integrated = true});

  EXPECT_NEAR(log_scale, -500 * std::log(5), 1e-10);
  EXPECT_NEAR(PairFunction(kernel, 4, 1000, log_scale)(0).value, 1, 1e-12);
  EXPECT_NEAR(
      std::log(PairFunction(kernel, 8, 1000, log_scale)(0).value), 500 * std::log(5.0 / 9), 1e-10);
}

TEST(PairFunction, RefusesWhatMakesNoSense) {
  EXPECT_THROW(PairFunction({}, 0, 0), Error);
  EXPECT_THROW(PairFunction(energy_kernel(), -1, 1), Error);
  EXPECT_THROW(PairFunction(energy_kernel(), 1, 0), Error);
  EXPECT_THROW(PairFunction(energy_kernel(), std::nan(""), 1), Error);
}

TEST(PairTable, EqualsTheFunction) {
  Eigen::ArrayXd value;
  Eigen::ArrayXd slope;
  for (const char* text : kKernels) {
    for (const double m : {1.0, 30.0, 700.0}) {
      for (const double variance : {0.0, 0.01}) {
        const PairFunction k(
            with_common_bandwidth(parse_kernel(text), std::sqrt(m) / 3), variance, m);
        const double largest = 3 * m;
        const PairTable table(k, largest);
        // Places of every size, the ends of intervals among them.
        Eigen::ArrayXd t(1001);
        for (Eigen::Index j = 0; j < t.size(); ++j) {
          t(j) = largest * std::pow(static_cast<double>(j) / 1000, 4);
        }
        table.evaluate(t, value, slope);
        for (Eigen::Index j = 0; j < t.size(); ++j) {
          const PairFunction::Value exact = k(t(j));
          // The terms of a sum may cancel.
          const double nearby = std::abs(exact.value) + t(j) * std::abs(exact.slope);
          ASSERT_NEAR(value(j), exact.value, 1e-12 * nearby + 1e-300)
              << text << " " << m << " " << variance << " " << t(j);
          ASSERT_NEAR(slope(j), exact.slope, 1e-11 * std::abs(exact.slope) + 1e-300)
              << text << " " << m << " " << variance << " " << t(j);
        }
      }
    }
  }
}

TEST(PairTable, RefusesDistancesThatAreNotFinite) {
  EXPECT_THROW(
      PairTable(PairFunction(energy_kernel(), 0, 0), std::numeric_limits<double>::infinity()),
      Error);
}

}  // namespace
}  // namespace cryosip

// The variances of sampling methods A, B and C (paper equations 13 to 15), measured on
// f(theta, omega) = a theta + b omega + c theta omega with standard normal theta and omega, for
// which V_theta = a^2, V_omega = b^2, V_thetaomega = c^2.
#include <cmath>
#include <functional>
#include <vector>

#include <gtest/gtest.h>

#include "libcryosip/core/random.hpp"
#include "libcryosip/flow/sampling.hpp"

namespace cryosip {
namespace {

struct Toy {
  double a = 0;
  double b = 0;
  double c = 0;

  [[nodiscard]] double operator()(double theta, double omega) const {
    return a * theta + b * omega + c * theta * omega;
  }
};

Eigen::VectorXd normals(RandomStream& stream, std::size_t count) {
  return Eigen::VectorXd::NullaryExpr(static_cast<Eigen::Index>(count),
                                      [&] { return stream.normal(); });
}

struct Moments {
  double mean = 0;
  double variance = 0;
  double standard_error_of_variance = 0;
};

// Of one estimate, from many.
Moments measure(std::uint64_t name, const std::function<double(RandomStream&)>& estimate) {
  constexpr std::size_t kRepeats = 10000;
  Eigen::ArrayXd values(static_cast<Eigen::Index>(kRepeats));
  for (std::size_t r = 0; r < kRepeats; ++r) {
    RandomStream stream(1, StreamPurpose::Test, name, r);
    values(static_cast<Eigen::Index>(r)) = estimate(stream);
  }
  Moments moments;
  moments.mean = values.mean();
  const Eigen::ArrayXd squares = (values - moments.mean).square();
  moments.variance = squares.sum() / (kRepeats - 1);
  moments.standard_error_of_variance =
      std::sqrt((squares - squares.mean()).square().mean() / kRepeats);
  return moments;
}

// sum of w_i / m f(theta_i, omega_k) over a plan's images, each weight 1 / n.
double estimate_mean(const SamplingPlan& plan, const Toy& f, RandomStream& stream) {
  const Eigen::VectorXd theta = normals(stream, plan.conformations);
  const Eigen::VectorXd omega = normals(stream, plan.distinct_nuisances);
  const Eigen::VectorXd weights =
      plan.weights(Eigen::VectorXd::Constant(theta.size(), 1 / static_cast<double>(theta.size())));
  double sum = 0;
  for (std::size_t p = 0; p < plan.pairs.size(); ++p) {
    sum += weights(static_cast<Eigen::Index>(p)) *
           f(theta(static_cast<Eigen::Index>(plan.pairs[p].conformation)),
             omega(static_cast<Eigen::Index>(plan.pairs[p].nuisance)));
  }
  return sum;
}

double expected_variance(SamplingMethod method, double n, double m, const Toy& f) {
  const double v_theta = f.a * f.a;
  const double v_omega = f.b * f.b;
  const double v_both = f.c * f.c;
  switch (method) {
    case SamplingMethod::A:
      return (v_theta + v_omega + v_both) / n;
    case SamplingMethod::B:
      return v_theta / n + v_omega / m + v_both / (n * m);
    case SamplingMethod::C:
      return v_theta / n + (v_omega + v_both) / (n * m);
  }
  return 0;
}

TEST(SamplingLaw, VariancesAreThoseOfTheFormulas) {
  struct Case {
    SamplingMethod method;
    std::size_t n;
    std::size_t m;
  };
  std::uint64_t name = 0;
  for (const Toy& f : {Toy{1, 1, 1}, Toy{0.3, 1, 0.5}, Toy{1, 0.3, 0.5}, Toy{0, 0, 1}}) {
    for (const Case& c : {Case{SamplingMethod::A, 4, 1},
                          Case{SamplingMethod::A, 24, 1},
                          Case{SamplingMethod::B, 4, 6},
                          Case{SamplingMethod::B, 6, 4},
                          Case{SamplingMethod::B, 8, 1},
                          Case{SamplingMethod::C, 4, 6},
                          Case{SamplingMethod::C, 6, 4},
                          Case{SamplingMethod::C, 8, 1}}) {
      const SamplingPlan plan = sampling_plan({c.method, c.m}, c.n);
      const Moments measured =
          measure(++name, [&](RandomStream& stream) { return estimate_mean(plan, f, stream); });
      const double expected =
          expected_variance(c.method, static_cast<double>(c.n), static_cast<double>(c.m), f);

      const std::string what = "method " + std::to_string(static_cast<int>(c.method)) + ", n " +
                               std::to_string(c.n) + ", m " + std::to_string(c.m) + ", f " +
                               std::to_string(f.a) + " " + std::to_string(f.b) + " " +
                               std::to_string(f.c);
      EXPECT_NEAR(measured.variance, expected, 4 * measured.standard_error_of_variance) << what;
      // Sharp enough to tell the methods from each other.
      EXPECT_LT(measured.standard_error_of_variance, 0.04 * expected) << what;
      EXPECT_NEAR(measured.mean, 0, 4 * std::sqrt(expected / 10000)) << what;
    }
  }
}

// How two given conformations compare: what moves weights from one to the other.
TEST(SamplingLaw, SharedNuisancesLeaveDifferencesOfConformationsTheInteractionAlone) {
  const Toy f{0.7, 1, 0.5};
  constexpr double kFirst = 1.5;
  constexpr double kSecond = -0.5;
  constexpr std::size_t kNuisances = 4;
  const auto difference = [&](SamplingMethod method) {
    const SamplingPlan plan = sampling_plan({method, kNuisances}, 2);
    return measure(100 + static_cast<std::uint64_t>(method), [&, plan](RandomStream& stream) {
      const Eigen::VectorXd omega = normals(stream, plan.distinct_nuisances);
      double sum = 0;
      for (const SamplingPair& pair : plan.pairs) {
        const double w = omega(static_cast<Eigen::Index>(pair.nuisance));
        sum += pair.conformation == 0 ? f(kFirst, w) : -f(kSecond, w);
      }
      return sum / kNuisances;
    });
  };
  // Given theta, f has the variance (b + c theta)^2.
  const double first = f.b + f.c * kFirst;
  const double second = f.b + f.c * kSecond;
  const Moments shared = difference(SamplingMethod::B);
  const Moments own = difference(SamplingMethod::C);

  EXPECT_NEAR(shared.variance,
              (first - second) * (first - second) / kNuisances,
              4 * shared.standard_error_of_variance);
  EXPECT_NEAR(own.variance,
              (first * first + second * second) / kNuisances,
              4 * own.standard_error_of_variance);
  EXPECT_LT(shared.variance, own.variance / 3);
}

}  // namespace
}  // namespace cryosip

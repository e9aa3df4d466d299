#include "libcryosip/discrepancy/pair_function.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstdint>

#include <Eigen/LU>
#include <boost/math/special_functions/gamma.hpp>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

// exp(-40) = 4e-18: what the trapezoidal sums leave out, against what they keep.
constexpr double kNegligible = 40;

// log of the density by log s at which s occurs in the mixture, without noise; x = log s.
double log_density(const KernelTerm& term, double x) {
  const double h2 = term.bandwidth * term.bandwidth;
  if (term.kind == KernelKind::Laplace) {
    return -std::log(2 * term.bandwidth * std::sqrt(kPi)) - x / 2 - std::exp(-x) / (4 * h2);
  }
  if (term.kind == KernelKind::InverseMultiquadric) {
    return term.exponent * (x + std::log(h2)) - h2 * std::exp(x) -
           boost::math::lgamma(term.exponent);
  }
  return std::log(term.exponent / 2) - boost::math::lgamma(1 - term.exponent / 2) -
         term.exponent / 2 * x;
}

// The densities are analytic within |Im x| < pi/2, where a step's error is exp(-pi^2 / step) of
// their growth towards that line.
double quadrature_step(const KernelTerm& term, double noise_energy) {
  constexpr double kStep = 0.25;
  if (term.kind == KernelKind::Laplace) {
    // Grows by exp(R), R = sqrt(noise energy) / h.
    return std::min(kStep, kPi * kPi / (32 + std::sqrt(noise_energy) / term.bandwidth));
  }
  return term.kind == KernelKind::InverseMultiquadric ? kStep / std::sqrt(1 + term.exponent)
                                                      : kStep;
}

}  // namespace

void PairFunction::integrate(const KernelTerm& term,
                             double variance,
                             double degrees_of_freedom,
                             Integral& integral) {
  const double noise_energy = variance * degrees_of_freedom;
  const double step = quadrature_step(term, noise_energy);
  // Over the nodes x_0 + q step.
  const auto log_weight = [&](double x) {
    return std::log(step) + log_density(term, x) -
           degrees_of_freedom / 2 * std::log1p(2 * variance * std::exp(x));
  };
  double begin = 0;
  double end = 0;
  if (term.kind == KernelKind::Riesz) {
    // r^a = a / (2 G(1 - a/2)) times the integral of (1 - exp(-s r^2)) s^(-1 - a/2) ds.  Towards
    // small s the integrand is s^p t, p = 1 - a/2: its sum over all nodes left out is a geometric
    // series.
    constexpr double kFarthest = 1e9;  // t, in noise energies, up to which that is exact
    const double p = 1 - term.exponent / 2;
    begin = -kNegligible / (1 + p) - std::log(kFarthest * noise_energy);
    end = -std::log(noise_energy);
    const double first = log_weight(end);
    while (log_weight(end) > first - kNegligible) {
      end += step;
    }
    const double ratio = std::exp(-p * step);
    integral.linear = -std::exp(log_weight(begin) + begin) * ratio / (1 - ratio);
    integral.constant = -std::pow(2 * variance, term.exponent / 2) /
                        boost::math::tgamma_delta_ratio(degrees_of_freedom / 2, term.exponent / 2);
    integral.minus_one = true;
  } else {
    double peak = -2 * std::log(term.bandwidth);
    while (log_weight(peak + step) > log_weight(peak)) {
      peak += step;
    }
    while (log_weight(peak - step) > log_weight(peak)) {
      peak -= step;
    }
    const double largest = log_weight(peak);
    begin = peak;
    end = peak;
    while (log_weight(begin) > largest - kNegligible) {
      begin -= step;
    }
    while (log_weight(end) > largest - kNegligible) {
      end += step;
    }
  }
  const auto nodes = static_cast<Eigen::Index>((end - begin) / step) + 1;
  integral.weights.resize(nodes);
  integral.rates.resize(nodes);
  for (Eigen::Index q = 0; q < nodes; ++q) {
    const double x = begin + static_cast<double>(q) * step;
    integral.weights(q) = std::exp(log_weight(x));
    integral.rates(q) = 1 / (std::exp(-x) + 2 * variance);
  }
}

PairFunction::PairFunction(const Kernel& kernel,
                           double variance,
                           double degrees_of_freedom,
                           double log_scale)
    : variance_(variance), degrees_of_freedom_(degrees_of_freedom) {
  check_kernel(kernel);
  if (!(variance >= 0) || !std::isfinite(variance) || !std::isfinite(log_scale) ||
      (variance > 0 && (!(degrees_of_freedom > 0) || !std::isfinite(degrees_of_freedom)))) {
    throw Error(ErrorKind::Usage,
                "kernel: expected a noise variance that is not negative and, where there is noise, "
                "a positive number of coefficients that carry it");
  }
  for (const KernelTerm& term : kernel) {
    const double h2 = term.bandwidth * term.bandwidth;
    const double log_weight = std::log(term.weight) - log_scale;
    if (term.kind == KernelKind::Gaussian) {
      const double log_height =
          variance > 0 ? -degrees_of_freedom / 2 * std::log1p(variance / h2) : 0;
      closed_.push_back({term.kind, 0, log_weight + log_height, 1 / (2 * (h2 + variance))});
    } else if (variance == 0) {
      closed_.push_back({term.kind, term.exponent, log_weight, 1 / h2});
    } else {
      Integral& integral = integrals_.emplace_back();
      integrate(term, variance, degrees_of_freedom, integral);
      const double weight = std::exp(log_weight);
      integral.weights *= weight;
      integral.constant *= weight;
      integral.linear *= weight;
    }
  }
}

PairFunction::Value PairFunction::operator()(double t) const {
  Value sum;
  for (const Closed& term : closed_) {
    if (term.kind == KernelKind::Gaussian) {
      const double k = std::exp(term.log_weight - term.rate * t);
      sum.value += k;
      sum.slope -= term.rate * k;
      continue;
    }
    const double weight = std::exp(term.log_weight);
    if (term.kind == KernelKind::InverseMultiquadric) {
      const double base = 1 + term.rate * t;
      const double k = weight * std::pow(base, -term.exponent);
      sum.value += k;
      sum.slope -= term.exponent * term.rate * k / base;
    } else if (term.kind == KernelKind::Laplace) {
      const double r = std::sqrt(term.rate * t);
      const double k = weight * std::exp(-r);
      sum.value += k;
      sum.slope -= t > 0 ? term.rate * k / (2 * r) : 0;
    } else {
      const double k = -weight * std::pow(t, term.exponent / 2);
      sum.value += k;
      sum.slope += t > 0 ? term.exponent / 2 * k / t : 0;
    }
  }
  for (const Integral& term : integrals_) {
    const Eigen::ArrayXd exponentials = (-t * term.rates).exp();
    sum.value += term.constant + term.linear * t;
    sum.value += term.minus_one ? (term.weights * (-t * term.rates).expm1()).sum()
                                : (term.weights * exponentials).sum();
    sum.slope += term.linear - (term.weights * term.rates * exponentials).sum();
  }
  return sum;
}

namespace {

// Intervals of 1 + t / smoothness: 16 to an octave, found from the bits of the number.
constexpr int kIntervalBits = 4;
constexpr int kMantissaBits = 52;
constexpr int kPlaceBits = kMantissaBits - kIntervalBits;
constexpr std::int64_t kExponentOfOne = std::int64_t{1023} << kIntervalBits;
constexpr std::int64_t kPlaceMask = (std::int64_t{1} << kPlaceBits) - 1;
constexpr std::int64_t kOne = std::int64_t{1023} << kMantissaBits;
constexpr Eigen::Index kCoefficients = 9;  // of a polynomial

std::int64_t interval_of(double scaled) {
  return (std::bit_cast<std::int64_t>(scaled) >> kPlaceBits) - kExponentOfOne;
}

double interval_begin(std::int64_t interval) {
  return std::bit_cast<double>((interval + kExponentOfOne) << kPlaceBits);
}

}  // namespace

PairTable::PairTable(const PairFunction& function, double largest) : function_(function) {
  if (!std::isfinite(largest)) {
    throw Error(ErrorKind::Numerical, "the images to be compared are not finite");
  }
  if (function.is_mixture()) {
    tabulate(largest);
  }
}

void PairTable::tabulate(double largest) {
  // Over which no Gaussian that matters changes much: a width s has weight (1 + 2 s v)^(-m/2).
  const double smoothness = function_.variance_ * std::max(8.0, function_.degrees_of_freedom_);
  per_smoothness_ = 1 / smoothness;
  // One more, should rounding carry a distance beyond the largest.
  const Eigen::Index intervals = interval_of(1 + largest * per_smoothness_) + 2;
  // Through the Chebyshev points, as powers.
  Eigen::ArrayXd places(kCoefficients);
  Eigen::MatrixXd powers(kCoefficients, kCoefficients);
  for (Eigen::Index k = 0; k < kCoefficients; ++k) {
    places(k) = std::cos(kPi * (static_cast<double>(k) + 0.5) / static_cast<double>(kCoefficients));
  }
  for (Eigen::Index power = 0; power < kCoefficients; ++power) {
    powers.col(power) = places.pow(static_cast<double>(power));
  }
  const Eigen::PartialPivLU<Eigen::MatrixXd> solver(powers);
  coefficients_.resize(intervals, kCoefficients);
  place_per_t_.resize(intervals);
  parallel_for(static_cast<std::size_t>(intervals), [&](std::size_t index) {
    const auto interval = static_cast<Eigen::Index>(index);
    const double begin = interval_begin(interval);
    const double half = (interval_begin(interval + 1) - begin) / 2;
    Eigen::VectorXd values(kCoefficients);
    for (Eigen::Index k = 0; k < kCoefficients; ++k) {
      values(k) = function_(smoothness * (begin - 1 + half * (1 + places(k)))).value;
    }
    // Slopes are differences, whose digits the common part would take.
    const double middle = values(kCoefficients / 2);
    coefficients_.row(interval) = solver.solve((values.array() - middle).matrix()).transpose();
    coefficients_(interval, 0) += middle;
    place_per_t_(interval) = per_smoothness_ / half;
  });
}

void PairTable::evaluate(const Eigen::ArrayXd& t,
                         Eigen::ArrayXd& value,
                         Eigen::ArrayXd& slope) const {
  value.setZero(t.size());
  slope.setZero(t.size());
  if (place_per_t_.size() == 0) {
    for (const PairFunction::Closed& term : function_.closed_) {
      const double rate = term.rate;
      const double weight = std::exp(term.log_weight);
      if (term.kind == KernelKind::Gaussian) {
        const Eigen::ArrayXd k = (term.log_weight - rate * t).exp();
        value += k;
        slope -= rate * k;
      } else if (term.kind == KernelKind::InverseMultiquadric) {
        const Eigen::ArrayXd base = 1 + rate * t;
        const Eigen::ArrayXd k =
            weight * (term.exponent == 0.5 ? Eigen::ArrayXd(base.rsqrt())
                                           : Eigen::ArrayXd((-term.exponent * base.log()).exp()));
        value += k;
        slope -= term.exponent * rate * k / base;
      } else if (term.kind == KernelKind::Laplace) {
        const Eigen::ArrayXd r = (rate * t).sqrt();
        const Eigen::ArrayXd k = weight * (-r).exp();
        value += k;
        slope -= (t > 0).select(rate * k / (2 * r), 0);
      } else {
        const Eigen::ArrayXd k =
            -weight * (term.exponent == 1 ? Eigen::ArrayXd(t.sqrt())
                                          : Eigen::ArrayXd((term.exponent / 2 * t.log()).exp()));
        value += k;
        slope += (t > 0).select(term.exponent / 2 * k / t, 0);
      }
    }
    return;
  }
  // A few at a time, in places of their own, so that the compiler may take them together.
  constexpr Eigen::Index kLanes = 16;
  const std::int64_t last = place_per_t_.size() - 1;
  std::array<std::int64_t, kLanes> intervals{};
  std::array<double, kLanes> place{};
  std::array<double, kLanes> sum{};
  std::array<double, kLanes> derivative{};
  for (Eigen::Index first = 0; first < t.size(); first += kLanes) {
    const auto lanes = static_cast<std::size_t>(std::min(kLanes, t.size() - first));
    place.fill(0);
    std::copy_n(t.data() + first, lanes, place.begin());
    for (std::size_t j = 0; j < kLanes; ++j) {
      const auto bits = std::bit_cast<std::int64_t>(1 + place[j] * per_smoothness_);
      const std::int64_t interval = (bits >> kPlaceBits) - kExponentOfOne;
      intervals[j] = interval < last ? interval : last;
      place[j] = 2 * std::bit_cast<double>(((bits & kPlaceMask) << kIntervalBits) | kOne) - 3;
    }
    sum.fill(0);
    derivative.fill(0);
    for (Eigen::Index power = kCoefficients - 1; power >= 0; --power) {
      const double* const column = coefficients_.col(power).data();
      for (std::size_t j = 0; j < kLanes; ++j) {
        derivative[j] = derivative[j] * place[j] + sum[j];
        sum[j] = sum[j] * place[j] + column[intervals[j]];
      }
    }
    for (std::size_t j = 0; j < kLanes; ++j) {
      derivative[j] *= place_per_t_.data()[intervals[j]];
    }
    std::copy_n(sum.begin(), lanes, value.data() + first);
    std::copy_n(derivative.begin(), lanes, slope.data() + first);
  }
}

}  // namespace cryosip

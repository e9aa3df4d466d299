// The kernels of pair discrepancies as functions of a squared distance; shared by the engines.
#pragma once

#include <cmath>

#include <Eigen/Core>

#include "formats/error.hpp"
#include "libcryosip/discrepancy/pair_engine.hpp"

namespace cryosip {

/// @throws Error(Usage) as PairEngine::evaluate
inline void check_pair_shapes(Eigen::Index simulated_rows,
                              Eigen::Index simulated,
                              const Eigen::VectorXd& weights,
                              Eigen::Index observed_rows,
                              Eigen::Index observed) {
  if (simulated_rows != observed_rows || weights.size() != simulated || simulated < 2 ||
      observed < 1) {
    throw Error(ErrorKind::Usage,
                "pair engine: expected at least two simulated images with a weight each, at least "
                "one observed image, and equal numbers of coefficients");
  }
  if (!(weights.squaredNorm() < 1)) {
    throw Error(ErrorKind::Usage,
                "pair engine: one simulated image has all the weight, expected two with some");
  }
}

/// How many of a pair's images have their noise integrated out.
enum class NoisySides { One = 1, Two = 2 };

/// s k as a function of r2 = |x - y|^2, and its derivative.
class PairTerm {
 public:
  /// @param coefficients  d, the noise's degrees of freedom
  PairTerm(const PairKernelOptions& options, NoisySides sides, Eigen::Index coefficients)
      : kernel_(options.kernel) {
    if (!(options.noise_variance >= 0) ||
        (kernel_ == PairKernel::Gaussian && !(options.bandwidth > 0))) {
      throw Error(
          ErrorKind::Usage,
          "pair kernel: the bandwidth must be positive and the noise variance not negative");
    }
    const auto d = static_cast<double>(coefficients);
    const double variance = static_cast<int>(sides) * options.noise_variance;
    if (kernel_ == PairKernel::Distance) {
      offset_ = d * variance;
      return;
    }
    const double h2 = options.bandwidth * options.bandwidth;
    width2_ = h2 + variance;
    // (h^2 / (h^2 + v))^(d/2), over the same with one side's noise.
    log_height_ = d / 2 * (std::log(h2 + options.noise_variance) - std::log(h2 + variance));
  }

  struct Value {
    double term;       // s k
    double by_square;  // d(s k) / d(r2)
  };
  [[nodiscard]] Value operator()(double r2) const {
    const double square = r2 > 0 ? r2 : 0;
    if (kernel_ == PairKernel::Distance) {
      const double distance = std::sqrt(square + offset_);
      // Two images at one place without noise pull in no direction.
      return {distance, distance > 0 ? 0.5 / distance : 0};
    }
    const double k = std::exp(log_height_ - square / (2 * width2_));
    return {-k, k / (2 * width2_)};
  }

 private:
  PairKernel kernel_;
  double offset_ = 0;
  double width2_ = 1;
  double log_height_ = 0;
};

}  // namespace cryosip

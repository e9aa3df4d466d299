// A kernel as the engines see it: a function of the squared distance t of two images, with noise
// integrated out.
//
// Every kernel here is a mixture of Gaussians, k(r) = integral of exp(-s r^2) dmu(s); Riesz is one
// up to constants.  White noise of variance v in m coefficients of x - y makes of each
//   E exp(-s |z + xi|^2) = (1 + 2 s v)^(-m/2) exp(-s |z|^2 / (1 + 2 s v)),
// and the trapezoidal rule in log s makes of the integral a sum, exact to about 1e-13.
#pragma once

#include <vector>

#include <Eigen/Core>

#include "libcryosip/discrepancy/kernel.hpp"

namespace cryosip {

/// exp(-log_scale) E k(|z + xi|) as a function of t = |z|^2, for any number of degrees of freedom.
class PairFunction {
 public:
  /// @param variance            v, of the noise integrated out of the difference of two images: one
  ///                            image's, or twice that where both are without; 0: none
  /// @param degrees_of_freedom  m > 0 where v > 0
  /// @throws Error(Usage) a parameter out of range
  PairFunction(const Kernel& kernel,
               double variance,
               double degrees_of_freedom,
               double log_scale = 0);

  struct Value {
    double value = 0;
    double slope = 0;  ///< derivative by t; 0 at t = 0 where it is infinite: two images at one
                       ///< place pull in no direction
  };
  /// By the formulas.  @param t  >= 0
  [[nodiscard]] Value operator()(double t) const;

  /// Whether a table saves time: some term is an integral over Gaussians.
  [[nodiscard]] bool is_mixture() const { return !integrals_.empty(); }

 private:
  friend class PairTable;
  // A term without noise, or a Gaussian one.
  struct Closed {
    KernelKind kind = KernelKind::Gaussian;
    double exponent = 0;
    double log_weight = 0;
    double rate = 0;  // Gaussian: of t in the exponential; others: 1 / h^2
  };
  // A term with noise: constant + linear t + sum_q weights_q f(-rates_q t), f(x) = exp(x), or
  // exp(x) - 1 where the constant is the value at 0.
  struct Integral {
    double constant = 0;
    double linear = 0;
    bool minus_one = false;
    Eigen::ArrayXd weights;
    Eigen::ArrayXd rates;
  };
  static void integrate(const KernelTerm& term,
                        double variance,
                        double degrees_of_freedom,
                        Integral& integral);

  double variance_ = 0;
  double degrees_of_freedom_ = 0;
  std::vector<Closed> closed_;
  std::vector<Integral> integrals_;
};

/// A PairFunction for arrays of squared distances, as fast engines need it.  Closed forms are
/// computed as they stand.  Mixtures are tabulated as polynomials of t on intervals that widen with
/// t, so that a pair costs no transcendental function; value and slope are exact to 1e-11 of their
/// largest magnitude nearby.
class PairTable {
 public:
  /// @param largest  the largest t that will be asked for
  /// @throws Error(Numerical) largest is not finite
  PairTable(const PairFunction& function, double largest);

  /// @param t      (any), >= 0
  /// @param value  (of t's size), set
  /// @param slope  (of t's size), set
  void evaluate(const Eigen::ArrayXd& t, Eigen::ArrayXd& value, Eigen::ArrayXd& slope) const;

 private:
  void tabulate(double largest);

  PairFunction function_;
  double per_smoothness_ = 0;
  Eigen::ArrayXXd coefficients_;  // (intervals, powers of the place within the interval, -1..1)
  Eigen::ArrayXd place_per_t_;    // (intervals): derivative of that place by t
};

}  // namespace cryosip

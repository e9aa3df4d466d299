// Minimising a smooth function of up to some thousand variables by L-BFGS (Nocedal and Wright,
// Numerical Optimization, chapter 7), whose value may carry the rounding of single precision.
#pragma once

#include <cstdint>
#include <functional>

#include <Eigen/Core>

namespace cryosip {

/// Value at a point (n); the gradient (n) is overwritten.  Not finite: the point is out of bounds.
using SmoothFunction =
    std::function<double(const Eigen::VectorXd& point, Eigen::VectorXd& gradient)>;

struct MinimiserOptions {
  std::int64_t iterations = 200;  ///< at most; >= 0
  /// Converged where two iterations after each other lower the value by less, or the next is
  /// expected to; >= 0.
  double tolerance = 1e-6;
  /// Relative rounding of the value, which the tolerance is never taken below; >= 0.
  double rounding = 1e-15;
  int memory = 20;  ///< pairs of moves and gradients that the Hessian is known by; > 0
};

/// One iteration, for a log.
struct MinimiserStep {
  std::int64_t iteration = 0;  ///< counted from 1
  const Eigen::VectorXd& point;
  double value = 0;  ///< after it; lower than before it
  double gradient_norm = 0;
  double move_norm = 0;
  std::int64_t evaluations = 0;  ///< so far
};

enum class MinimiserEnd {
  Converged,   ///< by the tolerance, or no lower value can be found
  Iterations,  ///< as many as were allowed
  Stopped,     ///< by after_iteration
};

struct MinimiserResult {
  Eigen::VectorXd point;
  double value = 0;
  std::int64_t iterations = 0;
  MinimiserEnd end = MinimiserEnd::Converged;
};

/// Every iteration lowers the value as it was computed.  The first step is minus the gradient, so
/// variables should be scaled to make the Hessian near 1.  The latest call of the function need not
/// have been at the point that is returned.
/// @param after_iteration  called after each; false stops
/// @throws Error(Usage)      an option out of range
/// @throws Error(Numerical)  a value that is not finite at the start
MinimiserResult minimise(const SmoothFunction& function,
                         const Eigen::VectorXd& start,
                         const MinimiserOptions& options,
                         const std::function<bool(const MinimiserStep&)>& after_iteration);

}  // namespace cryosip

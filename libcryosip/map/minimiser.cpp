#include "libcryosip/map/minimiser.hpp"

#include <algorithm>
#include <cmath>
#include <stdexcept>
#include <utility>

#include <LBFGS.h>

#include "formats/error.hpp"

namespace cryosip {
namespace {

struct Evaluated {
  Eigen::VectorXd point;
  double value = 0;
  Eigen::VectorXd gradient;
};

// Looks along a direction for a point that satisfies the Wolfe conditions; where rounding, or a
// hostile function, lets none be found, for the lowest point that was seen.
class Search {
 public:
  explicit Search(const SmoothFunction& function) : function_(function) {
    param_.linesearch = LBFGSpp::LBFGS_LINESEARCH_BACKTRACKING_WOLFE;
  }

  /// Moves to a lower point, or returns false and leaves all as it was.
  bool along(const Eigen::VectorXd& direction, Evaluated& at) {
    Evaluated lowest = at;
    const auto watched = [&](const Eigen::VectorXd& point, Eigen::VectorXd& gradient) {
      const double value = evaluate(point, gradient);
      if (value < lowest.value && gradient.allFinite()) {
        lowest = {point, value, gradient};
      }
      return value;
    };
    Evaluated trial = at;
    double step = 1;
    try {
      LBFGSpp::LineSearchBacktracking<double>::LineSearch(
          watched, trial.value, trial.point, trial.gradient, step, direction, at.point, param_);
    } catch (const std::runtime_error&) {
      trial = lowest;
    } catch (const std::logic_error&) {  // not a direction of descent
      return false;
    }
    if (!(trial.value < at.value) || !trial.gradient.allFinite()) {
      return false;
    }
    at = std::move(trial);
    return true;
  }

  double evaluate(const Eigen::VectorXd& point, Eigen::VectorXd& gradient) {
    ++evaluations_;
    return function_(point, gradient);
  }
  [[nodiscard]] std::int64_t evaluations() const { return evaluations_; }

 private:
  const SmoothFunction& function_;
  LBFGSpp::LBFGSParam<double> param_;
  std::int64_t evaluations_ = 0;
};

// The Hessian, as far as the latest moves know it.
class Curvature {
 public:
  Curvature(Eigen::Index variables, int memory)
      : variables_(static_cast<int>(variables)), memory_(memory) {
    forget();
  }

  void forget() {
    matrix_.reset(variables_, memory_);
    knows_ = false;
  }
  [[nodiscard]] bool knows() const { return knows_; }
  void learn(const Eigen::VectorXd& move, const Eigen::VectorXd& change) {
    // A pair of negative or unclear curvature would spoil it.
    constexpr double kClear = 1e-10;
    if (move.dot(change) > kClear * move.norm() * change.norm()) {
      matrix_.add_correction(move, change);
      knows_ = true;
    }
  }
  [[nodiscard]] Eigen::VectorXd descent(const Eigen::VectorXd& gradient) {
    Eigen::VectorXd direction(gradient.size());
    matrix_.apply_Hv(gradient, -1.0, direction);
    return direction;
  }

 private:
  LBFGSpp::BFGSMat<double> matrix_;
  int variables_;
  int memory_;
  bool knows_ = false;
};

}  // namespace

MinimiserResult minimise(const SmoothFunction& function,
                         const Eigen::VectorXd& start,
                         const MinimiserOptions& options,
                         const std::function<bool(const MinimiserStep&)>& after_iteration) {
  if (options.iterations < 0 || !(options.tolerance >= 0) || !(options.rounding >= 0) ||
      options.memory < 1) {
    throw Error(ErrorKind::Usage,
                "expected a number of iterations and a tolerance that are not negative, and a "
                "memory of at least 1");
  }
  Search search(function);
  Evaluated at{start, 0, Eigen::VectorXd(start.size())};
  at.value = search.evaluate(at.point, at.gradient);
  if (!std::isfinite(at.value) || !at.gradient.allFinite()) {
    throw Error(ErrorKind::Numerical, "the objective is not finite at its start");
  }
  Curvature curvature(start.size(), options.memory);
  const auto result = [&](std::int64_t iterations, MinimiserEnd end) {
    return MinimiserResult{at.point, at.value, iterations, end};
  };
  int small_steps = 0;
  for (std::int64_t iteration = 1; iteration <= options.iterations; ++iteration) {
    const double negligible = std::max(options.tolerance, options.rounding * std::abs(at.value));
    const Eigen::VectorXd direction = curvature.descent(at.gradient);
    if (-0.5 * direction.dot(at.gradient) <= negligible) {  // what Newton's step would gain
      return result(iteration - 1, MinimiserEnd::Converged);
    }
    const Evaluated before = at;
    bool lower = search.along(direction, at);
    if (!lower && curvature.knows()) {
      curvature.forget();
      lower = search.along(-at.gradient, at);
    }
    if (!lower) {
      return result(iteration - 1, MinimiserEnd::Converged);
    }
    const Eigen::VectorXd move = at.point - before.point;
    curvature.learn(move, at.gradient - before.gradient);
    small_steps = before.value - at.value < negligible ? small_steps + 1 : 0;
    const bool goes_on =
        !after_iteration ||
        after_iteration(
            {iteration, at.point, at.value, at.gradient.norm(), move.norm(), search.evaluations()});
    if (small_steps == 2) {
      return result(iteration, MinimiserEnd::Converged);
    }
    if (!goes_on) {
      return result(iteration, MinimiserEnd::Stopped);
    }
  }
  return result(options.iterations, MinimiserEnd::Iterations);
}

}  // namespace cryosip

// What a flow descends: an objective gives each conformation its velocity.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

/// Where in a run a step stands.
struct FlowMoment {
  std::int64_t step = 0;  ///< steps done since the initial ensemble: names the random streams
  double fraction = 0;    ///< of the schedule that is behind, in [0, 1): drives annealing
};

struct FlowEvaluation {
  /// (coordinates, conformations): -grad_theta of the first variation of the objective at each
  /// conformation's point (paper equation 11), which does not depend on the conformation's weight.
  Eigen::MatrixXd velocity;
  /// (conformations): that first variation, delta Phi / delta rho, at each conformation's point, up
  /// to a constant common to all; empty where an objective does not know it.
  Eigen::VectorXd first_variation;
  /// The difference of first variations that mass exchange counts as 1, where the objective has one
  /// of its own.  Likelihoods: 1, with which a whole step of mass exchange would be one of
  /// expectation maximisation, w_i times minus the first variation.
  std::optional<double> variation_unit = std::nullopt;
  double objective = 0;  ///< estimated on the step's own images; to be minimised
  /// For the log: STAR labels and values, the same labels at every step.
  std::vector<std::pair<std::string, double>> diagnostics;
  /// What the objective has learned and the next call must know: kept in FlowProgress::values.
  std::vector<std::pair<std::string, double>> carried;
};

class FlowObjective {
 public:
  FlowObjective() = default;
  FlowObjective(const FlowObjective&) = delete;
  FlowObjective& operator=(const FlowObjective&) = delete;
  virtual ~FlowObjective() = default;

  /// Name and parameters, for the ensemble's file and for telling whether a run is the same one.
  [[nodiscard]] virtual std::string description() const = 0;
  /// The first variation of the objective at the ensemble, and its gradient, at the points.
  /// @param points  (coordinates, conformations): where each conformation's velocity is wanted;
  ///                ensemble.coordinates itself, or a copy with noise added
  [[nodiscard]] virtual FlowEvaluation evaluate(const Ensemble& ensemble,
                                                const Eigen::MatrixXd& points,
                                                const FlowMoment& moment) = 0;
};

/// A value that goes geometrically from start to end over the first `share` of a schedule, then
/// stays.
double annealed(double start, double end, double share, double fraction);

}  // namespace cryosip

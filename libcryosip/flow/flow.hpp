// The Wasserstein gradient flow: Algorithm 1 of the paper, and what it gains from other
// integrators.
#pragma once

#include <cstdint>
#include <functional>

#include "libcryosip/core/progress.hpp"
#include "libcryosip/flow/integrator.hpp"
#include "libcryosip/flow/objective.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

struct FlowOptions {
  std::int64_t steps = 150;  ///< to do in this call; >= 0
  /// Length of a new schedule; 0: as many as steps.  A schedule that is under way keeps its own.
  std::int64_t schedule_steps = 0;
  IntegratorOptions integrator = {};
  std::uint64_t seed = 1;  ///< of the noise that the integrator injects
};

/// One line of the log.
struct FlowRecord {
  std::int64_t step = 0;  ///< after it
  double objective = 0;
  double step_size = 0;
  double effective_sample_size = 0;  ///< 1 / sum of squared weights
  double velocity_rms = 0;           ///< of all coordinates
  /// The objective's, and with weights that change sipWeightChange, see Integrator::Report.
  std::vector<std::pair<std::string, double>> diagnostics;
};

enum class Termination {
  Done,       ///< all steps
  Cancelled,  ///< the caller's Progress asked to stop; the ensemble is that of the last whole step
};

struct FlowResult {
  std::int64_t steps_done = 0;
  Termination termination = Termination::Done;
};

/// Called after every step, e.g. for the log and for checkpoints.
using AfterStep = std::function<void(const Ensemble&, const FlowRecord&)>;

/// Runs the flow on the ensemble in place.  All that the next call needs to go on with the same
/// bits (step, schedule, momentum, running mean squares) is kept in Ensemble::flow: three calls of
/// 100 steps on a schedule of 300 equal one call of 300.
///
/// A schedule goes on when one is under way for the same objective; otherwise a new one begins,
/// with momentum and running mean squares at zero.  Steps beyond a schedule's end are not taken.
/// @throws Error(Usage)      an option out of range, an empty ensemble, weights that are to change
///                           under an objective without first variation
/// @throws Error(Numerical)  a velocity or first variation that is not finite
FlowResult run_flow(Ensemble& ensemble,
                    FlowObjective& objective,
                    const FlowOptions& options,
                    Progress& progress,
                    const AfterStep& after_step);

/// Begins a new schedule on the ensemble, momentum and carried values cleared, unless one of this
/// objective is under way.  run_flow() does it by itself.
void begin_schedule(Ensemble& ensemble, const FlowObjective& objective, const FlowOptions& options);

/// Whether a schedule of this objective is under way.
bool schedule_under_way(const Ensemble& ensemble, const std::string& objective_description);

}  // namespace cryosip

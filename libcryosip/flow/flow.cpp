#include "libcryosip/flow/flow.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "formats/error.hpp"

namespace cryosip {
namespace {

void check(const FlowOptions& options, const Ensemble& ensemble) {
  if (ensemble.size() == 0 || ensemble.dimension() == 0) {
    throw Error(ErrorKind::Usage, "flow: the ensemble has no conformations or no coordinates");
  }
  if (options.steps < 0 || options.schedule_steps < 0) {
    throw Error(ErrorKind::Usage, "flow: numbers of steps must not be negative");
  }
  check(options.integrator);
}

}  // namespace

double annealed(double start, double end, double share, double fraction) {
  const double progress = std::min(1.0, fraction / share);
  return start * std::pow(end / start, progress);
}

bool schedule_under_way(const Ensemble& ensemble, const std::string& objective_description) {
  return ensemble.flow.step < ensemble.flow.schedule_end &&
         ensemble.objective == objective_description;
}

void begin_schedule(Ensemble& ensemble,
                    const FlowObjective& objective,
                    const FlowOptions& options) {
  if (schedule_under_way(ensemble, objective.description())) {
    return;
  }
  FlowProgress& flow = ensemble.flow;
  flow.schedule_begin = flow.step;
  flow.schedule_end =
      flow.step + (options.schedule_steps > 0 ? options.schedule_steps : options.steps);
  flow.momentum.resize(0, 0);
  flow.values.clear();
  ensemble.objective = objective.description();
}

FlowResult run_flow(Ensemble& ensemble,
                    FlowObjective& objective,
                    const FlowOptions& options,
                    Progress& progress,
                    const AfterStep& after_step) {
  check(options, ensemble);
  FlowProgress& flow = ensemble.flow;
  begin_schedule(ensemble, objective, options);
  const std::int64_t steps = std::min(options.steps, flow.schedule_end - flow.step);
  Integrator integrator(options.integrator, options.seed, ensemble);

  FlowResult result;
  const ProgressStage stage(progress, "flowing", static_cast<std::size_t>(steps));
  while (result.steps_done < steps) {
    const std::int64_t behind = flow.step - flow.schedule_begin;
    const auto length = static_cast<double>(flow.schedule_end - flow.schedule_begin);
    const double fraction = static_cast<double>(behind) / length;
    const FlowMoment moment{flow.step, fraction};
    FlowEvaluation evaluation =
        objective.evaluate(ensemble, integrator.points(ensemble, moment), moment);
    const Integrator::Report taken = integrator.step(ensemble, evaluation, moment);
    if (weight_rate_of(options.integrator) > 0) {
      evaluation.diagnostics.emplace_back("sipWeightChange", taken.weight_change);
    }
    for (const auto& [label, value] : evaluation.carried) {
      flow.carry(label, value);
    }
    ++flow.step;
    ++result.steps_done;
    progress.advance(static_cast<std::size_t>(result.steps_done));
    if (after_step) {
      after_step(ensemble,
                 {flow.step,
                  evaluation.objective,
                  taken.step_size,
                  1 / ensemble.weights.squaredNorm(),
                  std::sqrt(evaluation.velocity.cwiseAbs2().mean()),
                  evaluation.diagnostics});
    }
    if (progress.cancelled() && result.steps_done < steps) {
      result.termination = Termination::Cancelled;
      break;
    }
  }
  return result;
}

}  // namespace cryosip

#include "libcryosip/flow/flow.hpp"

#include <algorithm>
#include <cmath>
#include <string>

#include "formats/error.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

std::string mean_square_label(Eigen::Index coordinate) {
  return "sipVelocityMeanSquare" + std::to_string(coordinate + 1);
}

// Momentum and running velocities, taken from and given back to the ensemble's file.
class Integrator {
 public:
  Integrator(const IntegratorOptions& options, const Ensemble& ensemble) : options_(options) {
    momentum_ = ensemble.flow.momentum.size() == ensemble.coordinates.size()
                    ? ensemble.flow.momentum
                    : Eigen::MatrixXd::Zero(ensemble.dimension(), ensemble.size());
    mean_square_ = Eigen::VectorXd::Zero(ensemble.dimension());
    for (Eigen::Index k = 0; k < ensemble.dimension(); ++k) {
      mean_square_(k) = ensemble.flow.carried(mean_square_label(k)).value_or(0);
    }
  }

  /// Moves the ensemble by one step.  @param steps_before  of this schedule
  void step(Ensemble& ensemble,
            const Eigen::MatrixXd& velocity,
            double step_size,
            std::int64_t steps_before) {
    momentum_ = options_.momentum * momentum_ + (1 - options_.momentum) * velocity;
    const double memory = options_.velocity_memory;
    mean_square_ =
        memory * mean_square_ + (1 - memory) * (velocity.cwiseAbs2() * ensemble.weights).eval();
    // Running means start from zero; early ones are made up for it.
    const double filled = 1 - std::pow(memory, static_cast<double>(steps_before + 1));
    for (Eigen::Index k = 0; k < ensemble.dimension(); ++k) {
      const double scale = options_.normalise ? std::sqrt(mean_square_(k) / filled) : 1;
      if (scale > 0) {
        ensemble.coordinates.row(k) += step_size / scale * momentum_.row(k);
      }
    }
    store(ensemble);
  }

 private:
  void store(Ensemble& ensemble) const {
    ensemble.flow.momentum = momentum_;
    for (Eigen::Index k = 0; k < mean_square_.size(); ++k) {
      ensemble.flow.carry(mean_square_label(k), mean_square_(k));
    }
  }

  IntegratorOptions options_;
  Eigen::MatrixXd momentum_;     // (coordinates, conformations)
  Eigen::VectorXd mean_square_;  // (coordinates)
};

void check(const FlowOptions& options, const Ensemble& ensemble) {
  const IntegratorOptions& integrator = options.integrator;
  const auto is_share = [](double x) { return x >= 0 && x < 1; };
  if (ensemble.size() == 0 || ensemble.dimension() == 0) {
    throw Error(ErrorKind::Usage, "flow: the ensemble has no conformations or no coordinates");
  }
  if (options.steps < 0 || options.schedule_steps < 0) {
    throw Error(ErrorKind::Usage, "flow: numbers of steps must not be negative");
  }
  if (!(integrator.step_size > 0) || !is_share(integrator.momentum) ||
      !is_share(integrator.velocity_memory) || !(integrator.final_step_share >= 0) ||
      !(integrator.final_step_share <= 1)) {
    throw Error(ErrorKind::Usage,
                "flow: expected a positive step size, momentum and velocity memory in [0, 1) and a "
                "final step share in [0, 1]");
  }
}

double decayed(const IntegratorOptions& options, double fraction) {
  const double fall = 0.5 * (1 + std::cos(kPi * fraction));
  return options.step_size * (options.final_step_share + (1 - options.final_step_share) * fall);
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
                    const std::function<void(const Ensemble&, const FlowRecord&)>& after_step) {
  check(options, ensemble);
  FlowProgress& flow = ensemble.flow;
  begin_schedule(ensemble, objective, options);
  const std::int64_t steps = std::min(options.steps, flow.schedule_end - flow.step);
  Integrator integrator(options.integrator, ensemble);

  FlowResult result;
  const ProgressStage stage(progress, "flowing", static_cast<std::size_t>(steps));
  while (result.steps_done < steps) {
    const std::int64_t behind = flow.step - flow.schedule_begin;
    const auto length = static_cast<double>(flow.schedule_end - flow.schedule_begin);
    const double fraction = static_cast<double>(behind) / length;
    const FlowEvaluation evaluation =
        objective.evaluate(ensemble, ensemble.coordinates, {flow.step, fraction});
    if (!evaluation.velocity.allFinite()) {
      throw Error(ErrorKind::Numerical,
                  "flow: a velocity at step " + std::to_string(flow.step + 1) +
                      " is not finite; a smaller step size may help");
    }
    const double step_size = decayed(options.integrator, fraction);
    integrator.step(ensemble, evaluation.velocity, step_size, behind);
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
                  step_size,
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

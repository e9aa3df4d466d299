// How a flow takes a step: where velocities are asked for, how conformations follow them, and how
// weights change.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/flow/objective.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

/// How conformations follow their velocities v at a step of size tau.
enum class IntegratorKind {
  Euler,     ///< theta += tau v: Algorithm 1 of the paper
  Momentum,  ///< heavy ball: theta += tau d, d a running mean of v
  /// The same, each coordinate of d over the running RMS of its velocities, of which no velocity
  /// counts for more than three.
  Normalised,
};

/// A number that is not given is the integrator's own, see momentum_of() and final_step_share_of().
struct IntegratorOptions {
  IntegratorKind kind = IntegratorKind::Normalised;
  /// tau.  Normalised: the root mean square move of a coordinate in one early step, in units of
  /// coordinates; else a time step, > 0.
  double step_size = 0.06;
  /// Share of the last direction that is kept, in [0, 1); for Momentum in (0, 1), and not to be
  /// given for Euler, which keeps nothing.
  std::optional<double> momentum = std::nullopt;
  double velocity_memory = 0.95;  ///< of the running mean squares, in [0, 1)
  /// Cosine decay of the step over the schedule, to this share of step_size; 1: no decay.
  std::optional<double> final_step_share = std::nullopt;
  /// beta: velocities are those at theta_i + beta_t u_i, u_i ~ N(0, I), the ensemble itself
  /// unperturbed (Arbel et al., Maximum mean discrepancy gradient flow, NeurIPS 2019, equation
  /// 18), with beta_t = beta (1 + cos(pi t)) / 2, t the share of the schedule that is behind.  In
  /// units of coordinates, >= 0; 0: none.
  double injection = 0;
  /// lambda of the Wasserstein-Fisher-Rao step: w_i is multiplied by
  ///   1 - lambda_t a_i  where a_i < 0,  exp(-lambda_t a_i)  elsewhere,  a_i = phi_i - <phi>,
  /// phi the first variation of the objective and <phi> its mean over the ensemble, and the weights
  /// are scaled to sum 1.  (To first order both are the exponential; but a few images' luck must
  /// not multiply a weight by e to the power of it.)  lambda_t decays as the step size does.  a is
  /// in units of FlowEvaluation::variation_unit, so that the likelihoods' lambda is the share of
  /// the way to expectation maximisation's weights; without one Normalised divides a by its running
  /// RMS, so that lambda is the RMS change of a log weight in one early step, and for the others
  /// lambda is an exchange rate times tau.  >= 0; 0: weights stay as they are.  Not given: 0, but
  /// see flow_on_images().
  std::optional<double> weight_rate = std::nullopt;
  /// With weights that change: where the effective sample size 1 / sum w^2 falls below this share
  /// of the conformations, in [0, 1], heavy ones are copied and light ones dropped
  /// (systematic_sample()), so that all weights are equal; a copy is moved by a tenth of the
  /// ensemble's spread, for equal conformations might have equal velocities for good.
  double min_effective_share = 0.5;
};

/// The momentum given, else 0.9; of Euler 0.
double momentum_of(const IntegratorOptions& options);
/// The share given, else 0.02; of Euler 1.
double final_step_share_of(const IntegratorOptions& options);

/// The rate given, else 0.
double weight_rate_of(const IntegratorOptions& options);

/// @throws Error(Usage) an option out of range, or one that the integrator does not have
void check(const IntegratorOptions& options);

/// tau at a share of the schedule, in [0, 1).
double step_size_at(const IntegratorOptions& options, double fraction);

/// Weights that sum to 1, none below some 0.001 / N, so that every conformation can come back.
/// @param weights  (conformations), >= 0, with a positive finite sum
Eigen::VectorXd limited_weights(Eigen::VectorXd weights);

/// Which conformation each of N equal weights stands for: i as often as N w_i rounded up or down
/// (systematic resampling, J. Carpenter, P. Clifford, P. Fearnhead, IEE Proc. Radar, Sonar and
/// Navigation 146 (1999) 2), in ascending order.
/// @param weights  (conformations), sum 1
/// @param offset   in [0, 1), at random
std::vector<Eigen::Index> systematic_sample(const Eigen::VectorXd& weights, double offset);

/// Takes steps.  What it must remember between them (directions, running mean squares) it takes
/// from Ensemble::flow and gives back to it at every step.
class Integrator {
 public:
  /// @param seed  of the injected noise, whose streams are keyed by (seed, step, conformation)
  /// @throws Error(Usage) see check()
  Integrator(const IntegratorOptions& options, std::uint64_t seed, const Ensemble& ensemble);

  /// Where velocities are wanted: ensemble.coordinates itself, or noise injected.
  /// Valid until the next call and while the ensemble stays as it is.
  [[nodiscard]] const Eigen::MatrixXd& points(const Ensemble& ensemble, const FlowMoment& moment);

  struct Report {
    double step_size = 0;
    double weight_change = 0;  ///< half the sum of |change of w|: the mass that was exchanged
  };
  /// Moves conformations and weights by one step; Ensemble::flow.step is not counted on.
  /// @throws Error(Usage)      weights are to change, but the objective has no first variation
  /// @throws Error(Numerical)  a velocity or first variation that is not finite.  The ensemble is
  ///                           as it was
  Report step(Ensemble& ensemble, const FlowEvaluation& evaluation, const FlowMoment& moment);

 private:
  void move(Ensemble& ensemble, const Eigen::MatrixXd& velocity, double step_size);
  double exchange_mass(Ensemble& ensemble, const FlowEvaluation& evaluation, double rate);
  void resample(Ensemble& ensemble, std::int64_t step);
  void store(Ensemble& ensemble) const;

  IntegratorOptions options_;
  std::uint64_t seed_;
  Eigen::MatrixXd points_;
  Eigen::MatrixXd direction_;    // (coordinates, conformations)
  Eigen::VectorXd mean_square_;  // (coordinates): of velocities
  double averages_ = 0;          // how many steps are in mean_square_
  double variation_mean_square_ = 0;
  double variation_averages_ = 0;
};

}  // namespace cryosip

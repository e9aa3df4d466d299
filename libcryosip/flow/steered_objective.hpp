// The flow for images whose poses are unknown: views are drawn at random, the in-plane angle and
// the pixels' noise are integrated out, every image's own CTF is conditioned on (docs/theory.md
// 11).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "libcryosip/dataset/polar_coefficients.hpp"
#include "libcryosip/discrepancy/steered_engine.hpp"
#include "libcryosip/flow/image_scale.hpp"
#include "libcryosip/flow/nuisance_law.hpp"
#include "libcryosip/flow/objective.hpp"

namespace cryosip {

enum class SteeredDiscrepancy {
  /// KL(q || p) by the noise model, p(y) = sum_i w_i E_view,angle N(y; C R x_i, sigma^2), with
  /// enough
  /// views drawn for each conformation that every image finds several near its own.
  Likelihood,
  /// Squared MMD with a Gaussian kernel on coefficients weighted by their signal-to-noise, annealed
  /// from coarse to fine (docs/theory.md 11).
  MeanDiscrepancy,
};

struct SteeredObjectiveOptions {
  SteeredDiscrepancy discrepancy = SteeredDiscrepancy::Likelihood;
  /// Likelihood: drawn for each conformation and step; 0: as many as make 6400 drawings a step.
  std::size_t views = 0;
  std::size_t images_per_step = 512;  ///< observed images compared at a step; > 0
  int angles = 72;                    ///< of the in-plane average; a multiple of 8
  double shift_sigma_angstrom = 0;    ///< of unknown shifts along x and y, drawn with the views

  /// Likelihood: >= 1, or 0: chosen from the data, see choose_noise().  Annealed to 1.
  double initial_temperature = 0;
  /// MMD: bandwidth in units of the weighted signal's root mean square norm, annealed.  The last is
  /// raised where the noise would leave weights of too much scatter: see noise_scatter().
  double initial_bandwidth = 0.5;
  double final_bandwidth = 0.1;
  double annealing_share = 0.3;  ///< of the schedule, in (0, 1]
  std::uint64_t seed = 1;
};

/// How much noise the likelihood works with.
struct EffectiveNoise {
  /// >= 1: fresh noise is added to the observed images, of variance (inflation - 1) sigma^2, until
  /// an image's posterior spreads over several of the views drawn.  The flow then descends the KL
  /// divergence of the two laws with that noise, which is 0 at the same ensemble.
  double inflation = 1;
  double temperature = 1;  ///< >= 1: at the schedule's start, on top of it
};

/// The objective's name and parameters, as FlowObjective::description() gives them.
std::string describe(const SteeredObjectiveOptions& options);

class SteeredObjective final : public FlowObjective {
 public:
  /// @param images, engine  must outlive this object
  /// @throws Error(Usage) an option out of range
  SteeredObjective(const PolarCoefficients& images,
                   const ImageScale& scale,
                   const SteeredEngine& engine,
                   const SteeredObjectiveOptions& options,
                   const EffectiveNoise& noise);

  [[nodiscard]] std::string description() const override { return describe(options_); }
  /// @throws Error(Usage) points apart from the ensemble
  [[nodiscard]] FlowEvaluation evaluate(const Ensemble& ensemble,
                                        const Eigen::MatrixXd& points,
                                        const FlowMoment& moment) override;

  /// Over how many drawings an image's posterior spreads, each at one of the angles five degrees
  /// apart: mean of (sum r)^2 / sum r^2 over some images, at that temperature.  Likelihood only.
  [[nodiscard]] double effective_draws(const Ensemble& ensemble, double temperature) const;
  /// The least inflation of the noise at which an image's posterior spreads over at least
  /// wanted_draws drawings, and the temperature at which it spreads over eighty times as many; both
  /// at least 1.  The spread is measured on the ensemble as it is.  The objective's own noise does
  /// not count.
  [[nodiscard]] EffectiveNoise choose_noise(const Ensemble& ensemble,
                                            Progress& progress,
                                            double wanted_draws = 12) const;
  /// The contrast under which some images are likeliest given the ensemble as it is, from the
  /// objective's own on.  Likelihood only.  What is too high by 4 % has conformations stretch until
  /// they scatter less: docs/decisions/0014.
  [[nodiscard]] double choose_contrast(const Ensemble& ensemble, Progress& progress) const;

 private:
  struct Templates;
  [[nodiscard]] Templates draw_templates(const Ensemble& ensemble, std::int64_t step) const;
  [[nodiscard]] FlowEvaluation descend_likelihood(const Ensemble& ensemble,
                                                  const FlowMoment& moment);
  [[nodiscard]] FlowEvaluation descend_mean_discrepancy(const Ensemble& ensemble,
                                                        const FlowMoment& moment);
  struct Evidence;
  [[nodiscard]] Evidence evidence(const Templates& templates,
                                  const std::vector<std::size_t>& batch,
                                  const EffectiveNoise& noise,
                                  double contrast,
                                  std::int64_t step) const;
  [[nodiscard]] double nearer_contrast(const Templates& templates,
                                       const std::vector<std::size_t>& batch,
                                       double contrast,
                                       double rate,
                                       std::int64_t step) const;
  [[nodiscard]] double effective_draws(const Templates& templates,
                                       const EffectiveNoise& noise) const;
  [[nodiscard]] FlowEvaluation pull_back(const Ensemble& ensemble,
                                         const Templates& templates,
                                         const Eigen::VectorXd& variation,
                                         const Eigen::MatrixXf& gradient) const;

  const PolarCoefficients& images_;
  ImageScale scale_;
  const SteeredEngine& engine_;
  SteeredObjectiveOptions options_;
  EffectiveNoise noise_;
  BatchSchedule batches_;
  Eigen::VectorXd variance_;  // (size): of the noise of every coefficient of an observed image
};

}  // namespace cryosip

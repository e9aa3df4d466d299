// The flow of a pair discrepancy: energy distance or Gaussian-kernel MMD between simulated and
// observed images, with poses and optics drawn anew at every step.
#pragma once

#include <memory>
#include <string>

#include "libcryosip/dataset/image_coefficients.hpp"
#include "libcryosip/discrepancy/kernel_discrepancy.hpp"
#include "libcryosip/flow/likelihood_objective.hpp"
#include "libcryosip/flow/nuisance_law.hpp"
#include "libcryosip/flow/objective.hpp"
#include "libcryosip/forward/renderer.hpp"

namespace cryosip {

struct PairObjectiveOptions {
  KernelKind kernel = KernelKind::Gaussian;  ///< or Riesz: the energy distance
  PoseLaw poses = PoseLaw::Uniform;
  std::size_t images_per_step = 4000;  ///< observed images compared at a step; > 0
  /// Gaussian bandwidth in units of the root mean square norm of the noise-free images: annealed
  /// from the first to the second value over the first `annealing_share` of the schedule.
  double initial_bandwidth = 0.5;
  double final_bandwidth = 0.1;
  double annealing_share = 0.6;
  std::uint64_t seed = 1;
};

/// The objective's name and parameters, as FlowObjective::description() gives them.
std::string describe(const PairObjectiveOptions& options);

class PairObjective final : public FlowObjective {
 public:
  /// References must outlive this object.
  /// @throws Error(Usage) an option out of range; poses wanted from images that have none
  PairObjective(const ConformationModel& model,
                const Renderer<float>& renderer,
                const ImageCoefficients& images,
                const ImageScale& scale,
                const PairEngine<float>& engine,
                const PairObjectiveOptions& options);

  [[nodiscard]] std::string description() const override { return describe(options_); }
  [[nodiscard]] FlowEvaluation evaluate(const Ensemble& ensemble,
                                        const FlowMoment& moment) override;

 private:
  const ConformationModel& model_;
  const Renderer<float>& renderer_;
  const ImageCoefficients& images_;
  ImageScale scale_;
  const PairEngine<float>& engine_;
  PairObjectiveOptions options_;
  NuisanceLaw law_;
  BatchSchedule batches_;
};

/// Contrast (taken positive) from the energy of the images beyond the noise's, against the energy
/// of the ensemble's images under the law: needs no pose.
/// @throws Error(Numerical) where the images hold no more than the noise
double estimate_contrast_from_energy(const ConformationModel& model,
                                     const Renderer<float>& renderer,
                                     const ImageCoefficients& images,
                                     const Ensemble& ensemble,
                                     PoseLaw poses,
                                     double noise_sigma,
                                     std::uint64_t seed,
                                     std::size_t max_images = 1000);

}  // namespace cryosip

// Algorithm 1 of the paper for any discrepancy of samples: at every step images are simulated, the
// poses, optics and, where it is not integrated out, the noise drawn anew, and compared with a
// batch of the observed ones.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "libcryosip/dataset/image_coefficients.hpp"
#include "libcryosip/discrepancy/discrepancy.hpp"
#include "libcryosip/discrepancy/kernel.hpp"
#include "libcryosip/discrepancy/pair_engine.hpp"
#include "libcryosip/flow/image_scale.hpp"
#include "libcryosip/flow/nuisance_law.hpp"
#include "libcryosip/flow/objective.hpp"
#include "libcryosip/flow/sampling.hpp"

namespace cryosip {

/// What the simulated images' law is compared with the observed images' by.
enum class SampleDiscrepancy {
  MeanDiscrepancy,  ///< squared MMD, the energy distance among them: KernelDiscrepancy
  Density,          ///< an f-divergence of kernel density estimates: DensityDivergence
  Likelihood,       ///< KL(q || p) by the noise model: drawn_pose_likelihood, with its trap
};

/// What bandwidths are multiples of.
enum class BandwidthUnit {
  SignalRms,       ///< root mean square norm of the step's noise-free simulated images
  MedianDistance,  ///< median distance of two of the step's observed images
};

struct SampleObjectiveOptions {
  SampleDiscrepancy discrepancy = SampleDiscrepancy::MeanDiscrepancy;
  PoseLaw poses = PoseLaw::Uniform;
  SamplingOptions sampling;
  std::size_t images_per_step = 4000;  ///< observed images compared at a step; > 0
  /// Integrate the simulated images' pixel noise out; otherwise it is drawn.  The likelihood knows
  /// nothing but the former.
  bool integrate_noise = true;

  Kernel kernel = {KernelTerm{}};  ///< bandwidths in units of the annealed one
  BandwidthUnit bandwidth_unit = BandwidthUnit::SignalRms;
  /// In that unit: annealed from the first to the second over annealing_share of the schedule.
  double initial_bandwidth = 0.5;
  double final_bandwidth = 0.1;
  double annealing_share = 0.6;

  std::string divergence = "kl";            ///< of densities: a name that find_divergence() knows
  std::optional<double> density_bandwidth;  ///< in units of the pixels; none: Silverman's rule

  double initial_temperature = 1;  ///< of the likelihood, >= 1; annealed to 1
  std::uint64_t seed = 1;
};

/// The objective's name and parameters, as FlowObjective::description() gives them.
std::string describe(const SampleObjectiveOptions& options);

class SampleObjective final : public FlowObjective {
 public:
  /// @param images, engine  must outlive this object
  /// @throws Error(Usage) an option out of range; poses wanted from images that have none; noise
  ///                      drawn for the likelihood
  SampleObjective(const ImageCoefficients& images,
                  const ImageScale& scale,
                  const PairEngine<float>& engine,
                  const SampleObjectiveOptions& options);

  [[nodiscard]] std::string description() const override { return describe(options_); }
  /// @throws Error(Usage)     points apart from the ensemble, for the likelihood
  /// @throws Error(Numerical) drawn images that are empty; densities that under- or overflow
  [[nodiscard]] FlowEvaluation evaluate(const Ensemble& ensemble,
                                        const Eigen::MatrixXd& points,
                                        const FlowMoment& moment) override;

 private:
  struct Draws;
  [[nodiscard]] bool integrates_noise() const;
  [[nodiscard]] double relative_bandwidth(const FlowMoment& moment) const;
  [[nodiscard]] double temperature(const FlowMoment& moment) const;
  [[nodiscard]] Draws draw(const Eigen::VectorXd& weights, std::int64_t step) const;
  [[nodiscard]] Eigen::MatrixXf simulate(const Eigen::MatrixXd& coordinates,
                                         const Draws& draws) const;
  [[nodiscard]] Eigen::MatrixXf with_noise(Eigen::MatrixXf images, const Draws& draws) const;
  // points: null for the simulated images themselves.
  [[nodiscard]] DiscrepancyResult compare(const SimulatedImages<float>& simulated,
                                          const Eigen::MatrixXf* points,
                                          double rms_norm,
                                          const FlowMoment& moment);
  void pull_back(const Eigen::MatrixXd& points,
                 const Draws& draws,
                 const DiscrepancyResult& compared,
                 FlowEvaluation& result) const;

  const ImageCoefficients& images_;
  ImageScale scale_;
  const PairEngine<float>& engine_;
  SampleObjectiveOptions options_;
  NuisanceLaw law_;
  BatchSchedule batches_;
};

}  // namespace cryosip

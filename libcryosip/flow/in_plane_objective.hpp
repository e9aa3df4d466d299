// The likelihood flow for images whose views are known but for the in-plane angle, as
// LikelihoodObjective is for whole poses: at each step a mini-batch of images; every conformation
// is drawn in each image's own view, with the angle and shifts that are not known integrated out
// (docs/theory.md 14).
#pragma once

#include <string>

#include "libcryosip/flow/in_plane_likelihood.hpp"
#include "libcryosip/flow/likelihood_step.hpp"
#include "libcryosip/flow/nuisance_law.hpp"
#include "libcryosip/flow/objective.hpp"

namespace cryosip {

struct InPlaneOptions : LikelihoodStepOptions {
  int angles = 0;                   ///< a multiple of 8, or 0: chosen, see choose_angles()
  double shift_sigma_angstrom = 0;  ///< of unknown shifts, see InPlaneIntegral
};

/// The objective's name and parameters, as FlowObjective::description() gives them.
std::string describe(const InPlaneOptions& options);

class InPlaneObjective final : public FlowObjective {
 public:
  /// @param images, engine  must outlive this object
  /// @param angles, initial_temperature  the options' own, or those chosen from the data
  /// @throws Error(Usage) images without views, or an option out of range
  InPlaneObjective(const PolarCoefficients& images,
                   const SteeredEngine& engine,
                   const ImageScale& scale,
                   const InPlaneOptions& options,
                   int angles,
                   double initial_temperature);

  [[nodiscard]] std::string description() const override { return describe(options_); }
  [[nodiscard]] FlowEvaluation evaluate(const Ensemble& ensemble,
                                        const Eigen::MatrixXd& points,
                                        const FlowMoment& moment) override;

 private:
  ImageScale scale_;
  InPlaneOptions options_;
  InPlaneLikelihood likelihood_;
  double initial_temperature_;
  BatchSchedule batches_;
};

}  // namespace cryosip

// The likelihood flow: KL(observed || predicted) by the noise model, for images whose poses are
// known.
//
// At each step a mini-batch of images; every conformation is drawn at each image's own pose, CTF
// and shift; velocity v_i = sum_j r_ij J^T C (y_j - C x_ij) / (T sigma^2) / w_i, with r_ij the
// posterior of conformation i given image j at temperature T.
#pragma once

#include <memory>
#include <string>

#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/image_coefficients.hpp"
#include "libcryosip/flow/image_scale.hpp"
#include "libcryosip/flow/likelihood_step.hpp"
#include "libcryosip/flow/nuisance_law.hpp"
#include "libcryosip/flow/objective.hpp"

namespace cryosip {

struct LikelihoodOptions : LikelihoodStepOptions {
  PoseError pose_error;  ///< of the given poses, integrated out: see view_of()
};

/// The objective's name and parameters, as FlowObjective::description() gives them.
std::string describe(const LikelihoodOptions& options);

class LikelihoodObjective final : public FlowObjective {
 public:
  /// @param images  must outlive this object
  /// @param initial_temperature  >= 1: the options' own, or the one chosen from the data
  /// @throws Error(Usage) images without poses, or an option out of range
  LikelihoodObjective(const ImageCoefficients& images,
                      const ImageScale& scale,
                      const LikelihoodOptions& options,
                      double initial_temperature);

  [[nodiscard]] std::string description() const override { return describe(options_); }
  [[nodiscard]] FlowEvaluation evaluate(const Ensemble& ensemble,
                                        const Eigen::MatrixXd& points,
                                        const FlowMoment& moment) override;

 private:
  const ImageCoefficients& images_;
  ImageScale scale_;
  LikelihoodOptions options_;
  double initial_temperature_;
  BatchSchedule batches_;
};

/// log [p(y | conformation) / p(y | noise alone)] of one image under every conformation
/// (conformations), each drawn in the image's own pose, shift and CTF.  Thread-safe.
/// @param coordinates  (K, conformations)
Eigen::VectorXd log_likelihoods_in_own_pose(const ImageCoefficients& images,
                                            std::size_t image,
                                            const ImageScale& scale,
                                            const PoseError& pose_error,
                                            const Ensemble& ensemble);

/// The temperature, at least 1, at which an image's posterior spreads over a fifth of the ensemble
/// (mean of 1 / sum r^2 over the images looked at).  A colder start leaves conformations where no
/// image pulls them; a hotter one spreads the ensemble before it is cooled.  Measured on AdK with
/// 800 conformations: 10 at SNR 0.1, 1.6 at SNR 0.01.
/// @param scale  its contrast and noise are used as they are
double choose_initial_temperature(const ImageCoefficients& images,
                                  const ImageScale& scale,
                                  const PoseError& pose_error,
                                  const Ensemble& ensemble,
                                  Progress& progress,
                                  std::size_t max_images = 100);

}  // namespace cryosip

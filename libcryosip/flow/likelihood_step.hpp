// What the likelihood flows for known views have in common: a step looks at a mini-batch of images,
// one by one, and goes where their sums say.
#pragma once

#include <cstddef>
#include <cstdint>

#include <Eigen/Core>

#include "libcryosip/flow/image_scale.hpp"
#include "libcryosip/flow/objective.hpp"

namespace cryosip {

/// Share of the ensemble over which an image's posterior shall spread at the first temperature.
inline constexpr double kFirstPosteriorShare = 0.2;

struct LikelihoodStepOptions {
  std::size_t images_per_step = 48;  ///< > 0
  /// >= 1, or 0: chosen from the data, see choose_initial_temperature().  It ends at 1.
  double initial_temperature = 0;
  double cooling_share = 0.3;  ///< of the schedule, in (0, 1]
  /// Gradients are computed only where a conformation's posterior exceeds this.
  double negligible_responsibility = 1e-4;
  std::uint64_t seed = 1;
};

/// Sums over a step's images.
struct LikelihoodStepSums {
  /// All 0.
  LikelihoodStepSums(Eigen::Index coordinates, Eigen::Index conformations);

  /// (coordinates, conformations): posterior times gradient of log p(y | conformation) / T.
  Eigen::MatrixXd pull;
  Eigen::VectorXd explanation;         ///< (conformations): p(y | conformation) / p(y), at T
  double log_evidence = 0;             ///< at T
  double effective_conformations = 0;  ///< 1 / sum of squared posteriors
  double gradients = 0;                ///< how many were computed
  double overlap = 0;  ///< posterior means at T = 1 of <C x, y> over the noise's variance, x with
                       ///< the contrast in it
  double norm = 0;     ///< the same of |C x|^2
};

/// The step's velocities, first variation, objective and diagnostics; mass exchange in steps of
/// expectation maximisation.
/// @param images   > 0: how many the sums are of
/// @param weights  (conformations); the velocity of one with weight 0 is 0
/// @param scale    its contrast follows the likeliest one where it is to be refined
FlowEvaluation evaluation_of(LikelihoodStepSums sums,
                             std::size_t images,
                             const Eigen::VectorXd& weights,
                             double temperature,
                             ImageScale& scale);

}  // namespace cryosip

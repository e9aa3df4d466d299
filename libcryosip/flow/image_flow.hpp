// A whole run on a data set: choose the objective, estimate what the images do not say, flow.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "formats/star.hpp"
#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/image_set.hpp"
#include "libcryosip/flow/flow.hpp"
#include "libcryosip/flow/in_plane_objective.hpp"
#include "libcryosip/flow/likelihood_objective.hpp"
#include "libcryosip/flow/sample_objective.hpp"
#include "libcryosip/flow/steered_objective.hpp"
#include "libcryosip/forward/conformation_model.hpp"

namespace cryosip {

enum class ObjectiveKind {
  Auto,        ///< Likelihood
  Likelihood,  ///< KL(q || p) by the noise model
  Mmd,         ///< squared MMD with SampleObjectiveOptions::kernel
  Energy,      ///< the energy distance
  Density,     ///< the f-divergence SampleObjectiveOptions::divergence
};

/// What becomes of the in-plane angle where it is uniform.
enum class InPlane {
  Auto,        ///< Integrated for the likelihood and, with uniform poses, the MMD with a Gaussian
               ///< kernel
  Integrated,  ///< out, exactly: SteeredObjective, or InPlaneObjective under PoseLaw::InPlane
  Drawn,       ///< with the view, as in the paper: SampleObjective
};

struct ImageFlowOptions {
  ObjectiveKind objective = ObjectiveKind::Auto;
  std::optional<PoseLaw> poses;  ///< none: Given where the data set has poses, else Uniform
  ImagingOptions imaging;
  /// Finest detail compared, in angstrom; 0: ConformationModel::finest_detail_angstrom().
  double resolution_angstrom = 0;
  /// Of a pixel's white noise; none: measured outside the particles' circle, and whitened.
  std::optional<double> noise_sigma;
  std::optional<double> contrast;   ///< none: estimated against the initial ensemble
  std::size_t images_per_step = 0;  ///< 0: the objective's own default
  LikelihoodOptions likelihood;
  /// Poses, images per step and what follows from the objective are set by flow_on_images().
  SampleObjectiveOptions samples;
  /// For InPlane::Integrated; images per step and what follows from the objective are set too.
  SteeredObjectiveOptions steered;
  /// For PoseLaw::InPlane; images per step and temperatures are those of `likelihood`.
  InPlaneOptions known_views;
  InPlane in_plane = InPlane::Auto;
  /// How many images the prior counts for that keeps conformations near the spread of the initial
  /// ensemble, see ObjectiveWithPrior; >= 0.  None: a sixteenth of the images under the likelihood
  /// with unknown poses, a 64th with known views, else 0.
  std::optional<double> prior_images;
  FlowOptions flow;
  std::uint64_t seed = 1;
};

/// Runs the flow in place; see run_flow() for what is kept in the ensemble.  Noise sigma and
/// contrast are kept too (values sipNoiseSigma and sipContrast), so that the next call of a
/// schedule goes on with the same ones.  What was chosen and estimated is said through
/// progress.note().
/// Where no weight rate is given, weights change at a rate of 0.02 under the likelihood with
/// unknown poses, and stay as they are otherwise.
/// @throws Error(Usage)  options that do not fit the data: the likelihood without given poses, ...
FlowResult flow_on_images(Ensemble& ensemble,
                          const ConformationModel& model,
                          const ImageSet& images,
                          const ImageFlowOptions& options,
                          Progress& progress,
                          const AfterStep& after_step);

/// Block sip_flow_log: a row a step, labels sipStep, sipObjective, sipStepSize,
/// sipEffectiveSampleSize, sipVelocityRms and the objective's own.
formats::StarTable to_star(const std::vector<FlowRecord>& log);

}  // namespace cryosip

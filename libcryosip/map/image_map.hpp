// Maximum a posteriori with K structures on a data set: first make the distribution discrete, then
// optimise (paper section 3.1; docs/theory.md 7), as a K-class refinement does.  The baseline of
// the flow, in the same coordinates.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/star.hpp"
#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/image_set.hpp"
#include "libcryosip/forward/conformation_model.hpp"
#include "libcryosip/map/map_objective.hpp"
#include "libcryosip/map/minimiser.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

enum class FractionLaw {
  Equal,      ///< c_k = 1/K, as equation 22 has it
  Estimated,  ///< of maximum likelihood: at the end each is its mean responsibility, the fixed
              ///< point of EM, as in RELION's Class3D
};

struct MapOptions {
  Eigen::Index structures = 4;  ///< K, > 0
  /// Estimated by default: K points of equal weight cannot show how full a state is, and the
  /// baseline should be as strong as what users run.
  FractionLaw fractions = FractionLaw::Estimated;
  std::optional<PoseLaw> poses;  ///< none: Given where the data set has poses, else Uniform
  /// m, see MapObjectiveOptions.
  std::size_t nuisances = MapObjectiveOptions().nuisances;
  /// None by default: K points in a few coordinates need no regulariser once every structure has
  /// images, and without one the answer depends on nothing but the images.
  std::optional<double> prior_sigma;
  ImagingOptions imaging;
  /// Finest detail compared, in angstrom; 0: ConformationModel::finest_detail_angstrom().
  double resolution_angstrom = 0;
  /// Of a pixel's white noise; none: measured outside the particles' circle, and whitened.
  std::optional<double> noise_sigma;
  std::optional<double> contrast;  ///< none: estimated together with the structures
  /// A larger data set is first minimised on this many images spread over it, then whole.
  std::size_t first_images = 4000;
  /// Tolerance in nats an image; iterations of each stage; rounding is that of single precision.
  MinimiserOptions minimiser;
  /// Runs from different conformations of the start, of which the lowest is kept, > 0.
  std::size_t restarts = 1;
  std::uint64_t seed = 1;
};

enum class MapTermination {
  Converged,
  Iterations,  ///< as many as were allowed
  Cancelled,   ///< the caller's Progress asked to stop; the answer is the lowest reached
};

/// One line of the log.
struct MapRecord {
  std::size_t restart = 0;     ///< counted from 1
  std::size_t images = 0;      ///< looked at; the objective falls as long as it stays
  std::int64_t iteration = 0;  ///< of the restart, after it
  double objective = 0;
  double gradient_norm = 0;  ///< by variables scaled to a Hessian near 1
  double contrast = 0;
  double effective_structures = 0;  ///< 1 / sum of squared fractions
  std::int64_t evaluations = 0;     ///< of the objective, in this stage of the restart
};

struct MapResult {
  Ensemble ensemble;     ///< the structures, weights the fractions; noise and contrast recorded
  double objective = 0;  ///< on all images, see MapEvaluation::objective
  std::int64_t iterations = 0;
  MapTermination termination = MapTermination::Converged;  ///< of the restart that is kept
  std::size_t restart = 1;                                 ///< which that is
  double noise_sigma = 0;
  double contrast = 0;
  double structures_per_image = 0;  ///< see MapEvaluation
  double nuisances_per_image = 0;
  Eigen::MatrixXd log_likelihoods;  ///< (structures, images), see MapEvaluation
  std::vector<MapRecord> log;       ///< of all restarts
};

/// The objective is not convex: a run ends in the local minimum below its start, and restarts that
/// end elsewhere, with another objective, are to be expected (the more, the larger K).
///
/// Coordinates, fractions and contrast are minimised over together, by L-BFGS with the exact
/// gradient.  The same bits on any number of threads.  What was chosen and estimated is said
/// through progress.note().
/// @param start  a restart begins with K of its conformations, drawn by their weights without
///               replacement by (seed, restart); with all of them, and their weights as fractions,
///               where there are just K
/// @throws Error(Usage) options out of range, or that do not fit the data; fewer than K
///                      conformations of positive weight; several restarts from just K
MapResult map_on_images(const Ensemble& start,
                        const ConformationModel& model,
                        const ImageSet& images,
                        const MapOptions& options,
                        Progress& progress);

/// "converged", "iterations" or "cancelled".
std::string to_string(MapTermination termination);

/// The ensemble's blocks and block sip_map, pairs: sipFinalObjective, sipIterations,
/// sipTermination, sipRestart, sipStructuresPerImage, sipNuisancesPerImage.
formats::StarFile to_star(const MapResult& result, std::vector<std::string> comments);
/// Block sip_map_log: a row an iteration.
formats::StarTable to_star(const std::vector<MapRecord>& log);
/// Block sip_assignments: a row an image: rlnImageName; sipStructure, the most probable, counted
/// from 1; sipResponsibility, its probability; sipLogLikelihood, of the image under all structures,
/// up to a term of the image alone: its mean is minus the objective without the prior.
formats::StarTable assignments(const MapResult& result, const ImageSet& images);

}  // namespace cryosip

// The images that ensembles would give against the images observed: distances (paper equations 8
// and 9) and principal components (paper figure 8).
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "formats/star.hpp"
#include "libcryosip/assess/evaluation.hpp"
#include "libcryosip/assess/image_drawing.hpp"
#include "libcryosip/assess/principal_components.hpp"
#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/image_set.hpp"
#include "libcryosip/forward/conformation_model.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

struct ImageComparisonOptions : ImageDrawingOptions {
  Eigen::Index components = 0;    ///< principal components wanted; 0: none
  Eigen::Index permutations = 0;  ///< of tests whether the images differ; 0: none
};

/// Images of every set along the principal components of the observed ones.
struct ImageProjections {
  PrincipalComponents observed_components;
  Eigen::Index images = 0;  ///< in each set
  /// ("observed", "truth", "initial" where there is one, "final"), each (components, images).
  std::vector<std::pair<std::string, Eigen::MatrixXd>> sets;
};

struct ImageComparison {
  /// All of coordinate 0: image_energy_distance, image_energy_distance_error (standard error), the
  /// same with suffix _truth (images of the truth against those observed) and _floor (two
  /// independent sets of the truth); image_mmd2 likewise; image_mmd2_bandwidth.  The same of images
  /// in the weighted basis, weighted_image_energy_distance and so on.  With permutations also the
  /// p-values image_energy_distance_p, image_mmd2_p and theirs in the weighted basis.
  std::vector<EvaluationRow> rows;
  std::optional<ImageProjections> projections;  ///< where components were asked for
};

/// Draws from each ensemble one image for each observed one (see ImageDrawing), then takes the
/// distances of image_set_distance(), an image and the one drawn for it being its pair.  Bandwidth:
/// the median distance of the observed images.  What was estimated is said through progress.note().
///
/// In the weighted basis coefficient k counts W_k times, W_k^2 = S_k / (S_k + sigma^2) with S_k the
/// mean power of noise-free images of the truth in it, and all scaled so that sum W_k^2 S_k = 1
/// (THEORY 6.1): where pixel noise drowns the signal, raw distances see means alone.
/// @param truth    of the images; also what their contrast is estimated against
/// @param initial  the ensemble that the flow began from, or null
/// @throws Error(Usage) ensembles of other dimension than the model's, fewer than four images,
/// poses
///                      wanted from images that have none; Error(Input) images whose noise cannot
///                      be measured; Error(Numerical) observed images that are all the same;
///                      Error(Cancelled)
ImageComparison compare_images(const ConformationModel& model,
                               const ImageSet& images,
                               const Ensemble& truth,
                               const Ensemble* initial,
                               const Ensemble& ensemble,
                               const ImageComparisonOptions& options,
                               Progress& progress);

/// Block sip_explained_variance, pairs: sipImages (in each set), sipTotalVariance and
/// sipExplainedVariance1..P of the observed images; block sip_principal_components, a loop: sipSet,
/// sipComponent1..P, an image a row.
std::vector<formats::StarTable> to_star(const ImageProjections& projections);

}  // namespace cryosip

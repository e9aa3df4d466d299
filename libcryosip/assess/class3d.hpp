// RELION's Class3D beside an ensemble: class fractions against populations, class maps against
// maps of the states, each image's class against its state.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "formats/star.hpp"
#include "libcryosip/assess/volume_comparison.hpp"
#include "libcryosip/core/progress.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

/// One iteration of a Class3D, as RELION 3.1 to 5 write it.
struct Class3d {
  std::string optimiser;  ///< path
  std::int64_t iteration = 0;
  Eigen::VectorXd fractions;           ///< (classes): rlnClassDistribution, posterior mass; sum 1
  std::vector<std::string> maps;       ///< (classes): paths
  std::vector<std::string> images;     ///< rlnImageName, in one spelling
  std::vector<Eigen::Index> class_of;  ///< (images): the most probable class, from 0
};

/// From run_itNNN_optimiser.star, and the model and data files that it names.
/// @throws Error(Input) naming file and line: a file that is not found, a label missing, a class
///                      that there is none of, an optimiser of a refinement with half-sets
Class3d read_class3d(const std::string& optimiser_path);

/// The states that classes are held against.
struct States {
  Eigen::VectorXd populations;    ///< (states), >= 0, sum 1
  Eigen::MatrixXd coordinates;    ///< (coordinates, states)
  std::vector<std::string> maps;  ///< (states) paths, or empty

  [[nodiscard]] Eigen::Index size() const { return populations.size(); }
  /// The state nearest to each conformation, in units of the coordinates.
  /// @throws Error(Usage) conformations of other dimension
  [[nodiscard]] std::vector<Eigen::Index> nearest(const Eigen::MatrixXd& conformations) const;
};

/// The representatives of an ensemble (block sip_representatives, as cryosip-export writes it), the
/// conformations of one (sip_conformations) or the means of a mixture (sip_mixture), with their
/// populations or weights and, where there is a column sipMap, their maps, which are found as
/// read_volume_list() does.
/// @throws Error(Input) naming file and line
States read_states(const formats::StarFile& file);

/// The state of each image.
struct ImageStates {
  std::vector<std::string> images;  ///< rlnImageName, in one spelling
  std::vector<Eigen::Index> state_of;
};

/// From the block that has rlnImageName and the first of these columns, all counted from 1:
/// sipState, a state; sipConformation (cryosip-assign) or sipStructure (cryosip-map --assignments),
/// a conformation of the ensemble, of which the nearest state is taken; rlnClassNumber, a state.
/// @throws Error(Input) naming file and line: no such column, a number out of range, a name twice
ImageStates read_image_states(const formats::StarFile& file,
                              const States& states,
                              const Ensemble& ensemble);

/// A state with its class; where there is one without the other, only its half.
struct StateAndClass {
  std::optional<Eigen::Index> state;
  std::optional<Eigen::Index> class3d;
  std::optional<MapPairNumbers> maps;  ///< where both have one
};

struct Class3dComparison {
  std::vector<StateAndClass> rows;       ///< states in their order, then the classes left over
  Eigen::VectorXd ensemble_populations;  ///< (states): weight of the conformations nearest to each
  /// (states, classes): images, of those that both files name; no columns without image states.
  Eigen::MatrixXd images;
  /// Half the sum over rows of |class fraction - ensemble's population|: what would have to move.
  double population_distance = 0;
};

/// Classes are matched with states one to one: by the maps (largest sum of correlation
/// coefficients; classes of fraction 0, whose maps are empty, are left over), else by the images
/// that they share.
/// @param image_states  or null
/// @param mask          path of a mask for the maps, or empty
/// @throws Error(Usage) neither maps nor images to match by; Error(Input) no image in both files, a
///                      map that cannot be used; as compare_volumes()
Class3dComparison compare_with_class3d(const Class3d& class3d,
                                       const States& states,
                                       const Ensemble& ensemble,
                                       const ImageStates* image_states,
                                       const std::string& mask,
                                       Progress& progress);

/// Block sip_class3d_general, pairs: sipOptimiser, rlnCurrentIteration, sipImages (compared),
/// sipAgreement (the share of them whose class is their state's; "None" without image states),
/// sipPopulationDistance.  Block sip_class3d, a row a state with its class, "None" where there is
/// none: sipState, sipPopulation, sipEnsemblePopulation, rlnClassNumber, rlnClassDistribution,
/// sipClassImages (share of images by most probable class), sipMapCorrelation, sipCryobenchAuc,
/// sipFlatironMeanFsc, sipResolution143, sipResolution5 (angstrom, CryoBench's), sipAgreement (of
/// the state's images), sipImagesInClass1..K.
std::vector<formats::StarTable> to_star(const Class3dComparison& comparison,
                                        const Class3d& class3d,
                                        const States& states);

}  // namespace cryosip

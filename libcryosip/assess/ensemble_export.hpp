// An ensemble as other programs take it: atomic models with populations, a table, a ChimeraX
// script.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "formats/pdb.hpp"
#include "formats/star.hpp"
#include "libcryosip/assess/representatives.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "libcryosip/structure/carried_atoms.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

enum class ModelFrame {
  Images,   ///< the molecule's own, whose origin is the centre of images and maps
  Aligned,  ///< each superposed on the most populated one (least squares over all atoms)
};

/// The representatives as atomic models.  All arguments must outlive the result.
/// @param carried  nullptr: the model's own atoms
formats::WeightedModels weighted_models(const AtomicModel& model,
                                        const Ensemble& ensemble,
                                        const Representatives& representatives,
                                        const CarriedAtoms* carried,
                                        ModelFrame frame);
/// One of several models, for a file of its own.
formats::WeightedModels single_model(const formats::WeightedModels& models, std::size_t index);

/// Block sip_representatives: sipModel (counted from 1), sipConformation (its row in the ensemble,
/// from 1), sipPopulation, sipSpread (weighted RMS distance of the cluster's members, see
/// ConformationModel::embedding), sipCoordinate1..K and, where maps are given, sipMap.
formats::StarTable to_star(const Representatives& representatives,
                           const Ensemble& ensemble,
                           const std::vector<std::string>& maps);

/// What a ChimeraX script shows.  Paths are relative to the script: ChimeraX goes to its folder.
struct ChimeraxScene {
  std::vector<double> populations;
  std::string models;             ///< file with a model for each population, or empty
  std::vector<std::string> maps;  ///< a map for each, or none
  int box = 0;                    ///< of the maps: their origin is voxel box/2
};

/// Commands that close what is open, open the models and maps, put maps where the models are,
/// colour both by population from blue (least) to red (most), maps half transparent, and play a
/// morph through the models in their order, or where there are none through the maps.
std::string chimerax_commands(const ChimeraxScene& scene, const std::vector<std::string>& comments);

}  // namespace cryosip

// A report's figures of a run and its ensemble; those of images are in image_figures.hpp.
#pragma once

#include <string>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/assess/free_energy.hpp"
#include "libcryosip/report/figure.hpp"
#include "libcryosip/report/representative_structures.hpp"
#include "libcryosip/report/run_folder.hpp"

namespace cryosip {

/// What a coordinate is called on an axis: "coordinate 1 (a unit is 6 Å RMSD)".
/// @param units  unit_displacements(), or empty where they are not known or not in angstrom
std::string coordinate_label(Eigen::Index k, const Eigen::VectorXd& units);
/// "group 1", "group 2", ..
std::string group_name(std::size_t m);

/// Objective, effective sample size and step size by step, and what was annealed.
std::vector<Figure> convergence_figures(const formats::StarTable& log, Eigen::Index conformations);
/// Densities of each coordinate: result, with its band where there are refits, truth and start.
std::vector<Figure> marginal_figures(const RunData& run, const Eigen::VectorXd& units);
/// Of each pair of the first four coordinates: the result's density, and the regions that enclose
/// half and nine tenths of result and truth.
std::vector<Figure> plane_figures(const RunData& run, const Eigen::VectorXd& units);
/// Of each profile.  @param energies  of one coordinate each
std::vector<Figure> free_energy_figures(const std::vector<FreeEnergy>& energies,
                                        const Eigen::VectorXd& units);
/// @param unit  of lengths: " Å", or empty
std::vector<Figure> structure_figures(const RepresentativeStructures& representatives,
                                      const Ensemble& ensemble,
                                      const std::string& unit);

}  // namespace cryosip

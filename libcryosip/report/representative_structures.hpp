// Structures that stand for an ensemble, and what its coordinates mean in angstrom.
#pragma once

#include <cstdint>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/assess/representatives.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "libcryosip/report/structure_drawing.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

/// RMSD of a structure by one unit of each coordinate, the others 0: (K), in angstrom.
Eigen::VectorXd unit_displacements(const AtomicModel& model);

struct RepresentativeStructures {
  Representatives groups;
  ChainTrace trace;
  Eigen::Matrix3Xd model;                    ///< (3, atoms): coordinates 0
  Eigen::Matrix3Xd mean;                     ///< (3, atoms): the mean coordinates'
  std::vector<Eigen::Matrix3Xd> structures;  ///< (groups)
  Eigen::VectorXd rmsd_to_mean;              ///< (groups), in angstrom, traced atoms
  Eigen::VectorXd stretched;                 ///< (groups), see stretched_share()
};
/// @param wanted  most structures, > 0; fewer come where fewer conformations differ
RepresentativeStructures representative_structures(const AtomicModel& model,
                                                   const Ensemble& ensemble,
                                                   Eigen::Index wanted,
                                                   std::uint64_t seed);

}  // namespace cryosip

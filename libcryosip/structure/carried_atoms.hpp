// All atoms of a structure, carried along by the few that a model moves.
#pragma once

#include <cstddef>
#include <vector>

#include <Eigen/Core>

#include "formats/pdb.hpp"
#include "libcryosip/structure/atoms.hpp"

namespace cryosip {

/// Each atom is displaced as its residue's node (same chain, number and insertion code) is; one of
/// a residue without a node as the node nearest to it at rest.  Where a residue has several nodes,
/// the one of the atom's own name, or else the first.
class CarriedAtoms {
 public:
  /// @param nodes  what the model moves, at rest, about their centre
  /// @throws Error(Input) naming the structure: fewer than half of the nodes are among its atoms,
  /// or
  ///                      they lie elsewhere relative to each other (more than 0.5 angstrom RMS)
  CarriedAtoms(formats::AtomicModel structure, const Atoms& nodes);

  [[nodiscard]] const std::vector<formats::AtomRecord>& atoms() const { return structure_.atoms; }
  /// (3, atoms), in the nodes' frame.  @param nodes  (3, nodes), moved
  [[nodiscard]] Eigen::Matrix3Xd positions(const Eigen::Matrix3Xd& nodes) const;

 private:
  formats::AtomicModel structure_;
  Eigen::Matrix3Xd nodes_at_rest_;
  Eigen::Matrix3Xd at_rest_;           // (3, atoms), in the nodes' frame
  std::vector<Eigen::Index> node_of_;  // (atoms)
};

}  // namespace cryosip

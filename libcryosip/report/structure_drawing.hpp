// Pictures of conformations: the trace of the chains as a shaded tube.
#pragma once

#include <string>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/report/figure.hpp"
#include "libcryosip/structure/atoms.hpp"

namespace cryosip {

/// Atoms that stand for their residues (C-alpha, or P of nucleic acids), in the order of their
/// chains, and which of them are joined.
struct ChainTrace {
  std::vector<Eigen::Index> atoms;
  std::vector<bool> joined;  ///< to the one before: same chain, neighbours in space
  bool is_chain = false;     ///< false: no such atoms, then all atoms, none joined
  double bond_angstrom = 0;  ///< median distance of joined ones
};
/// Joined where no farther apart than 5 A (C-alpha) or 9 A (P).
ChainTrace chain_trace(const Atoms& atoms);

/// Shares of joined neighbours whose distance differs from that in the model by more than 20 %:
/// what a straight line of motion does to a chain that it takes too far.
double stretched_share(const ChainTrace& trace,
                       const Eigen::Matrix3Xd& model,
                       const Eigen::Matrix3Xd& positions);

/// How structures are looked at, the same for all that are compared.
struct StructureView {
  Eigen::Matrix3d rotation;         ///< rows: right, up, towards the reader
  double half_extent_angstrom = 1;  ///< of a picture
  double largest_displacement = 0;  ///< in angstrom: the end of the colour scale
};
/// Longest axis up, thinnest towards the reader, all of the structures inside.
/// @param reference  what displacements are taken from: (3, atoms)
StructureView common_view(const ChainTrace& trace,
                          const Eigen::Matrix3Xd& reference,
                          const std::vector<Eigen::Matrix3Xd>& structures);

/// From the front and, turned by 90 degrees about the vertical, from the side; coloured by the
/// distance from the reference, which lies behind as a shadow.
/// @param unit  of lengths: " Å", or empty
Figure structure_figure(const std::string& name,
                        const std::string& title,
                        const std::string& description,
                        const std::string& caption,
                        const ChainTrace& trace,
                        const Eigen::Matrix3Xd& reference,
                        const Eigen::Matrix3Xd& positions,
                        const StructureView& view,
                        const std::string& unit);

}  // namespace cryosip

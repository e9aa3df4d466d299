// Normal modes of the anisotropic network model.
//
// Source: Atilgan et al., Biophys. J. 80 (2001) 505-515; conventions as ProDy's ANM (gamma 1, one
// cutoff for all pairs, unit masses).
#pragma once

#include <Eigen/Core>
#include <Eigen/SparseCore>

#include "formats/nmd.hpp"
#include "libcryosip/structure/atoms.hpp"

namespace cryosip {

struct NormalModeOptions {
  int modes = 4;                  ///< > 0, at most 3n - 6
  double cutoff_angstrom = 15;    ///< nodes at most this far apart are joined by a spring; > 0
  double amplitude_angstrom = 6;  ///< RMSD of mode 1 at coordinate 1; mode k: times sqrt(l_1/l_k)
};

struct NormalModes {
  Eigen::VectorXd eigenvalues;  ///< (modes), ascending, the six rigid motions left out
  Eigen::MatrixXd vectors;      ///< (3 nodes, modes), orthonormal; x1 y1 z1 x2 ..
  Eigen::VectorXd scales;  ///< (modes): coordinate 1 displaces by scales(k) * vectors.col(k) (A)
};

/// Hessian of the network, spring constant 1: (3 nodes, 3 nodes), symmetric, both triangles stored.
Eigen::SparseMatrix<double> network_hessian(const Eigen::Matrix3Xd& positions_angstrom,
                                            double cutoff_angstrom);

/// Lowest non-trivial modes by Spectra in shift-invert mode.  Deterministic; each vector's sign
/// makes its largest component positive.
/// @throws Error(Usage)      an option out of range, fewer than 3 nodes
/// @throws Error(Numerical)  the network has more than six zero modes (it falls apart or is
///                           collinear; the message gives the number of pieces), or no convergence
NormalModes normal_modes(const Eigen::Matrix3Xd& positions_angstrom,
                         const NormalModeOptions& options);

/// Every atom moves with its residue's node: rows of `modes` for `nodes` become rows for `atoms`.
/// Residues are matched by chain, number and insertion code; an atom of a residue without a node
/// follows the nearest node.  Scales stay those of the nodes.
NormalModes extend_to_atoms(const NormalModes& modes, const Atoms& nodes, const Atoms& atoms);

/// As an NMD: one mode line each, with its scale.
formats::Nmd to_nmd(const Atoms& atoms, const NormalModes& modes, const std::string& title);
/// The modes of an NMD as they stand, each with the scale of its mode line; eigenvalues stay empty,
/// for an NMD does not hold them, and vectors need not be orthonormal.
/// @throws Error(Usage) a mode whose length is not that of the coordinates
NormalModes from_nmd(const formats::Nmd& nmd);

}  // namespace cryosip

// Distances between ensembles as sets of atoms: superposed RMSDs and what is transported over them.
#pragma once

#include <Eigen/Core>

#include "libcryosip/forward/atomic_model.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

/// Root mean square distance of corresponding atoms after the best rigid superposition, without
/// reflection (W. Kabsch, Acta Cryst. A32 (1976) 922).
/// @param a,b  (3, atoms), angstrom, in one order
/// @throws Error(Usage) no atoms, or another number of them
double superposed_rmsd(const Eigen::Matrix3Xd& a, const Eigen::Matrix3Xd& b);

/// superposed_rmsd of every conformation of a with every one of b: (a.size(), b.size()), angstrom.
/// Cost: 18 atoms flops and a 3 x 3 singular value decomposition a pair, threaded.
/// @throws Error(Usage) coordinates that are not the model's
Eigen::MatrixXd rmsd_matrix(const AtomicModel& model, const Ensemble& a, const Ensemble& b);

/// (least sum T(i, j) RMSD(i, j)^order)^(1/order) over the plans T between the two, angstrom: how
/// far atoms are from the truth on average, whichever way the molecules lie.
/// @param order  >= 1
double rmsd_wasserstein(const Eigen::MatrixXd& rmsds,
                        const Eigen::VectorXd& a_weights,
                        const Eigen::VectorXd& b_weights,
                        double order = 1);

}  // namespace cryosip

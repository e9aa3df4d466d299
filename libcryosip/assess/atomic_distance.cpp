#include "libcryosip/assess/atomic_distance.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include <Eigen/LU>
#include <Eigen/SVD>

#include "formats/error.hpp"
#include "libcryosip/assess/optimal_transport.hpp"
#include "libcryosip/core/parallel.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// Positions about their mean, and the sum of their squares.
struct CentredAtoms {
  explicit CentredAtoms(const Eigen::Matrix3Xd& positions)
      : about_mean(positions.colwise() - positions.rowwise().mean()),
        squares(about_mean.squaredNorm()) {}

  Eigen::Matrix3Xd about_mean;
  double squares;
};

// min over rotations R of sum |a - R b|^2 = |a|^2 + |b|^2 - 2 (s_1 + s_2 +- s_3), s the singular
// values of a b', with - where the best orthogonal matrix is a reflection.
double superposed_rmsd(const CentredAtoms& a, const CentredAtoms& b) {
  const Eigen::Matrix3d covariance = a.about_mean * b.about_mean.transpose();
  const Eigen::JacobiSVD<Eigen::Matrix3d> decomposition(covariance);
  const Eigen::Vector3d& s = decomposition.singularValues();
  const double last = covariance.determinant() < 0 ? -s(2) : s(2);
  const double square = a.squares + b.squares - 2 * (s(0) + s(1) + last);
  return std::sqrt(std::max(square, 0.0) / static_cast<double>(a.about_mean.cols()));
}

std::vector<CentredAtoms> atoms_of(const AtomicModel& model, const Ensemble& ensemble) {
  require_dimension(model, ensemble);
  std::vector<CentredAtoms> atoms;
  atoms.reserve(static_cast<std::size_t>(ensemble.size()));
  Eigen::Matrix3Xd positions;
  for (Index i = 0; i < ensemble.size(); ++i) {
    model.positions(ensemble.coordinates.col(i), positions);
    atoms.emplace_back(positions);
  }
  return atoms;
}

}  // namespace

double superposed_rmsd(const Eigen::Matrix3Xd& a, const Eigen::Matrix3Xd& b) {
  if (a.cols() == 0 || a.cols() != b.cols()) {
    throw Error(ErrorKind::Usage,
                "structures of " + std::to_string(a.cols()) + " and " + std::to_string(b.cols()) +
                    " atoms, expected as many");
  }
  return superposed_rmsd(CentredAtoms(a), CentredAtoms(b));
}

Eigen::MatrixXd rmsd_matrix(const AtomicModel& model, const Ensemble& a, const Ensemble& b) {
  const std::vector<CentredAtoms> of_a = atoms_of(model, a);
  const std::vector<CentredAtoms> of_b = atoms_of(model, b);
  Eigen::MatrixXd rmsds(a.size(), b.size());
  parallel_for(of_b.size(), [&](std::size_t j) {
    for (std::size_t i = 0; i < of_a.size(); ++i) {
      rmsds(static_cast<Index>(i), static_cast<Index>(j)) = superposed_rmsd(of_a[i], of_b[j]);
    }
  });
  return rmsds;
}

double rmsd_wasserstein(const Eigen::MatrixXd& rmsds,
                        const Eigen::VectorXd& a_weights,
                        const Eigen::VectorXd& b_weights,
                        double order) {
  if (!(order >= 1) || !std::isfinite(order)) {
    throw Error(ErrorKind::Usage,
                "Wasserstein distance of order " + std::to_string(order) + ", expected >= 1");
  }
  return std::pow(transport_cost(rmsds.array().pow(order), a_weights, b_weights), 1 / order);
}

}  // namespace cryosip

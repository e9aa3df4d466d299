#include "libcryosip/report/representative_structures.hpp"

#include <cmath>
#include <cstddef>

namespace cryosip {
namespace {

Eigen::Matrix3Xd positions_at(const AtomicModel& model, const Eigen::VectorXd& coordinates) {
  Eigen::Matrix3Xd positions;
  model.positions(coordinates, positions);
  return positions;
}

double rmsd(const Eigen::Matrix3Xd& a, const Eigen::Matrix3Xd& b) {
  return std::sqrt((a - b).colwise().squaredNorm().mean());
}

}  // namespace

Eigen::VectorXd unit_displacements(const AtomicModel& model) {
  const Eigen::Index dimension = model.dimension();
  const Eigen::Matrix3Xd at_zero = positions_at(model, Eigen::VectorXd::Zero(dimension));
  Eigen::VectorXd displacements(dimension);
  for (Eigen::Index k = 0; k < dimension; ++k) {
    displacements(k) = rmsd(positions_at(model, Eigen::VectorXd::Unit(dimension, k)), at_zero);
  }
  return displacements;
}

RepresentativeStructures representative_structures(const AtomicModel& model,
                                                   const Ensemble& ensemble,
                                                   Eigen::Index wanted) {
  RepresentativeStructures result;
  const Eigen::VectorXd units = unit_displacements(model);
  result.clusters = k_medoids(units.asDiagonal() * ensemble.coordinates, ensemble.weights, wanted);
  result.trace = chain_trace(model.atoms());
  result.model = positions_at(model, Eigen::VectorXd::Zero(model.dimension()));
  result.mean = positions_at(model, ensemble.coordinates * ensemble.weights);
  const auto count = static_cast<Eigen::Index>(result.clusters.medoids.size());
  result.rmsd_to_mean.resize(count);
  result.stretched.resize(count);
  for (Eigen::Index m = 0; m < count; ++m) {
    const Eigen::Index medoid = result.clusters.medoids[static_cast<std::size_t>(m)];
    const Eigen::Matrix3Xd positions = positions_at(model, ensemble.coordinates.col(medoid));
    const std::vector<Eigen::Index>& traced = result.trace.atoms;
    result.rmsd_to_mean(m) = rmsd(positions(Eigen::all, traced), result.mean(Eigen::all, traced));
    result.stretched(m) = stretched_share(result.trace, result.model, positions);
    result.structures.push_back(positions);
  }
  return result;
}

}  // namespace cryosip

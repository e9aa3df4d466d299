#include "libcryosip/report/representative_structures.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <set>
#include <vector>

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

// Of positive weight.
std::size_t different_points(const Eigen::MatrixXd& points, const Eigen::VectorXd& weights) {
  std::set<std::vector<double>> different;
  for (Eigen::Index i = 0; i < points.cols(); ++i) {
    if (weights(i) > 0) {
      const Eigen::VectorXd point = points.col(i);
      different.emplace(point.data(), point.data() + point.size());
    }
  }
  return different.size();
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
                                                   Eigen::Index wanted,
                                                   std::uint64_t seed) {
  RepresentativeStructures result;
  const Eigen::MatrixXd points = model.embedding(ensemble.coordinates);
  result.groups = choose_representatives(
      points,
      ensemble.weights,
      std::min(static_cast<std::size_t>(wanted), different_points(points, ensemble.weights)),
      seed);
  result.trace = chain_trace(model.atoms());
  result.model = positions_at(model, Eigen::VectorXd::Zero(model.dimension()));
  result.mean = positions_at(model, ensemble.coordinates * ensemble.weights);
  const auto count = result.groups.count();
  result.rmsd_to_mean.resize(count);
  result.stretched.resize(count);
  for (Eigen::Index m = 0; m < count; ++m) {
    const Eigen::Index chosen = result.groups.conformations[static_cast<std::size_t>(m)];
    const Eigen::Matrix3Xd positions = positions_at(model, ensemble.coordinates.col(chosen));
    const std::vector<Eigen::Index>& traced = result.trace.atoms;
    result.rmsd_to_mean(m) = rmsd(positions(Eigen::all, traced), result.mean(Eigen::all, traced));
    result.stretched(m) = stretched_share(result.trace, result.model, positions);
    result.structures.push_back(positions);
  }
  return result;
}

}  // namespace cryosip

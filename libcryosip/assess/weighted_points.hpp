// Weighted points: what every distance between samples asks of their weights.
#pragma once

#include <vector>

#include <Eigen/Core>

namespace cryosip {

/// The weights over their sum.
/// @throws Error(Usage) no points, sizes that disagree, a negative weight, weights that sum to 0
Eigen::VectorXd normalised_weights(Eigen::Index points, const Eigen::VectorXd& weights);

/// Kish's effective sample size (sum w)^2 / sum w^2: as many equal weights scatter a mean as much.
double effective_sample_size(const Eigen::VectorXd& weights);

/// 0 .. size-1 in ascending order of the values, equal ones in their own order.
std::vector<Eigen::Index> ascending(const Eigen::VectorXd& values);

}  // namespace cryosip

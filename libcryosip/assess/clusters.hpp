// A few conformations that stand for an ensemble, each with its share.
#pragma once

#include <vector>

#include <Eigen/Core>

namespace cryosip {

struct Clusters {
  std::vector<Eigen::Index> medoids;     ///< points, of the largest cluster first
  Eigen::VectorXd populations;           ///< (medoids): weights of their clusters, sum 1
  std::vector<Eigen::Index> cluster_of;  ///< (points): place in medoids
};

/// Clusters about points of the set (k-medoids): the sum of weights times distances to the nearest
/// medoid is made small, first by adding the point that lowers it most, as often as there are
/// clusters (BUILD of PAM, Kaufman and Rousseeuw 1990), then by turns: points go to their nearest
/// medoid, a cluster takes its best point.  No random numbers: the same call gives the same
/// clusters.  Among many points at most 1000, evenly spread, are tried as medoids.
/// Cost: O(wanted n min(n, 1000) K).
/// @param points   (K, n), in units in which distances along all coordinates compare
/// @param weights  (n), >= 0, sum > 0; points without weight are no medoids
/// @param wanted   > 0; fewer come back where fewer points differ
/// @throws Error(Usage) shapes that disagree, no points, wanted < 1
Clusters k_medoids(const Eigen::MatrixXd& points,
                   const Eigen::VectorXd& weights,
                   Eigen::Index wanted);

}  // namespace cryosip

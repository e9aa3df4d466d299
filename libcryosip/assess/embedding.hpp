// Whether two embeddings of the same images agree on who is whose neighbour.
#pragma once

#include <cstddef>
#include <vector>

#include <Eigen/Core>

namespace cryosip {

/// Shared neighbours, a number of neighbours k a point.
struct NeighbourhoodSimilarity {
  std::vector<Eigen::Index> neighbours;  ///< k
  Eigen::VectorXd hits;                  ///< (k): mean over the five subsets of the mean count
  Eigen::VectorXd hits_deviation;        ///< (k): standard deviation over the subsets, by 5
};

/// CryoBench's neighbourhood similarity (metrics/neighborhood_similarity): images 0, 5, 10, ..,
/// then 1, 6, 11, .. and so on make five subsets; in each, for every point, the number of points
/// that are among its k + 1 nearest (Euclidean) in both embeddings.  The point is its own nearest
/// neighbour: hits are k + 1 where the embeddings agree.  Of equal distances the earlier point is
/// nearer.
/// Cost: n^2 / 5 distances and their order; threaded.
/// @param a,b         (coordinates, images)
/// @param neighbours  each > 0 and below the images of the smallest subset
/// @throws Error(Usage) numbers of images that differ, a k out of range
NeighbourhoodSimilarity neighbourhood_similarity(const Eigen::MatrixXd& a,
                                                 const Eigen::MatrixXd& b,
                                                 std::vector<Eigen::Index> neighbours);

/// Information imbalance (Glielmo et al., PNAS Nexus 1 (2022) pgac039; DADApy): 2 / N times the
/// mean rank in the other embedding of a point's k nearest neighbours in the one.  Near 0: the one
/// predicts the other; near 1: it says nothing about it.
struct InformationImbalance {
  double a_to_b = 0;
  double b_to_a = 0;
  Eigen::Index images = 0;  ///< that were compared
};

/// Images that coincide with an earlier one in either embedding are left out, as CryoBench does.
/// Cost: N^2 distances and their order; threaded.
/// @param a,b         (coordinates, images)
/// @param neighbours  k, > 0 and below the number of images that differ
/// @throws Error(Usage) numbers of images that differ, k out of range
InformationImbalance information_imbalance(const Eigen::MatrixXd& a,
                                           const Eigen::MatrixXd& b,
                                           Eigen::Index neighbours);

}  // namespace cryosip

// A few conformations that stand for a whole ensemble, each with a share of its population.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/forward/conformation_model.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

/// In the order of the clusters: along the axis of the points' largest variance, so that neighbours
/// are next to each other and a morph goes through them in turn.  The axis points to where the
/// largest of its components is positive.
struct Representatives {
  /// (clusters): the member nearest to the cluster's weighted mean; of several the first.
  std::vector<Eigen::Index> conformations;
  Eigen::VectorXd populations;        ///< (clusters): sum of the members' weights; sum 1
  Eigen::VectorXd spreads;            ///< (clusters): weighted RMS distance to the representative
  std::vector<std::size_t> clusters;  ///< (conformations): the cluster each belongs to

  [[nodiscard]] Eigen::Index count() const { return populations.size(); }
};

/// Weighted k-means: ten starts by k-means++ (each further centre drawn by weight times squared
/// distance), Lloyd's iterations to the end, the start of the least weighted sum of squares kept.
/// Conformations of weight 0 join the nearest cluster.
/// @param points    (any, conformations): see ConformationModel::embedding()
/// @param weights   (conformations), >= 0, sum 1
/// @param clusters  1 .. number of different points of positive weight
/// @throws Error(Usage) clusters out of range
Representatives choose_representatives(const Eigen::MatrixXd& points,
                                       const Eigen::VectorXd& weights,
                                       std::size_t clusters,
                                       std::uint64_t seed);

/// Every conformation of positive weight, in the ensemble's order, standing for itself.
Representatives all_conformations(const Ensemble& ensemble);

}  // namespace cryosip

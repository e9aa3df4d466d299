// Distances between maps that follow from sums over voxels: squared difference, correlation,
// BioEM's posterior, and the variance that one set captures of another.
#pragma once

#include <Eigen/Core>

#include "libcryosip/assess/volume_set.hpp"

namespace cryosip {

/// Maps as the challenge compares them: (map - median) / standard deviation over the mask's voxels.
struct MapNormalisation {
  Eigen::VectorXd medians;     ///< (maps): of the two middle values the lower, as torch.median
  Eigen::VectorXd deviations;  ///< (maps), over N - 1
};

/// @param mask  (box^3): voxels that are not 0 count; empty: all do
/// @throws Error(Numerical) a map that is constant inside the mask
MapNormalisation map_normalisation(const VolumeSet& maps, const Eigen::VectorXf& mask);

/// Matrices (maps of a, maps of b) of the Flatiron challenge (map_to_map_distance.py), of maps
/// normalised as it does.
struct MapDistances {
  Eigen::MatrixXd l2;           ///< |a - b|^2
  Eigen::MatrixXd correlation;  ///< sum a b: a similarity, not a distance
  Eigen::MatrixXd pearson;      ///< Pearson's correlation coefficient; not one of the challenge's
  /// -log of BioEM's posterior (Cossio and Hummer, J. Struct. Biol. 184 (2013), equation 10) as the
  /// challenge has it, in which b is the measurement; the two logarithms that can meet 0 stop at
  /// the smallest normal float, as in its single precision.
  Eigen::MatrixXd bioem;
};

/// How far the maps of a set go along the directions in which another's differ: with a = W S U' the
/// singular value decomposition of the maps (rows) less their mean,
///   captured(V of b; U, S of a) = |V' U S|_F / |S|_F
/// (svd_utils.py of the challenge at 11a0eb1; later versions square it).
struct CapturedVariance {
  double of_a_by_b = 0;
  double of_b_by_a = 0;
  /// Half their sum.
  [[nodiscard]] double similarity() const { return (of_a_by_b + of_b_by_a) / 2; }
};

struct MapComparison {
  MapDistances distances;
  CapturedVariance captured;  ///< of the maps as they are, inside the mask; 0 where nothing varies
};

/// Cost: 2 n^3 flops for each pair of maps of the two sets together, as matrix products in double
/// precision; threaded, the same bits on any number of threads.
/// @param mask  as in map_normalisation()
/// @throws Error(Usage) boxes that differ; Error(Numerical) as map_normalisation()
MapComparison compare_maps(const VolumeSet& a, const VolumeSet& b, const Eigen::VectorXf& mask);

}  // namespace cryosip

// Fourier shell correlation between all maps of two sets, by the shells of CryoBench and by those
// of the Flatiron Institute's heterogeneity challenge.
#pragma once

#include <vector>

#include <Eigen/Core>

#include "libcryosip/assess/volume_set.hpp"

namespace cryosip {

/// Whose shells, for a box of n voxels; q is the integer frequency of an n^3 discrete transform.
enum class ShellConvention {
  /// CryoBench, metrics/fsc/utils/volumes.py: curve[0] = 1; curve[i], i = 1 .. n/2 - 1, over
  /// i - 1 <= |q| < i: named by its outer radius, q = 0 in shell 1.
  CryoBench,
  /// cryo_challenge/_map_to_map/map_to_map_distance.py: curve[k - 1], k = 1 .. n/2, over
  /// k - 1/2 <= |q| < k + 1/2: without q = 0, and up to half a shell beyond the Nyquist frequency.
  Flatiron,
};

/// The Fourier coefficients of maps out to the radius that either convention needs, in the order
/// of |q|: one transform a map.
class ShellSpectra {
 public:
  /// Of (map - offset) * mask, voxel by voxel.
  /// @param mask     (box^3), or empty: no mask
  /// @param offsets  (maps), or empty: 0
  ShellSpectra(const VolumeSet& maps, const Eigen::VectorXf& mask, const Eigen::VectorXd& offsets);

  [[nodiscard]] int box() const noexcept { return box_; }

 private:
  friend std::vector<Eigen::MatrixXd> shell_correlations(const ShellSpectra& a,
                                                         const ShellSpectra& b,
                                                         ShellConvention shells);
  int box_;
  std::vector<Eigen::Index> row_of_squared_radius_;  // first row of that |q|^2 or more
  // (2 coefficients, maps): real and imaginary parts, times sqrt 2 where a coefficient stands for
  // its mirror image too, so that sums over rows are sums over the whole shell.
  Eigen::MatrixXf parts_;
};

/// Re <A, B> / sqrt(<A, A> <B, B>) in each shell, for each pair of maps.  Where a map has nothing
/// in a shell CryoBench counts 1; Flatiron's formula gives 0/0 there, and 0 is returned.
/// Cost: 2 n^3 flops for each pair, as matrix products in double precision; threaded, the same bits
/// on any number of threads.
/// @return (n/2) curves' points, each (maps of a, maps of b)
/// @throws Error(Usage) boxes that differ
std::vector<Eigen::MatrixXd> shell_correlations(const ShellSpectra& a,
                                                const ShellSpectra& b,
                                                ShellConvention shells);

/// Frequencies of CryoBench's points in cycles per voxel ("pixres"): 0, 1/n, .. (n/2 - 1)/n.
Eigen::VectorXd cryobench_frequencies(int box);

/// CryoBench's AUC-FSC: the trapezoid rule over cryobench_frequencies() of |FSC|.  Not normalised:
/// at most 1/2 - 1/n.
double cryobench_area(const Eigen::VectorXd& curve);
/// The same of the curve clipped to [0, 1], as its plots take it from the files it has written.
double cryobench_clipped_area(const Eigen::VectorXd& curve);

/// CryoBench's resolution in voxels: 1 / frequency of the first point below the threshold, without
/// interpolation; 2 where no point is.
double cryobench_resolution_voxels(const Eigen::VectorXd& curve, double threshold);

/// The challenge's "fsc": 1 - the mean of the curve.
double flatiron_cost(const Eigen::VectorXd& curve);
/// The challenge's "res" in voxels: n / (i + 1), i the first point (from 0) not above the
/// threshold. Where no point is, i = 0 as in the original: the best curve gets the worst value, n.
double flatiron_resolution_voxels(const Eigen::VectorXd& curve, double threshold = 0.5);

}  // namespace cryosip

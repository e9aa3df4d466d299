// Fourier transforms of volumes at any frequency: central slices, and so projections.
#pragma once

#include <complex>
#include <vector>

#include <Eigen/Core>

namespace cryosip {

/// Cubes of voxels on the same grid, voxel edge/2 of each axis the origin.
struct Volumes {
  int edge = 0;                    ///< voxels along an edge; even
  double voxel_size_angstrom = 0;  ///< > 0
  Eigen::MatrixXf values;          ///< (voxels, volumes): [z][y][x], x fastest

  [[nodiscard]] double edge_angstrom() const { return edge * voxel_size_angstrom; }
  /// Coordinate of a voxel along an axis, in voxels.
  [[nodiscard]] int from_origin(int index) const { return index - edge / 2; }
};

/// F(q) = sum over voxels of value * exp(-2 pi i q.r), r in angstrom from the origin; of all
/// volumes at once.
///
/// A volume is padded to twice its edge, divided by the transform of an interpolation kernel, and
/// transformed; what lies between its frequencies is a sum over kTaps^3 of them, weighted by the
/// kernel exp(beta (sqrt(1 - z^2) - 1)) of each axis (the "exponential of semicircle" of Barnett,
/// Magland and af Klinteberg, SIAM J. Sci. Comput. 41 (2019) C479).  The error is below 5e-5 of the
/// values' norm, even for noise that fills the box to its corners.  Only
/// frequencies that can be asked for are kept: 4 (4 R + 8)^3 bytes a volume where they reach R
/// cycles a box, and less than that again for one volume while they are made.
class VolumeSpectra {
 public:
  static constexpr int kTaps = 6;

  /// @param highest  highest frequency that will be asked for, in 1/angstrom; cut to the voxels'
  ///     Nyquist frequency
  /// @throws Error(Usage) an odd edge, values of another count
  VolumeSpectra(const Volumes& volumes, double highest);

  [[nodiscard]] Eigen::Index count() const { return count_; }
  /// @param frequency  (x, y, z) in 1/angstrom, object frame
  /// @param values     (count), overwritten; 0 beyond `highest` or the Nyquist sphere
  void read(const Eigen::Vector3d& frequency, Eigen::Ref<Eigen::VectorXcf> values) const;

 private:
  [[nodiscard]] Eigen::Index place(int x, int y, int z) const {
    return (Eigen::Index{z + reach_} * (2 * reach_ + 1) + y + reach_) * row_ + x + kTaps / 2;
  }

  Eigen::Index count_;
  double padded_edge_angstrom_;
  double highest_;  // 1/angstrom
  int reach_;       // frequencies kept: -reach .. reach along y and z, in cycles a padded box
  int row_;         // and -kTaps/2 .. reach along x: the rest are complex conjugates
  /// (2 volumes, frequencies): real and imaginary part of each volume, and of an empty one where
  /// their number is odd.
  Eigen::MatrixXf spectra_;
};

}  // namespace cryosip

// Volumes for tests: blobs of which three move along components of their own, and what a volume's
// Fourier transform is, summed voxel by voxel.
#pragma once

#include <array>
#include <cmath>
#include <complex>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/core/units.hpp"
#include "libcryosip/forward/volume_spectra.hpp"

namespace cryosip::testing {

/// Adds height * exp(-|r - centre|^2 / 2 sigma^2); lengths in angstrom.
inline void add_blob(Volumes& volumes,
                     Eigen::Index column,
                     const Eigen::Vector3d& centre,
                     double height,
                     double sigma) {
  Eigen::Index voxel = 0;
  for (int z = 0; z < volumes.edge; ++z) {
    for (int y = 0; y < volumes.edge; ++y) {
      for (int x = 0; x < volumes.edge; ++x, ++voxel) {
        const Eigen::Vector3d at =
            Eigen::Vector3d(
                volumes.from_origin(x), volumes.from_origin(y), volumes.from_origin(z)) *
            volumes.voxel_size_angstrom;
        volumes.values(voxel, column) += static_cast<float>(
            height * std::exp(-(at - centre).squaredNorm() / (2 * sigma * sigma)));
      }
    }
  }
}

/// A body and three arms: along component k arm k goes from one place (-1) to another (+1).
inline Volumes three_arms(int edge = 24, double voxel_size_angstrom = 5) {
  Volumes volumes{edge, voxel_size_angstrom, {}};
  volumes.values = Eigen::MatrixXf::Zero(Eigen::Index{edge} * edge * edge, 4);
  constexpr double kSigma = 8;
  for (const Eigen::Vector3d& at :
       {Eigen::Vector3d(0, 0, 0), {12, 6, -4}, {-10, 8, 6}, {2, -12, 9}}) {
    add_blob(volumes, 0, at, 1, kSigma);
  }
  const std::vector<std::array<Eigen::Vector3d, 2>> arms = {
      {Eigen::Vector3d(26, -8, 10), Eigen::Vector3d(22, 14, -6)},
      {Eigen::Vector3d(-26, 4, 12), Eigen::Vector3d(-18, -16, -8)},
      {Eigen::Vector3d(4, 20, 20), Eigen::Vector3d(-6, -4, 30)}};
  for (Eigen::Index k = 0; k < 3; ++k) {
    for (const std::size_t side : {0U, 1U}) {
      const Eigen::Vector3d& at = arms[static_cast<std::size_t>(k)][side];
      add_blob(volumes, 0, at, 0.5, kSigma);
      add_blob(volumes, k + 1, at, side == 0 ? -0.5 : 0.5, kSigma);
    }
  }
  return volumes;
}

/// Sum over voxels of value * exp(-2 pi i q.r), q in 1/angstrom.
inline std::complex<double> transform_at(const Volumes& volumes,
                                         Eigen::Index column,
                                         const Eigen::Vector3d& frequency) {
  std::complex<double> sum = 0;
  Eigen::Index voxel = 0;
  for (int z = 0; z < volumes.edge; ++z) {
    for (int y = 0; y < volumes.edge; ++y) {
      for (int x = 0; x < volumes.edge; ++x, ++voxel) {
        const Eigen::Vector3d at(
            volumes.from_origin(x), volumes.from_origin(y), volumes.from_origin(z));
        sum += static_cast<double>(volumes.values(voxel, column)) *
               std::polar(1.0, -2 * kPi * frequency.dot(at) * volumes.voxel_size_angstrom);
      }
    }
  }
  return sum;
}

}  // namespace cryosip::testing

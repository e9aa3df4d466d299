// The density of a molecule on a cube, as RELION's maps hold it.
#pragma once

#include <Eigen/Core>

#include "formats/mrc.hpp"
#include "libcryosip/forward/image_basis.hpp"
#include "libcryosip/forward/scattering.hpp"

namespace cryosip {

/// Sum of the atoms' Gaussians, cut to the sphere |k| <= band_radius(): voxel [z][y][x], origin
/// voxel box/2, positive where the molecule is.  A voxel is the density times the pixel size, so
/// that voxels summed along a ray are a pixel of the drawing (renderer.hpp), as in RELION.
/// @param positions            (3, atoms), angstrom
/// @param grid                 the cube's edge and its voxels'
/// @param resolution_angstrom  finest detail kept; 0: to Nyquist
/// @throws Error(Usage) see band_radius(); atoms outside the box
formats::Volume density_of_atoms(const Scattering& scattering,
                                 const Eigen::Matrix3Xd& positions,
                                 const ImageGrid& grid,
                                 double resolution_angstrom);

}  // namespace cryosip

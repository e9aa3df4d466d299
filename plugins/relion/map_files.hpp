// Maps that come from RELION and go to it.
#pragma once

#include <string>

#include "formats/mrc.hpp"
#include "libcryosip/forward/image_basis.hpp"

namespace cryosip::relion {

/// A map on the particles' grid.
/// @throws Error(Input) naming the file: unreadable, not a cube of this edge, or (where it has any)
///                      of another pixel size
formats::Volume read_map(const std::string& path, const ImageGrid& grid);

/// Pearson's correlation of the voxels of two maps of one size, each counted by the mask's value.
/// @param mask  of the same size; empty: all count, by 1
/// @throws Error(Numerical) a map that is the same everywhere
double correlation(const formats::Volume& a, const formats::Volume& b, const formats::Volume& mask);

/// Mean, by population, of the maps that stand for an ensemble.
/// @param table  STAR file that cryosip-export wrote with --volumes
formats::Volume mean_map(const std::string& table);

}  // namespace cryosip::relion

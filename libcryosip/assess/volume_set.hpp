// Sets of maps with populations, as files name them.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "formats/star.hpp"

namespace cryosip {

/// Maps by their files.
struct VolumeList {
  std::vector<std::string> paths;  ///< that can be opened from the working directory
  Eigen::VectorXd populations;     ///< (maps), >= 0, sum 1
};

/// Reads which maps there are, from
/// - a folder: its .mrc and .map files, ordered by name with numbers by value (vol_2 before vol_10,
///   as CryoBench orders them), equal populations;
/// - a STAR file with column sipMap, as cryosip-export writes it, and in the same block
///   sipPopulation or sipWeight (neither: equal populations);
/// - the model.star of a RELION Class3D, or the optimiser.star that names it: rlnReferenceImage and
///   rlnClassDistribution;
/// - anything else: one map.
/// Paths in a STAR file are looked for as named (from the working directory), from the folder of
/// the STAR file, from the folders above it (RELION's project is one of them), and by their last
/// part beside the STAR file.
/// @throws Error(Input) naming file and line: no maps, a map that is not found, populations that
///                      are negative or sum to 0
VolumeList read_volume_list(const std::string& path);

/// The path of a file that a STAR file names, found as read_volume_list() does, or empty.
std::string find_named_file(const std::string& name, const std::string& star_path);
/// The path of the file in a cell, found as read_volume_list() does.
/// @throws Error(Input) naming file, line and column
std::string named_file(const formats::StarTable& table,
                       std::size_t row,
                       std::size_t column,
                       const std::string& star_path);

/// Maps in memory, all on one grid.
struct VolumeSet {
  std::vector<std::string> names;  ///< (maps), for messages and tables
  int box = 0;                     ///< voxels along an edge, even
  double pixel_size_angstrom = 0;
  Eigen::MatrixXf values;       ///< (box^3, maps): a column is [z][y][x], x fastest
  Eigen::VectorXd populations;  ///< (maps), >= 0, sum 1

  [[nodiscard]] Eigen::Index size() const { return values.cols(); }
};

/// Reads the maps, several at a time.
/// @throws Error(Input) naming the map: not a cube of even edge, another box or pixel size than the
///                      first's, a voxel that is not finite, all voxels the same (RELION writes
///                      such a map for a class that has lost its images)
VolumeSet load_volumes(const VolumeList& list);

/// A mask on the grid of @p like, as read_volume reads it.  @throws Error(Input) another grid, not
/// finite
Eigen::VectorXf load_mask(const std::string& path, const VolumeSet& like);

}  // namespace cryosip

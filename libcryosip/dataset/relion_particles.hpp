// Particle STAR files of RELION, 3.0 form and 3.1 or later: what their columns mean.
#pragma once

#include <string>
#include <vector>

#include <Eigen/Core>

#include "formats/image_name.hpp"
#include "formats/star.hpp"
#include "libcryosip/forward/ctf.hpp"
#include "libcryosip/forward/pose.hpp"

namespace cryosip {

/// One image's row.
struct ParticleRecord {
  formats::ImageName image;
  std::size_t optics_group = 0;  ///< index into ParticleTable::optics_groups
  Pose pose;                     ///< identity where the table has no views; psi 0 where no poses
  CtfParameters ctf;             ///< meaningless where the table has none
};

struct OpticsGroup {
  std::string name;
  double pixel_size_angstrom = 0;  ///< 0: the table does not say
  int box = 0;                     ///< pixels; 0: the table does not say
};

struct ParticleTable {
  std::string source;  ///< file name, for messages
  bool has_poses = false;
  bool has_views = false;  ///< rot and tilt, whether or not psi
  bool has_ctf = false;
  std::vector<OpticsGroup> optics_groups;
  std::vector<ParticleRecord> records;
  std::vector<std::string> where;     ///< (records): "FILE:LINE"
  std::vector<std::string> warnings;  ///< what was assumed, one line each
};

/// The block with the particles' rows: `particles`, `images` or one without a name, with a column
/// rlnImageName.
/// @throws Error(Input) naming the file: no such block
const formats::StarTable& particle_block(const formats::StarFile& file);

/// Reads `data_optics` with `data_particles` (3.1 form, in any order), or one block `data_`,
/// `data_images` or `data_particles` without optics (3.0 form: pixel size from rlnMagnification and
/// rlnDetectorPixelSize, origins in pixels).
///
/// A value in the particle's row goes before its optics group's, as in relion_reconstruct.  Poses
/// need rlnAngleRot, rlnAngleTilt and rlnAnglePsi, views the first two; a CTF needs rlnDefocusU,
/// rlnVoltage and rlnSphericalAberration; what RELION silently assumes elsewhere (amplitude
/// contrast 0, origin 0) is assumed too, with a warning where it changes the images.
/// @param pixel_size_angstrom  > 0: instead of what the file says, for origins in pixels too
/// @throws Error(Input) naming file and line: no particle block, a label missing, an unknown optics
///                      group, an image numbered 0, a value that is not a finite number, no rows,
///                      an origin in pixels of unknown size
ParticleTable read_particles(const formats::StarFile& file, double pixel_size_angstrom = 0);

/// The 3.1 form with one optics group, as five RELION programs accept it: rlnImageName,
/// rlnMicrographName, poses, origins, CTF, rlnClassNumber 1, rlnRandomSubset alternating 1 and 2.
/// Records' own voltage, aberration and amplitude contrast must all be equal.
/// @throws Error(Usage) not exactly one optics group, no records
formats::StarFile to_star(const ParticleTable& table, std::vector<std::string> comments);

}  // namespace cryosip

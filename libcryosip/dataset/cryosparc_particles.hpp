// cryoSPARC's particle data sets (.cs) and RELION's particle STAR files: each as the other.
//
// | .cs                                      | STAR | | uid                                      |
// ucsfUid, as pyem calls it                            | | blob/path, blob/idx (from 0) |
// rlnImageName (from 1), a ">" before the path removed | | blob/psize_A, blob/shape |
// rlnImagePixelSize, rlnImageSize                      | | ctf/exp_group_id | rlnOpticsGroupName
// "exp_group_N"                     | | ctf/accel_kv, cs_mm, amp_contrast (ac)   | rlnVoltage,
// rlnSphericalAberration, -AmplitudeContrast | | ctf/df1_A, df2_A, bfactor, scale         |
// rlnDefocusU, -V, rlnCtfBfactor, rlnCtfScalefactor    | | ctf/df_angle_rad, phase_shift_rad |
// rlnDefocusAngle, rlnPhaseShift, in degrees           | | alignments3D/pose | rlnAngleRot, -Tilt,
// -Psi: A = R(v)^T, R by Rodrigues | | alignments3D/shift (pixels of psize_A)   | rlnOriginXAngst,
// -YAngst: shift * alignments3D/psize_A | | alignments3D/split, class                |
// rlnRandomSubset, rlnClassNumber, both from 1         | | location/micrograph_path |
// rlnMicrographName                                    |
//
// A shift counts pixels of the alignment, which may have been made on smaller images: the pixel
// size of the images themselves, as pyem takes it (asarnow/pyem#125), scales it wrongly.  Where the
// two differ the STAR file gets a column sipAlignmentPixelSize, so that shifts come back as they
// were.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "formats/npy.hpp"
#include "formats/star.hpp"
#include "libcryosip/dataset/relion_particles.hpp"

namespace cryosip {

/// The particles' column for cryoSPARC's uid, under the name that pyem gives it.
inline constexpr const char* kUidLabel = "ucsfUid";
/// The particles' column for the pixel size that shifts were counted in, in angstrom.
inline constexpr const char* kAlignmentPixelSizeLabel = "sipAlignmentPixelSize";
/// What an optics group's name begins with, before the number of its exposure group.
inline constexpr std::string_view kExposureGroupName = "exp_group_";

/// What a conversion has to say for itself.
struct ConversionNotes {
  std::vector<std::string> warnings;  ///< what was assumed, one line each
  /// Fields or labels that hold something and have no place in the other form.
  std::vector<std::string> left_out;
};

/// @param passthroughs  further data sets of the same particles, joined on uid; a field that stands
///                      in several is taken from the first of them, the particles' own before all.
/// The 3.1 form, an optics group for each exposure group, voltage, aberration, amplitude contrast,
/// pixel size and box.  Poses come from the first data set that has any: alignments3D, or of
/// several classes (alignments3D_multi, or the older alignments_class_K) that of the largest
/// class_posterior.  Numbers are the shortest decimals that mean the data set's 32-bit floats.
/// @throws Error(Input) "FILE: record N, field ..": no blob/path or blob/idx, no uid to join on, a
///                      uid that is missing there or stands twice, a value that is not a finite
///                      number, shifts in pixels of unknown size, no records
formats::StarFile star_of_cryosparc(const formats::NpyArray& particles,
                                    const std::vector<formats::NpyArray>& passthroughs,
                                    ConversionNotes& notes);

/// The inverse, in the order and types in which cryoSPARC writes its fields.  A particle without
/// ucsfUid gets one made of its image's name: the same name, the same number.
/// @param star       what table was read from
/// @param table      boxes and pixel sizes must be known
/// @param originals  data sets of the same particles, joined on uid: their blob, ctf/exp_group_id
/// and
///                   location stand before what the STAR file says, and all further fields are kept
/// @throws Error(Input) a box or pixel size that is not known, no ucsfUid to join on, a uid that is
///                      missing in an original
formats::NpyArray cryosparc_of_star(const formats::StarFile& star,
                                    const ParticleTable& table,
                                    const std::vector<formats::NpyArray>& originals,
                                    ConversionNotes& notes);

}  // namespace cryosip

// Particle files of RELION (STAR) or cryoSPARC (.cs), opened by content.
#pragma once

#include <string>
#include <vector>

#include "formats/star.hpp"
#include "libcryosip/dataset/cryosparc_particles.hpp"
#include "libcryosip/dataset/inspection.hpp"
#include "libcryosip/dataset/relion_particles.hpp"

namespace cryosip {

struct ParticleFile {
  formats::StarFile star;  ///< as read, or made of a cryoSPARC data set
  bool is_cryosparc = false;
  ConversionNotes notes;  ///< empty where no conversion was needed
};

/// @param passthroughs  further .cs files of the same particles, see star_of_cryosparc()
/// @throws Error(Input) what either reader throws; Error(Usage) passthroughs beside a STAR file
ParticleFile read_particle_file(const std::string& path,
                                const std::vector<std::string>& passthroughs = {});

/// What the particles are, with the conversion's warnings before the table's own.
/// @throws Error(Input) as read_particles()
ParticleTable particle_table(const ParticleFile& file, double pixel_size_angstrom = 0);

/// Gives optics groups without a box that of their first image's stack.
/// @throws Error(Input) where it is not found or not square
void complete_boxes(ParticleTable& table, const ImageSetOptions& options);

/// Sets every optics group's rlnImagePixelSize, where it is given (> 0) and there are such groups.
void set_pixel_size(formats::StarFile& star, double pixel_size_angstrom);

/// Rewrites rlnImageName: without strip_prefix and, where an image directory is given, with the
/// paths at which the stacks are found.
/// @throws Error(Input) naming the first that is not found there
void rename_stacks(formats::StarFile& star, const ImageSetOptions& options);

}  // namespace cryosip

// Reading a data set whole to say what is wrong with it, before hours of work.
#pragma once

#include <string>

#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/inspection.hpp"
#include "libcryosip/dataset/relion_particles.hpp"

namespace cryosip {

/// Reads every pixel of a data set and says what is wrong with it, stopping at nothing.
/// NotNormalised: background (outside the circle of diameter box) of mean beyond 0.5 standard
/// deviations or of standard deviation outside 0.5 .. 2, where RELION warns.
/// @throws Error(Input) only where the STAR file itself cannot be read
struct DataCheck {
  ParticleTable table;
  DataInspection inspection;  ///< with the faults of the pixels added
  double mean_background_sigma = 0;
  bool cancelled = false;
};
DataCheck check_data_set(const std::string& star_path,
                         const ImageSetOptions& options,
                         Progress& progress);

}  // namespace cryosip

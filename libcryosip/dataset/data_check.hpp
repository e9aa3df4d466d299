// Reading a data set whole to say what is wrong with it, before hours of work.
#pragma once

#include <string>

#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/inspection.hpp"
#include "libcryosip/dataset/relion_particles.hpp"

namespace cryosip {

/// Whether molecules are brighter than what is around them, as RELION wants them.
enum class Contrast { Unclear, Bright, Dark };

/// Reads every pixel of a data set and says what is wrong with it, stopping at nothing.
/// CtfOutOfRange: values that no microscope has, as other units give them.  LabelMissing: what
/// RELION refuses a STAR file without.  NotNormalised: background (outside the circle of diameter
/// box) of mean beyond 0.5 standard deviations or of standard deviation outside 0.5 .. 2, where
/// RELION warns. DarkMolecules: see contrast.
/// @throws Error(Input) only where the particle file itself cannot be read
struct DataCheck {
  ParticleTable table;
  DataInspection inspection;  ///< with the faults of the pixels added
  double mean_background_sigma = 0;
  /// Of the means within the circle of diameter box/2, less the background's: five standard errors
  /// over all images, at least eight.
  Contrast contrast = Contrast::Unclear;
  bool cancelled = false;
};
DataCheck check_data_set(const std::string& path,
                         const ImageSetOptions& options,
                         Progress& progress);

}  // namespace cryosip

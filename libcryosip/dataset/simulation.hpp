// Simulated particle images of an ensemble, written as RELION's Extract would.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/relion_particles.hpp"
#include "libcryosip/forward/conformation_model.hpp"
#include "libcryosip/structure/ensemble.hpp"
#include "libcryosip/structure/mixture.hpp"

namespace cryosip {

struct SimulationOptions {
  enum class Poses {
    Uniform,
    Table,
    Fixed,  ///< all in the molecule's own frame, centred: what a model without views asks for
  };
  enum class Optics { None, Uniform, Table };

  std::size_t count = 1000;  ///< > 0
  ImageGrid grid{48, 3.0};
  ImagingOptions imaging;
  Poses poses = Poses::Uniform;
  Optics optics = Optics::Uniform;
  /// Whose poses and optics are taken, image i those of row i (and round again), where Table is
  /// asked.
  std::optional<ParticleTable> pose_table;
  std::optional<ParticleTable> optics_table;
  CtfParameters common_optics;  ///< voltage, aberration, ... of Optics::Uniform
  double defocus_min_angstrom = 10000;
  double defocus_max_angstrom = 25000;
  double astigmatism_max_angstrom = 0;  ///< dU - dV uniform in 0 .. this, at a uniform angle
  double shift_sigma_angstrom = 0;  ///< of x and of y, normal; not where poses come from a table
  PoseError pose_error;             ///< of the poses written; images are drawn in the true ones
  /// Variance ratio of signal to noise over the whole box, after the CTF; 0: no noise by this rule.
  double snr = 0;
  double noise_sigma = 0;               ///< of a pixel; used where snr is 0
  double noise_b_factor_angstrom2 = 0;  ///< see ColouredNoise; 0: white
  std::uint64_t seed = 1;
};

/// The law conformations are drawn from.
using ConformationLaw = std::variant<Ensemble, Mixture>;

struct SimulationResult {
  ParticleTable particles;  ///< the truth: poses (but for SimulationOptions::pose_error) and optics
  Ensemble truth;           ///< (images) conformations of equal weight, image i's own
  double noise_sigma = 0;
  double signal_variance = 0;  ///< over all pixels of the noise-free images after the CTF
};

/// Draws conformations, views, optics and noise from streams keyed by (seed, image) and writes the
/// stack: image i is the same whatever the count and the threads (with --snr the noise's scale
/// depends on all images). The signal's variance is that of all pixels of the first 10 000
/// noise-free images.
/// @param stack_path  .mrcs; appears when complete
/// @throws Error(Usage) an option out of range, a law of other dimension than the model's, a table
///                      too short of poses or optics, views or optics for a model that has none;
///                      Error(Output)
SimulationResult simulate(const ConformationModel& model,
                          const ConformationLaw& law,
                          const SimulationOptions& options,
                          const std::string& stack_path,
                          Progress& progress);

}  // namespace cryosip

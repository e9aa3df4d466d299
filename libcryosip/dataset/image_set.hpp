// Observed images with their poses and optics: a particle file with the stacks it names.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "libcryosip/dataset/inspection.hpp"
#include "libcryosip/dataset/relion_particles.hpp"
#include "libcryosip/forward/imaging.hpp"

namespace cryosip {

class ImageSet {
 public:
  /// Faults that let the images be used are added to the table's warnings.
  /// @throws Error(Input) with the first fatal fault
  ImageSet(ParticleTable table, const ImageSetOptions& options);
  /// Reads a particle file, RELION's or cryoSPARC's, and opens its stacks.
  static ImageSet open(const std::string& path, const ImageSetOptions& options);

  /// As many images drawn from these with replacement (the bootstrap), in ascending order.
  /// @param draw  which drawing of that seed
  [[nodiscard]] ImageSet resampled(std::uint64_t seed, std::uint64_t draw) const;
  /// The same images with white noise added to each, so large that it correlates with what it was
  /// by that much: of sqrt(1 / correlation^2 - 1) times the root mean square of its pixels.
  /// @param correlation  in (0, 1]
  /// @throws Error(Usage) another correlation
  [[nodiscard]] ImageSet perturbed(double correlation, std::uint64_t seed) const;

  [[nodiscard]] std::size_t size() const { return table_.records.size(); }
  [[nodiscard]] const ImageGrid& grid() const { return inspection_.grid; }
  [[nodiscard]] bool has_poses() const { return table_.has_poses; }
  [[nodiscard]] bool has_views() const { return table_.has_views; }
  [[nodiscard]] bool has_ctf() const { return table_.has_ctf; }
  [[nodiscard]] const ParticleTable& table() const { return table_; }
  /// Pose (of what is unknown, identity) and CTF of an image.
  [[nodiscard]] ImagingCondition condition(std::size_t index) const;
  /// Copies an image's pixels (box * box, x fastest).  Thread-safe.
  /// @throws Error(Input) a pixel that is not finite
  void read(std::size_t index, std::span<float> pixels) const;

 private:
  void perturb(std::size_t index, std::span<float> pixels) const;

  ParticleTable table_;
  DataInspection inspection_;
  double perturbation_ = 0;  // of a pixel, over the root mean square
  std::uint64_t perturbation_seed_ = 0;
};

}  // namespace cryosip

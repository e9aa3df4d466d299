// Observed images with their poses and optics: a particle file with the stacks it names.
#pragma once

#include <cstddef>
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

  [[nodiscard]] std::size_t size() const { return table_.records.size(); }
  [[nodiscard]] const ImageGrid& grid() const { return inspection_.grid; }
  [[nodiscard]] bool has_poses() const { return table_.has_poses; }
  [[nodiscard]] bool has_ctf() const { return table_.has_ctf; }
  [[nodiscard]] const ParticleTable& table() const { return table_; }
  /// Pose (identity where unknown) and CTF of an image.
  [[nodiscard]] ImagingCondition condition(std::size_t index) const;
  /// Copies an image's pixels (box * box, x fastest).  Thread-safe.
  /// @throws Error(Input) a pixel that is not finite
  void read(std::size_t index, std::span<float> pixels) const;

 private:
  ParticleTable table_;
  DataInspection inspection_;
};

}  // namespace cryosip

// The law of omega: how poses and optics of simulated images are drawn.
#pragma once

#include <cstdint>
#include <string>

#include "libcryosip/dataset/image_set.hpp"
#include "libcryosip/forward/imaging.hpp"

namespace cryosip {

enum class PoseLaw {
  Uniform,  ///< rotations uniform on SO(3), the molecule centred
  Given,    ///< poses and shifts of the data set's images
  InPlane,  ///< the same, but for their in-plane angle psi, which is uniform
};

/// "uniform", "given" or "in-plane".
std::string to_string(PoseLaw poses);

/// Draws from streams keyed by (seed, step, conformation): the same whatever the threads.
class NuisanceLaw {
 public:
  /// @param images  optics are drawn from its images, and poses where the law is Given; must
  /// outlive
  ///                this object
  /// @throws Error(Usage) PoseLaw::Given for images without poses, PoseLaw::InPlane for images
  ///                      without views
  NuisanceLaw(const ImageSet& images, PoseLaw poses, std::uint64_t seed);

  /// omega of one simulated image (paper section 2.5.3, method A).  Optics come from an image drawn
  /// at random; where the law is not Uniform the pose, or what is known of it, is that same
  /// image's.
  [[nodiscard]] ImagingCondition sample(std::int64_t step, std::size_t conformation) const;
  /// Which image that is.
  [[nodiscard]] std::size_t image(std::int64_t step, std::size_t conformation) const;

 private:
  const ImageSet& images_;
  PoseLaw poses_;
  std::uint64_t seed_;
};

/// Which images a step looks at: every image once in an epoch, in an order drawn anew for each, so
/// that the choice depends on (seed, step) alone.
class BatchSchedule {
 public:
  /// @throws Error(Usage) no images or an empty batch
  BatchSchedule(std::size_t images, std::size_t batch, std::uint64_t seed);

  /// min(batch, images) different or, across the border of two epochs, possibly repeated indices.
  [[nodiscard]] std::vector<std::size_t> batch(std::int64_t step);

 private:
  void shuffle_for(std::uint64_t epoch);

  std::size_t batch_;
  std::uint64_t seed_;
  std::vector<std::size_t> order_;
  std::uint64_t epoch_ = 0;
  bool shuffled_ = false;
};

}  // namespace cryosip

// Pixel noise.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "libcryosip/core/fourier.hpp"
#include "libcryosip/forward/image_basis.hpp"

namespace cryosip {

/// Adds white Gaussian noise, independent in every pixel, from the stream named by (seed, image):
/// the same values whatever the order or the threads.
/// @param image  index of the image
/// @param sigma  standard deviation of a pixel; >= 0
void add_white_noise(std::uint64_t seed,
                     std::uint64_t image,
                     double sigma,
                     std::span<double> pixels);

/// The same with a spectrum: white noise whose power at the spatial frequency q was multiplied by
/// exp(-B q^2 / 2), scaled so that a pixel's standard deviation stays.
class ColouredNoise {
 public:
  /// @param b_factor_angstrom2  B >= 0; 0: white
  /// @throws Error(Usage) see check_grid
  ColouredNoise(const ImageGrid& grid, double b_factor_angstrom2);

  /// Thread-safe; as add_white_noise().
  void add(std::uint64_t seed, std::uint64_t image, double sigma, std::span<double> pixels) const;

 private:
  ImageTransform transform_;
  std::vector<double> amplitude_;  // (half plane of the spectrum), or empty where B is 0
};

}  // namespace cryosip

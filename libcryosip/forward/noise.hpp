// Pixel noise.
#pragma once

#include <cstdint>
#include <span>

namespace cryosip {

/// Adds white Gaussian noise, independent in every pixel, from the stream named by (seed, image):
/// the same values whatever the order or the threads.
/// @param image  index of the image
/// @param sigma  standard deviation of a pixel; >= 0
void add_white_noise(std::uint64_t seed,
                     std::uint64_t image,
                     double sigma,
                     std::span<double> pixels);

}  // namespace cryosip

// What lies outside the particles: the background of images, and the noise it tells of.
#pragma once

#include <cstddef>
#include <span>

#include "libcryosip/dataset/image_set.hpp"

namespace cryosip {

/// Whether a pixel lies outside the circle of diameter box.
bool lies_in_background(int x, int y, int box);

/// Mean and standard deviation of an image outside the circle of diameter box.
struct Background {
  double mean = 0;
  double sigma = 0;
};
Background background_of(std::span<const float> pixels, int box);

/// Root of the mean background variance over at most max_images images spread over the set: sigma
/// of white noise, as relion_preprocess measures it. Reads outside the particle's circle, where a
/// delocalised CTF leaves little signal.
double estimate_noise_sigma(const ImageSet& images, std::size_t max_images = 1000);

}  // namespace cryosip

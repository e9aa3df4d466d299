#include "libcryosip/dataset/background.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "libcryosip/core/parallel.hpp"

namespace cryosip {

bool lies_in_background(int x, int y, int box) {
  const double dx = x - box / 2.0;
  const double dy = y - box / 2.0;
  return 4 * (dx * dx + dy * dy) > static_cast<double>(box) * box;
}

Background background_of(std::span<const float> pixels, int box) {
  double sum = 0;
  double sum_of_squares = 0;
  double count = 0;
  for (int y = 0; y < box; ++y) {
    for (int x = 0; x < box; ++x) {
      if (lies_in_background(x, y, box)) {
        const double pixel = pixels[static_cast<std::size_t>(y) * static_cast<std::size_t>(box) +
                                    static_cast<std::size_t>(x)];
        sum += pixel;
        sum_of_squares += pixel * pixel;
        ++count;
      }
    }
  }
  if (count == 0) {
    return {};
  }
  const double mean = sum / count;
  return {mean, std::sqrt(std::max(0.0, sum_of_squares / count - mean * mean))};
}

double estimate_noise_sigma(const ImageSet& images, std::size_t max_images) {
  const std::size_t count = std::min(images.size(), max_images);
  const double total = parallel_sum(count, [&](std::size_t i) {
    std::vector<float> pixels(static_cast<std::size_t>(images.grid().pixels()));
    images.read(i * images.size() / count, pixels);
    const double sigma = background_of(pixels, images.grid().box).sigma;
    return sigma * sigma;
  });
  return std::sqrt(total / static_cast<double>(count));
}

}  // namespace cryosip

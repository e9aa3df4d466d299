#include "libcryosip/forward/noise.hpp"

#include "libcryosip/core/random.hpp"

namespace cryosip {

void add_white_noise(std::uint64_t seed,
                     std::uint64_t image,
                     double sigma,
                     std::span<double> pixels) {
  RandomStream stream(seed, StreamPurpose::PixelNoise, image);
  for (double& pixel : pixels) {
    pixel += sigma * stream.normal();
  }
}

}  // namespace cryosip

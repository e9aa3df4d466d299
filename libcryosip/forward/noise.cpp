#include "libcryosip/forward/noise.hpp"

#include <cmath>
#include <complex>

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

ColouredNoise::ColouredNoise(const ImageGrid& grid, double b_factor_angstrom2)
    : transform_(grid.box) {
  check_grid(grid);
  if (b_factor_angstrom2 == 0) {
    return;
  }
  const int half = grid.box / 2;
  double power = 0;  // over the whole plane
  for (int ky = 0; ky < grid.box; ++ky) {
    for (int kx = 0; kx <= half; ++kx) {
      const double q = std::hypot(kx, ky > half ? ky - grid.box : ky) / grid.edge_angstrom();
      amplitude_.push_back(std::exp(-b_factor_angstrom2 * q * q / 4));
      const bool has_mirror = kx > 0 && kx < half;
      power += (has_mirror ? 2 : 1) * amplitude_.back() * amplitude_.back();
    }
  }
  const double scale = std::sqrt(static_cast<double>(grid.pixels()) / power);
  for (double& amplitude : amplitude_) {
    amplitude *= scale;
  }
}

void ColouredNoise::add(std::uint64_t seed,
                        std::uint64_t image,
                        double sigma,
                        std::span<double> pixels) const {
  if (amplitude_.empty()) {
    add_white_noise(seed, image, sigma, pixels);
    return;
  }
  std::vector<double> noise(pixels.size(), 0.0);
  add_white_noise(seed, image, sigma, noise);
  std::vector<std::complex<double>> spectrum(transform_.spectrum_size());
  transform_.forward(noise, spectrum);
  for (std::size_t k = 0; k < spectrum.size(); ++k) {
    spectrum[k] *= amplitude_[k];
  }
  transform_.inverse(spectrum, noise);
  for (std::size_t p = 0; p < pixels.size(); ++p) {
    pixels[p] += noise[p];
  }
}

}  // namespace cryosip

// Pixel noise must be what the discrepancies take it for: white, and with no symmetry of its own.
// (Noise drawn as real numbers in Fourier space is point-symmetric, n(x) = n(-x).)
#include "libcryosip/forward/noise.hpp"

#include <cmath>
#include <complex>
#include <cstddef>
#include <vector>

#include <gtest/gtest.h>

#include "libcryosip/core/fourier.hpp"

namespace cryosip {
namespace {

std::vector<double> noise_image(int box, std::uint64_t image, double sigma = 1) {
  std::vector<double> pixels(static_cast<std::size_t>(box) * static_cast<std::size_t>(box));
  add_white_noise(1, image, sigma, pixels);
  return pixels;
}

TEST(Noise, IsUncorrelatedWithItsPointReflection) {
  constexpr int kBox = 64;
  constexpr int kImages = 50;
  double sum = 0;
  double count = 0;
  for (int i = 0; i < kImages; ++i) {
    const std::vector<double> pixels = noise_image(kBox, static_cast<std::uint64_t>(i));
    const auto at = [&](int x, int y) {
      return pixels[static_cast<std::size_t>(y) * kBox + static_cast<std::size_t>(x)];
    };
    for (int y = 0; y < kBox; ++y) {
      for (int x = 0; x < kBox; ++x) {
        const int reflected_x = (kBox - x) % kBox;
        const int reflected_y = (kBox - y) % kBox;
        if (reflected_x != x || reflected_y != y) {
          sum += at(x, y) * at(reflected_x, reflected_y);
          ++count;
        }
      }
    }
  }

  // Standard error sqrt(2 / count) = 0.003, each product standing twice in the sum.
  EXPECT_NEAR(sum / count, 0, 0.016);
}

TEST(Noise, HasVarianceOneInEveryPixelFixedPointsOfReflectionIncluded) {
  constexpr int kBox = 8;
  constexpr int kImages = 4000;
  std::vector<double> squares(noise_image(kBox, 0).size());
  std::vector<double> sums(squares.size());
  for (int i = 0; i < kImages; ++i) {
    const std::vector<double> pixels = noise_image(kBox, static_cast<std::uint64_t>(i));
    for (std::size_t p = 0; p < pixels.size(); ++p) {
      sums[p] += pixels[p];
      squares[p] += pixels[p] * pixels[p];
    }
  }

  double total = 0;
  for (std::size_t p = 0; p < squares.size(); ++p) {
    // Five standard errors: sqrt(2 / images) of a variance, sqrt(1 / images) of a mean.
    EXPECT_NEAR(squares[p] / kImages, 1, 0.11) << "pixel " << p;
    EXPECT_NEAR(sums[p] / kImages, 0, 0.08) << "pixel " << p;
    total += squares[p] / kImages;
  }
  EXPECT_NEAR(total / (kBox * kBox), 1, 0.014);
}

TEST(Noise, HasAFlatSpectrumWithRealAndImaginaryPartsAlike) {
  constexpr int kBox = 16;
  constexpr int kImages = 2000;
  const ImageTransform transform(kBox);
  std::vector<double> real(transform.spectrum_size());
  std::vector<double> imaginary(transform.spectrum_size());
  std::vector<std::complex<double>> spectrum(transform.spectrum_size());
  for (int i = 0; i < kImages; ++i) {
    transform.forward(noise_image(kBox, static_cast<std::uint64_t>(i)), spectrum);
    for (std::size_t k = 0; k < spectrum.size(); ++k) {
      real[k] += spectrum[k].real() * spectrum[k].real() / (kImages * kBox * kBox);
      imaginary[k] += spectrum[k].imag() * spectrum[k].imag() / (kImages * kBox * kBox);
    }
  }

  for (int ky = 0; ky < kBox; ++ky) {
    for (int kx = 0; kx <= kBox / 2; ++kx) {
      const auto k = static_cast<std::size_t>(ky) * (kBox / 2 + 1) + static_cast<std::size_t>(kx);
      const bool is_real = (kx == 0 || kx == kBox / 2) && (ky == 0 || ky == kBox / 2);
      // Five standard errors of a variance, relative sqrt(2 / images).
      EXPECT_NEAR(real[k], is_real ? 1 : 0.5, is_real ? 0.16 : 0.08) << kx << ", " << ky;
      EXPECT_NEAR(imaginary[k], is_real ? 0 : 0.5, is_real ? 1e-20 : 0.08) << kx << ", " << ky;
    }
  }
}

TEST(Noise, OfAnImageIsTheSameWhateverWasDrawnBefore) {
  const std::vector<double> alone = noise_image(16, 7);
  static_cast<void>(noise_image(16, 3));
  static_cast<void>(noise_image(32, 7));

  EXPECT_EQ(noise_image(16, 7), alone);
  EXPECT_NE(noise_image(16, 8), alone);
}

TEST(Noise, IsAddedToThePixelsInUnitsOfSigma) {
  const std::vector<double> unit = noise_image(4, 5);
  std::vector<double> pixels(16, 10);
  add_white_noise(1, 5, 3, pixels);

  for (std::size_t p = 0; p < pixels.size(); ++p) {
    EXPECT_DOUBLE_EQ(pixels[p], 10 + 3 * unit[p]);
  }
}

TEST(Noise, OfAnotherSeedIsAnother) {
  std::vector<double> other(16);
  add_white_noise(2, 5, 1, other);

  EXPECT_NE(other, noise_image(4, 5));
}

TEST(ColouredNoise, HasTheSpectrumAskedForAndKeepsThePixelsVariance) {
  const ImageGrid grid{32, 3.0};
  constexpr double kBFactor = 150;
  constexpr double kSigma = 0.7;
  constexpr int kImages = 400;
  const ColouredNoise noise(grid, kBFactor);
  const ImageTransform transform(grid.box);
  std::vector<std::complex<double>> spectrum(transform.spectrum_size());
  std::vector<double> power(spectrum.size(), 0.0);
  double variance = 0;
  for (int i = 0; i < kImages; ++i) {
    std::vector<double> pixels(transform.pixels(), 0.0);
    noise.add(1, static_cast<std::uint64_t>(i), kSigma, pixels);
    for (const double pixel : pixels) {
      variance += pixel * pixel / (kImages * static_cast<double>(pixels.size()));
    }
    transform.forward(pixels, spectrum);
    for (std::size_t k = 0; k < power.size(); ++k) {
      power[k] += std::norm(spectrum[k]) / kImages;
    }
  }
  // Some 60 independent frequencies count; of each, 400 exponential numbers.
  EXPECT_NEAR(variance, kSigma * kSigma, 0.02 * kSigma * kSigma);
  const double at_zero = power[0];
  const double edge = grid.edge_angstrom();
  for (const int kx : {3, 6, 9}) {
    const double q = kx / edge;
    const double mean =
        (power[static_cast<std::size_t>(kx)] + power[static_cast<std::size_t>(kx) * 17]) /
        2;  // along x, along y
    EXPECT_NEAR(mean / at_zero, std::exp(-kBFactor * q * q / 2), 0.2) << kx;
  }
}

TEST(ColouredNoise, WithoutBFactorIsWhiteNoiseToTheBit) {
  std::vector<double> pixels(64, 0.0);
  ColouredNoise({8, 2.0}, 0).add(1, 3, 1.5, pixels);

  EXPECT_EQ(pixels, noise_image(8, 3, 1.5));
}

}  // namespace
}  // namespace cryosip

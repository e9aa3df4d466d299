// The power spectrum of the images' noise, and how it is made white (docs/theory.md 13).
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/dataset/image_set.hpp"

namespace cryosip {

/// Radial power of one optics group's noise.
struct NoiseSpectrum {
  double sigma = 0;  ///< of a pixel
  /// (radii): variance of a pixel if all frequencies had the power at |k| = 0, 1, 2, .. cycles a
  /// box, out to the corners of the spectrum; empty: white, sigma^2 throughout.
  Eigen::VectorXd power;

  /// The power there, linear in between.  @param cycles  |k|, in cycles a box
  [[nodiscard]] double at(double cycles) const;
};

/// Measured outside the particles' circle, where a delocalised CTF leaves little signal, in at most
/// max_images images of each optics group: the autocovariance of pixels there (each lag's sum over
/// pairs that both lie there, over their number; lags of one length together), tapered at a quarter
/// of the box and transformed.  It needs neither poses nor a model, unlike the images' power less
/// the model's, which an ensemble far from the truth and an uncertain contrast make wrong at low
/// frequencies.
///
/// White where the covariances of different pixels are within chance: their chi-squared less than
/// five standard deviations above its mean.
/// @return (optics groups); a group without images is white with sigma 0
std::vector<NoiseSpectrum> estimate_noise_spectra(const ImageSet& images,
                                                  std::size_t max_images = 1000);

/// What coefficients are multiplied by so that every optics group's noise becomes white, of the
/// same sigma; signal and CTF are multiplied alike.
class Whitening {
 public:
  /// None: noise is white and the same in all groups, and nothing changes.
  Whitening() = default;
  /// @param sigma  of a pixel's noise afterwards, > 0
  Whitening(std::vector<NoiseSpectrum> spectra, double sigma);

  [[nodiscard]] bool any() const { return !spectra_.empty(); }
  /// @param cycles  |k| of every coefficient, in cycles a box
  /// @return as many factors: sigma over the root of the power
  [[nodiscard]] Eigen::VectorXd factors(std::size_t optics_group,
                                        const Eigen::VectorXd& cycles) const;

 private:
  std::vector<NoiseSpectrum> spectra_;
  double sigma_ = 1;
};

/// For a note: "noise of optics group opticsGroup1: sigma 0.16, white", or its power at some
/// resolutions, relative to white noise of that sigma.
std::string describe(const NoiseSpectrum& spectrum,
                     const std::string& group,
                     const ImageGrid& grid);

}  // namespace cryosip

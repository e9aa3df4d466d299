// What the values of a data set's images mean: how large the noise is, how strong the drawings are.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/image_coefficients.hpp"
#include "libcryosip/flow/nuisance_law.hpp"
#include "libcryosip/forward/conformation_model.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

struct ImageScale {
  double noise_sigma = 1;  ///< of a pixel; > 0
  double contrast = 1;     ///< image = contrast * drawing + noise; negative for dark molecules
  /// Follow the contrast as the ensemble moves: some of the way, at each step, to the likeliest one
  /// given the ensemble, untempered.
  bool refine_contrast = false;
};

/// Where an ensemble's file keeps it: FlowProgress::values.
inline constexpr const char* kNoiseLabel = "sipNoiseSigma";
inline constexpr const char* kContrastLabel = "sipContrast";
/// 1 where the sigma was given, and the noise so taken for white; not there where it was measured.
inline constexpr const char* kNoiseGivenLabel = "sipNoiseGiven";

/// Keeps noise and contrast with an ensemble.
/// @param noise_is_given  by the caller, not measured
void record_scale(const ImageScale& scale, bool noise_is_given, Ensemble& ensemble);
/// A sigma that the caller gave, now or when the ensemble was made; with one, noise is white.
std::optional<double> given_noise(const std::optional<double>& now, const Ensemble& ensemble);

/// What the caller knows; the rest is estimated.
struct KnownScale {
  std::optional<double> noise_sigma;
  std::optional<double> contrast;
};

/// How a contrast that is not known is estimated.
enum class ContrastEstimate {
  AtGivenPoses,  ///< estimate_contrast_at_given_poses()
  FromEnergy,    ///< estimate_contrast_from_energy()
};

/// The caller's contrast, else 1 for a model without views, whose images are what they are by
/// definition; nothing where it is to be estimated.
std::optional<double> known_contrast(const ConformationModel& model,
                                     const std::optional<double>& given);

/// What makes the noise of all optics groups white, from their spectra, which are said through
/// progress.note(); to be asked for before the images' coefficients are made.  None for a sigma
/// that the caller gave, which means white noise, and for a model without views.
Whitening estimate_whitening(const ConformationModel& model,
                             const ImageSet& images,
                             const std::optional<double>& given_noise_sigma,
                             Progress& progress);

/// Noise sigma, measured outside the particles' circle, and contrast, against the ensemble, where
/// they are not known.  Both are said through progress.note(), a negative contrast is warned of.
/// @param poses, seed  of ContrastEstimate::FromEnergy
/// @throws Error(Input)      images without noise, and no sigma known
/// @throws Error(Numerical)  see the two estimates
ImageScale image_scale(const ImageCoefficients& images,
                       const Ensemble& ensemble,
                       const KnownScale& known,
                       ContrastEstimate estimate,
                       PoseLaw poses,
                       std::uint64_t seed,
                       Progress& progress);

/// Contrast by least squares of images against the ensemble's mean image at each image's own pose
/// and CTF, over at most max_images images spread over the set.
/// @throws Error(Numerical) where the drawn images vanish
double estimate_contrast_at_given_poses(const ImageCoefficients& images,
                                        const Ensemble& ensemble,
                                        Progress& progress,
                                        std::size_t max_images = 200);

/// Contrast from the energy of the images beyond the noise's, against the energy of the ensemble's
/// images under the law: needs no pose.  Its sign is that of the images' overlap with the law's
/// mean drawing, each in its own CTF: a blob at the centre.
/// @throws Error(Numerical) where the images hold no more than the noise
double estimate_contrast_from_energy(const ImageCoefficients& images,
                                     const Ensemble& ensemble,
                                     PoseLaw poses,
                                     double noise_sigma,
                                     std::uint64_t seed,
                                     std::size_t max_images = 1000);

/// A contrast some of the way to the likeliest one: part of a step of expectation maximisation.
/// @param overlap, norm  sums over images, posterior means of <C x, y> and |C x|^2, x with the
///                       present contrast in it, over the noise's variance; norm 0: nothing changes
double refined_contrast(double contrast, double overlap, double norm);

/// For a note: "2000 images of 48 pixels at 3.000000 angstrom, compared to 6.000000 angstrom, with
/// CTF".
std::string describe(const ImageSet& images, const ImageModel& model);

/// For a note: four digits at least, no more than it takes.
std::string shown(double value);

}  // namespace cryosip

#include "libcryosip/flow/image_scale.hpp"

#include <cmath>

#include "formats/error.hpp"
#include "formats/star.hpp"
#include "libcryosip/dataset/background.hpp"
#include "libcryosip/flow/likelihood_objective.hpp"
#include "libcryosip/flow/pair_objective.hpp"

namespace cryosip {

std::string shown(double value) {
  // Four digits are enough for a note.
  std::string text = std::to_string(value);
  const double magnitude = std::abs(value);
  if (magnitude < 1e-3 || magnitude >= 1e6) {
    text = formats::format_number(value);
  }
  return text;
}

std::string describe(const ImageSet& images, const ImageModel& model) {
  return std::to_string(images.size()) + " images of " + std::to_string(images.grid().box) +
         " pixels at " + shown(images.grid().pixel_size_angstrom) + " angstrom, compared to " +
         shown(model.basis().resolution_angstrom()) + " angstrom" +
         (images.has_ctf() ? ", with CTF" : ", without CTF");
}

std::optional<double> known_contrast(const ConformationModel& model,
                                     const std::optional<double>& given) {
  return given || model.has_views() ? given : 1;
}

ImageScale image_scale(const ImageCoefficients& images,
                       const Ensemble& ensemble,
                       const KnownScale& known,
                       ContrastEstimate estimate,
                       PoseLaw poses,
                       std::uint64_t seed,
                       Progress& progress) {
  const auto say = [&](const char* what, double value, bool estimated) {
    progress.note(std::string(what) + ": " + shown(value) +
                  (estimated ? " (estimated)" : " (given)"));
  };
  ImageScale scale;
  scale.noise_sigma =
      known.noise_sigma ? *known.noise_sigma : estimate_noise_sigma(images.images());
  say("noise sigma of a pixel", scale.noise_sigma, !known.noise_sigma);
  if (!known.noise_sigma && !(scale.noise_sigma > 0)) {
    throw Error(ErrorKind::Input,
                images.images().table().source +
                    ": the images have no noise outside the particles' circle; give its sigma");
  }
  scale.contrast =
      known.contrast ? *known.contrast
      : estimate == ContrastEstimate::AtGivenPoses
          ? estimate_contrast_at_given_poses(images, ensemble, progress)
          : estimate_contrast_from_energy(images, ensemble, poses, scale.noise_sigma, seed);
  say("contrast of the drawings in the images", scale.contrast, !known.contrast);
  if (scale.contrast < 0) {
    progress.warn(
        "the contrast is negative: molecules are darker than the background, where RELION wants "
        "them brighter, or poses and model do not belong to the images");
  }
  return scale;
}

}  // namespace cryosip

#include "libcryosip/flow/image_scale.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "formats/error.hpp"
#include "formats/star.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/dataset/background.hpp"

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

double estimate_contrast_at_given_poses(const ImageCoefficients& images,
                                        const Ensemble& ensemble,
                                        Progress& progress,
                                        std::size_t max_images) {
  const std::size_t total = images.images().size();
  const std::size_t used = std::min(total, max_images);
  const ImageModel& model = images.model();
  const ProgressStage stage(progress, "estimating the contrast", used);
  std::vector<double> overlaps(used);
  std::vector<double> norms(used);
  parallel_for(used, [&](std::size_t u) {
    const std::size_t image = u * total / used;
    const ImagingCondition condition = images.images().condition(image);
    const auto workspace = model.workspace();
    Eigen::VectorXf drawn(model.size());
    Eigen::VectorXd mean = Eigen::VectorXd::Zero(model.size());
    for (Eigen::Index i = 0; i < ensemble.size(); ++i) {
      model.draw(ensemble.coordinates.col(i), condition.pose, *workspace, drawn);
      mean += ensemble.weights(i) * drawn.cast<double>();
    }
    mean.array() *= images.transfer(image).cast<double>().array();
    overlaps[u] = mean.dot(images.read(image).cast<double>());
    norms[u] = mean.squaredNorm();
  });
  double overlap = 0;
  double norm = 0;
  for (std::size_t u = 0; u < used; ++u) {
    overlap += overlaps[u];
    norm += norms[u];
  }
  if (!(norm > 0)) {
    throw Error(ErrorKind::Numerical,
                "contrast: the drawn images are empty; does the molecule lie inside the box?");
  }
  return overlap / norm;
}

double estimate_contrast_from_energy(const ImageCoefficients& images,
                                     const Ensemble& ensemble,
                                     PoseLaw poses,
                                     double noise_sigma,
                                     std::uint64_t seed,
                                     std::size_t max_images) {
  const std::size_t total = images.images().size();
  const std::size_t used = std::min(total, max_images);
  const ImageModel& model = images.model();
  std::vector<std::size_t> indices(used);
  for (std::size_t u = 0; u < used; ++u) {
    indices[u] = u * total / used;
  }
  const Eigen::MatrixXd observed = images.read(indices).cast<double>();
  const double noise_energy = noise_sigma * noise_sigma * static_cast<double>(model.compared());
  const double signal = observed.colwise().squaredNorm().mean() - noise_energy;

  const NuisanceLaw law(images.images(), poses, seed);
  Eigen::MatrixXf drawings(model.size(), static_cast<Eigen::Index>(used));
  const double drawn_energy = parallel_sum(used, [&](std::size_t u) {
    const ImagingCondition condition = law.sample(0, u);
    const auto workspace = model.workspace();
    const Eigen::Index conformation = static_cast<Eigen::Index>(u) % ensemble.size();
    auto drawn = drawings.col(static_cast<Eigen::Index>(u));
    model.draw(ensemble.coordinates.col(conformation), condition.pose, *workspace, drawn);
    return drawn.cwiseProduct(images.transfer(law.image(0, u))).cast<double>().squaredNorm();
  });
  const Eigen::VectorXd mean = drawings.cast<double>().rowwise().mean();
  const double overlap = parallel_sum(used, [&](std::size_t u) {
    return images.transfer(indices[u])
        .cast<double>()
        .cwiseProduct(mean)
        .dot(observed.col(static_cast<Eigen::Index>(u)));
  });
  const double drawn = drawn_energy / static_cast<double>(used);
  if (!(signal > 0) || !(drawn > 0)) {
    throw Error(ErrorKind::Numerical,
                "contrast: the images hold no more energy than the noise; give --contrast");
  }
  return std::copysign(std::sqrt(signal / drawn), overlap);
}

double refined_contrast(double contrast, double overlap, double norm) {
  constexpr double kRate = 0.1;
  return norm > 0 ? contrast * (1 + kRate * (overlap / norm - 1)) : contrast;
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

void record_scale(const ImageScale& scale, bool noise_is_given, Ensemble& ensemble) {
  ensemble.flow.carry(kNoiseLabel, scale.noise_sigma);
  ensemble.flow.carry(kContrastLabel, scale.contrast);
  if (noise_is_given) {
    ensemble.flow.carry(kNoiseGivenLabel, 1);
  }
}

std::optional<double> given_noise(const std::optional<double>& now, const Ensemble& ensemble) {
  return now || !ensemble.flow.carried(kNoiseGivenLabel) ? now : ensemble.flow.carried(kNoiseLabel);
}

Whitening estimate_whitening(const ConformationModel& model,
                             const ImageSet& images,
                             const std::optional<double>& given_noise_sigma,
                             Progress& progress) {
  if (given_noise_sigma || !model.has_views()) {
    return {};
  }
  std::vector<NoiseSpectrum> spectra = estimate_noise_spectra(images);
  for (std::size_t group = 0; group < spectra.size(); ++group) {
    if (spectra[group].sigma > 0) {
      progress.note(
          describe(spectra[group], images.table().optics_groups[group].name, images.grid()));
    }
  }
  return {std::move(spectra), estimate_noise_sigma(images)};
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

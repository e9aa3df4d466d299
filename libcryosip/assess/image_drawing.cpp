#include "libcryosip/assess/image_drawing.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <utility>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// Which conformation each of `count` draws takes, by weight.
std::vector<Index> draw_conformations(const Ensemble& ensemble,
                                      std::size_t count,
                                      std::uint64_t seed,
                                      DrawnSet set) {
  std::vector<double> levels(static_cast<std::size_t>(ensemble.size()));
  double sum = 0;
  for (Index i = 0; i < ensemble.size(); ++i) {
    sum += ensemble.weights(i);
    levels[static_cast<std::size_t>(i)] = sum;
  }
  std::vector<Index> chosen(count);
  for (std::size_t draw = 0; draw < count; ++draw) {
    RandomStream stream(
        seed, StreamPurpose::ComparisonConformation, draw, static_cast<std::uint64_t>(set));
    const auto level = std::upper_bound(levels.begin(), levels.end(), sum * stream.uniform());
    chosen[draw] = std::min<Index>(level - levels.begin(), ensemble.size() - 1);
  }
  return chosen;
}

PoseLaw choose_poses(const ImageSet& images, const ImageDrawingOptions& options) {
  const PoseLaw poses =
      options.poses.value_or(images.has_poses() ? PoseLaw::Given : PoseLaw::Uniform);
  // The law refuses poses that are not there.
  const NuisanceLaw law(images, poses, options.seed);
  return poses;
}

void check_cancelled(const Progress& progress) {
  if (progress.cancelled()) {
    throw Error(ErrorKind::Cancelled, "image comparison: cancelled, nothing was written");
  }
}

}  // namespace

ImageDrawing::ImageDrawing(const ConformationModel& model,
                           const ImageSet& images,
                           const Ensemble& reference,
                           const ImageDrawingOptions& options,
                           Progress& progress)
    : has_views_(model.has_views()),
      options_(options),
      progress_(progress),
      model_(model.image_model(images.grid(), options.resolution_angstrom, options.imaging)),
      compared_(model_->transfer(std::nullopt)),
      // Each image is read once: nothing to keep.
      coefficients_(images,
                    *model_,
                    progress,
                    0,
                    estimate_whitening(model, images, options.noise_sigma, progress)),
      poses_(choose_poses(images, options)) {
  choose_images();
  progress_.note(describe(images, *model_));
  scale_ = scale_of(model, reference);
  const ProgressStage stage(progress_, "reading images", 0);
  observed_.resize(model_->size(), static_cast<Index>(chosen_.size()));
  parallel_for(chosen_.size(), [&](std::size_t i) {
    observed_.col(static_cast<Index>(i)) = coefficients_.read(chosen_[i]);
  });
}

// In the order of the file.
void ImageDrawing::choose_images() {
  const std::size_t total = coefficients_.images().size();
  std::vector<std::size_t> order(total);
  for (std::size_t i = 0; i < total; ++i) {
    order[i] = i;
  }
  const std::size_t wanted = std::min(total, options_.image_count);
  RandomStream stream(options_.seed, StreamPurpose::ComparisonChoice, 0);
  for (std::size_t i = 0; i < wanted && wanted < total; ++i) {
    std::swap(order[i], order[i + stream.below(total - i)]);
  }
  if (wanted < 4) {
    throw Error(ErrorKind::Usage,
                std::to_string(wanted) + " observed images to compare, expected at least 4");
  }
  chosen_.assign(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(wanted));
  std::sort(chosen_.begin(), chosen_.end());
}

// The observed image's, where that is the law.
Pose ImageDrawing::pose_of(std::size_t i, DrawnSet set) const {
  if (!has_views_) {
    return {};
  }
  const Pose& given = coefficients_.images().table().records[chosen_[i]].pose;
  RandomStream stream(
      options_.seed, StreamPurpose::ComparisonPose, i, static_cast<std::uint64_t>(set));
  switch (poses_) {
    case PoseLaw::Uniform:
      return {stream.rotation(), Eigen::Vector2d::Zero()};
    case PoseLaw::InPlane:
      return turned_in_plane(given, stream.uniform(0, 2 * kPi));
    case PoseLaw::Given:
      break;
  }
  return given;
}

// The contrast is estimated against a few conformations of the reference, so that it is the same
// whatever ensemble is compared: the mean image of hundreds is that of all.
ImageScale ImageDrawing::scale_of(const ConformationModel& model, const Ensemble& reference) const {
  constexpr std::size_t kConformations = 200;
  const std::vector<Index> conformations =
      draw_conformations(reference, kConformations, options_.seed, DrawnSet::ForContrast);
  Ensemble few;
  few.coordinates = reference.coordinates(Eigen::all, conformations);
  few.weights = Eigen::VectorXd::Constant(few.size(), 1 / static_cast<double>(few.size()));
  const ImageScale scale = image_scale(
      coefficients_,
      few,
      {options_.noise_sigma, known_contrast(model, options_.contrast)},
      poses_ == PoseLaw::Given ? ContrastEstimate::AtGivenPoses : ContrastEstimate::FromEnergy,
      poses_,
      options_.seed,
      progress_);
  if (!(scale.noise_sigma >= 0)) {
    throw Error(ErrorKind::Usage, "the noise sigma must not be negative");
  }
  if (!std::isfinite(scale.contrast) || scale.contrast == 0) {
    throw Error(ErrorKind::Usage, "the contrast must not be zero");
  }
  return scale;
}

Eigen::VectorXf ImageDrawing::draw_clear(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                                         std::size_t i,
                                         DrawnSet set) const {
  const auto workspace = model_->workspace();
  Eigen::VectorXf image(model_->size());
  model_->draw(coordinates, pose_of(i, set), *workspace, image);
  image.array() *= static_cast<float>(scale_.contrast) * coefficients_.transfer(chosen_[i]).array();
  return image;
}

Eigen::VectorXf ImageDrawing::draw_noisy(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                                         std::size_t i,
                                         DrawnSet set) const {
  Eigen::VectorXf image = draw_clear(coordinates, i, set);
  RandomStream noise(
      options_.seed, StreamPurpose::ComparisonNoise, i, static_cast<std::uint64_t>(set));
  for (Index c = 0; c < image.size(); ++c) {
    // Every number is drawn, so that a coefficient's does not depend on which are compared.
    image(c) += compared_(c) * static_cast<float>(scale_.noise_sigma * noise.normal());
  }
  return image;
}

Eigen::MatrixXf ImageDrawing::draw_each(
    const Ensemble& ensemble,
    DrawnSet set,
    std::size_t count,
    Eigen::VectorXf (ImageDrawing::*draw_one)(const Eigen::Ref<const Eigen::VectorXd>&,
                                              std::size_t,
                                              DrawnSet) const) const {
  check_cancelled(progress_);
  const std::vector<Index> conformations = draw_conformations(ensemble, count, options_.seed, set);
  Eigen::MatrixXf drawn(model_->size(), static_cast<Index>(count));
  parallel_for(count, [&](std::size_t i) {
    drawn.col(static_cast<Index>(i)) =
        (this->*draw_one)(ensemble.coordinates.col(conformations[i]), i, set);
  });
  return drawn;
}

Eigen::MatrixXf ImageDrawing::draw_noise_free(const Ensemble& ensemble,
                                              DrawnSet set,
                                              std::size_t count) const {
  return draw_each(ensemble, set, count, &ImageDrawing::draw_clear);
}

Eigen::MatrixXf ImageDrawing::draw(const Ensemble& ensemble,
                                   DrawnSet set,
                                   std::string_view name) const {
  const ProgressStage stage(progress_, "drawing images of " + std::string(name), 0);
  return draw_each(ensemble, set, chosen_.size(), &ImageDrawing::draw_noisy);
}

}  // namespace cryosip

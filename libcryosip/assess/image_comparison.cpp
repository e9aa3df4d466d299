#include "libcryosip/assess/image_comparison.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <memory>
#include <string_view>
#include <tuple>

#include "formats/error.hpp"
#include "libcryosip/assess/image_distance.hpp"
#include "libcryosip/core/choose.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/dataset/image_coefficients.hpp"
#include "libcryosip/discrepancy/kernel.hpp"
#include "libcryosip/flow/image_scale.hpp"
#include "libcryosip/structure/numbered_columns.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// Names of random streams.  Every ensemble compared is drawn with the same numbers; the stand-in
// for the observed images, and the conformations the contrast is estimated with, have their own.
enum class DrawnSet : std::uint64_t { Compared = 0, StandIn = 1, ForContrast = 2, ForPower = 3 };

// Raw images, and those in the weighted basis.
struct Distances {
  ImageSetDistance raw;
  ImageSetDistance weighted;
};

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

PoseLaw choose_poses(const ImageSet& images, const ImageComparisonOptions& options) {
  const PoseLaw poses =
      options.poses.value_or(images.has_poses() ? PoseLaw::Given : PoseLaw::Uniform);
  // The law refuses poses that are not there.
  const NuisanceLaw law(images, poses, options.seed);
  return poses;
}

class Comparison {
 public:
  Comparison(const ConformationModel& model,
             const ImageSet& images,
             const Ensemble& truth,
             const ImageComparisonOptions& options,
             Progress& progress)
      : has_views_(model.has_views()),
        options_(options),
        progress_(progress),
        model_(model.image_model(images.grid(), options.resolution_angstrom, options.imaging)),
        compared_(model_->transfer(std::nullopt)),
        // Each image is read once: nothing to keep.
        coefficients_(images, *model_, progress, 0),
        poses_(choose_poses(images, options)) {
    choose_images();
    progress_.note(describe(images, *model_));
    scale_ = scale_of(model, truth);
    const ProgressStage stage(progress_, "reading images", 0);
    observed_.resize(model_->size(), static_cast<Index>(chosen_.size()));
    parallel_for(chosen_.size(), [&](std::size_t i) {
      observed_.col(static_cast<Index>(i)) = coefficients_.read(chosen_[i]);
    });
    weights_ = spectral_weights(truth);
    try {
      bandwidth_ = median_distance(observed_);
      weighted_bandwidth_ = median_distance(weighted(observed_));
    } catch (const Error& error) {
      throw Error(error.kind(), images.table().source + ": " + error.what());
    }
  }

  [[nodiscard]] const Eigen::MatrixXf& observed() const { return observed_; }
  [[nodiscard]] double bandwidth() const { return bandwidth_; }
  [[nodiscard]] double weighted_bandwidth() const { return weighted_bandwidth_; }

  [[nodiscard]] Eigen::MatrixXf draw(const Ensemble& ensemble,
                                     DrawnSet set,
                                     std::string_view name) const {
    const ProgressStage stage(progress_, "drawing images of " + std::string(name), 0);
    Eigen::MatrixXf drawn = draw_noise_free(ensemble, set, chosen_.size());
    parallel_for(chosen_.size(), [&](std::size_t i) {
      auto image = drawn.col(static_cast<Index>(i));
      RandomStream noise(
          options_.seed, StreamPurpose::ComparisonNoise, i, static_cast<std::uint64_t>(set));
      for (Index c = 0; c < image.size(); ++c) {
        // Every number is drawn, so that a coefficient's does not depend on which are compared.
        image(c) += compared_(c) * static_cast<float>(scale_.noise_sigma * noise.normal());
      }
    });
    return drawn;
  }

  [[nodiscard]] Distances distance(const Eigen::MatrixXf& drawn,
                                   const Eigen::MatrixXf& other) const {
    check_cancelled();
    const ProgressStage stage(progress_, "comparing images", 0);
    return {image_set_distance(drawn, other, bandwidth_, options_.permutations, options_.seed),
            image_set_distance(weighted(drawn),
                               weighted(other),
                               weighted_bandwidth_,
                               options_.permutations,
                               options_.seed)};
  }

 private:
  // Of the first `count` images that are compared.
  [[nodiscard]] Eigen::MatrixXf draw_noise_free(const Ensemble& ensemble,
                                                DrawnSet set,
                                                std::size_t count) const {
    check_cancelled();
    const auto key = static_cast<std::uint64_t>(set);
    const std::vector<Index> conformations =
        draw_conformations(ensemble, count, options_.seed, set);
    Eigen::MatrixXf drawn(model_->size(), static_cast<Index>(count));
    parallel_for(count, [&](std::size_t i) {
      const ImagingCondition condition = condition_of(i, key);
      const auto workspace = model_->workspace();
      auto image = drawn.col(static_cast<Index>(i));
      model_->draw(ensemble.coordinates.col(conformations[i]), condition.pose, *workspace, image);
      image.array() *=
          static_cast<float>(scale_.contrast) * model_->transfer(condition.ctf).array();
    });
    return drawn;
  }

  [[nodiscard]] Eigen::MatrixXf weighted(const Eigen::MatrixXf& set) const {
    return weights_.asDiagonal() * set;
  }

  // W (size) of the weighted basis; 0 where there is no signal.
  [[nodiscard]] Eigen::VectorXf spectral_weights(const Ensemble& truth) const {
    constexpr std::size_t kImages = 1000;
    const Eigen::MatrixXf drawn =
        draw_noise_free(truth, DrawnSet::ForPower, std::min(kImages, chosen_.size()));
    const Eigen::ArrayXd power =
        compared_.cast<double>().array() * drawn.cast<double>().array().square().rowwise().mean();
    const double noise = scale_.noise_sigma * scale_.noise_sigma;
    const Eigen::ArrayXd squares = (power > 0).select(power / (power + noise), 0.0);
    const double total = (squares * power).sum();
    return (squares / (total > 0 ? total : 1)).sqrt().cast<float>();
  }

  void check_cancelled() const {
    if (progress_.cancelled()) {
      throw Error(ErrorKind::Cancelled, "image comparison: cancelled, nothing was written");
    }
  }

  // In the order of the file.
  void choose_images() {
    const std::size_t total = coefficients_.images().size();
    const std::size_t wanted = std::min(total, options_.image_count);
    if (wanted < 4) {
      throw Error(ErrorKind::Usage,
                  std::to_string(wanted) + " observed images to compare, expected at least 4");
    }
    chosen_ = choose({options_.seed, StreamPurpose::ComparisonChoice, 0}, total, wanted);
  }

  // The optics of the observed image, and its pose where that is the law.
  [[nodiscard]] ImagingCondition condition_of(std::size_t i, std::uint64_t set) const {
    ImagingCondition condition = coefficients_.images().condition(chosen_[i]);
    if (!has_views_) {
      condition.pose = {};
    } else if (poses_ == PoseLaw::Uniform) {
      RandomStream pose(options_.seed, StreamPurpose::ComparisonPose, i, set);
      condition.pose = {pose.rotation(), Eigen::Vector2d::Zero()};
    }
    return condition;
  }

  // The contrast is estimated against a few conformations of the truth, so that it is the same
  // whatever ensemble is compared: the mean image of hundreds is that of all.
  [[nodiscard]] ImageScale scale_of(const ConformationModel& model, const Ensemble& truth) const {
    constexpr std::size_t kConformations = 200;
    const std::vector<Index> conformations =
        draw_conformations(truth, kConformations, options_.seed, DrawnSet::ForContrast);
    Ensemble few;
    few.coordinates = truth.coordinates(Eigen::all, conformations);
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

  bool has_views_;
  const ImageComparisonOptions& options_;
  Progress& progress_;
  std::unique_ptr<const ImageModel> model_;
  Eigen::VectorXf compared_;  // (size): 1 where noise is seen, else 0
  ImageCoefficients coefficients_;
  PoseLaw poses_;
  ImageScale scale_;
  std::vector<std::size_t> chosen_;  // observed images that are compared
  Eigen::MatrixXf observed_;         // (size, chosen)
  Eigen::VectorXf weights_;          // (size): of the weighted basis
  double bandwidth_ = 0;
  double weighted_bandwidth_ = 0;
};

}  // namespace

ImageComparison compare_images(const ConformationModel& model,
                               const ImageSet& images,
                               const Ensemble& truth,
                               const Ensemble* initial,
                               const Ensemble& ensemble,
                               const ImageComparisonOptions& options,
                               Progress& progress) {
  const auto check_dimension = [&](const Ensemble& any, const char* name) {
    if (any.dimension() != model.dimension()) {
      throw Error(ErrorKind::Usage,
                  std::string("the ") + name + " ensemble has " + std::to_string(any.dimension()) +
                      " coordinates, the model " + std::to_string(model.dimension()));
    }
  };
  check_dimension(truth, "true");
  check_dimension(ensemble, "final");
  if (initial != nullptr) {
    check_dimension(*initial, "initial");
  }
  const Comparison comparison(model, images, truth, options, progress);
  progress.note(std::to_string(comparison.observed().cols()) + " images compared; bandwidth " +
                shown(comparison.bandwidth()));

  ImageComparison result;
  if (options.components > 0) {
    result.projections.emplace();
    const ProgressStage stage(progress, "principal components", 0);
    result.projections->observed_components =
        principal_components(comparison.observed(), options.components);
    result.projections->images = comparison.observed().cols();
  }
  const auto project = [&](const char* name, const Eigen::MatrixXf& set) {
    if (result.projections) {
      result.projections->sets.emplace_back(name,
                                            result.projections->observed_components.project(set));
    }
  };
  // One set is in memory at a time, beside the observed one.
  const auto distance = [&](const Ensemble& of, const char* name) {
    const Eigen::MatrixXf drawn = comparison.draw(of, DrawnSet::Compared, name);
    project(name, drawn);
    return comparison.distance(drawn, comparison.observed());
  };
  project("observed", comparison.observed());
  const Eigen::MatrixXf of_truth = comparison.draw(truth, DrawnSet::Compared, "truth");
  project("truth", of_truth);
  const Distances to_truth = comparison.distance(of_truth, comparison.observed());
  const Distances floor =
      comparison.distance(of_truth, comparison.draw(truth, DrawnSet::StandIn, "truth again"));
  std::optional<Distances> to_initial;
  if (initial != nullptr) {
    to_initial = distance(*initial, "initial");
  }
  const Distances to_final = distance(ensemble, "final");

  const auto add =
      [&](const std::string& metric, const std::optional<double>& of_initial, double of_final) {
        result.rows.push_back({metric, 0, of_initial, of_final});
      };
  const auto has_initial = [&](double value) {
    return initial != nullptr ? std::optional(value) : std::nullopt;
  };
  for (const auto& [prefix, basis, bandwidth] :
       {std::tuple("", &Distances::raw, comparison.bandwidth()),
        std::tuple("weighted_", &Distances::weighted, comparison.weighted_bandwidth())}) {
    const ImageSetDistance final_distance = to_final.*basis;
    const ImageSetDistance initial_distance =
        to_initial ? (*to_initial).*basis : ImageSetDistance();
    for (const auto& [metric, kernel, p_value] :
         {std::tuple(
              "image_energy_distance", &ImageSetDistance::energy, &ImageSetDistance::energy_p),
          std::tuple("image_mmd2", &ImageSetDistance::mmd2, &ImageSetDistance::mmd2_p)}) {
      const std::string name = std::string(prefix) + metric;
      const Estimate of_final = final_distance.*kernel;
      const Estimate of_initial = initial_distance.*kernel;
      add(name, has_initial(of_initial.value), of_final.value);
      add(name + "_error", has_initial(of_initial.standard_error), of_final.standard_error);
      for (const auto& [suffix, reference] : {std::pair("_truth", (to_truth.*basis).*kernel),
                                              std::pair("_floor", (floor.*basis).*kernel)}) {
        add(name + suffix, has_initial(reference.value), reference.value);
        add(name + suffix + "_error",
            has_initial(reference.standard_error),
            reference.standard_error);
      }
      if (options.permutations > 0) {
        add(name + "_p", has_initial(initial_distance.*p_value), final_distance.*p_value);
      }
    }
    add(std::string(prefix) + "image_mmd2_bandwidth", has_initial(bandwidth), bandwidth);
  }
  return result;
}

std::vector<formats::StarTable> to_star(const ImageProjections& projections) {
  const PrincipalComponents& observed = projections.observed_components;
  const Index count = observed.variances.size();
  formats::StarTable variances("sip_explained_variance", {}, formats::StarTable::Form::Pairs);
  variances.add_pair_integer("sipImages", projections.images);
  variances.add_pair("sipTotalVariance", observed.total_variance);
  const std::vector<std::string> labels = numbered_labels("sipExplainedVariance", count);
  for (Index p = 0; p < count; ++p) {
    variances.add_pair(labels[static_cast<std::size_t>(p)], observed.variances(p));
  }

  std::vector<std::string> columns = {"sipSet"};
  for (std::string& label : numbered_labels("sipComponent", count)) {
    columns.push_back(std::move(label));
  }
  formats::StarTable loop("sip_principal_components", columns);
  for (const auto& [name, projected] : projections.sets) {
    for (Index i = 0; i < projected.cols(); ++i) {
      const std::size_t row = loop.add_row();
      loop.set(row, 0, std::string_view(name));
      for (Index p = 0; p < count; ++p) {
        loop.set(row, static_cast<std::size_t>(p) + 1, projected(p, i));
      }
    }
  }
  return {variances, loop};
}

}  // namespace cryosip

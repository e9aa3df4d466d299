#include "libcryosip/assess/image_comparison.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>
#include <tuple>

#include "formats/error.hpp"
#include "libcryosip/assess/image_distance.hpp"
#include "libcryosip/discrepancy/kernel.hpp"
#include "libcryosip/flow/image_scale.hpp"
#include "libcryosip/structure/numbered_columns.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// Raw images, and those in the weighted basis.
struct Distances {
  ImageSetDistance raw;
  ImageSetDistance weighted;
};

// Images drawn for the observed ones, and distances between sets of them.
class Comparison {
 public:
  Comparison(const ConformationModel& model,
             const ImageSet& images,
             const Ensemble& truth,
             const ImageComparisonOptions& options,
             Progress& progress)
      : options_(options),
        progress_(progress),
        drawing_(model, images, truth, options, progress),
        weights_(spectral_weights(truth)) {
    try {
      bandwidth_ = median_distance(observed());
      weighted_bandwidth_ = median_distance(weighted(observed()));
    } catch (const Error& error) {
      throw Error(error.kind(), images.table().source + ": " + error.what());
    }
  }

  [[nodiscard]] const Eigen::MatrixXf& observed() const { return drawing_.observed(); }
  [[nodiscard]] double bandwidth() const { return bandwidth_; }
  [[nodiscard]] double weighted_bandwidth() const { return weighted_bandwidth_; }

  [[nodiscard]] Eigen::MatrixXf draw(const Ensemble& ensemble,
                                     DrawnSet set,
                                     std::string_view name) const {
    return drawing_.draw(ensemble, set, name);
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
  void check_cancelled() const {
    if (progress_.cancelled()) {
      throw Error(ErrorKind::Cancelled, "image comparison: cancelled, nothing was written");
    }
  }

  [[nodiscard]] Eigen::MatrixXf weighted(const Eigen::MatrixXf& set) const {
    return weights_.asDiagonal() * set;
  }

  // W (size) of the weighted basis; 0 where there is no signal.
  [[nodiscard]] Eigen::VectorXf spectral_weights(const Ensemble& truth) const {
    constexpr std::size_t kImages = 1000;
    const Eigen::MatrixXf drawn = drawing_.draw_noise_free(
        truth, DrawnSet::ForPower, std::min(kImages, drawing_.chosen().size()));
    const Eigen::ArrayXd power = drawing_.compared().cast<double>().array() *
                                 drawn.cast<double>().array().square().rowwise().mean();
    const double noise = drawing_.scale().noise_sigma * drawing_.scale().noise_sigma;
    const Eigen::ArrayXd squares = (power > 0).select(power / (power + noise), 0.0);
    const double total = (squares * power).sum();
    return (squares / (total > 0 ? total : 1)).sqrt().cast<float>();
  }

  const ImageComparisonOptions& options_;
  Progress& progress_;
  ImageDrawing drawing_;
  Eigen::VectorXf weights_;  // (size): of the weighted basis
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

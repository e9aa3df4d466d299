#include "libcryosip/map/image_map.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>
#include <sstream>
#include <utility>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/discrepancy/likelihood.hpp"
#include "libcryosip/flow/image_scale.hpp"

namespace cryosip {
namespace {

std::string describe(const MapOptions& options, PoseLaw poses) {
  std::ostringstream text;
  text << "map structures=" << options.structures
       << " fractions=" << (options.fractions == FractionLaw::Equal ? "equal" : "estimated")
       << " poses=" << to_string(poses);
  if (poses == PoseLaw::Uniform) {
    text << " nuisances=" << options.nuisances;
  }
  if (options.prior_sigma) {
    text << " prior-sigma=" << *options.prior_sigma;
  }
  return text.str();
}

PoseLaw choose_poses(const ConformationModel& model,
                     const ImageSet& images,
                     const MapOptions& options) {
  if (!model.has_views()) {
    if (options.poses == PoseLaw::Uniform) {
      throw Error(ErrorKind::Usage, "the model is seen from one side only: its poses are given");
    }
    return PoseLaw::Given;
  }
  const PoseLaw poses =
      options.poses.value_or(images.has_poses() ? PoseLaw::Given : PoseLaw::Uniform);
  if (poses == PoseLaw::InPlane) {
    throw Error(ErrorKind::Usage,
                "map: poses are given or uniform; views without their in-plane angle are for the "
                "flow");
  }
  // Says so where there are none to be given.
  static_cast<void>(NuisanceLaw(images, poses, options.seed));
  return poses;
}

Eigen::Index choices(const Ensemble& start) {
  return (start.weights.array() > 0).count();
}

void check(const Ensemble& start, const MapOptions& options) {
  const Eigen::Index found = choices(start);
  if (options.structures < 1 || options.restarts < 1) {
    throw Error(ErrorKind::Usage, "map: expected at least one structure and one restart");
  }
  if (found < options.structures) {
    throw Error(ErrorKind::Usage,
                "map: the ensemble has " + std::to_string(found) +
                    " conformations to start from, expected at least the " +
                    std::to_string(options.structures) + " structures wanted");
  }
  if (found == options.structures && options.restarts > 1) {
    throw Error(ErrorKind::Usage,
                "map: the ensemble has as many conformations as structures are wanted, so every "
                "restart would begin alike");
  }
}

// K conformations by their weights, without replacement (Efraimidis and Spirakis, Inf. Process.
// Lett. 97 (2006) 181), in the ensemble's order.
MapPoint starting_point(const Ensemble& start, const MapOptions& options, std::size_t restart) {
  std::vector<std::pair<double, Eigen::Index>> waits;
  for (Eigen::Index i = 0; i < start.size(); ++i) {
    if (start.weights(i) > 0) {
      RandomStream stream(
          options.seed, StreamPurpose::MapStart, static_cast<std::uint64_t>(i), restart);
      waits.emplace_back(-std::log(stream.uniform()) / start.weights(i), i);
    }
  }
  const auto structures = static_cast<std::size_t>(options.structures);
  std::sort(waits.begin(), waits.end());
  waits.resize(structures);
  std::sort(
      waits.begin(), waits.end(), [](const auto& a, const auto& b) { return a.second < b.second; });

  MapPoint point;
  point.coordinates.resize(start.dimension(), options.structures);
  point.fractions =
      Eigen::VectorXd::Constant(options.structures, 1 / static_cast<double>(structures));
  const bool is_whole =
      choices(start) == options.structures && options.fractions == FractionLaw::Estimated;
  for (Eigen::Index k = 0; k < options.structures; ++k) {
    const Eigen::Index conformation = waits[static_cast<std::size_t>(k)].second;
    point.coordinates.col(k) = start.coordinates.col(conformation);
    if (is_whole) {
      point.fractions(k) = start.weights(conformation);
    }
  }
  return point;
}

// What is minimised over, scaled so that the Hessian is near 1 where structures explain different
// images: coordinates, logarithms of the fractions, contrast.
class Unknowns {
 public:
  /// @param information  of the coordinates, see MapObjective::information()
  /// @param signal       see MapEvaluation
  Unknowns(const MapPoint& start,
           const MapOptions& options,
           double images,
           const Eigen::VectorXd& information,
           double signal)
      : start_(start),
        fractions_(options.fractions == FractionLaw::Estimated && options.structures > 1),
        contrast_(!options.contrast),
        fraction_unit_(std::sqrt(static_cast<double>(options.structures))),
        contrast_unit_(start.contrast / std::sqrt(signal)) {
    const double prior =
        options.prior_sigma ? 1 / (images * *options.prior_sigma * *options.prior_sigma) : 0;
    const Eigen::ArrayXd stiffness =
        information.array() / static_cast<double>(options.structures) + prior;
    // A coordinate that no image shows may as well stay.
    coordinate_unit_ = (stiffness > 0).select(stiffness.max(1e-300).rsqrt(), 1);
  }

  [[nodiscard]] Eigen::VectorXd pack(const MapPoint& point) const {
    constexpr double kSmallest = std::numeric_limits<double>::min();
    Eigen::VectorXd packed(size());
    packed.head(coordinates()) =
        (point.coordinates.array().colwise() / coordinate_unit_.array()).reshaped();
    if (fractions_) {
      packed.segment(coordinates(), structures()) =
          point.fractions.array().max(kSmallest).log() / fraction_unit_;
    }
    if (contrast_) {
      packed(size() - 1) = point.contrast / contrast_unit_;
    }
    return packed;
  }

  [[nodiscard]] MapPoint unpack(const Eigen::VectorXd& packed) const {
    MapPoint point = start_;
    point.coordinates =
        packed.head(coordinates()).reshaped(start_.coordinates.rows(), structures());
    point.coordinates.array().colwise() *= coordinate_unit_.array();
    if (fractions_) {
      const Eigen::VectorXd logs = fraction_unit_ * packed.segment(coordinates(), structures());
      point.fractions = (logs.array() - logs.maxCoeff()).exp();
      point.fractions /= point.fractions.sum();
    }
    if (contrast_) {
      point.contrast = contrast_unit_ * packed(size() - 1);
    }
    return point;
  }

  [[nodiscard]] Eigen::VectorXd gradient(const MapPoint& point,
                                         const MapEvaluation& evaluation) const {
    Eigen::VectorXd packed(size());
    packed.head(coordinates()) =
        (evaluation.gradient.array().colwise() * coordinate_unit_.array()).reshaped();
    if (fractions_) {
      // Of the fractions as a softmax; it vanishes where EM leaves them as they are.
      packed.segment(coordinates(), structures()) =
          fraction_unit_ * (point.fractions - evaluation.posteriors);
    }
    if (contrast_) {
      packed(size() - 1) = contrast_unit_ * evaluation.contrast_gradient;
    }
    return packed;
  }

 private:
  [[nodiscard]] Eigen::Index structures() const { return start_.coordinates.cols(); }
  [[nodiscard]] Eigen::Index coordinates() const { return start_.coordinates.size(); }
  [[nodiscard]] Eigen::Index size() const {
    return coordinates() + (fractions_ ? structures() : 0) + (contrast_ ? 1 : 0);
  }

  MapPoint start_;
  bool fractions_;
  bool contrast_;
  double fraction_unit_;
  double contrast_unit_;
  Eigen::VectorXd coordinate_unit_;
};

MapTermination termination_of(MinimiserEnd end) {
  switch (end) {
    case MinimiserEnd::Converged:
      return MapTermination::Converged;
    case MinimiserEnd::Iterations:
      return MapTermination::Iterations;
    case MinimiserEnd::Stopped:
      return MapTermination::Cancelled;
  }
  return MapTermination::Converged;
}

// A data set's run, in the order in which its parts depend on each other.
class ImageMap {
 public:
  ImageMap(const ConformationModel& model,
           const ImageSet& images,
           const MapOptions& options,
           Progress& progress)
      : options_(options),
        poses_(choose_poses(model, images, options)),
        model_(model.image_model(images.grid(), options.resolution_angstrom, options.imaging)),
        progress_(progress) {
    progress.note(describe(images, *model_));
    coefficients_ = std::make_unique<ImageCoefficients>(
        images,
        *model_,
        progress,
        ImageCoefficients::kDefaultBudgetBytes,
        estimate_whitening(model, images, options.noise_sigma, progress));
    // Without an entry here it is one of the unknowns.
    options_.contrast = known_contrast(model, options.contrast);
    // That of single precision, averaged over images.
    options_.minimiser.rounding = 1e-8;
    objective_.poses = poses_;
    objective_.nuisances = options.nuisances;
    objective_.prior_sigma = options.prior_sigma;
    objective_.seed = options.seed;
  }

  MapResult run(const Ensemble& start) {
    const ImageScale scale = image_scale(
        *coefficients_,
        start,
        {options_.noise_sigma, options_.contrast},
        poses_ == PoseLaw::Given ? ContrastEstimate::AtGivenPoses : ContrastEstimate::FromEnergy,
        poses_,
        options_.seed,
        progress_);
    const std::string description = describe(options_, poses_);
    progress_.note("objective: " + description);
    MapResult best;
    best.objective = std::numeric_limits<double>::infinity();
    std::vector<MapRecord> log;
    for (std::size_t restart = 1; restart <= options_.restarts; ++restart) {
      MapPoint point = starting_point(start, options_, restart);
      point.contrast = scale.contrast;
      MapResult result = descend(point, scale.noise_sigma, restart);
      log.insert(log.end(), result.log.begin(), result.log.end());
      const bool cancelled = result.termination == MapTermination::Cancelled;
      if (result.objective < best.objective) {
        best = std::move(result);
      }
      if (cancelled) {
        best.termination = MapTermination::Cancelled;
        break;
      }
    }
    best.ensemble.model = start.model;
    best.ensemble.seed = options_.seed;
    best.ensemble.objective = description;
    record_scale(
        {best.noise_sigma, best.contrast}, options_.noise_sigma.has_value(), best.ensemble);
    best.log = std::move(log);
    if (poses_ == PoseLaw::Uniform) {
      warn_of_few_nuisances(best.nuisances_per_image);
    }
    if (best.termination == MapTermination::Iterations) {
      progress_.warn("not converged after " + std::to_string(best.iterations) + " iterations");
    }
    return best;
  }

 private:
  // Images spread over the set.
  [[nodiscard]] std::vector<std::size_t> spread(std::size_t count) const {
    const std::size_t total = coefficients_->images().size();
    std::vector<std::size_t> indices(count);
    for (std::size_t u = 0; u < count; ++u) {
      indices[u] = u * total / count;
    }
    return indices;
  }

  MapResult descend(MapPoint point, double noise_sigma, std::size_t restart) {
    const std::size_t total = coefficients_->images().size();
    MapResult result;
    result.restart = restart;
    result.noise_sigma = noise_sigma;
    if (options_.first_images > 0 && options_.first_images < total) {
      minimise_on(
          MapObjective(*coefficients_, spread(options_.first_images), noise_sigma, objective_),
          point,
          result);
    }
    const MapObjective all(*coefficients_, spread(total), noise_sigma, objective_);
    if (result.termination != MapTermination::Cancelled) {
      minimise_on(all, point, result);
    }
    MapEvaluation evaluation = all.evaluate(point);
    result.objective = evaluation.objective;
    result.contrast = point.contrast;
    result.structures_per_image = evaluation.structures_per_image;
    result.nuisances_per_image = evaluation.nuisances_per_image;
    result.log_likelihoods = std::move(evaluation.log_likelihoods);
    result.ensemble.coordinates = std::move(point.coordinates);
    result.ensemble.weights = std::move(point.fractions);
    progress_.note("run " + std::to_string(restart) + ": objective " +
                   formats::format_number(result.objective) + ", contrast " +
                   shown(result.contrast) + ", " + to_string(result.termination) + " after " +
                   std::to_string(result.iterations) + " iterations");
    return result;
  }

  void minimise_on(const MapObjective& objective, MapPoint& point, MapResult& result) {
    const auto images = static_cast<double>(objective.images());
    const double signal = objective.evaluate(point).signal;
    if (!(signal > 0)) {
      throw Error(ErrorKind::Numerical,
                  "the drawn images are empty; does the molecule lie inside the box?");
    }
    const Unknowns unknowns(point, options_, images, objective.information(point), signal);
    const auto function = [&](const Eigen::VectorXd& packed, Eigen::VectorXd& gradient) {
      const MapPoint at = unknowns.unpack(packed);
      const MapEvaluation evaluation = objective.evaluate(at);
      gradient = unknowns.gradient(at, evaluation);
      return evaluation.objective;
    };
    const std::int64_t before = result.iterations;
    const ProgressStage stage(progress_,
                              "minimising on " + std::to_string(objective.images()) + " images",
                              static_cast<std::size_t>(options_.minimiser.iterations));
    const auto after_iteration = [&](const MinimiserStep& step) {
      const MapPoint at = unknowns.unpack(step.point);
      result.log.push_back({result.restart,
                            objective.images(),
                            before + step.iteration,
                            step.value,
                            step.gradient_norm,
                            at.contrast,
                            1 / at.fractions.squaredNorm(),
                            step.evaluations});
      progress_.advance(static_cast<std::size_t>(step.iteration));
      return !progress_.cancelled();
    };
    const MinimiserResult reached =
        minimise(function, unknowns.pack(point), options_.minimiser, after_iteration);
    point = unknowns.unpack(reached.point);
    result.iterations = before + reached.iterations;
    result.termination = termination_of(reached.end);
  }

  void warn_of_few_nuisances(double per_image) {
    constexpr double kFew = 3;
    if (per_image < kFew) {
      progress_.warn("of the " + std::to_string(options_.nuisances) +
                     " poses drawn an image's posterior holds " + shown(per_image) +
                     ": they lie too far apart, and structures bend to make up for the poses "
                     "between; take more");
    }
  }

  MapOptions options_;
  PoseLaw poses_;
  std::unique_ptr<const ImageModel> model_;
  Progress& progress_;
  std::unique_ptr<const ImageCoefficients> coefficients_;
  MapObjectiveOptions objective_;
};

}  // namespace

MapResult map_on_images(const Ensemble& start,
                        const ConformationModel& model,
                        const ImageSet& images,
                        const MapOptions& options,
                        Progress& progress) {
  require_dimension(model, start);
  check(start, options);
  return ImageMap(model, images, options, progress).run(start);
}

std::string to_string(MapTermination termination) {
  switch (termination) {
    case MapTermination::Converged:
      return "converged";
    case MapTermination::Iterations:
      return "iterations";
    case MapTermination::Cancelled:
      return "cancelled";
  }
  return {};
}

formats::StarFile to_star(const MapResult& result, std::vector<std::string> comments) {
  formats::StarFile file = to_star(result.ensemble, std::move(comments));
  formats::StarTable pairs("sip_map", {}, formats::StarTable::Form::Pairs);
  pairs.add_pair("sipFinalObjective", result.objective);
  pairs.add_pair_integer("sipIterations", result.iterations);
  pairs.add_pair("sipTermination", std::string_view(to_string(result.termination)));
  pairs.add_pair_integer("sipRestart", static_cast<std::int64_t>(result.restart));
  pairs.add_pair("sipStructuresPerImage", result.structures_per_image);
  pairs.add_pair("sipNuisancesPerImage", result.nuisances_per_image);
  file.tables.push_back(std::move(pairs));
  return file;
}

formats::StarTable to_star(const std::vector<MapRecord>& log) {
  formats::StarTable table("sip_map_log",
                           {"sipRestart",
                            "sipImages",
                            "sipIteration",
                            "sipObjective",
                            "sipGradientNorm",
                            kContrastLabel,
                            "sipEffectiveStructures",
                            "sipEvaluations"});
  for (const MapRecord& record : log) {
    const std::size_t row = table.add_row();
    table.set_integer(row, 0, static_cast<std::int64_t>(record.restart));
    table.set_integer(row, 1, static_cast<std::int64_t>(record.images));
    table.set_integer(row, 2, record.iteration);
    table.set(row, 3, record.objective);
    table.set(row, 4, record.gradient_norm);
    table.set(row, 5, record.contrast);
    table.set(row, 6, record.effective_structures);
    table.set_integer(row, 7, record.evaluations);
  }
  return table;
}

formats::StarTable assignments(const MapResult& result, const ImageSet& images) {
  formats::StarTable table(
      "sip_assignments", {"rlnImageName", "sipStructure", "sipResponsibility", "sipLogLikelihood"});
  for (std::size_t j = 0; j < images.size(); ++j) {
    const Responsibilities posterior = responsibilities(
        result.log_likelihoods.col(static_cast<Eigen::Index>(j)), result.ensemble.weights, 1);
    Eigen::Index best = 0;
    const double responsibility = posterior.values.maxCoeff(&best);
    const formats::ImageName& name = images.table().records[j].image;
    const std::size_t row = table.add_row();
    table.set(row, 0, std::string_view(formats::format_image_name(name.index, name.path)));
    table.set_integer(row, 1, best + 1);
    table.set(row, 2, responsibility);
    table.set(row, 3, posterior.log_evidence);
  }
  return table;
}

}  // namespace cryosip

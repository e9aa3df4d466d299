#include "libcryosip/assess/assignment.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numbers>
#include <numeric>

#include "formats/error.hpp"
#include "formats/image_name.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/dataset/image_coefficients.hpp"
#include "libcryosip/dataset/polar_coefficients.hpp"
#include "libcryosip/discrepancy/likelihood.hpp"
#include "libcryosip/discrepancy/steered_engine.hpp"
#include "libcryosip/flow/in_plane_likelihood.hpp"
#include "libcryosip/flow/likelihood_objective.hpp"
#include "libcryosip/flow/steered_likelihood.hpp"
#include "libcryosip/forward/even_views.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// log [p(y | k) / p(y | noise)] of blocks of images.
class Likelihoods {
 public:
  Likelihoods() = default;
  Likelihoods(const Likelihoods&) = delete;
  Likelihoods& operator=(const Likelihoods&) = delete;
  virtual ~Likelihoods() = default;

  // Images worth taking together.
  [[nodiscard]] virtual std::size_t block() const = 0;
  // (conformations, images).  after: called now and then with the share that is done.
  [[nodiscard]] virtual Eigen::MatrixXd of(const std::vector<std::size_t>& images,
                                           const std::function<void(double)>& after) const = 0;
};

class LikelihoodsAtGivenPoses final : public Likelihoods {
 public:
  LikelihoodsAtGivenPoses(const ImageCoefficients& images,
                          const ImageScale& scale,
                          const Ensemble& ensemble)
      : images_(images), scale_(scale), ensemble_(ensemble) {}

  [[nodiscard]] std::size_t block() const override { return 256; }
  [[nodiscard]] Eigen::MatrixXd of(const std::vector<std::size_t>& images,
                                   const std::function<void(double)>& after) const override {
    Eigen::MatrixXd logs(ensemble_.size(), static_cast<Index>(images.size()));
    parallel_for(images.size(), [&](std::size_t b) {
      logs.col(static_cast<Index>(b)) =
          log_likelihoods_in_own_pose(images_, images[b], scale_, {}, ensemble_);
    });
    after(1);
    return logs;
  }

 private:
  const ImageCoefficients& images_;
  ImageScale scale_;
  const Ensemble& ensemble_;
};

class LikelihoodsOverInPlaneAngles final : public Likelihoods {
 public:
  LikelihoodsOverInPlaneAngles(InPlaneLikelihood likelihood, const Ensemble& ensemble)
      : likelihood_(std::move(likelihood)), ensemble_(ensemble) {}

  [[nodiscard]] std::size_t block() const override { return 256; }
  [[nodiscard]] Eigen::MatrixXd of(const std::vector<std::size_t>& images,
                                   const std::function<void(double)>& after) const override {
    Eigen::MatrixXd logs(ensemble_.size(), static_cast<Index>(images.size()));
    for (std::size_t b = 0; b < images.size(); ++b) {
      const InPlaneLikelihood::Image image = likelihood_.read(images[b], 0);
      logs.col(static_cast<Index>(b)) =
          likelihood_.log_likelihoods(image, likelihood_.draw(image, ensemble_.coordinates));
      after(static_cast<double>(b + 1) / static_cast<double>(images.size()));
    }
    return logs;
  }

 private:
  InPlaneLikelihood likelihood_;
  const Ensemble& ensemble_;
};

class LikelihoodsOverPoses final : public Likelihoods {
 public:
  LikelihoodsOverPoses(const PolarCoefficients& images,
                       const ImageScale& scale,
                       const Ensemble& ensemble,
                       std::vector<Pose> views,
                       int angles)
      : images_(images),
        ensemble_(ensemble),
        views_(std::move(views)),
        angles_(angles),
        likelihood_(layout(), scale.contrast, noise_variance(images.model().basis(), scale)) {}

  // Conformations are drawn anew for each block.
  [[nodiscard]] std::size_t block() const override { return 4096; }
  [[nodiscard]] Eigen::MatrixXd of(const std::vector<std::size_t>& images,
                                   const std::function<void(double)>& after) const override {
    Eigen::MatrixXd logs(ensemble_.size(), static_cast<Index>(images.size()));
    const SteeredOperand observed = read(images);
    for (Index k = 0; k < ensemble_.size(); ++k) {
      logs.row(k) = log_sums(observed, drawn(k), 1).transpose();
      after(static_cast<double>(k + 1) / static_cast<double>(ensemble_.size()));
    }
    return logs;
  }

  // Over how many cells of views by in-plane angles the posterior of a pose spreads, given the
  // conformation: mean of 1 / sum r^2 over images and, by their posterior, conformations.
  [[nodiscard]] double effective_poses(const std::vector<std::size_t>& images) const {
    const SteeredOperand observed = read(images);
    const auto count = static_cast<Index>(images.size());
    Eigen::MatrixXd logs(ensemble_.size(), count);
    Eigen::MatrixXd effective(ensemble_.size(), count);
    for (Index k = 0; k < ensemble_.size(); ++k) {
      const SteeredOperand drawings = drawn(k);
      logs.row(k) = log_sums(observed, drawings, 1).transpose();
      const Eigen::ArrayXd log_squares = log_sums(observed, drawings, 2);
      effective.row(k) =
          angles_ * (2 * logs.row(k).transpose().array() - log_squares).exp().transpose();
    }
    double sum = 0;
    for (Index j = 0; j < count; ++j) {
      sum += responsibilities(logs.col(j), ensemble_.weights, 1).values.dot(effective.col(j));
    }
    return sum / static_cast<double>(count);
  }

 private:
  [[nodiscard]] const PolarLayout& layout() const { return images_.model().basis().layout(); }
  [[nodiscard]] SteeredOperand read(const std::vector<std::size_t>& images) const {
    return likelihood_.observed(images_.read(images, PolarCoefficients::Kind::Filtered),
                                images_.ring_transfers_squared(images));
  }
  [[nodiscard]] SteeredOperand drawn(Index conformation) const {
    const PolarImageModel& model = images_.model();
    const auto count = static_cast<Index>(views_.size());
    Eigen::MatrixXf drawings(model.size(), count);
    constexpr std::size_t kPortion = 16;
    parallel_for((views_.size() + kPortion - 1) / kPortion, [&](std::size_t portion) {
      const auto workspace = model.workspace();
      const std::size_t end = std::min(views_.size(), (portion + 1) * kPortion);
      for (std::size_t v = portion * kPortion; v < end; ++v) {
        model.draw(ensemble_.coordinates.col(conformation),
                   views_[v],
                   *workspace,
                   drawings.col(static_cast<Index>(v)));
      }
    });
    return likelihood_.drawings(
        drawings, Eigen::VectorXd::Constant(count, -std::log(static_cast<double>(count))));
  }
  // log sum_views mean_angles exp(power E), E with its offset for the view.
  [[nodiscard]] Eigen::VectorXd log_sums(SteeredOperand observed,
                                         SteeredOperand drawings,
                                         double power) const {
    observed.images *= static_cast<float>(power);
    observed.factors *= static_cast<float>(power);
    observed.offsets *= power;
    drawings.offsets *= power;
    return engine_.log_sums(layout(), observed, drawings, {.angles = angles_}) - observed.offsets;
  }

  const PolarCoefficients& images_;
  const Ensemble& ensemble_;
  std::vector<Pose> views_;
  int angles_;
  SteeredLikelihood likelihood_;
  BlockedSteeredEngine engine_;
};

// What one posterior says; written to the image's column.
void summarise(const Ensemble& ensemble,
               const Responsibilities& posterior,
               Index image,
               Assignments& result) {
  const Eigen::VectorXd& r = posterior.values;
  const Eigen::VectorXd mean = ensemble.coordinates * r;
  const Eigen::MatrixXd about = ensemble.coordinates.colwise() - mean;
  const Eigen::MatrixXd covariance = about * r.asDiagonal() * about.transpose();
  const Eigen::VectorXd sigma = covariance.diagonal().cwiseSqrt();
  result.means.col(image) = mean;
  result.sigmas.col(image) = sigma;
  Index pair = 0;
  for (Index a = 0; a < sigma.size(); ++a) {
    for (Index b = a + 1; b < sigma.size(); ++b) {
      const double both = sigma(a) * sigma(b);
      result.correlations(pair++, image) =
          both > 0 ? std::clamp(covariance(a, b) / both, -1.0, 1.0) : 0;
    }
  }
  result.effective_conformations(image) = 1 / r.squaredNorm();
  result.best_probability(image) = r.maxCoeff(&result.best[static_cast<std::size_t>(image)]);
  result.log_evidence(image) = posterior.log_evidence;
}

Assignments assign(const Ensemble& ensemble,
                   const Likelihoods& likelihoods,
                   std::size_t images,
                   Progress& progress) {
  const Index k = ensemble.dimension();
  const auto count = static_cast<Index>(images);
  Assignments result{Eigen::MatrixXd(k, count),
                     Eigen::MatrixXd(k, count),
                     Eigen::MatrixXd(k * (k - 1) / 2, count),
                     Eigen::VectorXd(count),
                     std::vector<Index>(images),
                     Eigen::VectorXd(count),
                     Eigen::VectorXd(count),
                     Eigen::VectorXd::Zero(ensemble.size())};
  const ProgressStage stage(progress, "assigning images", images);
  for (std::size_t first = 0; first < images; first += likelihoods.block()) {
    std::vector<std::size_t> block(std::min(likelihoods.block(), images - first));
    std::iota(block.begin(), block.end(), first);
    Eigen::MatrixXd logs = likelihoods.of(block, [&](double share) {
      if (progress.cancelled()) {
        throw Error(ErrorKind::Cancelled, "assignment: cancelled, nothing was written");
      }
      progress.advance(first + static_cast<std::size_t>(share * static_cast<double>(block.size())));
    });
    parallel_for(block.size(), [&](std::size_t b) {
      auto column = logs.col(static_cast<Index>(b));
      const Responsibilities posterior = responsibilities(column, ensemble.weights, 1);
      summarise(ensemble, posterior, static_cast<Index>(first + b), result);
      column = posterior.values;
    });
    result.mean_posterior += logs.rowwise().sum();
  }
  result.mean_posterior /= static_cast<double>(images);
  progress.note("the images' mean posterior differs from the ensemble's weights by " +
                shown((result.mean_posterior - ensemble.weights).cwiseAbs().sum() / 2) +
                " (0: the same; 1: nothing in common)");
  return result;
}

std::vector<Pose> views_of(const AssignmentOptions& options, std::size_t count) {
  std::vector<Pose> views(count);
  const std::vector<Eigen::Matrix3d> rotations = even_views(count, options.seed);
  for (std::size_t v = 0; v < count; ++v) {
    views[v].rotation = rotations[v];
    RandomStream stream(options.seed, StreamPurpose::AssignmentShift, v);
    views[v].shift_angstrom.x() = options.shift_sigma_angstrom * stream.normal();
    views[v].shift_angstrom.y() = options.shift_sigma_angstrom * stream.normal();
  }
  return views;
}

constexpr double kMostViews = 10000;

// Of a lattice on the sphere in which neighbours are `angle_radian` apart.
std::size_t lattice_size(double angle_radian) {
  constexpr double kFewest = 32;
  return static_cast<std::size_t>(std::ceil(
      std::clamp(4 * std::numbers::pi / (angle_radian * angle_radian), kFewest, kMostViews)));
}

// With as many views as were asked for; else with more and more until the posterior of a pose falls
// on as many cells of views by angles as its average needs.  Says what it came to.
std::unique_ptr<const LikelihoodsOverPoses> with_enough_views(const PolarCoefficients& images,
                                                              const ImageScale& scale,
                                                              const Ensemble& ensemble,
                                                              const AssignmentOptions& options,
                                                              std::size_t fewest,
                                                              Progress& progress) {
  constexpr std::size_t kImages = 64;
  // A Gaussian 0.4 steps wide in all three angles spreads over so many, and its sum over the cells
  // is good to a tenth: nothing beside the scatter of log likelihoods.
  constexpr double kCells = 3;
  const std::size_t total = images.images().size();
  std::vector<std::size_t> some(std::min(kImages, total));
  for (std::size_t i = 0; i < some.size(); ++i) {
    some[i] = i * total / some.size();
  }
  constexpr int kAngles = 72;
  const int angles = options.angles > 0 ? options.angles : kAngles;
  const ProgressStage stage(progress, "choosing views", 0);
  for (std::size_t views = options.views > 0 ? options.views : fewest;; views *= 2) {
    auto likelihoods = std::make_unique<const LikelihoodsOverPoses>(
        images, scale, ensemble, views_of(options, views), angles);
    const double effective = likelihoods->effective_poses(some);
    const bool can_grow = options.views == 0 && 2 * static_cast<double>(views) <= kMostViews;
    if (effective < kCells && can_grow && !progress.cancelled()) {
      continue;
    }
    progress.note("views: " + std::to_string(views) +
                  (options.views > 0 ? " (given)" : " (chosen)") +
                  "; given the conformation, an image's likelihood spreads over " +
                  shown(effective) + " cells of views by angles");
    if (effective < kCells) {
      progress.warn("an image tells poses apart that lie closer than the " + std::to_string(views) +
                    " views: posteriors are narrower than they should be; take more --views");
    }
    return likelihoods;
  }
}

}  // namespace

Assignments assign_images(const Ensemble& ensemble,
                          const ConformationModel& model,
                          const ImageSet& images,
                          const AssignmentOptions& options,
                          Progress& progress) {
  require_dimension(model, ensemble);
  if (!(options.shift_sigma_angstrom >= 0)) {
    throw Error(ErrorKind::Usage, "assignment: expected shifts that are not negative");
  }
  const PoseLaw poses =
      options.poses.value_or(images.has_poses() ? PoseLaw::Given : PoseLaw::Uniform);
  // The law refuses poses that are not there.
  const NuisanceLaw law(images, poses, options.seed);
  // A model without views has one pose, which is every image's.
  const bool is_given = poses == PoseLaw::Given || !model.has_views();

  const auto image_model =
      model.image_model(images.grid(), options.resolution_angstrom, options.imaging);
  progress.note(describe(images, *image_model));
  const std::optional<double> noise_sigma = given_noise(options.noise_sigma, ensemble);
  const Whitening whitening = estimate_whitening(model, images, noise_sigma, progress);
  // With unknown poses a few of these tell the contrast.
  const ImageCoefficients coefficients(images,
                                       *image_model,
                                       progress,
                                       is_given ? ImageCoefficients::kDefaultBudgetBytes : 0,
                                       whitening);
  const auto known = [&](const std::optional<double>& given, const char* label, const char* what) {
    const auto recorded = ensemble.flow.carried(label);
    if (!given && recorded) {
      progress.note(std::string(what) + " as the flow recorded it in the ensemble");
    }
    return given ? given : recorded;
  };
  const auto contrast = known(known_contrast(model, options.contrast), kContrastLabel, "contrast");
  const ImageScale scale =
      image_scale(coefficients,
                  ensemble,
                  {known(options.noise_sigma, kNoiseLabel, "noise sigma"), contrast},
                  is_given ? ContrastEstimate::AtGivenPoses : ContrastEstimate::FromEnergy,
                  poses,
                  options.seed,
                  progress);
  if (!(scale.noise_sigma > 0) || !std::isfinite(scale.contrast) || scale.contrast == 0) {
    throw Error(ErrorKind::Usage,
                "assignment: expected a positive noise sigma and a contrast that is not zero");
  }
  if (is_given) {
    return assign(
        ensemble, LikelihoodsAtGivenPoses(coefficients, scale, ensemble), images.size(), progress);
  }

  // Where views are known the images' shifts are undone, not drawn.
  const double margin = poses == PoseLaw::InPlane ? 0 : 3 * options.shift_sigma_angstrom;
  const double radius = model.radius_angstrom(ensemble.coordinates) + margin;
  const auto polar_model =
      model.polar_image_model(images.grid(), options.resolution_angstrom, radius, options.imaging);
  if (poses == PoseLaw::InPlane) {
    // Each image is read once: nothing to keep.
    const PolarCoefficients polar(
        images, *polar_model, scale.contrast, false, progress, 0, whitening);
    const BlockedSteeredEngine engine;
    const InPlaneLikelihood likelihood(
        polar,
        engine,
        scale,
        {.shift_sigma_angstrom = options.shift_sigma_angstrom, .seed = options.seed});
    const int angles =
        options.angles > 0 ? options.angles : choose_angles(likelihood, ensemble, progress);
    progress.note("in-plane angles of the integral: " + std::to_string(angles) +
                  (options.angles > 0 ? " (given)" : " (chosen)"));
    return assign(ensemble,
                  LikelihoodsOverInPlaneAngles(likelihood.with_angles(angles), ensemble),
                  images.size(),
                  progress);
  }
  const double detail = image_model->basis().resolution_angstrom();
  const std::size_t views = lattice_size(detail / std::max(radius, detail));
  const PolarCoefficients polar(images,
                                *polar_model,
                                scale.contrast,
                                false,
                                progress,
                                PolarCoefficients::kDefaultBudgetBytes,
                                whitening);
  const auto likelihoods = with_enough_views(polar, scale, ensemble, options, views, progress);
  return assign(ensemble, *likelihoods, images.size(), progress);
}

namespace {

struct Column {
  std::string label;
  std::function<void(formats::StarTable&, std::size_t row, std::size_t column)> set;
};

std::vector<Column> columns_of(const Assignments& assignments) {
  std::vector<Column> columns;
  const auto add_numbers = [&](std::string label, auto value) {
    columns.push_back(
        {std::move(label), [value](formats::StarTable& table, std::size_t row, std::size_t column) {
           table.set(row, column, value(static_cast<Index>(row)));
         }});
  };
  const Index k = assignments.means.rows();
  for (Index a = 0; a < k; ++a) {
    add_numbers("sipMean" + std::to_string(a + 1),
                [&assignments, a](Index j) { return assignments.means(a, j); });
  }
  for (Index a = 0; a < k; ++a) {
    add_numbers("sipSigma" + std::to_string(a + 1),
                [&assignments, a](Index j) { return assignments.sigmas(a, j); });
  }
  Index pair = 0;
  for (Index a = 0; a < k; ++a) {
    for (Index b = a + 1; b < k; ++b, ++pair) {
      add_numbers("sipCorrelation" + std::to_string(a + 1) + "_" + std::to_string(b + 1),
                  [&assignments, pair](Index j) { return assignments.correlations(pair, j); });
    }
  }
  add_numbers("sipEffectiveConformations",
              [&assignments](Index j) { return assignments.effective_conformations(j); });
  columns.push_back(
      {"sipConformation",
       [&assignments](formats::StarTable& table, std::size_t row, std::size_t column) {
         table.set_integer(row, column, assignments.best[row] + 1);
       }});
  add_numbers("sipConformationProbability",
              [&assignments](Index j) { return assignments.best_probability(j); });
  add_numbers("sipLogEvidence", [&assignments](Index j) { return assignments.log_evidence(j); });
  return columns;
}

}  // namespace

void add_assignments(formats::StarFile& particles,
                     const Assignments& assignments,
                     const ImageSet& images,
                     const std::vector<std::pair<std::string, std::string>>& copies) {
  formats::StarTable& table = *particles.find(particle_block(particles).name());
  const std::size_t names = table.column("rlnImageName");
  if (table.rows() != images.size() || assignments.images() != static_cast<Index>(images.size())) {
    throw Error(ErrorKind::Input,
                particles.source + ": " + std::to_string(table.rows()) + " rows, expected " +
                    std::to_string(images.size()) + ", those of the images");
  }
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const formats::ImageName name = formats::parse_image_name(table.text(row, names));
    const formats::ImageName& image = images.table().records[row].image;
    if (name.index != image.index || name.path != image.path) {
      table.fail(row, names, "another image than the one that was assigned");
    }
  }

  std::vector<Column> columns = columns_of(assignments);
  for (const auto& [from, to] : copies) {
    const auto original = std::find_if(
        columns.begin(), columns.end(), [&from](const Column& c) { return c.label == from; });
    if (original == columns.end()) {
      throw Error(ErrorKind::Usage, "'" + from + "' is not a column that is added");
    }
    columns.push_back({to, original->set});
  }
  for (const Column& column : columns) {
    if (table.has(column.label)) {
      throw Error(ErrorKind::Input,
                  particles.source + ": block 'data_" + table.name() + "' has a column '_" +
                      column.label + "' already, expected a file without");
    }
  }
  for (const Column& column : columns) {
    const std::size_t at = table.add_column(column.label);
    for (std::size_t row = 0; row < table.rows(); ++row) {
      column.set(table, row, at);
    }
  }
}

}  // namespace cryosip

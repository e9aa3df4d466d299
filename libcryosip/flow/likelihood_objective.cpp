#include "libcryosip/flow/likelihood_objective.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <utility>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/flow/pose_slack.hpp"

namespace cryosip {
namespace {

// One image's share of a step.
struct ImageShare {
  Eigen::MatrixXd pull;         // (coordinates, conformations): r J^T C (y - C x) / (T sigma^2)
  Eigen::VectorXd explanation;  // (conformations): (p(y|point) / p(y)) at the temperature
  double log_evidence = 0;
  double effective_conformations = 0;  // 1 / sum r^2
  // Posterior means, at temperature 1, of <C x, y> and |C x|^2, both over sigma^2.
  ImageLikelihood::Fit fit;
  std::size_t gradients = 0;
};

ImageView look_at(const ImageCoefficients& images,
                  std::size_t image,
                  const ImageScale& scale,
                  const PoseError& pose_error,
                  const Ensemble& ensemble,
                  double temperature) {
  const ObservedImage observed{images.read(image),
                               static_cast<float>(scale.contrast) * images.transfer(image),
                               images.images().table().records[image].pose,
                               scale.noise_sigma * scale.noise_sigma};
  return view_of(images.model(), ensemble, observed, pose_error, temperature, image);
}

// Every conformation as one image would show it.
struct Drawings {
  Eigen::MatrixXf images;           // (coefficients, conformations), without the CTF
  Eigen::VectorXd log_likelihoods;  // (conformations)
  Eigen::VectorXd overlaps;         // (conformations): ImageLikelihood::Fit's
  Eigen::VectorXd norms;
};

Drawings draw_all(const ImageModel& model,
                  const Eigen::MatrixXd& coordinates,
                  const ImageView& view) {
  Drawings drawings{Eigen::MatrixXf(model.size(), coordinates.cols()),
                    Eigen::VectorXd(coordinates.cols()),
                    Eigen::VectorXd(coordinates.cols()),
                    Eigen::VectorXd(coordinates.cols())};
  const auto workspace = model.workspace();
  for (Eigen::Index i = 0; i < coordinates.cols(); ++i) {
    model.draw(coordinates.col(i), view.pose, *workspace, drawings.images.col(i));
    const ImageLikelihood::Fit fit = view.likelihood.fit(drawings.images.col(i));
    drawings.log_likelihoods(i) = fit.log_likelihood();
    drawings.overlaps(i) = fit.overlap;
    drawings.norms(i) = fit.norm;
  }
  return drawings;
}

}  // namespace

LikelihoodObjective::LikelihoodObjective(const ImageCoefficients& images,
                                         const ImageScale& scale,
                                         const LikelihoodOptions& options,
                                         double initial_temperature)
    : images_(images),
      scale_(scale),
      options_(options),
      initial_temperature_(initial_temperature),
      batches_(images.images().size(), options.images_per_step, options.seed) {
  if (!images.images().has_poses()) {
    throw Error(ErrorKind::Usage,
                images.images().table().source +
                    ": the likelihood objective needs a pose for every image (rlnAngleRot, "
                    "rlnAngleTilt, rlnAnglePsi)");
  }
  if (!(initial_temperature >= 1) || !(options.cooling_share > 0) ||
      !(options.cooling_share <= 1) || !(scale.noise_sigma > 0) || !std::isfinite(scale.contrast) ||
      scale.contrast == 0 || !(options.pose_error.angle_degree >= 0) ||
      !(options.pose_error.shift_angstrom >= 0)) {
    throw Error(ErrorKind::Usage,
                "likelihood objective: expected a temperature of at least 1, a cooling share in "
                "(0, 1], a positive noise sigma, a contrast that is not zero and errors of poses "
                "that are not "
                "negative");
  }
}

std::string describe(const LikelihoodOptions& options) {
  std::ostringstream text;
  text << "likelihood images-per-step=" << options.images_per_step << " temperature=";
  if (options.initial_temperature > 0) {
    text << options.initial_temperature;
  } else {
    text << "auto";
  }
  text << " cooling=" << options.cooling_share;
  if (options.pose_error.any()) {
    text << " pose-error=" << options.pose_error.angle_degree << "deg,"
         << options.pose_error.shift_angstrom << "A";
  }
  return text.str();
}

FlowEvaluation LikelihoodObjective::evaluate(const Ensemble& ensemble,
                                             const Eigen::MatrixXd& points,
                                             const FlowMoment& moment) {
  const double temperature =
      annealed(initial_temperature_, 1, options_.cooling_share, moment.fraction);
  const ImageModel& model = images_.model();
  const std::vector<std::size_t> batch = batches_.batch(moment.step);
  const Eigen::Index count = ensemble.size();
  const bool apart = points != ensemble.coordinates;

  std::vector<ImageShare> shares(batch.size());
  parallel_for(batch.size(), [&](std::size_t b) {
    const ImageView view =
        look_at(images_, batch[b], scale_, options_.pose_error, ensemble, temperature);
    const Drawings drawn = draw_all(model, ensemble.coordinates, view);
    const Responsibilities posterior =
        responsibilities(drawn.log_likelihoods, ensemble.weights, temperature);

    ImageShare& share = shares[b];
    share.pull = Eigen::MatrixXd::Zero(ensemble.dimension(), count);
    share.log_evidence = posterior.log_evidence;
    share.effective_conformations = 1 / posterior.values.squaredNorm();
    if (scale_.refine_contrast) {
      // Tempered posteriors would shrink it: they hold conformations the image has nothing of.
      const Eigen::VectorXd sharp =
          responsibilities(drawn.log_likelihoods, ensemble.weights, 1).values;
      share.fit = {sharp.dot(drawn.overlaps), sharp.dot(drawn.norms)};
    }
    const Drawings at_points = apart ? draw_all(model, points, view) : Drawings{};
    const Drawings& pulled = apart ? at_points : drawn;
    share.explanation = (pulled.log_likelihoods / temperature).array() - posterior.log_evidence;
    share.explanation = share.explanation.array().exp();
    // What a posterior would be, had the conformation been at its point.
    const Eigen::VectorXd shares_of_points =
        apart ? ensemble.weights.cwiseProduct(share.explanation) : posterior.values;
    const auto workspace = model.workspace();
    Eigen::VectorXf image(model.size());
    Eigen::VectorXf adjoint(model.size());
    for (Eigen::Index i = 0; i < count; ++i) {
      if (shares_of_points(i) <= options_.negligible_responsibility) {
        continue;
      }
      ++share.gradients;
      view.likelihood.gradient(pulled.images.col(i), shares_of_points(i) / temperature, adjoint);
      // Once more, for the workspace; far fewer conformations come here than were drawn.
      model.draw(points.col(i), view.pose, *workspace, image);
      share.pull.col(i) = model.pull_back(*workspace, adjoint);
    }
  });

  LikelihoodStepSums sums(ensemble.dimension(), count);
  for (const ImageShare& share : shares) {
    sums.pull += share.pull;
    sums.explanation += share.explanation;
    sums.log_evidence += share.log_evidence;
    sums.effective_conformations += share.effective_conformations;
    sums.gradients += static_cast<double>(share.gradients);
    sums.overlap += share.fit.overlap;
    sums.norm += share.fit.norm;
  }
  return evaluation_of(std::move(sums), batch.size(), ensemble.weights, temperature, scale_);
}

Eigen::VectorXd log_likelihoods_in_own_pose(const ImageCoefficients& images,
                                            std::size_t image,
                                            const ImageScale& scale,
                                            const PoseError& pose_error,
                                            const Ensemble& ensemble) {
  const ImageView view = look_at(images, image, scale, pose_error, ensemble, 1);
  return draw_all(images.model(), ensemble.coordinates, view).log_likelihoods;
}

double choose_initial_temperature(const ImageCoefficients& images,
                                  const ImageScale& scale,
                                  const PoseError& pose_error,
                                  const Ensemble& ensemble,
                                  Progress& progress,
                                  std::size_t max_images) {
  constexpr double kHottest = 1e6;
  const std::size_t total = images.images().size();
  const std::size_t used = std::min(total, max_images);
  const ProgressStage stage(progress, "choosing the temperature", used);
  std::vector<Eigen::VectorXd> log_likelihoods(used);
  parallel_for(used, [&](std::size_t u) {
    log_likelihoods[u] =
        log_likelihoods_in_own_pose(images, u * total / used, scale, pose_error, ensemble);
  });
  const auto effective_share = [&](double temperature) {
    double sum = 0;
    for (const Eigen::VectorXd& values : log_likelihoods) {
      sum += 1 / responsibilities(values, ensemble.weights, temperature).values.squaredNorm();
    }
    return sum / static_cast<double>(used) * ensemble.weights.squaredNorm();
  };
  double low = 1;
  double high = kHottest;
  if (effective_share(low) >= kFirstPosteriorShare) {
    return low;
  }
  // The share grows with the temperature; forty halvings of the logarithm are exact enough.
  for (int i = 0; i < 40; ++i) {
    const double middle = std::sqrt(low * high);
    (effective_share(middle) < kFirstPosteriorShare ? low : high) = middle;
  }
  return std::sqrt(low * high);
}

}  // namespace cryosip

#include "libcryosip/flow/likelihood_objective.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/discrepancy/likelihood.hpp"
#include "libcryosip/flow/disc_transfer.hpp"

namespace cryosip {
namespace {

// One image's share of a step.
struct ImageShare {
  Eigen::MatrixXd pull;  // (coordinates, conformations): sum of r J^T C (y - C x) / sigma^2
  double log_evidence = 0;
  double effective_conformations = 0;  // 1 / sum r^2
  std::size_t gradients = 0;
};

}  // namespace

LikelihoodObjective::LikelihoodObjective(const ConformationModel& model,
                                         const Renderer<float>& renderer,
                                         const ImageCoefficients& images,
                                         const ImageScale& scale,
                                         const LikelihoodOptions& options)
    : model_(model),
      renderer_(renderer),
      images_(images),
      scale_(scale),
      options_(options),
      batches_(images.images().size(), options.images_per_step, options.seed) {
  if (!images.images().has_poses()) {
    throw Error(ErrorKind::Usage,
                images.images().table().source +
                    ": the likelihood objective needs a pose for every image (rlnAngleRot, "
                    "rlnAngleTilt, rlnAnglePsi)");
  }
  if (!(options.initial_temperature >= 1) || !(options.cooling_share > 0) ||
      !(options.cooling_share <= 1) || !(scale.noise_sigma > 0) || !std::isfinite(scale.contrast) ||
      scale.contrast == 0) {
    throw Error(ErrorKind::Usage,
                "likelihood objective: expected a temperature of at least 1, a cooling share in "
                "(0, 1], a positive noise sigma and a contrast that is not zero");
  }
}

std::string describe(const LikelihoodOptions& options) {
  std::ostringstream text;
  text << "likelihood images-per-step=" << options.images_per_step
       << " temperature=" << options.initial_temperature << " cooling=" << options.cooling_share;
  return text.str();
}

FlowEvaluation LikelihoodObjective::evaluate(const Ensemble& ensemble, const FlowMoment& moment) {
  const double temperature =
      annealed(options_.initial_temperature, 1, options_.cooling_share, moment.fraction);
  const double variance = scale_.noise_sigma * scale_.noise_sigma;
  const FourierDisc& basis = images_.basis();
  const std::vector<std::size_t> batch = batches_.batch(moment.step);
  const Eigen::Index count = ensemble.size();

  std::vector<ImageShare> shares(batch.size());
  parallel_for(batch.size(), [&](std::size_t b) {
    const ImagingCondition condition = images_.images().condition(batch[b]);
    const ImageLikelihood likelihood(images_.read(batch[b]),
                                     scale_.contrast * transfer_without_mean(basis, condition),
                                     variance);
    const auto workspace = renderer_.workspace();
    Eigen::MatrixXf drawn(basis.size(), count);
    Eigen::VectorXd log_likelihoods(count);
    Eigen::Matrix3Xd positions;
    for (Eigen::Index i = 0; i < count; ++i) {
      model_.positions(ensemble.coordinates.col(i), positions);
      renderer_.render(positions, condition.pose, *workspace, drawn.col(i));
      log_likelihoods(i) = likelihood.log_likelihood(drawn.col(i));
    }
    const Responsibilities posterior =
        responsibilities(log_likelihoods, ensemble.weights, temperature);

    ImageShare& share = shares[b];
    share.pull = Eigen::MatrixXd::Zero(ensemble.dimension(), count);
    share.log_evidence = posterior.log_evidence;
    share.effective_conformations = 1 / posterior.values.squaredNorm();
    Eigen::VectorXf adjoint(basis.size());
    RenderGradient gradient;
    for (Eigen::Index i = 0; i < count; ++i) {
      if (posterior.values(i) <= options_.negligible_responsibility) {
        continue;
      }
      ++share.gradients;
      likelihood.gradient(drawn.col(i), posterior.values(i), adjoint);
      model_.positions(ensemble.coordinates.col(i), positions);
      // Once more, for the workspace; far fewer conformations come here than were drawn.
      renderer_.render(positions, condition.pose, *workspace, drawn.col(i));
      renderer_.pull_back(adjoint, *workspace, gradient);
      share.pull.col(i) = model_.pull_back(ensemble.coordinates.col(i), gradient.positions);
    }
  });

  FlowEvaluation result;
  result.velocity = Eigen::MatrixXd::Zero(ensemble.dimension(), count);
  double log_evidence = 0;
  double effective = 0;
  double gradients = 0;
  for (const ImageShare& share : shares) {
    result.velocity += share.pull;
    log_evidence += share.log_evidence;
    effective += share.effective_conformations;
    gradients += static_cast<double>(share.gradients);
  }
  const auto images = static_cast<double>(batch.size());
  for (Eigen::Index i = 0; i < count; ++i) {
    const double weight = ensemble.weights(i);
    result.velocity.col(i) *= weight > 0 ? 1 / (images * temperature * weight) : 0;
  }
  // Free energy: at T > 1 the log evidence counts T times, so that its scale does not jump.
  result.objective = -temperature * log_evidence / images;
  result.diagnostics = {{"sipTemperature", temperature},
                        {"sipConformationsPerImage", effective / images},
                        {"sipGradientsPerImage", gradients / images}};
  return result;
}

double estimate_contrast_at_given_poses(const ConformationModel& model,
                                        const Renderer<float>& renderer,
                                        const ImageCoefficients& images,
                                        const Ensemble& ensemble,
                                        Progress& progress,
                                        std::size_t max_images) {
  const std::size_t total = images.images().size();
  const std::size_t used = std::min(total, max_images);
  const FourierDisc& basis = images.basis();
  const ProgressStage stage(progress, "estimating the contrast", used);
  std::vector<double> overlaps(used);
  std::vector<double> norms(used);
  parallel_for(used, [&](std::size_t u) {
    const std::size_t image = u * total / used;
    const ImagingCondition condition = images.images().condition(image);
    const Eigen::VectorXd transfer = transfer_without_mean(basis, condition);
    const auto workspace = renderer.workspace();
    Eigen::VectorXf drawn(basis.size());
    Eigen::VectorXd mean = Eigen::VectorXd::Zero(basis.size());
    Eigen::Matrix3Xd positions;
    for (Eigen::Index i = 0; i < ensemble.size(); ++i) {
      model.positions(ensemble.coordinates.col(i), positions);
      renderer.render(positions, condition.pose, *workspace, drawn);
      mean += ensemble.weights(i) * drawn.cast<double>();
    }
    mean.head(basis.frequencies()).array() *= transfer.array();
    mean.tail(basis.frequencies()).array() *= transfer.array();
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

}  // namespace cryosip

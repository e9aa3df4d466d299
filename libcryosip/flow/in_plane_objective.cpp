#include "libcryosip/flow/in_plane_objective.hpp"

#include <cmath>
#include <sstream>
#include <utility>
#include <vector>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/discrepancy/likelihood.hpp"

namespace cryosip {
namespace {

// Conformations with more than a negligible share of an image.
std::vector<Eigen::Index> those_above(const Eigen::VectorXd& shares, double negligible) {
  std::vector<Eigen::Index> chosen;
  for (Eigen::Index i = 0; i < shares.size(); ++i) {
    if (shares(i) > negligible) {
      chosen.push_back(i);
    }
  }
  return chosen;
}

InPlaneLikelihood::Means means_of(const InPlaneLikelihood& likelihood,
                                  const InPlaneLikelihood::Image& image,
                                  const std::vector<Eigen::Index>& chosen,
                                  const Eigen::MatrixXf& drawings,
                                  const Eigen::VectorXd& log_likelihoods,
                                  const Eigen::VectorXd& shares,
                                  double temperature) {
  return likelihood.means(
      image, drawings(Eigen::all, chosen), log_likelihoods(chosen), shares(chosen), temperature);
}

}  // namespace

InPlaneObjective::InPlaneObjective(const PolarCoefficients& images,
                                   const SteeredEngine& engine,
                                   const ImageScale& scale,
                                   const InPlaneOptions& options,
                                   int angles,
                                   double initial_temperature)
    : scale_(scale),
      options_(options),
      likelihood_(images, engine, scale, {angles, options.shift_sigma_angstrom, options.seed}),
      initial_temperature_(initial_temperature),
      batches_(images.images().size(), options.images_per_step, options.seed) {
  if (!(initial_temperature >= 1) || !(options.cooling_share > 0) ||
      !(options.cooling_share <= 1)) {
    throw Error(ErrorKind::Usage,
                "likelihood over in-plane angles: expected a temperature of at least 1 and a "
                "cooling share in (0, 1]");
  }
}

std::string describe(const InPlaneOptions& options) {
  const auto number_or_auto = [](std::ostream& text, double value) {
    value > 0 ? text << value : text << "auto";
  };
  std::ostringstream text;
  text << "likelihood poses=in-plane images-per-step=" << options.images_per_step << " angles=";
  number_or_auto(text, options.angles);
  if (options.shift_sigma_angstrom > 0) {
    text << " shifts=" << options.shift_sigma_angstrom;
  }
  text << " temperature=";
  number_or_auto(text, options.initial_temperature);
  text << " cooling=" << options.cooling_share;
  return text.str();
}

FlowEvaluation InPlaneObjective::evaluate(const Ensemble& ensemble,
                                          const Eigen::MatrixXd& points,
                                          const FlowMoment& moment) {
  const double temperature =
      annealed(initial_temperature_, 1, options_.cooling_share, moment.fraction);
  const InPlaneLikelihood likelihood = likelihood_.with_contrast(scale_.contrast);
  const PolarImageModel& model = likelihood.images().model();
  const std::vector<std::size_t> batch = batches_.batch(moment.step);
  const bool apart = points != ensemble.coordinates;

  LikelihoodStepSums sums(ensemble.dimension(), ensemble.size());
  // Image by image, for each has as many drawings as there are conformations.
  for (const std::size_t index : batch) {
    const InPlaneLikelihood::Image image = likelihood.read(index, moment.step);
    const Eigen::MatrixXf drawn = likelihood.draw(image, ensemble.coordinates);
    const Eigen::VectorXd logs = likelihood.log_likelihoods(image, drawn, temperature);
    const Responsibilities posterior = responsibilities(logs, ensemble.weights, 1);
    sums.log_evidence += posterior.log_evidence;
    sums.effective_conformations += 1 / posterior.values.squaredNorm();

    const Eigen::MatrixXf drawn_at_points = apart ? likelihood.draw(image, points) : drawn;
    const Eigen::VectorXd logs_at_points =
        apart ? likelihood.log_likelihoods(image, drawn_at_points, temperature) : logs;
    const Eigen::VectorXd explanation = (logs_at_points.array() - posterior.log_evidence).exp();
    sums.explanation += explanation;
    // What a posterior would be, had the conformation been at its point.
    const Eigen::VectorXd shares =
        apart ? ensemble.weights.cwiseProduct(explanation) : posterior.values;
    const std::vector<Eigen::Index> pulled =
        those_above(shares, options_.negligible_responsibility);
    sums.gradients += static_cast<double>(pulled.size());
    const InPlaneLikelihood::Means means =
        means_of(likelihood, image, pulled, drawn_at_points, logs_at_points, shares, temperature);
    parallel_for(pulled.size(), [&](std::size_t p) {
      const auto workspace = model.workspace();
      model.place(points.col(pulled[p]), image.view, *workspace);
      sums.pull.col(pulled[p]) +=
          model.pull_back(*workspace, means.gradient.col(static_cast<Eigen::Index>(p)));
    });

    if (scale_.refine_contrast) {
      // Tempered posteriors would shrink it: they hold conformations the image has nothing of.
      InPlaneLikelihood::Means sharp = means;
      if (temperature > 1 || apart) {
        const Eigen::VectorXd sharp_logs = likelihood.log_likelihoods(image, drawn);
        const Eigen::VectorXd values = responsibilities(sharp_logs, ensemble.weights, 1).values;
        sharp = means_of(likelihood,
                         image,
                         those_above(values, options_.negligible_responsibility),
                         drawn,
                         sharp_logs,
                         values,
                         1);
      }
      sums.overlap += sharp.overlap;
      sums.norm += sharp.norm;
    }
  }
  return evaluation_of(std::move(sums), batch.size(), ensemble.weights, temperature, scale_);
}

}  // namespace cryosip

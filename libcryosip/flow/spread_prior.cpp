#include "libcryosip/flow/spread_prior.hpp"

#include <sstream>
#include <utility>

namespace cryosip {

SpreadPrior SpreadPrior::of(const Ensemble& ensemble) {
  SpreadPrior prior;
  prior.mean = ensemble.coordinates * ensemble.weights;
  prior.variance = (ensemble.coordinates.colwise() - prior.mean).cwiseAbs2() * ensemble.weights;
  return prior;
}

ObjectiveWithPrior::ObjectiveWithPrior(std::unique_ptr<FlowObjective> objective,
                                       SpreadPrior prior,
                                       double images,
                                       double weight)
    : objective_(std::move(objective)),
      prior_(std::move(prior)),
      precision_(prior_.variance.unaryExpr(
          [](double variance) { return variance > 0 ? 1 / variance : 0; })),
      images_(images),
      weight_(weight) {}

std::string prior_description(double images) {
  std::ostringstream text;
  text << " prior-images=" << images;
  return text.str();
}

std::string ObjectiveWithPrior::description() const {
  return objective_->description() + prior_description(images_);
}

FlowEvaluation ObjectiveWithPrior::evaluate(const Ensemble& ensemble,
                                            const Eigen::MatrixXd& points,
                                            const FlowMoment& moment) {
  FlowEvaluation result = objective_->evaluate(ensemble, points, moment);
  const auto minus_log_prior = [&](const Eigen::MatrixXd& at) -> Eigen::VectorXd {
    return 0.5 * ((at.colwise() - prior_.mean).cwiseAbs2().transpose() * precision_);
  };
  result.velocity -= weight_ * (precision_.asDiagonal() * (points.colwise() - prior_.mean));
  if (result.first_variation.size() > 0) {
    result.first_variation += weight_ * minus_log_prior(points);
  }
  result.objective += weight_ * minus_log_prior(ensemble.coordinates).dot(ensemble.weights);
  return result;
}

}  // namespace cryosip

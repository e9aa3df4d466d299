#include "libcryosip/flow/likelihood_step.hpp"

#include <utility>

namespace cryosip {

LikelihoodStepSums::LikelihoodStepSums(Eigen::Index coordinates, Eigen::Index conformations)
    : pull(Eigen::MatrixXd::Zero(coordinates, conformations)),
      explanation(Eigen::VectorXd::Zero(conformations)) {}

FlowEvaluation evaluation_of(LikelihoodStepSums sums,
                             std::size_t images,
                             const Eigen::VectorXd& weights,
                             double temperature,
                             ImageScale& scale) {
  const auto count = static_cast<double>(images);
  FlowEvaluation result;
  result.first_variation = -sums.explanation / count;
  result.variation_unit = 1;
  result.velocity = std::move(sums.pull);
  for (Eigen::Index i = 0; i < weights.size(); ++i) {
    result.velocity.col(i) *= weights(i) > 0 ? 1 / (count * weights(i)) : 0;
  }
  // Free energy: at T > 1 the log evidence counts T times, so that its scale does not jump.
  result.objective = -temperature * sums.log_evidence / count;
  result.diagnostics = {{"sipTemperature", temperature},
                        {"sipConformationsPerImage", sums.effective_conformations / count},
                        {"sipGradientsPerImage", sums.gradients / count},
                        {kContrastLabel, scale.contrast}};
  if (scale.refine_contrast) {
    scale.contrast = refined_contrast(scale.contrast, sums.overlap, sums.norm);
  }
  result.carried = {{kContrastLabel, scale.contrast}};
  return result;
}

}  // namespace cryosip

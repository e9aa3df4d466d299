// What was known of the conformations before the images were seen, as part of a flow's objective.
#pragma once

#include <memory>
#include <string>

#include <Eigen/Core>

#include "libcryosip/flow/objective.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

/// Independent normal laws of the coordinates.
struct SpreadPrior {
  Eigen::VectorXd mean;      ///< (K), in units of coordinates
  Eigen::VectorXd variance;  ///< (K); 0: that coordinate has no prior

  /// Mean and variance of an ensemble's coordinates, weights counted.
  static SpreadPrior of(const Ensemble& ensemble);
};

/// Another objective and, beside it, weight * int -log prior d rho: the regulariser of the paper's
/// MAP estimate (equation 22, -(1/M) sum_k log prior(theta_k)) as a functional of the ensemble.
/// With weight = n / M the prior counts for as much as n of M images: conformations that a few
/// images' noise alone speaks for are drawn back, and the truth is found all the same as M grows.
class ObjectiveWithPrior final : public FlowObjective {
 public:
  /// @param images  n: how many images the prior counts for, > 0; part of the description
  /// @param weight  n / M, or less where each image tells less
  ObjectiveWithPrior(std::unique_ptr<FlowObjective> objective,
                     SpreadPrior prior,
                     double images,
                     double weight);

  [[nodiscard]] std::string description() const override;
  [[nodiscard]] FlowEvaluation evaluate(const Ensemble& ensemble,
                                        const Eigen::MatrixXd& points,
                                        const FlowMoment& moment) override;

 private:
  std::unique_ptr<FlowObjective> objective_;
  SpreadPrior prior_;
  Eigen::VectorXd precision_;
  double images_;
  double weight_;
};

/// What ObjectiveWithPrior adds to another objective's description.
std::string prior_description(double images);

}  // namespace cryosip

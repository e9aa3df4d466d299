#include "libcryosip/flow/spread_prior.hpp"

#include <memory>

#include <gtest/gtest.h>

namespace cryosip {
namespace {

class Flat final : public FlowObjective {
 public:
  [[nodiscard]] std::string description() const override { return "flat"; }
  [[nodiscard]] FlowEvaluation evaluate(const Ensemble& ensemble,
                                        const Eigen::MatrixXd& /*points*/,
                                        const FlowMoment& /*moment*/) override {
    FlowEvaluation result;
    result.velocity = Eigen::MatrixXd::Zero(ensemble.dimension(), ensemble.size());
    result.first_variation = Eigen::VectorXd::Zero(ensemble.size());
    return result;
  }
};

TEST(SpreadPrior, IsTheWeightedMeanAndVariance) {
  Ensemble ensemble;
  ensemble.coordinates.resize(2, 3);
  ensemble.coordinates << 0, 1, 4, 2, 2, 2;
  ensemble.weights = Eigen::Vector3d(0.5, 0.25, 0.25);

  const SpreadPrior prior = SpreadPrior::of(ensemble);

  EXPECT_DOUBLE_EQ(prior.mean(0), 1.25);
  EXPECT_DOUBLE_EQ(prior.variance(0), 0.5 * 1.5625 + 0.25 * 0.0625 + 0.25 * 7.5625);
  EXPECT_DOUBLE_EQ(prior.mean(1), 2);
  EXPECT_DOUBLE_EQ(prior.variance(1), 0);
}

TEST(SpreadPrior, AddsTheWeightedMinusLogarithmAndItsDescent) {
  Ensemble ensemble;
  ensemble.coordinates.resize(2, 2);
  ensemble.coordinates << 1, -2, 3, 5;
  ensemble.weights = Eigen::Vector2d(0.25, 0.75);
  ObjectiveWithPrior objective(
      std::make_unique<Flat>(), {Eigen::Vector2d(0.5, 1), Eigen::Vector2d(4, 0)}, 10, 0.1);

  const FlowEvaluation result = objective.evaluate(ensemble, ensemble.coordinates, {});

  EXPECT_EQ(objective.description(), "flat prior-images=10");
  EXPECT_EQ(objective.description(), "flat" + prior_description(10));
  // 0.1 (x - 0.5)^2 / 8; the second coordinate has no prior.
  EXPECT_DOUBLE_EQ(result.first_variation(0), 0.1 * 0.25 / 8);
  EXPECT_DOUBLE_EQ(result.first_variation(1), 0.1 * 6.25 / 8);
  EXPECT_DOUBLE_EQ(result.velocity(0, 0), -0.1 * 0.5 / 4);
  EXPECT_DOUBLE_EQ(result.velocity(0, 1), 0.1 * 2.5 / 4);
  EXPECT_EQ(result.velocity.row(1).norm(), 0);
  EXPECT_DOUBLE_EQ(result.objective, 0.25 * 0.1 * 0.25 / 8 + 0.75 * 0.1 * 6.25 / 8);
}

}  // namespace
}  // namespace cryosip

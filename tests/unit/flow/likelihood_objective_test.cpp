// The likelihood of images with given poses, and what it estimates, against formulas in double
// precision and their differences.
#include "libcryosip/flow/likelihood_objective.hpp"

#include <cmath>
#include <functional>
#include <memory>
#include <optional>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/discrepancy/likelihood.hpp"
#include "tests/support/objectives.hpp"

namespace cryosip {
namespace {

constexpr double kResolution = 10;

using Objectives = testing::Objectives;

TEST_F(Objectives, LikelihoodIsTheFormulaAndItsVelocityTheDescentOfIt) {
  for (const double temperature : {1.0, 3.0}) {
    LikelihoodOptions options;
    options.images_per_step = images_->size();
    options.initial_temperature = temperature;
    options.negligible_responsibility = 0;
    LikelihoodObjective objective(coefficients_, scale_, options, options.initial_temperature);
    // -T mean_j log sum_i w_i exp(l_ij / T), l up to the term of y alone.
    const auto value = [&](const Eigen::MatrixXd& coordinates) {
      double sum = 0;
      for (std::size_t j = 0; j < images_->size(); ++j) {
        const Eigen::VectorXd y = observed(j);
        double evidence = 0;
        for (Eigen::Index i = 0; i < coordinates.cols(); ++i) {
          const Eigen::VectorXd x = seen(coordinates.col(i), images_->condition(j));
          const double l = -((x - y).squaredNorm() - y.squaredNorm()) /
                           (2 * scale_.noise_sigma * scale_.noise_sigma);
          evidence += ensemble_.weights(i) * std::exp(l / temperature);
        }
        sum += std::log(evidence);
      }
      return -temperature * sum / static_cast<double>(images_->size());
    };

    const FlowEvaluation result = objective.evaluate(ensemble_, ensemble_.coordinates, {});

    // Single precision of the drawings and of sums over hundreds of coefficients.
    const double expected = value(ensemble_.coordinates);
    EXPECT_NEAR(result.objective, expected, 1e-5 * std::abs(expected));
    const Eigen::MatrixXd velocity = descent(value) / temperature;
    EXPECT_LT((result.velocity - velocity).norm(), 1e-3 * velocity.norm());
  }
}

TEST_F(Objectives, LikelihoodsFirstVariationIsItsSlopeByTheWeights) {
  LikelihoodOptions options;
  options.images_per_step = images_->size();
  LikelihoodObjective objective(coefficients_, scale_, options, 1);
  const Eigen::VectorXd variation =
      objective.evaluate(ensemble_, ensemble_.coordinates, {}).first_variation;

  // Mass that goes from one conformation to another leaves the sum of weights at 1.
  constexpr double kMass = 1e-3;
  const auto value = [&](double mass) {
    Ensemble moved = ensemble_;
    moved.weights(0) += mass;
    moved.weights(3) -= mass;
    return objective.evaluate(moved, moved.coordinates, {}).objective;
  };
  const double slope = (value(kMass) - value(-kMass)) / (2 * kMass);
  EXPECT_NEAR(variation(0) - variation(3), slope, 1e-3 * std::abs(slope));
  // Its mean over the ensemble is that of minus a posterior's sum.
  EXPECT_NEAR(variation.dot(ensemble_.weights), -1, 1e-12);
}

TEST_F(Objectives, LikelihoodsVelocityElsewhereIsTheDescentOfItsFirstVariation) {
  LikelihoodOptions options;
  options.images_per_step = images_->size();
  options.initial_temperature = 3;
  options.negligible_responsibility = 0;
  LikelihoodObjective objective(coefficients_, scale_, options, 3);
  Eigen::MatrixXd points = ensemble_.coordinates;
  points.array() += 0.1;
  points(0, 2) -= 0.3;
  // -mean_j p(y_j|z)/p(y_j), p of the ensemble, which stays where it is; in double precision.
  const auto variation = [&](const Eigen::VectorXd& point) {
    const auto fit = [&](const Eigen::VectorXd& coordinates, std::size_t j) {
      const Eigen::VectorXd y = observed(j);
      const double d2 = (seen(coordinates, images_->condition(j)) - y).squaredNorm();
      return (y.squaredNorm() - d2) / (2 * scale_.noise_sigma * scale_.noise_sigma) / 3;
    };
    double sum = 0;
    for (std::size_t j = 0; j < images_->size(); ++j) {
      double evidence = 0;
      for (Eigen::Index i = 0; i < ensemble_.size(); ++i) {
        evidence += ensemble_.weights(i) * std::exp(fit(ensemble_.coordinates.col(i), j));
      }
      sum += std::exp(fit(point, j)) / evidence;
    }
    return -sum / static_cast<double>(images_->size());
  };

  const FlowEvaluation result = objective.evaluate(ensemble_, points, {});

  constexpr double kStep = 1e-4;
  for (Eigen::Index i = 0; i < points.cols(); ++i) {
    // Exponentials of logarithms that single precision knows to 1e-5 of hundreds.
    const double expected = variation(points.col(i));
    EXPECT_NEAR(result.first_variation(i), expected, 1e-3 * std::abs(expected));
    for (Eigen::Index k = 0; k < points.rows(); ++k) {
      Eigen::VectorXd up = points.col(i);
      Eigen::VectorXd down = points.col(i);
      up(k) += kStep;
      down(k) -= kStep;
      const double slope = (variation(up) - variation(down)) / (2 * kStep);
      EXPECT_NEAR(result.velocity(k, i), -slope, 1e-3 * result.velocity.col(i).norm());
    }
  }
  EXPECT_EQ(result.objective, objective.evaluate(ensemble_, ensemble_.coordinates, {}).objective);
}

TEST_F(Objectives, LikelihoodSkipsOnlyNegligibleShares) {
  LikelihoodOptions options;
  options.images_per_step = images_->size();
  LikelihoodObjective skipping(coefficients_, scale_, options, 1);
  options.negligible_responsibility = 0;
  LikelihoodObjective thorough(coefficients_, scale_, options, 1);

  const Eigen::MatrixXd all = thorough.evaluate(ensemble_, ensemble_.coordinates, {}).velocity;

  EXPECT_LT((skipping.evaluate(ensemble_, ensemble_.coordinates, {}).velocity - all).norm(),
            1e-3 * all.norm());
}

TEST_F(Objectives, ConformationsOfWeightZeroStandStill) {
  ensemble_.weights = Eigen::Vector4d(0.3, 0, 0.3, 0.4);
  LikelihoodObjective likelihood(coefficients_, scale_, {}, 1);

  const FlowEvaluation result = likelihood.evaluate(ensemble_, ensemble_.coordinates, {});

  EXPECT_TRUE(result.velocity.allFinite());
  EXPECT_EQ(result.velocity.col(1), Eigen::VectorXd::Zero(2));
  EXPECT_GT(result.velocity.col(0).norm(), 0);
}

TEST_F(Objectives, LikelihoodGivesTheSameBitsOnAnyNumberOfThreads) {
  const auto evaluate = [&](std::size_t threads) {
    const ThreadLimit limit(threads);
    return LikelihoodObjective(coefficients_, scale_, {}, 1)
        .evaluate(ensemble_, ensemble_.coordinates, {});
  };
  const FlowEvaluation one = evaluate(1);
  const FlowEvaluation two = evaluate(2);
  EXPECT_EQ(one.velocity, two.velocity);
  EXPECT_EQ(one.objective, two.objective);
}

TEST_F(Objectives, LikelihoodNeedsPoses) {
  const auto images = data_.images_without_poses();
  const ImageCoefficients coefficients(*images, *model_, progress_);

  EXPECT_THROW(LikelihoodObjective(coefficients, scale_, {}, 1), Error);
}

TEST_F(Objectives, RefuseScalesThatMakeNoSense) {
  for (const ImageScale& scale : {ImageScale{.noise_sigma = -1},
                                  ImageScale{.contrast = 0},
                                  ImageScale{.contrast = std::nan("")}}) {
    EXPECT_THROW(LikelihoodObjective(coefficients_, scale, {}, 1), Error);
  }
}

TEST(Contrast, IsRefinedToThatOfTheImagesWhileTheFlowRuns) {
  constexpr double kNoise = 0.005;
  testing::SimulatedSet data(150, kNoise);
  data.scale_pixels(2);
  const auto images = data.images();
  const auto model = data.model().image_model(images->grid(), kResolution, {});
  SilentProgress progress;
  const ImageCoefficients coefficients(*images, *model, progress);
  const Ensemble& truth = data.truth().truth;
  // Ten per cent off, and warm: neither the start nor the temperature may show in the end.
  constexpr double kHot = 20;
  LikelihoodObjective objective(
      coefficients,
      {.noise_sigma = 2 * kNoise, .contrast = 2.2, .refine_contrast = true},
      {},
      kHot);
  double contrast = 0;
  for (int step = 0; step < 40; ++step) {
    contrast = objective.evaluate(truth, truth.coordinates, {step, 0}).carried.at(0).second;
  }

  // Relative standard error of the maximum-likelihood contrast: 1 / sqrt(sum of |C x|^2 / sigma^2).
  double information = 0;
  const auto workspace = model->workspace();
  for (std::size_t j = 0; j < images->size(); ++j) {
    const ImagingCondition condition = images->condition(j);
    Eigen::VectorXf drawn(model->size());
    model->draw(
        truth.coordinates.col(static_cast<Eigen::Index>(j)), condition.pose, *workspace, drawn);
    const Eigen::VectorXf transfer = model->transfer(condition.ctf);
    information += ImageLikelihood(drawn, 2 * transfer, 4 * kNoise * kNoise).fit(drawn).norm;
  }
  EXPECT_NEAR(contrast / 2, 1, 4 / std::sqrt(information));
  EXPECT_LT(4 / std::sqrt(information), 0.03);
}

TEST(Temperature, SpreadsAPosteriorOverAFifthOfTheEnsembleAndIsOneForFaintImages) {
  testing::SimulatedSet data(50, 0.002);
  const auto images = data.images();
  const auto model = data.model().image_model(images->grid(), kResolution, {});
  SilentProgress progress;
  const ImageCoefficients coefficients(*images, *model, progress);
  Ensemble ensemble;
  ensemble.coordinates.resize(2, 100);
  ensemble.weights = Eigen::VectorXd::Constant(100, 0.01);
  RandomStream stream(1, StreamPurpose::Test, 0);
  for (double& coordinate : ensemble.coordinates.reshaped()) {
    coordinate = stream.uniform(-2, 2);
  }
  const auto chosen = [&](const ImageScale& scale) {
    return choose_initial_temperature(coefficients, scale, {}, ensemble, progress);
  };
  const ImageScale scale{.noise_sigma = 0.002, .contrast = 1};
  const double temperature = chosen(scale);

  LikelihoodOptions all;
  all.images_per_step = images->size();
  LikelihoodObjective objective(coefficients, scale, all, temperature);
  const FlowEvaluation evaluation = objective.evaluate(ensemble, ensemble.coordinates, {});

  EXPECT_GT(temperature, 1);
  EXPECT_EQ(evaluation.diagnostics.at(1).first, "sipConformationsPerImage");
  EXPECT_NEAR(evaluation.diagnostics.at(1).second, 20, 0.01);
  EXPECT_EQ(chosen({.noise_sigma = 1, .contrast = 1}), 1);
}

TEST(Contrast, AtGivenPosesIsThatOfTheImagesWithItsSign) {
  const testing::SimulatedSet data(12, 0);
  data.scale_pixels(-2.5F);
  const auto images = data.images();
  const auto model = data.model().image_model(images->grid(), kResolution, {});
  SilentProgress progress;
  const ImageCoefficients coefficients(*images, *model, progress);
  // One image after the other, each against its own conformation: exact but for single precision.
  for (Eigen::Index i = 0; i < 3; ++i) {
    ParticleTable table = data.truth().particles;
    table.records = {table.records[static_cast<std::size_t>(i)]};
    table.where.resize(1);
    const ImageSet one(table, {});
    const ImageCoefficients of_one(one, *model, progress);
    Ensemble ensemble;
    ensemble.coordinates = data.truth().truth.coordinates.col(i);
    ensemble.weights = Eigen::VectorXd::Ones(1);

    EXPECT_NEAR(estimate_contrast_at_given_poses(of_one, ensemble, progress), -2.5, 1e-4);
  }
}

}  // namespace
}  // namespace cryosip

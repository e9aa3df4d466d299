// The likelihood with known views and unknown in-plane angles, against its formula in double
// precision, turns of the images, and a flow.
#include "libcryosip/flow/in_plane_objective.hpp"

#include <cmath>
#include <memory>
#include <numbers>
#include <optional>
#include <vector>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/assess/ensemble_distance.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/dataset/simulation.hpp"
#include "libcryosip/flow/image_flow.hpp"
#include "libcryosip/structure/initial_ensemble.hpp"
#include "tests/support/functional_differences.hpp"
#include "tests/support/simulated_set.hpp"
#include "tests/support/small_molecule.hpp"
#include "tests/support/temporary_folder.hpp"

namespace cryosip {
namespace {

constexpr double kResolution = 10;
constexpr double kRadius = 24;
constexpr int kAngles = 96;
constexpr double kDifference = 3e-3;

class InPlaneObjectives : public ::testing::Test {
 protected:
  InPlaneObjectives() {
    ensemble_.coordinates.resize(2, 3);
    ensemble_.coordinates << -0.5, 0.4, 0.9, 0.2, -0.3, 0.5;
    ensemble_.weights = Eigen::Vector3d(0.2, 0.3, 0.5);
    options_.images_per_step = images_->size();
    options_.negligible_responsibility = 0;
  }

  [[nodiscard]] InPlaneObjective objective(double temperature = 1) const {
    return {coefficients_, engine_, scale_, options_, kAngles, temperature};
  }
  // log p_T(y|x) / p_T(y|noise), the molecule drawn anew at each in-plane angle.
  // @param at_origin  the drawings at the image's own shift, in place of the image moved back by it
  [[nodiscard]] double log_likelihood(const Eigen::VectorXd& coordinates,
                                      std::size_t j,
                                      double temperature,
                                      bool at_origin = false) const {
    const PolarLayout& layout = model_->basis().layout();
    const std::vector<std::size_t> only{j};
    const Pose given = images_->condition(j).pose;
    const std::vector<Eigen::Vector2d> centre{at_origin ? Eigen::Vector2d(0, 0)
                                                        : given.shift_angstrom};
    const Eigen::VectorXd c2 =
        on_coefficients(layout, coefficients_.ring_transfers_squared(only)).col(0).cast<double>();
    const Eigen::VectorXd z = coefficients_.read_centred(j, centre).col(0).cast<double>();
    const Eigen::VectorXd variance = noise_variance(model_->basis(), scale_);
    const Eigen::VectorXd precision =
        variance.unaryExpr([](double v) { return v > 0 ? 1 / v : 0; });
    const auto workspace = model_->workspace();
    double sum = 0;
    for (int k = 0; k < kAngles; ++k) {
      Pose pose = turned_in_plane(given, 2 * std::numbers::pi * (k + 0.25) / kAngles);
      pose.shift_angstrom -= centre[0];
      Eigen::VectorXf drawn(model_->size());
      model_->draw(coordinates, pose, *workspace, drawn);
      const Eigen::VectorXd x = scale_.contrast * drawn.cast<double>();
      const Eigen::VectorXd fit = x.cwiseProduct(z) - 0.5 * c2.cwiseProduct(x.cwiseAbs2());
      sum += std::exp(fit.dot(precision) / temperature);
    }
    return std::log(sum / kAngles);
  }
  // -T mean_j log sum_i w_i p_T(y_j | x_i).
  [[nodiscard]] double value(const Eigen::MatrixXd& coordinates,
                             const Eigen::VectorXd& weights,
                             double temperature) const {
    double sum = 0;
    for (std::size_t j = 0; j < images_->size(); ++j) {
      double evidence = 0;
      for (Eigen::Index i = 0; i < coordinates.cols(); ++i) {
        evidence += weights(i) * std::exp(log_likelihood(coordinates.col(i), j, temperature));
      }
      sum -= temperature * std::log(evidence);
    }
    return sum / static_cast<double>(images_->size());
  }

  testing::SimulatedSet data_{6, 0.02};
  std::unique_ptr<const ImageSet> images_ = data_.images();
  // Shifted molecules are drawn too, by the formula.
  std::unique_ptr<const PolarImageModel> model_ =
      data_.model().polar_image_model(images_->grid(), kResolution, kRadius + 8, {});
  SilentProgress progress_;
  ImageScale scale_{.noise_sigma = 0.05, .contrast = 0.9};
  PolarCoefficients coefficients_{*images_, *model_, 0.9, false, progress_};
  BlockedSteeredEngine engine_;
  InPlaneOptions options_;
  Ensemble ensemble_;
};

TEST_F(InPlaneObjectives, LikelihoodIsTheFormulaAndItsVelocityTheDescentOfIt) {
  for (const double temperature : {1.0, 4.0}) {
    const FlowEvaluation result =
        objective(temperature).evaluate(ensemble_, ensemble_.coordinates, {});

    const double expected = value(ensemble_.coordinates, ensemble_.weights, temperature);
    EXPECT_NEAR(result.objective, expected, 1e-3 * std::abs(expected));
    const auto free_energy = [&](const Eigen::MatrixXd& coordinates,
                                 const Eigen::VectorXd& weights) {
      return value(coordinates, weights, temperature);
    };
    const Eigen::MatrixXd velocity =
        testing::descent_of(free_energy, ensemble_, kDifference) / temperature;
    EXPECT_LT((result.velocity - velocity).norm(), 3e-3 * velocity.norm());
    const double slope =
        testing::variation_between(free_energy, ensemble_, 0, 2, kDifference) / temperature;
    EXPECT_NEAR(result.first_variation(0) - result.first_variation(2),
                slope,
                2e-3 * result.first_variation.norm());
  }
}

TEST_F(InPlaneObjectives, VelocityElsewhereIsTheDescentOfTheFirstVariation) {
  Eigen::MatrixXd points = ensemble_.coordinates.array() + 0.1;
  points(0, 2) -= 0.3;
  const auto variation = [&](const Eigen::VectorXd& point) {
    double sum = 0;
    for (std::size_t j = 0; j < images_->size(); ++j) {
      double evidence = 0;
      for (Eigen::Index i = 0; i < ensemble_.size(); ++i) {
        evidence +=
            ensemble_.weights(i) * std::exp(log_likelihood(ensemble_.coordinates.col(i), j, 3));
      }
      sum -= std::exp(log_likelihood(point, j, 3)) / evidence;
    }
    return sum / static_cast<double>(images_->size());
  };

  const FlowEvaluation result = objective(3).evaluate(ensemble_, points, {});

  for (Eigen::Index i = 0; i < points.cols(); ++i) {
    const double expected = variation(points.col(i));
    EXPECT_NEAR(result.first_variation(i), expected, 2e-3 * std::abs(expected));
    for (Eigen::Index k = 0; k < points.rows(); ++k) {
      const Eigen::VectorXd step = kDifference * Eigen::VectorXd::Unit(2, k);
      const double slope =
          (variation(points.col(i) + step) - variation(points.col(i) - step)) / (2 * kDifference);
      EXPECT_NEAR(result.velocity(k, i), -slope, 3e-3 * result.velocity.col(i).norm());
    }
  }
}

TEST_F(InPlaneObjectives, KnownShiftsOfTheImageAreThoseOfTheDrawing) {
  scale_.noise_sigma = 0.02;
  const InPlaneLikelihood likelihood(coefficients_, engine_, scale_, {kAngles, 0, 1});
  for (std::size_t j = 0; j < images_->size(); ++j) {
    const InPlaneLikelihood::Image image = likelihood.read(j, 0);
    const Eigen::VectorXd logs =
        likelihood.log_likelihoods(image, likelihood.draw(image, ensemble_.coordinates));
    // Up to a term of the image alone, which no posterior sees: noise at the box's edge, once
    // moved.
    Eigen::VectorXd others(ensemble_.size());
    for (Eigen::Index i = 0; i < ensemble_.size(); ++i) {
      others(i) = log_likelihood(ensemble_.coordinates.col(i), j, 1, true);
    }
    EXPECT_NEAR(logs(1) - logs(0), others(1) - others(0), 0.02);
    EXPECT_NEAR(logs(2) - logs(0), others(2) - others(0), 0.02);
  }
}

TEST_F(InPlaneObjectives, LeaveOutOnlyNegligibleShares) {
  scale_.noise_sigma = 0.02;
  const Eigen::MatrixXd all = objective().evaluate(ensemble_, ensemble_.coordinates, {}).velocity;
  options_.negligible_responsibility = InPlaneOptions().negligible_responsibility;
  EXPECT_LT((objective().evaluate(ensemble_, ensemble_.coordinates, {}).velocity - all).norm(),
            1e-3 * all.norm());
}

TEST_F(InPlaneObjectives, UnknownShiftsAreIntegratedOutBesideTheKnownOnes) {
  constexpr double kSigma = 2;
  constexpr std::size_t kImage = 1;
  // A lattice of the known shift and more, out to four standard deviations.
  const PolarCoefficients& images = coefficients_;
  const InPlaneLikelihood exact(images, engine_, scale_, {kAngles, 0, 1});
  const InPlaneLikelihood::Image at_known = exact.read(kImage, 0);
  const Eigen::MatrixXf drawings = exact.draw(at_known, ensemble_.coordinates);
  Eigen::VectorXd expected = Eigen::VectorXd::Zero(3);
  double total = 0;
  for (double x = -4; x <= 4; x += 0.5) {
    for (double y = -4; y <= 4; y += 0.5) {
      const double weight = std::exp(-0.5 * (x * x + y * y));
      const std::vector<Eigen::Vector2d> origin{images_->condition(kImage).pose.shift_angstrom +
                                                kSigma * Eigen::Vector2d(x, y)};
      InPlaneLikelihood::Image image = at_known;
      image.filtered = images.read_centred(kImage, origin);
      expected.array() += weight * exact.log_likelihoods(image, drawings).array().exp();
      total += weight;
    }
  }
  expected /= total;

  // Each draw of shifts is an estimate of it, and without bias.
  const InPlaneLikelihood drawn(images, engine_, scale_, {kAngles, kSigma, 1});
  Eigen::VectorXd mean = Eigen::VectorXd::Zero(3);
  constexpr int kDraws = 40;
  for (int draw = 0; draw < kDraws; ++draw) {
    const Eigen::VectorXd likelihoods =
        drawn.log_likelihoods(drawn.read(kImage, draw), drawings).array().exp();
    EXPECT_LT((likelihoods - expected).cwiseQuotient(expected).cwiseAbs().maxCoeff(), 0.3);
    mean += likelihoods / kDraws;
  }
  EXPECT_LT((mean - expected).cwiseQuotient(expected).cwiseAbs().maxCoeff(), 0.03);
}

TEST_F(InPlaneObjectives, ContrastIsFollowedWhateverTheTemperature) {
  std::vector<double> refined;
  for (const double temperature : {1.0, 5.0}) {
    scale_ = {.noise_sigma = 0.05, .contrast = 1.3, .refine_contrast = true};
    ensemble_.coordinates = data_.truth().truth.coordinates;
    ensemble_.weights = data_.truth().truth.weights;
    const FlowEvaluation result =
        objective(temperature).evaluate(ensemble_, ensemble_.coordinates, {});
    ASSERT_EQ(result.carried.at(0).first, kContrastLabel);
    refined.push_back(result.carried.at(0).second);
  }
  EXPECT_LT(refined[0], 1.3);  // the images' own is 1
  EXPECT_GT(refined[0], 1.2);
  EXPECT_NEAR(refined[0], refined[1], 1e-6);
}

TEST_F(InPlaneObjectives, AnglesAndTemperatureAreChosenFromTheImages) {
  RandomStream stream(1, StreamPurpose::Test, 0);
  ensemble_.coordinates.resize(2, 60);
  for (double& coordinate : ensemble_.coordinates.reshaped()) {
    coordinate = stream.uniform(-2, 2);
  }
  ensemble_.weights = Eigen::VectorXd::Constant(60, 1.0 / 60);
  const testing::SimulatedSet clear(6, 0.002);
  const auto images = clear.images();
  const PolarCoefficients coefficients(*images, *model_, 1, false, progress_);
  const auto likelihood = [&](double noise_sigma) {
    return InPlaneLikelihood(coefficients, engine_, {noise_sigma, 1}, {kAngles, 0, 1});
  };
  // Clear images tell angles apart, faint ones neither those nor conformations.
  EXPECT_GT(choose_angles(likelihood(0.002), ensemble_, progress_), 72);
  EXPECT_EQ(choose_angles(likelihood(1), ensemble_, progress_), 72);
  EXPECT_EQ(choose_initial_temperature(likelihood(1), ensemble_, progress_), 1);
  const double temperature = choose_initial_temperature(likelihood(0.002), ensemble_, progress_);
  EXPECT_GT(temperature, 1);
  InPlaneObjective warm(coefficients, engine_, {0.002, 1}, options_, kAngles, temperature);
  const FlowEvaluation result = warm.evaluate(ensemble_, ensemble_.coordinates, {});
  ASSERT_EQ(result.diagnostics.at(1).first, "sipConformationsPerImage");
  EXPECT_NEAR(result.diagnostics.at(1).second, 12, 1);
}

TEST_F(InPlaneObjectives, GiveTheSameBitsOnAnyNumberOfThreads) {
  const auto evaluate = [&](std::size_t threads) {
    const ThreadLimit limit(threads);
    return objective(2).evaluate(ensemble_, ensemble_.coordinates, {});
  };
  const FlowEvaluation one = evaluate(1);
  const FlowEvaluation two = evaluate(2);
  EXPECT_EQ(one.velocity, two.velocity);
  EXPECT_EQ(one.objective, two.objective);
  EXPECT_EQ(one.first_variation, two.first_variation);
}

TEST_F(InPlaneObjectives, RefuseWhatMakesNoSense) {
  EXPECT_THROW(objective(0.5), Error);
  scale_.noise_sigma = 0;
  EXPECT_THROW(objective(), Error);
  ParticleTable table = data_.truth().particles;
  table.has_views = table.has_poses = false;
  const ImageSet without(table, {});
  const PolarCoefficients coefficients(without, *model_, 1, false, progress_);
  EXPECT_THROW(InPlaneLikelihood(coefficients, engine_, {}, {}), Error);
}

// A molecule in two states, every image in a pose of its own.
class InPlaneFlow : public ::testing::Test {
 protected:
  struct Images {
    SimulationResult truth;
    std::unique_ptr<const ImageSet> set;
  };
  [[nodiscard]] Images simulated(SimulationOptions options, const char* stack = "p.mrcs") const {
    Mixture law;
    law.weights = Eigen::Vector2d(0.5, 0.5);
    law.means.resize(2, 2);
    law.means << -1, 1, 0, 0;
    law.sigmas = Eigen::MatrixXd::Constant(2, 2, 0.15);
    options.grid = {24, 3.5};
    options.shift_sigma_angstrom = 4;
    SilentProgress progress;
    Images result{simulate(model_, law, options, folder_.path(stack), progress), nullptr};
    result.truth.particles.where.assign(options.count, "simulated");
    result.set = std::make_unique<ImageSet>(result.truth.particles, ImageSetOptions());
    return result;
  }
  // Every psi turned at random, in the table alone.
  [[nodiscard]] static ParticleTable scrambled(ParticleTable table, std::uint64_t seed) {
    for (std::size_t i = 0; i < table.records.size(); ++i) {
      Pose& pose = table.records[i].pose;
      pose = turned_in_plane(pose, RandomStream(seed, StreamPurpose::Test, i).uniform(0, 6));
    }
    return table;
  }
  [[nodiscard]] Ensemble flowed(const ImageSet& images, PoseLaw poses, std::int64_t steps) const {
    Ensemble ensemble = initial_ensemble(2, {.count = 60});
    ImageFlowOptions options;
    options.poses = poses;
    options.images_per_step = 24;
    options.flow.steps = steps;
    SilentProgress progress;
    flow_on_images(ensemble, model_, images, options, progress, {});
    return ensemble;
  }
  [[nodiscard]] static double error(const Ensemble& ensemble, const Images& images) {
    return wasserstein_1d(ensemble.coordinates.row(0).transpose(),
                          ensemble.weights,
                          images.truth.truth.coordinates.row(0).transpose(),
                          images.truth.truth.weights,
                          1);
  }

  testing::TemporaryFolder folder_;
  NormalModeModel model_{testing::small_molecule(false, 12, 2)};
};

TEST_F(InPlaneFlow, FindsBothStatesWithoutPsiWherePosesTakenForGivenFail) {
  SimulationOptions options;
  options.count = 400;
  options.snr = 0.5;
  options.optics = SimulationOptions::Optics::None;
  const Images images = simulated(options);
  const ImageSet wrong(scrambled(images.truth.particles, 1), {});

  const double start = error(initial_ensemble(2, {.count = 60}), images);
  const double found = error(flowed(wrong, PoseLaw::InPlane, 120), images);
  const double misled = error(flowed(wrong, PoseLaw::Given, 120), images);

  EXPECT_LT(found, 0.3 * start);
  EXPECT_GT(misled, 3 * found);
}

TEST_F(InPlaneFlow, WhatStandsAsPsiDoesNotMatter) {
  SimulationOptions options;
  options.count = 40;
  options.snr = 0.5;
  const Images images = simulated(options);
  const Ensemble one = flowed(*images.set, PoseLaw::InPlane, 3);
  const ImageSet other(scrambled(images.truth.particles, 2), {});
  const Ensemble two = flowed(other, PoseLaw::InPlane, 3);
  EXPECT_LT((one.coordinates - two.coordinates).cwiseAbs().maxCoeff(), 1e-4);
}

TEST_F(InPlaneFlow, TurningWhatTheImagesShowChangesNothing) {
  SimulationOptions options;
  options.count = 40;
  options.optics = SimulationOptions::Optics::None;
  options.noise_sigma = 0;
  const Images images = simulated(options);
  // The same conformations and views again, drawn at another angle in the plane.
  options.poses = SimulationOptions::Poses::Table;
  options.pose_table = scrambled(images.truth.particles, 3);
  const Images again = simulated(options, "again.mrcs");

  SilentProgress progress;
  const BlockedSteeredEngine engine;
  InPlaneOptions of_objective;
  of_objective.images_per_step = options.count;
  const Ensemble ensemble = initial_ensemble(2, {.count = 20});
  const auto polar = model_.polar_image_model(
      images.set->grid(), 10, model_.radius_angstrom(ensemble.coordinates), {});
  const auto evaluate = [&](const ImageSet& set) {
    const PolarCoefficients coefficients(set, *polar, 1, false, progress);
    return InPlaneObjective(coefficients, engine, {0.03, 1}, of_objective, 144, 1)
        .evaluate(ensemble, ensemble.coordinates, {});
  };
  const FlowEvaluation one = evaluate(*images.set);
  const FlowEvaluation two = evaluate(*again.set);
  EXPECT_NEAR(two.objective, one.objective, 1e-3 * std::abs(one.objective));
  EXPECT_LT((two.velocity - one.velocity).norm(), 0.01 * one.velocity.norm());
}

}  // namespace
}  // namespace cryosip

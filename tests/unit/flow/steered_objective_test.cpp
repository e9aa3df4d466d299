// Objectives with the in-plane angle integrated out, against their formulas in double precision.
#include "libcryosip/flow/steered_objective.hpp"

#include <cmath>
#include <functional>
#include <numbers>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/forward/even_views.hpp"
#include "tests/support/functional_differences.hpp"
#include "tests/support/simulated_set.hpp"

namespace cryosip {
namespace {

constexpr double kResolution = 10;
constexpr std::uint64_t kSeed = 3;
constexpr std::int64_t kStep = 5;
constexpr FlowMoment kMoment{kStep, 0};
constexpr int kAngles = 64;
constexpr double kDifference = 3e-3;

class SteeredObjectives : public ::testing::Test {
 protected:
  SteeredObjectives() {
    options_.seed = kSeed;
    options_.angles = kAngles;
    options_.views = 2;
    std::iota(all_.begin(), all_.end(), std::size_t{0});
    ensemble_.coordinates.resize(2, 3);
    ensemble_.coordinates << -0.5, 0.4, 0.9, 0.2, -0.3, 0.5;
    ensemble_.weights = Eigen::Vector3d(0.2, 0.3, 0.5);
  }

  // A drawing without CTF and contrast; id names the view.
  [[nodiscard]] Eigen::VectorXd drawn(const Eigen::VectorXd& coordinates, std::size_t id) const {
    const auto poses = stratified_views(ensemble_, options_.views, kSeed, kStep);
    const auto workspace = model_->workspace();
    Eigen::VectorXf image(model_->size());
    model_->draw(coordinates, poses[id], *workspace, image);
    return image.cast<double>();
  }
  // What stands on the rings, for every coefficient.
  [[nodiscard]] Eigen::VectorXd spread(const Eigen::VectorXd& rings) const {
    const PolarLayout& layout = model_->basis().layout();
    Eigen::VectorXd values(layout.size());
    for (int m = 0; m < layout.angular_frequencies(); ++m) {
      for (Eigen::Index n = 0; n < layout.count(m); ++n) {
        values(layout.offset(m) + n) = values(layout.offset(m) + layout.count(m) + n) =
            rings(layout.first_ring(m) - 1 + n);
      }
    }
    return values;
  }
  [[nodiscard]] double mean_over_angles(const std::function<double(double)>& of) const {
    double sum = 0;
    for (int k = 0; k < kAngles; ++k) {
      sum += of(2 * std::numbers::pi * (k + 0.5) / kAngles);
    }
    return sum / kAngles;
  }
  [[nodiscard]] Eigen::VectorXd turned(const Eigen::VectorXd& image, double angle) const {
    return model_->basis().turned(image, angle);
  }
  [[nodiscard]] Eigen::VectorXd filtered(std::size_t j) const {
    return coefficients_.read(std::vector<std::size_t>{j}, PolarCoefficients::Kind::Filtered)
        .col(0)
        .cast<double>();
  }
  [[nodiscard]] Eigen::VectorXd plain(std::size_t j) const {
    return coefficients_.read(std::vector<std::size_t>{j}, PolarCoefficients::Kind::Plain)
        .col(0)
        .cast<double>();
  }
  [[nodiscard]] Eigen::VectorXd transfer(std::size_t j) const {
    return spread(coefficients_.ring_transfers_squared(std::vector<std::size_t>{j}).col(0));
  }
  [[nodiscard]] Eigen::VectorXd variance() const {
    return scale_.noise_sigma * scale_.noise_sigma * evened(model_->basis().noise_variance());
  }
  // Real and imaginary parts count alike, so that rotations keep weighted norms.
  [[nodiscard]] Eigen::VectorXd evened(Eigen::VectorXd values) const {
    const PolarLayout& layout = model_->basis().layout();
    for (int m = 1; m < layout.angular_frequencies(); ++m) {
      for (Eigen::Index n = 0; n < layout.count(m); ++n) {
        double& real = values(layout.offset(m) + n);
        double& imaginary = values(layout.offset(m) + layout.count(m) + n);
        real = imaginary = (real + imaginary) / 2;
      }
    }
    return values;
  }

  testing::SimulatedSet data_{10, 0.02};
  std::unique_ptr<const ImageSet> images_ = data_.images_without_poses();
  std::unique_ptr<const PolarImageModel> model_ =
      data_.model().polar_image_model(images_->grid(), kResolution, 24, {});
  SilentProgress progress_;
  ImageScale scale_{.noise_sigma = 0.02, .contrast = 0.9};
  PolarCoefficients coefficients_{*images_, *model_, 0.9, true, progress_};
  BlockedSteeredEngine engine_;
  SteeredObjectiveOptions options_;
  std::vector<std::size_t> all_ = std::vector<std::size_t>(10);
  Ensemble ensemble_;
};

TEST_F(SteeredObjectives, LikelihoodIsTheFormulaAndItsVelocityTheDescentOfIt) {
  for (const double temperature : {1.0, 4.0}) {
    SteeredObjective objective(coefficients_, scale_, engine_, options_, {1, temperature});
    const double c = scale_.contrast;
    const Eigen::VectorXd precision =
        variance().unaryExpr([&](double v) { return v > 0 ? 1 / (temperature * v) : 0; });
    const auto value = [&](const Eigen::MatrixXd& coordinates, const Eigen::VectorXd& weights) {
      double sum = 0;
      for (const std::size_t j : all_) {
        const Eigen::VectorXd z = filtered(j);
        const Eigen::VectorXd c2 = transfer(j);
        double evidence = 0;
        for (Eigen::Index i = 0; i < coordinates.cols(); ++i) {
          for (std::size_t v = 0; v < options_.views; ++v) {
            const Eigen::VectorXd x =
                c * drawn(coordinates.col(i), static_cast<std::size_t>(i) * options_.views + v);
            evidence += weights(i) / static_cast<double>(options_.views) *
                        mean_over_angles([&](double angle) {
                          const Eigen::VectorXd fit = x.cwiseProduct(turned(z, angle)) -
                                                      0.5 * c2.cwiseProduct(x.cwiseAbs2());
                          return std::exp(fit.dot(precision));
                        });
          }
        }
        sum -= temperature * std::log(evidence);
      }
      return sum / static_cast<double>(all_.size());
    };

    const FlowEvaluation result = objective.evaluate(ensemble_, ensemble_.coordinates, kMoment);

    const double expected = value(ensemble_.coordinates, ensemble_.weights);
    EXPECT_NEAR(result.objective, expected, 1e-4 * std::abs(expected));
    const Eigen::MatrixXd velocity =
        testing::descent_of(value, ensemble_, kDifference) / temperature;
    EXPECT_LT((result.velocity - velocity).norm(), 3e-3 * velocity.norm());
    const double slope =
        testing::variation_between(value, ensemble_, 0, 2, kDifference) / temperature;
    EXPECT_NEAR(result.first_variation(0) - result.first_variation(2),
                slope,
                1e-3 * result.first_variation.norm());
  }
}

TEST_F(SteeredObjectives, MeanDiscrepancyIsTheFormulaAndItsVelocityTheDescentOfIt) {
  options_.discrepancy = SteeredDiscrepancy::MeanDiscrepancy;
  options_.initial_bandwidth = 2;
  options_.views = 1;
  SteeredObjective objective(coefficients_, scale_, engine_, options_, {});
  const double c = scale_.contrast;
  Eigen::MatrixXd x(model_->size(), 3);
  for (Eigen::Index i = 0; i < 3; ++i) {
    x.col(i) = c * drawn(ensemble_.coordinates.col(i), static_cast<std::size_t>(i));
  }
  // docs/theory.md 5: W^2 = S / (S + v), sum of W^2 S = 1; noise integrated out, prefactors exact.
  Eigen::VectorXd mean_transfer = Eigen::VectorXd::Zero(model_->size());
  for (const std::size_t j : all_) {
    mean_transfer += transfer(j) / static_cast<double>(all_.size());
  }
  const Eigen::VectorXd v = variance();
  const Eigen::ArrayXd signal = evened(x.array().square().rowwise().mean() * mean_transfer.array());
  // The imaginary parts of m = 0 are no more than rounding.
  Eigen::ArrayXd weight = (v.array() > 0).select(signal / (signal + v.array()), 0);
  weight /= (weight * signal).sum();

  const FlowEvaluation result = objective.evaluate(ensemble_, ensemble_.coordinates, kMoment);

  ASSERT_EQ(result.diagnostics.at(0).first, "sipBandwidth");
  const double h2 = result.diagnostics.at(0).second * result.diagnostics.at(0).second;
  const Eigen::VectorXd g1 = weight / (h2 + weight * v.array());
  const Eigen::VectorXd g2 = weight / (h2 + 2 * weight * v.array());
  const double height1 = (1 + weight * v.array() / h2).log().sum() / -2;
  const double height2 = (1 + 2 * weight * v.array() / h2).log().sum() / -2;
  const auto variation = [&](Eigen::Index i, const Eigen::VectorXd& at) {
    const Eigen::VectorXd own = c * drawn(at, static_cast<std::size_t>(i));
    double cross = 0;
    for (const std::size_t j : all_) {
      const Eigen::VectorXd y = plain(j);
      const Eigen::VectorXd z = filtered(j);
      cross += std::exp(height1 - height2) / static_cast<double>(all_.size()) *
               mean_over_angles([&](double angle) {
                 const Eigen::VectorXd d2 = transfer(j).cwiseProduct(own.cwiseAbs2()) -
                                            2 * own.cwiseProduct(turned(z, angle)) + y.cwiseAbs2();
                 return std::exp(-0.5 * g1.dot(d2));
               });
    }
    // Both in the CTF of an image drawn for the first.
    const Eigen::VectorXd c2 = transfer(
        BatchSchedule(10, 256, kSeed)
            .batch(
                kStep)[RandomStream(
                           kSeed, StreamPurpose::FlowOptics, kStep, static_cast<std::uint64_t>(i))
                           .below(10)]);
    double self = 0;
    for (Eigen::Index other = 0; other < 3; ++other) {
      if (other != i) {
        self += ensemble_.weights(other) / (1 - ensemble_.weights.squaredNorm()) *
                mean_over_angles([&](double angle) {
                  const Eigen::VectorXd d = own - turned(x.col(other), angle);
                  return std::exp(-0.5 * g2.cwiseProduct(c2).dot(d.cwiseAbs2()));
                });
      }
    }
    return 2 * (self - cross);
  };
  for (Eigen::Index i = 0; i < 3; ++i) {
    const Eigen::VectorXd at = ensemble_.coordinates.col(i);
    EXPECT_NEAR(result.first_variation(i), variation(i, at), 1e-3 * result.first_variation.norm());
    for (Eigen::Index k = 0; k < 2; ++k) {
      const Eigen::VectorXd step = kDifference * Eigen::VectorXd::Unit(2, k);
      const double slope = (variation(i, at + step) - variation(i, at - step)) / (2 * kDifference);
      EXPECT_NEAR(result.velocity(k, i), -slope, 3e-3 * result.velocity.norm());
    }
  }
}

TEST_F(SteeredObjectives, NoiseIsInflatedUntilAnImageFindsEnoughDrawings) {
  RandomStream stream(1, StreamPurpose::Test, 5);
  ensemble_.coordinates.resize(2, 40);
  for (double& coordinate : ensemble_.coordinates.reshaped()) {
    coordinate = stream.uniform(-2, 2);
  }
  ensemble_.weights = Eigen::VectorXd::Constant(40, 1.0 / 40);
  const ImageScale clear{.noise_sigma = 0.002, .contrast = 0.9};
  const EffectiveNoise noise = SteeredObjective(coefficients_, clear, engine_, options_, {})
                                   .choose_noise(ensemble_, progress_, 10);

  EXPECT_GT(noise.inflation, 2);
  EXPECT_GE(noise.temperature, 1);
  const SteeredObjective objective(coefficients_, clear, engine_, options_, noise);
  EXPECT_NEAR(objective.effective_draws(ensemble_, 1), 10, 2);
  // Faint images find them as they are.
  const ImageScale faint{.noise_sigma = 1, .contrast = 0.9};
  EXPECT_EQ(SteeredObjective(coefficients_, faint, engine_, options_, {})
                .choose_noise(ensemble_, progress_, 10)
                .inflation,
            1);
}

// The images' own conformations, seen from many sides, with a contrast that is off by a fifth.
TEST_F(SteeredObjectives, ContrastIsTheLikeliestAndFoundAgainWhateverTheTemperature) {
  RandomStream stream(2, StreamPurpose::Test, 5);
  ensemble_.coordinates = Eigen::MatrixXd::Zero(2, 60);
  for (double& coordinate : ensemble_.coordinates.reshaped()) {
    coordinate = 0.5 * stream.normal();
  }
  ensemble_.weights = Eigen::VectorXd::Constant(60, 1.0 / 60);
  options_.views = 20;
  const EffectiveNoise noise;
  const auto likeliest_from = [&](double contrast) {
    return SteeredObjective(coefficients_, {0.02, contrast}, engine_, options_, noise)
        .choose_contrast(ensemble_, progress_);
  };
  const auto objective_at = [&](double contrast) {
    ImageScale scale{.noise_sigma = 0.02, .contrast = contrast};
    scale.refine_contrast = false;
    return SteeredObjective(coefficients_, scale, engine_, options_, noise)
        .evaluate(ensemble_, ensemble_.coordinates, {0, 0})
        .objective;
  };

  const double likeliest = likeliest_from(1.1);

  EXPECT_NEAR(likeliest_from(0.9), likeliest, 0.01 * likeliest);
  EXPECT_LT(objective_at(likeliest), objective_at(1.05 * likeliest));
  EXPECT_LT(objective_at(likeliest), objective_at(0.95 * likeliest));

  // At every step a little of the way, the same whatever the temperature.
  std::vector<double> refined;
  for (const double temperature : {1.0, 5.0}) {
    SteeredObjective objective(
        coefficients_,
        {.noise_sigma = 0.02, .contrast = 1.1 * likeliest, .refine_contrast = true},
        engine_,
        options_,
        {1, temperature});
    const FlowEvaluation result = objective.evaluate(ensemble_, ensemble_.coordinates, {0, 0});
    ASSERT_EQ(result.carried.at(0).first, kContrastLabel);
    refined.push_back(result.carried.at(0).second);
  }
  EXPECT_LT(refined[0], 1.1 * likeliest);
  EXPECT_GT(refined[0], likeliest);
  EXPECT_EQ(refined[0], refined[1]);
}

TEST_F(SteeredObjectives, GiveTheSameBitsOnAnyNumberOfThreads) {
  for (const auto discrepancy :
       {SteeredDiscrepancy::Likelihood, SteeredDiscrepancy::MeanDiscrepancy}) {
    options_.discrepancy = discrepancy;
    const auto evaluate = [&](std::size_t threads) {
      const ThreadLimit limit(threads);
      return SteeredObjective(coefficients_, scale_, engine_, options_, {2, 1})
          .evaluate(ensemble_, ensemble_.coordinates, kMoment);
    };
    const FlowEvaluation one = evaluate(1);
    const FlowEvaluation two = evaluate(2);
    EXPECT_EQ(one.velocity, two.velocity);
    EXPECT_EQ(one.objective, two.objective);
    EXPECT_EQ(one.first_variation, two.first_variation);
  }
}

TEST_F(SteeredObjectives, CoefficientsAreTheSameKeptOrTransformedAtEveryRead) {
  const PolarCoefficients read_again(*images_, *model_, 0.9, true, progress_, 0);
  for (const auto kind : {PolarCoefficients::Kind::Filtered, PolarCoefficients::Kind::Plain}) {
    EXPECT_EQ(read_again.read(all_, kind), coefficients_.read(all_, kind));
  }
}

TEST_F(SteeredObjectives, RefuseWhatMakesNoSense) {
  EXPECT_THROW(SteeredObjective(coefficients_, {.noise_sigma = 0}, engine_, options_, {}), Error);
  EXPECT_THROW(SteeredObjective(coefficients_, scale_, engine_, options_, {0.5, 1}), Error);
  options_.final_bandwidth = 0;
  EXPECT_THROW(SteeredObjective(coefficients_, scale_, engine_, options_, {}), Error);
  options_ = {};
  SteeredObjective objective(coefficients_, scale_, engine_, options_, {});
  EXPECT_THROW((void)objective.evaluate(ensemble_, ensemble_.coordinates.array() + 0.1, kMoment),
               Error);
}

}  // namespace
}  // namespace cryosip

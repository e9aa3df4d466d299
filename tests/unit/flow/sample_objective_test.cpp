// Objectives of samples against the reference engine in double precision, and their velocities
// against differences.
#include "libcryosip/flow/sample_objective.hpp"

#include <cmath>
#include <numeric>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/discrepancy/density_divergence.hpp"
#include "libcryosip/discrepancy/kernel_discrepancy.hpp"
#include "libcryosip/forward/identity_model.hpp"
#include "tests/support/objectives.hpp"

namespace cryosip {
namespace {

constexpr std::int64_t kStep = 7;
constexpr std::uint64_t kSeed = 3;
constexpr FlowMoment kMoment{kStep, 0};

class SampleObjectives : public testing::Objectives {
 protected:
  // The images of a step as the objective draws them, in double precision.
  [[nodiscard]] SimulatedImages<double> simulated(const Eigen::MatrixXd& coordinates,
                                                  const SampleObjectiveOptions& options) const {
    const NuisanceLaw law(*images_, options.poses, kSeed);
    const SamplingPlan plan =
        sampling_plan(options.sampling, static_cast<std::size_t>(coordinates.cols()));
    const Eigen::VectorXd compared = model_->transfer({}).cast<double>();
    SimulatedImages<double> result;
    result.images.resize(model_->size(), static_cast<Eigen::Index>(plan.pairs.size()));
    result.weights = plan.weights(ensemble_.weights);
    for (std::size_t a = 0; a < plan.pairs.size(); ++a) {
      const SamplingPair& pair = plan.pairs[a];
      Eigen::VectorXd image = seen(coordinates.col(static_cast<Eigen::Index>(pair.conformation)),
                                   law.sample(kStep, pair.nuisance));
      if (!options.integrate_noise) {
        RandomStream stream(kSeed, StreamPurpose::FlowNoise, kStep, pair.nuisance);
        for (Eigen::Index k = 0; k < image.size(); ++k) {
          image(k) += compared(k) * scale_.noise_sigma * stream.normal();
        }
      }
      result.images.col(static_cast<Eigen::Index>(a)) = image;
      result.conformation.push_back(static_cast<int>(pair.conformation));
      result.nuisance.push_back(static_cast<int>(pair.nuisance));
    }
    return result;
  }
  [[nodiscard]] Eigen::MatrixXd all_observed() const {
    Eigen::MatrixXd y(model_->size(), static_cast<Eigen::Index>(images_->size()));
    for (std::size_t j = 0; j < images_->size(); ++j) {
      y.col(static_cast<Eigen::Index>(j)) = observed(j);
    }
    return y;
  }
  [[nodiscard]] PixelNoise noise(const SampleObjectiveOptions& options) const {
    return {scale_.noise_sigma * scale_.noise_sigma,
            static_cast<double>(model_->compared()),
            options.integrate_noise};
  }

  const BlockedPairEngine<float> engine_;
  const ReferencePairEngine<double> reference_;
};

struct KernelCase {
  const char* kernel;
  PoseLaw poses;
  SamplingOptions sampling;
  bool integrate_noise;
};

TEST_F(SampleObjectives, OfKernelsAreTheReferencesAndTheirVelocityTheDescentOfThem) {
  const std::vector<KernelCase> cases = {
      {"energy", PoseLaw::Given, {SamplingMethod::A, 1}, true},
      {"energy", PoseLaw::Uniform, {SamplingMethod::A, 1}, false},
      {"gaussian", PoseLaw::Given, {SamplingMethod::C, 2}, true},
      {"gaussian", PoseLaw::Uniform, {SamplingMethod::B, 3}, true},
      {"laplace+0.5*imq:2+riesz:1.5", PoseLaw::Uniform, {SamplingMethod::C, 2}, true},
      {"laplace+gaussian:2", PoseLaw::Uniform, {SamplingMethod::B, 2}, false},
  };
  for (const KernelCase& with : cases) {
    SampleObjectiveOptions options;
    options.kernel = parse_kernel(with.kernel);
    options.poses = with.poses;
    options.sampling = with.sampling;
    options.integrate_noise = with.integrate_noise;
    options.seed = kSeed;
    SampleObjective objective(coefficients_, scale_, engine_, options);
    const Eigen::MatrixXd y = all_observed();
    // The bandwidth counts in norms of the noise-free images but is no part of what is descended.
    SampleObjectiveOptions noise_free = options;
    noise_free.integrate_noise = true;
    const SimulatedImages<double> at_start = simulated(ensemble_.coordinates, noise_free);
    const double rms =
        std::sqrt(at_start.images.colwise().squaredNorm().dot(at_start.weights.transpose()));
    const KernelDiscrepancy<double> discrepancy(
        reference_,
        with_common_bandwidth(options.kernel, options.initial_bandwidth * rms),
        noise(options));
    const auto value = [&](const Eigen::MatrixXd& coordinates) {
      return discrepancy.evaluate(simulated(coordinates, options), y).value;
    };

    const FlowEvaluation result = objective.evaluate(ensemble_, ensemble_.coordinates, kMoment);

    const double expected = value(ensemble_.coordinates);
    EXPECT_NEAR(result.objective, expected, 1e-4 * std::abs(expected)) << with.kernel;
    const Eigen::MatrixXd velocity = descent(value);
    EXPECT_LT((result.velocity - velocity).norm(), 1e-3 * velocity.norm()) << with.kernel;
  }
}

TEST_F(SampleObjectives, FirstVariationIsTheSlopeByTheWeights) {
  SampleObjectiveOptions options;
  options.sampling = {SamplingMethod::C, 2};
  options.seed = kSeed;
  SampleObjective objective(coefficients_, scale_, engine_, options);
  const Eigen::VectorXd variation =
      objective.evaluate(ensemble_, ensemble_.coordinates, kMoment).first_variation;

  const SimulatedImages<double> sample = simulated(ensemble_.coordinates, options);
  const double rms =
      std::sqrt(sample.images.colwise().squaredNorm().dot(sample.weights.transpose()));
  const KernelDiscrepancy<double> discrepancy(
      reference_,
      with_common_bandwidth(options.kernel, options.initial_bandwidth * rms),
      noise(options));
  constexpr double kMass = 1e-4;
  const auto value = [&](double mass) {
    SimulatedImages<double> moved = sample;
    moved.weights.segment(0, 2).array() += mass / 2;
    moved.weights.segment(6, 2).array() -= mass / 2;
    return discrepancy.evaluate(moved, all_observed()).value;
  };
  const double slope = (value(kMass) - value(-kMass)) / (2 * kMass);
  EXPECT_NEAR(variation(0) - variation(3), slope, 1e-3 * std::abs(slope));
}

TEST_F(SampleObjectives, VelocitiesElsewhereAreTheReferencesThere) {
  SampleObjectiveOptions options;
  options.seed = kSeed;
  options.kernel = energy_kernel();
  SampleObjective objective(coefficients_, scale_, engine_, options);
  Eigen::MatrixXd points = ensemble_.coordinates;
  points.array() += 0.1;
  const KernelDiscrepancy<double> discrepancy(reference_, options.kernel, noise(options));
  std::vector<int> origins(static_cast<std::size_t>(points.cols()));
  std::iota(origins.begin(), origins.end(), 0);
  const auto variation = [&](const Eigen::MatrixXd& at) {
    return discrepancy
        .evaluate(simulated(ensemble_.coordinates, options),
                  simulated(at, options).images,
                  origins,
                  all_observed())
        .first_variation;
  };

  const FlowEvaluation result = objective.evaluate(ensemble_, points, kMoment);

  EXPECT_LT((result.first_variation - variation(points)).norm(),
            1e-4 * result.first_variation.norm());
  constexpr double kDifference = 1e-4;
  for (Eigen::Index k = 0; k < points.rows(); ++k) {
    Eigen::MatrixXd up = points;
    Eigen::MatrixXd down = points;
    up.row(k).array() += kDifference;
    down.row(k).array() -= kDifference;
    const Eigen::VectorXd slope = (variation(up) - variation(down)) / (2 * kDifference);
    EXPECT_LT((result.velocity.row(k).transpose() + slope).norm(), 1e-3 * slope.norm());
  }
}

TEST_F(SampleObjectives, OfDrawnPosesAreTheLikelihoodsFormulaWithEachImagesOwnCtf) {
  SampleObjectiveOptions options;
  options.discrepancy = SampleDiscrepancy::Likelihood;
  options.sampling = {SamplingMethod::C, 2};
  options.initial_temperature = 2;
  options.seed = kSeed;
  SampleObjective objective(coefficients_, scale_, engine_, options);
  const NuisanceLaw law(*images_, options.poses, kSeed);
  const auto value = [&](const Eigen::MatrixXd& coordinates) {
    double sum = 0;
    for (std::size_t j = 0; j < images_->size(); ++j) {
      double evidence = 0;
      const Eigen::VectorXd y = observed(j);
      for (Eigen::Index i = 0; i < coordinates.cols(); ++i) {
        for (std::size_t a = 0; a < 2; ++a) {
          ImagingCondition condition = law.sample(kStep, 2 * static_cast<std::size_t>(i) + a);
          condition.ctf = images_->condition(j).ctf;
          const double square = (seen(coordinates.col(i), condition) - y).squaredNorm();
          evidence += ensemble_.weights(i) / 2 *
                      std::exp(-square / (4 * scale_.noise_sigma * scale_.noise_sigma));
        }
      }
      sum -= std::log(evidence);
    }
    return sum / static_cast<double>(images_->size());
  };

  const FlowEvaluation result = objective.evaluate(ensemble_, ensemble_.coordinates, kMoment);

  const double expected = value(ensemble_.coordinates);
  EXPECT_NEAR(result.objective, expected, 1e-4 * std::abs(expected));
  const Eigen::MatrixXd velocity = descent(value);
  EXPECT_LT((result.velocity - velocity).norm(), 2e-3 * velocity.norm());
  EXPECT_THROW((void)objective.evaluate(ensemble_, ensemble_.coordinates.array() + 0.1, kMoment),
               Error);
}

TEST_F(SampleObjectives, GiveTheSameBitsOnAnyNumberOfThreads) {
  const auto evaluate = [&](std::size_t threads, const SampleObjectiveOptions& options) {
    const ThreadLimit limit(threads);
    return SampleObjective(coefficients_, scale_, engine_, options)
        .evaluate(ensemble_, ensemble_.coordinates, kMoment);
  };
  SampleObjectiveOptions kernel;
  kernel.sampling = {SamplingMethod::C, 2};
  kernel.integrate_noise = false;
  SampleObjectiveOptions likelihood;
  likelihood.discrepancy = SampleDiscrepancy::Likelihood;
  for (const SampleObjectiveOptions& options : {kernel, likelihood}) {
    const FlowEvaluation one = evaluate(1, options);
    const FlowEvaluation two = evaluate(2, options);
    EXPECT_EQ(one.velocity, two.velocity);
    EXPECT_EQ(one.objective, two.objective);
    EXPECT_EQ(one.first_variation, two.first_variation);
  }
}

TEST_F(SampleObjectives, RefuseWhatMakesNoSense) {
  for (const ImageScale& scale : {ImageScale{.noise_sigma = -1},
                                  ImageScale{.contrast = 0},
                                  ImageScale{.contrast = std::nan("")}}) {
    EXPECT_THROW(SampleObjective(coefficients_, scale, engine_, {}), Error);
  }
  SampleObjectiveOptions options;
  options.final_bandwidth = 0;
  EXPECT_THROW(SampleObjective(coefficients_, scale_, engine_, options), Error);
  options = {};
  options.discrepancy = SampleDiscrepancy::Likelihood;
  options.integrate_noise = false;
  EXPECT_THROW(SampleObjective(coefficients_, scale_, engine_, options), Error);
  // One nuisance shared by all leaves no two images independent.
  options = {};
  options.sampling = {SamplingMethod::B, 1};
  SampleObjective objective(coefficients_, scale_, engine_, options);
  EXPECT_THROW((void)objective.evaluate(ensemble_, ensemble_.coordinates, kMoment), Error);
}

// The paper's one-dimensional system, whose images are small enough for densities.
TEST(DensityObjective, IsTheReferencesAtImagesWithNoise) {
  const IdentityModel identity;
  Mixture law;
  law.weights = Eigen::Vector2d(0.5, 0.5);
  law.means.resize(1, 2);
  law.means << -1.2, 1.2;
  law.sigmas = Eigen::MatrixXd::Constant(1, 2, 0.45);
  SimulationOptions simulation;
  simulation.count = 60;
  simulation.grid = *identity.own_grid();
  simulation.poses = SimulationOptions::Poses::Fixed;
  simulation.optics = SimulationOptions::Optics::None;
  simulation.noise_sigma = 0.3;
  const testing::TemporaryFolder folder;
  SilentProgress progress;
  SimulationResult data = simulate(identity, law, simulation, folder.path("p.mrcs"), progress);
  data.particles.where.assign(simulation.count, "simulated");
  const ImageSet images(data.particles, {});
  const auto model = identity.image_model(images.grid(), 0, {});
  const ImageCoefficients coefficients(images, *model, progress);
  Ensemble ensemble;
  ensemble.coordinates = Eigen::RowVectorXd::LinSpaced(20, -2, 2);
  ensemble.weights = Eigen::VectorXd::Constant(20, 0.05);
  const BlockedPairEngine<float> engine;
  const ReferencePairEngine<double> reference;

  for (const std::string divergence : {"kl", "hellinger", "chi-squared"}) {
    for (const bool integrate : {true, false}) {
      SampleObjectiveOptions options;
      options.discrepancy = SampleDiscrepancy::Density;
      options.poses = PoseLaw::Given;
      options.divergence = divergence;
      options.integrate_noise = integrate;
      options.seed = kSeed;
      SampleObjective objective(coefficients, {.noise_sigma = 0.3, .contrast = 1}, engine, options);

      SimulatedImages<double> sample{ensemble.coordinates, ensemble.weights, {}, {}};
      Eigen::MatrixXd noisy = sample.images;
      for (Eigen::Index i = 0; i < noisy.cols(); ++i) {
        RandomStream stream(kSeed, StreamPurpose::FlowNoise, kStep, static_cast<std::uint64_t>(i));
        noisy(0, i) += 0.3 * stream.normal();
      }
      Eigen::MatrixXd y(1, static_cast<Eigen::Index>(images.size()));
      for (std::size_t j = 0; j < images.size(); ++j) {
        y(0, static_cast<Eigen::Index>(j)) = coefficients.read(j)(0);
      }
      std::vector<int> origins(20);
      std::iota(origins.begin(), origins.end(), 0);
      if (!integrate) {
        sample.images = noisy;
      }
      const DensityDivergence<double> discrepancy(
          reference, find_divergence(divergence), std::nullopt, {0.3 * 0.3, 1, integrate});
      const DiscrepancyResult expected = discrepancy.evaluate(sample, noisy, origins, y);

      const FlowEvaluation result = objective.evaluate(ensemble, ensemble.coordinates, kMoment);

      EXPECT_NEAR(result.objective, expected.value, 1e-4 * std::abs(expected.value)) << divergence;
      EXPECT_LT((result.velocity + expected.gradient).norm(), 1e-3 * expected.gradient.norm())
          << divergence << integrate;
    }
  }
}

}  // namespace
}  // namespace cryosip

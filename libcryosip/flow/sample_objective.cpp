#include "libcryosip/flow/sample_objective.hpp"

#include <cmath>
#include <numeric>
#include <sstream>
#include <utility>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/discrepancy/density_divergence.hpp"
#include "libcryosip/discrepancy/kernel_discrepancy.hpp"
#include "libcryosip/discrepancy/likelihood.hpp"

namespace cryosip {
namespace {

void check(const SampleObjectiveOptions& options, const ImageScale& scale) {
  if (!(options.initial_bandwidth > 0) || !(options.final_bandwidth > 0) ||
      !(options.annealing_share > 0) || !(options.annealing_share <= 1) ||
      !(options.initial_temperature >= 1) || !(scale.noise_sigma >= 0) ||
      !std::isfinite(scale.contrast) || scale.contrast == 0) {
    throw Error(ErrorKind::Usage,
                "flow objective: expected positive bandwidths, an annealing share in (0, 1], a "
                "temperature of at least 1, a noise sigma that is not negative and a contrast that "
                "is not zero");
  }
  if (options.discrepancy == SampleDiscrepancy::Likelihood &&
      (!options.integrate_noise || !(scale.noise_sigma > 0))) {
    throw Error(ErrorKind::Usage,
                "the likelihood integrates the noise out: it cannot be drawn, nor absent");
  }
}

const char* word(SamplingMethod method) {
  switch (method) {
    case SamplingMethod::A:
      return "A";
    case SamplingMethod::B:
      return "B";
    case SamplingMethod::C:
      return "C";
  }
  return "";
}

double rms_norm(const Eigen::MatrixXf& images, const Eigen::VectorXd& weights) {
  const double square =
      images.cast<double>().colwise().squaredNorm().transpose().cwiseProduct(weights).sum();
  if (!(square > 0)) {
    throw Error(ErrorKind::Numerical,
                "the drawn images are empty; does the molecule lie inside the box?");
  }
  return std::sqrt(square);
}

}  // namespace

std::string describe(const SampleObjectiveOptions& options) {
  std::ostringstream text;
  const bool is_likelihood = options.discrepancy == SampleDiscrepancy::Likelihood;
  switch (options.discrepancy) {
    case SampleDiscrepancy::MeanDiscrepancy:
      text << "mmd kernel=" << to_string(options.kernel);
      break;
    case SampleDiscrepancy::Density:
      text << options.divergence;
      break;
    case SampleDiscrepancy::Likelihood:
      text << "likelihood";
      break;
  }
  text << " poses=" << to_string(options.poses) << " sampling=" << word(options.sampling.method)
       << " nuisances=" << options.sampling.nuisances
       << " images-per-step=" << options.images_per_step;
  if (!is_likelihood) {
    text << " noise=" << (options.integrate_noise ? "integrated" : "drawn");
  }
  if (options.discrepancy == SampleDiscrepancy::MeanDiscrepancy && has_bandwidth(options.kernel)) {
    text << " bandwidth=" << options.initial_bandwidth << ".." << options.final_bandwidth
         << (options.bandwidth_unit == BandwidthUnit::SignalRms ? "rms" : "median");
  }
  if (options.discrepancy == SampleDiscrepancy::Density) {
    text << " bandwidth=";
    if (options.density_bandwidth) {
      text << *options.density_bandwidth;
    } else {
      text << "silverman";
    }
  }
  if (is_likelihood) {
    text << " temperature=" << options.initial_temperature;
  }
  return text.str();
}

// The nuisances of one step.
struct SampleObjective::Draws {
  SamplingPlan plan;
  Eigen::VectorXd weights;                   // (images)
  std::vector<ImagingCondition> conditions;  // (distinct nuisances)
  std::vector<Eigen::VectorXf> transfers;    // (distinct nuisances): contrast included
  std::int64_t step = 0;

  [[nodiscard]] std::vector<int> labels(std::size_t SamplingPair::*of) const {
    std::vector<int> result;
    result.reserve(plan.pairs.size());
    for (const SamplingPair& pair : plan.pairs) {
      result.push_back(static_cast<int>(pair.*of));
    }
    return result;
  }
};

SampleObjective::SampleObjective(const ImageCoefficients& images,
                                 const ImageScale& scale,
                                 const PairEngine<float>& engine,
                                 const SampleObjectiveOptions& options)
    : images_(images),
      scale_(scale),
      engine_(engine),
      options_(options),
      law_(images.images(), options.poses, options.seed),
      batches_(images.images().size(), options.images_per_step, options.seed) {
  check(options, scale);
}

bool SampleObjective::integrates_noise() const {
  return options_.integrate_noise && scale_.noise_sigma > 0;
}

double SampleObjective::relative_bandwidth(const FlowMoment& moment) const {
  return annealed(options_.initial_bandwidth,
                  options_.final_bandwidth,
                  options_.annealing_share,
                  moment.fraction);
}

double SampleObjective::temperature(const FlowMoment& moment) const {
  return annealed(options_.initial_temperature, 1, options_.annealing_share, moment.fraction);
}

SampleObjective::Draws SampleObjective::draw(const Eigen::VectorXd& weights,
                                             std::int64_t step) const {
  Draws draws;
  draws.plan = sampling_plan(options_.sampling, static_cast<std::size_t>(weights.size()));
  draws.weights = draws.plan.weights(weights);
  draws.step = step;
  draws.conditions.resize(draws.plan.distinct_nuisances);
  draws.transfers.resize(draws.plan.distinct_nuisances);
  // The likelihood takes each observed image's own CTF, not a drawn one.
  const bool with_ctf = options_.discrepancy != SampleDiscrepancy::Likelihood;
  const auto contrast = static_cast<float>(scale_.contrast);
  parallel_for(draws.plan.distinct_nuisances, [&](std::size_t n) {
    draws.conditions[n] = law_.sample(step, n);
    draws.transfers[n] = with_ctf ? contrast * images_.transfer(law_.image(step, n))
                                  : images_.model().transfer(std::nullopt);
  });
  return draws;
}

Eigen::MatrixXf SampleObjective::simulate(const Eigen::MatrixXd& coordinates,
                                          const Draws& draws) const {
  const ImageModel& model = images_.model();
  const auto& pairs = draws.plan.pairs;
  Eigen::MatrixXf simulated(model.size(), static_cast<Eigen::Index>(pairs.size()));
  parallel_for(draws.plan.conformations, [&](std::size_t i) {
    const auto workspace = model.workspace();
    for (std::size_t a = i * draws.plan.nuisances; a < (i + 1) * draws.plan.nuisances; ++a) {
      const std::size_t nuisance = pairs[a].nuisance;
      auto image = simulated.col(static_cast<Eigen::Index>(a));
      model.draw(coordinates.col(static_cast<Eigen::Index>(i)),
                 draws.conditions[nuisance].pose,
                 *workspace,
                 image);
      image.array() *= draws.transfers[nuisance].array();
    }
  });
  return simulated;
}

Eigen::MatrixXf SampleObjective::with_noise(Eigen::MatrixXf images, const Draws& draws) const {
  const Eigen::VectorXf sigma =
      static_cast<float>(scale_.noise_sigma) * images_.model().transfer(std::nullopt);
  const auto& pairs = draws.plan.pairs;
  parallel_for(pairs.size(), [&](std::size_t a) {
    // Noise is part of the nuisance: method B shares it.
    RandomStream stream(options_.seed,
                        StreamPurpose::FlowNoise,
                        static_cast<std::uint64_t>(draws.step),
                        pairs[a].nuisance);
    for (Eigen::Index k = 0; k < images.rows(); ++k) {
      images(k, static_cast<Eigen::Index>(a)) += sigma(k) * static_cast<float>(stream.normal());
    }
  });
  return images;
}

DiscrepancyResult SampleObjective::compare(const SimulatedImages<float>& simulated,
                                           const Eigen::MatrixXf* points,
                                           double rms_norm,
                                           const FlowMoment& moment) {
  const std::vector<std::size_t> batch = batches_.batch(moment.step);
  const Eigen::MatrixXf observed = images_.read(batch);
  const double variance = scale_.noise_sigma * scale_.noise_sigma;
  if (options_.discrepancy == SampleDiscrepancy::Likelihood) {
    Eigen::MatrixXf transfer(observed.rows(), observed.cols());
    parallel_for(batch.size(), [&](std::size_t b) {
      transfer.col(static_cast<Eigen::Index>(b)) =
          static_cast<float>(scale_.contrast) * images_.transfer(batch[b]);
    });
    return drawn_pose_likelihood(
        engine_, simulated, observed, transfer, variance, temperature(moment));
  }

  const PixelNoise noise{
      variance, static_cast<double>(images_.model().compared()), integrates_noise()};
  const auto at_points = [&](const Discrepancy<float>& discrepancy) {
    if (points == nullptr) {
      return discrepancy.evaluate(simulated, observed);
    }
    std::vector<int> origins(static_cast<std::size_t>(points->cols()));
    std::iota(origins.begin(), origins.end(), 0);
    return discrepancy.evaluate(simulated, *points, origins, observed);
  };
  if (options_.discrepancy == SampleDiscrepancy::Density) {
    return at_points(DensityDivergence<float>(
        engine_, find_divergence(options_.divergence), options_.density_bandwidth, noise));
  }
  const double unit =
      options_.bandwidth_unit == BandwidthUnit::SignalRms ? rms_norm : median_distance(observed);
  return at_points(KernelDiscrepancy<float>(
      engine_, with_common_bandwidth(options_.kernel, relative_bandwidth(moment) * unit), noise));
}

void SampleObjective::pull_back(const Eigen::MatrixXd& points,
                                const Draws& draws,
                                const DiscrepancyResult& compared,
                                FlowEvaluation& result) const {
  const ImageModel& model = images_.model();
  const auto nuisances = static_cast<Eigen::Index>(draws.plan.nuisances);
  result.velocity = Eigen::MatrixXd::Zero(points.rows(), points.cols());
  result.first_variation.resize(points.cols());
  parallel_for(draws.plan.conformations, [&](std::size_t conformation) {
    const auto i = static_cast<Eigen::Index>(conformation);
    const auto variations = compared.first_variation.segment(i * nuisances, nuisances);
    result.first_variation(i) = variations.mean();
    const auto workspace = model.workspace();
    Eigen::VectorXf drawn(model.size());
    for (Eigen::Index a = i * nuisances; a < (i + 1) * nuisances; ++a) {
      const std::size_t nuisance = draws.plan.pairs[static_cast<std::size_t>(a)].nuisance;
      // Once more, for the workspace.
      model.draw(points.col(i), draws.conditions[nuisance].pose, *workspace, drawn);
      const Eigen::VectorXf adjoint =
          compared.gradient.col(a).cast<float>().cwiseProduct(draws.transfers[nuisance]);
      result.velocity.col(i) -=
          model.pull_back(*workspace, adjoint) / static_cast<double>(nuisances);
    }
  });
}

FlowEvaluation SampleObjective::evaluate(const Ensemble& ensemble,
                                         const Eigen::MatrixXd& points,
                                         const FlowMoment& moment) {
  const bool is_likelihood = options_.discrepancy == SampleDiscrepancy::Likelihood;
  const bool apart = points != ensemble.coordinates;
  if (apart && is_likelihood) {
    throw Error(ErrorKind::Usage,
                "noise injection is not to be had with the likelihood of drawn poses");
  }
  const Draws draws = draw(ensemble.weights, moment.step);
  SimulatedImages<float> simulated{simulate(ensemble.coordinates, draws),
                                   draws.weights,
                                   draws.labels(&SamplingPair::conformation),
                                   draws.labels(&SamplingPair::nuisance)};
  const double rms = rms_norm(simulated.images, draws.weights);
  const bool noisy = !options_.integrate_noise && scale_.noise_sigma > 0;
  // Densities are those of images with noise: there they must be evaluated.
  const bool noisy_points =
      noisy || (integrates_noise() && options_.discrepancy == SampleDiscrepancy::Density);
  Eigen::MatrixXf at;
  if (apart || noisy_points != noisy) {
    at = apart ? simulate(points, draws) : simulated.images;
    at = noisy_points ? with_noise(std::move(at), draws) : at;
  }
  if (noisy) {
    simulated.images = with_noise(std::move(simulated.images), draws);
  }

  const DiscrepancyResult compared = compare(simulated, at.size() > 0 ? &at : nullptr, rms, moment);
  FlowEvaluation result;
  pull_back(points, draws, compared, result);
  result.objective = compared.value;
  if (options_.discrepancy == SampleDiscrepancy::MeanDiscrepancy &&
      has_bandwidth(options_.kernel)) {
    result.diagnostics.emplace_back("sipBandwidth", relative_bandwidth(moment));
  }
  if (is_likelihood) {
    result.variation_unit = 1;
    result.diagnostics.emplace_back("sipTemperature", temperature(moment));
  }
  return result;
}

}  // namespace cryosip

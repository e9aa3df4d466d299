#include "libcryosip/flow/steered_objective.hpp"

#include <algorithm>
#include <cmath>
#include <sstream>
#include <utility>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/flow/steered_likelihood.hpp"
#include "libcryosip/forward/even_views.hpp"

namespace cryosip {
namespace {

// Share of a posterior that a drawing may be left out with.
constexpr double kNegligible = 1e-6;
// Sum of its shares of the batch's posteriors below which a drawing is not pulled back: all such
// together have less than a percent of them.
constexpr double kLeastShare = 2e-4;
// Mean kernel values lie far below 1, down to exp(-10) or so.
constexpr double kSpareLog = 10;

// Drawings of the likelihood a step where the views are left to us: docs/theory.md, section 11.
constexpr std::size_t kDrawings = 6400;

std::size_t views_of(const SteeredObjectiveOptions& options, Eigen::Index conformations) {
  if (options.discrepancy == SteeredDiscrepancy::MeanDiscrepancy) {
    return 1;
  }
  const auto count = static_cast<std::size_t>(conformations);
  return options.views > 0 ? options.views : (kDrawings + count - 1) / count;
}

void check(const SteeredObjectiveOptions& options,
           const ImageScale& scale,
           const EffectiveNoise& noise) {
  if (!(options.initial_bandwidth > 0) || !(options.final_bandwidth > 0) ||
      !(options.annealing_share > 0) || !(options.annealing_share <= 1) ||
      !(options.shift_sigma_angstrom >= 0) || !(noise.inflation >= 1) ||
      !(noise.temperature >= 1) || !(scale.noise_sigma > 0) || !std::isfinite(scale.contrast) ||
      scale.contrast == 0) {
    throw Error(
        ErrorKind::Usage,
        "flow objective: expected positive bandwidths, an annealing share in (0, 1], shifts "
        "that are not negative, a temperature and an inflation of at least 1, a positive "
        "noise sigma and a contrast that is not zero");
  }
}

// Of logarithms of sums: what is left out changes none of their digits.
SteeredOptions log_steering(int angles) {
  return {.angles = angles, .negligible_log = std::log(kNegligible) - kSpareLog};
}

}  // namespace

std::string describe(const SteeredObjectiveOptions& options) {
  std::ostringstream text;
  const bool is_likelihood = options.discrepancy == SteeredDiscrepancy::Likelihood;
  text << (is_likelihood ? "likelihood" : "mmd") << " steered poses=uniform"
       << " images-per-step=" << options.images_per_step << " angles=" << options.angles;
  if (options.shift_sigma_angstrom > 0) {
    text << " shifts=" << options.shift_sigma_angstrom;
  }
  if (is_likelihood) {
    text << " views=";
    if (options.views > 0) {
      text << options.views;
    } else {
      text << "auto";
    }
    text << " temperature=";
    if (options.initial_temperature > 0) {
      text << options.initial_temperature;
    } else {
      text << "auto";
    }
  } else {
    text << " bandwidth=" << options.initial_bandwidth << ".." << options.final_bandwidth;
  }
  text << " annealing=" << options.annealing_share;
  return text.str();
}

SteeredObjective::SteeredObjective(const PolarCoefficients& images,
                                   const ImageScale& scale,
                                   const SteeredEngine& engine,
                                   const SteeredObjectiveOptions& options,
                                   const EffectiveNoise& noise)
    : images_(images),
      scale_(scale),
      engine_(engine),
      options_(options),
      noise_(noise),
      batches_(images.images().size(), options.images_per_step, options.seed),
      variance_(noise_variance(images.model().basis(), scale)) {
  check(options, scale, noise);
}

// Drawings of conformations in random views; those of conformation i are i * views ...
struct SteeredObjective::Templates {
  std::size_t views;  // of each conformation
  std::vector<Pose> poses;
  Eigen::MatrixXf images;     // (size, templates), without CTF and contrast
  Eigen::VectorXd log_prior;  // (templates): log w_i / views
};

SteeredObjective::Templates SteeredObjective::draw_templates(const Ensemble& ensemble,
                                                             std::int64_t step) const {
  const PolarImageModel& model = images_.model();
  const std::size_t views = views_of(options_, ensemble.size());
  const auto count = static_cast<std::size_t>(ensemble.size()) * views;
  Templates templates{views,
                      stratified_views(ensemble, views, options_.seed, step),
                      Eigen::MatrixXf(model.size(), static_cast<Eigen::Index>(count)),
                      Eigen::VectorXd(static_cast<Eigen::Index>(count))};
  parallel_for(static_cast<std::size_t>(ensemble.size()), [&](std::size_t i) {
    const auto workspace = model.workspace();
    const auto conformation = static_cast<Eigen::Index>(i);
    for (std::size_t t = i * views; t < (i + 1) * views; ++t) {
      Pose& pose = templates.poses[t];
      RandomStream stream(
          options_.seed, StreamPurpose::FlowShift, static_cast<std::uint64_t>(step), t);
      pose.shift_angstrom.x() = options_.shift_sigma_angstrom * stream.normal();
      pose.shift_angstrom.y() = options_.shift_sigma_angstrom * stream.normal();
      const auto column = static_cast<Eigen::Index>(t);
      model.draw(
          ensemble.coordinates.col(conformation), pose, *workspace, templates.images.col(column));
      templates.log_prior(column) =
          std::log(ensemble.weights(conformation) / static_cast<double>(views));
    }
  });
  return templates;
}

// E_tj(alpha) = <x_t, R_alpha z_j> / v - C_j^2 |x_t|^2 / 2 v, ready for the engine, and each
// image's logarithm of the sum over templates and angles.
struct SteeredObjective::Evidence {
  SteeredOperand templates;
  SteeredOperand images;
  Eigen::VectorXd per_variance;  // (size): contrast / (temperature * variance)
  Eigen::VectorXd log_evidence;  // (images)
  Eigen::MatrixXd transfers;     // (rings, images): C^2
};

SteeredObjective::Evidence SteeredObjective::evidence(const Templates& templates,
                                                      const std::vector<std::size_t>& batch,
                                                      const EffectiveNoise& noise,
                                                      double contrast,
                                                      std::int64_t step) const {
  const PolarLayout& layout = images_.model().basis().layout();
  const SteeredLikelihood likelihood(
      layout, contrast, variance_ * (noise.inflation * noise.temperature));
  Evidence result;
  result.per_variance = likelihood.per_variance();
  result.transfers = images_.ring_transfers_squared(batch);

  Eigen::MatrixXf filtered = images_.read(batch, PolarCoefficients::Kind::Filtered);
  if (noise.inflation > 1) {
    const Eigen::VectorXd sigma = (variance_ * (noise.inflation - 1)).cwiseSqrt();
    const Eigen::MatrixXf transfer = on_coefficients(layout, result.transfers.cwiseSqrt());
    parallel_for(batch.size(), [&](std::size_t b) {
      RandomStream stream(
          options_.seed, StreamPurpose::FlowInflation, static_cast<std::uint64_t>(step), batch[b]);
      const auto column = static_cast<Eigen::Index>(b);
      for (Eigen::Index k = 0; k < sigma.size(); ++k) {
        filtered(k, column) += transfer(k, column) * static_cast<float>(sigma(k) * stream.normal());
      }
    });
  }
  result.images = likelihood.observed(std::move(filtered), result.transfers);
  result.templates = likelihood.drawings(templates.images, templates.log_prior);
  const Eigen::VectorXd log_sums =
      engine_.log_sums(layout, result.images, result.templates, log_steering(options_.angles));
  result.log_evidence = log_sums - result.images.offsets;
  result.images.offsets -= log_sums;
  return result;
}

FlowEvaluation SteeredObjective::pull_back(const Ensemble& ensemble,
                                           const Templates& templates,
                                           const Eigen::VectorXd& variation,
                                           const Eigen::MatrixXf& gradient) const {
  const PolarImageModel& model = images_.model();
  const std::size_t views = templates.views;
  FlowEvaluation result;
  result.velocity = Eigen::MatrixXd::Zero(ensemble.dimension(), ensemble.size());
  result.first_variation = Eigen::VectorXd::Zero(ensemble.size());
  parallel_for(static_cast<std::size_t>(ensemble.size()), [&](std::size_t i) {
    const auto conformation = static_cast<Eigen::Index>(i);
    const auto workspace = model.workspace();
    for (std::size_t t = i * views; t < (i + 1) * views; ++t) {
      const auto column = static_cast<Eigen::Index>(t);
      result.first_variation(conformation) += variation(column);
      if (gradient.col(column).isZero(0)) {
        continue;  // no image comes near this view, or not near enough
      }
      model.place(ensemble.coordinates.col(conformation), templates.poses[t], *workspace);
      result.velocity.col(conformation) -= model.pull_back(*workspace, gradient.col(column));
    }
  });
  return result;
}

// Newton's step in log contrast on the mean log evidence, by differences: the derivative at a
// temperature other than 1 would be another one's, for tempered posteriors hold drawings that the
// image has nothing of.
double SteeredObjective::nearer_contrast(const Templates& templates,
                                         const std::vector<std::size_t>& batch,
                                         double contrast,
                                         double rate,
                                         std::int64_t step) const {
  constexpr double kDifference = 0.03;
  constexpr double kLargestStep = 2 * kDifference;
  const auto log_evidence = [&](double at) {
    return evidence(templates, batch, {noise_.inflation, 1}, at, step).log_evidence.mean();
  };
  const double here = log_evidence(contrast);
  const double below = log_evidence(contrast * std::exp(-kDifference));
  const double above = log_evidence(contrast * std::exp(kDifference));
  const double slope = (above - below) / (2 * kDifference);
  const double curvature = (2 * here - below - above) / (kDifference * kDifference);
  const double newton = curvature > 0 ? slope / curvature : std::copysign(kLargestStep, slope);
  return contrast * std::exp(rate * std::clamp(newton, -kLargestStep, kLargestStep));
}

double SteeredObjective::choose_contrast(const Ensemble& ensemble, Progress& progress) const {
  constexpr int kSteps = 10;
  constexpr double kRate = 0.6;
  constexpr std::size_t kImages = 512;
  const ProgressStage stage(progress, "choosing the contrast", kSteps);
  const Templates templates = draw_templates(ensemble, 0);
  BatchSchedule batches(images_.images().size(), kImages, options_.seed);
  double contrast = scale_.contrast;
  for (int k = 0; k < kSteps; ++k) {
    contrast = nearer_contrast(templates, batches.batch(k), contrast, kRate, k);
    progress.advance(static_cast<std::size_t>(k) + 1);
  }
  return contrast;
}

FlowEvaluation SteeredObjective::descend_likelihood(const Ensemble& ensemble,
                                                    const FlowMoment& moment) {
  const PolarLayout& layout = images_.model().basis().layout();
  const double temperature =
      annealed(noise_.temperature, 1, options_.annealing_share, moment.fraction);
  const std::vector<std::size_t> batch = batches_.batch(moment.step);
  const Templates templates = draw_templates(ensemble, moment.step);
  const Evidence pairs =
      evidence(templates, batch, {noise_.inflation, temperature}, scale_.contrast, moment.step);
  const SteeredResult shares =
      engine_.evaluate(layout,
                       pairs.templates,
                       pairs.images,
                       {.angles = options_.angles, .negligible_log = std::log(kNegligible)});

  // Of E by x: contrast / v (R z - contrast C^2 x).
  const auto images = static_cast<double>(batch.size());
  const Eigen::MatrixXf pulls =
      shares.images_gradient.cast<float>() -
      static_cast<float>(scale_.contrast) *
          on_coefficients(layout, shares.factors_gradient).cwiseProduct(templates.images);
  Eigen::VectorXd per_weight(templates.log_prior.size());  // -1 / (w_i images)
  for (Eigen::Index t = 0; t < per_weight.size(); ++t) {
    const double prior = std::exp(templates.log_prior(t)) * static_cast<double>(templates.views);
    per_weight(t) = prior > 0 ? -1 / (prior * images) : 0;
  }
  const Eigen::MatrixXf gradient =
      pairs.per_variance.cast<float>().asDiagonal() * pulls * per_weight.cast<float>().asDiagonal();
  FlowEvaluation result =
      pull_back(ensemble, templates, shares.sums.cwiseProduct(per_weight), gradient);
  result.variation_unit = 1;
  result.objective = -temperature * pairs.log_evidence.mean();
  result.diagnostics = {{"sipTemperature", temperature}, {kContrastLabel, scale_.contrast}};
  if (scale_.refine_contrast) {
    // A few images tell enough: their steps are small and add up.
    constexpr std::size_t kImages = 128;
    constexpr double kRate = 0.15;
    const std::vector<std::size_t> some(
        batch.begin(),
        batch.begin() + static_cast<std::ptrdiff_t>(std::min(kImages, batch.size())));
    scale_.contrast = nearer_contrast(templates, some, scale_.contrast, kRate, moment.step);
  }
  result.carried = {{kContrastLabel, scale_.contrast}};
  return result;
}

namespace {

// A Gaussian kernel on coefficients weighted by their share of signal, and what it is once one or
// both sides' noise has been integrated out (docs/theory.md 5).
struct WeightedKernel {
  Eigen::VectorXd cross;  // (size): W^2 / (h^2 + W^2 v)
  Eigen::VectorXd self;   // (size): W^2 / (h^2 + 2 W^2 v)
  double log_ratio =
      0;               // of the heights: sum of log (1 + 2a) / 2 - log(1 + a) / 2, a = W^2 v / h^2
  double scatter = 0;  // sum of (a / (1 + a))^2 / 2: variance of the log weights
  double bandwidth = 0;  // h
};

WeightedKernel weighted_kernel(const Eigen::VectorXd& weight,
                               const Eigen::VectorXd& variance,
                               double bandwidth) {
  WeightedKernel kernel;
  kernel.bandwidth = bandwidth;
  const double h2 = bandwidth * bandwidth;
  const Eigen::ArrayXd noise = weight.array() * variance.array();
  kernel.cross = weight.array() / (h2 + noise);
  kernel.self = weight.array() / (h2 + 2 * noise);
  const Eigen::ArrayXd a = noise / h2;
  kernel.log_ratio = 0.5 * ((1 + 2 * a).log() - (1 + a).log()).sum();
  kernel.scatter = 0.5 * (a / (1 + a)).square().sum();
  return kernel;
}

// The bandwidth asked for, or the least one whose noise leaves log weights of variance 1 or less:
// beyond that a few images' luck decides (docs/theory.md 5).
WeightedKernel affordable_kernel(const Eigen::VectorXd& weight,
                                 const Eigen::VectorXd& variance,
                                 double bandwidth) {
  constexpr double kLargestScatter = 1;
  WeightedKernel kernel = weighted_kernel(weight, variance, bandwidth);
  while (kernel.scatter > kLargestScatter) {
    kernel = weighted_kernel(weight, variance, 1.02 * kernel.bandwidth);
  }
  return kernel;
}

}  // namespace

FlowEvaluation SteeredObjective::descend_mean_discrepancy(const Ensemble& ensemble,
                                                          const FlowMoment& moment) {
  const PolarLayout& layout = images_.model().basis().layout();
  const std::vector<std::size_t> batch = batches_.batch(moment.step);
  const Templates templates = draw_templates(ensemble, moment.step);
  const Eigen::MatrixXf& x = templates.images;
  const double contrast2 = scale_.contrast * scale_.contrast;
  const Eigen::MatrixXd transfers = images_.ring_transfers_squared(batch);

  // W^2 = S / (S + v), scaled so that the weighted signal has norm 1.
  const Eigen::VectorXd mean_transfer = transfers.rowwise().mean();
  const Eigen::VectorXd signal =
      evened(layout,
             contrast2 * (x.cast<double>().array().square().rowwise().mean() *
                          on_coefficients(layout, mean_transfer).col(0).cast<double>().array()));
  Eigen::VectorXd weight =
      (variance_.array() > 0).select(signal.array() / (signal + variance_).array(), 0);
  weight /= weight.dot(signal);
  const double wanted = annealed(options_.initial_bandwidth,
                                 options_.final_bandwidth,
                                 options_.annealing_share,
                                 moment.fraction);
  const WeightedKernel kernel = affordable_kernel(weight, variance_, wanted);
  const SteeredOptions steering{.angles = options_.angles,
                                .negligible_log = std::log(kNegligible) - kSpareLog};

  // Simulated against observed: each observed image in its own CTF.
  SteeredOperand left;
  left.images = (scale_.contrast * kernel.cross).cast<float>().asDiagonal() * x;
  left.factors = (-0.5 * contrast2 * ring_powers(layout, x, kernel.cross)).cast<float>();
  left.offsets = Eigen::VectorXd::Zero(x.cols());
  SteeredOperand right;
  right.images = images_.read(batch, PolarCoefficients::Kind::Filtered);
  right.factors = transfers.cast<float>();
  right.offsets =
      (-0.5 * ring_powers(layout, images_.read(batch, PolarCoefficients::Kind::Plain), kernel.cross)
                  .colwise()
                  .sum()
                  .transpose())
          .array() +
      kernel.log_ratio;
  const SteeredResult cross = engine_.evaluate(layout, left, right, steering);

  // Simulated against simulated, both in the CTF of an image drawn for the first (docs/theory.md
  // 11).
  std::vector<std::size_t> optics(static_cast<std::size_t>(x.cols()));
  for (std::size_t t = 0; t < optics.size(); ++t) {
    optics[t] = batch[RandomStream(options_.seed,
                                   StreamPurpose::FlowOptics,
                                   static_cast<std::uint64_t>(moment.step),
                                   t)
                          .below(batch.size())];
  }
  const Eigen::MatrixXd own = contrast2 * images_.ring_transfers_squared(optics);
  const Eigen::MatrixXd powers = ring_powers(layout, x, kernel.self);
  const Eigen::MatrixXf own_self =
      kernel.self.cast<float>().asDiagonal() * on_coefficients(layout, own);
  left.images = own_self.cwiseProduct(x);
  left.factors = (-0.5 * own).cast<float>();
  left.offsets = -0.5 * own.cwiseProduct(powers).colwise().sum().transpose();
  left.labels =
      Eigen::VectorXi::LinSpaced(static_cast<int>(x.cols()), 0, static_cast<int>(x.cols()) - 1);
  right.images = x;
  right.factors = powers.cast<float>();
  right.offsets = templates.log_prior;
  right.labels = left.labels;
  const SteeredResult self = engine_.evaluate(layout, left, right, steering);

  const double per_image = 1 / static_cast<double>(batch.size());
  const double per_pair = 1 / (1 - ensemble.weights.squaredNorm());
  const Eigen::VectorXd variation = 2 * (per_pair * self.sums - per_image * cross.sums);
  Eigen::MatrixXf gradient =
      (2 * per_pair) * own_self.cwiseProduct(self.images_gradient.cast<float>() -
                                             x * self.sums.cast<float>().asDiagonal());
  gradient -= ((2 * per_image * scale_.contrast) * kernel.cross).cast<float>().asDiagonal() *
              (cross.images_gradient.cast<float>() -
               static_cast<float>(scale_.contrast) *
                   on_coefficients(layout, cross.factors_gradient).cwiseProduct(x));
  FlowEvaluation result = pull_back(ensemble, templates, variation, gradient);
  const Eigen::VectorXd& weights = ensemble.weights;
  result.objective = per_pair * weights.dot(self.sums) - 2 * per_image * weights.dot(cross.sums);
  result.diagnostics = {{"sipBandwidth", kernel.bandwidth}, {"sipNoiseScatter", kernel.scatter}};
  return result;
}

FlowEvaluation SteeredObjective::evaluate(const Ensemble& ensemble,
                                          const Eigen::MatrixXd& points,
                                          const FlowMoment& moment) {
  if (points != ensemble.coordinates) {
    throw Error(ErrorKind::Usage, "noise injection is not to be had with unknown in-plane angles");
  }
  return options_.discrepancy == SteeredDiscrepancy::Likelihood
             ? descend_likelihood(ensemble, moment)
             : descend_mean_discrepancy(ensemble, moment);
}

double SteeredObjective::effective_draws(const Templates& templates,
                                         const EffectiveNoise& noise) const {
  constexpr std::size_t kImages = 64;
  constexpr double kCellsACircle = 72;
  const PolarLayout& layout = images_.model().basis().layout();
  BatchSchedule some(images_.images().size(), kImages, options_.seed);
  Evidence pairs = evidence(templates, some.batch(0), noise, scale_.contrast, 0);
  // The images' offsets have made their sums 1; what is left is the sum of squares.
  pairs.images.images *= 2;
  pairs.images.factors *= 2;
  pairs.images.offsets *= 2;
  pairs.templates.offsets *= 2;
  const Eigen::VectorXd log_squares =
      engine_.log_sums(layout, pairs.images, pairs.templates, log_steering(options_.angles));
  return kCellsACircle * (-log_squares.array()).exp().mean();
}

double SteeredObjective::effective_draws(const Ensemble& ensemble, double temperature) const {
  return effective_draws(draw_templates(ensemble, 0), {noise_.inflation, temperature});
}

EffectiveNoise SteeredObjective::choose_noise(const Ensemble& ensemble,
                                              Progress& progress,
                                              double wanted_draws) const {
  constexpr double kHottest = 1e4;
  constexpr double kWarmer = 80;
  constexpr int kHalvings = 9;
  const ProgressStage stage(progress, "choosing the noise to work with", 2 * kHalvings);
  const Templates templates = draw_templates(ensemble, 0);
  std::size_t done = 0;
  // The least factor, at least 1, at which the spread reaches what is wanted.
  const auto least = [&](double wanted, const auto& noise_at) {
    if (effective_draws(templates, noise_at(1.0)) >= wanted) {
      return 1.0;
    }
    double low = 1;
    double high = kHottest;
    for (int i = 0; i < kHalvings; ++i) {
      const double middle = std::sqrt(low * high);
      (effective_draws(templates, noise_at(middle)) < wanted ? low : high) = middle;
      progress.advance(++done);
    }
    return high;
  };
  EffectiveNoise noise;
  noise.inflation = least(wanted_draws, [](double inflation) {
    return EffectiveNoise{inflation, 1};
  });
  noise.temperature = least(kWarmer * wanted_draws, [&](double temperature) {
    return EffectiveNoise{noise.inflation, temperature};
  });
  return noise;
}

}  // namespace cryosip

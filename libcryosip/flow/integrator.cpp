#include "libcryosip/flow/integrator.hpp"

#include <cmath>
#include <string>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

constexpr double kDefaultMomentum = 0.9;
constexpr double kDefaultFinalStepShare = 0.02;
// In running RMS velocities: the luck of a few images may not throw a conformation out that none
// of the others knows of.
constexpr double kLargestVelocity = 3;
// All conformations at this share of an equal weight hold a thousandth of the mass together.
constexpr double kLeastShareOfEqualWeight = 1e-3;

constexpr const char* kAveragesLabel = "sipVelocityAverages";
constexpr const char* kVariationMeanSquareLabel = "sipVariationMeanSquare";
constexpr const char* kVariationAveragesLabel = "sipVariationAverages";

std::string mean_square_label(Eigen::Index coordinate) {
  return "sipVelocityMeanSquare" + std::to_string(coordinate + 1);
}

// From 1 to 0 over the schedule.
double cosine_fall(double fraction) {
  return 0.5 * (1 + std::cos(kPi * fraction));
}

// Of step_size.
double step_share_at(const IntegratorOptions& options, double fraction) {
  const double last = final_step_share_of(options);
  return last + (1 - last) * cosine_fall(fraction);
}

// Running means start from zero; early ones are made up for it.
double filled(double memory, double averages) {
  return 1 - std::pow(memory, averages);
}

}  // namespace

double momentum_of(const IntegratorOptions& options) {
  return options.momentum.value_or(options.kind == IntegratorKind::Euler ? 0 : kDefaultMomentum);
}

double final_step_share_of(const IntegratorOptions& options) {
  return options.final_step_share.value_or(
      options.kind == IntegratorKind::Euler ? 1 : kDefaultFinalStepShare);
}

void check(const IntegratorOptions& options) {
  const auto is_share = [](double x) { return x >= 0 && x < 1; };
  const auto is_amount = [](double x) { return x >= 0 && std::isfinite(x); };
  if (options.kind == IntegratorKind::Euler && options.momentum) {
    throw Error(ErrorKind::Usage, "flow: forward Euler has no momentum; another integrator has");
  }
  if (options.kind == IntegratorKind::Momentum && momentum_of(options) == 0) {
    throw Error(ErrorKind::Usage, "flow: momentum 0 is forward Euler; choose that integrator");
  }
  const double final_share = final_step_share_of(options);
  if (!(options.step_size > 0) || !std::isfinite(options.step_size) ||
      !is_share(momentum_of(options)) || !is_share(options.velocity_memory) ||
      !(final_share >= 0 && final_share <= 1)) {
    throw Error(ErrorKind::Usage,
                "flow: expected a positive step size, momentum and velocity memory in [0, 1) and a "
                "final step share in [0, 1]");
  }
  if (!is_amount(options.injection) || !is_amount(weight_rate_of(options)) ||
      !(options.min_effective_share >= 0 && options.min_effective_share <= 1)) {
    throw Error(ErrorKind::Usage,
                "flow: expected an injection and a weight rate that are not negative and a least "
                "effective share in [0, 1]");
  }
}

double weight_rate_of(const IntegratorOptions& options) {
  return options.weight_rate.value_or(0);
}

double step_size_at(const IntegratorOptions& options, double fraction) {
  return options.step_size * step_share_at(options, fraction);
}

Eigen::VectorXd limited_weights(Eigen::VectorXd weights) {
  weights /= weights.sum();
  weights = weights.cwiseMax(kLeastShareOfEqualWeight / static_cast<double>(weights.size()));
  weights /= weights.sum();
  return weights;
}

std::vector<Eigen::Index> systematic_sample(const Eigen::VectorXd& weights, double offset) {
  const Eigen::Index count = weights.size();
  std::vector<Eigen::Index> sample;
  sample.reserve(static_cast<std::size_t>(count));
  double below = 0;  // count times the weights before i
  for (Eigen::Index i = 0; i < count; ++i) {
    below += static_cast<double>(count) * weights(i);
    while (static_cast<double>(sample.size()) + offset < below) {
      sample.push_back(i);
    }
  }
  // Rounding may leave the last place empty, or give one too many.
  sample.resize(static_cast<std::size_t>(count), count - 1);
  return sample;
}

Integrator::Integrator(const IntegratorOptions& options,
                       std::uint64_t seed,
                       const Ensemble& ensemble)
    : options_(options), seed_(seed) {
  check(options);
  const FlowProgress& flow = ensemble.flow;
  direction_ = flow.momentum.size() == ensemble.coordinates.size()
                   ? flow.momentum
                   : Eigen::MatrixXd::Zero(ensemble.dimension(), ensemble.size());
  mean_square_ = Eigen::VectorXd::Zero(ensemble.dimension());
  for (Eigen::Index k = 0; k < ensemble.dimension(); ++k) {
    mean_square_(k) = flow.carried(mean_square_label(k)).value_or(0);
  }
  averages_ = flow.carried(kAveragesLabel).value_or(0);
  variation_mean_square_ = flow.carried(kVariationMeanSquareLabel).value_or(0);
  variation_averages_ = flow.carried(kVariationAveragesLabel).value_or(0);
}

const Eigen::MatrixXd& Integrator::points(const Ensemble& ensemble, const FlowMoment& moment) {
  if (options_.injection == 0) {
    return ensemble.coordinates;
  }
  const double beta = options_.injection * cosine_fall(moment.fraction);
  points_ = ensemble.coordinates;
  for (Eigen::Index i = 0; i < points_.cols(); ++i) {
    RandomStream stream(seed_,
                        StreamPurpose::FlowInjection,
                        static_cast<std::uint64_t>(moment.step),
                        static_cast<std::uint64_t>(i));
    for (Eigen::Index k = 0; k < points_.rows(); ++k) {
      points_(k, i) += beta * stream.normal();
    }
  }
  return points_;
}

Integrator::Report Integrator::step(Ensemble& ensemble,
                                    const FlowEvaluation& evaluation,
                                    const FlowMoment& moment) {
  const bool exchanges = weight_rate_of(options_) > 0;
  if (exchanges && evaluation.first_variation.size() != ensemble.size()) {
    throw Error(ErrorKind::Usage,
                "flow: weights are to change, but the objective does not know its first variation");
  }
  if (!evaluation.velocity.allFinite() || (exchanges && !evaluation.first_variation.allFinite())) {
    throw Error(ErrorKind::Numerical,
                "flow: a velocity or first variation at step " + std::to_string(moment.step + 1) +
                    " is not finite; a smaller step size may help");
  }
  Report report;
  report.step_size = step_size_at(options_, moment.fraction);
  move(ensemble, evaluation.velocity, report.step_size);
  if (exchanges) {
    const double rate = weight_rate_of(options_) * step_share_at(options_, moment.fraction);
    report.weight_change = exchange_mass(ensemble, evaluation, rate);
    const double effective = 1 / ensemble.weights.squaredNorm();
    if (effective < options_.min_effective_share * static_cast<double>(ensemble.size())) {
      resample(ensemble, moment.step);
    }
  }
  store(ensemble);
  return report;
}

void Integrator::move(Ensemble& ensemble, const Eigen::MatrixXd& velocity, double step_size) {
  if (options_.kind == IntegratorKind::Euler) {
    ensemble.coordinates += step_size * velocity;
    return;
  }
  const double kept = momentum_of(options_);
  if (options_.kind == IntegratorKind::Momentum) {
    direction_ = kept * direction_ + (1 - kept) * velocity;
    ensemble.coordinates += step_size * direction_;
    return;
  }
  const double memory = options_.velocity_memory;
  const auto rms = [&](Eigen::Index k) {
    return averages_ > 0 ? std::sqrt(mean_square_(k) / filled(memory, averages_)) : 0;
  };
  Eigen::MatrixXd limited = velocity;
  for (Eigen::Index k = 0; k < ensemble.dimension(); ++k) {
    const double largest = kLargestVelocity * rms(k);
    if (largest > 0) {
      limited.row(k) = velocity.row(k).cwiseMax(-largest).cwiseMin(largest);
    }
  }
  direction_ = kept * direction_ + (1 - kept) * limited;
  mean_square_ =
      memory * mean_square_ + (1 - memory) * (limited.cwiseAbs2() * ensemble.weights).eval();
  ++averages_;
  for (Eigen::Index k = 0; k < ensemble.dimension(); ++k) {
    if (const double scale = rms(k); scale > 0) {
      ensemble.coordinates.row(k) += step_size / scale * direction_.row(k);
    }
  }
}

double Integrator::exchange_mass(Ensemble& ensemble,
                                 const FlowEvaluation& evaluation,
                                 double rate) {
  const Eigen::VectorXd& variation = evaluation.first_variation;
  const Eigen::ArrayXd above = variation.array() - variation.dot(ensemble.weights);
  double scale = evaluation.variation_unit.value_or(1);
  if (options_.kind == IntegratorKind::Normalised && !evaluation.variation_unit) {
    const double memory = options_.velocity_memory;
    variation_mean_square_ = memory * variation_mean_square_ +
                             (1 - memory) * (above.square() * ensemble.weights.array()).sum();
    ++variation_averages_;
    scale = std::sqrt(variation_mean_square_ / filled(memory, variation_averages_));
  }
  if (!(scale > 0)) {
    return 0;  // the same everywhere
  }
  const Eigen::VectorXd before = ensemble.weights;
  // One that counts is not above the mean, so that the sum is not 0.
  const Eigen::ArrayXd losses = rate / scale * above;
  const Eigen::ArrayXd factors = (losses < 0).select(1 - losses, (-losses).exp());
  ensemble.weights = limited_weights((before.array() * factors).matrix());
  return 0.5 * (ensemble.weights - before).cwiseAbs().sum();
}

void Integrator::resample(Ensemble& ensemble, std::int64_t step) {
  // Copies must part: with given poses equal conformations have equal velocities.
  constexpr double kSpread = 0.1;  // of the ensemble's
  const Eigen::Index count = ensemble.size();
  const Eigen::VectorXd mean = ensemble.coordinates * ensemble.weights;
  const Eigen::VectorXd spread =
      kSpread *
      ((ensemble.coordinates.colwise() - mean).cwiseAbs2() * ensemble.weights).cwiseSqrt();
  RandomStream stream(seed_, StreamPurpose::FlowResampling, static_cast<std::uint64_t>(step));
  const std::vector<Eigen::Index> sample = systematic_sample(ensemble.weights, stream.uniform());
  ensemble.coordinates = ensemble.coordinates(Eigen::all, sample).eval();
  if (direction_.size() > 0) {
    direction_ = direction_(Eigen::all, sample).eval();
  }
  for (Eigen::Index i = 1; i < count; ++i) {
    const auto place = static_cast<std::size_t>(i);
    for (Eigen::Index k = 0; sample[place] == sample[place - 1] && k < spread.size(); ++k) {
      ensemble.coordinates(k, i) += spread(k) * stream.normal();
    }
  }
  ensemble.weights.setConstant(1 / static_cast<double>(count));
}

void Integrator::store(Ensemble& ensemble) const {
  FlowProgress& flow = ensemble.flow;
  if (options_.kind == IntegratorKind::Euler) {
    flow.momentum.resize(0, 0);
  } else {
    flow.momentum = direction_;
  }
  if (options_.kind != IntegratorKind::Normalised) {
    return;
  }
  for (Eigen::Index k = 0; k < mean_square_.size(); ++k) {
    flow.carry(mean_square_label(k), mean_square_(k));
  }
  flow.carry(kAveragesLabel, averages_);
  if (variation_averages_ > 0) {
    flow.carry(kVariationMeanSquareLabel, variation_mean_square_);
    flow.carry(kVariationAveragesLabel, variation_averages_);
  }
}

}  // namespace cryosip

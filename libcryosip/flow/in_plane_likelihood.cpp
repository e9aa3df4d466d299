#include "libcryosip/flow/in_plane_likelihood.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <utility>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/discrepancy/likelihood.hpp"
#include "libcryosip/flow/likelihood_step.hpp"

namespace cryosip {
namespace {

// Within two standard deviations, as many as lie a sixth of the finest detail apart: an image that
// tells shifts apart that lie closer takes the nearest one for every conformation alike.
std::size_t shifts_needed(double sigma_angstrom, double detail_angstrom) {
  constexpr double kMost = 256;
  const double steps = 2 * sigma_angstrom / (detail_angstrom / 6);
  return static_cast<std::size_t>(std::clamp(std::ceil(kPi * steps * steps), 1.0, kMost));
}

// A normal distribution's, each with its own share of it, in golden angles about the centre.
std::vector<Eigen::Vector2d> even_shifts(std::size_t count,
                                         double sigma_angstrom,
                                         RandomStream stream) {
  const double golden_angle = kPi * (3 - std::sqrt(5.0));
  const double within = stream.uniform();
  const double turn = stream.uniform(0, 2 * kPi);
  std::vector<Eigen::Vector2d> shifts;
  for (std::size_t i = 0; i < count; ++i) {
    const double beyond = (static_cast<double>(i) + within) / static_cast<double>(count);
    const double radius = sigma_angstrom * std::sqrt(-2 * std::log(beyond));
    const double angle = turn + golden_angle * static_cast<double>(i);
    shifts.emplace_back(radius * std::cos(angle), radius * std::sin(angle));
  }
  return shifts;
}

std::vector<std::size_t> spread(std::size_t total, std::size_t most) {
  std::vector<std::size_t> some(std::min(total, most));
  for (std::size_t u = 0; u < some.size(); ++u) {
    some[u] = u * total / some.size();
  }
  return some;
}

}  // namespace

InPlaneLikelihood::InPlaneLikelihood(const PolarCoefficients& images,
                                     const SteeredEngine& engine,
                                     const ImageScale& scale,
                                     const InPlaneIntegral& integral)
    : images_(images),
      engine_(engine),
      contrast_(scale.contrast),
      integral_(integral),
      shifts_(shifts_needed(integral.shift_sigma_angstrom,
                            images.model().basis().resolution_angstrom())),
      variance_(noise_variance(images.model().basis(), scale)) {
  if (!images.images().has_views()) {
    throw Error(ErrorKind::Usage,
                images.images().table().source +
                    ": the likelihood over in-plane angles needs a view for every image "
                    "(rlnAngleRot, rlnAngleTilt)");
  }
  if (!(integral.shift_sigma_angstrom >= 0) || !(scale.noise_sigma > 0) ||
      !std::isfinite(scale.contrast) || scale.contrast == 0) {
    throw Error(
        ErrorKind::Usage,
        "likelihood over in-plane angles: expected shifts that are not negative, a positive "
        "noise sigma and a contrast that is not zero");
  }
}

InPlaneLikelihood InPlaneLikelihood::with_angles(int angles) const {
  InPlaneLikelihood result = *this;
  result.integral_.angles = angles;
  return result;
}

InPlaneLikelihood InPlaneLikelihood::with_contrast(double contrast) const {
  InPlaneLikelihood result = *this;
  result.contrast_ = contrast;
  return result;
}

InPlaneLikelihood::Image InPlaneLikelihood::read(std::size_t image, std::int64_t draw) const {
  const Pose& given = images_.images().table().records[image].pose;
  std::vector<Eigen::Vector2d> origins = even_shifts(
      shifts_,
      integral_.shift_sigma_angstrom,
      {integral_.seed, StreamPurpose::FlowShift, static_cast<std::uint64_t>(draw), image});
  for (Eigen::Vector2d& origin : origins) {
    origin += given.shift_angstrom;
  }
  EulerAngles angles = euler_angles(given.rotation);
  angles.psi_degree = 0;
  const std::array<std::size_t, 1> only{image};
  return {{rotation_matrix(angles), Eigen::Vector2d::Zero()},
          images_.read_centred(image, origins),
          images_.ring_transfers_squared(only)};
}

Eigen::MatrixXf InPlaneLikelihood::draw(const Image& image,
                                        const Eigen::MatrixXd& coordinates) const {
  constexpr Eigen::Index kPortion = 16;
  const PolarImageModel& model = images_.model();
  Eigen::MatrixXf drawings(model.size(), coordinates.cols());
  parallel_for(static_cast<std::size_t>((coordinates.cols() + kPortion - 1) / kPortion),
               [&](std::size_t portion) {
                 const auto workspace = model.workspace();
                 const Eigen::Index first = static_cast<Eigen::Index>(portion) * kPortion;
                 const Eigen::Index end = std::min(first + kPortion, coordinates.cols());
                 for (Eigen::Index i = first; i < end; ++i) {
                   model.draw(coordinates.col(i), image.view, *workspace, drawings.col(i));
                 }
               });
  return drawings;
}

SteeredLikelihood InPlaneLikelihood::likelihood(double temperature) const {
  return {images_.model().basis().layout(), contrast_, temperature * variance_};
}

SteeredOperand InPlaneLikelihood::observed(const Image& image) const {
  const Eigen::Index shifts = image.filtered.cols();
  SteeredOperand operand;
  operand.images = image.filtered;
  operand.factors = image.transfer_power.cast<float>().replicate(1, shifts);
  operand.offsets = Eigen::VectorXd::Constant(shifts, -std::log(static_cast<double>(shifts)));
  return operand;
}

Eigen::VectorXd InPlaneLikelihood::log_likelihoods(const Image& image,
                                                   const Eigen::MatrixXf& drawings,
                                                   double temperature) const {
  return engine_.log_sums(
      images_.model().basis().layout(),
      likelihood(temperature).drawings(drawings, Eigen::VectorXd::Zero(drawings.cols())),
      observed(image),
      {.angles = integral_.angles});
}

InPlaneLikelihood::Means InPlaneLikelihood::means(const Image& image,
                                                  const Eigen::MatrixXf& drawings,
                                                  const Eigen::VectorXd& log_likelihoods,
                                                  const Eigen::VectorXd& shares,
                                                  double temperature) const {
  const PolarLayout& layout = images_.model().basis().layout();
  const SteeredLikelihood likelihood = this->likelihood(temperature);
  // The sum over shifts and the mean over angles of exp(E / temperature + offset) is the share.
  const SteeredOperand drawn =
      likelihood.drawings(drawings, shares.array().log() - log_likelihoods.array());
  const SteeredResult result =
      engine_.evaluate(layout, drawn, observed(image), {.angles = integral_.angles});
  // Of E / temperature by x: contrast / (temperature v) (R z - contrast C^2 x).
  Means means;
  means.gradient = likelihood.per_variance().cast<float>().asDiagonal() *
                   (result.images_gradient.cast<float>() -
                    static_cast<float>(contrast_) *
                        on_coefficients(layout, result.factors_gradient).cwiseProduct(drawings));
  means.overlap =
      temperature * drawn.images.cast<double>().cwiseProduct(result.images_gradient).sum();
  means.norm =
      -2 * temperature * drawn.factors.cast<double>().cwiseProduct(result.factors_gradient).sum();
  return means;
}

int choose_angles(const InPlaneLikelihood& likelihood,
                  const Ensemble& ensemble,
                  Progress& progress,
                  std::size_t max_images) {
  constexpr std::array<int, 5> kChoices = {72, 144, 288, 576, 1152};
  constexpr double kTolerance = 0.02;
  const std::vector<std::size_t> some = spread(likelihood.images().images().size(), max_images);
  const ProgressStage stage(progress, "choosing the angles", some.size());
  // Of as many angles as the choice and twice as many: mean change of the log evidence.
  std::array<double, kChoices.size()> changes{};
  for (std::size_t u = 0; u < some.size(); ++u) {
    const InPlaneLikelihood::Image image = likelihood.read(some[u], 0);
    const Eigen::MatrixXf drawings = likelihood.draw(image, ensemble.coordinates);
    double before = 0;
    for (std::size_t choice = 0; choice < kChoices.size(); ++choice) {
      const double now =
          responsibilities(
              likelihood.with_angles(kChoices[choice]).log_likelihoods(image, drawings),
              ensemble.weights,
              1)
              .log_evidence;
      if (choice > 0) {
        changes[choice - 1] += std::abs(now - before) / static_cast<double>(some.size());
      }
      before = now;
    }
    progress.advance(u + 1);
  }
  std::size_t chosen = 0;
  while (chosen + 1 < kChoices.size() && changes[chosen] >= kTolerance) {
    ++chosen;
  }
  return kChoices[chosen];
}

double choose_initial_temperature(const InPlaneLikelihood& likelihood,
                                  const Ensemble& ensemble,
                                  Progress& progress,
                                  std::size_t max_images) {
  constexpr double kNearlyAll = 0.95;
  constexpr std::size_t kDoublings = 20;
  const std::vector<std::size_t> some = spread(likelihood.images().images().size(), max_images);
  const ProgressStage stage(progress, "choosing the temperature", some.size());
  // At the temperatures 1, 2, 4, ..: the share of the ensemble, mean over images.
  std::array<double, kDoublings + 1> shares{};
  for (std::size_t u = 0; u < some.size(); ++u) {
    const InPlaneLikelihood::Image image = likelihood.read(some[u], 0);
    const Eigen::MatrixXf drawings = likelihood.draw(image, ensemble.coordinates);
    double share = 0;
    for (std::size_t k = 0; k <= kDoublings; ++k) {
      if (share < kNearlyAll) {
        const Eigen::VectorXd logs =
            likelihood.log_likelihoods(image, drawings, std::exp2(static_cast<double>(k)));
        share = ensemble.weights.squaredNorm() /
                responsibilities(logs, ensemble.weights, 1).values.squaredNorm();
      }
      shares[k] += share / static_cast<double>(some.size());
    }
    progress.advance(u + 1);
  }
  std::size_t above = 0;
  while (above < kDoublings && shares[above] < kFirstPosteriorShare) {
    ++above;
  }
  if (above == 0) {
    return 1;
  }
  const double step = std::log(shares[above] / shares[above - 1]);
  const double part =
      step > 0 ? std::min(1.0, std::log(kFirstPosteriorShare / shares[above - 1]) / step) : 1;
  return std::exp2(static_cast<double>(above - 1) + part);
}

}  // namespace cryosip

#include "libcryosip/flow/pose_slack.hpp"

#include <algorithm>
#include <limits>
#include <utility>
#include <vector>

#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

constexpr Eigen::Index kFew = 12;  // conformations that tell the pose
constexpr int kRounds = 3;         // of searching; the last only linearises
// Of central differences, small beside the finest detail and large beside rounding.
constexpr double kTurnStepDegree = 0.25;
constexpr double kShiftStepAngstrom = 0.2;
// Of one Gauss-Newton step, in standard deviations of the error.
constexpr double kLongestStep = 2;

// The pose at errors u, in standard deviations: turns first, then shifts; those without error are
// not among them.
class PoseErrorLaw {
 public:
  explicit PoseErrorLaw(const PoseError& error)
      : turn_radian_(error.angle_degree * kRadianPerDegree),
        shift_angstrom_(error.shift_angstrom),
        turns_(error.angle_degree > 0 ? 3 : 0),
        shifts_(error.shift_angstrom > 0 ? 2 : 0) {}

  [[nodiscard]] Eigen::Index dimension() const { return turns_ + shifts_; }
  [[nodiscard]] Pose at(const Pose& given, const Eigen::VectorXd& u) const {
    Eigen::Vector3d turn = Eigen::Vector3d::Zero();
    Eigen::Vector2d shift = Eigen::Vector2d::Zero();
    turn.head(turns_) = turn_radian_ * u.head(turns_);
    shift.head(shifts_) = shift_angstrom_ * u.tail(shifts_);
    return displaced(given, turn, shift);
  }
  // Step of differences along the error number k.
  [[nodiscard]] double step(Eigen::Index k) const {
    return k < turns_ ? kTurnStepDegree * kRadianPerDegree / turn_radian_
                      : kShiftStepAngstrom / shift_angstrom_;
  }

 private:
  double turn_radian_;
  double shift_angstrom_;
  Eigen::Index turns_;
  Eigen::Index shifts_;
};

}  // namespace

ImageView view_of(const ImageModel& model,
                  const Ensemble& ensemble,
                  const ObservedImage& image,
                  const PoseError& error,
                  double temperature,
                  std::size_t first) {
  const auto likelihood = [&](PoseSlack slack) {
    return ImageLikelihood(
        image.coefficients, image.transfer, image.noise_variance, std::move(slack));
  };
  if (!error.any()) {
    return {image.pose, likelihood({})};
  }
  const PoseErrorLaw law(error);
  const Eigen::Index few = std::min(kFew, ensemble.size());
  const Eigen::Index stride = ensemble.size() / few;
  const auto workspace = model.workspace();
  Eigen::VectorXf drawn(model.size());
  Eigen::VectorXf other(model.size());
  PoseSlack slack{Eigen::MatrixXf::Zero(model.size(), law.dimension()),
                  Eigen::VectorXd::Zero(law.dimension())};
  for (int round = 0; round < kRounds; ++round) {
    std::vector<PoseSlack> own(static_cast<std::size_t>(few), slack);
    Eigen::MatrixXd poses(law.dimension(), few);
    Eigen::VectorXd log_likelihoods(few);
    Eigen::VectorXd weights(few);
    for (Eigen::Index f = 0; f < few; ++f) {
      const Eigen::Index i = (static_cast<Eigen::Index>(first) + f * stride) % ensemble.size();
      const auto draw = [&](const Eigen::VectorXd& u, Eigen::VectorXf& into) {
        model.draw(ensemble.coordinates.col(i), law.at(image.pose, u), *workspace, into);
      };
      PoseSlack& at = own[static_cast<std::size_t>(f)];
      for (Eigen::Index k = 0; k < law.dimension(); ++k) {
        const double step = law.step(k);
        const Eigen::VectorXd along = step * Eigen::VectorXd::Unit(law.dimension(), k);
        draw(slack.offset + along, drawn);
        draw(slack.offset - along, other);
        at.directions.col(k) = (drawn - other) / static_cast<float>(2 * step);
      }
      draw(slack.offset, drawn);
      const ImageLikelihood own_likelihood = likelihood(at);
      log_likelihoods(f) = own_likelihood.log_likelihood(drawn);
      poses.col(f) = own_likelihood.pose(drawn);
      // One of weight 0 may be all there is.
      weights(f) = std::max(ensemble.weights(i), std::numeric_limits<double>::min());
    }
    const Eigen::VectorXd posterior =
        responsibilities(log_likelihoods, weights, temperature).values;
    if (round + 1 < kRounds) {
      const Eigen::VectorXd step = poses * posterior - slack.offset;
      slack.offset += std::min(1.0, kLongestStep / std::max(step.norm(), 1e-12)) * step;
    } else {
      slack.directions.setZero();
      for (Eigen::Index f = 0; f < few; ++f) {
        slack.directions +=
            static_cast<float>(posterior(f)) * own[static_cast<std::size_t>(f)].directions;
      }
    }
  }
  const Pose pose = law.at(image.pose, slack.offset);
  return {pose, likelihood(std::move(slack))};
}

}  // namespace cryosip

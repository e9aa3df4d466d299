#include "libcryosip/discrepancy/likelihood.hpp"

#include <cmath>
#include <limits>
#include <utility>

#include <Eigen/Cholesky>

#include "formats/error.hpp"

namespace cryosip {

ImageLikelihood::ImageLikelihood(const Eigen::VectorXf& observed,
                                 const Eigen::VectorXf& transfer,
                                 double noise_variance,
                                 PoseSlack slack)
    : transfer_squared_((transfer.cast<double>().cwiseAbs2() / noise_variance).cast<float>()),
      filtered_((transfer.cast<double>().cwiseProduct(observed.cast<double>()) / noise_variance)
                    .cast<float>()),
      slack_(std::move(slack)) {
  const Eigen::Index count = slack_.directions.cols();
  if (count == 0) {
    return;
  }
  const Eigen::MatrixXd directions = slack_.directions.cast<double>();
  filtered_directions_ = transfer_squared_.asDiagonal() * slack_.directions;
  image_overlaps_ = directions.transpose() * filtered_.cast<double>();
  information_ =
      directions.transpose() * transfer_squared_.cast<double>().asDiagonal() * directions;
  const Eigen::MatrixXd precision = information_ + Eigen::MatrixXd::Identity(count, count);
  const Eigen::LLT<Eigen::MatrixXd> factors(precision);
  covariance_ = factors.solve(Eigen::MatrixXd::Identity(count, count));
  spread_norm_ = information_.cwiseProduct(covariance_).sum();
  const double half_log_det = factors.matrixLLT().diagonal().array().log().sum();
  spread_divergence_ = 0.5 * (covariance_.trace() - static_cast<double>(count)) + half_log_det;
}

Eigen::VectorXd ImageLikelihood::pose_step(const Eigen::VectorXd& drawing_overlaps) const {
  return covariance_ * (image_overlaps_ - drawing_overlaps - slack_.offset);
}

Eigen::VectorXd ImageLikelihood::pose(const Eigen::Ref<const Eigen::VectorXf>& simulated) const {
  return slack_.offset + pose_step((filtered_directions_.transpose() * simulated).cast<double>());
}

ImageLikelihood::Fit ImageLikelihood::fit(
    const Eigen::Ref<const Eigen::VectorXf>& simulated) const {
  Fit fit{simulated.dot(filtered_), simulated.cwiseAbs2().dot(transfer_squared_)};
  if (slack_.directions.cols() > 0) {
    const Eigen::VectorXd drawing_overlaps =
        (filtered_directions_.transpose() * simulated).cast<double>();
    const Eigen::VectorXd step = pose_step(drawing_overlaps);
    fit.overlap += step.dot(image_overlaps_);
    fit.norm += 2 * step.dot(drawing_overlaps) + step.dot(information_ * step) + spread_norm_;
    fit.divergence = 0.5 * (slack_.offset + step).squaredNorm() + spread_divergence_;
  }
  return fit;
}

void ImageLikelihood::gradient(const Eigen::Ref<const Eigen::VectorXf>& simulated,
                               double factor,
                               Eigen::Ref<Eigen::VectorXf> result) const {
  result.array() = filtered_.array() - transfer_squared_.array() * simulated.array();
  if (slack_.directions.cols() > 0) {
    result -= filtered_directions_ * (pose(simulated) - slack_.offset).cast<float>();
  }
  result *= static_cast<float>(factor);
}

Responsibilities responsibilities(const Eigen::VectorXd& log_likelihoods,
                                  const Eigen::VectorXd& weights,
                                  double temperature) {
  // A conformation of weight 0 explains nothing, whatever its likelihood.
  const Eigen::VectorXd scaled =
      (weights.array() > 0)
          .select(
              log_likelihoods / temperature,
              Eigen::VectorXd::Constant(weights.size(), -std::numeric_limits<double>::infinity()));
  const double largest = scaled.maxCoeff();
  Responsibilities result;
  result.values = weights.array() * (scaled.array() - largest).exp();
  const double sum = result.values.sum();
  result.values /= sum;
  result.log_evidence = largest + std::log(sum);
  return result;
}

template <typename Scalar>
DiscrepancyResult drawn_pose_likelihood(const PairEngine<Scalar>& engine,
                                        const SimulatedImages<Scalar>& simulated,
                                        const Eigen::MatrixX<Scalar>& observed,
                                        const Eigen::MatrixX<Scalar>& transfer,
                                        double noise_variance,
                                        double temperature) {
  check_sample(simulated, observed);
  const double variance = temperature * noise_variance;
  if (transfer.rows() != observed.rows() || transfer.cols() != observed.cols() ||
      !(noise_variance > 0) || !(temperature > 0) || !std::isfinite(variance)) {
    throw Error(ErrorKind::Usage,
                "likelihood: expected a transfer factor for every observed coefficient, and a "
                "positive noise variance and temperature");
  }
  const LikelihoodSums sums =
      engine.likelihood(simulated.images, simulated.weights, observed, transfer, variance);
  const auto count = static_cast<double>(observed.cols());
  DiscrepancyResult result;
  result.value = -sums.log_evidence.mean();
  result.first_variation = -sums.share / count;
  result.gradient = -sums.pull / count;
  return result;
}

template DiscrepancyResult drawn_pose_likelihood(const PairEngine<float>&,
                                                 const SimulatedImages<float>&,
                                                 const Eigen::MatrixXf&,
                                                 const Eigen::MatrixXf&,
                                                 double,
                                                 double);
template DiscrepancyResult drawn_pose_likelihood(const PairEngine<double>&,
                                                 const SimulatedImages<double>&,
                                                 const Eigen::MatrixXd&,
                                                 const Eigen::MatrixXd&,
                                                 double,
                                                 double);

}  // namespace cryosip

#include "libcryosip/discrepancy/likelihood.hpp"

#include <cmath>
#include <limits>

#include "formats/error.hpp"

namespace cryosip {

ImageLikelihood::ImageLikelihood(const Eigen::VectorXf& observed,
                                 const Eigen::VectorXf& transfer,
                                 double noise_variance)
    : transfer_squared_((transfer.cast<double>().cwiseAbs2() / noise_variance).cast<float>()),
      filtered_((transfer.cast<double>().cwiseProduct(observed.cast<double>()) / noise_variance)
                    .cast<float>()) {}

ImageLikelihood::Fit ImageLikelihood::fit(
    const Eigen::Ref<const Eigen::VectorXf>& simulated) const {
  return {simulated.dot(filtered_), simulated.cwiseAbs2().dot(transfer_squared_)};
}

void ImageLikelihood::gradient(const Eigen::Ref<const Eigen::VectorXf>& simulated,
                               double factor,
                               Eigen::Ref<Eigen::VectorXf> result) const {
  result.array() = static_cast<float>(factor) *
                   (filtered_.array() - transfer_squared_.array() * simulated.array());
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

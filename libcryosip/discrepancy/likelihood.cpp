#include "libcryosip/discrepancy/likelihood.hpp"

#include <cmath>
#include <limits>

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

}  // namespace cryosip

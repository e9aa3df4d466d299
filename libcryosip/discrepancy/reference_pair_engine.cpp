#include "libcryosip/discrepancy/pair_engine.hpp"
#include "libcryosip/discrepancy/pair_kernel.hpp"

namespace cryosip {

PairResult ReferencePairEngine::evaluate(const Eigen::MatrixXf& simulated,
                                         const Eigen::VectorXd& weights,
                                         const Eigen::MatrixXf& observed,
                                         const PairKernelOptions& options) const {
  return evaluate(Eigen::MatrixXd(simulated.cast<double>()),
                  weights,
                  Eigen::MatrixXd(observed.cast<double>()),
                  options);
}

PairResult ReferencePairEngine::evaluate(const Eigen::MatrixXd& simulated,
                                         const Eigen::VectorXd& weights,
                                         const Eigen::MatrixXd& observed,
                                         const PairKernelOptions& options) {
  check_pair_shapes(simulated.rows(), simulated.cols(), weights, observed.rows(), observed.cols());
  const Eigen::Index n = simulated.cols();
  const Eigen::Index m = observed.cols();
  const PairTerm cross(options, NoisySides::One, simulated.rows());
  const PairTerm self(options, NoisySides::Two, simulated.rows());
  // Weighted analogue of n (n - 1): what is left of 1 without the pairs of an image with itself.
  const double distinct = 1 - weights.squaredNorm();
  PairResult result;
  result.gradient = Eigen::MatrixXd::Zero(simulated.rows(), n);
  for (Eigen::Index i = 0; i < n; ++i) {
    for (Eigen::Index j = 0; j < m; ++j) {
      const Eigen::VectorXd apart = simulated.col(i) - observed.col(j);
      const PairTerm::Value value = cross(apart.squaredNorm());
      const double weight = 2 * weights(i) / static_cast<double>(m);
      result.value += weight * value.term;
      result.gradient.col(i) += weight * 2 * value.by_square * apart;
    }
    for (Eigen::Index other = 0; other < n; ++other) {
      if (other == i) {
        continue;
      }
      const Eigen::VectorXd apart = simulated.col(i) - simulated.col(other);
      const PairTerm::Value value = self(apart.squaredNorm());
      const double weight = weights(i) * weights(other) / distinct;
      result.value -= weight * value.term;
      // Once as the first of the pair, once as the second.
      result.gradient.col(i) -= 2 * weight * 2 * value.by_square * apart;
    }
  }
  return result;
}

double observed_self_term(const Eigen::MatrixXd& observed, const PairKernelOptions& options) {
  PairKernelOptions as_drawn = options;
  // Both images carry their noise already; only the common height of the Gaussian is left.
  as_drawn.noise_variance = 0;
  double log_height = 0;
  if (options.kernel == PairKernel::Gaussian) {
    const double h2 = options.bandwidth * options.bandwidth;
    log_height = static_cast<double>(observed.rows()) / 2 * std::log1p(options.noise_variance / h2);
  }
  const PairTerm term(as_drawn, NoisySides::One, observed.rows());
  const Eigen::Index m = observed.cols();
  double sum = 0;
  for (Eigen::Index j = 0; j < m; ++j) {
    for (Eigen::Index other = 0; other < j; ++other) {
      sum += 2 * term((observed.col(j) - observed.col(other)).squaredNorm()).term;
    }
  }
  return -sum * std::exp(log_height) / (static_cast<double>(m) * static_cast<double>(m - 1));
}

}  // namespace cryosip

#include <cmath>
#include <limits>

#include "libcryosip/discrepancy/pair_engine.hpp"

namespace cryosip {

template <typename Scalar>
PairSums ReferencePairEngine<Scalar>::kernel_sums(const PairProblem<Scalar>& problem,
                                                  const PairFunction& kernel,
                                                  bool with_gradient) const {
  const Eigen::MatrixXd points = problem.points.template cast<double>();
  const Eigen::MatrixXd partners = problem.partners.template cast<double>();
  PairSums sums;
  sums.value = Eigen::VectorXd::Zero(points.cols());
  if (with_gradient) {
    sums.gradient = Eigen::MatrixXd::Zero(points.rows(), points.cols());
  }
  for (Eigen::Index i = 0; i < points.cols(); ++i) {
    for (Eigen::Index j = 0; j < partners.cols(); ++j) {
      if (problem.exclusions.leave_out(i, j)) {
        continue;
      }
      const Eigen::VectorXd apart = points.col(i) - partners.col(j);
      const PairFunction::Value k = kernel(apart.squaredNorm());
      sums.value(i) += problem.weights(j) * k.value;
      if (with_gradient) {
        sums.gradient.col(i) += problem.weights(j) * 2 * k.slope * apart;
      }
    }
  }
  return sums;
}

template <typename Scalar>
PairSums ReferencePairEngine<Scalar>::log_gaussian_sums(const PairProblem<Scalar>& problem,
                                                        double variance) const {
  const Eigen::MatrixXd points = problem.points.template cast<double>();
  const Eigen::MatrixXd partners = problem.partners.template cast<double>();
  PairSums sums;
  sums.value.resize(points.cols());
  sums.gradient = Eigen::MatrixXd::Zero(points.rows(), points.cols());
  for (Eigen::Index i = 0; i < points.cols(); ++i) {
    Eigen::VectorXd logs(partners.cols());
    for (Eigen::Index j = 0; j < partners.cols(); ++j) {
      logs(j) = problem.exclusions.leave_out(i, j)
                    ? -std::numeric_limits<double>::infinity()
                    : std::log(problem.weights(j)) -
                          (points.col(i) - partners.col(j)).squaredNorm() / (2 * variance);
    }
    const double largest = logs.maxCoeff();
    if (!(largest > -std::numeric_limits<double>::infinity())) {
      sums.value(i) = largest;
      continue;
    }
    const Eigen::VectorXd shares = (logs.array() - largest).exp();
    sums.value(i) = largest + std::log(shares.sum());
    for (Eigen::Index j = 0; j < partners.cols(); ++j) {
      sums.gradient.col(i) +=
          shares(j) / shares.sum() * (partners.col(j) - points.col(i)) / variance;
    }
  }
  return sums;
}

template <typename Scalar>
LikelihoodSums ReferencePairEngine<Scalar>::likelihood(const Eigen::MatrixX<Scalar>& images,
                                                       const Eigen::VectorXd& weights,
                                                       const Eigen::MatrixX<Scalar>& observed,
                                                       const Eigen::MatrixX<Scalar>& transfer,
                                                       double variance) const {
  const Eigen::MatrixXd& x = images.template cast<double>();
  const Eigen::MatrixXd& y = observed.template cast<double>();
  const Eigen::MatrixXd& c = transfer.template cast<double>();
  LikelihoodSums sums;
  sums.log_evidence.resize(y.cols());
  sums.share = Eigen::VectorXd::Zero(x.cols());
  sums.pull = Eigen::MatrixXd::Zero(x.rows(), x.cols());
  for (Eigen::Index j = 0; j < y.cols(); ++j) {
    const Eigen::MatrixXd missing = (-(c.col(j).asDiagonal() * x)).colwise() + y.col(j);
    const Eigen::VectorXd logs =
        weights.array().log() -
        missing.colwise().squaredNorm().transpose().array() / (2 * variance);
    const double largest = logs.maxCoeff();
    sums.log_evidence(j) = largest + std::log((logs.array() - largest).exp().sum());
    for (Eigen::Index i = 0; i < x.cols(); ++i) {
      if (weights(i) > 0) {
        const double share = std::exp(logs(i) - sums.log_evidence(j)) / weights(i);
        sums.share(i) += share;
        sums.pull.col(i) += share * c.col(j).cwiseProduct(missing.col(i)) / variance;
      }
    }
  }
  return sums;
}

template class ReferencePairEngine<float>;
template class ReferencePairEngine<double>;

}  // namespace cryosip

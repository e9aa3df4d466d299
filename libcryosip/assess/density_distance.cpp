#include "libcryosip/assess/density_distance.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <string>

#include "formats/error.hpp"
#include "libcryosip/assess/density.hpp"
#include "libcryosip/assess/weighted_points.hpp"
#include "libcryosip/core/parallel.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

struct KernelEstimate {
  KernelEstimate(const Eigen::MatrixXd& all, const Eigen::VectorXd& given_weights)
      : points(all),
        weights(normalised_weights(all.cols(), given_weights)),
        bandwidths(silverman_bandwidths(points, weights)) {
    if (!(bandwidths.minCoeff() > 0)) {
      throw Error(ErrorKind::Numerical, "a density of points that all coincide in a coordinate");
    }
  }

  [[nodiscard]] Eigen::VectorXd log_at(const Eigen::MatrixXd& at) const {
    return log_kernel_density(points, weights, bandwidths, at);
  }

  Eigen::MatrixXd points;
  Eigen::VectorXd weights;
  Eigen::VectorXd bandwidths;
};

// A grid over all that an integral over densities may need.
class Range {
 public:
  explicit Range(double places_a_bandwidth) : places_a_bandwidth_(places_a_bandwidth) {}

  void cover(const KernelEstimate& of) {
    constexpr double kReach = 8;  // bandwidths: a Gaussian has 1e-15 beyond
    const double h = of.bandwidths(0);
    low_ = std::min(low_, of.points.minCoeff() - kReach * h);
    high_ = std::max(high_, of.points.maxCoeff() + kReach * h);
    spacing_ = std::min(spacing_, h / places_a_bandwidth_);
  }
  [[nodiscard]] Eigen::RowVectorXd grid() const {
    constexpr double kMost = 1 << 16;
    const double places = std::min(std::ceil((high_ - low_) / spacing_) + 1, kMost);
    return Eigen::RowVectorXd::LinSpaced(static_cast<Index>(places), low_, high_);
  }

 private:
  double places_a_bandwidth_;
  double low_ = std::numeric_limits<double>::infinity();
  double high_ = -std::numeric_limits<double>::infinity();
  double spacing_ = std::numeric_limits<double>::infinity();
};

double spacing_of(const Eigen::RowVectorXd& grid) {
  return grid(1) - grid(0);
}

}  // namespace

Eigen::VectorXd log_kernel_density(const Eigen::MatrixXd& points,
                                   const Eigen::VectorXd& weights,
                                   const Eigen::VectorXd& bandwidths,
                                   const Eigen::MatrixXd& at) {
  const Eigen::MatrixXd scaled = bandwidths.cwiseInverse().asDiagonal() * points;
  const Eigen::MatrixXd places = bandwidths.cwiseInverse().asDiagonal() * at;
  const Eigen::ArrayXd log_weights = weights.array().log();
  const double log_height =
      -bandwidths.array().log().sum() -
      0.5 * static_cast<double>(points.rows()) * std::log(2 * std::numbers::pi);
  Eigen::VectorXd logs(at.cols());
  parallel_for(static_cast<std::size_t>(at.cols()), [&](std::size_t place) {
    const auto g = static_cast<Index>(place);
    const Eigen::ArrayXd exponents =
        log_weights -
        0.5 * (scaled.colwise() - places.col(g)).colwise().squaredNorm().transpose().array();
    const double most = exponents.maxCoeff();
    logs(g) = log_height + most + std::log((exponents - most).exp().sum());
  });
  return logs;
}

double kernel_kl_divergence(const Eigen::MatrixXd& p,
                            const Eigen::VectorXd& p_weights,
                            const Eigen::MatrixXd& q,
                            const Eigen::VectorXd& q_weights) {
  if (p.rows() != q.rows()) {
    throw Error(ErrorKind::Usage,
                "densities of " + std::to_string(p.rows()) + " and of " + std::to_string(q.rows()) +
                    " coordinates have no divergence");
  }
  const KernelEstimate of_p(p, p_weights);
  const KernelEstimate of_q(q, q_weights);
  if (p.rows() == 1) {
    Range range(8);  // of a smooth function the trapezoidal rule then has every digit
    range.cover(of_p);
    const Eigen::RowVectorXd grid = range.grid();
    const Eigen::ArrayXd log_p = of_p.log_at(grid).array();
    return spacing_of(grid) * (log_p.exp() * (log_p - of_q.log_at(grid).array())).sum();
  }
  // p at its own points, without the one that is there.
  const double log_height = -of_p.bandwidths.array().log().sum() -
                            0.5 * static_cast<double>(p.rows()) * std::log(2 * std::numbers::pi);
  const Eigen::ArrayXd with_self = of_p.log_at(p).array();
  const Eigen::ArrayXd self_share = (of_p.weights.array().log() + log_height - with_self).exp();
  const Eigen::ArrayXd log_p = with_self +
                               (1 - self_share).max(std::numeric_limits<double>::min()).log() -
                               (1 - of_p.weights.array()).log();
  return (of_p.weights.array() > 0)
      .select(of_p.weights.array() * (log_p - of_q.log_at(p).array()), 0.0)
      .sum();
}

double kernel_total_variation(const Eigen::VectorXd& p,
                              const Eigen::VectorXd& p_weights,
                              const Eigen::VectorXd& q,
                              const Eigen::VectorXd& q_weights) {
  const KernelEstimate of_p(p.transpose(), p_weights);
  const KernelEstimate of_q(q.transpose(), q_weights);
  Range range(64);  // |p - q| has corners
  range.cover(of_p);
  range.cover(of_q);
  const Eigen::RowVectorXd grid = range.grid();
  const Eigen::ArrayXd difference =
      of_p.log_at(grid).array().exp() - of_q.log_at(grid).array().exp();
  return 0.5 * spacing_of(grid) * difference.abs().sum();
}

}  // namespace cryosip

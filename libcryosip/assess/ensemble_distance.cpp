#include "libcryosip/assess/ensemble_distance.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "formats/error.hpp"
#include "libcryosip/assess/weighted_points.hpp"
#include "libcryosip/core/parallel.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// sum_ij a_weights(i) b_weights(j) |a_i - b_j|
double mean_distance(const Eigen::MatrixXd& a,
                     const Eigen::VectorXd& a_weights,
                     const Eigen::MatrixXd& b,
                     const Eigen::VectorXd& b_weights) {
  return parallel_sum(static_cast<std::size_t>(a.cols()), [&](std::size_t row) {
    const auto i = static_cast<Index>(row);
    double sum = 0;
    for (Index j = 0; j < b.cols(); ++j) {
      sum += b_weights(j) * (a.col(i) - b.col(j)).norm();
    }
    return a_weights(i) * sum;
  });
}

// On the line the energy distance is 2 integral (F - G)^2, F and G the distribution functions.
double energy_distance_1d(const Eigen::VectorXd& a,
                          const Eigen::VectorXd& a_weights,
                          const Eigen::VectorXd& b,
                          const Eigen::VectorXd& b_weights) {
  Eigen::VectorXd points(a.size() + b.size());
  points << a, b;
  Eigen::VectorXd steps(points.size());
  steps << a_weights, -b_weights;
  const std::vector<Index> order = ascending(points);
  double difference = 0;
  double integral = 0;
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    difference += steps(order[i]);
    integral += difference * difference * (points(order[i + 1]) - points(order[i]));
  }
  return 2 * integral;
}

}  // namespace

double wasserstein_1d(const Eigen::VectorXd& a,
                      const Eigen::VectorXd& a_weights,
                      const Eigen::VectorXd& b,
                      const Eigen::VectorXd& b_weights,
                      double order) {
  if (!(order >= 1) || !std::isfinite(order)) {
    throw Error(ErrorKind::Usage,
                "Wasserstein distance of order " + std::to_string(order) + ", expected >= 1");
  }
  const Eigen::VectorXd u = normalised_weights(a.size(), a_weights);
  const Eigen::VectorXd v = normalised_weights(b.size(), b_weights);
  const std::vector<Index> by_a = ascending(a);
  const std::vector<Index> by_b = ascending(b);

  // Both quantile functions are steps: walk along t, to the next step of either.
  double integral = 0;
  double left_a = u(by_a[0]);
  double left_b = v(by_b[0]);
  for (std::size_t i = 0, j = 0; i < by_a.size() && j < by_b.size();) {
    const double width = std::min(left_a, left_b);
    integral += width * std::pow(std::abs(a(by_a[i]) - b(by_b[j])), order);
    left_a -= width;
    left_b -= width;
    if (left_a <= 0 && ++i < by_a.size()) {
      left_a = u(by_a[i]);
    }
    if (left_b <= 0 && ++j < by_b.size()) {
      left_b = v(by_b[j]);
    }
  }
  return std::pow(integral, 1 / order);
}

double energy_distance(const Eigen::MatrixXd& a,
                       const Eigen::VectorXd& a_weights,
                       const Eigen::MatrixXd& b,
                       const Eigen::VectorXd& b_weights) {
  const Eigen::VectorXd u = normalised_weights(a.cols(), a_weights);
  const Eigen::VectorXd v = normalised_weights(b.cols(), b_weights);
  if (a.rows() != b.rows()) {
    throw Error(ErrorKind::Usage,
                "points of " + std::to_string(a.rows()) + " and of " + std::to_string(b.rows()) +
                    " coordinates have no distance");
  }
  if (a.rows() == 1) {
    return energy_distance_1d(a.transpose(), u, b.transpose(), v);
  }
  const double distance =
      2 * mean_distance(a, u, b, v) - mean_distance(a, u, a, u) - mean_distance(b, v, b, v);
  return std::max(distance, 0.0);  // below 0 by rounding alone
}

}  // namespace cryosip

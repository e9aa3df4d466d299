#include "libcryosip/assess/ensemble_distance.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "formats/error.hpp"
#include "libcryosip/assess/optimal_transport.hpp"
#include "libcryosip/assess/weighted_points.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// sum_ij a_weights(i) b_weights(j) value(|a_i - b_j|^2)
template <typename Value>
double mean_over_pairs(const Eigen::MatrixXd& a,
                       const Eigen::VectorXd& a_weights,
                       const Eigen::MatrixXd& b,
                       const Eigen::VectorXd& b_weights,
                       const Value& value) {
  return parallel_sum(static_cast<std::size_t>(a.cols()), [&](std::size_t row) {
    const auto i = static_cast<Index>(row);
    double sum = 0;
    for (Index j = 0; j < b.cols(); ++j) {
      sum += b_weights(j) * value((a.col(i) - b.col(j)).squaredNorm());
    }
    return a_weights(i) * sum;
  });
}

void check_coordinates(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b) {
  if (a.rows() != b.rows()) {
    throw Error(ErrorKind::Usage,
                "points of " + std::to_string(a.rows()) + " and of " + std::to_string(b.rows()) +
                    " coordinates have no distance");
  }
}

void check_order(double order) {
  if (!(order >= 1) || !std::isfinite(order)) {
    throw Error(ErrorKind::Usage,
                "Wasserstein distance of order " + std::to_string(order) + ", expected >= 1");
  }
}

// A mean over pairs of one set, of which those of a point with itself gave `self` each, without
// them.
double without_self(double mean, double self, const Eigen::VectorXd& weights) {
  const double of_self = weights.squaredNorm();
  if (!(of_self < 1)) {
    throw Error(ErrorKind::Usage, "a sample of one point has no pairs");
  }
  return (mean - self * of_self) / (1 - of_self);
}

// E|a-a'| on the line: 2 integral F (1 - F).
double mean_distance_1d(const Eigen::VectorXd& points, const Eigen::VectorXd& weights) {
  const std::vector<Index> order = ascending(points);
  double level = 0;
  double integral = 0;
  for (std::size_t i = 0; i + 1 < order.size(); ++i) {
    level += weights(order[i]);
    integral += level * (1 - level) * (points(order[i + 1]) - points(order[i]));
  }
  return 2 * integral;
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
  check_order(order);
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

double wasserstein(const Eigen::MatrixXd& a,
                   const Eigen::VectorXd& a_weights,
                   const Eigen::MatrixXd& b,
                   const Eigen::VectorXd& b_weights,
                   double order) {
  check_order(order);
  check_coordinates(a, b);
  if (a.rows() == 1) {
    return wasserstein_1d(a.transpose(), a_weights, b.transpose(), b_weights, order);
  }
  Eigen::MatrixXd cost(a.cols(), b.cols());
  parallel_for(static_cast<std::size_t>(b.cols()), [&](std::size_t column) {
    const auto j = static_cast<Index>(column);
    cost.col(j) = (a.colwise() - b.col(j)).colwise().norm().array().pow(order).transpose();
  });
  // Where the measures are equal the rounding of costs may leave less than nothing.
  return std::pow(std::max(transport_cost(cost, a_weights, b_weights), 0.0), 1 / order);
}

Eigen::MatrixXd slice_directions(Index dimension, Index count, std::uint64_t seed) {
  if (dimension < 1 || count < 1) {
    throw Error(ErrorKind::Usage,
                std::to_string(count) + " directions in " + std::to_string(dimension) +
                    " dimensions, expected one at least");
  }
  Eigen::MatrixXd directions(dimension, count);
  for (Index s = 0; s < count; ++s) {
    RandomStream stream(seed, StreamPurpose::Slice, static_cast<std::uint64_t>(s));
    for (Index k = 0; k < dimension; ++k) {
      directions(k, s) = stream.normal();
    }
  }
  return directions.colwise().normalized();
}

double sliced_wasserstein(const Eigen::MatrixXd& a,
                          const Eigen::VectorXd& a_weights,
                          const Eigen::MatrixXd& b,
                          const Eigen::VectorXd& b_weights,
                          const Eigen::MatrixXd& directions,
                          double order) {
  check_order(order);
  check_coordinates(a, b);
  check_coordinates(a, directions);
  if (directions.cols() == 0) {
    throw Error(ErrorKind::Usage, "a sliced distance without directions");
  }
  const double sum =
      parallel_sum(static_cast<std::size_t>(directions.cols()), [&](std::size_t slice) {
        const auto direction = directions.col(static_cast<Index>(slice));
        return std::pow(
            wasserstein_1d(
                a.transpose() * direction, a_weights, b.transpose() * direction, b_weights, order),
            order);
      });
  return std::pow(sum / static_cast<double>(directions.cols()), 1 / order);
}

double energy_distance(const Eigen::MatrixXd& a,
                       const Eigen::VectorXd& a_weights,
                       const Eigen::MatrixXd& b,
                       const Eigen::VectorXd& b_weights,
                       SelfPairs self_pairs) {
  const Eigen::VectorXd u = normalised_weights(a.cols(), a_weights);
  const Eigen::VectorXd v = normalised_weights(b.cols(), b_weights);
  check_coordinates(a, b);
  const bool on_line = a.rows() == 1;
  if (on_line && self_pairs == SelfPairs::Kept) {
    return energy_distance_1d(a.transpose(), u, b.transpose(), v);
  }
  const auto distance = [](double square) { return std::sqrt(square); };
  const auto within = [&](const Eigen::MatrixXd& x, const Eigen::VectorXd& weights) {
    return on_line ? mean_distance_1d(x.transpose(), weights)
                   : mean_over_pairs(x, weights, x, weights, distance);
  };
  const double within_a = within(a, u);
  const double within_b = within(b, v);
  const double measures = on_line ? energy_distance_1d(a.transpose(), u, b.transpose(), v)
                                  : 2 * mean_over_pairs(a, u, b, v, distance) - within_a - within_b;
  if (self_pairs == SelfPairs::Kept) {
    return std::max(measures, 0.0);  // below 0 by rounding alone
  }
  return measures - (without_self(within_a, 0, u) - within_a) -
         (without_self(within_b, 0, v) - within_b);
}

double mmd2(const Eigen::MatrixXd& a,
            const Eigen::VectorXd& a_weights,
            const Eigen::MatrixXd& b,
            const Eigen::VectorXd& b_weights,
            double bandwidth,
            SelfPairs self_pairs) {
  const Eigen::VectorXd u = normalised_weights(a.cols(), a_weights);
  const Eigen::VectorXd v = normalised_weights(b.cols(), b_weights);
  check_coordinates(a, b);
  if (!(bandwidth > 0) || !std::isfinite(bandwidth)) {
    throw Error(ErrorKind::Usage,
                "kernel bandwidth " + std::to_string(bandwidth) + ", expected more than 0");
  }
  const double steepness = -0.5 / (bandwidth * bandwidth);
  const auto kernel = [=](double square) { return std::exp(steepness * square); };
  const auto within = [&](const Eigen::MatrixXd& x, const Eigen::VectorXd& weights) {
    const double mean = mean_over_pairs(x, weights, x, weights, kernel);
    return self_pairs == SelfPairs::Kept ? mean : without_self(mean, 1, weights);
  };
  const double value = within(a, u) + within(b, v) - 2 * mean_over_pairs(a, u, b, v, kernel);
  return self_pairs == SelfPairs::Kept ? std::max(value, 0.0) : value;
}

}  // namespace cryosip

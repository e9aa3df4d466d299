#include "libcryosip/assess/weighted_points.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>

#include "formats/error.hpp"

namespace cryosip {

using Index = Eigen::Index;

Eigen::VectorXd normalised_weights(Index points, const Eigen::VectorXd& weights) {
  if (points == 0 || weights.size() != points) {
    throw Error(ErrorKind::Usage,
                std::to_string(points) + " points with " + std::to_string(weights.size()) +
                    " weights, expected one each and at least one");
  }
  const double sum = weights.sum();
  if (!(weights.array() >= 0).all() || !(sum > 0) || !std::isfinite(sum)) {
    throw Error(ErrorKind::Usage,
                "weights that sum to " + std::to_string(sum) +
                    ", expected none negative and a sum more than 0");
  }
  return weights / sum;
}

double effective_sample_size(const Eigen::VectorXd& weights) {
  return weights.sum() * weights.sum() / weights.squaredNorm();
}

std::vector<Index> ascending(const Eigen::VectorXd& values) {
  std::vector<Index> order(static_cast<std::size_t>(values.size()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(
      order.begin(), order.end(), [&](Index i, Index j) { return values(i) < values(j); });
  return order;
}

}  // namespace cryosip

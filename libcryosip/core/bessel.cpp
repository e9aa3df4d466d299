#include "libcryosip/core/bessel.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

namespace cryosip {

void bessel_j(double x, std::span<double> values) {
  std::fill(values.begin(), values.end(), 0.0);
  if (values.empty()) {
    return;
  }
  if (x == 0) {
    values[0] = 1;
    return;
  }
  // Far enough above both x and the orders wanted that a wrong start has died out.
  const double top = std::max(x, static_cast<double>(values.size()));
  auto order = static_cast<std::size_t>(top + std::sqrt(60 * top) + 10);
  const double step = 2 / x;
  double above = 0;
  double here = 1e-290;
  double sum = 0;
  for (;; --order) {
    if (order < values.size()) {
      values[order] = here;
    }
    if (order % 2 == 0) {
      sum += order == 0 ? here : 2 * here;
    }
    if (order == 0) {
      break;
    }
    const double below = static_cast<double>(order) * step * here - above;
    above = here;
    here = below;
    constexpr double kLarge = 1e200;
    if (std::abs(here) > kLarge) {
      constexpr double kSmaller = 1e-250;
      here *= kSmaller;
      above *= kSmaller;
      sum *= kSmaller;
      for (double& value : values) {
        value *= kSmaller;
      }
    }
  }
  for (double& value : values) {
    value /= sum;
  }
}

}  // namespace cryosip

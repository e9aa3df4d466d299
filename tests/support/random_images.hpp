// Samples for tests of discrepancies, and their means.
#pragma once

#include <cmath>
#include <functional>
#include <random>

#include "libcryosip/core/random.hpp"
#include "libcryosip/discrepancy/sample.hpp"

namespace cryosip::testing {

inline Eigen::MatrixXd random_images(Eigen::Index size, Eigen::Index count, std::uint64_t index) {
  RandomStream stream(7, StreamPurpose::Test, index);
  return Eigen::MatrixXd::NullaryExpr(size, count, [&] { return stream.normal(); });
}

inline Eigen::VectorXd random_weights(Eigen::Index count, std::uint64_t index) {
  RandomStream stream(8, StreamPurpose::Test, index);
  const Eigen::VectorXd weights =
      Eigen::VectorXd::NullaryExpr(count, [&] { return stream.uniform(); });
  return weights / weights.sum();
}

/// Independent images of equal weight.
inline SimulatedImages<double> equally_weighted(const Eigen::MatrixXd& images) {
  return {.images = images,
          .weights = equal_weights(images.cols()),
          .conformation = {},
          .nuisance = {}};
}

struct Mean {
  double value = 0;
  double standard_error = 0;
};

inline Mean mean_of(int repeats, const std::function<double()>& draw) {
  double sum = 0;
  double squares = 0;
  for (int i = 0; i < repeats; ++i) {
    const double value = draw();
    sum += value;
    squares += value * value;
  }
  const double mean = sum / repeats;
  return {mean, std::sqrt((squares / repeats - mean * mean) / repeats)};
}

}  // namespace cryosip::testing

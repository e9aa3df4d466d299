#include "libcryosip/discrepancy/sample.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <string>

#include "formats/error.hpp"

namespace cryosip {
namespace {

using Labels = std::vector<int>;

// For every image, the weight of all with which it shares every one of the labellings.
Eigen::VectorXd weights_alike(const Eigen::VectorXd& weights,
                              const std::vector<const Labels*>& by) {
  std::vector<std::size_t> order(static_cast<std::size_t>(weights.size()));
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    for (const Labels* labels : by) {
      if ((*labels)[a] != (*labels)[b]) {
        return (*labels)[a] < (*labels)[b];
      }
    }
    return false;
  });
  const auto alike = [&](std::size_t a, std::size_t b) {
    return std::all_of(
        by.begin(), by.end(), [&](const Labels* labels) { return (*labels)[a] == (*labels)[b]; });
  };
  Eigen::VectorXd result(weights.size());
  for (auto first = order.begin(); first != order.end();) {
    const auto last =
        std::find_if(first, order.end(), [&](std::size_t other) { return !alike(*first, other); });
    double sum = 0;
    for (auto image = first; image != last; ++image) {
      sum += weights(static_cast<Eigen::Index>(*image));
    }
    for (; first != last; ++first) {
      result(static_cast<Eigen::Index>(*first)) = sum;
    }
  }
  return result;
}

}  // namespace

template <typename Scalar>
void check_sample(const SimulatedImages<Scalar>& simulated,
                  const Eigen::MatrixX<Scalar>& observed) {
  const Eigen::Index count = simulated.images.cols();
  if (count < 1 || observed.cols() < 1 || simulated.images.rows() != observed.rows() ||
      simulated.weights.size() != count) {
    throw Error(ErrorKind::Usage,
                "discrepancy: expected simulated images with a weight each, at least one observed "
                "image, and equal numbers of coefficients");
  }
  for (const Labels* labels : {&simulated.conformation, &simulated.nuisance}) {
    if (!labels->empty() && labels->size() != static_cast<std::size_t>(count)) {
      throw Error(
          ErrorKind::Usage,
          "discrepancy: expected a conformation and a nuisance for each simulated image, or "
          "none for all");
    }
  }
  // Weights come from divisions by their sum, at worst in single precision.
  constexpr double kRounding = 1e-5;
  const double sum = simulated.weights.sum();
  if (!(simulated.weights.minCoeff() >= 0) || !(std::abs(sum - 1) < kRounding)) {
    throw Error(ErrorKind::Usage,
                "discrepancy: expected weights that are not negative and sum to 1, found the sum " +
                    std::to_string(sum));
  }
}

std::vector<int> own_origins(Eigen::Index count) {
  std::vector<int> origin(static_cast<std::size_t>(count));
  std::iota(origin.begin(), origin.end(), 0);
  return origin;
}

Eigen::VectorXd equal_weights(Eigen::Index count) {
  return Eigen::VectorXd::Constant(count, 1 / static_cast<double>(count));
}

template <typename Scalar>
Eigen::VectorXd independent_weights(const SimulatedImages<Scalar>& simulated) {
  const Eigen::VectorXd& weights = simulated.weights;
  const bool conformations = !simulated.conformation.empty();
  const bool nuisances = !simulated.nuisance.empty();
  Eigen::VectorXd dependent = weights;
  if (conformations && nuisances) {
    dependent = weights_alike(weights, {&simulated.conformation}) +
                weights_alike(weights, {&simulated.nuisance}) -
                weights_alike(weights, {&simulated.conformation, &simulated.nuisance});
  } else if (conformations || nuisances) {
    dependent =
        weights_alike(weights, {conformations ? &simulated.conformation : &simulated.nuisance});
  }
  // What rounding leaves of nothing is nothing.
  constexpr double kRounding = 1e-12;
  const Eigen::ArrayXd left = weights.sum() - dependent.array();
  return (left > kRounding).select(left, 0);
}

template void check_sample(const SimulatedImages<float>&, const Eigen::MatrixXf&);
template void check_sample(const SimulatedImages<double>&, const Eigen::MatrixXd&);
template Eigen::VectorXd independent_weights(const SimulatedImages<float>&);
template Eigen::VectorXd independent_weights(const SimulatedImages<double>&);

}  // namespace cryosip

#include "libcryosip/assess/permutation_test.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>
#include <string>
#include <utility>
#include <vector>

#include "formats/error.hpp"
#include "libcryosip/assess/weighted_points.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

constexpr Index kAtOnce = 64;  // permutations in a matrix product

// 1 where a point is on the first side: column 0 as it was, then the permutations.
Eigen::MatrixXd sides(Index on_first_side, Index points, Index permutations, std::uint64_t seed) {
  Eigen::MatrixXd first_side = Eigen::MatrixXd::Zero(points, permutations + 1);
  first_side.col(0).head(on_first_side).setOnes();
  parallel_for(static_cast<std::size_t>(permutations), [&](std::size_t permutation) {
    RandomStream stream(seed, StreamPurpose::Permutation, permutation);
    std::vector<Index> order(static_cast<std::size_t>(points));
    std::iota(order.begin(), order.end(), Index{0});
    for (std::size_t i = 0; i < static_cast<std::size_t>(on_first_side); ++i) {
      std::swap(order[i], order[i + stream.below(order.size() - i)]);
      first_side(order[i], static_cast<Index>(permutation) + 1) = 1;
    }
  });
  return first_side;
}

// Of 2 mean_ab - mean_aa - mean_bb of the pairs' values, a symmetric matrix.
TestResult test(const Eigen::MatrixXd& values, const Eigen::MatrixXd& first_side) {
  const auto n = static_cast<double>(values.cols());
  const double m = first_side.col(0).sum();
  const Eigen::VectorXd of_rows = values.rowwise().sum();
  const double all = of_rows.sum();
  Eigen::VectorXd statistics(first_side.cols());
  const Index batches = (first_side.cols() + kAtOnce - 1) / kAtOnce;
  parallel_for(static_cast<std::size_t>(batches), [&](std::size_t batch) {
    const Index first = static_cast<Index>(batch) * kAtOnce;
    const Index count = std::min(kAtOnce, first_side.cols() - first);
    const auto z = first_side.middleCols(first, count);
    const Eigen::ArrayXd aa = (values * z).cwiseProduct(z).colwise().sum().transpose();
    const Eigen::ArrayXd a_all = (z.transpose() * of_rows).array();
    const Eigen::ArrayXd ab = a_all - aa;
    const Eigen::ArrayXd bb = all - 2 * a_all + aa;
    const double other = n - m;
    statistics.segment(first, count) =
        (2 * ab / (m * other) - aa / (m * m) - bb / (other * other)).matrix();
  });
  // A permutation that leaves the sides as they were, or exchanges them, may differ by rounding.
  constexpr double kRounding = 1e-12;
  const double level = statistics(0) - kRounding * std::abs(all) / (n * n);
  const auto permutations = static_cast<double>(statistics.size() - 1);
  const auto as_large =
      static_cast<double>((statistics.tail(statistics.size() - 1).array() >= level).count());
  return {statistics(0), (1 + as_large) / (1 + permutations)};
}

}  // namespace

Eigen::MatrixXd equally_weighted(const Eigen::MatrixXd& points,
                                 const Eigen::VectorXd& weights,
                                 std::uint64_t seed,
                                 std::uint64_t set) {
  const Eigen::VectorXd shares = normalised_weights(points.cols(), weights);
  constexpr double kRounding = 1e-9;
  if (shares.maxCoeff() - shares.minCoeff() <= kRounding * shares.maxCoeff()) {
    return points;
  }
  const auto count = static_cast<Index>(effective_sample_size(shares));
  std::vector<double> levels(static_cast<std::size_t>(shares.size()));
  std::partial_sum(shares.begin(), shares.end(), levels.begin());
  Eigen::MatrixXd chosen(points.rows(), count);
  for (Index i = 0; i < count; ++i) {
    RandomStream stream(seed, StreamPurpose::PermutationSample, static_cast<std::uint64_t>(i), set);
    const auto level =
        std::upper_bound(levels.begin(), levels.end(), levels.back() * stream.uniform());
    chosen.col(i) = points.col(std::min<Index>(level - levels.begin(), points.cols() - 1));
  }
  return chosen;
}

TwoSampleTests permutation_tests(const Eigen::MatrixXd& a,
                                 const Eigen::MatrixXd& b,
                                 double bandwidth,
                                 Index permutations,
                                 std::uint64_t seed) {
  if (a.rows() != b.rows() || a.cols() < 2 || b.cols() < 2) {
    throw Error(ErrorKind::Usage,
                "a test of " + std::to_string(a.cols()) + " points of " + std::to_string(a.rows()) +
                    " coordinates against " + std::to_string(b.cols()) + " of " +
                    std::to_string(b.rows()) +
                    ", expected two points at least and as many "
                    "coordinates");
  }
  if (!(bandwidth > 0) || !std::isfinite(bandwidth) || permutations < 1) {
    throw Error(ErrorKind::Usage,
                "a test of " + std::to_string(permutations) + " permutations with bandwidth " +
                    std::to_string(bandwidth) + ", expected more than 0 of both");
  }
  Eigen::MatrixXd points(a.rows(), a.cols() + b.cols());
  points << a, b;
  Eigen::MatrixXd values(points.cols(), points.cols());
  parallel_for(static_cast<std::size_t>(points.cols()), [&](std::size_t column) {
    const auto j = static_cast<Index>(column);
    values.col(j) = (points.colwise() - points.col(j)).colwise().norm().transpose();
  });
  const Eigen::MatrixXd first_side = sides(a.cols(), points.cols(), permutations, seed);
  TwoSampleTests result;
  result.energy_distance = test(values, first_side);
  values = -(-0.5 / (bandwidth * bandwidth) * values.array().square()).exp();
  result.mmd2 = test(values, first_side);
  return result;
}

}  // namespace cryosip

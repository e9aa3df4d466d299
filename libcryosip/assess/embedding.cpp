#include "libcryosip/assess/embedding.hpp"

#include <algorithm>
#include <numeric>
#include <string>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

void check_images(const Eigen::MatrixXd& a, const Eigen::MatrixXd& b) {
  if (a.cols() != b.cols()) {
    throw Error(ErrorKind::Usage,
                "embeddings of " + std::to_string(a.cols()) + " and of " +
                    std::to_string(b.cols()) + " images cannot be compared");
  }
}

// The points from the nearest to the farthest; of equal distances the earlier first.
std::vector<Index> by_distance(const Eigen::MatrixXd& points, Index from) {
  const Eigen::VectorXd distances =
      (points.colwise() - points.col(from)).colwise().squaredNorm().transpose();
  std::vector<Index> order(static_cast<std::size_t>(points.cols()));
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(
      order.begin(), order.end(), [&](Index i, Index j) { return distances(i) < distances(j); });
  return order;
}

std::vector<Index> ranks_by_distance(const Eigen::MatrixXd& points, Index from) {
  const std::vector<Index> order = by_distance(points, from);
  std::vector<Index> ranks(order.size());
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    ranks[static_cast<std::size_t>(order[rank])] = static_cast<Index>(rank);
  }
  return ranks;
}

Eigen::MatrixXd every_fifth(const Eigen::MatrixXd& points, Index first) {
  return points(Eigen::all, Eigen::seq(first, points.cols() - 1, 5));
}

// Mean over points of how many others are within each k in both.
Eigen::VectorXd mean_hits(const Eigen::MatrixXd& a,
                          const Eigen::MatrixXd& b,
                          const std::vector<Index>& neighbours) {
  const auto count = static_cast<std::size_t>(a.cols());
  std::vector<std::vector<Index>> hits(count);
  parallel_for(count, [&](std::size_t point) {
    const std::vector<Index> in_a = ranks_by_distance(a, static_cast<Index>(point));
    const std::vector<Index> in_b = ranks_by_distance(b, static_cast<Index>(point));
    // How many have this rank as the greater of their two.
    std::vector<Index> of_rank(count, 0);
    for (std::size_t other = 0; other < count; ++other) {
      ++of_rank[static_cast<std::size_t>(std::max(in_a[other], in_b[other]))];
    }
    std::partial_sum(of_rank.begin(), of_rank.end(), of_rank.begin());
    for (const Index k : neighbours) {
      hits[point].push_back(of_rank[static_cast<std::size_t>(k)]);
    }
  });
  Eigen::VectorXd mean = Eigen::VectorXd::Zero(static_cast<Index>(neighbours.size()));
  for (const std::vector<Index>& of_point : hits) {
    for (Index k = 0; k < mean.size(); ++k) {
      mean(k) += static_cast<double>(of_point[static_cast<std::size_t>(k)]);
    }
  }
  return mean / static_cast<double>(count);
}

// Marks the points that coincide with an earlier one.
void mark_repeated(const Eigen::MatrixXd& points, std::vector<char>& repeated) {
  std::vector<Index> order(static_cast<std::size_t>(points.cols()));
  std::iota(order.begin(), order.end(), Index{0});
  const auto compare = [&](Index i, Index j) {
    for (Index k = 0; k < points.rows(); ++k) {
      if (points(k, i) != points(k, j)) {
        return points(k, i) < points(k, j);
      }
    }
    return false;
  };
  std::stable_sort(order.begin(), order.end(), compare);
  for (std::size_t i = 1; i < order.size(); ++i) {
    if (!compare(order[i - 1], order[i])) {
      repeated[static_cast<std::size_t>(order[i])] = 1;
    }
  }
}

double imbalance(const Eigen::MatrixXd& from, const Eigen::MatrixXd& to, Index neighbours) {
  const auto count = static_cast<std::size_t>(from.cols());
  const double sum = parallel_sum(count, [&](std::size_t point) {
    const std::vector<Index> nearest = by_distance(from, static_cast<Index>(point));
    const std::vector<Index> ranks = ranks_by_distance(to, static_cast<Index>(point));
    Index of_point = 0;
    for (Index k = 1; k <= neighbours; ++k) {  // the nearest is the point itself
      of_point += ranks[static_cast<std::size_t>(nearest[static_cast<std::size_t>(k)])];
    }
    return static_cast<double>(of_point);
  });
  const auto points = static_cast<double>(count);
  return sum / (points * static_cast<double>(neighbours)) / (points / 2);
}

}  // namespace

NeighbourhoodSimilarity neighbourhood_similarity(const Eigen::MatrixXd& a,
                                                 const Eigen::MatrixXd& b,
                                                 std::vector<Index> neighbours) {
  check_images(a, b);
  const Index smallest = a.cols() / 5;
  for (const Index k : neighbours) {
    if (k < 1 || k >= smallest) {
      throw Error(ErrorKind::Usage,
                  std::to_string(k) + " neighbours wanted, expected 1 to " +
                      std::to_string(smallest - 1) + ", as every fifth image is compared");
    }
  }
  constexpr Index kSubsets = 5;
  Eigen::MatrixXd hits(static_cast<Index>(neighbours.size()), kSubsets);
  for (Index first = 0; first < kSubsets; ++first) {
    hits.col(first) = mean_hits(every_fifth(a, first), every_fifth(b, first), neighbours);
  }
  NeighbourhoodSimilarity result;
  result.neighbours = std::move(neighbours);
  result.hits = hits.rowwise().mean();
  result.hits_deviation =
      ((hits.colwise() - result.hits).rowwise().squaredNorm() / double{kSubsets}).cwiseSqrt();
  return result;
}

InformationImbalance information_imbalance(const Eigen::MatrixXd& a,
                                           const Eigen::MatrixXd& b,
                                           Index neighbours) {
  check_images(a, b);
  std::vector<char> repeated(static_cast<std::size_t>(a.cols()), 0);
  mark_repeated(a, repeated);
  mark_repeated(b, repeated);
  std::vector<Index> kept;
  for (std::size_t i = 0; i < repeated.size(); ++i) {
    if (repeated[i] == 0) {
      kept.push_back(static_cast<Index>(i));
    }
  }
  if (neighbours < 1 || neighbours >= static_cast<Index>(kept.size())) {
    throw Error(ErrorKind::Usage,
                std::to_string(neighbours) + " neighbours wanted, expected 1 to " +
                    std::to_string(static_cast<Index>(kept.size()) - 1) +
                    ", below the number of images that differ");
  }
  const Eigen::MatrixXd of_a = a(Eigen::all, kept);
  const Eigen::MatrixXd of_b = b(Eigen::all, kept);
  return {imbalance(of_a, of_b, neighbours),
          imbalance(of_b, of_a, neighbours),
          static_cast<Index>(kept.size())};
}

}  // namespace cryosip

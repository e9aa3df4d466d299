#include "libcryosip/assess/representatives.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <optional>
#include <string>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

struct Clustering {
  Eigen::MatrixXd centres;  // (any, clusters)
  std::vector<Index> nearest;
  Eigen::VectorXd squares;  // (points): to the nearest centre
  double objective = 0;
};

// Nearest centre of every point; of several the first.
void assign_to_nearest(const Eigen::MatrixXd& points,
                       const Eigen::VectorXd& weights,
                       Clustering& clustering) {
  parallel_for(static_cast<std::size_t>(points.cols()), [&](std::size_t i) {
    const auto point = static_cast<Index>(i);
    clustering.squares(point) = (clustering.centres.colwise() - points.col(point))
                                    .colwise()
                                    .squaredNorm()
                                    .minCoeff(&clustering.nearest[i]);
  });
  clustering.objective = clustering.squares.dot(weights);
}

// Centres drawn among the points: the first by weight, others by weight times squared distance to
// those there are; none where too few points are left apart from them.
std::optional<Eigen::MatrixXd> draw_centres(const Eigen::MatrixXd& points,
                                            const Eigen::VectorXd& weights,
                                            Index clusters,
                                            RandomStream& stream) {
  Eigen::MatrixXd centres(points.rows(), clusters);
  Eigen::VectorXd chance = weights;
  Eigen::VectorXd squares =
      Eigen::VectorXd::Constant(points.cols(), std::numeric_limits<double>::infinity());
  for (Index k = 0; k < clusters; ++k) {
    const double total = chance.sum();
    if (!(total > 0)) {
      return std::nullopt;
    }
    double left = total * stream.uniform();
    Index chosen = -1;
    for (Index i = 0; i < chance.size(); ++i) {
      if (chance(i) > 0) {
        chosen = i;
        left -= chance(i);
        if (left <= 0) {
          break;
        }
      }
    }
    centres.col(k) = points.col(chosen);
    squares = squares.cwiseMin(
        (points.colwise() - points.col(chosen)).colwise().squaredNorm().transpose());
    chance = weights.cwiseProduct(squares);
  }
  return centres;
}

// Each centre to the weighted mean of its points.
void move_centres(const Eigen::MatrixXd& points,
                  const Eigen::VectorXd& weights,
                  Clustering& clustering) {
  Eigen::MatrixXd sums = Eigen::MatrixXd::Zero(points.rows(), clustering.centres.cols());
  Eigen::VectorXd masses = Eigen::VectorXd::Zero(clustering.centres.cols());
  for (Index i = 0; i < points.cols(); ++i) {
    const Index k = clustering.nearest[static_cast<std::size_t>(i)];
    sums.col(k) += weights(i) * points.col(i);
    masses(k) += weights(i);
  }
  for (Index k = 0; k < masses.size(); ++k) {
    // A centre that has lost all its points stays; it began on one, which others have since taken.
    if (masses(k) > 0) {
      clustering.centres.col(k) = sums.col(k) / masses(k);
    }
  }
}

Clustering run_lloyd(const Eigen::MatrixXd& points,
                     const Eigen::VectorXd& weights,
                     Eigen::MatrixXd centres) {
  constexpr int kIterations = 1000;
  Clustering clustering{std::move(centres),
                        std::vector<Index>(static_cast<std::size_t>(points.cols())),
                        Eigen::VectorXd(points.cols()),
                        0};
  assign_to_nearest(points, weights, clustering);
  for (int iteration = 0; iteration < kIterations; ++iteration) {
    const std::vector<Index> before = clustering.nearest;
    move_centres(points, weights, clustering);
    assign_to_nearest(points, weights, clustering);
    if (clustering.nearest == before) {
      break;
    }
  }
  return clustering;
}

bool every_cluster_counts(const Clustering& clustering, const Eigen::VectorXd& weights) {
  Eigen::VectorXd masses = Eigen::VectorXd::Zero(clustering.centres.cols());
  for (Index i = 0; i < weights.size(); ++i) {
    masses(clustering.nearest[static_cast<std::size_t>(i)]) += weights(i);
  }
  return (masses.array() > 0).all();
}

// Of largest weighted variance, by power iterations on the points.
Eigen::VectorXd principal_axis(const Eigen::MatrixXd& points, const Eigen::VectorXd& weights) {
  const Eigen::VectorXd mean = points * weights;
  const Eigen::MatrixXd about = points.colwise() - mean;
  // From the direction of the point that counts most, which is not orthogonal to it.
  Index farthest = 0;
  const Eigen::VectorXd parts = about.colwise().squaredNorm().transpose().cwiseProduct(weights);
  if (!(parts.maxCoeff(&farthest) > 0)) {
    return Eigen::VectorXd::Zero(points.rows());
  }
  constexpr int kIterations = 200;
  Eigen::VectorXd axis = about.col(farthest).normalized();
  for (int i = 0; i < kIterations; ++i) {
    axis = (about * (about.transpose() * axis).cwiseProduct(weights)).normalized();
  }
  Index largest = 0;
  axis.cwiseAbs().maxCoeff(&largest);
  return axis(largest) < 0 ? Eigen::VectorXd(-axis) : axis;
}

}  // namespace

Representatives choose_representatives(const Eigen::MatrixXd& points,
                                       const Eigen::VectorXd& weights,
                                       std::size_t clusters,
                                       std::uint64_t seed) {
  constexpr std::uint64_t kStarts = 10;
  const auto count = static_cast<Index>(clusters);
  std::optional<Clustering> best;
  for (std::uint64_t start = 0; start < kStarts && count > 0 && count <= points.cols(); ++start) {
    RandomStream stream(seed, StreamPurpose::ClusterStart, start);
    auto centres = draw_centres(points, weights, count, stream);
    if (!centres) {
      break;
    }
    Clustering clustering = run_lloyd(points, weights, std::move(*centres));
    if (every_cluster_counts(clustering, weights) &&
        (!best || clustering.objective < best->objective)) {
      best = std::move(clustering);
    }
  }
  if (!best) {
    throw Error(ErrorKind::Usage,
                std::to_string(clusters) + " clusters of " + std::to_string(points.cols()) +
                    " conformations: expected at least one, and no more than differ from each "
                    "other");
  }

  const Eigen::VectorXd along = best->centres.transpose() * principal_axis(points, weights);
  std::vector<std::size_t> order(clusters);
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](std::size_t a, std::size_t b) {
    return along(static_cast<Index>(a)) < along(static_cast<Index>(b));
  });
  std::vector<std::size_t> place(clusters);
  for (std::size_t k = 0; k < clusters; ++k) {
    place[order[k]] = k;
  }

  Representatives result{std::vector<Index>(clusters, -1),
                         Eigen::VectorXd::Zero(count),
                         Eigen::VectorXd::Zero(count),
                         std::vector<std::size_t>(static_cast<std::size_t>(points.cols()))};
  for (Index i = 0; i < points.cols(); ++i) {
    const auto at = static_cast<std::size_t>(i);
    const std::size_t k = place[static_cast<std::size_t>(best->nearest[at])];
    result.clusters[at] = k;
    result.populations(static_cast<Index>(k)) += weights(i);
    Index& chosen = result.conformations[k];
    if (weights(i) > 0 && (chosen < 0 || best->squares(i) < best->squares(chosen))) {
      chosen = i;
    }
  }
  for (Index i = 0; i < points.cols(); ++i) {
    const std::size_t k = result.clusters[static_cast<std::size_t>(i)];
    result.spreads(static_cast<Index>(k)) +=
        weights(i) * (points.col(i) - points.col(result.conformations[k])).squaredNorm();
  }
  result.spreads = (result.spreads.array() / result.populations.array()).sqrt();
  return result;
}

Representatives all_conformations(const Ensemble& ensemble) {
  Representatives result;
  result.clusters.resize(static_cast<std::size_t>(ensemble.size()));
  for (Index i = 0; i < ensemble.size(); ++i) {
    if (ensemble.weights(i) > 0) {
      result.clusters[static_cast<std::size_t>(i)] = result.conformations.size();
      result.conformations.push_back(i);
    }
  }
  const auto count = static_cast<Index>(result.conformations.size());
  result.populations.resize(count);
  for (Index k = 0; k < count; ++k) {
    result.populations(k) = ensemble.weights(result.conformations[static_cast<std::size_t>(k)]);
  }
  result.spreads = Eigen::VectorXd::Zero(count);
  return result;
}

}  // namespace cryosip

#include "libcryosip/assess/clusters.hpp"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <numeric>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

Eigen::VectorXd distances_to(const Eigen::MatrixXd& points, Index point) {
  return (points.colwise() - points.col(point)).colwise().norm();
}

// At most as many of them, evenly spread.
std::vector<Index> some_of(const std::vector<Index>& all, std::size_t most = 1000) {
  if (all.size() <= most) {
    return all;
  }
  std::vector<Index> some(most);
  for (std::size_t i = 0; i < most; ++i) {
    some[i] = all[i * all.size() / most];
  }
  return some;
}

// The candidate with the lowest cost, the first of equals.
template <typename Cost>
Index best_of(const std::vector<Index>& candidates, const Cost& cost_of) {
  std::vector<double> costs(candidates.size());
  parallel_for(candidates.size(), [&](std::size_t c) { costs[c] = cost_of(candidates[c]); });
  return candidates[static_cast<std::size_t>(std::min_element(costs.begin(), costs.end()) -
                                             costs.begin())];
}

class Medoids {
 public:
  Medoids(const Eigen::MatrixXd& points, const Eigen::VectorXd& weights)
      : points_(points), weights_(weights) {
    for (Index i = 0; i < points.cols(); ++i) {
      if (weights(i) > 0) {
        weighty_.push_back(i);
      }
    }
  }

  void build(Index wanted) {
    Eigen::VectorXd nearest =
        Eigen::VectorXd::Constant(points_.cols(), std::numeric_limits<double>::infinity());
    const std::vector<Index> candidates = some_of(weighty_);
    while (static_cast<Index>(medoids_.size()) < wanted) {
      const Index best = best_of(candidates, [&](Index candidate) {
        return weights_.dot(distances_to(points_, candidate).cwiseMin(nearest));
      });
      const Eigen::VectorXd with = distances_to(points_, best).cwiseMin(nearest);
      if (!medoids_.empty() && !(weights_.dot(with) < weights_.dot(nearest))) {
        break;  // every point is a medoid's
      }
      nearest = with;
      medoids_.push_back(best);
    }
    assign();
  }

  // True where a medoid has changed.
  bool improve() {
    std::vector<Index> better = medoids_;
    for (std::size_t m = 0; m < medoids_.size(); ++m) {
      std::vector<Index> members;
      for (const Index i : weighty_) {
        if (cluster_of_[static_cast<std::size_t>(i)] == static_cast<Index>(m)) {
          members.push_back(i);
        }
      }
      const Eigen::MatrixXd own = points_(Eigen::all, members);
      const Eigen::VectorXd own_weights = weights_(members);
      const auto cost_of = [&](Index candidate) {
        return own_weights.dot((own.colwise() - points_.col(candidate)).colwise().norm());
      };
      const Index best = best_of(some_of(members), cost_of);
      // Strictly: the sum falls with every change, so there is an end.
      if (cost_of(best) < cost_of(medoids_[m])) {
        better[m] = best;
      }
    }
    const bool changed = better != medoids_;
    medoids_ = better;
    assign();
    return changed;
  }

  [[nodiscard]] Clusters result() const {
    Eigen::VectorXd shares = Eigen::VectorXd::Zero(static_cast<Index>(medoids_.size()));
    for (Index i = 0; i < points_.cols(); ++i) {
      shares(cluster_of_[static_cast<std::size_t>(i)]) += weights_(i);
    }
    shares /= weights_.sum();
    std::vector<Index> order(medoids_.size());
    std::iota(order.begin(), order.end(), Index{0});
    std::stable_sort(
        order.begin(), order.end(), [&](Index a, Index b) { return shares(a) > shares(b); });
    Clusters clusters;
    clusters.populations = shares(order);
    std::vector<Index> place(order.size());
    for (std::size_t k = 0; k < order.size(); ++k) {
      clusters.medoids.push_back(medoids_[static_cast<std::size_t>(order[k])]);
      place[static_cast<std::size_t>(order[k])] = static_cast<Index>(k);
    }
    for (const Index cluster : cluster_of_) {
      clusters.cluster_of.push_back(place[static_cast<std::size_t>(cluster)]);
    }
    return clusters;
  }

 private:
  void assign() {
    const Eigen::MatrixXd centres = points_(Eigen::all, medoids_);
    cluster_of_.resize(static_cast<std::size_t>(points_.cols()));
    for (Index i = 0; i < points_.cols(); ++i) {
      (centres.colwise() - points_.col(i))
          .colwise()
          .squaredNorm()
          .minCoeff(&cluster_of_[static_cast<std::size_t>(i)]);
    }
  }

  const Eigen::MatrixXd& points_;
  const Eigen::VectorXd& weights_;
  std::vector<Index> weighty_;
  std::vector<Index> medoids_;
  std::vector<Index> cluster_of_;
};

}  // namespace

Clusters k_medoids(const Eigen::MatrixXd& points, const Eigen::VectorXd& weights, Index wanted) {
  if (points.cols() != weights.size() || wanted < 1 || !(weights.sum() > 0)) {
    throw Error(ErrorKind::Usage,
                std::to_string(wanted) + " clusters of " + std::to_string(points.cols()) +
                    " points with " + std::to_string(weights.size()) +
                    " weights, expected at least one, and a weight a point");
  }
  Medoids medoids(points, weights);
  medoids.build(wanted);
  constexpr int kTurns = 100;
  for (int turn = 0; turn < kTurns && medoids.improve(); ++turn) {
  }
  return medoids.result();
}

}  // namespace cryosip

#include "libcryosip/assess/population_distance.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <random>
#include <utility>

#include "formats/error.hpp"
#include "libcryosip/assess/optimal_transport.hpp"
#include "libcryosip/core/parallel.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// scipy.stats.rankdata: 1 for the least; equal values share the mean of their ranks.
Eigen::VectorXd ranks(const Eigen::VectorXd& values) {
  std::vector<Index> order(static_cast<std::size_t>(values.size()));
  std::iota(order.begin(), order.end(), Index{0});
  std::sort(order.begin(), order.end(), [&](Index a, Index b) { return values(a) < values(b); });
  Eigen::VectorXd result(values.size());
  for (std::size_t begin = 0; begin < order.size();) {
    std::size_t end = begin + 1;
    while (end < order.size() && values(order[end]) == values(order[begin])) {
      ++end;
    }
    for (std::size_t i = begin; i < end; ++i) {
      result(order[i]) = (static_cast<double>(begin + end) + 1) / 2;
    }
    begin = end;
  }
  return result;
}

// sum p log(p / q), 0 log 0 = 0.
double kullback_leibler(const Eigen::VectorXd& p, const Eigen::VectorXd& q) {
  double sum = 0;
  for (Index i = 0; i < p.size(); ++i) {
    if (p(i) > 0) {
      sum += q(i) > 0 ? p(i) * std::log(p(i) / q(i)) : std::numeric_limits<double>::infinity();
    }
  }
  return sum;
}

// (states, maps): each state's nearest map; columns that sum to 1.
Eigen::MatrixXd assignment_matrix(const Eigen::MatrixXd& cost) {
  Eigen::MatrixXd assignment = Eigen::MatrixXd::Zero(cost.rows(), cost.cols());
  for (Index state = 0; state < cost.rows(); ++state) {
    Index nearest = 0;
    cost.row(state).minCoeff(&nearest);
    assignment(state, nearest) = 1;
  }
  for (Index map = 0; map < cost.cols(); ++map) {
    const double states = assignment.col(map).sum();
    if (states > 0) {
      assignment.col(map) /= states;
    } else {
      assignment.col(map).setConstant(1.0 / static_cast<double>(cost.rows()));
    }
  }
  return assignment;
}

Eigen::VectorXd optimal_populations(const Eigen::MatrixXd& assignment,
                                    const Eigen::VectorXd& p,
                                    const PopulationOptions& options) {
  Eigen::VectorXd q =
      Eigen::VectorXd::Constant(assignment.cols(), 1.0 / static_cast<double>(assignment.cols()));
  for (Index iteration = 0; iteration < options.kl_iterations; ++iteration) {
    const Eigen::VectorXd factor = assignment.transpose() * p.cwiseQuotient(assignment * q);
    q.array() *= factor.array();
    // numpy.isclose adds its relative tolerance of 1e-5.
    const bool done = ((factor.array() - 1).abs() <= options.kl_tolerance + 1e-5 ||
                       factor.array().abs() <= options.kl_tolerance)
                          .all();
    if (done) {
      break;
    }
  }
  return q;
}

// Sums of ranks and of populations over the runs of rows that numpy.array_split makes.
struct PooledStates {
  Eigen::MatrixXd cost;
  Eigen::VectorXd populations;
};

PooledStates pooled_states(const Eigen::MatrixXd& cost,
                           const Eigen::VectorXd& truth,
                           const std::vector<Index>& rows,
                           Index states) {
  const auto count = static_cast<Index>(rows.size());
  PooledStates pooled{Eigen::MatrixXd::Zero(states, cost.cols()), Eigen::VectorXd::Zero(states)};
  std::size_t next = 0;
  for (Index state = 0; state < states; ++state) {
    const Index size = count / states + (state < count % states ? 1 : 0);
    for (Index i = 0; i < size; ++i, ++next) {
      pooled.cost.row(state) += ranks(cost.row(rows[next]).transpose()).transpose();
      pooled.populations(state) += truth(rows[next]);
    }
  }
  const double sum = pooled.populations.sum();
  if (!(sum > 0)) {
    throw Error(ErrorKind::Usage, "true populations that sum to 0 in a replicate");
  }
  pooled.populations /= sum;
  return pooled;
}

void check(const Eigen::MatrixXd& cost,
           const Eigen::VectorXd& truth,
           const Eigen::VectorXd& populations,
           const PopulationOptions& options) {
  const auto usage = [](const char* text) { throw Error(ErrorKind::Usage, text); };
  if (cost.rows() != truth.size() || cost.cols() != populations.size() || cost.size() == 0) {
    usage("costs and populations disagree in size");
  }
  if (!cost.allFinite()) {
    usage("a cost between maps is not finite");
  }
  if ((truth.array() < 0).any() || (populations.array() < 0).any() || !(populations.sum() > 0)) {
    usage("populations must be 0 or more, and not all of them 0");
  }
  if (options.replicates < 1) {
    usage("the number of replicates must be 1 or more");
  }
  if (!(options.fraction > 0 && options.fraction <= 1)) {
    usage("the fraction of maps in a replicate must be in (0, 1]");
  }
  if (options.pool < 1) {
    usage("the number of maps in a pool must be 1 or more");
  }
}

}  // namespace

std::vector<Index> numpy_choice(std::uint32_t seed, Index count, Index size) {
  // numpy's legacy generator and shuffle: NEP 19 keeps them as they are for ever.
  std::mt19937 generator(seed);
  std::vector<Index> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), Index{0});
  for (std::size_t i = order.size() - 1; i > 0; --i) {
    std::uint32_t mask = static_cast<std::uint32_t>(i);
    for (unsigned shift = 1; shift < 32; shift *= 2) {
      mask |= mask >> shift;
    }
    std::uint32_t chosen = 0;
    do {
      chosen = static_cast<std::uint32_t>(generator()) & mask;
    } while (chosen > i);
    std::swap(order[i], order[chosen]);
  }
  order.resize(static_cast<std::size_t>(size));
  std::sort(order.begin(), order.end());
  return order;
}

std::vector<PopulationDistance> population_distances(const Eigen::MatrixXd& cost,
                                                     const Eigen::VectorXd& truth,
                                                     const Eigen::VectorXd& populations,
                                                     const PopulationOptions& options) {
  check(cost, truth, populations, options);
  const auto kept = static_cast<Index>(options.fraction * static_cast<double>(cost.rows()));
  const Index states = kept / options.pool;
  if (states == 0) {
    return {};
  }
  const Eigen::VectorXd q = populations / populations.sum();
  std::vector<PopulationDistance> distances(static_cast<std::size_t>(options.replicates));
  parallel_for(distances.size(), [&](std::size_t replicate) {
    const PooledStates pooled =
        pooled_states(cost,
                      truth,
                      numpy_choice(static_cast<std::uint32_t>(replicate), cost.rows(), kept),
                      states);
    const Eigen::VectorXd& p = pooled.populations;
    PopulationDistance& distance = distances[replicate];
    distance.emd = transport_cost(pooled.cost, p, q);
    distance.emd_optimal = p.dot(pooled.cost.rowwise().minCoeff());

    const Eigen::MatrixXd assignment = assignment_matrix(pooled.cost);
    const Eigen::VectorXd given = assignment * q;
    distance.kl = kullback_leibler(p, given);
    distance.kl_reverse = kullback_leibler(given, p);
    const Eigen::VectorXd best = assignment * optimal_populations(assignment, p, options);
    distance.kl_optimal = kullback_leibler(p, best);
    distance.kl_reverse_optimal = kullback_leibler(best, p);
  });
  return distances;
}

}  // namespace cryosip

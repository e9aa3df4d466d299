#include "libcryosip/assess/optimal_transport.hpp"

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

// The algorithms are templates: nothing of LEMON is linked.
#define LEMON_ONLY_TEMPLATES
#include <lemon/network_simplex.h>
#include <lemon/smart_graph.h>

#include "formats/error.hpp"
#include "libcryosip/assess/weighted_points.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

constexpr std::int64_t kWhole = std::int64_t{1} << 52;

// Integers in proportion to the weights that sum to kWhole: rounded down, what is missing then
// given to the largest remainders.
std::vector<std::int64_t> integer_masses(const Eigen::VectorXd& weights) {
  std::vector<std::int64_t> masses(static_cast<std::size_t>(weights.size()));
  Eigen::VectorXd missing(weights.size());
  std::int64_t sum = 0;
  for (Index i = 0; i < weights.size(); ++i) {
    const double exact = weights(i) * static_cast<double>(kWhole);
    const double down = std::floor(exact);
    missing(i) = down - exact;
    masses[static_cast<std::size_t>(i)] = static_cast<std::int64_t>(down);
    sum += masses[static_cast<std::size_t>(i)];
  }
  const std::vector<Index> by_remainder = ascending(missing);
  // The sum of the weights is 1 but for rounding, so that a few more or fewer may be missing.
  for (std::size_t next = 0; sum != kWhole; next = (next + 1) % by_remainder.size()) {
    std::int64_t& mass = masses[static_cast<std::size_t>(by_remainder[next])];
    const std::int64_t step = sum < kWhole ? 1 : -1;
    if (mass > 0) {
      mass += step;
      sum += step;
    }
  }
  return masses;
}

}  // namespace

TransportPlan optimal_transport(const Eigen::MatrixXd& cost,
                                const Eigen::VectorXd& a,
                                const Eigen::VectorXd& b) {
  if (!cost.allFinite()) {
    throw Error(ErrorKind::Usage, "transport with a cost that is not finite");
  }
  if (cost.size() > std::numeric_limits<int>::max()) {
    throw Error(ErrorKind::Usage,
                "transport between " + std::to_string(cost.rows()) + " and " +
                    std::to_string(cost.cols()) + " points, expected fewer than 2^31 pairs");
  }
  const std::vector<std::int64_t> supplies = integer_masses(normalised_weights(cost.rows(), a));
  const std::vector<std::int64_t> demands = integer_masses(normalised_weights(cost.cols(), b));

  const auto nodes = static_cast<int>(cost.rows() + cost.cols());
  // Sums of costs along a path through all nodes stay below 2^58, beside the 2^62 that the simplex
  // takes for an artificial arc.
  const double low = cost.minCoeff();
  const double range = cost.maxCoeff() - low;
  const double levels = std::ldexp(1.0, 58) / nodes;
  const double scale = range > 0 ? levels / range : 0;

  using Graph = lemon::SmartDigraph;
  Graph graph;
  graph.reserveNode(nodes);
  graph.reserveArc(static_cast<int>(cost.size()));
  for (int node = 0; node < nodes; ++node) {
    graph.addNode();
  }
  const auto rows = static_cast<int>(cost.rows());
  for (int i = 0; i < rows; ++i) {
    for (int j = rows; j < nodes; ++j) {
      graph.addArc(Graph::nodeFromId(i), Graph::nodeFromId(j));
    }
  }
  Graph::NodeMap<std::int64_t> supply(graph);
  for (int node = 0; node < nodes; ++node) {
    supply[Graph::nodeFromId(node)] = node < rows ? supplies[static_cast<std::size_t>(node)]
                                                  : -demands[static_cast<std::size_t>(node - rows)];
  }
  Graph::ArcMap<std::int64_t> arc_cost(graph);
  const auto arc_of = [&](Index i, Index j) {
    return Graph::arcFromId(static_cast<int>(i * cost.cols() + j));
  };
  for (Index i = 0; i < cost.rows(); ++i) {
    for (Index j = 0; j < cost.cols(); ++j) {
      arc_cost[arc_of(i, j)] = std::llround((cost(i, j) - low) * scale);
    }
  }

  lemon::NetworkSimplex<Graph, std::int64_t, std::int64_t> simplex(graph);
  simplex.supplyMap(supply).costMap(arc_cost);
  if (simplex.run() != decltype(simplex)::OPTIMAL) {
    throw Error(ErrorKind::Numerical, "transport: the network simplex found no plan");
  }
  TransportPlan plan;
  for (Index i = 0; i < cost.rows(); ++i) {
    for (Index j = 0; j < cost.cols(); ++j) {
      if (const std::int64_t flow = simplex.flow(arc_of(i, j)); flow > 0) {
        plan.moves.push_back({i, j, static_cast<double>(flow) / static_cast<double>(kWhole)});
        plan.cost += plan.moves.back().mass * cost(i, j);
      }
    }
  }
  return plan;
}

double transport_cost(const Eigen::MatrixXd& cost,
                      const Eigen::VectorXd& a,
                      const Eigen::VectorXd& b) {
  return optimal_transport(cost, a, b).cost;
}

}  // namespace cryosip

// Exact optimal transport between two discrete measures, for any costs.
#pragma once

#include <vector>

#include <Eigen/Core>

namespace cryosip {

/// Mass that goes from point `from` of the first measure to point `to` of the second.
struct TransportedMass {
  Eigen::Index from = 0;
  Eigen::Index to = 0;
  double mass = 0;  ///< > 0
};

struct TransportPlan {
  double cost = 0;                     ///< sum of mass * cost(from, to)
  std::vector<TransportedMass> moves;  ///< by `from`, then `to`; masses sum to 1; fewer than m + n
};

/// The plan T >= 0 of least sum T(i, j) cost(i, j) with T 1 = a and T' 1 = b, both measures
/// normalised to 1 (Kantorovich's problem; what POT's ot.emd solves), by the network simplex of
/// LEMON.  Masses are rounded to 2^-52 of the whole and costs to 2^-58 (m + n) of their range, so
/// that the simplex runs on integers: it ends, and its plan is optimal but for that rounding.
///
/// Cost: some m n (m + n) steps at worst, 0.5 s for 1000 x 1000; 80 bytes for each of the m n
/// pairs.
/// @param cost  (m, n), finite; negative ones are welcome
/// @param a     (m), >= 0, sum > 0
/// @param b     (n), the same
/// @throws Error(Usage) shapes that disagree, a negative weight, weights that sum to 0, a cost that
///                      is not finite
TransportPlan optimal_transport(const Eigen::MatrixXd& cost,
                                const Eigen::VectorXd& a,
                                const Eigen::VectorXd& b);

/// The cost of that plan alone.
double transport_cost(const Eigen::MatrixXd& cost,
                      const Eigen::VectorXd& a,
                      const Eigen::VectorXd& b);

}  // namespace cryosip

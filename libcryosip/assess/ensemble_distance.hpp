// Distances between weighted point sets in coordinate space.
#pragma once

#include <Eigen/Core>

namespace cryosip {

/// Wasserstein distance of order p between two weighted samples on the line: exact, from the
/// quantile functions, W_p^p = integral_0^1 |F^-1(t) - G^-1(t)|^p dt.
/// @param order  >= 1
/// @throws Error(Usage) empty, sizes that disagree, a negative weight, weights that sum to 0
double wasserstein_1d(const Eigen::VectorXd& a,
                      const Eigen::VectorXd& a_weights,
                      const Eigen::VectorXd& b,
                      const Eigen::VectorXd& b_weights,
                      double order = 1);

/// Energy distance of two weighted point sets taken as discrete measures,
/// 2 E|a-b| - E|a-a'| - E|b-b'| over independent draws (paper equation 9); >= 0, zero for equal
/// measures.  Points are columns.
/// Cost: O((m + n) log(m + n)) for one coordinate, else O((m + n)^2 K), threaded, the same bits on
/// any number of threads.
double energy_distance(const Eigen::MatrixXd& a,
                       const Eigen::VectorXd& a_weights,
                       const Eigen::MatrixXd& b,
                       const Eigen::VectorXd& b_weights);

}  // namespace cryosip

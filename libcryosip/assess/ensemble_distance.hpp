// Distances between weighted point sets in coordinate space.
#pragma once

#include <cstdint>

#include <Eigen/Core>

namespace cryosip {

/// What becomes of a point's distance to itself, 0, in the means over pairs of one set.
enum class SelfPairs {
  Kept,     ///< the sets are the measures themselves (V-statistic)
  LeftOut,  ///< they are samples of them (U-statistic): unbiased, may be negative
};

/// Wasserstein distance of order p between two weighted samples on the line: exact, from the
/// quantile functions, W_p^p = integral_0^1 |F^-1(t) - G^-1(t)|^p dt.
/// @param order  >= 1
/// @throws Error(Usage) empty, sizes that disagree, a negative weight, weights that sum to 0
double wasserstein_1d(const Eigen::VectorXd& a,
                      const Eigen::VectorXd& a_weights,
                      const Eigen::VectorXd& b,
                      const Eigen::VectorXd& b_weights,
                      double order = 1);

/// Wasserstein distance of order p in K dimensions, with Euclidean distances: exact, by
/// optimal_transport (wasserstein_1d for one coordinate).  Points are columns.
/// @throws Error(Usage) as wasserstein_1d(); another number of coordinates
double wasserstein(const Eigen::MatrixXd& a,
                   const Eigen::VectorXd& a_weights,
                   const Eigen::MatrixXd& b,
                   const Eigen::VectorXd& b_weights,
                   double order = 1);

/// Directions uniform on the sphere of K dimensions: (K, count), unit columns.
/// @throws Error(Usage) a size that is not positive
Eigen::MatrixXd slice_directions(Eigen::Index dimension, Eigen::Index count, std::uint64_t seed);

/// Sliced Wasserstein distance, (mean over the directions s of W_p^p of s.a and s.b)^(1/p): for
/// sets too large for wasserstein(), of which it is a lower bound and, in K dimensions, for a mere
/// shift and p = 2, sqrt(1 / K) of it.  Cost: O((m + n) log(m + n)) a direction, threaded.
/// @param directions  (K, count), as of slice_directions()
/// @throws Error(Usage) as wasserstein()
double sliced_wasserstein(const Eigen::MatrixXd& a,
                          const Eigen::VectorXd& a_weights,
                          const Eigen::MatrixXd& b,
                          const Eigen::VectorXd& b_weights,
                          const Eigen::MatrixXd& directions,
                          double order = 1);

/// Energy distance of two weighted point sets, 2 E|a-b| - E|a-a'| - E|b-b'| over independent draws
/// (paper equation 9; scipy.stats.energy_distance is its square root).  As measures: >= 0, zero for
/// equal ones.  As samples, the means over pairs of one set divided by 1 - sum w^2.  Points are
/// columns.
/// Cost: O((m + n) log(m + n)) for one coordinate, else O((m + n)^2 K), threaded, the same bits on
/// any number of threads.
/// @throws Error(Usage) as wasserstein(); a sample of one point with all the weight
double energy_distance(const Eigen::MatrixXd& a,
                       const Eigen::VectorXd& a_weights,
                       const Eigen::MatrixXd& b,
                       const Eigen::VectorXd& b_weights,
                       SelfPairs self_pairs = SelfPairs::Kept);

/// Squared maximum mean discrepancy with k(x, y) = exp(-|x - y|^2 / 2 bandwidth^2) (paper equation
/// 8), E k(a,a') + E k(b,b') - 2 E k(a,b); otherwise as energy_distance().
/// @param bandwidth  > 0
double mmd2(const Eigen::MatrixXd& a,
            const Eigen::VectorXd& a_weights,
            const Eigen::MatrixXd& b,
            const Eigen::VectorXd& b_weights,
            double bandwidth,
            SelfPairs self_pairs = SelfPairs::Kept);

}  // namespace cryosip

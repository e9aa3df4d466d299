// Divergences between kernel density estimates of weighted point sets.
#pragma once

#include <Eigen/Core>

namespace cryosip {

/// log sum_i w_i prod_k N(at_k; x_ik, h_k^2) at each place, without underflow.
/// @param points      (K, points)
/// @param weights     (points), >= 0; of weight 0 a point is nowhere
/// @param bandwidths  (K), > 0
/// @param at          (K, places)
/// @return (places)
Eigen::VectorXd log_kernel_density(const Eigen::MatrixXd& points,
                                   const Eigen::VectorXd& weights,
                                   const Eigen::VectorXd& bandwidths,
                                   const Eigen::MatrixXd& at);

/// KL(p || q) of Gaussian kernel estimates of p and q, each with its own Silverman bandwidths
/// (silverman_bandwidths).  On the line: integral of p log(p/q), by the trapezoidal rule, which is
/// exact to many digits.  In more coordinates: sum_i u_i log(p_i(a_i) / q(a_i)), p_i without point
/// i itself; sound in two or three.  Where p reaches beyond q it measures how light a Gaussian's
/// tails are: finite, but of no other meaning.
/// @throws Error(Usage)     shapes that disagree, bad weights
/// @throws Error(Numerical) points that all coincide
double kernel_kl_divergence(const Eigen::MatrixXd& p,
                            const Eigen::VectorXd& p_weights,
                            const Eigen::MatrixXd& q,
                            const Eigen::VectorXd& q_weights);

/// Total variation distance, half the integral of |p - q|, of kernel estimates on the line as
/// above: 0 for equal densities, 1 for those that share no place.
/// @throws Error as kernel_kl_divergence()
double kernel_total_variation(const Eigen::VectorXd& p,
                              const Eigen::VectorXd& p_weights,
                              const Eigen::VectorXd& q,
                              const Eigen::VectorXd& q_weights);

}  // namespace cryosip

// Principal components of images (paper figure 8).
#pragma once

#include <Eigen/Core>

namespace cryosip {

struct PrincipalComponents {
  Eigen::VectorXd mean;        ///< (coefficients)
  Eigen::MatrixXd components;  ///< (coefficients, P): orthonormal, largest variance first
  Eigen::VectorXd variances;   ///< (P): of the images along each component, over n - 1
  double total_variance = 0;   ///< along all directions together

  /// (P, images): components^T (image - mean).
  [[nodiscard]] Eigen::MatrixXd project(const Eigen::MatrixXf& images) const;
};

/// Eigenvectors of the images' covariance, each with its largest entry positive.
/// Cost: n d min(n, d) flops, and a few hundred products with a matrix of order min(n, d).
/// @param images  (coefficients, n), n > 1
/// @param wanted  > 0; fewer come back where the images spread in fewer directions
/// @throws Error(Usage) fewer than two images or no components asked for; Error(Numerical) no
///                      convergence
PrincipalComponents principal_components(const Eigen::MatrixXf& images, Eigen::Index wanted);

}  // namespace cryosip

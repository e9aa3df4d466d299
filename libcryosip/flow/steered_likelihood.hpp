// The likelihood of images under drawings turned in the plane, as exponents for a SteeredEngine:
//
//   log [p(y_j | R_alpha x_t) / p(y_j | noise alone)]
//     = sum_k (contrast x_tk (R_-alpha C_j y_j)_k - contrast^2 C_jk^2 x_tk^2 / 2) / v_k
//
// with C_j the CTF and v the noise's variance, both on the rings (docs/theory.md 10).
#pragma once

#include <Eigen/Core>

#include "libcryosip/discrepancy/steered_engine.hpp"
#include "libcryosip/flow/image_scale.hpp"
#include "libcryosip/forward/polar_basis.hpp"
#include "libcryosip/forward/polar_layout.hpp"

namespace cryosip {

/// Sum over angular frequencies of weight * x^2 on every ring: (rings, images).
/// @param images  (size, images)
/// @param weight  (size)
Eigen::MatrixXd ring_powers(const PolarLayout& layout,
                            const Eigen::MatrixXf& images,
                            const Eigen::VectorXd& weight);
/// What stands on each ring, for every coefficient: (size, n) of (rings, n).
Eigen::MatrixXf on_coefficients(const PolarLayout& layout, const Eigen::MatrixXd& on_rings);
/// The mean over real and imaginary part of every coefficient with m > 0 (size): weights must be
/// the same for both, or a rotation would change a weighted norm.
Eigen::VectorXd evened(const PolarLayout& layout, Eigen::VectorXd values);
/// Variance (size) of the noise of every coefficient of an observed image, evened.
Eigen::VectorXd noise_variance(const PolarBasis& basis, const ImageScale& scale);

class SteeredLikelihood {
 public:
  /// @param layout    must outlive this object
  /// @param contrast  image = contrast * drawing + noise
  /// @param variance  (size): of the noise; 0 leaves a coefficient out
  SteeredLikelihood(const PolarLayout& layout, double contrast, const Eigen::VectorXd& variance);

  /// contrast / variance (size).
  [[nodiscard]] const Eigen::VectorXd& per_variance() const { return per_variance_; }
  /// @param images     (size, drawings): without CTF and contrast
  /// @param log_prior  (drawings): their offsets
  [[nodiscard]] SteeredOperand drawings(const Eigen::MatrixXf& images,
                                        const Eigen::VectorXd& log_prior) const;
  /// Offsets keep exponents from overflowing: take them off logarithms of sums.
  /// @param filtered           (size, images): C y
  /// @param transfers_squared  (rings, images): C^2
  [[nodiscard]] SteeredOperand observed(Eigen::MatrixXf filtered,
                                        const Eigen::MatrixXd& transfers_squared) const;

 private:
  const PolarLayout& layout_;
  double contrast_;
  Eigen::VectorXd precision_;     // (size): 1 / variance
  Eigen::VectorXd per_variance_;  // (size)
};

}  // namespace cryosip

// Energy distance and squared maximum mean discrepancy (paper equations 8 and 9):
//
//   D = E k(X, X') + E k(Y, Y') - 2 E k(X, Y),   dD/dp (y) = 2 E k(y, X) - 2 E k(y, Y),
//
// estimated without bias: pairs of images that are not independent are left out, and
//
//   E k(X, X') = sum of w_a w_b k(x_a, x_b) / sum of w_a w_b over the pairs (a, b) that are left.
#pragma once

#include "libcryosip/discrepancy/discrepancy.hpp"
#include "libcryosip/discrepancy/kernel.hpp"
#include "libcryosip/discrepancy/pair_engine.hpp"

namespace cryosip {

/// w_i gradient_i at the simulated images is the gradient of value by image i.  first_variation_i
/// is, up to a common constant, the derivative of value by w_i.
///
/// With PixelNoise::integrated, the kernel of a simulated and an observed image has one side's
/// noise integrated out, that of two simulated images both sides', each exactly, for every kernel
/// (docs/theory.md, section 5); all is relative to kernel_log_scale.
template <typename Scalar>
class KernelDiscrepancy final : public Discrepancy<Scalar> {
 public:
  /// @param engine  must outlive this object
  /// @throws Error(Usage) a kernel or noise out of range
  KernelDiscrepancy(const PairEngine<Scalar>& engine,
                    const Kernel& kernel,
                    const PixelNoise& noise);

  /// E k(Y, Y'), of at least two images; their noise is never integrated out: they carry it.
  [[nodiscard]] double observed_term(const Eigen::MatrixX<Scalar>& observed) const override;

 private:
  [[nodiscard]] DiscrepancyResult evaluate_at(
      const SimulatedImages<Scalar>& simulated,
      const Eigen::MatrixX<Scalar>* points,
      const std::vector<int>& origin,
      const Eigen::MatrixX<Scalar>& observed) const override;

  const PairEngine<Scalar>& engine_;
  double log_scale_;
  PairFunction to_observed_;
  PairFunction to_simulated_;
  PairFunction among_observed_;
};

extern template class KernelDiscrepancy<float>;
extern template class KernelDiscrepancy<double>;

}  // namespace cryosip

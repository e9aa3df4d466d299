// Kernels of the maximum mean discrepancy: weighted sums of a few kinds of function of |x - y| = r.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/discrepancy/sample.hpp"

namespace cryosip {

enum class KernelKind {
  Gaussian,             ///< exp(-r^2 / 2 h^2)
  Laplace,              ///< exp(-r / h)
  InverseMultiquadric,  ///< (1 + r^2 / h^2)^(-exponent), exponent > 0
  Riesz,                ///< -r^exponent, 0 < exponent < 2; 1 makes the energy distance
};

struct KernelTerm {
  KernelKind kind = KernelKind::Gaussian;
  double bandwidth = 1;   ///< h > 0, in the units of the coefficients; Riesz has none
  double exponent = 0.5;  ///< inverse multiquadric and Riesz
  double weight = 1;      ///< > 0: factor of the term

  bool operator==(const KernelTerm&) const = default;
};

/// The sum of its terms, of which there is at least one.
using Kernel = std::vector<KernelTerm>;

/// -|x - y|, whose squared maximum mean discrepancy is the energy distance (paper equation 9).
[[nodiscard]] Kernel energy_kernel();

/// @throws Error(Usage) no term, or a number out of the range that stands above
void check_kernel(const Kernel& kernel);

/// Reads terms joined by '+', each [WEIGHT*]NAME[:FACTOR[:EXPONENT]]:
///   gaussian, laplace   FACTOR multiplies the common bandwidth (default 1)
///   imq                 the same; EXPONENT defaults to 1/2
///   riesz               FACTOR is the exponent (default 1); energy: riesz:1
/// e.g. "gaussian+laplace:2+imq+0.1*riesz:1.5".  Bandwidths are in units of the common one: see
/// with_common_bandwidth.
/// @throws Error(Usage) naming the term and what was expected
[[nodiscard]] Kernel parse_kernel(std::string_view text);
/// As parse_kernel reads it, to the same bits.
[[nodiscard]] std::string to_string(const Kernel& kernel);

/// Whether a term has a bandwidth: any but Riesz.
[[nodiscard]] bool has_bandwidth(const Kernel& kernel);
/// All bandwidths times that factor; Riesz has none.
/// @throws Error(Usage) as check_kernel
[[nodiscard]] Kernel with_common_bandwidth(Kernel kernel, double common);

/// Median distance of two images, among at most max_images of them evenly spread over the columns:
/// the median heuristic for a bandwidth.  Cost: at most 5e5 d.
/// @param images  (d, n)
/// @throws Error(Usage) fewer than two images; Error(Numerical) a median that is 0 or not finite
template <typename Scalar>
[[nodiscard]] double median_distance(const Eigen::MatrixX<Scalar>& images,
                                     Eigen::Index max_images = 1000);

/// Logarithm of the factor that KernelDiscrepancy takes out of everything, lest it underflow: the
/// largest height (value at r = 0, weight 1) among the terms with one side's noise integrated out,
/// (h^2 / (h^2 + v))^(m/2) for a Gaussian and m degrees of freedom; any other kind counts as 1.
/// 0 where the noise is not integrated out.
[[nodiscard]] double kernel_log_scale(const Kernel& kernel, const PixelNoise& noise);

}  // namespace cryosip

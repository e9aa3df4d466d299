// f-divergences between Gaussian kernel density estimates of p and q (paper equation 7):
//
//   D = integral of q f(p/q),   dD/dp = f'(u),   its gradient f''(u) u (grad log p - grad log q),
//
// u = p/q; KL(p||q) is one of them.  A density estimate is sound in a few dimensions:
// one-dimensional systems, images of a handful of coefficients.  With hundreds of coefficients u
// under- or overflows, and an error says so.
#pragma once

#include <optional>
#include <string_view>

#include "libcryosip/discrepancy/discrepancy.hpp"
#include "libcryosip/discrepancy/pair_engine.hpp"

namespace cryosip {

/// An f-divergence as functions of l = log u; f(1) = 0.  To f belongs any multiple of u - 1, which
/// leaves D as it is: it is chosen so that the mean of f(u)/u over a sample of p scatters little.
struct FDivergence {
  std::string_view name;
  double (*sample_term)(double l);      ///< f(u) / u: its mean over p is D
  double (*first_variation)(double l);  ///< f'(u)
  double (*slope)(double l);            ///< f''(u) u
};

/// "kl": KL(p||q), f = u log u.  "reverse-kl": KL(q||p), f = u - 1 - log u.  "chi-squared": the
/// integral of (p - q)^2 / q, f = u^2 - u.  "hellinger": squared Hellinger distance 1 - integral of
/// sqrt(p q), f = u - sqrt u.  "jensen-shannon": (KL(p||(p+q)/2) + KL(q||(p+q)/2)) / 2.
/// A sample of p does not see where q has mass and p has none: there reverse-kl, above all, counts
/// too little.
/// @throws Error(Usage) another name, listing these
[[nodiscard]] const FDivergence& find_divergence(std::string_view name);

/// Silverman's factor, (4 / ((d + 2) n))^(1 / (d + 4)): bandwidth over standard deviation.
/// @param count      n > 0; of weighted points their effective number
/// @param dimension  d > 0
[[nodiscard]] double silverman_factor(double count, Eigen::Index dimension);

/// Silverman's rule, s (4 / ((d + 2) n))^(1 / (d + 4)), with s the root mean square of the
/// coefficients' standard deviations.
/// @param images  (d, n)
/// @throws Error(Usage) fewer than two images; Error(Numerical) no scatter, or not finite
template <typename Scalar>
[[nodiscard]] double silverman_bandwidth(const Eigen::MatrixX<Scalar>& images);

/// The value is E_p f(u)/u over the points at which the density of p is evaluated.  At a point of a
/// known origin, p is estimated from the images independent of it.
///
/// value and first_variation are no derivatives of each other: the first variation holds the
/// estimate of p fixed where its gradient moves the point.
///
/// With PixelNoise::integrated the density of p is the mixture of N(x_i, h^2 + v) of the noise-free
/// images, that of q the mixture of N(y_j, h^2), and the normalising constants are those of
/// degrees_of_freedom dimensions.  The points must then carry noise, as a sample of p does, and
/// each have an origin, whose weight they share; the simulated images themselves are refused.
/// Otherwise the value's points are the simulated images, whatever points are given.
template <typename Scalar>
class DensityDivergence final : public Discrepancy<Scalar> {
 public:
  /// @param engine     must outlive this object
  /// @param bandwidth  h > 0, for p and q; none: silverman_bandwidth of the observed images
  /// @throws Error(Usage) a parameter out of range
  DensityDivergence(const PairEngine<Scalar>& engine,
                    const FDivergence& divergence,
                    std::optional<double> bandwidth,
                    const PixelNoise& noise);

  /// 0: the value is whole.
  [[nodiscard]] double observed_term(const Eigen::MatrixX<Scalar>& observed) const override;

 private:
  [[nodiscard]] DiscrepancyResult evaluate_at(
      const SimulatedImages<Scalar>& simulated,
      const Eigen::MatrixX<Scalar>* points,
      const std::vector<int>& origin,
      const Eigen::MatrixX<Scalar>& observed) const override;

  const PairEngine<Scalar>& engine_;
  FDivergence divergence_;
  std::optional<double> bandwidth_;
  PixelNoise noise_;
};

extern template class DensityDivergence<float>;
extern template class DensityDivergence<double>;

}  // namespace cryosip

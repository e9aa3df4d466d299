// Discrepancies made of pairs of images: energy distance and maximum mean discrepancy.
//
//   D = 2 s E k(X, Y) - s E k(X, X') - s E k(Y, Y'),  s = +1 for k = |x - y| (energy distance,
//   paper equation 9), s = -1 for a positive definite k (squared MMD, equation 8),
//
// estimated without bias: pairs of an image with itself are left out.  Simulated images come
// without noise; observed ones carry white noise.  The simulated side's noise is integrated out
// instead of drawn.
#pragma once

#include <Eigen/Core>

namespace cryosip {

enum class PairKernel {
  Distance,  ///< |x - y|; with noise: sqrt(|x - y|^2 + d v), exact to O(1/d)
  Gaussian,  ///< exp(-|x - y|^2 / 2 h^2); with noise: closed form, exact
};

struct PairKernelOptions {
  PairKernel kernel = PairKernel::Gaussian;
  double bandwidth = 1;       ///< h, in the units of the coefficients; > 0; Gaussian only
  double noise_variance = 0;  ///< sigma^2 of every coefficient of an observed image; >= 0
};

/// All up to the term of the observed images alone, which no gradient sees.
struct PairResult {
  double value = 0;
  Eigen::MatrixXd gradient;  ///< (coefficients, simulated): by each simulated image
};

/// One way of computing; a CUDA or MPI backend is another.
class PairEngine {
 public:
  PairEngine() = default;
  PairEngine(const PairEngine&) = delete;
  PairEngine& operator=(const PairEngine&) = delete;
  virtual ~PairEngine() = default;

  /// The Gaussian kernel is taken relative to the height of its simulated-observed average, a
  /// factor (h^2 / (h^2 + sigma^2))^(d/2) that would underflow: value and gradient are those of D
  /// divided by it.
  /// @param simulated  (coefficients, n), noise-free, n > 1
  /// @param weights    (n), >= 0, sum 1
  /// @param observed   (coefficients, m), m > 0
  /// @throws Error(Usage) shapes that disagree, too few images, an option out of range
  [[nodiscard]] virtual PairResult evaluate(const Eigen::MatrixXf& simulated,
                                            const Eigen::VectorXd& weights,
                                            const Eigen::MatrixXf& observed,
                                            const PairKernelOptions& options) const = 0;
};

/// Double precision, pair by pair, obvious and slow: what every other engine is tested against.
class ReferencePairEngine final : public PairEngine {
 public:
  [[nodiscard]] PairResult evaluate(const Eigen::MatrixXf& simulated,
                                    const Eigen::VectorXd& weights,
                                    const Eigen::MatrixXf& observed,
                                    const PairKernelOptions& options) const override;
  /// As above for images in double precision.
  // NOLINTNEXTLINE(readability-convert-member-functions-to-static): an overload, called like the
  // other
  [[nodiscard]] static PairResult evaluate(const Eigen::MatrixXd& simulated,
                                           const Eigen::VectorXd& weights,
                                           const Eigen::MatrixXd& observed,
                                           const PairKernelOptions& options);
};

/// Blocks of pairs by single-precision matrix products, sums in double precision; the same bits on
/// any number of threads; memory bounded by the blocks.  The observed mean is subtracted first,
/// without which squared distances lose their digits. Cost: 4 (n m + n^2) d flops.
class BlockedPairEngine final : public PairEngine {
 public:
  [[nodiscard]] PairResult evaluate(const Eigen::MatrixXf& simulated,
                                    const Eigen::VectorXd& weights,
                                    const Eigen::MatrixXf& observed,
                                    const PairKernelOptions& options) const override;
};

/// The term of the observed images alone, -s E k(Y, Y'), in the same units as PairResult::value;
/// for reporting whole discrepancies.  Cost: O(m^2 d) in double precision.
double observed_self_term(const Eigen::MatrixXd& observed, const PairKernelOptions& options);

}  // namespace cryosip

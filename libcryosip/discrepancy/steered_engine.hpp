// Kernel sums over pairs of images whose in-plane angle is unknown: averaged over the angle.
//
// Images are angular Fourier coefficients (PolarLayout), so that a rotation by alpha multiplies
// those of angular frequency m by exp(i m alpha), and all angles of a pair cost one product for
// each m and a small Fourier transform over m (docs/theory.md 10).  A kernel enters as the exponent
//
//   E_ij(alpha) = Re sum_m exp(i m alpha) sum_n conj(a_i,mn) z_j,mn + f_i . g_j + o_i + o_j,
//
// a Gaussian kernel exp(-|a - R z|^2 / 2) for example by o = -|.|^2 / 2, and one whose CTF differs
// from image to image by factors beside it (docs/theory.md 11): powers of the rings, say.
#pragma once

#include <cstdint>
#include <limits>

#include <Eigen/Core>

#include "libcryosip/forward/polar_layout.hpp"

namespace cryosip {

/// One side of the pairs: n images.
struct SteeredOperand {
  Eigen::MatrixXf images;   ///< (layout.size(), n): a or z
  Eigen::MatrixXf factors;  ///< (f, n): f_i or g_j, which no rotation changes; f may be 0
  Eigen::VectorXd offsets;  ///< (n): o; may be -infinity for an image that does not count
  /// (n) or none.  Pairs of equal labels are left out, where both sides have labels.
  Eigen::VectorXi labels;

  [[nodiscard]] Eigen::Index count() const { return images.cols(); }
};

struct SteeredOptions {
  /// Angles alpha = 2 pi (k + 1/2) / angles, k = 0 .. angles-1; a multiple of 8.  The half step
  /// changes no average that the angles resolve, and makes every symmetry of the transform whole.
  int angles = 64;
  /// Pairs all of whose exponents are known to lie below it may be left out: the error of a sum is
  /// at most exp(negligible_log) for each partner.  -infinity: nothing is left out.
  double negligible_log = -std::numeric_limits<double>::infinity();
};

/// What an evaluation did, in pairs: asked, less the three skipped, went all the way.
struct SteeredWork {
  std::int64_t asked = 0;             ///< all pairs, those of equal labels too
  std::int64_t skipped_by_norms = 0;  ///< by the norms of their coefficients
  /// By the norms of high angular frequencies, beside the exponents of the low ones.
  std::int64_t skipped_by_low_frequencies = 0;
  std::int64_t skipped_by_means = 0;  ///< not sent back: their kernels came out too small
  double useful_flops = 0;            ///< see SteeredFlops; neither exponentials nor bounds
};

struct SteeredResult {
  Eigen::VectorXd sums;              ///< (left): sum_j mean_alpha exp(E_ij(alpha))
  Eigen::MatrixXd images_gradient;   ///< (layout.size(), left): sum_j mean_alpha exp(E) R_alpha z_j
  Eigen::MatrixXd factors_gradient;  ///< (f, left): sum_j mean_alpha exp(E) g_j
  SteeredWork work;
};

/// Floating-point operations of a pair, a multiply-add being two.  The angular transform counts as
/// the symmetries alpha -> -alpha, pi - alpha and, for even m, pi/2 - alpha leave it: 3/16 of a
/// matrix product with all angles.
struct SteeredFlops {
  SteeredFlops(const PolarLayout& layout, Eigen::Index factors, int angles);

  double products = 0;   ///< images to correlations, and once more on the way back
  double transform = 0;  ///< correlations to exponents, and once more on the way back
  [[nodiscard]] double both_ways() const { return 2 * (products + transform); }
  /// Both ways without symmetries and factors, docs/performance.md: 8 n_r n_m 2 + 8 n_m n_alpha.
  double naive = 0;
};

/// One way of computing; a CUDA or MPI backend is another.
class SteeredEngine {
 public:
  SteeredEngine() = default;
  SteeredEngine(const SteeredEngine&) = delete;
  SteeredEngine& operator=(const SteeredEngine&) = delete;
  virtual ~SteeredEngine() = default;

  /// Each left image against all right ones.  Either side may be empty.
  /// @throws Error(Usage) shapes that disagree, a number of angles that is no multiple of 8
  [[nodiscard]] virtual SteeredResult evaluate(const PolarLayout& layout,
                                               const SteeredOperand& left,
                                               const SteeredOperand& right,
                                               const SteeredOptions& options) const = 0;

  /// log sum_j mean_alpha exp(E_ij(alpha)) for every left image, whatever the size of the
  /// exponents; -infinity where no right image counts.  Here negligible_log is relative to each
  /// left image's largest exponent.
  /// @throws Error(Usage) as evaluate()
  [[nodiscard]] virtual Eigen::VectorXd log_sums(const PolarLayout& layout,
                                                 const SteeredOperand& left,
                                                 const SteeredOperand& right,
                                                 const SteeredOptions& options) const = 0;
};

/// Double precision, pair by pair and angle by angle, obvious and slow: what every other engine is
/// tested against.  It leaves nothing out but pairs of equal labels.
class ReferenceSteeredEngine final : public SteeredEngine {
 public:
  [[nodiscard]] SteeredResult evaluate(const PolarLayout& layout,
                                       const SteeredOperand& left,
                                       const SteeredOperand& right,
                                       const SteeredOptions& options) const override;
  [[nodiscard]] Eigen::VectorXd log_sums(const PolarLayout& layout,
                                         const SteeredOperand& left,
                                         const SteeredOperand& right,
                                         const SteeredOptions& options) const override;
};

/// Tiles of pairs that stay in the caches, in single precision: products, transform, exponentials
/// and the way back, for 16 left images at a time; sums over partners in double precision; the same
/// bits on any number of threads; memory bounded by the blocks (docs/performance.md).
/// exp(E) below 1e-38 counts as 0, and above 3e38 as infinite.
class BlockedSteeredEngine final : public SteeredEngine {
 public:
  [[nodiscard]] SteeredResult evaluate(const PolarLayout& layout,
                                       const SteeredOperand& left,
                                       const SteeredOperand& right,
                                       const SteeredOptions& options) const override;
  [[nodiscard]] Eigen::VectorXd log_sums(const PolarLayout& layout,
                                         const SteeredOperand& left,
                                         const SteeredOperand& right,
                                         const SteeredOptions& options) const override;
};

/// @throws Error(Usage) as SteeredEngine::evaluate
void check_steered_shapes(const PolarLayout& layout,
                          const SteeredOperand& left,
                          const SteeredOperand& right,
                          const SteeredOptions& options);

}  // namespace cryosip

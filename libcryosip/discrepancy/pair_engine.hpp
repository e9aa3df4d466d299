// Sums over pairs of images: the work of every discrepancy, apart from what it makes of the sums.
//
// All discrepancies run on any engine.  ReferencePairEngine says what the sums are,
// BlockedPairEngine computes them fast on processor cores; CUDA or MPI would be others.
#pragma once

#include <span>

#include <Eigen/Core>

#include "libcryosip/discrepancy/pair_function.hpp"
#include "libcryosip/discrepancy/sample.hpp"

namespace cryosip {

/// Which pairs of a point and a partner are left out: where the partner is the image the point
/// belongs to, or one of the same conformation or nuisance draw as that image.
struct PairExclusions {
  std::span<const int> origin;        ///< (points): the partner a point belongs to, -1: none;
                                      ///< empty: none for all, nothing is left out
  std::span<const int> conformation;  ///< (partners), or empty: all differ
  std::span<const int> nuisance;      ///< (partners), or empty: all differ

  [[nodiscard]] bool leave_out(Eigen::Index point, Eigen::Index partner) const {
    const int from = origin.empty() ? -1 : origin[static_cast<std::size_t>(point)];
    const auto equal = [&](std::span<const int> label) {
      return !label.empty() &&
             label[static_cast<std::size_t>(from)] == label[static_cast<std::size_t>(partner)];
    };
    return from >= 0 && (from == partner || equal(conformation) || equal(nuisance));
  }
};

/// Points z_i, and the weighted partners x_j of each.  A view: what it names must outlive it.
template <typename Scalar>
struct PairProblem {
  const Eigen::MatrixX<Scalar>& points;    ///< (d, points)
  const Eigen::MatrixX<Scalar>& partners;  ///< (d, partners), at least one
  const Eigen::VectorXd& weights;          ///< (partners), >= 0
  PairExclusions exclusions;
};

struct PairSums {
  Eigen::VectorXd value;     ///< (points)
  Eigen::MatrixXd gradient;  ///< (d, points): by the point; empty where it was not wanted
};

/// See PairEngine::likelihood.
struct LikelihoodSums {
  Eigen::VectorXd log_evidence;  ///< (m): log p(y_j)
  Eigen::VectorXd share;         ///< (n): sum_j p(y_j | x_i) / p(y_j)
  Eigen::MatrixXd pull;          ///< (d, n): gradient of sum_j log p(y_j | x_i) by x_i, each term
                                 ///< times p(y_j | x_i) / p(y_j)
};

/// One way of computing.  Callers see to the shapes.
template <typename Scalar>
class PairEngine {
 public:
  PairEngine() = default;
  PairEngine(const PairEngine&) = delete;
  PairEngine& operator=(const PairEngine&) = delete;
  virtual ~PairEngine() = default;

  /// sum_j w_j k(|z_i - x_j|^2) over the partners not left out.
  /// @throws Error(Numerical) images that are not finite
  [[nodiscard]] virtual PairSums kernel_sums(const PairProblem<Scalar>& problem,
                                             const PairFunction& kernel,
                                             bool with_gradient) const = 0;

  /// log sum_j w_j exp(-|z_i - x_j|^2 / (2 variance)) over the partners not left out, and its
  /// gradient; -infinity and 0 where none is left.
  /// @param variance  > 0
  /// @throws Error(Numerical) images that are not finite
  [[nodiscard]] virtual PairSums log_gaussian_sums(const PairProblem<Scalar>& problem,
                                                   double variance) const = 0;

  /// p(y_j | x_i) = exp(-|C_j x_i - y_j|^2 / (2 variance)), p(y_j) = sum_i w_i p(y_j | x_i).
  /// Images of weight 0 get share and pull 0.
  /// @param images    x (d, n), noise-free and without C
  /// @param weights   w (n), >= 0, not all 0
  /// @param observed  y (d, m)
  /// @param transfer  C (d, m): what multiplies each coefficient of x in each observed image
  /// @param variance  > 0
  /// @throws Error(Numerical) images that are not finite
  [[nodiscard]] virtual LikelihoodSums likelihood(const Eigen::MatrixX<Scalar>& images,
                                                  const Eigen::VectorXd& weights,
                                                  const Eigen::MatrixX<Scalar>& observed,
                                                  const Eigen::MatrixX<Scalar>& transfer,
                                                  double variance) const = 0;
};

/// Double precision, pair by pair, obvious and slow: what every other engine is tested against.
template <typename Scalar>
class ReferencePairEngine final : public PairEngine<Scalar> {
 public:
  [[nodiscard]] PairSums kernel_sums(const PairProblem<Scalar>& problem,
                                     const PairFunction& kernel,
                                     bool with_gradient) const override;
  [[nodiscard]] PairSums log_gaussian_sums(const PairProblem<Scalar>& problem,
                                           double variance) const override;
  [[nodiscard]] LikelihoodSums likelihood(const Eigen::MatrixX<Scalar>& images,
                                          const Eigen::VectorXd& weights,
                                          const Eigen::MatrixX<Scalar>& observed,
                                          const Eigen::MatrixX<Scalar>& transfer,
                                          double variance) const override;
};

/// Blocks of pairs by matrix products in Scalar; functions of the distances and sums in double
/// precision; the same bits on any number of threads; beside a copy of the images, memory is
/// bounded by the blocks.  The partners' mean is subtracted first and close pairs are computed
/// again from their difference, without which squared distances lose their digits.  Cost: 4 d flops
/// a pair, half without gradient; 12 d for likelihood.
template <typename Scalar>
class BlockedPairEngine final : public PairEngine<Scalar> {
 public:
  [[nodiscard]] PairSums kernel_sums(const PairProblem<Scalar>& problem,
                                     const PairFunction& kernel,
                                     bool with_gradient) const override;
  [[nodiscard]] PairSums log_gaussian_sums(const PairProblem<Scalar>& problem,
                                           double variance) const override;
  [[nodiscard]] LikelihoodSums likelihood(const Eigen::MatrixX<Scalar>& images,
                                          const Eigen::VectorXd& weights,
                                          const Eigen::MatrixX<Scalar>& observed,
                                          const Eigen::MatrixX<Scalar>& transfer,
                                          double variance) const override;
};

extern template class ReferencePairEngine<float>;
extern template class ReferencePairEngine<double>;
extern template class BlockedPairEngine<float>;
extern template class BlockedPairEngine<double>;

}  // namespace cryosip

// Discrepancies D(p, q) between the simulated images' law p and the observed images' law q, and
// their first variations (paper sections 2.3 and 2.5.1): what a flow descends.
#pragma once

#include <vector>

#include <Eigen/Core>

#include "libcryosip/discrepancy/sample.hpp"

namespace cryosip {

struct DiscrepancyResult {
  /// D, estimated, up to Discrepancy::observed_term; to be multiplied by exp(log_scale), as
  /// everything here.
  double value = 0;
  double log_scale = 0;             ///< see kernel_log_scale; 0 but for Gaussian kernels
  Eigen::VectorXd first_variation;  ///< (points): dD/dp at each point, up to a common constant
  Eigen::MatrixXd gradient;         ///< (d, points): of the first variation, by the point
};

template <typename Scalar>
class Discrepancy {
 public:
  Discrepancy() = default;
  Discrepancy(const Discrepancy&) = delete;
  Discrepancy& operator=(const Discrepancy&) = delete;
  virtual ~Discrepancy() = default;

  /// At the simulated images themselves.
  /// @param observed  (d, m), m > 0
  /// @throws Error(Usage) as check_sample; no two images are independent
  /// @throws Error(Numerical) something is not finite
  [[nodiscard]] DiscrepancyResult evaluate(const SimulatedImages<Scalar>& simulated,
                                           const Eigen::MatrixX<Scalar>& observed) const {
    return evaluate_at(simulated, nullptr, {}, observed);
  }
  /// The first variation at other points, e.g. the images of perturbed conformations or images with
  /// noise.  The value is that of the simulated images all the same, but see DensityDivergence.
  /// @param points  (d, points)
  /// @param origin  (points): the simulated image that a point belongs to, which with all that are
  ///                not independent of it counts as absent at that point; -1: none.  Empty: none
  ///                for all
  /// @throws Error as above; Error(Usage) origins out of range
  [[nodiscard]] DiscrepancyResult evaluate(const SimulatedImages<Scalar>& simulated,
                                           const Eigen::MatrixX<Scalar>& points,
                                           const std::vector<int>& origin,
                                           const Eigen::MatrixX<Scalar>& observed) const {
    check_points(simulated, points, origin);
    return evaluate_at(simulated, &points, origin, observed);
  }

  /// The term of the observed images alone, which no gradient sees: in the units of value, with
  /// which it makes D whole.  0 where value is whole.
  /// @throws Error(Usage) too few images
  [[nodiscard]] virtual double observed_term(const Eigen::MatrixX<Scalar>& observed) const = 0;

 private:
  static void check_points(const SimulatedImages<Scalar>& simulated,
                           const Eigen::MatrixX<Scalar>& points,
                           const std::vector<int>& origin);
  // points: null for the simulated images themselves, each its own origin.
  [[nodiscard]] virtual DiscrepancyResult evaluate_at(
      const SimulatedImages<Scalar>& simulated,
      const Eigen::MatrixX<Scalar>* points,
      const std::vector<int>& origin,
      const Eigen::MatrixX<Scalar>& observed) const = 0;
};

extern template class Discrepancy<float>;
extern template class Discrepancy<double>;

}  // namespace cryosip

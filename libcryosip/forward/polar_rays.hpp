// From an image's Fourier transform on rays to the coefficients of a polar basis, and back.
#pragma once

#include <Eigen/Core>

#include "libcryosip/forward/polar_layout.hpp"

namespace cryosip {

/// Rays at equal angles over half a circle: images are real, F(phi + pi) = conj F(phi).  There are
/// 2 angular_frequencies() + 14 over the full circle, so that what folds back into the highest
/// angular frequency came from 14 above it, where an atom has less than 1e-9 of its energy.
template <typename Scalar>
class PolarRays {
 public:
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  /// Memory one thread needs; reused from call to call.
  struct Workspace {
    Matrix even;  // (rings, 2 even m)
    Matrix odd;
  };

  explicit PolarRays(const PolarLayout& layout);

  [[nodiscard]] Eigen::Index count() const { return directions_.rows(); }
  /// (rays, 2): cosine and sine of every ray's angle.
  [[nodiscard]] const Matrix& directions() const { return directions_; }
  [[nodiscard]] double angle_radian(Eigen::Index ray) const;

  /// Coefficients c(m, n) = mean over the circle of (m > 0 ? sqrt 2 : 1) F(n, phi) exp(-i m phi).
  /// @param real, imaginary  (rings, rays): F
  /// @param image            (layout.size()), overwritten
  void analyse(const Matrix& real,
               const Matrix& imaginary,
               Workspace& workspace,
               Eigen::Ref<Vector> image) const;
  /// The transpose of analyse().
  /// @param real, imaginary  (rings, rays), overwritten
  void spread(const Eigen::Ref<const Vector>& image,
              Workspace& workspace,
              Matrix& real,
              Matrix& imaginary) const;

 private:
  PolarLayout layout_;
  Matrix directions_;
  Matrix even_analysis_;  // (rays, 2 even m): real parts of F -> real and imaginary parts
  Matrix odd_analysis_;   // (rays, 2 odd m): imaginary parts of F -> the same
};

extern template class PolarRays<float>;
extern template class PolarRays<double>;

}  // namespace cryosip

#include "libcryosip/forward/polar_rays.hpp"

#include <cmath>
#include <numbers>

#include "libcryosip/core/units.hpp"

namespace cryosip {

template <typename Scalar>
PolarRays<Scalar>::PolarRays(const PolarLayout& layout) : layout_(layout) {
  constexpr int kSpareRays = 7;
  const int orders = layout.angular_frequencies();
  const int rays = orders + kSpareRays;
  directions_.resize(rays, 2);
  even_analysis_.resize(rays, 2 * ((orders + 1) / 2));
  odd_analysis_.resize(rays, 2 * (orders / 2));
  for (int ray = 0; ray < rays; ++ray) {
    const double angle = angle_radian(ray);
    directions_(ray, 0) = static_cast<Scalar>(std::cos(angle));
    directions_(ray, 1) = static_cast<Scalar>(std::sin(angle));
    for (int m = 0; m < orders; ++m) {
      // The mean over all rays of F exp(-i m phi), with F(phi + pi) = conj F(phi).
      const double scale = (m == 0 ? 1 : std::numbers::sqrt2) / rays;
      const double c = scale * std::cos(m * angle);
      const double s = scale * std::sin(m * angle);
      Matrix& analysis = m % 2 == 0 ? even_analysis_ : odd_analysis_;
      const Eigen::Index column = 2 * Eigen::Index{m / 2};
      analysis(ray, column) = static_cast<Scalar>(m % 2 == 0 ? c : s);
      analysis(ray, column + 1) = static_cast<Scalar>(m % 2 == 0 ? -s : c);
    }
  }
}

template <typename Scalar>
double PolarRays<Scalar>::angle_radian(Eigen::Index ray) const {
  return kPi * static_cast<double>(ray) / static_cast<double>(count());
}

template <typename Scalar>
void PolarRays<Scalar>::analyse(const Matrix& real,
                                const Matrix& imaginary,
                                Workspace& workspace,
                                Eigen::Ref<Vector> image) const {
  workspace.even.noalias() = real * even_analysis_;
  workspace.odd.noalias() = imaginary * odd_analysis_;
  for (int m = 0; m < layout_.angular_frequencies(); ++m) {
    const Matrix& of_parity = m % 2 == 0 ? workspace.even : workspace.odd;
    const Eigen::Index count = layout_.count(m);
    for (Eigen::Index part = 0; part < 2; ++part) {
      image.segment(layout_.offset(m) + part * count, count) =
          of_parity.col(2 * Eigen::Index{m / 2} + part).tail(count);
    }
  }
  image.segment(layout_.offset(0) + layout_.count(0), layout_.count(0)).setZero();
}

template <typename Scalar>
void PolarRays<Scalar>::spread(const Eigen::Ref<const Vector>& image,
                               Workspace& workspace,
                               Matrix& real,
                               Matrix& imaginary) const {
  workspace.even.setZero(layout_.rings(), even_analysis_.cols());
  workspace.odd.setZero(layout_.rings(), odd_analysis_.cols());
  for (int m = 0; m < layout_.angular_frequencies(); ++m) {
    Matrix& of_parity = m % 2 == 0 ? workspace.even : workspace.odd;
    const Eigen::Index count = layout_.count(m);
    for (Eigen::Index part = 0; part < (m == 0 ? 1 : 2); ++part) {
      of_parity.col(2 * Eigen::Index{m / 2} + part).tail(count) =
          image.segment(layout_.offset(m) + part * count, count);
    }
  }
  real.noalias() = workspace.even * even_analysis_.transpose();
  imaginary.noalias() = workspace.odd * odd_analysis_.transpose();
}

template class PolarRays<float>;
template class PolarRays<double>;

}  // namespace cryosip

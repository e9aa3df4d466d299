// Molecules made of Gaussians drawn straight into the polar basis, and the way back.
#pragma once

#include <memory>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/forward/bessel_grid.hpp"
#include "libcryosip/forward/polar_basis.hpp"
#include "libcryosip/forward/renderer.hpp"

namespace cryosip {

/// Coefficients of the image that Renderer defines, without optics.  An atom at the distance rho
/// and the angle theta from the box's centre is FF(n) (-i)^m J_m(2 pi n rho) exp(-i m theta) on
/// ring n (docs/theory.md 10).
///
/// Atoms are spread over a few bins of rho (BesselGrid), times the powers of a phase; from bins to
/// rings leads a small matrix for every m.  Form factors are sums of products of an atom's and a
/// ring's numbers (a singular value decomposition): one product if all atoms are alike, a few if
/// they differ in kind or B-factor.
///
/// Cost, with t = BesselGrid::kTaps and M angular frequencies: at most 4 t M flops an atom and
/// product for render(), 8 t M for pull_back(); frequencies that an atom near the centre does not
/// reach are left out.  Both are right to 1e-6 (float) or 1e-12 (double) of an image's norm.
///
/// Pixel models: Bandlimited, and Average as a factor (no aliasing).
template <typename Scalar>
class PolarRenderer {
 public:
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;
  /// Memory one thread needs; reused from call to call.
  using Workspace = typename Renderer<Scalar>::Workspace;

  /// How far from the box's centre atoms are seen, in box edges.
  static constexpr double kReach = 1.5;

  /// @throws Error(Usage) for PixelModel::Point
  PolarRenderer(std::shared_ptr<const PolarBasis> basis,
                const Scattering& scattering,
                PixelModel pixel);

  [[nodiscard]] const PolarBasis& basis() const { return *basis_; }
  [[nodiscard]] std::unique_ptr<Workspace> workspace() const;
  /// An atom farther out than kReach, shift included, leaves nothing in the image and feels
  /// nothing.
  /// @param positions  (3, atoms), angstrom, object frame
  /// @param image      (basis().size()), overwritten
  void render(const Eigen::Matrix3Xd& positions,
              const Pose& pose,
              Workspace& workspace,
              Eigen::Ref<Vector> image) const;
  /// What pull_back() needs of render(), without the image: half the work.
  void place(const Eigen::Matrix3Xd& positions, const Pose& pose, Workspace& workspace) const;
  /// Gradient of <adjoint, image> by positions and pose, at the arguments of the latest render() or
  /// place() with this workspace.
  /// @param gradient  overwritten
  void pull_back(const Eigen::Ref<const Vector>& adjoint,
                 Workspace& workspace,
                 RenderGradient& gradient) const;

 private:
  using Array = Eigen::Array<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  struct Scratch;

  // Blocks of frequencies that the image has; gradients may need one more.
  [[nodiscard]] Eigen::Index image_blocks() const;
  void sort_atoms(Scratch& scratch) const;
  void raise_phases(Scratch& scratch) const;
  void spread_atoms(Scratch& scratch) const;
  void gather_atoms(Eigen::Index product, Scratch& scratch) const;
  // Rows of rings, m = 0 at `zero`, times the pixels' factor, or times its transpose.
  void filter_pixels(bool transposed,
                     Eigen::Index zero,
                     Array& rows_real,
                     Array& rows_imaginary) const;

  std::shared_ptr<const PolarBasis> basis_;
  std::vector<int> orders_;  // (rings): angular frequencies of the layout
  // (rings, harmonics): Fourier coefficients of the pixels' factor around the ring, which has every
  // fourth: exp(4 i j phi), j = 0 ..; none if it is 1
  Array pixel_harmonics_;
  BesselGrid<Scalar> grid_;
  // The form factors: sum over products.
  Array atom_factors_;               // (atoms, products)
  Array ring_factors_;               // (rings, products): with the normalisation
  std::vector<Eigen::Index> order_;  // our atoms are the caller's
};

extern template class PolarRenderer<float>;
extern template class PolarRenderer<double>;

}  // namespace cryosip

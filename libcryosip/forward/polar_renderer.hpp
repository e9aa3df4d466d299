// Molecules made of Gaussians drawn straight into the polar basis, and the way back.
#pragma once

#include <memory>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/forward/polar_basis.hpp"
#include "libcryosip/forward/polar_rays.hpp"
#include "libcryosip/forward/renderer.hpp"

namespace cryosip {

/// Coefficients of the image that Renderer defines, without optics.  An atom at p is
/// FF(r) exp(-2 pi i r p.u(phi)) on the ray phi: on rings at equal distances a geometric
/// progression.  Half of the rays are enough, since images are real; the sum over them that makes
/// angular frequencies is a small matrix product (PolarRays).
/// Cost: 6 flops an atom, ray and ring for render(), 10 for pull_back(), and a sine and cosine an
/// atom and ray for either.
/// Pixel models: Bandlimited, and Average as a factor (no aliasing).
template <typename Scalar>
class PolarRenderer {
 public:
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;
  /// Memory one thread needs; reused from call to call.
  using Workspace = typename Renderer<Scalar>::Workspace;

  /// @throws Error(Usage) for PixelModel::Point
  PolarRenderer(std::shared_ptr<const PolarBasis> basis,
                const Scattering& scattering,
                PixelModel pixel);

  [[nodiscard]] const PolarBasis& basis() const { return *basis_; }
  [[nodiscard]] std::unique_ptr<Workspace> workspace() const;
  /// @param positions  (3, atoms), angstrom, object frame
  /// @param image      (basis().size()), overwritten
  void render(const Eigen::Matrix3Xd& positions,
              const Pose& pose,
              Workspace& workspace,
              Eigen::Ref<Vector> image) const;
  /// What pull_back() needs of render(), without the image: costs next to nothing.
  void place(const Eigen::Matrix3Xd& positions, const Pose& pose, Workspace& workspace) const;
  /// Gradient of <adjoint, image> by positions and pose, at the arguments of the latest render() or
  /// place() with this workspace.
  /// @param gradient  overwritten
  void pull_back(const Eigen::Ref<const Vector>& adjoint,
                 Workspace& workspace,
                 RenderGradient& gradient) const;

 private:
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  struct Scratch;
  /// Atoms of one type.  They lie side by side in the renderer's own order; so do their slots,
  /// which are as many as fill whole blocks.
  struct Segment {
    Eigen::Index first_atom = 0;
    Eigen::Index atoms = 0;
    Eigen::Index first_slot = 0;
    Eigen::Index slots = 0;
    Matrix envelope;  // (rings, rays): form factor, pixel factor and normalisation
  };

  [[nodiscard]] Eigen::Index slots() const {
    return segments_.empty() ? 0 : segments_.back().first_slot + segments_.back().slots;
  }
  template <bool kAttenuated>
  void sum_waves(const Segment& segment, Scratch& scratch) const;
  template <bool kAttenuated>
  void pull_back_waves(const Segment& segment, Scratch& scratch) const;

  std::shared_ptr<const PolarBasis> basis_;
  std::vector<Eigen::Index> order_;  // our atom i is the caller's order_[i]
  std::vector<Segment> segments_;
  PolarRays<Scalar> rays_;
  Matrix presence_;     // (slots, 1): 1 for an atom, 0 for a slot that fills a block
  Matrix attenuation_;  // (slots, rings): exp(-B r^2 / 4), or empty without B-factors
};

extern template class PolarRenderer<float>;
extern template class PolarRenderer<double>;

}  // namespace cryosip

// From atoms to images and back: the projection of a molecule in a view, and its adjoint.
//
// A renderer draws without optics; the CTF is applied by the image basis (ImageBasis::apply_ctf),
// so that one drawing serves every CTF.  ForwardModel (forward_model.hpp) puts the parts together.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/forward/image_basis.hpp"
#include "libcryosip/forward/imaging.hpp"

namespace cryosip {

/// Gradient of a scalar by what a drawing depends on.
struct RenderGradient {
  Eigen::Matrix3Xd positions;  ///< (3, atoms), per angstrom, object frame
  /// By a small rotation exp([w]x) put in front of the pose's (about the view's axes), per radian.
  Eigen::Vector3d rotation_radian = Eigen::Vector3d::Zero();
  Eigen::Vector2d shift = Eigen::Vector2d::Zero();  ///< by the pose's shift, per angstrom
};

/// What a frequency's value is multiplied by when pixels are made so.  Frequencies in cycles a
/// pixel.
/// @throws Error(Usage) PixelModel::Point, which is no such factor
[[nodiscard]] double pixel_transfer(PixelModel pixel, double kx, double ky);

/// Gradient by positions and pose from that by the atoms' places in the image.
/// @param order       our atom i is the molecule's order[i]
/// @param view        (atoms, 3), our order: positions rotated, not shifted
/// @param by_x, by_y  (atoms), our order, per angstrom
/// @param gradient    overwritten
void pull_back_view(const Pose& pose,
                    std::span<const Eigen::Index> order,
                    const Eigen::MatrixX3d& view,
                    const Eigen::VectorXd& by_x,
                    const Eigen::VectorXd& by_y,
                    RenderGradient& gradient);

/// Image values are projected densities, in units of the scattering amplitude per angstrom^2:
///   I(u) = sum_atoms sum_g a_g exp(-|u - x|^2 / 2 v_g) / (2 pi v_g),  v_g = (b_g + B_atom) / 8
///   pi^2.
template <typename Scalar>
class Renderer {
 public:
  using Vector = Eigen::Matrix<Scalar, Eigen::Dynamic, 1>;
  /// Memory one thread needs; reused from call to call.
  class Workspace {
   public:
    Workspace() = default;
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;
    virtual ~Workspace() = default;
  };

  Renderer() = default;
  Renderer(const Renderer&) = delete;
  Renderer& operator=(const Renderer&) = delete;
  virtual ~Renderer() = default;

  [[nodiscard]] virtual const ImageBasis& basis() const = 0;
  [[nodiscard]] virtual std::unique_ptr<Workspace> workspace() const = 0;
  /// @param positions  (3, atoms), angstrom, object frame
  /// @param image      (basis().size()), overwritten
  virtual void render(const Eigen::Matrix3Xd& positions,
                      const Pose& pose,
                      Workspace& workspace,
                      Eigen::Ref<Vector> image) const = 0;
  /// Gradient of <adjoint, image> by positions and pose, at the arguments of the latest render()
  /// with this workspace, whose intermediate results it uses.
  /// @param gradient  overwritten
  virtual void pull_back(const Eigen::Ref<const Vector>& adjoint,
                         Workspace& workspace,
                         RenderGradient& gradient) const = 0;
};

/// Draws straight into a Fourier disc.  Every Gaussian is a product of a function of kx and one of
/// ky, so that an image is one matrix product for each atom type:
///   cost 8 (radius + 1)^2 flops an atom for render(), about twice that for pull_back().
/// Pixel models: Bandlimited, and Average as the factor sinc(kx/box) sinc(ky/box) (no aliasing).
template <typename Scalar>
class FourierRenderer final : public Renderer<Scalar> {
 public:
  using typename Renderer<Scalar>::Vector;
  using typename Renderer<Scalar>::Workspace;

  /// @throws Error(Usage) for PixelModel::Point, which a Fourier disc cannot hold
  FourierRenderer(std::shared_ptr<const FourierDisc> basis,
                  const Scattering& scattering,
                  PixelModel pixel);

  [[nodiscard]] const FourierDisc& basis() const override { return *basis_; }
  [[nodiscard]] std::unique_ptr<Workspace> workspace() const override;
  void render(const Eigen::Matrix3Xd& positions,
              const Pose& pose,
              Workspace& workspace,
              Eigen::Ref<Vector> image) const override;
  void pull_back(const Eigen::Ref<const Vector>& adjoint,
                 Workspace& workspace,
                 RenderGradient& gradient) const override;

 private:
  using Matrix = Eigen::Matrix<Scalar, Eigen::Dynamic, Eigen::Dynamic>;
  struct Scratch;
  /// Atoms of one type, which lie side by side in the renderer's own order.
  struct Segment {
    Eigen::Index first = 0;
    Eigen::Index count = 0;
    Vector envelope;  // (frequencies): form factor, pixel factor and normalisation
  };

  std::shared_ptr<const FourierDisc> basis_;
  std::vector<Eigen::Index> order_;  // our atom i is the caller's order_[i]
  std::vector<Segment> segments_;
  bool has_b_factors_ = false;
  Matrix attenuation_;  // (atoms, radius + 1): exp(-B k^2 / 4 L^2), or empty
};

extern template class FourierRenderer<float>;
extern template class FourierRenderer<double>;

/// Draws pixels in real space, in double precision: the obvious and slow way, which tests and
/// simulations with PixelModel::Average or Point use.
/// Cost: O(Gaussians * atoms * box) exponentials or error functions, O(Gaussians * atoms * box^2)
/// flops.
class PixelRenderer final : public Renderer<double> {
 public:
  /// @throws Error(Usage) for PixelModel::Bandlimited
  PixelRenderer(std::shared_ptr<const PixelBasis> basis,
                const Scattering& scattering,
                PixelModel pixel);

  [[nodiscard]] const PixelBasis& basis() const override { return *basis_; }
  [[nodiscard]] std::unique_ptr<Workspace> workspace() const override;
  void render(const Eigen::Matrix3Xd& positions,
              const Pose& pose,
              Workspace& workspace,
              Eigen::Ref<Vector> image) const override;
  void pull_back(const Eigen::Ref<const Vector>& adjoint,
                 Workspace& workspace,
                 RenderGradient& gradient) const override;

 private:
  struct Scratch;
  struct Drawn {
    Eigen::Index atom = 0;
    double amplitude = 1;
    double variance_angstrom2 = 1;
  };

  std::shared_ptr<const PixelBasis> basis_;
  std::vector<Drawn> gaussians_;  // every Gaussian of every atom
  PixelModel pixel_;
};

}  // namespace cryosip

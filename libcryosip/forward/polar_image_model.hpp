// Noise-free images of conformations in the polar basis, and the way back: what estimators with
// unknown in-plane angles know of a model, as ImageModel is for those with given poses.
#pragma once

#include <memory>

#include <Eigen/Core>

#include "libcryosip/forward/image_model.hpp"
#include "libcryosip/forward/polar_basis.hpp"

namespace cryosip {

class PolarImageModel {
 public:
  /// Memory one thread needs; reused from call to call.
  using Workspace = ImageModel::Workspace;

  PolarImageModel() = default;
  PolarImageModel(const PolarImageModel&) = delete;
  PolarImageModel& operator=(const PolarImageModel&) = delete;
  virtual ~PolarImageModel() = default;

  /// Number of coordinates K.
  [[nodiscard]] virtual Eigen::Index dimension() const = 0;
  [[nodiscard]] virtual const PolarBasis& basis() const = 0;
  /// Real coefficients an image: basis().size().
  [[nodiscard]] Eigen::Index size() const { return basis().size(); }
  /// Sum of a drawing's pixels, which no conformation and no view changes; see
  /// PolarInput::pixel_sum.
  [[nodiscard]] virtual double pixel_sum() const = 0;
  [[nodiscard]] virtual std::unique_ptr<Workspace> workspace() const = 0;

  /// The image without CTF and contrast.
  /// @param coordinates  (K)
  /// @param image        (size), overwritten
  virtual void draw(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                    const Pose& pose,
                    Workspace& workspace,
                    Eigen::Ref<Eigen::VectorXf> image) const = 0;
  /// What pull_back() needs of draw(), without the image, where that costs less.
  virtual void place(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                     const Pose& pose,
                     Workspace& workspace) const = 0;
  /// Gradient (K) of <adjoint, image> by the coordinates, at the arguments of the latest draw() or
  /// place() with this workspace.
  [[nodiscard]] virtual Eigen::VectorXd pull_back(
      Workspace& workspace, const Eigen::Ref<const Eigen::VectorXf>& adjoint) const = 0;
};

}  // namespace cryosip

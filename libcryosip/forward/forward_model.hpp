// G_omega for models made of atoms, in double precision: a conformation's noise-free image under
// given conditions, and its gradient by everything it depends on.
//
// y = C_omega P R_omega V(theta) + noise (paper section 2.1); noise is added by noise.hpp.
#pragma once

#include <memory>

#include <Eigen/Core>

#include "libcryosip/forward/atomic_model.hpp"
#include "libcryosip/forward/renderer.hpp"

namespace cryosip {

class ForwardModel {
 public:
  struct Gradient {
    Eigen::VectorXd coordinates;
    Eigen::Vector3d rotation_radian;  ///< see RenderGradient
    Eigen::Vector2d shift;            ///< per angstrom
    Ctf::Gradient ctf;                ///< zero without a CTF
  };

  /// @param model  must outlive this object
  ForwardModel(const AtomicModel& model, std::shared_ptr<const Renderer<double>> renderer);

  [[nodiscard]] const ImageBasis& basis() const { return renderer_->basis(); }
  /// Coefficients of the image.  @param coordinates  (K)
  [[nodiscard]] Eigen::VectorXd image(const Eigen::VectorXd& coordinates,
                                      const ImagingCondition& condition) const;
  /// Gradient of <adjoint, image(coordinates, condition)>: one reverse pass, no Jacobian matrix.
  [[nodiscard]] Gradient pull_back(const Eigen::VectorXd& coordinates,
                                   const ImagingCondition& condition,
                                   const Eigen::VectorXd& adjoint) const;

 private:
  const AtomicModel& model_;
  std::shared_ptr<const Renderer<double>> renderer_;
};

}  // namespace cryosip

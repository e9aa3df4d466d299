// G_omega: a conformation's noise-free image under given conditions, and its vector-Jacobian
// product.
//
// y = C_omega P R_omega V(theta) + noise (paper section 2.1); noise is added by noise.hpp.
#pragma once

#include <memory>
#include <optional>

#include <Eigen/Core>

#include "libcryosip/forward/conformation_model.hpp"
#include "libcryosip/forward/renderer.hpp"

namespace cryosip {

/// One draw of the nuisances omega, pixel noise left out.
struct ImagingCondition {
  Pose pose;
  std::optional<Ctf> ctf;  ///< none: no transfer function
};

/// How molecules are drawn.
struct ImagingOptions {
  ScatteringOptions scattering;
  PixelModel pixel = PixelModel::Bandlimited;
};

class ForwardModel {
 public:
  struct Gradient {
    Eigen::VectorXd coordinates;
    Eigen::Vector3d rotation_radian;  ///< see RenderGradient
    Eigen::Vector2d shift;            ///< per angstrom
    Ctf::Gradient ctf;                ///< zero without a CTF
  };

  /// @param model  must outlive this object
  ForwardModel(const ConformationModel& model, std::shared_ptr<const Renderer<double>> renderer);

  [[nodiscard]] const ImageBasis& basis() const { return renderer_->basis(); }
  /// Coefficients of the image.  @param coordinates  (K)
  [[nodiscard]] Eigen::VectorXd image(const Eigen::VectorXd& coordinates,
                                      const ImagingCondition& condition) const;
  /// Gradient of <adjoint, image(coordinates, condition)>: one reverse pass, no Jacobian matrix.
  [[nodiscard]] Gradient pull_back(const Eigen::VectorXd& coordinates,
                                   const ImagingCondition& condition,
                                   const Eigen::VectorXd& adjoint) const;

 private:
  const ConformationModel& model_;
  std::shared_ptr<const Renderer<double>> renderer_;
};

/// The forward model with images as pixels, whatever the pixel model (a band-limited drawing is put
/// back into pixels): what simulations use.
class PixelSimulator {
 public:
  PixelSimulator(const ConformationModel& model,
                 const ImageGrid& grid,
                 const ImagingOptions& options);

  [[nodiscard]] const ImageGrid& grid() const { return forward_->basis().grid(); }
  /// Noise-free pixels (box * box), x fastest.  Thread-safe.
  [[nodiscard]] Eigen::VectorXd image(const Eigen::VectorXd& coordinates,
                                      const ImagingCondition& condition) const;

 private:
  std::unique_ptr<ForwardModel> forward_;
};

}  // namespace cryosip

// Noise-free images of conformations as coefficient vectors, and the way back: what flows, MAP and
// image comparisons know of a model.
//
// G_omega = contrast * transfer(ctf) * draw(coordinates, pose) (paper equation 1); the transfer is
// diagonal and kept apart, so that one drawing serves the CTFs of many images.
#pragma once

#include <memory>

#include <Eigen/Core>

#include "libcryosip/forward/image_basis.hpp"
#include "libcryosip/forward/imaging.hpp"

namespace cryosip {

class ImageModel {
 public:
  /// Memory one thread needs; reused from call to call.
  class Workspace {
   public:
    Workspace() = default;
    Workspace(const Workspace&) = delete;
    Workspace& operator=(const Workspace&) = delete;
    virtual ~Workspace() = default;
  };

  ImageModel() = default;
  ImageModel(const ImageModel&) = delete;
  ImageModel& operator=(const ImageModel&) = delete;
  virtual ~ImageModel() = default;

  /// Number of coordinates K.
  [[nodiscard]] virtual Eigen::Index dimension() const = 0;
  /// Where its images live; an observed image becomes comparable by basis().analyse().
  [[nodiscard]] virtual const ImageBasis& basis() const = 0;
  /// Real coefficients an image: basis().size().
  [[nodiscard]] Eigen::Index size() const { return basis().size(); }
  /// Number of coefficients that are compared, and so carry noise: those where transfer() of no CTF
  /// is 1.
  [[nodiscard]] virtual Eigen::Index compared() const = 0;
  [[nodiscard]] virtual std::unique_ptr<Workspace> workspace() const = 0;

  /// The image without CTF and contrast.
  /// @param coordinates  (K)
  /// @param image        (size), overwritten
  virtual void draw(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                    const Pose& pose,
                    Workspace& workspace,
                    Eigen::Ref<Eigen::VectorXf> image) const = 0;
  /// Gradient (K) of <adjoint, image> by the coordinates, at the arguments of the latest draw()
  /// with this workspace.
  [[nodiscard]] virtual Eigen::VectorXd pull_back(
      Workspace& workspace, const Eigen::Ref<const Eigen::VectorXf>& adjoint) const = 0;
  /// The factor of every coefficient (size): the CTF, or 1 where there is none; 0 for coefficients
  /// that are not compared, such as an image's mean, which is the background's.
  [[nodiscard]] virtual Eigen::VectorXf transfer(const std::optional<Ctf>& ctf) const = 0;
};

/// An image by its pixels, as simulations write them.
class PixelSimulator {
 public:
  PixelSimulator() = default;
  PixelSimulator(const PixelSimulator&) = delete;
  PixelSimulator& operator=(const PixelSimulator&) = delete;
  virtual ~PixelSimulator() = default;

  [[nodiscard]] virtual const ImageGrid& grid() const = 0;
  /// Noise-free pixels (box * box), x fastest, in double precision.  Thread-safe.
  [[nodiscard]] virtual Eigen::VectorXd image(const Eigen::VectorXd& coordinates,
                                              const ImagingCondition& condition) const = 0;
};

}  // namespace cryosip

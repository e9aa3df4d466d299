#include "libcryosip/forward/identity_model.hpp"

#include <string>

#include "formats/error.hpp"

namespace cryosip {
namespace {

void require_one_pixel(const ImageGrid& grid) {
  if (grid.box != 1) {
    throw Error(ErrorKind::Usage,
                "model identity: images of " + std::to_string(grid.box) +
                    " pixels along an edge, expected one pixel");
  }
}

class OnePixelImages final : public ImageModel {
 public:
  explicit OnePixelImages(const ImageGrid& grid) : basis_(grid) {}

  [[nodiscard]] Eigen::Index dimension() const override { return 1; }
  [[nodiscard]] const ImageBasis& basis() const override { return basis_; }
  [[nodiscard]] Eigen::Index compared() const override { return 1; }
  [[nodiscard]] std::unique_ptr<Workspace> workspace() const override {
    return std::make_unique<Workspace>();
  }
  void draw(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
            const Pose& /*pose*/,
            Workspace& /*workspace*/,
            Eigen::Ref<Eigen::VectorXf> image) const override {
    image = coordinates.cast<float>();
  }
  [[nodiscard]] Eigen::VectorXd pull_back(
      Workspace& /*workspace*/, const Eigen::Ref<const Eigen::VectorXf>& adjoint) const override {
    return adjoint.cast<double>();
  }
  [[nodiscard]] Eigen::VectorXf transfer(const std::optional<Ctf>& ctf) const override {
    if (ctf) {
      throw Error(ErrorKind::Usage, "model identity: its images have no CTF");
    }
    return Eigen::VectorXf::Ones(1);
  }

 private:
  PixelBasis basis_;
};

class OnePixelSimulator final : public PixelSimulator {
 public:
  explicit OnePixelSimulator(const ImageGrid& grid) : grid_(grid) {}

  [[nodiscard]] const ImageGrid& grid() const override { return grid_; }
  [[nodiscard]] Eigen::VectorXd image(const Eigen::VectorXd& coordinates,
                                      const ImagingCondition& /*condition*/) const override {
    return coordinates;
  }

 private:
  ImageGrid grid_;
};

}  // namespace

std::unique_ptr<ImageModel> IdentityModel::image_model(const ImageGrid& grid,
                                                       double /*resolution_angstrom*/,
                                                       const ImagingOptions& /*options*/) const {
  require_one_pixel(grid);
  return std::make_unique<OnePixelImages>(grid);
}

std::unique_ptr<PixelSimulator> IdentityModel::pixel_simulator(
    const ImageGrid& grid, const ImagingOptions& /*options*/) const {
  require_one_pixel(grid);
  return std::make_unique<OnePixelSimulator>(grid);
}

}  // namespace cryosip

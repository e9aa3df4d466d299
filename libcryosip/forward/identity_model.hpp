// The paper's one-dimensional system (section 4.1): an image is one pixel, whose
// noise-free value is the coordinate.
#pragma once

#include "libcryosip/forward/conformation_model.hpp"

namespace cryosip {

class IdentityModel final : public ConformationModel {
 public:
  [[nodiscard]] Eigen::Index dimension() const override { return 1; }
  [[nodiscard]] bool has_views() const override { return false; }
  [[nodiscard]] std::optional<ImageGrid> own_grid() const override { return ImageGrid{1, 1.0}; }
  [[nodiscard]] double finest_detail_angstrom(const ImagingOptions& /*options*/) const override {
    return 1;
  }
  /// @throws Error(Usage) a grid of more than one pixel
  [[nodiscard]] std::unique_ptr<ImageModel> image_model(
      const ImageGrid& grid,
      double resolution_angstrom,
      const ImagingOptions& options) const override;
  /// @throws Error(Usage) a grid of more than one pixel
  [[nodiscard]] std::unique_ptr<PixelSimulator> pixel_simulator(
      const ImageGrid& grid, const ImagingOptions& options) const override;
};

}  // namespace cryosip

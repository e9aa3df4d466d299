// The conformation model without atoms: a mean volume and component volumes, whose weights are the
// coordinates.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <Eigen/Core>

#include "formats/mrc.hpp"
#include "libcryosip/forward/conformation_model.hpp"
#include "libcryosip/forward/volume_spectra.hpp"

namespace cryosip {

/// Reads block sip_volume_model: a loop of _sipVolumeName (an MRC map, its path relative to this
/// file's folder), _sipComponent (0: the mean; 1 .. K) and _sipFactor (1 where there is no such
/// column).  The mean, and every component, is the sum of its rows' maps times their factors.
/// @returns (voxels, 1 + K): the mean, then the components
/// @throws Error(Input) a component without a row, maps that are not cubes with an even edge, maps
///     on different grids or without a pixel size, values that are not finite; as read_star() and
///     read_volume()
Volumes read_volume_model(const std::string& path);

/// V(theta) = mean + sum_k theta_k component_k, as 3D variability analysis and its kin describe a
/// molecule.
///
/// An image is the sum of voxels along the ray, as RELION projects: the central slice of V's
/// Fourier transform.  Being linear in theta it is put together from the slices of mean and
/// components, which are made once for a pose; the adjoint is an inner product for each component.
/// Options about atoms have no meaning here; PixelModel::Point is Bandlimited.
class VolumeModel final : public ConformationModel {
 public:
  /// @param volumes  the mean, then K components
  /// @throws Error(Usage) no volume; see VolumeSpectra
  explicit VolumeModel(Volumes volumes);

  [[nodiscard]] Eigen::Index dimension() const override { return volumes_.values.cols() - 1; }
  /// The volumes' own.
  [[nodiscard]] std::optional<ImageGrid> own_grid() const override {
    return ImageGrid{volumes_.edge, volumes_.voxel_size_angstrom};
  }
  /// What two voxels can hold, but not finer than kFinestDetailAngstrom.
  [[nodiscard]] double finest_detail_angstrom(const ImagingOptions& options) const override;
  /// In a FourierDisc.
  /// @throws Error(Usage) a resolution finer than the voxels can hold
  [[nodiscard]] std::unique_ptr<ImageModel> image_model(
      const ImageGrid& grid,
      double resolution_angstrom,
      const ImagingOptions& options) const override;
  /// Every drawing is given the mean volume's sum of pixels by adding a constant, as observed
  /// images are (PolarInput::pixel_sum): components may have a sum of their own.
  /// @throws Error(Usage) a resolution finer than the voxels can hold
  [[nodiscard]] std::unique_ptr<PolarImageModel> polar_image_model(
      const ImageGrid& grid,
      double resolution_angstrom,
      double radius_angstrom,
      const ImagingOptions& options) const override;
  /// Largest distance from the origin of a voxel that is not background, whatever the conformation:
  /// of at least 1 % of its volume's largest value; at most half the box.
  [[nodiscard]] double radius_angstrom(const Eigen::MatrixXd& coordinates) const override;
  [[nodiscard]] std::unique_ptr<PixelSimulator> pixel_simulator(
      const ImageGrid& grid, const ImagingOptions& options) const override;

  /// On the volumes' own grid.
  /// @throws Error(Usage) another grid; see band_radius()
  [[nodiscard]] formats::Volume density(const Eigen::VectorXd& coordinates,
                                        const ImageGrid& grid,
                                        double resolution_angstrom,
                                        const ImagingOptions& options) const override;

 private:
  /// Of the images to draw.  @throws Error(Usage) finer than the voxels can hold
  [[nodiscard]] double resolution(double asked_angstrom, const ImagingOptions& options) const;

  Volumes volumes_;
  double radius_angstrom_ = 0;
};

}  // namespace cryosip

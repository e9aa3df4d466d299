// From conformation coordinates to images: the models that --model names.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <Eigen/Core>

#include "formats/mrc.hpp"
#include "libcryosip/forward/image_model.hpp"
#include "libcryosip/forward/polar_image_model.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

/// Finest detail compared where nothing else is asked for.
inline constexpr double kFinestDetailAngstrom = 6;

/// theta in R^K -> something that can be seen.  Thread-safe once made.
class ConformationModel {
 public:
  ConformationModel() = default;
  ConformationModel(const ConformationModel&) = delete;
  ConformationModel& operator=(const ConformationModel&) = delete;
  virtual ~ConformationModel() = default;

  /// Number of coordinates K; 0 for a rigid model.
  [[nodiscard]] virtual Eigen::Index dimension() const = 0;
  /// Whether it is seen from several sides through a microscope.  Otherwise its images know
  /// neither poses (all are the identity) nor a CTF.
  [[nodiscard]] virtual bool has_views() const { return true; }
  /// The grid that its images have by definition or where no other is asked for, or nothing.
  [[nodiscard]] virtual std::optional<ImageGrid> own_grid() const { return std::nullopt; }

  /// Finest detail in its images worth comparing, in angstrom.
  [[nodiscard]] virtual double finest_detail_angstrom(const ImagingOptions& options) const = 0;
  /// Its images as coefficient vectors.  This object must outlive the result.
  /// @param resolution_angstrom  finest detail kept; 0: finest_detail_angstrom()
  /// @throws Error(Usage) a grid it cannot be drawn on, an option out of range
  [[nodiscard]] virtual std::unique_ptr<ImageModel> image_model(
      const ImageGrid& grid, double resolution_angstrom, const ImagingOptions& options) const = 0;
  /// Its images as coefficients of a polar basis.  This object must outlive the result.
  /// @param resolution_angstrom  as image_model()
  /// @param radius_angstrom      see PolarBasis; radius_angstrom() and the largest shift
  /// @throws Error(Usage) as image_model(); a model without views
  [[nodiscard]] virtual std::unique_ptr<PolarImageModel> polar_image_model(
      const ImageGrid& grid,
      double resolution_angstrom,
      double radius_angstrom,
      const ImagingOptions& options) const;
  /// Largest distance from the origin of an atom's centre, or of anything else that is seen, in any
  /// of these conformations.
  /// @param coordinates  (K, conformations), at least one
  /// @throws Error(Usage) a model without views
  [[nodiscard]] virtual double radius_angstrom(const Eigen::MatrixXd& coordinates) const;
  /// One conformation as RELION's maps have it: voxel [z][y][x], origin voxel box/2, positive where
  /// the molecule is, voxels summed along a ray being a pixel of a drawing.
  /// @param coordinates          (K)
  /// @param grid                 the cube's edge and its voxels'
  /// @param resolution_angstrom  finest detail kept; 0: to Nyquist
  /// @throws Error(Usage) a model without a density; a box that does not hold it
  [[nodiscard]] virtual formats::Volume density(const Eigen::VectorXd& coordinates,
                                                const ImageGrid& grid,
                                                double resolution_angstrom,
                                                const ImagingOptions& options) const;
  /// Points (any, conformations) as far apart as the conformations are: where it is made of atoms,
  /// by the root mean square distance of their positions in angstrom, as they are; else by the
  /// coordinates.
  /// @param coordinates  (K, conformations)
  [[nodiscard]] virtual Eigen::MatrixXd embedding(const Eigen::MatrixXd& coordinates) const {
    return coordinates;
  }
  /// Its images as pixels.  This object must outlive the result.
  /// @throws Error(Usage) as image_model()
  [[nodiscard]] virtual std::unique_ptr<PixelSimulator> pixel_simulator(
      const ImageGrid& grid, const ImagingOptions& options) const = 0;
};

/// Loads what --model names: NAME.nmd (NormalModeModel), NAME.star (VolumeModel), a PDB or mmCIF
/// file (RigidModel of all atoms), or a built-in model: `identity` (IdentityModel), `nanocluster`
/// (NanoclusterModel). A structure is moved so that the mean position of its atoms is the origin.
/// @throws Error(Input) as the readers of formats/
std::unique_ptr<ConformationModel> load_conformation_model(const std::string& name);

/// @throws Error(Usage) an ensemble of another number of coordinates than the model's
void require_dimension(const ConformationModel& model, const Ensemble& ensemble);

}  // namespace cryosip

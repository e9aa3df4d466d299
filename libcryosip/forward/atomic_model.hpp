// Conformation models made of atoms.
#pragma once

#include <memory>
#include <string>

#include <Eigen/Core>

#include "formats/nmd.hpp"
#include "libcryosip/forward/conformation_model.hpp"
#include "libcryosip/structure/atoms.hpp"

namespace cryosip {

/// theta in R^K -> positions of atoms, drawn as sums of Gaussians.
class AtomicModel : public ConformationModel {
 public:
  /// The atoms at coordinates 0.
  [[nodiscard]] virtual const Atoms& atoms() const = 0;
  /// What they look like.  @throws Error as scattering_of()
  [[nodiscard]] virtual Scattering scattering(const ScatteringOptions& options) const {
    return scattering_of(atoms(), options);
  }
  /// @param coordinates  (K)
  /// @param positions    (3, atoms), angstrom, overwritten; the centre of atoms() is the origin
  virtual void positions(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                         Eigen::Matrix3Xd& positions) const = 0;
  /// J^T g: gradient by the coordinates (K) from the gradient by the positions.
  [[nodiscard]] virtual Eigen::VectorXd pull_back(
      const Eigen::Ref<const Eigen::VectorXd>& coordinates,
      const Eigen::Matrix3Xd& position_gradient) const = 0;

  /// Where the atoms' Gaussians have fallen to 2 %, but not finer than kFinestDetailAngstrom.
  [[nodiscard]] double finest_detail_angstrom(const ImagingOptions& options) const override;
  /// In a FourierDisc.  PixelModel::Point is drawn as Bandlimited: the two are the same where
  /// nothing aliases.
  [[nodiscard]] std::unique_ptr<ImageModel> image_model(
      const ImageGrid& grid,
      double resolution_angstrom,
      const ImagingOptions& options) const override;
  /// PixelModel::Point as for image_model().
  [[nodiscard]] std::unique_ptr<PolarImageModel> polar_image_model(
      const ImageGrid& grid,
      double resolution_angstrom,
      double radius_angstrom,
      const ImagingOptions& options) const override;
  [[nodiscard]] double radius_angstrom(const Eigen::MatrixXd& coordinates) const override;
  /// The pixel model does not matter: a density is cut to its band.
  [[nodiscard]] formats::Volume density(const Eigen::VectorXd& coordinates,
                                        const ImageGrid& grid,
                                        double resolution_angstrom,
                                        const ImagingOptions& options) const override;
  [[nodiscard]] Eigen::MatrixXd embedding(const Eigen::MatrixXd& coordinates) const override;
  [[nodiscard]] std::unique_ptr<PixelSimulator> pixel_simulator(
      const ImageGrid& grid, const ImagingOptions& options) const override;
};

/// x = x_0 + sum_k theta_k scale_k v_k (paper section 4.3): exactly linear.
class NormalModeModel final : public AtomicModel {
 public:
  /// @throws Error(Input) an NMD without modes
  explicit NormalModeModel(const formats::Nmd& nmd);

  [[nodiscard]] Eigen::Index dimension() const override { return displacements_.cols(); }
  [[nodiscard]] const Atoms& atoms() const override { return atoms_; }
  void positions(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                 Eigen::Matrix3Xd& positions) const override;
  [[nodiscard]] Eigen::VectorXd pull_back(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                                          const Eigen::Matrix3Xd& position_gradient) const override;

 private:
  Atoms atoms_;
  Eigen::MatrixXd displacements_;  // (3 atoms, K): scale_k v_k
};

/// A structure that does not move.
class RigidModel final : public AtomicModel {
 public:
  explicit RigidModel(Atoms atoms);

  [[nodiscard]] Eigen::Index dimension() const override { return 0; }
  [[nodiscard]] const Atoms& atoms() const override { return atoms_; }
  void positions(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                 Eigen::Matrix3Xd& positions) const override;
  [[nodiscard]] Eigen::VectorXd pull_back(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                                          const Eigen::Matrix3Xd& position_gradient) const override;

 private:
  Atoms atoms_;
};

/// The paper's nanocluster (section 4.2): theta = (width, height), four atoms at
/// (+-width/2, +-height/2, 0), seen along z, an image of 32 x 32 pixels over [-2, 2)^2 (pixel
/// (16, 16) is the origin), I(u) = sum_atoms exp(-|u - a|^2 / 2 s^2) with s = 0.2.  Lengths are in
/// the paper's units, which stand where other models have angstrom.
class NanoclusterModel final : public AtomicModel {
 public:
  static constexpr double kHalfWidth = 2;
  static constexpr double kSigma = 0.2;
  static constexpr int kBox = 32;

  NanoclusterModel();

  [[nodiscard]] Eigen::Index dimension() const override { return 2; }
  [[nodiscard]] bool has_views() const override { return false; }
  [[nodiscard]] std::optional<ImageGrid> own_grid() const override {
    return ImageGrid{kBox, 2 * kHalfWidth / kBox};
  }
  [[nodiscard]] const Atoms& atoms() const override { return atoms_; }
  /// Peak 1, standard deviation kSigma, whatever the options.
  [[nodiscard]] Scattering scattering(const ScatteringOptions& options) const override;
  void positions(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                 Eigen::Matrix3Xd& positions) const override;
  [[nodiscard]] Eigen::VectorXd pull_back(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                                          const Eigen::Matrix3Xd& position_gradient) const override;
  /// Where its Gaussians have fallen to 2 %.
  [[nodiscard]] double finest_detail_angstrom(const ImagingOptions& options) const override;

 private:
  Atoms atoms_;
};

/// Atomic number from an atom's name as PDB files write it ("CA" of a residue other than CA is
/// carbon), 0 where it cannot be told.
int atomic_number_of(const std::string& atom_name, const std::string& residue_name);

}  // namespace cryosip

// From conformation coordinates to atoms and back.
#pragma once

#include <memory>
#include <string>

#include <Eigen/Core>

#include "formats/nmd.hpp"
#include "libcryosip/structure/atoms.hpp"

namespace cryosip {

/// theta in R^K -> positions of atoms.  Thread-safe once made.
class ConformationModel {
 public:
  ConformationModel() = default;
  ConformationModel(const ConformationModel&) = delete;
  ConformationModel& operator=(const ConformationModel&) = delete;
  virtual ~ConformationModel() = default;

  /// Number of coordinates K; 0 for a rigid model.
  [[nodiscard]] virtual Eigen::Index dimension() const = 0;
  /// The atoms at coordinates 0.
  [[nodiscard]] virtual const Atoms& atoms() const = 0;
  /// @param coordinates  (K)
  /// @param positions    (3, atoms), angstrom, overwritten; the centre of atoms() is the origin
  virtual void positions(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                         Eigen::Matrix3Xd& positions) const = 0;
  /// J^T g: gradient by the coordinates (K) from the gradient by the positions.
  [[nodiscard]] virtual Eigen::VectorXd pull_back(
      const Eigen::Ref<const Eigen::VectorXd>& coordinates,
      const Eigen::Matrix3Xd& position_gradient) const = 0;
};

/// x = x_0 + sum_k theta_k scale_k v_k (paper section 4.3): exactly linear.
class NormalModeModel final : public ConformationModel {
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
class RigidModel final : public ConformationModel {
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

/// Loads what --model names: NAME.nmd, or a PDB or mmCIF file (all atoms, rigid).
/// The structure is moved so that the mean position of its atoms is the origin.
/// @throws Error(Input) as the readers of formats/
std::unique_ptr<ConformationModel> load_conformation_model(const std::string& path);

/// Atomic number from an atom's name as PDB files write it ("CA" of a residue other than CA is
/// carbon), 0 where it cannot be told.
int atomic_number_of(const std::string& atom_name, const std::string& residue_name);

}  // namespace cryosip

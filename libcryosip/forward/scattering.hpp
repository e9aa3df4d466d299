// What an atom looks like: sums of Gaussians, at residue or at atomic resolution.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/structure/atoms.hpp"

namespace cryosip {

/// amplitude * exp(-b q^2 / 4) in reciprocal space, q in 1/angstrom; in real space a normal density
/// of variance b / (8 pi^2), times amplitude.
struct ScatteringGaussian {
  double amplitude = 1;
  double b_angstrom2 = 0;
};

/// Sum of the Gaussians at q in 1/angstrom.
[[nodiscard]] double form_factor(std::span<const ScatteringGaussian> gaussians, double q);

/// The appearance of every atom of a molecule.
struct Scattering {
  std::vector<std::vector<ScatteringGaussian>> types;  ///< at least one Gaussian each
  std::vector<int> type_of_atom;                       ///< (atoms): index into types
  /// (atoms): isotropic B-factor added to the b of each of the atom's Gaussians; >= 0.
  Eigen::VectorXd b_factors_angstrom2;

  [[nodiscard]] Eigen::Index count() const {
    return static_cast<Eigen::Index>(type_of_atom.size());
  }
  /// Atoms of every type that has any, in their order.
  struct TypeMembers {
    std::size_t type = 0;
    std::vector<Eigen::Index> atoms;
  };
  [[nodiscard]] std::vector<TypeMembers> members_of_types() const;
  /// Variance of the narrowest Gaussian drawn, in angstrom^2.
  [[nodiscard]] double narrowest_variance_angstrom2() const;
};

enum class AtomResolution {
  Auto,     ///< Residue where every atom is a C-alpha, else Element
  Residue,  ///< one Gaussian a node
  Element,  ///< electron scattering factors
};

struct ScatteringOptions {
  AtomResolution resolution = AtomResolution::Auto;
  double residue_sigma_angstrom = 4;  ///< of a residue's Gaussian; > 0
  /// Added to every atom's own B-factor; >= 0.  Residue Gaussians have no B-factor.
  double extra_b_factor_angstrom2 = 0;
  bool use_b_factors = true;  ///< of the structure file, at Element resolution
};

/// Residue: amplitude 1 and the same width for all.  Element: neutral-atom electron scattering
/// factors, five Gaussians (Peng et al. 1996 as in International Tables C 4.3.2.2, gemmi's c4322).
/// @throws Error(Usage)  an option out of range
/// @throws Error(Input)  an atom whose element has no scattering factors, naming it
Scattering scattering_of(const Atoms& atoms, const ScatteringOptions& options);

}  // namespace cryosip

// The atoms of a molecule, as the science sees them: arrays, selected from a structure file.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <Eigen/Core>

#include "formats/pdb.hpp"

namespace cryosip {

struct Atoms {
  Eigen::Matrix3Xd positions_angstrom;  ///< (3, atoms)
  Eigen::VectorXd b_factors_angstrom2;  ///< (atoms)
  std::vector<int> atomic_numbers;      ///< (atoms)
  // What NMD and PDB files call them, (atoms) each.
  std::vector<std::string> names;
  std::vector<std::string> residue_names;
  std::vector<std::string> chains;
  std::vector<int> residue_numbers;
  std::vector<char> insertion_codes;

  [[nodiscard]] Eigen::Index count() const { return positions_angstrom.cols(); }
};

/// @param selection  "ca" (C-alpha of amino acids, and of modified ones), "backbone" (N CA C O),
/// "all"
///                   (every atom but waters), or a gemmi-free comma list of atom names ("CA,P")
/// @throws Error(Usage) unknown selection; Error(Input) nothing selected, naming the file
Atoms select_atoms(const formats::AtomicModel& model, std::string_view selection);

}  // namespace cryosip

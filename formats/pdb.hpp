// Atomic models from PDB and mmCIF files (plain or gzipped), through gemmi.
#pragma once

#include <array>
#include <string>
#include <vector>

namespace cryosip::formats {

struct AtomRecord {
  std::string name;          ///< "CA"
  std::string residue_name;  ///< "ALA"
  std::string chain;         ///< author's chain name
  int residue_number = 0;    ///< author's number
  char insertion_code = ' ';
  std::string element;  ///< "C", from its column, or else its name
  int atomic_number = 0;
  bool hetero = false;  ///< HETATM
  std::array<double, 3> position_angstrom{};
  double occupancy = 1;
  double b_factor = 0;  ///< isotropic, angstrom^2
};

struct AtomicModel {
  std::string source;
  std::vector<AtomRecord> atoms;
};

/// Reads the first model; of alternate locations the first one of each residue is kept; waters are
/// left out.  The format is decided by content.
/// @throws Error(Input) missing, unreadable, or without a single atom
AtomicModel read_atomic_model(const std::string& path);

}  // namespace cryosip::formats

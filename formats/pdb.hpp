// Atomic models from PDB and mmCIF files (plain or gzipped), and weighted ensembles of them into
// such files, through gemmi.
#pragma once

#include <array>
#include <cstddef>
#include <functional>
#include <iosfwd>
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

/// One molecule in several conformations, each with its share of the population.
struct WeightedModels {
  std::string title;
  std::vector<AtomRecord> atoms;  ///< their positions do not count
  /// (models): population fractions, and what the models are called
  std::vector<double> populations;
  std::vector<std::string> names;
  /// (atoms) of one model, in angstrom.  Asked for once, in order: one model is held at a time.
  std::function<std::vector<std::array<double, 3>>(std::size_t model)> positions;
};

/// MODEL 1, 2, ..; a model's population stands in a line "REMARK   6 MODEL     1 POPULATION 0.25"
/// (a remark the format leaves free).  Occupancies are the atoms' own.
/// @throws Error(Output) for what the format cannot hold: chains of three letters, 10000 models, ..
void write_pdb(std::ostream& out, const WeightedModels& models);

/// Positions to 0.001 angstrom.  Populations stand where the dictionary of integrative models
/// (IHMCIF) has them: _ihm_multi_state_modeling.population_fraction, a state for each model, linked
/// by _ihm_multi_state_model_group_link, _ihm_model_group and _ihm_model_group_link to
/// _atom_site.pdbx_PDB_model_num.
void write_mmcif(std::ostream& out, const WeightedModels& models);

}  // namespace cryosip::formats

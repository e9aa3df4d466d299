// Writing ensembles of atomic models.  A model is built once; for each conformation its atoms are
// moved and written, so that memory does not grow with the number of models.
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <exception>
#include <iterator>
#include <ostream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

// gemmi's functions that write live in its headers, for one file to take in.  Debian's gemmi-dev
// leaves out the printf that they bring along.
#define GEMMI_WRITE_IMPLEMENTATION  // NOLINT(cppcoreguidelines-macro-usage)
#define USE_STD_SNPRINTF            // NOLINT(cppcoreguidelines-macro-usage)
#include <gemmi/align.hpp>
#include <gemmi/cifdoc.hpp>
#include <gemmi/polyheur.hpp>
#include <gemmi/resinfo.hpp>
#include <gemmi/to_cif.hpp>
#include <gemmi/to_mmcif.hpp>
#include <gemmi/to_pdb.hpp>

#include "formats/error.hpp"
#include "formats/pdb.hpp"
#include "formats/star.hpp"

namespace cryosip::formats {

namespace {

gemmi::Residue residue_of(const AtomRecord& record) {
  gemmi::Residue residue;
  residue.name = record.residue_name;
  residue.seqid.num = record.residue_number;
  residue.seqid.icode = record.insertion_code;
  residue.het_flag = record.hetero ? 'H' : 'A';
  return residue;
}

bool same_residue(const gemmi::Residue& residue, const AtomRecord& record) {
  return residue.name == record.residue_name && residue.seqid.num.value == record.residue_number &&
         residue.seqid.icode == record.insertion_code;
}

gemmi::Structure structure_of(const WeightedModels& models) {
  gemmi::Structure structure;
  structure.name = "cryosip";
  structure.info["_struct.title"] = models.title;
  structure.models.emplace_back("1");
  auto& chains = structure.models.front().chains;
  for (const AtomRecord& record : models.atoms) {
    const std::string name = record.chain.empty() ? "A" : record.chain;
    const bool is_new_chain = chains.empty() || chains.back().name != name;
    if (is_new_chain) {
      chains.emplace_back(name);
    }
    auto& residues = chains.back().residues;
    if (is_new_chain || !same_residue(residues.back(), record)) {
      residues.push_back(residue_of(record));
    }
    gemmi::Atom atom;
    atom.name = record.name;
    atom.element = gemmi::Element(record.atomic_number);
    atom.occ = static_cast<float>(record.occupancy);
    atom.b_iso = static_cast<float>(record.b_factor);
    residues.back().atoms.push_back(atom);
  }
  return structure;
}

void move_atoms(gemmi::Structure& structure, const WeightedModels& models, std::size_t model) {
  const std::vector<std::array<double, 3>> positions = models.positions(model);
  std::size_t next = 0;
  const auto rounded = [](double value) { return std::round(value * 1000) / 1000; };
  structure.models.front().name = std::to_string(model + 1);
  for (gemmi::Chain& chain : structure.models.front().chains) {
    for (gemmi::Residue& residue : chain.residues) {
      for (gemmi::Atom& atom : residue.atoms) {
        const auto& [x, y, z] = positions.at(next++);
        if (!std::isfinite(x) || !std::isfinite(y) || !std::isfinite(z)) {
          throw Error(ErrorKind::Numerical, "an atom's position is not finite");
        }
        atom.pos = gemmi::Position(rounded(x), rounded(y), rounded(z));
      }
    }
  }
}

void check(const WeightedModels& models) {
  if (models.atoms.empty() || models.populations.empty() ||
      models.names.size() != models.populations.size()) {
    throw Error(ErrorKind::Usage, "models to write: expected atoms, and a name for each model");
  }
}

// A line of eighty columns.
void write_line(std::ostream& out, std::string line) {
  line.resize(80, ' ');
  out << line << '\n';
}

std::string padded(std::size_t number, std::size_t width) {
  const std::string digits = std::to_string(number);
  return std::string(width - std::min(width, digits.size()), ' ') + digits;
}

// The tables that say which model has which population.
void add_populations(gemmi::cif::Block& block, const WeightedModels& models) {
  const auto loop = [&block](const std::string& category,
                             const std::vector<std::string>& items) -> gemmi::cif::Loop& {
    return block.init_mmcif_loop(category, items);
  };
  const auto for_models = [&](gemmi::cif::Loop& table, const auto& row_of) {
    for (std::size_t m = 0; m < models.names.size(); ++m) {
      table.add_row(row_of(std::to_string(m + 1), m));
    }
  };
  using Row = std::vector<std::string>;
  const auto name = [&](std::size_t m) { return gemmi::cif::quote(models.names[m]); };
  for_models(loop("_ihm_model_list.", {"model_id", "model_name"}),
             [&](const std::string& id, std::size_t m) {
               return Row{id, name(m)};
             });
  for_models(loop("_ihm_model_group.", {"id", "name"}), [&](const std::string& id, std::size_t m) {
    return Row{id, name(m)};
  });
  for_models(loop("_ihm_model_group_link.", {"group_id", "model_id"}),
             [&](const std::string& id, std::size_t) {
               return Row{id, id};
             });
  for_models(
      loop("_ihm_multi_state_modeling.",
           {"state_id", "state_group_id", "population_fraction", "state_name", "experiment_type"}),
      [&](const std::string& id, std::size_t m) {
        return Row{id, "1", format_number(models.populations[m]), name(m), "'Fraction of bulk'"};
      });
  for_models(loop("_ihm_multi_state_model_group_link.", {"state_id", "model_group_id"}),
             [&](const std::string& id, std::size_t) {
               return Row{id, id};
             });
}

template <typename Write>
void as_output(const Write& write) {
  try {
    write();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& error) {
    throw Error(ErrorKind::Output, std::string("atomic models: ") + error.what());
  }
}

}  // namespace

void write_pdb(std::ostream& out, const WeightedModels& models) {
  check(models);
  constexpr std::size_t kMost = 9999;
  const std::size_t count = models.populations.size();
  if (count > kMost) {
    throw Error(ErrorKind::Output,
                std::to_string(count) +
                    " models, expected at most 9999 for a PDB file: write "
                    "mmCIF, or fewer");
  }
  as_output([&] {
    gemmi::Structure structure = structure_of(models);
    gemmi::setup_entities(structure);
    write_line(out, "TITLE     " + models.title.substr(0, 70));
    write_line(out, "NUMMDL    " + std::to_string(count));
    for (std::size_t m = 0; m < count; ++m) {
      write_line(out,
                 "REMARK   6 MODEL " + padded(m + 1, 5) + " POPULATION " +
                     format_number(models.populations[m]));
    }
    for (std::size_t m = 0; m < count; ++m) {
      move_atoms(structure, models, m);
      std::stringstream one;
      gemmi::write_minimal_pdb(structure, one);
      write_line(out, "MODEL     " + padded(m + 1, 4));
      for (std::string line; std::getline(one, line);) {
        if (line.rfind("CRYST1", 0) != 0) {
          out << line << '\n';
        }
      }
      write_line(out, "ENDMDL");
    }
    write_line(out, "END");
  });
}

void write_mmcif(std::ostream& out, const WeightedModels& models) {
  check(models);
  as_output([&] {
    gemmi::Structure structure = structure_of(models);
    move_atoms(structure, models, 0);
    gemmi::setup_entities(structure);
    // What is numbered by distances is numbered alike in all models.
    gemmi::assign_label_seq_id(structure, true);

    gemmi::MmcifOutputGroups head(false);
    head.block_name = head.entry = head.entity = head.entity_poly = head.title_keywords =
        head.struct_asym = head.chem_comp = head.atom_type = true;
    gemmi::cif::Block block = gemmi::make_mmcif_block(structure, head);
    add_populations(block, models);
    gemmi::cif::write_cif_block_to_stream(out, block, gemmi::cif::Style::Simple);

    gemmi::MmcifOutputGroups atoms(false);
    atoms.atoms = atoms.group_pdb = true;
    std::size_t serial = 0;
    for (std::size_t m = 0; m < models.populations.size(); ++m) {
      if (m > 0) {
        move_atoms(structure, models, m);
      }
      gemmi::cif::Block one;
      gemmi::update_mmcif_block(structure, one, atoms);
      const gemmi::cif::Loop& rows = *one.find_loop("_atom_site.id").get_loop();
      if (m == 0) {
        out << "\nloop_\n";
        for (const std::string& tag : rows.tags) {
          out << tag << '\n';
        }
      }
      const auto id = static_cast<std::size_t>(rows.find_tag("_atom_site.id"));
      const std::size_t width = rows.tags.size();
      std::string line;
      for (std::size_t row = 0; row < rows.length(); ++row) {
        line.clear();
        for (std::size_t column = 0; column < width; ++column) {
          line += column == id ? std::to_string(++serial) : rows.values[row * width + column];
          line += column + 1 < width ? ' ' : '\n';
        }
        out << line;
      }
    }
  });
}

}  // namespace cryosip::formats

#include "formats/pdb.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <exception>
#include <string_view>

// Not mmread.hpp: it wants a JSON parser that Debian's gemmi-dev leaves out.
#include <gemmi/cif.hpp>
#include <gemmi/mmcif.hpp>
#include <gemmi/pdb.hpp>
#include <gemmi/resinfo.hpp>

#include "formats/error.hpp"
#include "formats/text.hpp"

namespace cryosip::formats {

namespace {

/// CIF starts with "data_", behind comments; anything else is taken for PDB.
bool is_cif(std::string_view bytes) {
  constexpr std::string_view kBlanks = " \t\r\n";
  constexpr std::string_view kKeyword = "data_";
  std::size_t i = bytes.find_first_not_of(kBlanks);
  while (i != std::string_view::npos && bytes[i] == '#') {
    i = bytes.find('\n', i);
    i = bytes.find_first_not_of(kBlanks, i);
  }
  if (i == std::string_view::npos || bytes.size() - i < kKeyword.size()) {
    return false;
  }
  return std::equal(kKeyword.begin(),
                    kKeyword.end(),
                    bytes.begin() + static_cast<std::ptrdiff_t>(i),
                    [](char a, char b) { return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b); });
}

gemmi::Structure parse(const std::string& bytes, const std::string& path) {
  try {
    if (is_cif(bytes)) {
      return gemmi::make_structure(
          gemmi::cif::read_memory(bytes.data(), bytes.size(), path.c_str()));
    }
    return gemmi::read_pdb_from_memory(bytes.data(), bytes.size(), path);
  } catch (const std::exception& error) {
    // gemmi's messages may run over several lines, and most start with the file.
    const std::string message = error.what();
    const std::string line = message.substr(0, message.find('\n'));
    throw Error(ErrorKind::Input,
                line.rfind(path, 0) == 0 ? line : path + ": not a PDB or mmCIF file: " + line);
  }
}

/// The atoms of a residue, one for each name that has alternate locations: that of the location
/// seen first in the residue, or else the first there is.
std::vector<const gemmi::Atom*> first_locations(const gemmi::Residue& residue) {
  char first = '\0';
  std::vector<const gemmi::Atom*> kept;
  for (const gemmi::Atom& atom : residue.atoms) {
    if (atom.altloc != '\0' && first == '\0') {
      first = atom.altloc;
    }
    if (atom.altloc == '\0') {
      kept.push_back(&atom);
      continue;
    }
    const auto same_name = std::find_if(kept.begin(), kept.end(), [&](const gemmi::Atom* other) {
      return other->name == atom.name;
    });
    if (same_name == kept.end()) {
      kept.push_back(&atom);
    } else if (atom.altloc == first && (*same_name)->altloc != '\0' &&
               (*same_name)->altloc != first) {
      *same_name = &atom;
    }
  }
  return kept;
}

bool has_locations(const gemmi::Residue& residue) {
  return std::any_of(residue.atoms.begin(), residue.atoms.end(), [](const gemmi::Atom& atom) {
    return atom.altloc != '\0';
  });
}

bool is_of_a_biopolymer(const gemmi::Residue& residue) {
  const gemmi::ResidueInfo info = gemmi::find_tabulated_residue(residue.name);
  const auto has = [&](std::string_view name) {
    return std::any_of(residue.atoms.begin(), residue.atoms.end(), [&](const gemmi::Atom& atom) {
      return atom.name == name;
    });
  };
  return (info.is_standard() && (info.is_amino_acid() || info.is_nucleic_acid())) ||
         (residue.het_flag != 'H' && has("N") && has("CA") && has("C"));
}

/// Simulation programs write names flush left and no elements.  gemmi then takes the C-alpha "CA"
/// for calcium, and so on with CD, NE and HG; residues of proteins and nucleic acids hold none of
/// these.
gemmi::Element element_of(const gemmi::Residue& residue, const gemmi::Atom& atom) {
  using gemmi::El;
  constexpr std::array kOfBiopolymers{El::H, El::D, El::C, El::N, El::O, El::S, El::P, El::Se};
  const bool is_usual =
      std::find(kOfBiopolymers.begin(), kOfBiopolymers.end(), atom.element.elem) !=
      kOfBiopolymers.end();
  if (is_usual || atom.name.empty() || !is_of_a_biopolymer(residue)) {
    return atom.element;
  }
  return gemmi::Element(std::string(1, atom.name.front()));
}

AtomRecord to_record(const gemmi::Chain& chain,
                     const gemmi::Residue& residue,
                     const gemmi::Atom& atom,
                     const std::string& path) {
  if (!std::isfinite(atom.pos.x) || !std::isfinite(atom.pos.y) || !std::isfinite(atom.pos.z)) {
    throw Error(ErrorKind::Input,
                path + ": atom " + atom.name + " of " + chain.name + "/" + residue.str() +
                    ": position not finite");
  }
  AtomRecord record;
  record.name = atom.name;
  record.residue_name = residue.name;
  record.chain = chain.name;
  record.residue_number = residue.seqid.num.has_value() ? residue.seqid.num.value : 0;
  record.insertion_code = residue.seqid.icode;
  const gemmi::Element element = element_of(residue, atom);
  record.element = element.name();
  record.atomic_number = element.atomic_number();
  record.hetero = residue.het_flag == 'H';
  record.position_angstrom = {atom.pos.x, atom.pos.y, atom.pos.z};
  record.occupancy = static_cast<double>(atom.occ);
  record.b_factor = static_cast<double>(atom.b_iso);
  return record;
}

}  // namespace

AtomicModel read_atomic_model(const std::string& path) {
  std::string bytes = read_all(path);
  if (bytes.rfind("\x1f\x8b", 0) == 0) {
    bytes = gunzip(bytes, path);
  }
  const gemmi::Structure structure = parse(bytes, path);
  AtomicModel model;
  model.source = path;
  if (!structure.models.empty()) {
    for (const gemmi::Chain& chain : structure.models.front().chains) {
      const gemmi::Residue* previous = nullptr;
      for (const gemmi::Residue& residue : chain.residues) {
        // Two residues in one place are alternate locations too (1EJG: Pro/Ser 22).
        const bool is_alternative = previous != nullptr && previous->seqid == residue.seqid &&
                                    has_locations(*previous) && has_locations(residue);
        if (residue.is_water() || is_alternative) {
          continue;
        }
        previous = &residue;
        for (const gemmi::Atom* const atom : first_locations(residue)) {
          model.atoms.push_back(to_record(chain, residue, *atom, path));
        }
      }
    }
  }
  if (model.atoms.empty()) {
    throw Error(ErrorKind::Input, path + ": found no atom, expected a PDB or mmCIF file");
  }
  return model;
}

}  // namespace cryosip::formats

#include "libcryosip/structure/atoms.hpp"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <functional>

#include "formats/error.hpp"

namespace cryosip {
namespace {

using formats::AtomRecord;
using Keep = std::function<bool(const AtomRecord& atom, bool of_amino_acid)>;

constexpr int kCarbon = 6;
constexpr int kCalcium = 20;

bool same_residue(const AtomRecord& a, const AtomRecord& b) {
  return a.residue_number == b.residue_number && a.insertion_code == b.insertion_code &&
         a.chain == b.chain && a.residue_name == b.residue_name;
}

// A residue has a C-alpha: a carbon, so that calcium ions stay out.  Among HETATM records modified
// amino acids count and ligands with an atom called CA do not: the former have N and C as well, or,
// in files of C-alphas only, nothing else.
bool is_amino_acid(const AtomRecord* first, const AtomRecord* last) {
  const auto has = [&](const char* name) {
    return std::any_of(first, last, [&](const AtomRecord& atom) { return atom.name == name; });
  };
  const AtomRecord* const alpha = std::find_if(first, last, [](const AtomRecord& atom) {
    return atom.name == "CA" && atom.atomic_number == kCarbon;
  });
  return alpha != last && (!alpha->hetero || (has("N") && has("C")) || last - first == 1);
}

std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const char c : text) {
    if (c == ',') {
      parts.emplace_back();
    } else {
      parts.back() += c;
    }
  }
  return parts;
}

// Atom names have no small letters; a word that has is a misspelt keyword.
bool is_atom_name(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](unsigned char c) {
    return std::isupper(c) != 0 || std::isdigit(c) != 0 || c == '\'' || c == '"' || c == '*';
  });
}

Keep rule_of(std::string_view selection) {
  if (selection == "ca") {
    return [](const AtomRecord& atom, bool of_amino_acid) {
      return of_amino_acid && atom.name == "CA";
    };
  }
  if (selection == "backbone") {
    return [](const AtomRecord& atom, bool of_amino_acid) {
      return of_amino_acid &&
             (atom.name == "N" || atom.name == "CA" || atom.name == "C" || atom.name == "O");
    };
  }
  if (selection == "all") {
    return [](const AtomRecord&, bool) { return true; };
  }
  const std::vector<std::string> names = split_at_commas(selection);
  if (!std::all_of(names.begin(), names.end(), is_atom_name)) {
    throw Error(ErrorKind::Usage,
                "selection '" + std::string(selection) +
                    "': expected ca, backbone, all or atom names like CA,P");
  }
  return [names](const AtomRecord& atom, bool) {
    return !(atom.name == "CA" && atom.atomic_number == kCalcium) &&
           std::find(names.begin(), names.end(), atom.name) != names.end();
  };
}

void append(const AtomRecord& atom, Atoms& atoms) {
  atoms.atomic_numbers.push_back(atom.atomic_number);
  atoms.names.push_back(atom.name);
  atoms.residue_names.push_back(atom.residue_name);
  atoms.chains.push_back(atom.chain);
  atoms.residue_numbers.push_back(atom.residue_number);
  atoms.insertion_codes.push_back(atom.insertion_code);
}

}  // namespace

Atoms select_atoms(const formats::AtomicModel& model, std::string_view selection) {
  const Keep keep = rule_of(selection);
  std::vector<const AtomRecord*> kept;
  const AtomRecord* const end = model.atoms.data() + model.atoms.size();
  for (const AtomRecord* first = model.atoms.data(); first != end;) {
    const AtomRecord* const last = std::find_if_not(
        first, end, [&](const AtomRecord& atom) { return same_residue(atom, *first); });
    const bool of_amino_acid = is_amino_acid(first, last);
    for (; first != last; ++first) {
      if (keep(*first, of_amino_acid)) {
        kept.push_back(first);
      }
    }
  }
  if (kept.empty()) {
    throw Error(ErrorKind::Input,
                model.source + ": none of " + std::to_string(model.atoms.size()) +
                    " atoms is in the selection '" + std::string(selection) + "'");
  }

  Atoms atoms;
  atoms.positions_angstrom.resize(3, static_cast<Eigen::Index>(kept.size()));
  atoms.b_factors_angstrom2.resize(static_cast<Eigen::Index>(kept.size()));
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const auto column = static_cast<Eigen::Index>(i);
    atoms.positions_angstrom.col(column) =
        Eigen::Map<const Eigen::Vector3d>(kept[i]->position_angstrom.data());
    atoms.b_factors_angstrom2(column) = kept[i]->b_factor;
    append(*kept[i], atoms);
  }
  return atoms;
}

}  // namespace cryosip

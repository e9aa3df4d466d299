// A made-up molecule for tests: a dozen atoms of several elements that move along three modes.
#pragma once

#include <cmath>
#include <string>
#include <vector>

#include "formats/nmd.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip::testing {

/// @param all_atom  names of several elements; otherwise every atom is a C-alpha
inline formats::Nmd small_molecule(bool all_atom, int atoms = 12, int modes = 3) {
  const std::vector<std::string> names = {"N", "CA", "C", "O", "CB", "SG", "H"};
  RandomStream stream(11, StreamPurpose::Test, 77);
  formats::Nmd nmd;
  nmd.title = "small molecule";
  for (int i = 0; i < atoms; ++i) {
    nmd.atom_names.push_back(all_atom ? names[static_cast<std::size_t>(i) % names.size()] : "CA");
    nmd.residue_names.emplace_back("CYS");
    nmd.chains.emplace_back("A");
    nmd.residue_numbers.push_back(i + 1);
    nmd.b_factors.push_back(20 + stream.uniform(0, 40));
    for (int axis = 0; axis < 3; ++axis) {
      nmd.coordinates_angstrom.push_back(stream.uniform(-14, 14));
    }
  }
  for (int k = 0; k < modes; ++k) {
    formats::NmdMode mode;
    mode.index = k + 1;
    mode.scale = 8.0 / (k + 1);
    for (int i = 0; i < 3 * atoms; ++i) {
      mode.vector.push_back(stream.normal() / std::sqrt(3.0 * atoms));
    }
    nmd.modes.push_back(mode);
  }
  return nmd;
}

}  // namespace cryosip::testing

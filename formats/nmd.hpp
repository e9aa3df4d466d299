// NMD files: a structure with its normal modes, as ProDy writes and NMWiz reads them.
#pragma once

#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace cryosip::formats {

struct NmdMode {
  int index = 0;     ///< 1-based
  double scale = 1;  ///< the mode's natural amplitude: one unit displaces by scale * vector
  std::vector<double> vector;  ///< 3n values x1 y1 z1 x2 .., angstrom per unit of scale
};

struct Nmd {
  std::string title;
  // Each either empty or n long.
  std::vector<std::string> atom_names;
  std::vector<std::string> residue_names;
  std::vector<std::string> chains;
  std::vector<int> residue_numbers;
  std::vector<double> b_factors;
  std::vector<double> coordinates_angstrom;  ///< 3n values x1 y1 z1 x2 ..
  std::vector<NmdMode> modes;
};

/// @throws Error(Input) as "SOURCE:LINE: ...": no coordinates, lengths that disagree, not a number
Nmd read_nmd(std::istream& in, std::string_view source);
Nmd read_nmd(const std::string& path);
/// Numbers are written so that they read back to the same bits; an empty name, or a blank in one,
/// becomes "_".  @throws Error(Numerical) for a number that is not finite
void write_nmd(std::ostream& out, const Nmd& nmd);

}  // namespace cryosip::formats

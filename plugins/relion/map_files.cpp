#include "plugins/relion/map_files.hpp"

#include <algorithm>
#include <cmath>

#include "formats/error.hpp"
#include "formats/star.hpp"

namespace cryosip::relion {
namespace {

constexpr double kPixelSizeTolerance = 0.005;

std::string shape(std::size_t edge, double pixel_size_angstrom) {
  return std::to_string(edge) + " voxels of " + formats::format_number(pixel_size_angstrom) + " A";
}

}  // namespace

formats::Volume read_map(const std::string& path, const ImageGrid& grid) {
  formats::Volume map = formats::read_volume(path);
  const auto edge = static_cast<std::size_t>(grid.box);
  const bool cube = std::all_of(
      map.size.begin(), map.size.end(), [&](std::size_t length) { return length == edge; });
  const double found = map.pixel_size_angstrom;
  if (!cube || (found > 0 && std::abs(found - grid.pixel_size_angstrom) >
                                 kPixelSizeTolerance * grid.pixel_size_angstrom)) {
    throw Error(ErrorKind::Input,
                path + ": edge of " + shape(map.size[0], found) + " found, expected a cube of " +
                    shape(edge, grid.pixel_size_angstrom) + " as the particles have");
  }
  return map;
}

double correlation(const formats::Volume& a,
                   const formats::Volume& b,
                   const formats::Volume& mask) {
  double weights = 0;
  double mean_a = 0;
  double mean_b = 0;
  const auto weight = [&](std::size_t i) {
    return mask.values.empty() ? 1.0 : static_cast<double>(mask.values[i]);
  };
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    weights += weight(i);
    mean_a += weight(i) * a.values[i];
    mean_b += weight(i) * b.values[i];
  }
  mean_a /= weights;
  mean_b /= weights;
  double aa = 0;
  double bb = 0;
  double ab = 0;
  for (std::size_t i = 0; i < a.values.size(); ++i) {
    const double from_a = a.values[i] - mean_a;
    const double from_b = b.values[i] - mean_b;
    aa += weight(i) * from_a * from_a;
    bb += weight(i) * from_b * from_b;
    ab += weight(i) * from_a * from_b;
  }
  const double value = ab / std::sqrt(aa * bb);
  if (!std::isfinite(value)) {
    throw Error(ErrorKind::Numerical, "a map that is the same everywhere inside the mask");
  }
  return value;
}

formats::Volume mean_map(const std::string& table) {
  const formats::StarFile file = formats::read_star(table);
  const formats::StarTable& rows = file.table("sip_representatives");
  const std::size_t path = rows.column("sipMap");
  const std::size_t population = rows.column("sipPopulation");
  formats::Volume mean;
  for (std::size_t row = 0; row < rows.rows(); ++row) {
    const formats::Volume map = formats::read_volume(std::string(rows.text(row, path)));
    const double share = rows.number(row, population);
    if (row == 0) {
      mean = map;
      std::fill(mean.values.begin(), mean.values.end(), 0.0F);
    }
    for (std::size_t i = 0; i < map.values.size(); ++i) {
      mean.values[i] += static_cast<float>(share * map.values[i]);
    }
  }
  return mean;
}

}  // namespace cryosip::relion

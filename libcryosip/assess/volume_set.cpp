#include "libcryosip/assess/volume_set.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <string_view>
#include <utility>

#include <boost/filesystem.hpp>

#include "formats/error.hpp"
#include "formats/mrc.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/structure/numbered_columns.hpp"

namespace cryosip {
namespace {

namespace fs = boost::filesystem;

bool is_digit(char c) {
  return std::isdigit(static_cast<unsigned char>(c)) != 0;
}

// Runs of digits compare as numbers.
bool natural_less(std::string_view a, std::string_view b) {
  while (!a.empty() && !b.empty()) {
    if (is_digit(a.front()) && is_digit(b.front())) {
      const auto take = [](std::string_view& text) {
        const auto end = static_cast<std::size_t>(
            std::find_if_not(text.begin(), text.end(), is_digit) - text.begin());
        std::string_view digits = text.substr(0, end);
        text.remove_prefix(end);
        digits.remove_prefix(std::min(digits.find_first_not_of('0'), digits.size()));
        return digits;
      };
      const std::string_view number_a = take(a);
      const std::string_view number_b = take(b);
      if (number_a != number_b) {
        return number_a.size() != number_b.size() ? number_a.size() < number_b.size()
                                                  : number_a < number_b;
      }
    } else if (a.front() != b.front()) {
      return a.front() < b.front();
    } else {
      a.remove_prefix(1);
      b.remove_prefix(1);
    }
  }
  return a.size() < b.size();
}

Eigen::VectorXd equal_populations(std::size_t count) {
  return Eigen::VectorXd::Constant(static_cast<Eigen::Index>(count),
                                   1.0 / static_cast<double>(count));
}

VolumeList maps_of_folder(const std::string& folder) {
  VolumeList list;
  for (const auto& entry : fs::directory_iterator(folder)) {
    const std::string extension = entry.path().extension().string();
    if ((extension == ".mrc" || extension == ".map") && fs::is_regular_file(entry.status())) {
      list.paths.push_back(entry.path().string());
    }
  }
  if (list.paths.empty()) {
    throw Error(ErrorKind::Input, folder + ": no .mrc or .map files, expected at least one");
  }
  std::sort(list.paths.begin(), list.paths.end(), [](const auto& a, const auto& b) {
    // Two spellings of one number ("01", "1") still have an order.
    return natural_less(a, b) || (!natural_less(b, a) && a < b);
  });
  list.populations = equal_populations(list.paths.size());
  return list;
}

VolumeList maps_of_table(const formats::StarTable& table,
                         std::string_view path_label,
                         const std::string& weight_label,
                         const std::string& star_path) {
  if (table.rows() == 0) {
    throw Error(ErrorKind::Input,
                star_path + ": block '" + table.name() + "' has no rows, expected maps");
  }
  VolumeList list;
  const std::size_t column = table.column(path_label);
  for (std::size_t row = 0; row < table.rows(); ++row) {
    list.paths.push_back(named_file(table, row, column, star_path));
  }
  list.populations = table.has(weight_label) ? normalised_weights(table, weight_label)
                                             : equal_populations(table.rows());
  return list;
}

VolumeList maps_of_star(const std::string& path) {
  const formats::StarFile file = formats::read_star(path);
  for (const formats::StarTable& table : file.tables) {
    if (table.has("sipMap")) {
      return maps_of_table(
          table, "sipMap", table.has("sipPopulation") ? "sipPopulation" : "sipWeight", path);
    }
  }
  if (const formats::StarTable* const optimiser = file.find("optimiser_general")) {
    return maps_of_star(named_file(*optimiser, 0, optimiser->column("rlnModelStarFile"), path));
  }
  if (const formats::StarTable* const classes = file.find("model_classes")) {
    return maps_of_table(*classes, "rlnReferenceImage", "rlnClassDistribution", path);
  }
  throw Error(ErrorKind::Input,
              path +
                  ": names no maps: expected a column _sipMap, or the model or optimiser of "
                  "a RELION Class3D");
}

}  // namespace

std::string find_named_file(const std::string& name, const std::string& star_path) {
  const auto found = [](const fs::path& candidate) {
    boost::system::error_code ignored;
    return fs::is_regular_file(candidate, ignored);
  };
  if (found(name)) {
    return name;
  }
  if (!fs::path(name).is_absolute()) {
    for (fs::path folder = fs::absolute(star_path).parent_path(); !folder.empty();
         folder = folder.parent_path()) {
      if (found(folder / name)) {
        return (folder / name).string();
      }
    }
  }
  const fs::path beside = fs::path(star_path).parent_path() / fs::path(name).filename();
  return found(beside) ? beside.string() : std::string();
}

std::string named_file(const formats::StarTable& table,
                       std::size_t row,
                       std::size_t column,
                       const std::string& star_path) {
  const std::string name(table.text(row, column));
  std::string path = find_named_file(name, star_path);
  if (path.empty()) {
    table.fail(row, column, "file '" + name + "' not found");
  }
  return path;
}

VolumeList read_volume_list(const std::string& path) {
  boost::system::error_code ignored;
  if (fs::is_directory(path, ignored)) {
    return maps_of_folder(path);
  }
  if (fs::path(path).extension() == ".star") {
    return maps_of_star(path);
  }
  return {{path}, equal_populations(1)};
}

VolumeSet load_volumes(const VolumeList& list) {
  if (list.paths.empty()) {
    throw Error(ErrorKind::Usage, "no maps to load");
  }
  VolumeSet set;
  set.names = list.paths;
  set.populations = list.populations;
  const formats::Volume first = formats::read_volume(list.paths.front());
  if (first.size[0] != first.size[1] || first.size[0] != first.size[2] || first.size[0] % 2 != 0) {
    throw Error(ErrorKind::Input,
                list.paths.front() + ": " + std::to_string(first.size[0]) + " x " +
                    std::to_string(first.size[1]) + " x " + std::to_string(first.size[2]) +
                    " voxels found, expected a cube of even edge");
  }
  set.box = static_cast<int>(first.size[0]);
  set.pixel_size_angstrom = first.pixel_size_angstrom;
  set.values.resize(static_cast<Eigen::Index>(first.values.size()),
                    static_cast<Eigen::Index>(list.paths.size()));
  parallel_for(list.paths.size(), [&](std::size_t index) {
    const std::string& path = list.paths[index];
    const formats::Volume volume = formats::read_volume(path);
    if (volume.size != first.size) {
      throw Error(ErrorKind::Input,
                  path + ": " + std::to_string(volume.size[0]) + " x " +
                      std::to_string(volume.size[1]) + " x " + std::to_string(volume.size[2]) +
                      " voxels found, expected a cube of " + std::to_string(set.box) + " as in " +
                      list.paths.front());
    }
    if (std::abs(volume.pixel_size_angstrom - first.pixel_size_angstrom) >
        1e-3 * first.pixel_size_angstrom) {
      throw Error(ErrorKind::Input,
                  path + ": pixel size " + formats::format_number(volume.pixel_size_angstrom) +
                      " A found, expected " + formats::format_number(first.pixel_size_angstrom) +
                      " as in " + list.paths.front());
    }
    const Eigen::Map<const Eigen::VectorXf> values(volume.values.data(), set.values.rows());
    if (!values.allFinite()) {
      throw Error(ErrorKind::Input, path + ": a voxel is not a finite number");
    }
    if (values.maxCoeff() == values.minCoeff()) {
      throw Error(ErrorKind::Input, path + ": all voxels are the same, expected a map");
    }
    set.values.col(static_cast<Eigen::Index>(index)) = values;
  });
  return set;
}

Eigen::VectorXf load_mask(const std::string& path, const VolumeSet& like) {
  const formats::Volume mask = formats::read_volume(path);
  const auto box = static_cast<std::size_t>(like.box);
  if (mask.size != std::array{box, box, box}) {
    throw Error(ErrorKind::Input,
                path + ": a mask of " + std::to_string(mask.size[0]) + " x " +
                    std::to_string(mask.size[1]) + " x " + std::to_string(mask.size[2]) +
                    " voxels found, expected a cube of " + std::to_string(like.box) +
                    " as the maps");
  }
  Eigen::VectorXf values =
      Eigen::Map<const Eigen::VectorXf>(mask.values.data(), like.values.rows());
  if (!values.allFinite() || (values.array() == 0).all()) {
    throw Error(ErrorKind::Input, path + ": a mask that is 0 everywhere or not finite");
  }
  return values;
}

}  // namespace cryosip

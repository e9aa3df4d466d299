#include "libcryosip/dataset/particle_file.hpp"

#include <unordered_map>
#include <utility>

#include "formats/error.hpp"
#include "formats/image_file.hpp"
#include "formats/image_name.hpp"
#include "formats/npy.hpp"

namespace cryosip {

ParticleFile read_particle_file(const std::string& path,
                                const std::vector<std::string>& passthroughs) {
  ParticleFile file;
  file.is_cryosparc = formats::is_npy(path);
  if (!file.is_cryosparc) {
    if (!passthroughs.empty()) {
      throw Error(ErrorKind::Usage,
                  path + ": a STAR file, expected a cryoSPARC data set to join " +
                      passthroughs.front() + " with");
    }
    file.star = formats::read_star(path);
    return file;
  }
  std::vector<formats::NpyArray> others;
  others.reserve(passthroughs.size());
  for (const std::string& other : passthroughs) {
    others.push_back(formats::read_npy(other));
  }
  file.star = star_of_cryosparc(formats::read_npy(path), others, file.notes);
  return file;
}

ParticleTable particle_table(const ParticleFile& file, double pixel_size_angstrom) {
  ParticleTable table = read_particles(file.star, pixel_size_angstrom);
  table.warnings.insert(
      table.warnings.begin(), file.notes.warnings.begin(), file.notes.warnings.end());
  return table;
}

void complete_boxes(ParticleTable& table, const ImageSetOptions& options) {
  for (std::size_t i = 0; i < table.records.size(); ++i) {
    OpticsGroup& group = table.optics_groups[table.records[i].optics_group];
    if (group.box > 0) {
      continue;
    }
    const std::string path = find_stack(table.records[i].image.path, options, table.source);
    if (path.empty()) {
      throw Error(ErrorKind::Input,
                  table.where[i] + ": no box in the file, and stack '" +
                      table.records[i].image.path + "' not found to take it from, " +
                      places_of_stacks(options));
    }
    const auto stack = formats::open_image_file(path);
    if (stack->width() != stack->height()) {
      throw Error(ErrorKind::Input,
                  path + ": images of " + std::to_string(stack->width()) + " x " +
                      std::to_string(stack->height()) + " pixels, expected a square box");
    }
    group.box = static_cast<int>(stack->width());
  }
}

void set_pixel_size(formats::StarFile& star, double pixel_size_angstrom) {
  formats::StarTable* const optics = star.find("optics");
  if (optics == nullptr || !(pixel_size_angstrom > 0)) {
    return;
  }
  const auto known = optics->find("rlnImagePixelSize");
  const std::size_t column = known ? *known : optics->add_column("rlnImagePixelSize");
  for (std::size_t row = 0; row < optics->rows(); ++row) {
    optics->set(row, column, pixel_size_angstrom);
  }
}

void rename_stacks(formats::StarFile& star, const ImageSetOptions& options) {
  if (options.image_directory.empty() && options.strip_prefix.empty()) {
    return;
  }
  formats::StarTable& particles = *star.find(particle_block(star).name());
  const std::size_t column = particles.column("rlnImageName");
  std::unordered_map<std::string, std::string> renamed;
  for (std::size_t row = 0; row < particles.rows(); ++row) {
    const formats::ImageName image = formats::parse_image_name(particles.text(row, column));
    const auto [entry, is_new] = renamed.try_emplace(image.path);
    if (is_new) {
      entry->second = options.image_directory.empty()
                          ? without_prefix(image.path, options.strip_prefix)
                          : find_stack(image.path, options, star.source);
    }
    if (entry->second.empty()) {
      throw Error(ErrorKind::Input,
                  particles.where(row) + ": stack '" + image.path + "' not found, " +
                      places_of_stacks(options));
    }
    particles.set(row, column, formats::format_image_name(image.index, entry->second));
  }
}

}  // namespace cryosip

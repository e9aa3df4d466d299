#include "libcryosip/dataset/relion_particles.hpp"

#include <cmath>
#include <cstdio>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

#include "formats/error.hpp"

namespace cryosip {
namespace {

using formats::StarFile;
using formats::StarTable;

constexpr double kMicrometrePerAngstrom = 1e-4;

// A quantity that may stand in the particle's row, in its optics group's row, or nowhere.
class Quantity {
 public:
  Quantity(std::string label, const StarTable& particles, const StarTable* optics)
      : label_(std::move(label)), particles_(particles), optics_(optics) {
    in_particles_ = particles.find(label_);
    if (!in_particles_ && optics != nullptr) {
      in_optics_ = optics->find(label_);
    }
  }

  [[nodiscard]] bool known() const { return in_particles_ || in_optics_; }
  [[nodiscard]] double value(std::size_t row, std::size_t optics_row, double fallback) const {
    if (in_particles_) {
      return particles_.number(row, *in_particles_);
    }
    return in_optics_ ? optics_->number(optics_row, *in_optics_) : fallback;
  }
  void require(const std::string& source, const std::string& because) const {
    if (!known()) {
      throw Error(ErrorKind::Input, source + ": no column '" + label_ + "', needed " + because);
    }
  }

 private:
  std::string label_;
  const StarTable& particles_;
  const StarTable* optics_;
  std::optional<std::size_t> in_particles_;
  std::optional<std::size_t> in_optics_;
};

// Row of the optics table for every optics group number.
std::map<std::int64_t, std::size_t> optics_rows(const StarTable& optics) {
  std::map<std::int64_t, std::size_t> rows;
  const std::size_t column = optics.column("rlnOpticsGroup");
  for (std::size_t row = 0; row < optics.rows(); ++row) {
    if (!rows.emplace(optics.integer(row, column), row).second) {
      optics.fail(row, column, "this optics group stands twice");
    }
  }
  return rows;
}

std::vector<OpticsGroup> optics_groups(const StarTable& optics) {
  std::vector<OpticsGroup> groups;
  for (std::size_t row = 0; row < optics.rows(); ++row) {
    OpticsGroup group;
    if (const auto column = optics.find("rlnOpticsGroupName")) {
      group.name = optics.text(row, *column);
    }
    if (const auto column = optics.find("rlnImagePixelSize")) {
      group.pixel_size_angstrom = optics.number(row, *column);
      if (!(group.pixel_size_angstrom > 0)) {
        optics.fail(row, *column, "expected a positive pixel size in angstrom");
      }
    }
    if (const auto column = optics.find("rlnImageSize")) {
      group.box = static_cast<int>(optics.integer(row, *column));
    }
    groups.push_back(group);
  }
  return groups;
}

// Pixel size of a 3.0 file, from its first row; all rows must agree.
double pixel_size_of_3_0(const StarTable& particles) {
  const auto magnification = particles.find("rlnMagnification");
  const auto detector = particles.find("rlnDetectorPixelSize");
  if (!magnification || !detector) {
    const auto direct = particles.has("rlnImagePixelSize") ? particles.find("rlnImagePixelSize")
                                                           : particles.find("rlnPixelSize");
    return direct ? particles.number(0, *direct) : 0;
  }
  double first = 0;
  for (std::size_t row = 0; row < particles.rows(); ++row) {
    const double size = particles.number(row, *detector) / particles.number(row, *magnification) /
                        kMicrometrePerAngstrom;
    if (row == 0) {
      first = size;
    }
    if (!(size > 0) || !std::isfinite(size)) {
      particles.fail(
          row, *magnification, "magnification and detector pixel size make no pixel size");
    }
    if (std::abs(size - first) > 1e-4 * first) {
      particles.fail(row,
                     *magnification,
                     "pixel size " + formats::format_number(size) + " angstrom, expected " +
                         formats::format_number(first) +
                         " as in the first row (mixed pixel sizes are not supported)");
    }
  }
  return first;
}

}  // namespace

const StarTable& particle_block(const StarFile& file) {
  for (const char* name : {"particles", "images", ""}) {
    const StarTable* const table = file.find(name);
    if (table != nullptr && table->has("rlnImageName")) {
      return *table;
    }
  }
  for (const char* name : {"particles", "images", ""}) {
    if (file.find(name) != nullptr) {
      throw Error(ErrorKind::Input,
                  file.source + ": block 'data_" + name +
                      "' has no column 'rlnImageName', expected a list of particle images");
    }
  }
  throw Error(ErrorKind::Input,
              file.source +
                  ": no block 'data_particles', 'data_images' or 'data_', expected a "
                  "RELION particle file");
}

ParticleTable read_particles(const StarFile& file, double pixel_size_angstrom) {
  const StarTable& particles = particle_block(file);
  const StarTable* const optics = file.find("optics");
  const bool is_3_0 = optics == nullptr;
  ParticleTable table;
  table.source = file.source;
  if (particles.rows() == 0) {
    throw Error(ErrorKind::Input, file.source + ": no particles, expected at least one row");
  }

  std::map<std::int64_t, std::size_t> group_rows;
  std::optional<std::size_t> group_column;
  if (is_3_0) {
    table.optics_groups.push_back({"opticsGroup1", pixel_size_of_3_0(particles), 0});
  } else {
    group_rows = optics_rows(*optics);
    table.optics_groups = optics_groups(*optics);
    group_column = particles.find("rlnOpticsGroup");
    if (!group_column && group_rows.size() != 1) {
      throw Error(ErrorKind::Input,
                  file.source + ": no column 'rlnOpticsGroup' in block 'data_" + particles.name() +
                      "', needed beside " + std::to_string(group_rows.size()) + " optics groups");
    }
  }
  if (pixel_size_angstrom > 0) {
    for (OpticsGroup& group : table.optics_groups) {
      group.pixel_size_angstrom = pixel_size_angstrom;
    }
  }

  const auto quantity = [&](const char* label) { return Quantity(label, particles, optics); };
  const Quantity rot = quantity("rlnAngleRot");
  const Quantity tilt = quantity("rlnAngleTilt");
  const Quantity psi = quantity("rlnAnglePsi");
  const Quantity x_angstrom = quantity("rlnOriginXAngst");
  const Quantity y_angstrom = quantity("rlnOriginYAngst");
  const Quantity x_pixel = quantity("rlnOriginX");
  const Quantity y_pixel = quantity("rlnOriginY");
  const Quantity defocus_u = quantity("rlnDefocusU");
  const Quantity defocus_v = quantity("rlnDefocusV");
  const Quantity defocus_angle = quantity("rlnDefocusAngle");
  const Quantity voltage = quantity("rlnVoltage");
  const Quantity aberration = quantity("rlnSphericalAberration");
  const Quantity contrast = quantity("rlnAmplitudeContrast");
  const Quantity phase_shift = quantity("rlnPhaseShift");
  const Quantity b_factor = quantity("rlnCtfBfactor");
  const Quantity scale = quantity("rlnCtfScalefactor");

  table.has_views = rot.known() && tilt.known();
  table.has_poses = table.has_views && psi.known();
  if (!table.has_poses && (rot.known() || tilt.known())) {
    table.warnings.push_back(file.source +
                             ": only some of rlnAngleRot, rlnAngleTilt and rlnAnglePsi are there; "
                             "poses count as unknown");
  }
  table.has_ctf = defocus_u.known();
  if (table.has_ctf) {
    voltage.require(file.source, "beside rlnDefocusU for the CTF");
    aberration.require(file.source, "beside rlnDefocusU for the CTF");
    if (!contrast.known()) {
      table.warnings.push_back(file.source +
                               ": no rlnAmplitudeContrast; 0 is assumed, as RELION does");
    }
  }
  const bool origin_in_pixels = !x_angstrom.known() && x_pixel.known();
  if (origin_in_pixels && !is_3_0) {
    table.warnings.push_back(file.source +
                             ": rlnOriginX/Y (pixels) beside an optics table are used; RELION 3.1 "
                             "and later ignore them");
  }

  const std::size_t name_column = particles.column("rlnImageName");
  table.records.reserve(particles.rows());
  for (std::size_t row = 0; row < particles.rows(); ++row) {
    ParticleRecord record;
    try {
      record.image = formats::parse_image_name(particles.text(row, name_column));
    } catch (const Error& error) {
      particles.fail(row, name_column, error.what());
    }
    std::size_t group = 0;
    if (group_column) {
      const auto found = group_rows.find(particles.integer(row, *group_column));
      if (found == group_rows.end()) {
        particles.fail(row,
                       *group_column,
                       "'" + std::string(particles.text(row, *group_column)) +
                           "' found, expected a group of block 'data_optics'");
      }
      group = found->second;
    }
    record.optics_group = group;
    if (table.has_views) {
      record.pose.rotation = rotation_matrix(
          {rot.value(row, group, 0), tilt.value(row, group, 0), psi.value(row, group, 0)});
      const double unit = origin_in_pixels ? table.optics_groups[group].pixel_size_angstrom : 1;
      const Quantity& x = origin_in_pixels ? x_pixel : x_angstrom;
      const Quantity& y = origin_in_pixels ? y_pixel : y_angstrom;
      record.pose.shift_angstrom = {-unit * x.value(row, group, 0), -unit * y.value(row, group, 0)};
      if (!(unit > 0)) {
        throw Error(ErrorKind::Input,
                    particles.where(row) +
                        ": rlnOriginX/Y are in pixels of unknown size, expected "
                        "rlnImagePixelSize (or give --angpix)");
      }
    }
    if (table.has_ctf) {
      CtfParameters& ctf = record.ctf;
      ctf.defocus_u_angstrom = defocus_u.value(row, group, 0);
      ctf.defocus_v_angstrom = defocus_v.value(row, group, ctf.defocus_u_angstrom);
      ctf.defocus_angle_degree = defocus_angle.value(row, group, 0);
      ctf.voltage_kv = voltage.value(row, group, 0);
      ctf.spherical_aberration_mm = aberration.value(row, group, 0);
      ctf.amplitude_contrast = contrast.value(row, group, 0);
      ctf.phase_shift_degree = phase_shift.value(row, group, 0);
      ctf.b_factor_angstrom2 = b_factor.value(row, group, 0);
      ctf.scale = scale.value(row, group, 1);
      try {
        static_cast<void>(Ctf(ctf));
      } catch (const Error& error) {
        throw Error(ErrorKind::Input, particles.where(row) + ": " + error.what());
      }
    }
    table.records.push_back(std::move(record));
    table.where.push_back(particles.where(row));
  }
  return table;
}

StarFile to_star(const ParticleTable& table, std::vector<std::string> comments) {
  if (table.optics_groups.size() != 1 || table.records.empty()) {
    throw Error(ErrorKind::Usage, "writing particles: expected one optics group and a record");
  }
  const CtfParameters& first = table.records.front().ctf;
  for (const ParticleRecord& record : table.records) {
    if (record.ctf.voltage_kv != first.voltage_kv ||
        record.ctf.spherical_aberration_mm != first.spherical_aberration_mm ||
        record.ctf.amplitude_contrast != first.amplitude_contrast) {
      throw Error(ErrorKind::Usage,
                  "writing particles: voltage, aberration and amplitude contrast differ within the "
                  "optics group");
    }
  }
  StarFile file;
  file.comments = std::move(comments);
  const OpticsGroup& group = table.optics_groups.front();
  StarTable optics("optics",
                   {"rlnOpticsGroup",
                    "rlnOpticsGroupName",
                    "rlnVoltage",
                    "rlnSphericalAberration",
                    "rlnAmplitudeContrast",
                    "rlnImagePixelSize",
                    "rlnImageSize",
                    "rlnImageDimensionality"});
  const std::size_t only = optics.add_row();
  optics.set_integer(only, 0, 1);
  optics.set(only, 1, group.name);
  optics.set(only, 2, first.voltage_kv);
  optics.set(only, 3, first.spherical_aberration_mm);
  optics.set(only, 4, first.amplitude_contrast);
  optics.set(only, 5, group.pixel_size_angstrom);
  optics.set_integer(only, 6, group.box);
  optics.set_integer(only, 7, 2);

  std::vector<std::string> labels = {"rlnImageName", "rlnMicrographName"};
  if (table.has_poses) {
    for (const char* label :
         {"rlnAngleRot", "rlnAngleTilt", "rlnAnglePsi", "rlnOriginXAngst", "rlnOriginYAngst"}) {
      labels.emplace_back(label);
    }
  }
  if (table.has_ctf) {
    for (const char* label : {"rlnDefocusU",
                              "rlnDefocusV",
                              "rlnDefocusAngle",
                              "rlnPhaseShift",
                              "rlnCtfBfactor",
                              "rlnCtfScalefactor"}) {
      labels.emplace_back(label);
    }
  }
  for (const char* label : {"rlnClassNumber", "rlnRandomSubset", "rlnOpticsGroup"}) {
    labels.emplace_back(label);
  }
  StarTable particles("particles", labels);
  particles.reserve(table.records.size(), table.records.size() * labels.size() * 12);
  for (const ParticleRecord& record : table.records) {
    const std::size_t row = particles.add_row();
    std::size_t column = 0;
    const auto put = [&](double value) { particles.set(row, column++, value); };
    particles.set(row, column++, formats::format_image_name(record.image.index, record.image.path));
    particles.set(row, column++, std::string_view("cryosip/simulated.mrc"));
    if (table.has_poses) {
      const EulerAngles angles = euler_angles(record.pose.rotation);
      put(angles.rot_degree);
      put(angles.tilt_degree);
      put(angles.psi_degree);
      // Adding zero turns a minus zero into a plain one.
      put(0.0 - record.pose.shift_angstrom.x());
      put(0.0 - record.pose.shift_angstrom.y());
    }
    if (table.has_ctf) {
      put(record.ctf.defocus_u_angstrom);
      put(record.ctf.defocus_v_angstrom);
      put(record.ctf.defocus_angle_degree);
      put(record.ctf.phase_shift_degree);
      put(record.ctf.b_factor_angstrom2);
      put(record.ctf.scale);
    }
    particles.set_integer(row, column++, 1);
    particles.set_integer(row, column++, row % 2 == 0 ? 1 : 2);
    particles.set_integer(row, column++, 1);
  }
  file.tables = {std::move(optics), std::move(particles)};
  return file;
}

}  // namespace cryosip

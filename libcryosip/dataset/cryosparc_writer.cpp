// Particle STAR files as cryoSPARC data sets.
#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <unordered_set>
#include <utility>

#include <Eigen/Geometry>

#include "formats/error.hpp"
#include "formats/image_name.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/dataset/cryosparc_join.hpp"
#include "libcryosip/dataset/cryosparc_particles.hpp"

namespace cryosip {
namespace {

using formats::NpyArray;
using formats::NpyField;
using formats::StarFile;
using formats::StarTable;

Eigen::Vector3d vector_of(const Eigen::Matrix3d& rotation) {
  const Eigen::AngleAxisd turn(rotation);
  return -turn.angle() * turn.axis();
}

// Labels whose meaning a data set holds.
constexpr std::array kHeldLabels = {
    "rlnImageName",
    "rlnMicrographName",
    "rlnAngleRot",
    "rlnAngleTilt",
    "rlnAnglePsi",
    "rlnOriginXAngst",
    "rlnOriginYAngst",
    "rlnOriginX",
    "rlnOriginY",
    "rlnDefocusU",
    "rlnDefocusV",
    "rlnDefocusAngle",
    "rlnPhaseShift",
    "rlnCtfBfactor",
    "rlnCtfScalefactor",
    "rlnVoltage",
    "rlnSphericalAberration",
    "rlnAmplitudeContrast",
    "rlnClassNumber",
    "rlnRandomSubset",
    "rlnOpticsGroup",
    "rlnOpticsGroupName",
    "rlnImagePixelSize",
    "rlnPixelSize",
    "rlnMagnification",
    "rlnDetectorPixelSize",
    "rlnImageSize",
    "rlnImageDimensionality",
    kUidLabel,
    kAlignmentPixelSizeLabel,
};

std::uint64_t uid_of_name(const formats::ImageName& image) {
  // FNV-1a of 64 bits.
  std::uint64_t hash = 14695981039346656037U;
  const std::string name = std::to_string(image.index) + "@" + image.path;
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
  }
  return hash;
}

std::vector<std::uint64_t> uids_of(const StarTable& particles, const ParticleTable& table) {
  const auto column = particles.find(kUidLabel);
  std::vector<std::uint64_t> uids(table.records.size());
  std::unordered_set<std::uint64_t> seen;
  for (std::size_t i = 0; i < uids.size(); ++i) {
    if (!column) {
      // An image that stands in the table twice needs two.
      for (uids[i] = uid_of_name(table.records[i].image); !seen.insert(uids[i]).second;) {
        ++uids[i];
      }
      continue;
    }
    const std::string_view text = particles.text(i, *column);
    const char* const end = text.data() + text.size();
    const auto [stop, failure] = std::from_chars(text.data(), end, uids[i]);
    if (failure != std::errc() || stop != end) {
      particles.fail(i, *column, "'" + std::string(text) + "' found, expected a number of 64 bits");
    }
    if (!seen.insert(uids[i]).second) {
      particles.fail(i, *column, std::string(text) + " stands twice");
    }
  }
  return uids;
}

// N of "exp_group_N" or "exp_group_N_2", else the place in the table.
std::uint64_t exposure_group(const ParticleTable& table, std::size_t group) {
  const std::string& name = table.optics_groups[group].name;
  std::uint64_t number = 0;
  if (name.starts_with(kExposureGroupName)) {
    const char* const end = name.data() + name.size();
    const auto [stop, failure] =
        std::from_chars(name.data() + kExposureGroupName.size(), end, number);
    if (failure == std::errc() && (stop == end || *stop == '_')) {
      return number;
    }
  }
  return group;
}

// Counts from 0 where RELION counts from 1.
std::uint64_t from_zero(const StarTable& table, std::size_t row, std::size_t column) {
  const std::int64_t number = table.integer(row, column);
  return number > 0 ? static_cast<std::uint64_t>(number - 1) : 0;
}

// A field to be written, and whose word counts where an original has it too.
struct NewField {
  NpyField field;
  bool original_first = false;
  std::function<void(NpyArray&, std::size_t record, std::size_t field)> put;
};

class NewFields {
 public:
  void add_number(const char* name, bool original_first, std::function<double(std::size_t)> value) {
    fields.push_back({{name, "<f4"},
                      original_first,
                      [value = std::move(value)](NpyArray& array, std::size_t i, std::size_t j) {
                        array.set(i, j, 0, value(i));
                      }});
  }
  void add_count(const char* name,
                 const char* type,
                 bool original_first,
                 std::function<std::uint64_t(std::size_t)> value) {
    fields.push_back({{name, type},
                      original_first,
                      [value = std::move(value)](NpyArray& array, std::size_t i, std::size_t j) {
                        array.set_count(i, j, 0, value(i));
                      }});
  }
  void add_text(const char* name,
                std::size_t records,
                const std::function<std::string(std::size_t)>& value) {
    std::size_t longest = 1;
    for (std::size_t i = 0; i < records; ++i) {
      longest = std::max(longest, value(i).size());
    }
    fields.push_back({{name, "|S" + std::to_string(longest)},
                      true,
                      [value](NpyArray& array, std::size_t i, std::size_t j) {
                        array.set_text(i, j, value(i));
                      }});
  }
  // Zeros.
  void add_array(const char* name, std::size_t values) {
    fields.push_back({{name, "<f4", {values}}, true, [](NpyArray&, std::size_t, std::size_t) {}});
  }

  std::vector<NewField> fields;
};

void add_blob_fields(const ParticleTable& table, NewFields& fields) {
  const auto group = [&](std::size_t i) -> const OpticsGroup& {
    return table.optics_groups[table.records[i].optics_group];
  };
  fields.add_text("blob/path", table.records.size(), [&](std::size_t i) {
    return table.records[i].image.path;
  });
  fields.add_count(
      "blob/idx", "<u4", true, [&](std::size_t i) { return table.records[i].image.index; });
  fields.fields.push_back(
      {{"blob/shape", "<u4", {2}}, true, [group](NpyArray& array, std::size_t i, std::size_t j) {
         const auto box = static_cast<std::uint64_t>(group(i).box);
         array.set_count(i, j, 0, box);
         array.set_count(i, j, 1, box);
       }});
  fields.add_number(
      "blob/psize_A", true, [group](std::size_t i) { return group(i).pixel_size_angstrom; });
  fields.add_number("blob/sign", true, [](std::size_t) { return 1; });
}

void add_ctf_fields(const ParticleTable& table, NewFields& fields) {
  const auto ctf = [&](std::size_t i) -> const CtfParameters& { return table.records[i].ctf; };
  fields.add_text(
      "ctf/type", table.records.size(), [](std::size_t) { return std::string("imported"); });
  fields.add_count("ctf/exp_group_id", "<u4", true, [&](std::size_t i) {
    return exposure_group(table, table.records[i].optics_group);
  });
  fields.add_number("ctf/accel_kv", false, [ctf](std::size_t i) { return ctf(i).voltage_kv; });
  fields.add_number(
      "ctf/cs_mm", false, [ctf](std::size_t i) { return ctf(i).spherical_aberration_mm; });
  fields.add_number(
      "ctf/amp_contrast", false, [ctf](std::size_t i) { return ctf(i).amplitude_contrast; });
  fields.add_number("ctf/df1_A", false, [ctf](std::size_t i) { return ctf(i).defocus_u_angstrom; });
  fields.add_number("ctf/df2_A", false, [ctf](std::size_t i) { return ctf(i).defocus_v_angstrom; });
  fields.add_number("ctf/df_angle_rad", false, [ctf](std::size_t i) {
    return ctf(i).defocus_angle_degree * kRadianPerDegree;
  });
  fields.add_number("ctf/phase_shift_rad", false, [ctf](std::size_t i) {
    return ctf(i).phase_shift_degree * kRadianPerDegree;
  });
  fields.add_number("ctf/scale", false, [ctf](std::size_t i) { return ctf(i).scale; });
  fields.add_number("ctf/scale_const", true, [](std::size_t) { return 0; });
  fields.add_array("ctf/shift_A", 2);
  fields.add_array("ctf/tilt_A", 2);
  fields.add_array("ctf/trefoil_A", 2);
  fields.add_array("ctf/tetra_A", 4);
  fields.add_array("ctf/anisomag", 4);
  fields.add_number(
      "ctf/bfactor", false, [ctf](std::size_t i) { return ctf(i).b_factor_angstrom2; });
}

void add_pose_fields(const StarTable& particles, const ParticleTable& table, NewFields& fields) {
  const auto column_pixel_size = particles.find(kAlignmentPixelSizeLabel);
  const auto pixel_size = [&, column_pixel_size](std::size_t i) {
    const double size =
        column_pixel_size ? particles.number(i, *column_pixel_size)
                          : table.optics_groups[table.records[i].optics_group].pixel_size_angstrom;
    if (!(size > 0)) {
      particles.fail(i, *column_pixel_size, "expected a positive pixel size in angstrom");
    }
    return size;
  };
  if (const auto column = particles.find("rlnRandomSubset")) {
    fields.add_count("alignments3D/split", "<u4", false, [&, column = *column](std::size_t i) {
      return from_zero(particles, i, column);
    });
  } else {
    fields.add_count("alignments3D/split", "<u4", true, [](std::size_t) { return 0; });
  }
  fields.fields.push_back({{"alignments3D/shift", "<f4", {2}},
                           false,
                           [&, pixel_size](NpyArray& array, std::size_t i, std::size_t j) {
                             // Adding zero turns a minus zero into a plain one.
                             const Eigen::Vector2d& shift = table.records[i].pose.shift_angstrom;
                             array.set(i, j, 0, 0.0 - shift.x() / pixel_size(i));
                             array.set(i, j, 1, 0.0 - shift.y() / pixel_size(i));
                           }});
  fields.fields.push_back({{"alignments3D/pose", "<f4", {3}},
                           false,
                           [&](NpyArray& array, std::size_t i, std::size_t j) {
                             const Eigen::Vector3d vector =
                                 vector_of(table.records[i].pose.rotation);
                             for (std::size_t axis = 0; axis < 3; ++axis) {
                               array.set(i, j, axis, vector[static_cast<Eigen::Index>(axis)]);
                             }
                           }});
  fields.add_number("alignments3D/psize_A", false, pixel_size);
  fields.add_number("alignments3D/alpha", true, [](std::size_t) { return 1; });
  fields.add_number("alignments3D/class_posterior", true, [](std::size_t) { return 1; });
  if (const auto column = particles.find("rlnClassNumber")) {
    fields.add_count("alignments3D/class", "<u4", false, [&, column = *column](std::size_t i) {
      return from_zero(particles, i, column);
    });
  } else {
    fields.add_count("alignments3D/class", "<u4", true, [](std::size_t) { return 0; });
  }
}

std::vector<std::string> labels_left_out(const StarFile& star, const StarTable& particles) {
  std::vector<std::string> labels;
  for (const StarTable& table : star.tables) {
    if (&table == &particles || table.name() == "optics") {
      for (const std::string& label : table.labels()) {
        if (std::find(kHeldLabels.begin(), kHeldLabels.end(), label) == kHeldLabels.end()) {
          labels.push_back(label);
        }
      }
    }
  }
  return labels;
}

}  // namespace

NpyArray cryosparc_of_star(const StarFile& star,
                           const ParticleTable& table,
                           const std::vector<NpyArray>& originals,
                           ConversionNotes& notes) {
  const StarTable& particles = particle_block(star);
  for (const OpticsGroup& group : table.optics_groups) {
    if (group.box <= 0 || !(group.pixel_size_angstrom > 0)) {
      throw Error(ErrorKind::Input,
                  table.source + ": optics group '" + group.name + "': no " +
                      (group.box <= 0 ? "box (rlnImageSize)" : "pixel size (rlnImagePixelSize)") +
                      ", needed in a cryoSPARC data set");
    }
  }
  const std::vector<std::uint64_t> uids = uids_of(particles, table);
  std::vector<std::vector<std::size_t>> rows;
  for (const NpyArray& original : originals) {
    static_cast<void>(particles.column(kUidLabel));  // what the join needs
    rows.push_back(rows_by_uid(original, uids, [&](std::size_t i) { return table.where[i]; }));
  }
  // The original that a name is found in, and the field.
  const auto find =
      [&](const std::string& name) -> std::optional<std::pair<std::size_t, std::size_t>> {
    for (std::size_t k = 0; k < originals.size(); ++k) {
      if (const auto field = originals[k].find(name)) {
        return std::pair{k, *field};
      }
    }
    return std::nullopt;
  };

  NewFields ours;
  ours.add_count("uid", "<u8", false, [&](std::size_t i) { return uids[i]; });
  add_blob_fields(table, ours);
  if (table.has_ctf) {
    add_ctf_fields(table, ours);
  }
  if (table.has_poses) {
    add_pose_fields(particles, table, ours);
  }
  if (const auto column = particles.find("rlnMicrographName")) {
    ours.add_text("location/micrograph_path", table.records.size(), [&, column](std::size_t i) {
      return std::string(particles.text(i, *column));
    });
  }

  std::vector<NewField> fields;
  std::set<std::string> names;
  const auto take = [&](std::size_t k, std::size_t field) {
    fields.push_back({originals[k].fields()[field],
                      true,
                      [&, k, field](NpyArray& array, std::size_t i, std::size_t j) {
                        array.set_bytes(i, j, originals[k].bytes(rows[k][i], field));
                      }});
  };
  for (NewField& field : ours.fields) {
    names.insert(field.field.name);
    const auto original = field.original_first ? find(field.field.name) : std::nullopt;
    if (original) {
      take(original->first, original->second);
    } else {
      fields.push_back(std::move(field));
    }
  }
  for (std::size_t k = 0; k < originals.size(); ++k) {
    for (std::size_t field = 0; field < originals[k].fields().size(); ++field) {
      if (names.insert(originals[k].fields()[field].name).second) {
        take(k, field);
      }
    }
  }

  std::vector<NpyField> types;
  for (const NewField& field : fields) {
    types.push_back(field.field);
  }
  NpyArray array(types, table.records.size());
  for (std::size_t i = 0; i < table.records.size(); ++i) {
    for (std::size_t j = 0; j < fields.size(); ++j) {
      fields[j].put(array, i, j);
    }
  }
  notes.left_out = labels_left_out(star, particles);
  return array;
}

}  // namespace cryosip

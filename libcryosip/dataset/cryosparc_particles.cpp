#include "libcryosip/dataset/cryosparc_particles.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <tuple>
#include <utility>

#include <Eigen/Geometry>

#include "formats/error.hpp"
#include "formats/image_name.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/dataset/cryosparc_join.hpp"

namespace cryosip {
namespace {

using formats::NpyArray;
using formats::NpyField;
using formats::StarFile;
using formats::StarTable;

// A is the transpose of Rodrigues' rotation.
Eigen::Matrix3d rotation_of(const Eigen::Vector3d& vector) {
  const double angle = vector.norm();
  if (angle == 0) {
    return Eigen::Matrix3d::Identity();
  }
  return Eigen::AngleAxisd(-angle, vector / angle).toRotationMatrix();
}

// Poses of one or several classes that stand side by side in one field.
struct Alignment {
  std::uint64_t number = 0;  // K of alignments_class_K
  JoinedField pose;          // 3 values a class
  std::optional<JoinedField> shift;
  std::optional<JoinedField> pixel_size;
  std::optional<JoinedField> split;
  std::optional<JoinedField> class_number;
  std::optional<JoinedField> posterior;

  [[nodiscard]] std::size_t classes() const { return pose.values() / 3; }
};

// One class of an alignment.
struct Choice {
  const Alignment* alignment = nullptr;
  std::size_t index = 0;
};

std::size_t index_in(const JoinedField& field, std::size_t index) {
  return field.values() == 1 ? 0 : index;
}

std::optional<Alignment> alignment_of(JoinedArrays& joined,
                                      std::size_t array,
                                      const std::string& prefix,
                                      std::uint64_t number) {
  const auto pose = joined.find_in(array, prefix + "/pose");
  if (!pose) {
    return std::nullopt;
  }
  const std::size_t classes = std::max<std::size_t>(pose->values() / 3, 1);
  pose->expect_values(3 * classes);
  const auto find = [&](const std::string& name, std::size_t values, bool or_one) {
    auto field = joined.find_in(array, prefix + name);
    if (field) {
      field->expect_values(values, or_one);
    }
    return field;
  };
  return Alignment{.number = number,
                   .pose = *pose,
                   .shift = find("/shift", 2 * classes, false),
                   .pixel_size = find("/psize_A", classes, true),
                   .split = find("/split", classes, true),
                   .class_number = find("/class", classes, true),
                   .posterior = find("/class_posterior", classes, false)};
}

// K of every alignments_class_K/pose, in order.
std::set<std::uint64_t> class_numbers(const NpyArray& array) {
  constexpr std::string_view kPrefix = "alignments_class_";
  std::set<std::uint64_t> numbers;
  for (const NpyField& field : array.fields()) {
    if (field.name.starts_with(kPrefix) && field.name.ends_with("/pose")) {
      std::uint64_t number = 0;
      const char* const begin = field.name.data() + kPrefix.size();
      const char* const end = field.name.data() + field.name.rfind('/');
      const auto [stop, failure] = std::from_chars(begin, end, number);
      if (failure == std::errc() && stop == end) {
        numbers.insert(number);
      }
    }
  }
  return numbers;
}

// Of the first data set that has any: a pass-through file may hold those of an earlier job.
std::vector<Alignment> alignments_of(JoinedArrays& joined) {
  std::vector<Alignment> result;
  for (std::size_t array = 0; array < joined.arrays() && result.empty(); ++array) {
    for (const char* const prefix : {"alignments3D", "alignments3D_multi"}) {
      if (result.empty()) {
        if (auto alignment = alignment_of(joined, array, prefix, 0)) {
          result.push_back(*std::move(alignment));
        }
      }
    }
    if (result.empty()) {
      for (const std::uint64_t number : class_numbers(joined.array(array))) {
        result.push_back(
            *alignment_of(joined, array, "alignments_class_" + std::to_string(number), number));
      }
    }
  }
  return result;
}

// Of the largest posterior, the first of equals.
Choice most_probable(const std::vector<Alignment>& alignments, std::size_t record) {
  Choice best{&alignments.front(), 0};
  double largest = -std::numeric_limits<double>::infinity();
  for (const Alignment& alignment : alignments) {
    for (std::size_t k = 0; alignment.posterior && k < alignment.classes(); ++k) {
      const double probability = alignment.posterior->probability(record, k);
      if (probability > largest) {
        largest = probability;
        best = {&alignment, k};
      }
    }
  }
  return best;
}

// What makes an optics group of RELION: exposure group, voltage, aberration, amplitude contrast,
// pixel size, box; what is not known is 0.
using OpticsKey = std::tuple<std::uint64_t, double, double, double, double, std::uint64_t>;

// Collects labels and what fills their cells.
class Columns {
 public:
  using Fill = std::function<void(StarTable&, std::size_t row, std::size_t column)>;

  void add(std::string label, Fill fill) {
    labels_.push_back(std::move(label));
    fills_.push_back(std::move(fill));
  }
  void add_number(std::string label, std::function<double(std::size_t)> value) {
    add(std::move(label),
        [value = std::move(value)](StarTable& table, std::size_t i, std::size_t j) {
          table.set(i, j, value(i));
        });
  }
  void add_count(std::string label, std::function<std::uint64_t(std::size_t)> value) {
    add(std::move(label),
        [value = std::move(value)](StarTable& table, std::size_t i, std::size_t j) {
          table.set(i, j, std::to_string(value(i)));
        });
  }
  [[nodiscard]] StarTable make(const std::string& name, std::size_t rows) const {
    constexpr std::size_t kTypicalCell = 14;
    StarTable table(name, labels_);
    table.reserve(rows, rows * labels_.size() * kTypicalCell);
    for (std::size_t i = 0; i < rows; ++i) {
      const std::size_t row = table.add_row();
      for (std::size_t j = 0; j < fills_.size(); ++j) {
        fills_[j](table, row, j);
      }
    }
    return table;
  }

 private:
  std::vector<std::string> labels_;
  std::vector<Fill> fills_;
};

// The optics of every record, and the groups they make.
struct Optics {
  std::optional<JoinedField> group, voltage, aberration, contrast, pixel_size, shape;
  std::map<OpticsKey, std::size_t> groups;  // number from 1, in order

  explicit Optics(JoinedArrays& joined)
      : group(joined.find("ctf/exp_group_id")),
        voltage(joined.find("ctf/accel_kv")),
        aberration(joined.find("ctf/cs_mm")),
        contrast(joined.find("ctf/amp_contrast")),
        pixel_size(joined.find("blob/psize_A")),
        shape(joined.find("blob/shape")) {
    if (!contrast) {
      contrast = joined.find("ctf/ac");
    }
    if (shape) {
      shape->expect_values(2);
    }
    for (std::size_t i = 0; i < joined.records(); ++i) {
      groups.emplace(key(i), 0);
    }
    std::size_t number = 0;
    for (auto& entry : groups) {
      entry.second = ++number;
    }
  }

  [[nodiscard]] OpticsKey key(std::size_t i) const {
    const auto number = [&](const std::optional<JoinedField>& field) {
      return field ? field->number(i) : 0;
    };
    if (shape && shape->count(i, 0) != shape->count(i, 1)) {
      shape->fail(i,
                  "found images of " + std::to_string(shape->count(i, 1)) + " x " +
                      std::to_string(shape->count(i, 0)) + " pixels, expected a square box");
    }
    if (pixel_size && !(number(pixel_size) > 0)) {
      pixel_size->fail(i, "expected a positive pixel size in angstrom");
    }
    return {group ? group->count(i) : 0,
            number(voltage),
            number(aberration),
            number(contrast),
            number(pixel_size),
            shape ? shape->count(i, 0) : 0};
  }

  [[nodiscard]] StarTable table() const {
    std::vector<const OpticsKey*> keys;
    std::vector<std::string> names;
    std::map<std::uint64_t, int> named;
    for (const auto& [key, number] : groups) {
      keys.push_back(&key);
      const int times = ++named[std::get<0>(key)];
      names.push_back(std::string(kExposureGroupName) + std::to_string(std::get<0>(key)) +
                      (times == 1 ? "" : "_" + std::to_string(times)));
    }
    Columns columns;
    columns.add_count("rlnOpticsGroup", [](std::size_t i) { return i + 1; });
    columns.add("rlnOpticsGroupName",
                [&](StarTable& table, std::size_t i, std::size_t j) { table.set(i, j, names[i]); });
    if (voltage) {
      columns.add_number("rlnVoltage", [&](std::size_t i) { return std::get<1>(*keys[i]); });
    }
    if (aberration) {
      columns.add_number("rlnSphericalAberration",
                         [&](std::size_t i) { return std::get<2>(*keys[i]); });
    }
    if (contrast) {
      columns.add_number("rlnAmplitudeContrast",
                         [&](std::size_t i) { return std::get<3>(*keys[i]); });
    }
    if (pixel_size) {
      columns.add_number("rlnImagePixelSize", [&](std::size_t i) { return std::get<4>(*keys[i]); });
    }
    if (shape) {
      columns.add_count("rlnImageSize", [&](std::size_t i) { return std::get<5>(*keys[i]); });
    }
    columns.add_count("rlnImageDimensionality", [](std::size_t) { return 2; });
    return columns.make("optics", groups.size());
  }
};

void add_ctf(JoinedArrays& joined, Columns& columns) {
  const auto defocus_u = joined.find("ctf/df1_A");
  if (!defocus_u) {
    return;
  }
  constexpr double kRadian = kDegreePerRadian;
  for (const auto& [name, label, factor] :
       {std::tuple{"ctf/df1_A", "rlnDefocusU", 1.0},
        std::tuple{"ctf/df2_A", "rlnDefocusV", 1.0},
        std::tuple{"ctf/df_angle_rad", "rlnDefocusAngle", kRadian},
        std::tuple{"ctf/phase_shift_rad", "rlnPhaseShift", kRadian},
        std::tuple{"ctf/bfactor", "rlnCtfBfactor", 1.0},
        std::tuple{"ctf/scale", "rlnCtfScalefactor", 1.0}}) {
    if (const auto field = joined.find(name)) {
      columns.add_number(label, [field = *field, factor = factor](std::size_t i) {
        return factor * field.number(i);
      });
    }
  }
}

// The pose that each record is given.
class ChosenPoses {
 public:
  ChosenPoses(JoinedArrays& joined,
              const std::optional<JoinedField>& image_pixel_size,
              ConversionNotes& notes)
      : records_(joined.records()),
        alignments_(alignments_of(joined)),
        image_pixel_size_(image_pixel_size) {
    if (!empty()) {
      say_what_is_assumed(joined.source(), notes);
    }
  }
  ChosenPoses(const ChosenPoses&) = delete;  // Choice points into it
  ChosenPoses& operator=(const ChosenPoses&) = delete;
  ~ChosenPoses() = default;

  [[nodiscard]] bool empty() const { return alignments_.empty(); }

  /// @param columns  must not outlive this object
  void add_to(Columns& columns) {
    choices_.reserve(records_);
    angles_.reserve(records_);
    for (std::size_t i = 0; i < records_; ++i) {
      const Choice choice = most_probable(alignments_, i);
      const JoinedField& pose = choice.alignment->pose;
      const std::size_t at = 3 * choice.index;
      choices_.push_back(choice);
      angles_.push_back(euler_angles(
          rotation_of({pose.number(i, at), pose.number(i, at + 1), pose.number(i, at + 2)})));
    }
    columns.add_number("rlnAngleRot", [this](std::size_t i) { return angles_[i].rot_degree; });
    columns.add_number("rlnAngleTilt", [this](std::size_t i) { return angles_[i].tilt_degree; });
    columns.add_number("rlnAnglePsi", [this](std::size_t i) { return angles_[i].psi_degree; });
    const Alignment& first = alignments_.front();
    if (first.shift) {
      for (const auto& [label, axis] :
           {std::pair{"rlnOriginXAngst", 0U}, std::pair{"rlnOriginYAngst", 1U}}) {
        columns.add_number(label, [this, axis = axis](std::size_t i) {
          const Choice& choice = choices_[i];
          return choice.alignment->shift->number(i, 2 * choice.index + axis) * pixel_size(i);
        });
      }
      if (any([&](std::size_t i) {
            return !image_pixel_size_ || pixel_size(i) != image_pixel_size_->number(i);
          })) {
        columns.add_number(kAlignmentPixelSizeLabel,
                           [this](std::size_t i) { return pixel_size(i); });
      }
    }
    if (first.class_number || alignments_.size() > 1) {
      columns.add_count("rlnClassNumber", [this](std::size_t i) {
        const Alignment& alignment = *choices_[i].alignment;
        return 1 + value(alignment.class_number, i, alignment.number);
      });
    }
    // All in subset 0 is what cryoSPARC has before it splits them.
    const auto split = [this](std::size_t i) { return value(choices_[i].alignment->split, i, 0); };
    if (first.split && any([&](std::size_t i) { return split(i) != 0; })) {
      columns.add_count("rlnRandomSubset", [split](std::size_t i) { return 1 + split(i); });
    }
  }

 private:
  template <typename Predicate>
  [[nodiscard]] bool any(Predicate predicate) const {
    for (std::size_t i = 0; i < records_; ++i) {
      if (predicate(i)) {
        return true;
      }
    }
    return false;
  }

  [[nodiscard]] std::uint64_t value(const std::optional<JoinedField>& field,
                                    std::size_t i,
                                    std::uint64_t fallback) const {
    return field ? field->count(i, index_in(*field, choices_[i].index)) : fallback;
  }

  [[nodiscard]] double pixel_size(std::size_t i) const {
    const auto& field = choices_[i].alignment->pixel_size;
    return field ? field->number(i, index_in(*field, choices_[i].index))
                 : image_pixel_size_->number(i);
  }

  void say_what_is_assumed(const std::string& source, ConversionNotes& notes) const {
    std::size_t classes = 0;
    for (const Alignment& alignment : alignments_) {
      classes += alignment.classes();
      const auto& shift = alignment.shift;
      if (shift && !alignment.pixel_size && !image_pixel_size_) {
        throw Error(ErrorKind::Input,
                    source + ": field '" + shift->name() +
                        "' is in pixels of unknown size, expected a field 'psize_A' beside it");
      }
      if (alignment.shift.has_value() != alignments_.front().shift.has_value()) {
        throw Error(ErrorKind::Input, source + ": only some classes have shifts");
      }
    }
    if (classes > 1) {
      notes.warnings.push_back(
          source + ": poses of " + std::to_string(classes) + " classes; each particle has " +
          (alignments_.front().posterior ? "that of its most probable class"
                                         : "the first, for there is no class_posterior"));
    }
    if (const Alignment& first = alignments_.front(); !first.shift) {
      notes.warnings.push_back(source + ": no shifts beside '" + first.pose.name() +
                               "'; 0 is assumed");
    } else if (!first.pixel_size) {
      notes.warnings.push_back(source + ": no psize_A beside '" + first.shift->name() +
                               "'; shifts are taken in pixels of the images, which is wrong where "
                               "they were aligned at another size");
    }
  }

  std::size_t records_;
  std::vector<Alignment> alignments_;
  std::optional<JoinedField> image_pixel_size_;
  std::vector<Choice> choices_;
  std::vector<EulerAngles> angles_;
};

}  // namespace

StarFile star_of_cryosparc(const NpyArray& particles,
                           const std::vector<NpyArray>& passthroughs,
                           ConversionNotes& notes) {
  if (!particles.has_named_fields() || particles.records() == 0) {
    throw Error(ErrorKind::Input,
                particles.source() + ": found " +
                    (particles.has_named_fields() ? "no records" : "an array without fields") +
                    ", expected a cryoSPARC particle data set");
  }
  JoinedArrays joined(particles, passthroughs);
  const JoinedField path = joined.get("blob/path");
  const JoinedField index = joined.get("blob/idx");
  const Optics optics(joined);
  ChosenPoses poses(joined, optics.pixel_size, notes);

  Columns columns;
  columns.add("rlnImageName", [&](StarTable& table, std::size_t i, std::size_t j) {
    const std::string name = path.path(i);
    if (name.empty()) {
      path.fail(i, "found no path, expected the stack of an image");
    }
    table.set(i, j, formats::format_image_name(index.count(i), name));
  });
  auto micrograph = joined.find("location/micrograph_path");
  if (!micrograph) {
    micrograph = joined.find("micrograph_blob/path");
  }
  if (micrograph) {
    columns.add("rlnMicrographName", [&](StarTable& table, std::size_t i, std::size_t j) {
      table.set(i, j, micrograph->path(i));
    });
  }
  add_ctf(joined, columns);
  if (!poses.empty()) {
    poses.add_to(columns);
  } else if (const auto class_2d = joined.find("alignments2D/class")) {
    columns.add_count("rlnClassNumber",
                      [field = *class_2d](std::size_t i) { return 1 + field.count(i); });
  }
  columns.add_count("rlnOpticsGroup",
                    [&](std::size_t i) { return optics.groups.at(optics.key(i)); });
  if (const auto uid = joined.find("uid")) {
    columns.add_count(kUidLabel, [field = *uid](std::size_t i) { return field.count(i); });
  }

  StarFile star;
  star.source = particles.source();
  star.tables = {optics.table(), columns.make("particles", joined.records())};
  for (StarTable& table : star.tables) {
    table.set_source(star.source);
  }
  static_cast<void>(joined.find("ctf/type"));  // where the CTF came from, whatever it is
  notes.left_out = joined.left_out();
  return star;
}

}  // namespace cryosip

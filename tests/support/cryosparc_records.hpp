// cryoSPARC data sets made for tests.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "formats/npy.hpp"
#include "formats/star.hpp"
#include "libcryosip/dataset/cryosparc_particles.hpp"

namespace cryosip::testing {

// Writes into a field found by its name.
class CryosparcWriter {
 public:
  CryosparcWriter(std::vector<formats::NpyField> fields, std::size_t records)
      : array(std::move(fields), records) {}
  void text(const std::string& name, std::size_t i, const std::string& value) {
    array.set_text(i, field(name), value);
  }
  void count(const std::string& name, std::size_t i, std::uint64_t value, std::size_t k = 0) {
    array.set_count(i, field(name), k, value);
  }
  void number(const std::string& name, std::size_t i, const std::vector<double>& values) {
    for (std::size_t k = 0; k < values.size(); ++k) {
      array.set(i, field(name), k, values[k]);
    }
  }
  [[nodiscard]] std::size_t field(const std::string& name) const {
    return array.find(name).value();
  }

  formats::NpyArray array;
};

inline const std::vector<formats::NpyField> kImages = {{"uid", "<u8"},
                                                       {"blob/path", "|S12"},
                                                       {"blob/idx", "<u4"},
                                                       {"blob/shape", "<u4", {2}},
                                                       {"blob/psize_A", "<f4"},
                                                       {"blob/sign", "<f4"},
                                                       {"ctf/exp_group_id", "<u4"},
                                                       {"ctf/accel_kv", "<f4"},
                                                       {"ctf/cs_mm", "<f4"},
                                                       {"ctf/amp_contrast", "<f4"},
                                                       {"ctf/df1_A", "<f4"},
                                                       {"ctf/df2_A", "<f4"},
                                                       {"ctf/df_angle_rad", "<f4"},
                                                       {"ctf/phase_shift_rad", "<f4"},
                                                       {"ctf/scale", "<f4"},
                                                       {"ctf/tilt_A", "<f4", {2}},
                                                       {"ctf/bfactor", "<f4"},
                                                       {"location/micrograph_path", "|S8"}};
inline const std::vector<formats::NpyField> kPoses = {{"alignments3D/split", "<u4"},
                                                      {"alignments3D/shift", "<f4", {2}},
                                                      {"alignments3D/pose", "<f4", {3}},
                                                      {"alignments3D/psize_A", "<f4"},
                                                      {"alignments3D/alpha", "<f4"},
                                                      {"alignments3D/class", "<u4"}};

inline std::vector<formats::NpyField> fields_of(std::vector<formats::NpyField> first,
                                                const std::vector<formats::NpyField>& second) {
  first.insert(first.end(), second.begin(), second.end());
  return first;
}

inline constexpr std::uint64_t kFirstUid = 0xFFFFFFFFFFFFFF00U;

// Images of 64 pixels of 1.31 angstrom, two exposure groups in turn.
inline CryosparcWriter images(std::size_t records,
                              const std::vector<formats::NpyField>& more = {}) {
  CryosparcWriter w(fields_of(kImages, more), records);
  for (std::size_t i = 0; i < records; ++i) {
    const double x = static_cast<double>(i);
    w.count("uid", i, kFirstUid + i);
    w.text("blob/path", i, i % 2 == 0 ? ">J1/a.mrc" : "J1/b.mrcs");
    w.count("blob/idx", i, i / 2);
    w.count("blob/shape", i, 64, 0);
    w.count("blob/shape", i, 64, 1);
    w.number("blob/psize_A", i, {1.31});
    w.number("blob/sign", i, {-1});
    w.count("ctf/exp_group_id", i, i % 2 == 0 ? 23 : 7);
    w.number("ctf/accel_kv", i, {300});
    w.number("ctf/cs_mm", i, {2.7});
    w.number("ctf/amp_contrast", i, {0.07});
    w.number("ctf/df1_A", i, {15301.1 + 7.3 * x});
    w.number("ctf/df2_A", i, {14916.4 - 3.1 * x});
    w.number("ctf/df_angle_rad", i, {0.0921534 + 0.01 * x});
    w.number("ctf/phase_shift_rad", i, {0.5});
    w.number("ctf/scale", i, {0.98});
    w.number("ctf/bfactor", i, {12.5});
    w.text("location/micrograph_path", i, "m1.mrc");
  }
  return w;
}

inline formats::StarFile star_of(const formats::NpyArray& array,
                                 const std::vector<formats::NpyArray>& others = {}) {
  ConversionNotes notes;
  return star_of_cryosparc(array, others, notes);
}

// Its cells.
inline std::vector<std::string> column(const formats::StarTable& table, const std::string& label) {
  std::vector<std::string> cells;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    cells.emplace_back(table.text(row, table.column(label)));
  }
  return cells;
}

}  // namespace cryosip::testing

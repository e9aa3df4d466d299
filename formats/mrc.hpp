// MRC2014 files: stacks (.mrcs) and volumes (.mrc, .map).
//
// Reading: modes 0 (int8), 1 (int16), 2 (float32), 6 (uint16), 12 (float16); little and big endian,
// decided by the header's values and not by the machine stamp; extended headers skipped; missing
// MAP tag, zero or negative cell accepted.  Truncated files are refused (RELION reads zeros).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "formats/image_file.hpp"
#include "formats/output_file.hpp"

namespace cryosip::formats {

struct MrcHeader {
  std::array<int, 3> size{};  ///< nx, ny, nz
  int mode = 2;
  std::array<int, 3> start{};     ///< nxstart..
  std::array<int, 3> sampling{};  ///< mx, my, mz
  std::array<double, 3> cell_angstrom{};
  std::array<int, 3> axes{1, 2, 3};  ///< mapc, mapr, maps
  int space_group = 0;               ///< 0 stack, 1 volume, 401 stack of volumes
  std::int64_t extended_bytes = 0;   ///< nsymbt
  std::array<double, 3> origin_angstrom{};
  bool big_endian = false;
};

class MrcFile final : public ImageFile {
 public:
  /// Maps the file into memory.
  /// @throws Error(Input) missing, not MRC, mode 3/4/101.., or shorter than its header says
  explicit MrcFile(const std::string& path);
  ~MrcFile() override;

  [[nodiscard]] const MrcHeader& header() const noexcept { return header_; }
  [[nodiscard]] std::size_t width() const override;
  [[nodiscard]] std::size_t height() const override;
  [[nodiscard]] std::size_t sections() const override;
  [[nodiscard]] double pixel_size_angstrom() const override;
  void read(std::size_t index, std::span<float> out) const override;

 private:
  class Mapping;
  std::string path_;
  MrcHeader header_;
  std::unique_ptr<Mapping> mapping_;
};

/// A volume in memory.
struct Volume {
  std::array<std::size_t, 3> size{};  ///< nx, ny, nz
  double pixel_size_angstrom = 0;
  std::vector<float> values;  ///< [z][y][x], x fastest
};

/// Reads a map with its axes put in order x, y, z (mapc/mapr/maps honoured; RELION ignores them).
Volume read_volume(const std::string& path);
void write_volume(const std::string& path, const Volume& volume);

/// Appends float32 images; the header, with real statistics, is written by commit().
/// Header as RELION reads it: mode 2, little endian, mx = nx, cell = n * pixel size, ISPG 0, stamp
/// 44 41 00 00.
class MrcStackWriter final : public StackWriter {
 public:
  /// @throws Error(Output) when the file cannot be created
  MrcStackWriter(const std::string& path,
                 std::size_t width,
                 std::size_t height,
                 double pixel_size_angstrom);
  void append(std::span<const float> image) override;
  void commit() override;

 private:
  OutputFile file_;
  std::size_t width_;
  std::size_t height_;
  double pixel_size_angstrom_;
  std::size_t count_ = 0;
  double sum_ = 0;
  double sum_of_squares_ = 0;
  float lowest_ = 0;
  float highest_ = 0;
};

}  // namespace cryosip::formats

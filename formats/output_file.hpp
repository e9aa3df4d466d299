// Files that appear under their final name only once they are complete.
#pragma once

#include <fstream>
#include <functional>
#include <iosfwd>
#include <string>

namespace cryosip::formats {

/// Writes to "PATH.part" and renames on commit(); without commit the part file is removed.  A PATH
/// that is a device or a pipe is written to directly.
class OutputFile {
 public:
  /// @throws Error(Output) when the file cannot be created
  explicit OutputFile(std::string path);
  OutputFile(const OutputFile&) = delete;
  OutputFile& operator=(const OutputFile&) = delete;
  ~OutputFile();

  [[nodiscard]] std::ostream& stream() noexcept { return stream_; }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// What is written to until commit(), for those who write it themselves.
  [[nodiscard]] const std::string& part_path() const noexcept { return part_path_; }
  /// Flushes, checks and renames.  @throws Error(Output) when anything could not be written
  void commit();

 private:
  std::string path_;
  std::string part_path_;
  std::ofstream stream_;
  bool committed_ = false;
};

}  // namespace cryosip::formats

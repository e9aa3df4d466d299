#include "formats/output_file.hpp"

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <boost/filesystem.hpp>

#include "formats/error.hpp"

namespace cryosip::formats {

namespace {

// A device or a pipe is written to as it stands: renaming a file over /dev/null would end it.
std::string written_path(const std::string& path) {
  boost::system::error_code ignored;
  const boost::filesystem::file_status status = boost::filesystem::status(path, ignored);
  const bool is_special = boost::filesystem::exists(status) &&
                          !boost::filesystem::is_regular_file(status) &&
                          !boost::filesystem::is_directory(status);
  return is_special ? path : path + ".part";
}

}  // namespace

OutputFile::OutputFile(std::string path)
    : path_(std::move(path)),
      part_path_(written_path(path_)),
      stream_(part_path_, std::ios::binary) {
  if (!stream_) {
    throw Error(ErrorKind::Output, path_ + ": cannot be created: " + std::strerror(errno));
  }
}

OutputFile::~OutputFile() {
  if (!committed_ && part_path_ != path_) {
    stream_.close();
    boost::system::error_code ignored;
    boost::filesystem::remove(part_path_, ignored);
  }
}

void OutputFile::commit() {
  stream_.close();
  if (!stream_) {
    throw Error(ErrorKind::Output, path_ + ": cannot be written: " + std::strerror(errno));
  }
  if (part_path_ != path_) {
    boost::system::error_code failure;
    boost::filesystem::rename(part_path_, path_, failure);
    if (failure) {
      throw Error(ErrorKind::Output, path_ + ": cannot be written: " + failure.message());
    }
  }
  committed_ = true;
}

}  // namespace cryosip::formats

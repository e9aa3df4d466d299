#include "formats/output_file.hpp"

#include <cerrno>
#include <cstring>
#include <system_error>
#include <utility>

#include <boost/filesystem.hpp>

#include "formats/error.hpp"

namespace cryosip::formats {

OutputFile::OutputFile(std::string path)
    : path_(std::move(path)), part_path_(path_ + ".part"), stream_(part_path_, std::ios::binary) {
  if (!stream_) {
    throw Error(ErrorKind::Output, path_ + ": cannot be created: " + std::strerror(errno));
  }
}

OutputFile::~OutputFile() {
  if (!committed_) {
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
  boost::system::error_code failure;
  boost::filesystem::rename(part_path_, path_, failure);
  if (failure) {
    throw Error(ErrorKind::Output, path_ + ": cannot be written: " + failure.message());
  }
  committed_ = true;
}

}  // namespace cryosip::formats

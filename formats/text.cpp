#include "formats/text.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <istream>
#include <system_error>

#include <boost/filesystem.hpp>

#include "formats/error.hpp"

namespace cryosip::formats {

std::string read_all(std::istream& in, std::string_view source) {
  constexpr std::size_t kFirstRead = 1 << 16;
  std::string bytes;
  // A file's size is a hint only: pipes have none, and other programs may still be writing.
  const auto start = in.tellg();
  if (start != std::istream::pos_type(-1) && in.seekg(0, std::ios::end)) {
    bytes.reserve(static_cast<std::size_t>(in.tellg() - start) + 1);
    in.seekg(start);
  }
  in.clear();
  std::size_t used = 0;
  while (in) {
    bytes.resize(std::max({bytes.capacity(), used + kFirstRead, 2 * used}));
    in.read(bytes.data() + used, static_cast<std::streamsize>(bytes.size() - used));
    used += static_cast<std::size_t>(in.gcount());
  }
  if (in.bad()) {
    throw Error(ErrorKind::Input, std::string(source) + ": cannot be read");
  }
  bytes.resize(used);
  return bytes;
}

std::string read_all(const std::string& path) {
  boost::system::error_code ignored;
  if (boost::filesystem::is_directory(path, ignored)) {
    throw Error(ErrorKind::Input, path + ": found a directory, expected a file");
  }
  std::ifstream in(path, std::ios::binary);
  if (!in) {
    throw Error(ErrorKind::Input, path + ": cannot be opened: " + std::strerror(errno));
  }
  return read_all(in, path);
}

std::optional<double> parse_number(std::string_view text) noexcept {
  if (text.size() > 1 && text.front() == '+' && text[1] != '-') {
    text.remove_prefix(1);
  }
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, failure] = std::from_chars(text.data(), end, value);
  if (failure != std::errc() || stop != end || !std::isfinite(value)) {
    return std::nullopt;
  }
  return value;
}

}  // namespace cryosip::formats

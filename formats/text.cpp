#include "formats/text.hpp"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <istream>
#include <new>
#include <system_error>

#include <boost/filesystem.hpp>
#include <zlib.h>

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

std::string excerpt(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  std::string shown(text.substr(0, kLongest));
  std::replace_if(
      shown.begin(), shown.end(), [](char c) { return c >= 0 && c < ' '; }, '?');
  return "'" + shown + (text.size() > kLongest ? "...'" : "'");
}

std::string utf8(std::uint32_t code) {
  constexpr std::uint32_t kReplacement = 0xFFFD;
  if (code > 0x10FFFFU || (code >= 0xD800U && code < 0xE000U)) {
    code = kReplacement;
  }
  const auto last = [&](unsigned shift) {
    return static_cast<char>(0x80U | ((code >> shift) & 0x3FU));
  };
  if (code < 0x80U) {
    return {static_cast<char>(code)};
  }
  if (code < 0x800U) {
    return {static_cast<char>(0xC0U | (code >> 6U)), last(0)};
  }
  if (code < 0x10000U) {
    return {static_cast<char>(0xE0U | (code >> 12U)), last(6), last(0)};
  }
  return {static_cast<char>(0xF0U | (code >> 18U)), last(12), last(6), last(0)};
}

std::string gunzip(std::string_view compressed, std::string_view source) {
  constexpr int kGzipFormat = 16 + MAX_WBITS;
  constexpr std::size_t kChunk = 1 << 18;
  z_stream stream{};
  if (inflateInit2(&stream, kGzipFormat) != Z_OK) {
    throw std::bad_alloc();
  }
  std::string bytes;
  int status = Z_OK;
  std::size_t read = 0;
  while (status == Z_OK || (status == Z_STREAM_END && read < compressed.size())) {
    if (status == Z_STREAM_END) {  // one gzip file behind another, as gzip -c a b makes them
      inflateReset(&stream);
    }
    const auto rest = static_cast<uInt>(std::min(compressed.size() - read, kChunk));
    const std::size_t written = bytes.size();
    bytes.resize(written + kChunk);
    // zlib's interface is not const-correct; it does not write to its input.
    stream.next_in =
        reinterpret_cast<Bytef*>(const_cast<char*>(compressed.data() + read));  // NOLINT
    stream.avail_in = rest;
    stream.next_out = reinterpret_cast<Bytef*>(bytes.data() + written);
    stream.avail_out = static_cast<uInt>(kChunk);
    status = inflate(&stream, Z_NO_FLUSH);
    read += rest - stream.avail_in;
    bytes.resize(written + kChunk - stream.avail_out);
  }
  inflateEnd(&stream);
  if (status != Z_STREAM_END) {
    throw Error(ErrorKind::Input, std::string(source) + ": found a damaged or truncated gzip file");
  }
  return bytes;
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

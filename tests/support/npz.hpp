// Reads arrays of doubles out of NumPy's .npz files (zip archives of .npy, stored or deflated), for
// agreement tests.  No zip64, no encryption; little-endian machines.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <string>
#include <vector>

#include <Eigen/Core>
#include <zlib.h>

#include "formats/npy.hpp"

namespace cryosip::testing {

namespace npz_detail {

template <typename Integer>
Integer at(const std::string& bytes, std::size_t offset) {
  Integer value = 0;
  if (offset + sizeof value > bytes.size()) {
    throw std::runtime_error("npz: truncated");
  }
  std::memcpy(&value, bytes.data() + offset, sizeof value);
  return value;
}

inline std::string inflate_raw(const char* data, std::size_t size, std::size_t full_size) {
  std::string out(full_size, '\0');
  z_stream stream{};
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(data));
  stream.avail_in = static_cast<uInt>(size);
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(full_size);
  inflateInit2(&stream, -MAX_WBITS);
  const int status = inflate(&stream, Z_FINISH);
  inflateEnd(&stream);
  if (status != Z_STREAM_END) {
    throw std::runtime_error("npz: cannot inflate");
  }
  return out;
}

// The bytes of one member, found through the central directory.
inline std::string member(const std::string& zip, const std::string& name) {
  const std::size_t end = zip.rfind("PK\5\6");
  if (end == std::string::npos) {
    throw std::runtime_error("npz: not a zip file");
  }
  std::size_t entry = at<std::uint32_t>(zip, end + 16);
  for (int left = at<std::uint16_t>(zip, end + 10); left > 0; --left) {
    const std::size_t name_size = at<std::uint16_t>(zip, entry + 28);
    if (zip.compare(entry + 46, name_size, name) == 0) {
      const std::size_t local = at<std::uint32_t>(zip, entry + 42);
      const std::size_t data =
          local + 30U + at<std::uint16_t>(zip, local + 26) + at<std::uint16_t>(zip, local + 28);
      const std::size_t size = at<std::uint32_t>(zip, entry + 20);
      const std::size_t full_size = at<std::uint32_t>(zip, entry + 24);
      return at<std::uint16_t>(zip, entry + 10) == 0
                 ? zip.substr(data, size)
                 : inflate_raw(zip.data() + data, size, full_size);
    }
    entry +=
        46 + name_size + at<std::uint16_t>(zip, entry + 30) + at<std::uint16_t>(zip, entry + 32);
  }
  throw std::runtime_error("npz: no member " + name);
}

}  // namespace npz_detail

/// Array @p name of an .npz file; one of a single axis is a column, a scalar 1 x 1.
/// @throws std::runtime_error missing, or not doubles of at most two axes in C order
inline Eigen::MatrixXd read_npz(const std::string& path, const std::string& name) {
  std::ifstream file(path, std::ios::binary);
  const std::string zip((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
  const formats::NpyArray npy =
      formats::parse_npy(npz_detail::member(zip, name + ".npy"), path + ": " + name);
  if (npy.fortran_order() || npy.has_named_fields() || npy.fields()[0].type != "<f8" ||
      npy.shape().size() > 2) {
    throw std::runtime_error("npz: unexpected array " + name);
  }
  std::vector<std::size_t> shape = npy.shape();
  shape.resize(std::max<std::size_t>(shape.size(), 2), 1);
  using RowMajor = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  RowMajor array(static_cast<Eigen::Index>(shape[0]), static_cast<Eigen::Index>(shape[1]));
  for (std::size_t i = 0; i < npy.records(); ++i) {
    array.data()[i] = npy.number(i, 0);
  }
  return array;
}

}  // namespace cryosip::testing

// The 1024 bytes an MRC file starts with; shared by reading and writing.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "formats/mrc.hpp"

namespace cryosip::formats {

constexpr std::size_t kMrcHeaderBytes = 1024;

/// Bytes of one value, 0 for a mode that is not read.
std::size_t mrc_value_bytes(int mode) noexcept;

/// @param bytes  the file's start, at least kMrcHeaderBytes long
/// @param path   for messages
/// @throws Error(Input) when neither byte order gives sizes and a mode that make sense
MrcHeader parse_mrc_header(std::span<const std::byte> bytes, const std::string& path);

struct MrcStatistics {
  float lowest = 0;
  float highest = 0;
  double mean = 0;
  double deviation = 0;
};

/// A header in mode 2, little endian, as RELION writes it.
std::array<std::byte, kMrcHeaderBytes> make_mrc_header(const std::array<std::size_t, 3>& size,
                                                       double pixel_size_angstrom,
                                                       int space_group,
                                                       const MrcStatistics& statistics);

}  // namespace cryosip::formats

#include "formats/mrc.hpp"

#include <algorithm>
#include <bit>
#include <cerrno>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "formats/error.hpp"
#include "formats/mrc_header.hpp"
#include "formats/numbers.hpp"

namespace cryosip::formats {

namespace {

/// Values stand unaligned, because extended headers may have any length.
template <typename T, typename Convert>
void convert_values(const std::byte* from, bool swap, std::span<float> out, Convert convert) {
  for (float& value : out) {
    T raw{};
    std::memcpy(&raw, from, sizeof(T));
    from += sizeof(T);
    value = convert(swap ? swap_bytes(raw) : raw);
  }
}

/// Compressed maps are common in archives; what to do with them is worth a line of its own.
void refuse_compressed(std::span<const std::byte> bytes, const std::string& path) {
  const auto starts_with = [&](std::string_view magic) {
    return bytes.size() >= magic.size() &&
           std::memcmp(bytes.data(), magic.data(), magic.size()) == 0;
  };
  const auto refuse = [&](const std::string& format, const std::string& command) {
    throw Error(ErrorKind::Input,
                path + ": found a file compressed by " + format +
                    ", expected an image file; decompress it first: " + command);
  };
  if (starts_with("\x1f\x8b")) {
    refuse("gzip", "gunzip -k");
  } else if (starts_with("BZh")) {
    refuse("bzip2", "bunzip2 -k");
  } else if (starts_with("\xFD"
                         "7zXZ")) {
    refuse("xz", "unxz -k");
  } else if (starts_with("\x28\xB5\x2F\xFD")) {
    refuse("zstd", "unzstd");
  }
}

double voxel_size(const MrcHeader& header, std::size_t axis) {
  const double size = header.cell_angstrom[axis] / header.sampling[axis];
  return header.sampling[axis] > 0 && std::isfinite(size) && size > 0 ? size : 0;
}

}  // namespace

/// A whole file in memory, read-only.
class MrcFile::Mapping {
 public:
  explicit Mapping(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);  // NOLINT(*-vararg)
    if (file < 0) {
      throw Error(ErrorKind::Input, path + ": cannot be opened: " + std::strerror(errno));
    }
    struct stat status {};
    int failure = fstat(file, &status) == 0 ? 0 : errno;
    const bool is_file = failure == 0 && S_ISREG(status.st_mode);
    if (is_file && status.st_size > 0) {
      size_ = static_cast<std::size_t>(status.st_size);
      void* const data = mmap(nullptr, size_, PROT_READ, MAP_PRIVATE, file, 0);
      if (data == MAP_FAILED) {
        failure = errno;
      } else {
        data_ = static_cast<const std::byte*>(data);
      }
    }
    close(file);
    if (failure != 0) {
      throw Error(ErrorKind::Input, path + ": cannot be read: " + std::strerror(failure));
    }
    if (!is_file) {
      throw Error(ErrorKind::Input, path + ": found no regular file, expected an image file");
    }
  }
  Mapping(const Mapping&) = delete;
  Mapping& operator=(const Mapping&) = delete;
  ~Mapping() {
    if (data_ != nullptr) {
      munmap(const_cast<std::byte*>(data_), size_);
    }
  }

  [[nodiscard]] std::span<const std::byte> bytes() const noexcept { return {data_, size_}; }
  /// Lets go of what was read: a large stack would fill the process's memory with pages that the
  /// system keeps at hand anyway.  They may be read again.
  void release(const std::byte* from, std::size_t count) const noexcept {
    // A page that is read brings its neighbours with it, up to this window.
    constexpr std::uintptr_t kWindow = 1U << 16U;
    const auto data = reinterpret_cast<std::uintptr_t>(data_);
    const auto begin = reinterpret_cast<std::uintptr_t>(from);
    const std::uintptr_t first = std::max(data, begin / kWindow * kWindow);
    const std::uintptr_t last =
        std::min(data + size_, (begin + count + kWindow - 1) / kWindow * kWindow);
    madvise(reinterpret_cast<void*>(first), last - first, MADV_DONTNEED);
  }

 private:
  const std::byte* data_ = nullptr;
  std::size_t size_ = 0;
};

MrcFile::MrcFile(const std::string& path) : path_(path), mapping_(std::make_unique<Mapping>(path)) {
  const std::span<const std::byte> bytes = mapping_->bytes();
  refuse_compressed(bytes, path);
  if (bytes.size() < kMrcHeaderBytes) {
    throw Error(ErrorKind::Input,
                path + ": found " + std::to_string(bytes.size()) +
                    " bytes, expected an MRC header of 1024");
  }
  header_ = parse_mrc_header(bytes, path);
  const std::size_t value_bytes = mrc_value_bytes(header_.mode);
  if (value_bytes == 0) {
    throw Error(
        ErrorKind::Input,
        path + ": found MRC mode " + std::to_string(header_.mode) + ", expected 0, 1, 2, 6 or 12");
  }
  // The limits on plausible sizes keep this within 64 bits.
  const std::size_t section_bytes = width() * height() * value_bytes;
  const std::size_t data_start = kMrcHeaderBytes + static_cast<std::size_t>(header_.extended_bytes);
  const std::size_t expected = data_start + sections() * section_bytes;
  if (bytes.size() < expected) {
    const std::size_t whole =
        bytes.size() < data_start ? 0 : (bytes.size() - data_start) / section_bytes;
    throw Error(ErrorKind::Input,
                path + ": truncated: found " + std::to_string(bytes.size()) + " bytes (" +
                    std::to_string(whole) + " whole sections), expected " +
                    std::to_string(expected) + " bytes (" + std::to_string(sections()) +
                    " sections by the header)");
  }
}

MrcFile::~MrcFile() = default;

std::size_t MrcFile::width() const {
  return static_cast<std::size_t>(header_.size[0]);
}

std::size_t MrcFile::height() const {
  return static_cast<std::size_t>(header_.size[1]);
}

std::size_t MrcFile::sections() const {
  return static_cast<std::size_t>(header_.size[2]);
}

double MrcFile::pixel_size_angstrom() const {
  return voxel_size(header_, 0);
}

void MrcFile::read(std::size_t index, std::span<float> out) const {
  if (index >= sections()) {
    throw Error(ErrorKind::Input,
                path_ + ": found " + std::to_string(sections()) + " sections, expected a section " +
                    std::to_string(index + 1));
  }
  if (out.size() != width() * height()) {
    throw Error(ErrorKind::Usage,
                path_ + ": room for " + std::to_string(out.size()) + " values, a section has " +
                    std::to_string(width() * height()));
  }
  const std::byte* const from = mapping_->bytes().data() + kMrcHeaderBytes +
                                static_cast<std::size_t>(header_.extended_bytes) +
                                index * out.size() * mrc_value_bytes(header_.mode);
  const bool swap = header_.big_endian;
  const auto cast = [](auto value) { return static_cast<float>(value); };
  switch (header_.mode) {
    case 0:
      convert_values<std::int8_t>(from, swap, out, cast);
      break;
    case 1:
      convert_values<std::int16_t>(from, swap, out, cast);
      break;
    case 6:
      convert_values<std::uint16_t>(from, swap, out, cast);
      break;
    case 12:
      convert_values<std::uint16_t>(from, swap, out, half_to_float);
      break;
    default:
      convert_values<std::uint32_t>(
          from, swap, out, [](std::uint32_t bits) { return std::bit_cast<float>(bits); });
  }
  mapping_->release(from, out.size() * mrc_value_bytes(header_.mode));
}

Volume read_volume(const std::string& path) {
  const MrcFile file(path);
  const MrcHeader& header = file.header();
  std::array<int, 3> sorted = header.axes;
  std::sort(sorted.begin(), sorted.end());
  if (sorted != std::array{1, 2, 3}) {
    throw Error(ErrorKind::Input,
                path + ": found axes " + std::to_string(header.axes[0]) + " " +
                    std::to_string(header.axes[1]) + " " + std::to_string(header.axes[2]) +
                    ", expected 1, 2 and 3 in some order");
  }
  // Which of x, y, z columns, rows and sections run along.
  const auto column_axis = static_cast<std::size_t>(header.axes[0] - 1);
  const auto row_axis = static_cast<std::size_t>(header.axes[1] - 1);
  const auto section_axis = static_cast<std::size_t>(header.axes[2] - 1);
  Volume volume;
  volume.size[column_axis] = file.width();
  volume.size[row_axis] = file.height();
  volume.size[section_axis] = file.sections();
  volume.pixel_size_angstrom = file.pixel_size_angstrom();
  volume.values.resize(file.width() * file.height() * file.sections());
  const std::array<std::size_t, 3> stride{1, volume.size[0], volume.size[0] * volume.size[1]};
  std::vector<float> section(file.width() * file.height());
  for (std::size_t s = 0; s < file.sections(); ++s) {
    file.read(s, section);
    const float* from = section.data();
    for (std::size_t r = 0; r < file.height(); ++r) {
      float* const to = volume.values.data() + s * stride[section_axis] + r * stride[row_axis];
      for (std::size_t c = 0; c < file.width(); ++c) {
        to[c * stride[column_axis]] = *from++;
      }
    }
  }
  return volume;
}

}  // namespace cryosip::formats

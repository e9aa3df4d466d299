#include "formats/mrc_header.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

#include "formats/error.hpp"

namespace cryosip::formats {

namespace {

static_assert(std::endian::native == std::endian::little, "cryosip runs on little-endian machines");

// Word numbers (of 4 bytes, from 0) of the MRC2014 header.
constexpr std::size_t kSize = 0;
constexpr std::size_t kMode = 3;
constexpr std::size_t kStart = 4;
constexpr std::size_t kSampling = 7;
constexpr std::size_t kCell = 10;
constexpr std::size_t kAngles = 13;
constexpr std::size_t kAxes = 16;
constexpr std::size_t kStatistics = 19;
constexpr std::size_t kSpaceGroup = 22;
constexpr std::size_t kExtendedBytes = 23;
constexpr std::size_t kVersion = 27;
constexpr std::size_t kOrigin = 49;
constexpr std::size_t kMap = 52;
constexpr std::size_t kStamp = 53;
constexpr std::size_t kDeviation = 54;

// Beyond these a number is taken for one of the other byte order, or for no size at all.
constexpr int kLargestSide = 1 << 16;
constexpr int kMostSections = 1 << 28;
constexpr int kLargestMode = 127;

class Words {
 public:
  Words(std::span<const std::byte> bytes, bool swap) : bytes_(bytes), swap_(swap) {}

  [[nodiscard]] std::uint32_t bits(std::size_t word) const {
    std::uint32_t value = 0;
    std::memcpy(&value, bytes_.data() + 4 * word, sizeof(value));
    return swap_ ? __builtin_bswap32(value) : value;
  }
  [[nodiscard]] int integer(std::size_t word) const { return static_cast<int>(bits(word)); }
  [[nodiscard]] double real(std::size_t word) const {
    return static_cast<double>(std::bit_cast<float>(bits(word)));
  }

 private:
  std::span<const std::byte> bytes_;
  bool swap_;
};

MrcHeader read_words(std::span<const std::byte> bytes, bool big_endian) {
  const Words words(bytes, big_endian);
  MrcHeader header;
  for (std::size_t i = 0; i < 3; ++i) {
    header.size[i] = words.integer(kSize + i);
    header.start[i] = words.integer(kStart + i);
    header.sampling[i] = words.integer(kSampling + i);
    header.cell_angstrom[i] = words.real(kCell + i);
    header.axes[i] = words.integer(kAxes + i);
    header.origin_angstrom[i] = words.real(kOrigin + i);
  }
  if (header.axes == std::array{0, 0, 0}) {  // some programs leave them out
    header.axes = {1, 2, 3};
  }
  header.mode = words.integer(kMode);
  header.space_group = words.integer(kSpaceGroup);
  header.extended_bytes = words.integer(kExtendedBytes);
  header.big_endian = big_endian;
  return header;
}

bool is_plausible(const MrcHeader& header) {
  const auto within = [](int value, int limit) { return value > 0 && value <= limit; };
  return within(header.size[0], kLargestSide) && within(header.size[1], kLargestSide) &&
         within(header.size[2], kMostSections) && header.mode >= 0 && header.mode <= kLargestMode &&
         header.extended_bytes >= 0;
}

int largest_side(const MrcHeader& header) {
  return *std::max_element(header.size.begin(), header.size.end());
}

template <typename T>
void put(std::array<std::byte, kMrcHeaderBytes>& bytes, std::size_t word, T value) {
  static_assert(sizeof(T) == 4);
  std::memcpy(bytes.data() + 4 * word, &value, sizeof(value));
}

}  // namespace

std::size_t mrc_value_bytes(int mode) noexcept {
  switch (mode) {
    case 0:
      return 1;
    case 1:
    case 6:
    case 12:
      return 2;
    case 2:
      return 4;
    default:
      return 0;
  }
}

MrcHeader parse_mrc_header(std::span<const std::byte> bytes, const std::string& path) {
  const MrcHeader little = read_words(bytes, false);
  const MrcHeader big = read_words(bytes, true);
  if (!is_plausible(little) && !is_plausible(big)) {
    throw Error(ErrorKind::Input,
                path + ": found sizes " + std::to_string(little.size[0]) + " x " +
                    std::to_string(little.size[1]) + " x " + std::to_string(little.size[2]) +
                    " and mode " + std::to_string(little.mode) + ", expected an MRC header");
  }
  // Mode 0 is the same in both orders; then the order that gives the smaller sizes is the right
  // one.
  const bool is_big =
      is_plausible(big) && (!is_plausible(little) || largest_side(big) < largest_side(little));
  return is_big ? big : little;
}

std::array<std::byte, kMrcHeaderBytes> make_mrc_header(const std::array<std::size_t, 3>& size,
                                                       double pixel_size_angstrom,
                                                       int space_group,
                                                       const MrcStatistics& statistics) {
  std::array<std::byte, kMrcHeaderBytes> bytes{};
  for (std::size_t i = 0; i < 3; ++i) {
    const auto n = static_cast<std::int32_t>(size[i]);
    put(bytes, kSize + i, n);
    put(bytes, kSampling + i, n);
    put(bytes, kCell + i, static_cast<float>(pixel_size_angstrom * n));
    put(bytes, kAngles + i, 90.0F);
    put(bytes, kAxes + i, static_cast<std::int32_t>(i + 1));
  }
  put(bytes, kMode, std::int32_t{2});
  put(bytes, kStatistics, statistics.lowest);
  put(bytes, kStatistics + 1, statistics.highest);
  put(bytes, kStatistics + 2, static_cast<float>(statistics.mean));
  put(bytes, kDeviation, static_cast<float>(statistics.deviation));
  put(bytes, kSpaceGroup, std::int32_t{space_group});
  put(bytes, kVersion, std::int32_t{20140});
  std::memcpy(bytes.data() + 4 * kMap, "MAP ", 4);
  bytes[4 * kStamp] = std::byte{0x44};
  bytes[4 * kStamp + 1] = std::byte{0x41};
  return bytes;
}

}  // namespace cryosip::formats

// Numbers as binary files hold them: byte order, 16-bit floats.
#pragma once

#include <bit>
#include <cstdint>

namespace cryosip::formats {

template <typename T>
T swap_bytes(T value) noexcept {
  if constexpr (sizeof(T) == 2) {
    return std::bit_cast<T>(__builtin_bswap16(std::bit_cast<std::uint16_t>(value)));
  } else if constexpr (sizeof(T) == 4) {
    return std::bit_cast<T>(__builtin_bswap32(std::bit_cast<std::uint32_t>(value)));
  } else if constexpr (sizeof(T) == 8) {
    return std::bit_cast<T>(__builtin_bswap64(std::bit_cast<std::uint64_t>(value)));
  } else {
    static_assert(sizeof(T) == 1);
    return value;
  }
}

inline float half_to_float(std::uint16_t half) noexcept {
  const bool negative = (half & 0x8000U) != 0;
  const unsigned exponent = (half >> 10U) & 0x1FU;
  const std::uint32_t fraction = half & 0x3FFU;
  float magnitude = 0;
  if (exponent == 0) {
    magnitude = static_cast<float>(fraction) * 0x1p-24F;  // zero and subnormals
  } else {
    const std::uint32_t shifted = exponent == 0x1FU ? 0xFFU : exponent + (127 - 15);
    magnitude = std::bit_cast<float>((shifted << 23U) | (fraction << 13U));
  }
  return negative ? -magnitude : magnitude;
}

}  // namespace cryosip::formats

// What the pair engines do with a register of floats.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

#include <Eigen/Core>

#include "libcryosip/core/lanes.hpp"

namespace cryosip {

constexpr auto kFloatLanes = static_cast<std::size_t>(kLanes<float>);
/// Registers there are: the inner loops keep their sums in three quarters of them.
#if defined(__AVX512F__)
constexpr std::size_t kFloatRegisters = 32;
#else
constexpr std::size_t kFloatRegisters = 16;
#endif

using FloatLanes = Lanes<float>;
using BitLanes [[gnu::vector_size(4 * kFloatLanes)]] = std::uint32_t;

// Eigen's, for g++ makes two instructions of a comparison and a choice.  Where one is no number the
// first is taken.
[[gnu::always_inline]] inline FloatLanes greater_lanes(const FloatLanes& a, const FloatLanes& b) {
  using Packet = Eigen::internal::packet_traits<float>::type;
  static_assert(sizeof(Packet) == sizeof(FloatLanes));
  return Eigen::internal::pmax<Packet>(a, b);
}
[[gnu::always_inline]] inline FloatLanes lesser_lanes(const FloatLanes& a, const FloatLanes& b) {
  return Eigen::internal::pmin<Eigen::internal::packet_traits<float>::type>(a, b);
}

/// 2^x to a relative 3e-7; at most 2e-38 off below x = -126, 0 from -127 on; infinite from 128 on;
/// no number where x is none.
[[gnu::always_inline]] inline FloatLanes exp2_lanes(const FloatLanes& exponents) {
  const FloatLanes x =
      lesser_lanes(greater_lanes(exponents, FloatLanes{} - 127.0F), FloatLanes{} + 128.0F);
  // Adding 1.5 2^23 leaves the nearest integer in the low bits.
  const FloatLanes shifted = x + 0x1.8p23F;
  const FloatLanes fraction = x - (shifted - 0x1.8p23F);
  // Least greatest error of degree 5 on (-1/2, 1/2) with 2^0 exact: 1.2e-7 before rounding.
  FloatLanes power = FloatLanes{} + 0.001331379978F;
  power = power * fraction + 0.009672880879F;
  power = power * fraction + 0.05550570041F;
  power = power * fraction + 0.240222151F;
  power = power * fraction + 0.6931470922F;
  power = power * fraction + 1.0F;
  BitLanes integer;
  BitLanes bits;
  std::memcpy(&integer, &shifted, sizeof integer);
  std::memcpy(&bits, &power, sizeof power);
  bits += integer << 23;
  std::memcpy(&power, &bits, sizeof power);
  return power;
}

}  // namespace cryosip

#include "libcryosip/core/random.hpp"

#include <cmath>
#include <numbers>

#include <Eigen/Geometry>
#include <Random123/philox.h>

namespace cryosip {

RandomStream::RandomStream(std::uint64_t seed,
                           StreamPurpose purpose,
                           std::uint64_t a,
                           std::uint64_t b)
    : key_{static_cast<std::uint32_t>(seed), static_cast<std::uint32_t>(seed >> 32U)},
      // Word 0 counts blocks within the stream; the others name it.
      counter_{0,
               static_cast<std::uint32_t>(a),
               // 2^24 values of the high word of a, 256 purposes: both far beyond use.
               static_cast<std::uint32_t>(a >> 32U) | (static_cast<std::uint32_t>(purpose) << 24U),
               static_cast<std::uint32_t>(b)} {}

std::uint32_t RandomStream::bits() {
  if (used_ == 4) {
    const r123::Philox4x32 philox;
    const r123::Philox4x32::ctr_type counter = {
        {counter_[0], counter_[1], counter_[2], counter_[3]}};
    const r123::Philox4x32::key_type key = {{key_[0], key_[1]}};
    const r123::Philox4x32::ctr_type block = philox(counter, key);
    block_ = {block[0], block[1], block[2], block[3]};
    ++counter_[0];
    used_ = 0;
  }
  return block_.at(used_++);
}

double RandomStream::uniform() {
  const std::uint64_t high = bits() >> 5U;  // 27 bits
  const std::uint64_t low = bits() >> 6U;   // 26 bits
  const auto steps = static_cast<double>((high << 26U) | low);
  return (steps + 0.5) * 0x1p-53;
}

std::uint64_t RandomStream::below(std::uint64_t count) {
  // 53 random bits: the bias is below count / 2^53.
  const auto index = static_cast<std::uint64_t>(uniform() * static_cast<double>(count));
  return index < count ? index : count - 1;
}

double RandomStream::normal() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const double radius = std::sqrt(-2 * std::log(uniform()));
  const double angle_radian = 2 * std::numbers::pi * uniform();
  spare_ = radius * std::sin(angle_radian);
  has_spare_ = true;
  return radius * std::cos(angle_radian);
}

Eigen::Matrix3d RandomStream::rotation() {
  const double w = normal();
  const double x = normal();
  const double y = normal();
  const double z = normal();
  return Eigen::Quaterniond(w, x, y, z).normalized().toRotationMatrix();
}

}  // namespace cryosip

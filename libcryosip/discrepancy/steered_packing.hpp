// How BlockedSteeredEngine lays images out: tiles of left images in the lanes of the registers,
// right images as rows of numbers in the same order.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "libcryosip/discrepancy/steered_engine.hpp"

namespace cryosip::steered {

using Size = std::size_t;

constexpr Size kTile = 16;      // left images side by side
constexpr Size kGroupRows = 4;  // right images a group
constexpr Size kGroup = kGroupRows * kTile;
constexpr Size kBlock = 64;  // right images between two visits to the gradients
// The offset of an image that is not there: its kernel is 0.
constexpr float kNowhere = -1e30F;

[[nodiscard]] constexpr Size stretches_of(Size count, Size most) {
  return (count + most - 1) / most;
}

// How an image is packed: first what no rotation changes and multiplies as it is (frequency 0,
// factors, offsets), then norms for the bound, then the frequencies m > 0.
class Packing {
 public:
  enum class Side { Left, Right };

  Packing(const PolarLayout& layout, Size factors)
      : zero_(2 * static_cast<Size>(layout.count(0))), factors_(factors) {
    Size next = invariant();
    for (int m = 1; m < layout.angular_frequencies(); ++m) {
      const auto count = static_cast<Size>(layout.count(m));
      frequencies_.push_back({static_cast<Size>(layout.offset(m)), count, next, 0});
      next += stretches_of(count, kRingsOfNorm);
    }
    bound_ = next;
    for (Frequency& frequency : frequencies_) {
      frequency.packed = next;
      next += 2 * frequency.count;
    }
    size_ = next;
  }

  // Of m > 0.
  struct Frequency {
    Size offset;  // in an image
    Size count;   // rings
    Size norms;   // in a packed image: norms of stretches of rings
    Size packed;  // in a packed image: real, then imaginary parts
  };

  // Numbers of frequency 0 and factors.
  [[nodiscard]] Size zero() const { return zero_; }
  [[nodiscard]] Size factors() const { return factors_; }
  // Numbers whose products sum to the invariant part of the exponent; they come first.
  [[nodiscard]] Size invariant() const { return zero_ + factors_ + 2; }
  // Numbers whose products sum to a bound of the exponent; they come first, too.
  [[nodiscard]] Size bound() const { return bound_; }
  // Of these, where the norms of the frequencies from m > 0 on begin.
  [[nodiscard]] Size norms(Size m) const {
    return m <= frequencies_.size() ? frequencies_[m - 1].norms : bound_;
  }
  [[nodiscard]] const std::vector<Frequency>& frequencies() const { return frequencies_; }
  [[nodiscard]] Size size() const { return size_; }

  // Writes the image's numbers `step` apart.
  void pack(
      const SteeredOperand& side, Eigen::Index index, Side which, float* to, Size step) const {
    const float* image = side.images.col(index).data();
    for (Size k = 0; k < zero_; ++k) {
      to[k * step] = image[k];
    }
    for (Size k = 0; k < factors_; ++k) {
      to[(zero_ + k) * step] = side.factors(static_cast<Eigen::Index>(k), index);
    }
    pack_offset(std::max(static_cast<float>(side.offsets(index)), kNowhere), which, to, step);
    for (const Frequency& frequency : frequencies_) {
      const float* re = image + frequency.offset;
      const float* im = re + frequency.count;
      for (Size first = 0, norm = frequency.norms; first < frequency.count;
           first += kRingsOfNorm, ++norm) {
        float square = 0;
        for (Size n = first; n < std::min(first + kRingsOfNorm, frequency.count); ++n) {
          square += re[n] * re[n] + im[n] * im[n];
        }
        to[norm * step] = std::sqrt(square);
      }
      for (Size n = 0; n < 2 * frequency.count; ++n) {
        to[(frequency.packed + n) * step] = re[n];
      }
    }
  }
  // An image that is not there.
  void pack_none(Side which, float* to, Size step) const {
    for (Size k = 0; k < size_; ++k) {
      to[k * step] = 0;
    }
    pack_offset(kNowhere, which, to, step);
  }

 private:
  static constexpr Size kRingsOfNorm = 3;

  void pack_offset(float offset, Side which, float* to, Size step) const {
    to[(zero_ + factors_) * step] = which == Side::Left ? offset : 1;
    to[(zero_ + factors_ + 1) * step] = which == Side::Left ? 1 : offset;
  }

  Size zero_;
  Size factors_;
  Size bound_ = 0;
  std::vector<Frequency> frequencies_;
  Size size_ = 0;
};

}  // namespace cryosip::steered

// The inner loops of BlockedSteeredEngine: correlations of a tile of left images with right ones,
// and the way back into gradients.
#pragma once

#include <array>
#include <cstddef>
#include <vector>

#include "libcryosip/discrepancy/angular_transform.hpp"
#include "libcryosip/discrepancy/float_lanes.hpp"
#include "libcryosip/discrepancy/steered_packing.hpp"

namespace cryosip::steered {

// Registers side by side in the inner loops of the products, and rows of them: their sums fill half
// of the registers.
constexpr Size kAcross = kFloatLanes == 16 ? 1 : 2;
constexpr Size kRows = kFloatRegisters / (4 * kAcross);
static_assert(kTile % (kAcross * kFloatLanes) == 0);
static_assert(kBlock % kRows == 0 && (kRows % kGroupRows == 0 || kGroupRows % kRows == 0));

// Where the products of right image `row` of a block go: group by group.
[[nodiscard]] constexpr Size in_group(Size row, Size group_stride) {
  return row / kGroupRows * group_stride + row % kGroupRows * kTile;
}

// Sums of products of `count` numbers of kRows right images, from `first` on, with the left tile's.
// @param left  (count, kTile)      @param to  (kRows, kTile) by in_group()
inline void multiply_real(const float* const* rights,
                          Size first,
                          const float* left,
                          Size count,
                          Size group_stride,
                          float* to) {
  for (Size lane = 0; lane < kTile; lane += kAcross * kFloatLanes) {
    std::array<std::array<FloatLanes, kAcross>, kRows> sums{};
    for (Size k = 0; k < count; ++k) {
      for (Size v = 0; v < kAcross; ++v) {
        const FloatLanes a = load_lanes(left + k * kTile + lane + v * kFloatLanes);
        for (Size row = 0; row < kRows; ++row) {
          sums[row][v] += rights[row][first + k] * a;
        }
      }
    }
    for (Size row = 0; row < kRows; ++row) {
      for (Size v = 0; v < kAcross; ++v) {
        store_lanes(sums[row][v], to + in_group(row, group_stride) + lane + v * kFloatLanes);
      }
    }
  }
}

// sum_n conj(a_n) z_n for kRows right images z and the left tile.
// @param left    (2 count, kTile): real, then imaginary parts; those of the rights alike
// @param re, im  (kRows, kTile) by in_group()
inline void multiply_complex(const float* const* rights,
                             Size first,
                             const float* left,
                             Size count,
                             Size group_stride,
                             float* re,
                             float* im) {
  for (Size lane = 0; lane < kTile; lane += kAcross * kFloatLanes) {
    std::array<std::array<FloatLanes, kAcross>, kRows> sums_re{};
    std::array<std::array<FloatLanes, kAcross>, kRows> sums_im{};
    for (Size n = 0; n < count; ++n) {
      for (Size v = 0; v < kAcross; ++v) {
        const Size at = lane + v * kFloatLanes;
        const FloatLanes a_re = load_lanes(left + n * kTile + at);
        const FloatLanes a_im = load_lanes(left + (count + n) * kTile + at);
        for (Size row = 0; row < kRows; ++row) {
          const float z_re = rights[row][first + n];
          const float z_im = rights[row][first + count + n];
          sums_re[row][v] += z_re * a_re;
          sums_im[row][v] += z_im * a_re;
          sums_re[row][v] += z_im * a_im;
          sums_im[row][v] -= z_re * a_im;
        }
      }
    }
    for (Size row = 0; row < kRows; ++row) {
      for (Size v = 0; v < kAcross; ++v) {
        const Size at = in_group(row, group_stride) + lane + v * kFloatLanes;
        store_lanes(sums_re[row][v], re + at);
        store_lanes(sums_im[row][v], im + at);
      }
    }
  }
}

// A block of right images and the groups of it that go all the way.
struct Block {
  std::array<const float*, kBlock> rights{};  // padded with images that are not there
  Size count = 0;
  std::vector<Size> alive;              // groups
  const float* coefficients = nullptr;  // group_stride apart
  Size group_stride = 0;
};

// gradient (count, kTile) += sum over the block of the numbers from `first` on, times weight.
inline void accumulate_real(
    const Block& block, Size first, Size count, Size weight_row, float* gradient) {
  in_stretches<2 * kRows>(count, [&](Size start, auto rows) {
    constexpr Size kCount = rows();
    for (Size lane = 0; lane < kTile; lane += kAcross * kFloatLanes) {
      std::array<std::array<FloatLanes, kAcross>, kCount> sums{};
      for (const Size group : block.alive) {
        const float* weights =
            block.coefficients + group * block.group_stride + weight_row * kGroup + lane;
        for (Size q = 0; q < kGroupRows; ++q, weights += kTile) {
          const float* const z = block.rights[group * kGroupRows + q] + first + start;
          for (Size v = 0; v < kAcross; ++v) {
            const FloatLanes weight = load_lanes(weights + v * kFloatLanes);
            for (Size row = 0; row < kCount; ++row) {
              sums[row][v] += z[row] * weight;
            }
          }
        }
      }
      for (Size row = 0; row < kCount; ++row) {
        for (Size v = 0; v < kAcross; ++v) {
          float* const to = gradient + (start + row) * kTile + lane + v * kFloatLanes;
          store_lanes(load_lanes(to) + sums[row][v], to);
        }
      }
    }
  });
}

// gradient (2 count, kTile) += sum over the block of z_n (cosine + i sine coefficient).
inline void accumulate_complex(
    const Block& block, Size first, Size count, Size cosine_row, Size sine_row, float* gradient) {
  in_stretches<kRows>(count, [&](Size start, auto rows) {
    constexpr Size kCount = rows();
    for (Size lane = 0; lane < kTile; lane += kAcross * kFloatLanes) {
      std::array<std::array<FloatLanes, kAcross>, kCount> sums_re{};
      std::array<std::array<FloatLanes, kAcross>, kCount> sums_im{};
      for (const Size group : block.alive) {
        const float* const coefficients = block.coefficients + group * block.group_stride + lane;
        for (Size q = 0; q < kGroupRows; ++q) {
          const float* const z_re = block.rights[group * kGroupRows + q] + first + start;
          const float* const z_im = z_re + count;
          for (Size v = 0; v < kAcross; ++v) {
            const Size at = q * kTile + v * kFloatLanes;
            const FloatLanes cosine = load_lanes(coefficients + cosine_row * kGroup + at);
            const FloatLanes sine = load_lanes(coefficients + sine_row * kGroup + at);
            for (Size row = 0; row < kCount; ++row) {
              sums_re[row][v] += z_re[row] * cosine;
              sums_im[row][v] += z_im[row] * cosine;
              sums_re[row][v] -= z_im[row] * sine;
              sums_im[row][v] += z_re[row] * sine;
            }
          }
        }
      }
      for (Size row = 0; row < kCount; ++row) {
        for (Size v = 0; v < kAcross; ++v) {
          float* const re = gradient + (start + row) * kTile + lane + v * kFloatLanes;
          float* const im = re + count * kTile;
          store_lanes(load_lanes(re) + sums_re[row][v], re);
          store_lanes(load_lanes(im) + sums_im[row][v], im);
        }
      }
    }
  });
}

}  // namespace cryosip::steered

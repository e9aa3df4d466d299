// Left images lie side by side in the lanes of the registers, 16 of them a tile; right images are
// rows of numbers that are spread over the lanes one by one.  Everything is then a multiplication
// of a number by a register, whatever the shape of the layout, and any right images will do
// together: those that the bound lets pass are taken as a list of rows.
//
// A tile passes over its right images in blocks.  Four right images by 16 left ones are a group:
//   products     correlations of a block, group by group               multiply_complex
//   transform    correlations of a group -> exponents at all angles    Transform::forward
//   exponential  exponents -> weights, in place                        Transform::weigh
//   transform    weights -> their angular coefficients, in place of the correlations
//   products     coefficients of a block by right images -> gradients  accumulate_complex
#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

#include "libcryosip/core/parallel.hpp"
#include "libcryosip/discrepancy/float_lanes.hpp"
#include "libcryosip/discrepancy/steered_engine.hpp"

namespace cryosip {
namespace {

using Size = std::size_t;

constexpr Size kTile = 16;      // left images side by side
constexpr Size kGroupRows = 4;  // right images a group
constexpr Size kGroup = kGroupRows * kTile;
constexpr Size kBlock = 64;       // right images between two visits to the gradients
constexpr Size kSegment = 1024;  // right images a task
constexpr Size kSegments = 4;    // segments packed at a time
constexpr Size kTiles = 64;      // tiles whose sums are held at a time
// The offset of an image that is not there: its kernel is 0.
constexpr float kNowhere = -1e30F;

// A bound is tried on so many right images, and dropped for the rest of the segment unless it lets
// fewer pass than pays for it: it costs a fortieth of a pair, or a sixth.
constexpr Size kTrial = 64;
constexpr double kNormsPay = 0.95;
constexpr double kLowFrequenciesPay = 0.75;

// Registers side by side in the inner loops of the products and of the transform, and the most rows
// of them: their sums fill half and three quarters of the registers.
constexpr Size kAcross = kFloatLanes == 16 ? 1 : 2;
constexpr Size kRows = kFloatRegisters / (4 * kAcross);
constexpr Size kTransformAcross = kFloatLanes == 16 ? 4 : 2;
constexpr Size kTransformRows = 3 * kFloatRegisters / (4 * kTransformAcross);
static_assert(kTile % (kAcross * kFloatLanes) == 0 &&
              kGroup % (kTransformAcross * kFloatLanes) == 0);
static_assert(kBlock % kRows == 0 && (kRows % kGroupRows == 0 || kGroupRows % kRows == 0));

[[nodiscard]] constexpr Size stretches_of(Size count, Size most) {
  return (count + most - 1) / most;
}

// Calls run(first, std::integral_constant<Size, rows>) for consecutive stretches of rows, at most
// Most at a time and as equal as possible.
template <Size Most, typename Run>
[[gnu::always_inline]] inline void in_stretches(Size rows, const Run& run) {
  const Size stretches = stretches_of(rows, Most);
  for (Size s = 0; s < stretches; ++s) {
    const Size first = s * rows / stretches;
    const Size count = (s + 1) * rows / stretches - first;
    [&]<Size... Less>(std::index_sequence<Less...>) {
      static_cast<void>(
          ((count == Less + 1 && (run(first, std::integral_constant<Size, Less + 1>{}), true)) ||
           ...));
    }
    (std::make_index_sequence<Most>{});
  }
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
  static constexpr Size kRingsOfNorm = 2;

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

// The angular transform of a group, by what the symmetries leave of it.  With alpha in the first
// quarter of the circle, sums over even and odd m of cosine and sine terms give the exponents at
// alpha, -alpha, pi - alpha and pi + alpha; those over m = 0 and 2 modulo 4 at alpha and
// pi/2 - alpha.
class Transform {
 public:
  Transform(Size frequencies, Size angles)
      : angles_(angles), cosine_row_(frequencies), sine_row_(frequencies) {
    Size exponent = 0;
    for (const bool sine : {false, true}) {
      for (const Size residue : {Size{0}, Size{2}, Size{1}}) {
        Part part{.row = rows_,
                  .exponent = exponent,
                  .angles = angles / (residue == 1 ? 4 : 8),
                  .frequencies = {},
                  .forward = {},
                  .backward = {}};
        for (Size m = residue; m < frequencies; m += residue == 1 ? 2 : 4) {
          if (m > 0 || !sine) {
            (sine ? sine_row_ : cosine_row_)[m] = rows_++;
            part.frequencies.push_back(m);
          }
        }
        exponent += part.angles;
        const auto entry = [&](Size k, Size member) {
          const double phase = 2 * std::numbers::pi * (static_cast<double>(k) + 0.5) *
                               static_cast<double>(part.frequencies[member]) /
                               static_cast<double>(angles);
          return sine ? std::sin(phase) : std::cos(phase);
        };
        const Size members = part.frequencies.size();
        part.forward = table(part.angles, members, [&](Size k, Size member) {
          return std::numbers::log2e * entry(k, member);
        });
        part.backward = table(members, part.angles, [&](Size member, Size k) {
          return entry(k, member) / static_cast<double>(angles);
        });
        parts_.push_back(std::move(part));
      }
    }
  }

  [[nodiscard]] Size angles() const { return angles_; }
  // Numbers a pair has before the transform: real parts, and imaginary parts where m > 0.
  [[nodiscard]] Size rows() const { return rows_; }
  [[nodiscard]] Size cosine_row(Size m) const { return cosine_row_[m]; }
  [[nodiscard]] Size sine_row(Size m) const { return sine_row_[m]; }

  // @param correlations  (rows, kGroup)      @param exponents  (angles, kGroup), see weigh()
  void forward(const float* correlations, float* exponents) const {
    for (const Part& part : parts_) {
      multiply(part.forward,
               part.angles,
               part.frequencies.size(),
               correlations + part.row * kGroup,
               exponents + part.exponent * kGroup);
    }
  }
  void backward(const float* weights, float* coefficients) const {
    for (const Part& part : parts_) {
      multiply(part.backward,
               part.frequencies.size(),
               part.angles,
               weights + part.exponent * kGroup,
               coefficients + part.row * kGroup);
    }
  }

  // Partial sums of exponents, in units of log 2, to partial sums of weights 2^exponent, in place.
  void weigh(float* sums) const {
    const Size eighth = angles_ / 8;
    float* const cos0 = sums;
    float* const cos2 = cos0 + eighth * kGroup;
    float* const cos1 = cos2 + eighth * kGroup;
    float* const sin0 = cos1 + 2 * eighth * kGroup;
    float* const sin2 = sin0 + eighth * kGroup;
    float* const sin1 = sin2 + eighth * kGroup;
    for (Size k = 0; k < eighth; ++k) {
      for (Size lane = 0; lane < kGroup; lane += kFloatLanes) {
        const Size near = k * kGroup + lane;
        const Size far = (2 * eighth - 1 - k) * kGroup + lane;
        const FloatLanes c0 = load_lanes(cos0 + near);
        const FloatLanes c2 = load_lanes(cos2 + near);
        const FloatLanes s0 = load_lanes(sin0 + near);
        const FloatLanes s2 = load_lanes(sin2 + near);
        const Quarter at =
            weigh({c0 + c2, load_lanes(cos1 + near), s0 + s2, load_lanes(sin1 + near)});
        const Quarter mirrored =
            weigh({c0 - c2, load_lanes(cos1 + far), s2 - s0, load_lanes(sin1 + far)});
        store_lanes(at.cos_even + mirrored.cos_even, cos0 + near);
        store_lanes(at.cos_even - mirrored.cos_even, cos2 + near);
        store_lanes(at.sin_even - mirrored.sin_even, sin0 + near);
        store_lanes(at.sin_even + mirrored.sin_even, sin2 + near);
        store_lanes(at.cos_odd, cos1 + near);
        store_lanes(mirrored.cos_odd, cos1 + far);
        store_lanes(at.sin_odd, sin1 + near);
        store_lanes(mirrored.sin_odd, sin1 + far);
      }
    }
  }

 private:
  struct Part {
    Size row;       // of its first frequency
    Size exponent;  // row of its first angle
    Size angles;
    std::vector<Size> frequencies;
    std::vector<float> forward;  // see table()
    std::vector<float> backward;
  };
  // Cosine and sine terms of even and odd m at one alpha of the first quarter.
  struct Quarter {
    FloatLanes cos_even;
    FloatLanes cos_odd;
    FloatLanes sin_even;
    FloatLanes sin_odd;
  };

  [[gnu::always_inline]] static Quarter weigh(const Quarter& sums) {
    const FloatLanes cos_plus = sums.cos_even + sums.cos_odd;
    const FloatLanes cos_minus = sums.cos_even - sums.cos_odd;
    const FloatLanes sin_plus = sums.sin_even + sums.sin_odd;
    const FloatLanes sin_minus = sums.sin_even - sums.sin_odd;
    const FloatLanes forward = exp2_lanes(cos_plus - sin_plus);     // alpha
    const FloatLanes reversed = exp2_lanes(cos_plus + sin_plus);    // -alpha
    const FloatLanes mirrored = exp2_lanes(cos_minus + sin_minus);  // pi - alpha
    const FloatLanes opposite = exp2_lanes(cos_minus - sin_minus);  // pi + alpha
    const FloatLanes near = forward + reversed;
    const FloatLanes far = opposite + mirrored;
    const FloatLanes near_odd = forward - reversed;
    const FloatLanes far_odd = opposite - mirrored;
    return {near + far, near - far, near_odd + far_odd, near_odd - far_odd};
  }

  // Entries in the order in which multiply() reads them.
  template <typename Entry>
  static std::vector<float> table(Size rows, Size depth, const Entry& entry) {
    std::vector<float> numbers;
    in_stretches<kTransformRows>(rows, [&](Size first, auto count) {
      for (Size k = 0; k < depth; ++k) {
        for (Size row = first; row < first + count(); ++row) {
          numbers.push_back(static_cast<float>(entry(row, k)));
        }
      }
    });
    return numbers;
  }

  // to (rows, kGroup) = table (rows, depth) * from (depth, kGroup)
  static void multiply(
      const std::vector<float>& table, Size rows, Size depth, const float* from, float* to) {
    in_stretches<kTransformRows>(rows, [&](Size first, auto count) {
      constexpr Size kCount = count();
      const float* const factors = table.data() + first * depth;
      for (Size lane = 0; lane < kGroup; lane += kTransformAcross * kFloatLanes) {
        std::array<std::array<FloatLanes, kTransformAcross>, kCount> sums{};
        for (Size k = 0; k < depth; ++k) {
          std::array<FloatLanes, kTransformAcross> numbers;
          for (Size v = 0; v < kTransformAcross; ++v) {
            numbers[v] = load_lanes(from + k * kGroup + lane + v * kFloatLanes);
          }
          for (Size row = 0; row < kCount; ++row) {
            const float factor = factors[k * kCount + row];
            for (Size v = 0; v < kTransformAcross; ++v) {
              sums[row][v] += factor * numbers[v];
            }
          }
        }
        for (Size row = 0; row < kCount; ++row) {
          for (Size v = 0; v < kTransformAcross; ++v) {
            store_lanes(sums[row][v], to + (first + row) * kGroup + lane + v * kFloatLanes);
          }
        }
      }
    });
  }

  Size angles_;
  std::vector<Part> parts_;
  std::vector<Size> cosine_row_;
  std::vector<Size> sine_row_;
  Size rows_ = 0;
};

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

// What is the same for every tile.
struct Plan {
  Plan(const PolarLayout& layout, const SteeredOperand& right, const SteeredOptions& options)
      : packing(layout, static_cast<Size>(right.factors.rows())),
        transform(static_cast<Size>(layout.angular_frequencies()),
                  static_cast<Size>(options.angles)),
        prunes(std::isfinite(options.negligible_log)),
        // The bounds are summed in single precision.
        negligible_log(static_cast<float>(options.negligible_log - 1e-3)),
        negligible(static_cast<float>(std::exp(options.negligible_log))),
        stride(stretches_of(packing.size(), kTile) * kTile),
        none(static_cast<Eigen::Index>(stride)) {
    packing.pack_none(Packing::Side::Right, none.data(), 1);
  }

  Packing packing;
  Transform transform;
  bool prunes;
  float negligible_log;
  float negligible;
  Size stride;           // between packed right images
  Eigen::VectorXf none;  // a right image that is not there
};

// Left images of a tile: columns of the operand.
using Tile = std::array<Eigen::Index, kTile>;
constexpr Eigen::Index kNoImage = -1;

struct Rights {
  const float* packed = nullptr;  // plan.stride apart
  Size count = 0;
  const int* labels = nullptr;  // or none
};

// Sums and gradients of a tile over a segment of right images.
struct TileSums {
  std::array<double, kTile> sums{};
  Eigen::VectorXf gradient;  // (packing.size(), kTile)
  SteeredWork work;
};

class TileTask {
 public:
  TileTask(const Plan& plan, const SteeredOperand& left, const Tile& tile, TileSums& result)
      : plan_(plan), result_(result) {
    const auto numbers = [](Size count) { return static_cast<Eigen::Index>(count); };
    const Packing& packing = plan.packing;
    left_.resize(numbers(packing.size() * kTile));
    for (Size lane = 0; lane < kTile; ++lane) {
      if (tile[lane] == kNoImage) {
        packing.pack_none(Packing::Side::Left, left_.data() + lane, kTile);
        continue;
      }
      packing.pack(left, tile[lane], Packing::Side::Left, left_.data() + lane, kTile);
      ++present_;
      if (left.labels.size() > 0) {
        labels_[lane] = left.labels(tile[lane]);
      }
    }
    block_.group_stride = plan.transform.rows() * kGroup;
    correlations_.resize(numbers(kBlock / kGroupRows * block_.group_stride));
    exponents_.resize(numbers(plan.transform.angles() * kGroup));
    block_.coefficients = correlations_.data();
    result.gradient = Eigen::VectorXf::Zero(left_.size());
    result.sums.fill(0);
    result.work = {};
  }

  void run(const Rights& rights) {
    result_.work.asked = pairs(rights.count);
    std::vector<Size> passed;
    for (Size first = 0; first < rights.count; first += kBlock) {
      const Size count = std::min(kBlock, rights.count - first);
      if (plan_.prunes) {
        take_passing(rights, first, count, passed);
      } else {
        for (Size row = first; row < first + count; ++row) {
          passed.push_back(row);
        }
      }
      if (passed.size() >= kBlock) {
        run_block(rights, passed.data(), kBlock);
        passed.erase(passed.begin(), passed.begin() + kBlock);
      }
    }
    run_block(rights, passed.data(), passed.size());
  }

 private:
  [[nodiscard]] std::int64_t pairs(Size rights) const {
    return static_cast<std::int64_t>(present_ * rights);
  }

  // Right images whose bound with any image of the tile is not negligible.
  void take_passing(const Rights& rights, Size first, Size count, std::vector<Size>& passed) {
    const Size before = passed.size();
    std::array<const float*, kRows> rows;
    alignas(64) std::array<float, kRows * kTile> bounds;
    for (Size start = 0; start < count; start += kRows) {
      const Size taken = std::min(kRows, count - start);
      for (Size row = 0; row < kRows; ++row) {
        rows[row] =
            row < taken ? rights.packed + (first + start + row) * plan_.stride : plan_.none.data();
      }
      multiply_real(rows.data(), 0, left_.data(), plan_.packing.bound(), kGroup, bounds.data());
      for (Size row = 0; row < taken; ++row) {
        float largest = kNowhere;
        for (Size lane = 0; lane < kTile; ++lane) {
          largest = std::max(largest, bounds[row * kTile + lane]);
        }
        if (largest >= plan_.negligible_log) {
          passed.push_back(first + start + row);
        }
      }
    }
    result_.work.skipped_by_norms += pairs(count - (passed.size() - before));
  }

  void run_block(const Rights& rights, const Size* rows, Size count) {
    block_.count = count;
    for (Size row = 0; row < kBlock; ++row) {
      block_.rights[row] =
          row < count ? rights.packed + rows[row] * plan_.stride : plan_.none.data();
    }
    correlate();
    if (rights.labels != nullptr) {
      leave_out_equals(rights.labels, rows);
    }
    block_.alive.clear();
    for (Size group = 0; group < stretches_of(count, kGroupRows); ++group) {
      if (weigh(group)) {
        block_.alive.push_back(group);
      }
    }
    accumulate();
  }

  void correlate() {
    const Packing& packing = plan_.packing;
    for (Size row = 0; row < block_.count; row += kRows) {
      const float* const* rights = block_.rights.data() + row;
      float* const to = correlations_.data() + in_group(row, block_.group_stride);
      multiply_real(rights,
                    0,
                    left_.data(),
                    packing.invariant(),
                    block_.group_stride,
                    to + plan_.transform.cosine_row(0) * kGroup);
      Size m = 0;
      for (const Packing::Frequency& frequency : packing.frequencies()) {
        ++m;
        multiply_complex(rights,
                         frequency.packed,
                         left_.data() + frequency.packed * kTile,
                         frequency.count,
                         block_.group_stride,
                         to + plan_.transform.cosine_row(m) * kGroup,
                         to + plan_.transform.sine_row(m) * kGroup);
      }
    }
  }

  void leave_out_equals(const int* labels, const Size* rows) {
    float* const invariant = correlations_.data() + plan_.transform.cosine_row(0) * kGroup;
    for (Size row = 0; row < block_.count; ++row) {
      float* const to = invariant + in_group(row, block_.group_stride);
      const int label = labels[rows[row]];
      for (Size lane = 0; lane < kTile; ++lane) {
        to[lane] = labels_[lane] == label ? kNowhere : to[lane];
      }
    }
  }

  // Correlations of a group to coefficients of its weights; false where all are negligible.
  bool weigh(Size group) {
    const Transform& transform = plan_.transform;
    float* const numbers = correlations_.data() + group * block_.group_stride;
    const std::int64_t of_group = pairs(std::min(kGroupRows, block_.count - group * kGroupRows));
    if (plan_.prunes && !any_modulus_counts(numbers)) {
      result_.work.skipped_by_moduli += of_group;
      return false;
    }
    transform.forward(numbers, exponents_.data());
    transform.weigh(exponents_.data());
    transform.backward(exponents_.data(), numbers);
    const float* const means = numbers + transform.cosine_row(0) * kGroup;
    if (plan_.prunes && *std::max_element(means, means + kGroup) < plan_.negligible) {
      result_.work.skipped_by_means += of_group;
      return false;
    }
    for (Size q = 0; q < kGroupRows; ++q) {
      for (Size lane = 0; lane < kTile; ++lane) {
        result_.sums[lane] += static_cast<double>(means[q * kTile + lane]);
      }
    }
    return true;
  }

  [[nodiscard]] bool any_modulus_counts(const float* correlations) const {
    using Group = Eigen::Array<float, kGroup, 1>;
    const auto row = [&](Size index) {
      return Eigen::Map<const Group>(correlations + index * kGroup);
    };
    Group bound = row(plan_.transform.cosine_row(0));
    for (Size m = 1; m <= plan_.packing.frequencies().size(); ++m) {
      bound +=
          (row(plan_.transform.cosine_row(m)).square() + row(plan_.transform.sine_row(m)).square())
              .sqrt();
    }
    return bound.maxCoeff() >= plan_.negligible_log;
  }

  void accumulate() {
    if (block_.alive.empty()) {
      return;
    }
    const Packing& packing = plan_.packing;
    accumulate_real(block_,
                    0,
                    packing.zero() + packing.factors(),
                    plan_.transform.cosine_row(0),
                    result_.gradient.data());
    Size m = 0;
    for (const Packing::Frequency& frequency : packing.frequencies()) {
      ++m;
      accumulate_complex(block_,
                         frequency.packed,
                         frequency.count,
                         plan_.transform.cosine_row(m),
                         plan_.transform.sine_row(m),
                         result_.gradient.data() + frequency.packed * kTile);
    }
  }

  const Plan& plan_;
  TileSums& result_;
  Size present_ = 0;  // left images that are there
  std::array<int, kTile> labels_{};
  Eigen::VectorXf left_;          // (packing.size(), kTile)
  Eigen::VectorXf correlations_;  // of a block: groups of (transform.rows(), kGroup)
  Eigen::VectorXf exponents_;     // of a group: (angles, kGroup)
  Block block_;
};

// Adds a tile's sums over a segment to the result.
void add(const Packing& packing, const Tile& tile, const TileSums& from, SteeredResult& to) {
  const auto number = [&](Size k, Size lane) {
    return static_cast<double>(from.gradient(static_cast<Eigen::Index>(k * kTile + lane)));
  };
  for (Size lane = 0; lane < kTile; ++lane) {
    if (tile[lane] == kNoImage) {
      continue;
    }
    to.sums(tile[lane]) += from.sums[lane];
    double* const image = to.images_gradient.col(tile[lane]).data();
    for (Size k = 0; k < packing.zero(); ++k) {
      image[k] += number(k, lane);
    }
    double* const factors = to.factors_gradient.col(tile[lane]).data();
    for (Size k = 0; k < packing.factors(); ++k) {
      factors[k] += number(packing.zero() + k, lane);
    }
    for (const Packing::Frequency& frequency : packing.frequencies()) {
      for (Size n = 0; n < 2 * frequency.count; ++n) {
        image[frequency.offset + n] += number(frequency.packed + n, lane);
      }
    }
  }
}

}  // namespace

SteeredResult BlockedSteeredEngine::evaluate(const PolarLayout& layout,
                                             const SteeredOperand& left,
                                             const SteeredOperand& right,
                                             const SteeredOptions& options) const {
  check_steered_shapes(layout, left, right, options);
  const Plan plan(layout, right, options);
  const auto lefts = static_cast<Size>(left.count());
  const auto rights = static_cast<Size>(right.count());
  const bool labelled = left.labels.size() > 0 && right.labels.size() > 0;

  SteeredResult result;
  result.sums = Eigen::VectorXd::Zero(left.count());
  result.images_gradient = Eigen::MatrixXd::Zero(layout.size(), left.count());
  result.factors_gradient = Eigen::MatrixXd::Zero(left.factors.rows(), left.count());

  std::vector<Tile> tiles(stretches_of(lefts, kTile));
  for (Size i = 0; i < tiles.size() * kTile; ++i) {
    tiles[i / kTile][i % kTile] = i < lefts ? static_cast<Eigen::Index>(i) : kNoImage;
  }

  Eigen::VectorXf packed(
      static_cast<Eigen::Index>(std::min(rights, kSegments * kSegment) * plan.stride));
  std::vector<TileSums> partial(std::min(tiles.size(), kTiles) * kSegments);
  for (Size first_right = 0; first_right < rights; first_right += kSegments * kSegment) {
    const Size count = std::min(kSegments * kSegment, rights - first_right);
    parallel_for(count, [&](Size j) {
      plan.packing.pack(right,
                        static_cast<Eigen::Index>(first_right + j),
                        Packing::Side::Right,
                        packed.data() + j * plan.stride,
                        1);
    });
    const Size segments = stretches_of(count, kSegment);
    for (Size first_tile = 0; first_tile < tiles.size(); first_tile += kTiles) {
      const Size some = std::min(kTiles, tiles.size() - first_tile);
      parallel_for(some * segments, [&](Size task) {
        const Size segment = task % segments;
        const Size first = segment * kSegment;
        TileTask(plan, left, tiles[first_tile + task / segments], partial[task])
            .run({packed.data() + first * plan.stride,
                  std::min(kSegment, count - first),
                  labelled ? right.labels.data() + first_right + first : nullptr});
      });
      parallel_for(some, [&](Size tile) {
        for (Size segment = 0; segment < segments; ++segment) {
          add(plan.packing, tiles[first_tile + tile], partial[tile * segments + segment], result);
        }
      });
      for (Size task = 0; task < some * segments; ++task) {
        const SteeredWork& work = partial[task].work;
        result.work.asked += work.asked;
        result.work.skipped_by_norms += work.skipped_by_norms;
        result.work.skipped_by_moduli += work.skipped_by_moduli;
        result.work.skipped_by_means += work.skipped_by_means;
      }
    }
  }
  const SteeredFlops flops(layout, right.factors.rows(), options.angles);
  const auto multiplied = static_cast<double>(result.work.asked - result.work.skipped_by_norms);
  const double transformed = multiplied - static_cast<double>(result.work.skipped_by_moduli);
  const double sent_back = transformed - static_cast<double>(result.work.skipped_by_means);
  result.work.useful_flops =
      (multiplied + sent_back) * flops.products + (transformed + sent_back) * flops.transform;
  return result;
}

}  // namespace cryosip

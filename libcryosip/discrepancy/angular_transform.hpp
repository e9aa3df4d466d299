// The sums over angular frequencies that turn correlations of pairs into exponents at all in-plane
// angles, and back: shared by all of a group of pairs that lie side by side.
//
// With alpha = 2 pi (k + 1/2) / angles in the first quarter of the circle, sums over even and odd m
// of cosine and sine terms give the exponents at alpha, -alpha, pi - alpha and pi + alpha; those
// over m = 0 and m = 2 modulo 4 give them at alpha and pi/2 - alpha.  That leaves 3/16 of the
// products with all angles.
#pragma once

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <numbers>
#include <utility>
#include <vector>

#include "libcryosip/discrepancy/float_lanes.hpp"

namespace cryosip {

/// Calls run(first, std::integral_constant<std::size_t, rows>) for consecutive stretches of rows,
/// at most Most at a time and as equal as possible.
template <std::size_t Most, typename Run>
[[gnu::always_inline]] inline void in_stretches(std::size_t rows, const Run& run) {
  const std::size_t stretches = (rows + Most - 1) / Most;
  for (std::size_t s = 0; s < stretches; ++s) {
    const std::size_t first = s * rows / stretches;
    const std::size_t count = (s + 1) * rows / stretches - first;
    [&]<std::size_t... Less>(std::index_sequence<Less...>) {
      static_cast<void>(((count == Less + 1 &&
                          (run(first, std::integral_constant<std::size_t, Less + 1>{}), true)) ||
                         ...));
    }
    (std::make_index_sequence<Most>{});
  }
}

/// For groups of Pairs pairs.  A matrix (n, Pairs) has its pairs side by side.
template <std::size_t Pairs>
class AngularTransform {
 public:
  /// @param low  angular frequencies that forward_low() knows, at most all
  AngularTransform(std::size_t frequencies, std::size_t low, std::size_t angles)
      : angles_(angles), cosine_row_(frequencies), sine_row_(frequencies) {
    std::size_t exponent = 0;
    for (const bool sine : {false, true}) {
      for (const std::size_t residue : {std::size_t{0}, std::size_t{2}, std::size_t{1}}) {
        const std::size_t spacing = residue == 1 ? 2 : 4;
        std::vector<std::size_t> members;
        for (std::size_t m = residue == 0 && sine ? spacing : residue; m < frequencies;
             m += spacing) {
          (sine ? sine_row_ : cosine_row_)[m] = rows_ + members.size();
          members.push_back(m);
        }
        const std::size_t parts = angles / (2 * spacing);
        const auto entry = [&](std::size_t k, std::size_t member) {
          const double phase = 2 * std::numbers::pi * (static_cast<double>(k) + 0.5) *
                               static_cast<double>(members[member]) / static_cast<double>(angles);
          return sine ? std::sin(phase) : std::cos(phase);
        };
        const auto low_members = static_cast<std::size_t>(
            std::lower_bound(members.begin(), members.end(), low) - members.begin());
        parts_.push_back({rows_,
                          exponent,
                          low_members,
                          Table(parts,
                                members.size(),
                                [&](std::size_t k, std::size_t member) {
                                  return std::numbers::log2e * entry(k, member);
                                }),
                          Table(members.size(), parts, [&](std::size_t member, std::size_t k) {
                            return entry(k, member) / static_cast<double>(angles);
                          })});
        rows_ += members.size();
        exponent += parts;
      }
    }
  }

  [[nodiscard]] std::size_t angles() const { return angles_; }
  /// Real numbers that a pair's correlations are: real parts, and imaginary parts where m > 0.
  [[nodiscard]] std::size_t rows() const { return rows_; }
  /// Where the real part of m stands among them, and its imaginary part (m > 0).
  [[nodiscard]] std::size_t cosine_row(std::size_t m) const { return cosine_row_[m]; }
  [[nodiscard]] std::size_t sine_row(std::size_t m) const { return sine_row_[m]; }

  /// @param correlations  (rows, Pairs)
  /// @param sums          (angles, Pairs), overwritten: what largest() and weigh() understand
  void forward(const float* correlations, float* sums) const {
    for (const Part& part : parts_) {
      multiply(part.forward,
               part.forward.depth,
               correlations + part.row * Pairs,
               sums + part.sum * Pairs);
    }
  }
  /// The same as if the other frequencies had no correlation.
  void forward_low(const float* correlations, float* sums) const {
    for (const Part& part : parts_) {
      multiply(part.forward,
               part.low_frequencies,
               correlations + part.row * Pairs,
               sums + part.sum * Pairs);
    }
  }
  /// Means of weights times exp(i m alpha).
  /// @param coefficients  (rows, Pairs), overwritten: real and imaginary parts
  void backward(const float* sums, float* coefficients) const {
    for (const Part& part : parts_) {
      multiply(part.backward,
               part.backward.depth,
               sums + part.sum * Pairs,
               coefficients + part.row * Pairs);
    }
  }

  /// Largest exponent of each pair, in units of log 2.
  /// @param largest  (Pairs), overwritten
  void largest(const float* sums, float* largest) const {
    for (std::size_t lane = 0; lane < Pairs; lane += kFloatLanes) {
      FloatLanes so_far = FloatLanes{} - 3e38F;
      for (std::size_t k = 0; k < angles_ / 8; ++k) {
        const EighthSums eighth(sums, angles_, k, lane);
        for (const Exponents& at : {exponents(eighth.near()), exponents(eighth.far())}) {
          // In this order what is no number is kept.
          so_far = greater_lanes(greater_lanes(greater_lanes(at.straight, at.reversed),
                                               greater_lanes(at.mirrored, at.opposite)),
                                 so_far);
        }
      }
      store_lanes(so_far, largest + lane);
    }
  }
  /// Sums over all angles of exp(exponent), lifted: of 2^(exponent / log 2 + lift).
  /// @param lifts   (Pairs)
  /// @param totals  (Pairs), overwritten
  void total(const float* sums, const float* lifts, float* totals) const {
    for (std::size_t lane = 0; lane < Pairs; lane += kFloatLanes) {
      const FloatLanes lift = load_lanes(lifts + lane);
      FloatLanes so_far{};
      for (std::size_t k = 0; k < angles_ / 8; ++k) {
        const EighthSums eighth(sums, angles_, k, lane);
        for (const Exponents& at : {exponents(eighth.near()), exponents(eighth.far())}) {
          so_far += (exp2_lanes(at.straight + lift) + exp2_lanes(at.reversed + lift)) +
                    (exp2_lanes(at.mirrored + lift) + exp2_lanes(at.opposite + lift));
        }
      }
      store_lanes(so_far, totals + lane);
    }
  }
  /// Exponents to weights exp(exponent), in place.
  void weigh(float* sums) const {
    for (std::size_t k = 0; k < angles_ / 8; ++k) {
      for (std::size_t lane = 0; lane < Pairs; lane += kFloatLanes) {
        const EighthSums eighth(sums, angles_, k, lane);
        const QuarterSums near = weigh(exponents(eighth.near()));
        const QuarterSums far = weigh(exponents(eighth.far()));
        EighthSums(near, far).store(sums, angles_, k, lane);
      }
    }
  }

 private:
  // Registers side by side, and rows of them: their sums fill three quarters of the registers.
  static constexpr std::size_t kAcross = kFloatLanes == 16 ? 4 : 2;
  static constexpr std::size_t kRows = 3 * kFloatRegisters / (4 * kAcross);
  static_assert(Pairs % (kAcross * kFloatLanes) == 0);

  // A matrix in the order in which multiply() reads it.
  struct Table {
    template <typename Entry>
    Table(std::size_t its_rows, std::size_t its_depth, const Entry& entry)
        : rows(its_rows), depth(its_depth) {
      in_stretches<kRows>(rows, [&](std::size_t first, auto count) {
        for (std::size_t k = 0; k < depth; ++k) {
          for (std::size_t row = first; row < first + count(); ++row) {
            numbers.push_back(static_cast<float>(entry(row, k)));
          }
        }
      });
    }
    std::size_t rows;
    std::size_t depth;
    std::vector<float> numbers;
  };
  // Cosine or sine terms of the frequencies m = 0 or 2 modulo 4, or of the odd ones.
  struct Part {
    std::size_t row = 0;  // of its first frequency
    std::size_t sum = 0;  // row of its first sum
    std::size_t low_frequencies = 0;
    Table forward;   // (sums, frequencies)
    Table backward;  // (frequencies, sums)
  };
  // Sums of even and odd m at an angle of the first quarter.
  struct QuarterSums {
    FloatLanes cos_even{};
    FloatLanes cos_odd{};
    FloatLanes sin_even{};
    FloatLanes sin_odd{};
  };
  // Sums of m = 0 and 2 modulo 4 at an angle alpha of the first eighth; those of odd m there and at
  // pi/2 - alpha.
  struct EighthSums {
    EighthSums(const float* sums, std::size_t angles, std::size_t k, std::size_t lane) {
      each(sums, angles, k, lane, [](FloatLanes& lanes, const float* from) {
        lanes = load_lanes(from);
      });
    }
    EighthSums(const QuarterSums& near, const QuarterSums& far)
        : cos0(near.cos_even + far.cos_even),
          cos2(near.cos_even - far.cos_even),
          cos_odd(near.cos_odd),
          cos_odd_far(far.cos_odd),
          sin0(near.sin_even - far.sin_even),
          sin2(near.sin_even + far.sin_even),
          sin_odd(near.sin_odd),
          sin_odd_far(far.sin_odd) {}
    void store(float* sums, std::size_t angles, std::size_t k, std::size_t lane) {
      each(sums, angles, k, lane, [](const FloatLanes& lanes, float* to) {
        store_lanes(lanes, to);
      });
    }
    [[nodiscard]] QuarterSums near() const { return {cos0 + cos2, cos_odd, sin0 + sin2, sin_odd}; }
    [[nodiscard]] QuarterSums far() const {
      return {cos0 - cos2, cos_odd_far, sin2 - sin0, sin_odd_far};
    }

    FloatLanes cos0{};
    FloatLanes cos2{};
    FloatLanes cos_odd{};
    FloatLanes cos_odd_far{};
    FloatLanes sin0{};
    FloatLanes sin2{};
    FloatLanes sin_odd{};
    FloatLanes sin_odd_far{};

   private:
    // The order of the parts.
    template <typename Number, typename Use>
    [[gnu::always_inline]] void each(
        Number* sums, std::size_t angles, std::size_t k, std::size_t lane, const Use& use) {
      const std::size_t eighth = angles / 8 * Pairs;
      const std::size_t near = k * Pairs + lane;
      const std::size_t far = 2 * eighth - (k + 1) * Pairs + lane;
      use(cos0, sums + near);
      use(cos2, sums + eighth + near);
      use(cos_odd, sums + 2 * eighth + near);
      use(cos_odd_far, sums + 2 * eighth + far);
      use(sin0, sums + 4 * eighth + near);
      use(sin2, sums + 5 * eighth + near);
      use(sin_odd, sums + 6 * eighth + near);
      use(sin_odd_far, sums + 6 * eighth + far);
    }
  };
  struct Exponents {
    FloatLanes straight;  // at alpha
    FloatLanes reversed;  // at -alpha
    FloatLanes mirrored;  // at pi - alpha
    FloatLanes opposite;  // at pi + alpha
  };

  [[gnu::always_inline]] static Exponents exponents(const QuarterSums& sums) {
    const FloatLanes cos_plus = sums.cos_even + sums.cos_odd;
    const FloatLanes cos_minus = sums.cos_even - sums.cos_odd;
    const FloatLanes sin_plus = sums.sin_even + sums.sin_odd;
    const FloatLanes sin_minus = sums.sin_even - sums.sin_odd;
    return {cos_plus - sin_plus, cos_plus + sin_plus, cos_minus + sin_minus, cos_minus - sin_minus};
  }
  [[gnu::always_inline]] static QuarterSums weigh(const Exponents& at) {
    const FloatLanes straight = exp2_lanes(at.straight);
    const FloatLanes reversed = exp2_lanes(at.reversed);
    const FloatLanes mirrored = exp2_lanes(at.mirrored);
    const FloatLanes opposite = exp2_lanes(at.opposite);
    const FloatLanes near = straight + reversed;
    const FloatLanes far = opposite + mirrored;
    const FloatLanes near_odd = straight - reversed;
    const FloatLanes far_odd = opposite - mirrored;
    return {near + far, near - far, near_odd + far_odd, near_odd - far_odd};
  }

  // to (table.rows, Pairs) = table's first `depth` columns * from (depth, Pairs)
  static void multiply(const Table& table, std::size_t depth, const float* from, float* to) {
    in_stretches<kRows>(table.rows, [&](std::size_t first, auto count) {
      constexpr std::size_t kCount = count();
      const float* const factors = table.numbers.data() + first * table.depth;
      for (std::size_t lane = 0; lane < Pairs; lane += kAcross * kFloatLanes) {
        std::array<std::array<FloatLanes, kAcross>, kCount> sums{};
        for (std::size_t k = 0; k < depth; ++k) {
          std::array<FloatLanes, kAcross> numbers{};
          for (std::size_t v = 0; v < kAcross; ++v) {
            numbers[v] = load_lanes(from + k * Pairs + lane + v * kFloatLanes);
          }
          for (std::size_t row = 0; row < kCount; ++row) {
            const float factor = factors[k * kCount + row];
            for (std::size_t v = 0; v < kAcross; ++v) {
              sums[row][v] += factor * numbers[v];
            }
          }
        }
        for (std::size_t row = 0; row < kCount; ++row) {
          for (std::size_t v = 0; v < kAcross; ++v) {
            store_lanes(sums[row][v], to + (first + row) * Pairs + lane + v * kFloatLanes);
          }
        }
      }
    });
  }

  std::size_t angles_;
  std::vector<Part> parts_;
  std::vector<std::size_t> cosine_row_;
  std::vector<std::size_t> sine_row_;
  std::size_t rows_ = 0;
};

}  // namespace cryosip

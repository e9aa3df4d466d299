// Left images lie side by side in the lanes of the registers, 16 of them a tile; right images are
// rows of numbers that are spread over the lanes one by one.  Everything is then a multiplication
// of a number by a register, whatever the shape of the layout, and any right images will do
// together: those that the bounds let pass are taken as a list of rows.
//
// A tile passes over its right images in blocks.  Four right images by 16 left ones are a group:
//   products     correlations of a block, group by group               multiply_complex
//   transform    correlations of a group -> exponents at all angles    AngularTransform::forward
//   exponential  exponents -> weights, in place                        AngularTransform::weigh
//   transform    weights -> their angular coefficients, in place of the correlations
//   products     coefficients of a block by right images -> gradients  accumulate_complex
// Where only logarithms of sums are wanted the last three are left out, and exponents are counted
// from the largest met so far.
// Two bounds come before.  |sum_n conj(a_n) z_n| is at most the product of the norms: first for
// every m > 0; then for high m beside the exponents of low m at all angles.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

#include "libcryosip/core/parallel.hpp"
#include "libcryosip/discrepancy/angular_transform.hpp"
#include "libcryosip/discrepancy/float_lanes.hpp"
#include "libcryosip/discrepancy/steered_engine.hpp"
#include "libcryosip/discrepancy/steered_packing.hpp"
#include "libcryosip/discrepancy/steered_products.hpp"

namespace cryosip {
namespace {

using namespace steered;  // NOLINT(google-build-using-namespace): its layout and inner loops

constexpr Size kSegment = 1024;  // right images a task
constexpr Size kSegments = 4;    // segments packed at a time
constexpr Size kTiles = 64;      // tiles whose sums are held at a time

// A bound is tried on so many right images, and dropped for the rest of the segment unless it lets
// fewer pass than pays for it: it costs a fortieth of a pair, or a quarter.
constexpr Size kTrial = 64;
constexpr double kNormsPay = 0.95;
constexpr double kLowFrequenciesPay = 0.75;

// What is the same for every tile.
struct Plan {
  Plan(const PolarLayout& layout, const SteeredOperand& right, const SteeredOptions& options)
      : packing(layout, static_cast<Size>(right.factors.rows())),
        low((static_cast<Size>(layout.angular_frequencies()) + 3) / 4),
        transform(static_cast<Size>(layout.angular_frequencies()),
                  low,
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
  Size low;  // frequencies whose correlations the second bound knows, m = 0 among them
  AngularTransform<kGroup> transform;
  bool prunes;
  float negligible_log;
  float negligible;
  Size stride;           // between packed right images
  Eigen::VectorXf none;  // a right image that is not there
};

// Left images of a tile: columns of the operand.
using Tile = std::array<Eigen::Index, kTile>;
constexpr Eigen::Index kNoImage = -1;

// Tiles of the left images from `first` on.  Where bounds are tried alike images go together, for a
// right image passes unless it is negligible to all of a tile: those along the coordinate of the
// bound in which they differ most are halved, and the halves again.
std::vector<Tile> make_tiles(const Plan& plan,
                             const SteeredOperand& left,
                             Eigen::Index first,
                             Size count) {
  std::vector<Size> order(count);
  std::iota(order.begin(), order.end(), Size{0});
  if (plan.prunes) {
    const auto coordinates = static_cast<Eigen::Index>(plan.packing.bound());
    Eigen::MatrixXf bounds(coordinates, static_cast<Eigen::Index>(count));
    parallel_for(count, [&](Size i) {
      const auto column = static_cast<Eigen::Index>(i);
      Eigen::VectorXf packed(static_cast<Eigen::Index>(plan.packing.size()));
      plan.packing.pack(left, first + column, Packing::Side::Left, packed.data(), 1);
      bounds.col(column) = packed.head(coordinates);
    });
    std::vector<std::pair<Size, Size>> parts{{0, count}};
    while (!parts.empty()) {
      const auto [begin, end] = parts.back();
      parts.pop_back();
      const Size tiles = stretches_of(end - begin, kTile);
      if (tiles < 2) {
        continue;
      }
      Eigen::VectorXf sum = Eigen::VectorXf::Zero(coordinates);
      Eigen::VectorXf squares = sum;
      for (Size i = begin; i < end; ++i) {
        const auto image = bounds.col(static_cast<Eigen::Index>(order[i]));
        sum += image;
        squares += image.cwiseAbs2();
      }
      Eigen::Index widest = 0;
      (squares - sum.cwiseAbs2() / static_cast<float>(end - begin)).maxCoeff(&widest);
      const Size middle = begin + tiles / 2 * kTile;
      std::sort(order.begin() + static_cast<std::ptrdiff_t>(begin),
                order.begin() + static_cast<std::ptrdiff_t>(end),
                [&](Size a, Size b) {
                  const float at_a = bounds(widest, static_cast<Eigen::Index>(a));
                  const float at_b = bounds(widest, static_cast<Eigen::Index>(b));
                  return at_a < at_b || (at_a == at_b && a < b);
                });
      parts.emplace_back(begin, middle);
      parts.emplace_back(middle, end);
    }
  }
  std::vector<Tile> tiles(stretches_of(count, kTile));
  for (Size i = 0; i < tiles.size() * kTile; ++i) {
    tiles[i / kTile][i % kTile] =
        i < count ? first + static_cast<Eigen::Index>(order[i]) : kNoImage;
  }
  return tiles;
}

struct Rights {
  const float* packed = nullptr;  // plan.stride apart
  Size count = 0;
  const int* labels = nullptr;  // or none
};

// What is wanted of the pairs.
enum class Goal { Gradients, LogSums };

// Sums and gradients of a tile over a segment of right images.
struct TileSums {
  // Of mean_alpha exp(E); for logarithms of exp(E) / 2^largest.
  std::array<double, kTile> sums{};
  std::array<float, kTile> largest{};  // exponents, in units of log 2
  Eigen::VectorXf gradient;            // (packing.size(), kTile)
  SteeredWork work;
};

class TileTask {
 public:
  TileTask(const Plan& plan,
           const SteeredOperand& left,
           const Tile& tile,
           const Rights& rights,
           Goal goal,
           TileSums& result)
      : plan_(plan), rights_(rights), goal_(goal), result_(result) {
    const auto numbers = [](Size count) { return static_cast<Eigen::Index>(count); };
    const Packing& packing = plan.packing;
    left_.resize(numbers(packing.size() * kTile));
    for (Size lane = 0; lane < kTile; ++lane) {
      if (tile[lane] == kNoImage) {
        packing.pack_none(Packing::Side::Left, left_.data() + lane, kTile);
        thresholds_[lane] = std::numeric_limits<float>::infinity();
        continue;
      }
      thresholds_[lane] =
          goal == Goal::Gradients ? plan.negligible_log : -std::numeric_limits<float>::infinity();
      packing.pack(left, tile[lane], Packing::Side::Left, left_.data() + lane, kTile);
      ++present_;
      if (rights.labels != nullptr) {
        labels_[lane] = left.labels(tile[lane]);
      }
    }
    block_.group_stride = plan.transform.rows() * kGroup;
    correlations_.resize(numbers(kBlock / kGroupRows * block_.group_stride));
    block_.coefficients = correlations_.data();
    sums_.resize(numbers(plan.transform.angles() * kGroup));
    bounds_.resize(numbers(kBlock * kTile));
    if (goal == Goal::Gradients) {
      result.gradient = Eigen::VectorXf::Zero(left_.size());
    }
    result.sums.fill(0);
    result.largest.fill(-std::numeric_limits<float>::infinity());
    result.work = {};
    result.work.asked = pairs(rights.count);
  }

  void run() {
    for (Size first = 0; first < rights_.count; first += kBlock) {
      std::vector<Size> rows(std::min(kBlock, rights_.count - first));
      std::iota(rows.begin(), rows.end(), first);
      result_.work.skipped_by_norms += pairs(sieve(norms_, rows, [&] { bound_by_norms(); }));
      move_all(rows, candidates_);
      while (candidates_.size() >= kBlock) {
        take_candidates();
      }
    }
    take_candidates();
    run_block(take_front(passed_));
  }

 private:
  // A bound, and whether it pays.
  struct Sieve {
    double pays;
    Size tried = 0;
    Size passed = 0;

    [[nodiscard]] bool is_used() const {
      return tried < kTrial || static_cast<double>(passed) < pays * static_cast<double>(tried);
    }
  };

  [[nodiscard]] std::int64_t pairs(Size rights) const {
    return static_cast<std::int64_t>(present_ * rights);
  }
  // Of the block; the last may be filled with images that are not there.
  [[nodiscard]] Size groups() const { return stretches_of(block_.count, kGroupRows); }
  // At most a block, removed.
  static std::vector<Size> take_front(std::vector<Size>& rows) {
    const auto end = rows.begin() + static_cast<std::ptrdiff_t>(std::min(kBlock, rows.size()));
    std::vector<Size> front(rows.begin(), end);
    rows.erase(rows.begin(), end);
    return front;
  }
  static void move_all(const std::vector<Size>& rows, std::vector<Size>& to) {
    to.insert(to.end(), rows.begin(), rows.end());
  }

  void take_candidates() {
    std::vector<Size> rows = take_front(candidates_);
    result_.work.skipped_by_low_frequencies +=
        pairs(sieve(low_frequencies_, rows, [&] { bound_by_low_frequencies(); }));
    move_all(rows, passed_);
    if (passed_.size() >= kBlock) {
      run_block(take_front(passed_));
    }
  }

  // Drops rows whose bound says that they are negligible to the whole tile; returns how many.
  // @param find_bounds  of block_, into bounds_
  template <typename FindBounds>
  Size sieve(Sieve& sieve, std::vector<Size>& rows, const FindBounds& find_bounds) {
    if (!plan_.prunes || !sieve.is_used()) {
      return 0;
    }
    load(rows);
    find_bounds();
    const float* const bounds = bounds_.data();
    Size kept = 0;
    for (Size row = 0; row < rows.size(); ++row) {
      // Without a branch or a maximum, so that it is done in registers; what is no number passes.
      std::uint32_t passing = 0;
      for (Size lane = 0; lane < kTile; ++lane) {
        passing |= static_cast<std::uint32_t>(!(bounds[row * kTile + lane] < thresholds_[lane]));
      }
      if (passing != 0) {
        rows[kept++] = rows[row];
      }
    }
    const Size dropped = rows.size() - kept;
    sieve.tried += rows.size();
    sieve.passed += kept;
    rows.resize(kept);
    return dropped;
  }

  void load(const std::vector<Size>& rows) {
    block_.count = rows.size();
    for (Size row = 0; row < kBlock; ++row) {
      block_.rights[row] =
          row < rows.size() ? rights_.packed + rows[row] * plan_.stride : plan_.none.data();
    }
  }

  // Products of the packed numbers from first to end, into bounds_.
  void multiply_into_bounds(Size first, Size end) {
    for (Size row = 0; row < block_.count; row += kRows) {
      multiply_real(block_.rights.data() + row,
                    first,
                    left_.data() + first * kTile,
                    end - first,
                    kGroup,
                    bounds_.data() + row * kTile);
    }
  }

  void bound_by_norms() { multiply_into_bounds(0, plan_.packing.bound()); }

  void bound_by_low_frequencies() {
    const Packing& packing = plan_.packing;
    multiply_into_bounds(packing.norms(plan_.low), packing.bound());
    correlate(plan_.low);
    alignas(sizeof(FloatLanes)) std::array<float, kGroup> largest{};
    for (Size group = 0; group < groups(); ++group) {
      plan_.transform.forward_low(correlations_.data() + group * block_.group_stride, sums_.data());
      plan_.transform.largest(sums_.data(), largest.data());
      float* const bounds = bounds_.data() + group * kGroup;
      for (Size pair = 0; pair < kGroup; ++pair) {
        bounds[pair] += std::numbers::ln2_v<float> * largest[pair];
      }
    }
  }

  void run_block(const std::vector<Size>& rows) {
    load(rows);
    correlate(plan_.packing.frequencies().size() + 1);
    if (rights_.labels != nullptr) {
      leave_out_equals(rows);
    }
    if (goal_ == Goal::LogSums) {
      for (Size group = 0; group < groups(); ++group) {
        sum_up(group);
      }
      return;
    }
    block_.alive.clear();
    for (Size group = 0; group < groups(); ++group) {
      if (weigh(group)) {
        block_.alive.push_back(group);
      }
    }
    accumulate();
  }

  // Correlations of the block with the tile, of frequencies below `end`.
  void correlate(Size end) {
    for (Size row = 0; row < groups() * kGroupRows; row += kRows) {
      const float* const* rights = block_.rights.data() + row;
      float* const to = correlations_.data() + in_group(row, block_.group_stride);
      multiply_real(rights,
                    0,
                    left_.data(),
                    plan_.packing.invariant(),
                    block_.group_stride,
                    to + plan_.transform.cosine_row(0) * kGroup);
      for (Size m = 1; m < end; ++m) {
        const Packing::Frequency& frequency = plan_.packing.frequencies()[m - 1];
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

  void leave_out_equals(const std::vector<Size>& rows) {
    float* const invariant = correlations_.data() + plan_.transform.cosine_row(0) * kGroup;
    for (Size row = 0; row < rows.size(); ++row) {
      float* const to = invariant + in_group(row, block_.group_stride);
      const int label = rights_.labels[rows[row]];
      for (Size lane = 0; lane < kTile; ++lane) {
        to[lane] = labels_[lane] == label ? kNowhere : to[lane];
      }
    }
  }

  // Correlations of a group to coefficients of its weights; false where all are negligible.
  bool weigh(Size group) {
    const AngularTransform<kGroup>& transform = plan_.transform;
    float* const numbers = correlations_.data() + group * block_.group_stride;
    transform.forward(numbers, sums_.data());
    transform.weigh(sums_.data());
    transform.backward(sums_.data(), numbers);
    const float* const means = numbers + transform.cosine_row(0) * kGroup;
    if (plan_.prunes &&
        std::all_of(means, means + kGroup, [&](float mean) { return mean < plan_.negligible; })) {
      result_.work.skipped_by_means +=
          pairs(std::min(kGroupRows, block_.count - group * kGroupRows));
      return false;
    }
    for (Size q = 0; q < kGroupRows; ++q) {
      for (Size lane = 0; lane < kTile; ++lane) {
        result_.sums[lane] += static_cast<double>(means[q * kTile + lane]);
      }
    }
    return true;
  }

  // Adds a group's kernels to the sums, as shares of the largest met so far.
  void sum_up(Size group) {
    const AngularTransform<kGroup>& transform = plan_.transform;
    transform.forward(correlations_.data() + group * block_.group_stride, sums_.data());
    alignas(sizeof(FloatLanes)) std::array<float, kGroup> exponents{};
    transform.largest(sums_.data(), exponents.data());
    bool counts = false;
    for (Size lane = 0; lane < kTile; ++lane) {
      float& largest = result_.largest[lane];
      for (Size q = 0; q < kGroupRows; ++q) {
        const float exponent = exponents[q * kTile + lane];
        if (!(exponent <= largest)) {
          result_.sums[lane] *= std::exp2(static_cast<double>(largest) - exponent);
          largest = exponent;
          if (thresholds_[lane] < std::numeric_limits<float>::infinity()) {
            thresholds_[lane] = std::numbers::ln2_v<float> * largest + plan_.negligible_log;
          }
        }
        counts |= !(std::numbers::ln2_v<float> * exponent < thresholds_[lane]);
      }
    }
    if (!counts) {
      return;
    }
    alignas(sizeof(FloatLanes)) std::array<float, kGroup> lifts{};
    for (Size pair = 0; pair < kGroup; ++pair) {
      lifts[pair] = -result_.largest[pair % kTile];
    }
    transform.total(sums_.data(), lifts.data(), exponents.data());
    for (Size pair = 0; pair < kGroup; ++pair) {
      result_.sums[pair % kTile] += static_cast<double>(exponents[pair]);
    }
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
  Rights rights_;
  Goal goal_;
  TileSums& result_;
  Size present_ = 0;  // left images that are there
  std::array<int, kTile> labels_{};
  std::array<float, kTile> thresholds_{};  // exponents below are negligible
  Eigen::VectorXf left_;                   // (packing.size(), kTile)
  Sieve norms_{kNormsPay};
  Sieve low_frequencies_{kLowFrequenciesPay};
  std::vector<Size> candidates_;  // rows that the norms let pass
  std::vector<Size> passed_;      // and the low frequencies
  Block block_;
  Eigen::VectorXf correlations_;  // of the block: groups of (transform.rows(), kGroup)
  Eigen::VectorXf sums_;          // of a group: (angles, kGroup)
  Eigen::VectorXf bounds_;        // of the block: (kBlock, kTile)
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

// Runs every tile against every segment of right images, and hands what came of them to merge(tile,
// sums): tiles in parallel, a tile's segments in their order, whoever did them.
template <typename Merge>
SteeredWork sweep(const Plan& plan,
                  const SteeredOperand& left,
                  const SteeredOperand& right,
                  Goal goal,
                  const Merge& merge) {
  const auto lefts = static_cast<Size>(left.count());
  const auto rights = static_cast<Size>(right.count());
  const bool labelled = left.labels.size() > 0 && right.labels.size() > 0;
  SteeredWork work;
  Eigen::VectorXf packed(
      static_cast<Eigen::Index>(std::min(rights, kSegments * kSegment) * plan.stride));
  for (Size first_left = 0; first_left < lefts; first_left += kTiles * kTile) {
    const std::vector<Tile> tiles = make_tiles(plan,
                                               left,
                                               static_cast<Eigen::Index>(first_left),
                                               std::min(kTiles * kTile, lefts - first_left));
    std::vector<TileSums> partial(tiles.size() * kSegments);
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
      parallel_for(tiles.size() * segments, [&](Size task) {
        const Size first = task % segments * kSegment;
        const Rights some{packed.data() + first * plan.stride,
                          std::min(kSegment, count - first),
                          labelled ? right.labels.data() + first_right + first : nullptr};
        TileTask(plan, left, tiles[task / segments], some, goal, partial[task]).run();
      });
      parallel_for(tiles.size(), [&](Size tile) {
        for (Size segment = 0; segment < segments; ++segment) {
          merge(tiles[tile], partial[tile * segments + segment]);
        }
      });
      for (Size task = 0; task < tiles.size() * segments; ++task) {
        work.asked += partial[task].work.asked;
        work.skipped_by_norms += partial[task].work.skipped_by_norms;
        work.skipped_by_low_frequencies += partial[task].work.skipped_by_low_frequencies;
        work.skipped_by_means += partial[task].work.skipped_by_means;
      }
    }
  }
  return work;
}

}  // namespace

SteeredResult BlockedSteeredEngine::evaluate(const PolarLayout& layout,
                                             const SteeredOperand& left,
                                             const SteeredOperand& right,
                                             const SteeredOptions& options) const {
  check_steered_shapes(layout, left, right, options);
  const Plan plan(layout, right, options);
  SteeredResult result;
  result.sums = Eigen::VectorXd::Zero(left.count());
  result.images_gradient = Eigen::MatrixXd::Zero(layout.size(), left.count());
  result.factors_gradient = Eigen::MatrixXd::Zero(left.factors.rows(), left.count());
  SteeredWork& work = result.work;
  work = sweep(plan, left, right, Goal::Gradients, [&](const Tile& tile, const TileSums& sums) {
    add(plan.packing, tile, sums, result);
  });
  const auto transformed =
      static_cast<double>(work.asked - work.skipped_by_norms - work.skipped_by_low_frequencies);
  const double sent_back = transformed - static_cast<double>(work.skipped_by_means);
  const SteeredFlops flops(layout, right.factors.rows(), options.angles);
  work.useful_flops =
      (transformed + sent_back) * flops.products + 2 * transformed * flops.transform;
  return result;
}

Eigen::VectorXd BlockedSteeredEngine::log_sums(const PolarLayout& layout,
                                               const SteeredOperand& left,
                                               const SteeredOperand& right,
                                               const SteeredOptions& options) const {
  check_steered_shapes(layout, left, right, options);
  const Plan plan(layout, right, options);
  constexpr double kNone = -std::numeric_limits<double>::infinity();
  Eigen::VectorXd largest = Eigen::VectorXd::Constant(left.count(), kNone);
  Eigen::VectorXd sums = Eigen::VectorXd::Zero(left.count());
  sweep(plan, left, right, Goal::LogSums, [&](const Tile& tile, const TileSums& some) {
    for (Size lane = 0; lane < kTile; ++lane) {
      // Exponents of images that are not there lie so low that nothing else comes near them.
      if (tile[lane] == kNoImage || some.largest[lane] < kNowhere / 2) {
        continue;
      }
      double& top = largest(tile[lane]);
      double& sum = sums(tile[lane]);
      const double other = some.largest[lane];
      if (!(other <= top)) {
        sum *= std::exp2(top - other);
        top = other;
      }
      sum += some.sums[lane] * std::exp2(other - top);
    }
  });
  return (sums / options.angles).array().log() + std::numbers::ln2 * largest.array();
}

}  // namespace cryosip

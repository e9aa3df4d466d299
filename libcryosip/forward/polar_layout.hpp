// How an image's angular Fourier coefficients lie in a real vector (THEORY 6.2).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include "formats/error.hpp"

namespace cryosip {

/// Coefficients c(m, n) of angular frequency m = 0 .. angular_frequencies() - 1 on the rings
/// n = first_ring(m) .. rings(); ring n has the radius n / edge in 1/angstrom (n cycles a box).
/// A molecule has next to nothing at high m on the inner rings: those are left out.  The vector is,
/// for m = 0, 1, ..: [real parts, rings first..last][imaginary parts, rings first..last].  m = 0
/// keeps its imaginary parts, which are 0, so that all m are alike.
class PolarLayout {
 public:
  /// @param first_ring  of every m, each in 1 .. rings
  /// @throws Error(Usage) no ring, no angular frequency, a first ring out of range
  PolarLayout(int rings, std::vector<int> first_ring)
      : rings_(rings), first_ring_(std::move(first_ring)) {
    if (rings_ < 1 || first_ring_.empty()) {
      throw Error(ErrorKind::Usage, "polar layout: no rings or no angular frequencies");
    }
    offset_.reserve(first_ring_.size() + 1);
    offset_.push_back(0);
    for (const int first : first_ring_) {
      if (first < 1 || first > rings_) {
        throw Error(ErrorKind::Usage,
                    "polar layout: first ring " + std::to_string(first) + " is not in 1 .. " +
                        std::to_string(rings_));
      }
      offset_.push_back(offset_.back() + 2 * Eigen::Index{rings_ - first + 1});
    }
  }

  [[nodiscard]] int rings() const noexcept { return rings_; }
  /// Number of angular frequencies: the largest is one less.
  [[nodiscard]] int angular_frequencies() const noexcept {
    return static_cast<int>(first_ring_.size());
  }
  [[nodiscard]] int first_ring(int m) const { return first_ring_[static_cast<std::size_t>(m)]; }
  /// Rings of the angular frequency m; it has twice as many real numbers.
  [[nodiscard]] Eigen::Index count(int m) const { return rings_ - first_ring(m) + 1; }
  /// Index of its first real number.
  [[nodiscard]] Eigen::Index offset(int m) const { return offset_[static_cast<std::size_t>(m)]; }
  /// Real numbers an image.
  [[nodiscard]] Eigen::Index size() const { return offset_.back(); }

  bool operator==(const PolarLayout& other) const {
    return rings_ == other.rings_ && first_ring_ == other.first_ring_;
  }

 private:
  int rings_;
  std::vector<int> first_ring_;
  std::vector<Eigen::Index> offset_;
};

}  // namespace cryosip

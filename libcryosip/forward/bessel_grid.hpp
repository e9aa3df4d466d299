// Bessel functions of any distance from their neighbours on a grid of distances.
#pragma once

#include <type_traits>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/core/lanes.hpp"

namespace cryosip {

/// For distances rho in [0, reach), rings n = 1 .. R and angular frequencies m,
///
///   J_m(2 pi n rho) = sum_{t = 0}^{kTaps - 1} tap_t(rho) table(m, n, cell(rho) + t),
///
/// to 6e-7 (float) or 1e-13 (double).  A plane wave is a sum of a Kaiser-Bessel function's
/// translates weighted by the wave itself over the function's Fourier transform w, but for what
/// the grid folds back; and a Bessel function is a mean of plane waves:
///
///   table(m, n, b) = 1/2pi integral of exp(i m tau - 2 pi i n rho_b sin tau) / w(n sin tau) dtau.
///
/// The grid has four cells a wavelength of the outermost ring, twice what it must.  Frequencies
/// come in blocks, one a lane of a register; a block that has died out at a bin and a ring is left
/// out there.  Arrays of bins and of rings have a register a column, column
/// (block * rows + row) * parts + part, where rows are bins or rings.
template <typename Scalar>
class BesselGrid {
 public:
  static constexpr int kTaps = std::is_same_v<Scalar, float> ? 7 : 14;
  /// What is left out, where a Bessel function's greatest value is 1.
  static constexpr double kNegligible = std::is_same_v<Scalar, float> ? 1e-8 : 1e-14;

  /// @param orders  (R): frequencies m = 0 .. orders - 1 on every ring
  BesselGrid(const std::vector<int>& orders, double reach);

  [[nodiscard]] Eigen::Index rings() const { return rings_; }
  [[nodiscard]] Eigen::Index blocks() const {
    return static_cast<Eigen::Index>(first_cell_.size());
  }
  [[nodiscard]] Eigen::Index cells() const { return cells_; }
  [[nodiscard]] Eigen::Index bins() const { return 2 * pairs_; }
  /// cell(rho) is the integer below rho times this.
  [[nodiscard]] double cells_a_unit() const { return cells_a_unit_; }
  /// The block has nothing for distances in cells below.
  [[nodiscard]] Eigen::Index first_cell(Eigen::Index block) const {
    return first_cell_[static_cast<std::size_t>(block)];
  }

  /// @param offsets  (whole registers): distances from their cells' middles, in cells
  /// @param taps     (offsets, kTaps), overwritten
  void weigh(const Eigen::Array<Scalar, Eigen::Dynamic, 1>& offsets,
             Eigen::Array<Scalar, Eigen::Dynamic, kTaps>& taps) const;

  /// rings(m, n) = sum over the bins first .. last of table(m, n, b) bins(m, b), in two parts.
  /// Reads a bin more on either side where first is odd or last even.
  /// @param blocks  as many are computed
  void sum_bins(const LaneColumns<Scalar>& bins,
                Eigen::Index first,
                Eigen::Index last,
                Eigen::Index blocks,
                LaneColumns<Scalar>& rings) const;
  /// bins(m, b) = sum over rings of table(m, n, b) rings(m, n), in four parts.  Bins in which the
  /// block has nothing are not written.
  void sum_rings(const LaneColumns<Scalar>& rings,
                 Eigen::Index first,
                 Eigen::Index last,
                 LaneColumns<Scalar>& bins) const;

 private:
  // Two bins, a block: registers of the table for rings first_ring .. R, each for both bins.
  struct Patch {
    Eigen::Index first_ring;  // from 0; R where there is none
    Eigen::Index column;
  };
  [[nodiscard]] const Patch& patch(Eigen::Index pair, Eigen::Index block) const {
    return patches_[static_cast<std::size_t>(pair * blocks() + block)];
  }

  Eigen::Index rings_;
  double cells_a_unit_;
  Eigen::Index cells_;
  Eigen::Index pairs_;
  std::vector<Eigen::Index> first_cell_;  // of every block
  std::vector<Eigen::Index> first_pair_;
  std::vector<Patch> patches_;
  LaneColumns<Scalar> table_;
  Eigen::Array<Scalar, Eigen::Dynamic, kTaps> polynomials_;  // of taps: highest power first
};

extern template class BesselGrid<float>;
extern template class BesselGrid<double>;

}  // namespace cryosip

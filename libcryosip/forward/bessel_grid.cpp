#include "libcryosip/forward/bessel_grid.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>

#include <Eigen/QR>

#include "libcryosip/core/bessel.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

constexpr double kCellsAWavelength = 4;

// The Kaiser-Bessel function I_0(beta sqrt(1 - (2t/width)^2)) / I_0(beta), t in cells, and its
// Fourier transform, which falls to nothing where the grid begins to fold the band back.
class KaiserBessel {
 public:
  explicit KaiserBessel(int width)
      : width_(width), beta_(kPi * width * (1 - 1 / kCellsAWavelength)), height_(i0(beta_)) {}

  [[nodiscard]] double operator()(double t) const {
    const double inside = 1 - (2 * t / width_) * (2 * t / width_);
    return i0(beta_ * std::sqrt(std::max(inside, 0.0))) / height_;
  }
  // Of |frequency| <= 1 / kCellsAWavelength, in cycles a cell.
  [[nodiscard]] double transform(double frequency) const {
    const double turns = kPi * width_ * frequency;
    const double root = std::sqrt(beta_ * beta_ - turns * turns);
    return width_ * std::sinh(root) / (root * height_);
  }

 private:
  static double i0(double x) {
    double sum = 1;
    double term = 1;
    for (int k = 1; term > 1e-17 * sum; ++k) {
      term *= (x / (2 * k)) * (x / (2 * k));
      sum += term;
    }
    return sum;
  }

  double width_;
  double beta_;
  double height_;
};

// The taps within a cell as polynomials of the place, -1/2 .. 1/2: coefficients of the highest
// power first, (powers, taps).
Eigen::ArrayXXd fit_taps(const KaiserBessel& kernel, int taps, double tolerance) {
  constexpr Eigen::Index kNodes = 48;
  Eigen::VectorXd nodes(kNodes);
  Eigen::MatrixXd values(kNodes, taps);
  for (Eigen::Index i = 0; i < kNodes; ++i) {
    nodes(i) = 0.5 * std::cos(kPi * (static_cast<double>(i) + 0.5) / kNodes);
    for (int tap = 0; tap < taps; ++tap) {
      values(i, tap) = kernel(nodes(i) - tap + 0.5 * (taps - 1));
    }
  }
  for (Eigen::Index powers = taps;; ++powers) {
    Eigen::MatrixXd monomials(kNodes, powers);
    monomials.col(powers - 1).setOnes();
    for (Eigen::Index k = powers - 2; k >= 0; --k) {
      monomials.col(k) = monomials.col(k + 1).cwiseProduct(nodes);
    }
    const Eigen::MatrixXd fit = monomials.householderQr().solve(values);
    if ((monomials * fit - values).cwiseAbs().maxCoeff() < tolerance || powers == kNodes / 2) {
      return fit;
    }
  }
}

// Fourier coefficients d_l of 1 / w(n sin tau) = sum_l d_l exp(2 i l tau), l = 0 ..
std::vector<double> deconvolution(const KaiserBessel& kernel, double cycles_a_cell) {
  constexpr int kAngles = 128;
  constexpr double kFaint = 1e-17;
  std::vector<double> harmonics;
  for (int l = 0; l < kAngles / 4; ++l) {
    double sum = 0;
    for (int k = 0; k < kAngles; ++k) {
      const double tau = 2 * kPi * k / kAngles;
      sum += std::cos(2 * l * tau) / kernel.transform(cycles_a_cell * std::sin(tau));
    }
    harmonics.push_back(sum / kAngles);
    if (std::abs(harmonics.back()) < kFaint * harmonics.front()) {
      break;
    }
  }
  return harmonics;
}

// values(m) = 1/2pi integral of exp(i m tau - i x sin tau) sum_l d_l exp(2 i l tau) dtau
//           = sum_l d_l J_(m + 2l)(x).
void fill_frequencies(const std::vector<double>& harmonics,
                      double x,
                      Eigen::Ref<Eigen::ArrayXd> values) {
  const auto folds = static_cast<int>(harmonics.size());
  const auto orders = static_cast<int>(values.size());
  std::vector<double> bessel(static_cast<std::size_t>(orders + 2 * folds));
  bessel_j(std::abs(x), bessel);
  for (int m = 0; m < orders; ++m) {
    double sum = 0;
    for (int l = 1 - folds; l < folds; ++l) {
      const int order = m + 2 * l;
      const double sign = order < 0 && order % 2 != 0 ? -1 : 1;
      sum += harmonics[static_cast<std::size_t>(std::abs(l))] * sign *
             bessel[static_cast<std::size_t>(std::abs(order))];
    }
    values(m) = x < 0 && m % 2 != 0 ? -sum : sum;
  }
}

}  // namespace

template <typename Scalar>
BesselGrid<Scalar>::BesselGrid(const std::vector<int>& orders, double reach)
    : rings_(static_cast<Eigen::Index>(orders.size())),
      cells_a_unit_(kCellsAWavelength * static_cast<double>(rings_)),
      cells_(static_cast<Eigen::Index>(std::ceil(reach * cells_a_unit_))),
      pairs_((cells_ + kTaps + 1) / 2) {
  constexpr Eigen::Index kWidth = kLanes<Scalar>;
  const KaiserBessel kernel(kTaps);
  polynomials_ = fit_taps(kernel, kTaps, kNegligible).template cast<Scalar>();

  std::vector<std::vector<double>> harmonics;
  for (Eigen::Index ring = 1; ring <= rings_; ++ring) {
    harmonics.push_back(deconvolution(kernel, static_cast<double>(ring) / cells_a_unit_));
  }
  const Eigen::Index most = *std::max_element(orders.begin(), orders.end());
  const Eigen::Index blocks = (most + kWidth - 1) / kWidth;
  first_pair_.assign(static_cast<std::size_t>(blocks), pairs_);
  first_cell_.assign(static_cast<std::size_t>(blocks), cells_);
  patches_.assign(static_cast<std::size_t>(pairs_ * blocks), {rings_, 0});
  // Of a pair of bins: (frequencies, 2 rings), ring by ring.
  Eigen::ArrayXXd values(blocks * kWidth, 2 * rings_);
  Eigen::Index columns = 0;
  for (Eigen::Index pair = 0; pair < pairs_; ++pair) {
    values.setZero();
    for (Eigen::Index ring = 0; ring < rings_; ++ring) {
      const auto at = static_cast<std::size_t>(ring);
      for (Eigen::Index bin = 2 * pair; bin < 2 * pair + 2; ++bin) {
        // Taps lie evenly about the middle of their cell.
        const double distance = (static_cast<double>(bin) + 1 - 0.5 * kTaps) / cells_a_unit_;
        fill_frequencies(harmonics[at],
                         2 * kPi * static_cast<double>(ring + 1) * distance,
                         values.col(2 * ring + bin % 2).head(orders[at]));
      }
    }
    for (Eigen::Index block = 0; block < blocks; ++block) {
      const auto at = static_cast<std::size_t>(block);
      Patch& patch = patches_[static_cast<std::size_t>(pair * blocks + block)];
      const auto rows = values.middleRows(block * kWidth, kWidth).abs();
      Eigen::Index ring = 0;
      while (ring < rings_ && rows.middleCols(2 * ring, 2).maxCoeff() < kNegligible) {
        ++ring;
      }
      if (ring < rings_ && pair < first_pair_[at]) {
        first_pair_[at] = pair;
        first_cell_[at] = std::max(2 * pair - (kTaps - 1), Eigen::Index{0});
      }
      patch = {ring, columns};
      columns += 2 * (rings_ - ring);
      if (columns > table_.cols()) {
        table_.conservativeResize(Eigen::NoChange, std::max(columns, 2 * table_.cols()));
      }
      table_.middleCols(patch.column, 2 * (rings_ - ring)) =
          values.block(block * kWidth, 2 * ring, kWidth, 2 * (rings_ - ring))
              .template cast<Scalar>();
    }
  }
  table_.conservativeResize(Eigen::NoChange, columns);
}

template <typename Scalar>
void BesselGrid<Scalar>::weigh(const Eigen::Array<Scalar, Eigen::Dynamic, 1>& offsets,
                               Eigen::Array<Scalar, Eigen::Dynamic, kTaps>& taps) const {
  for (Eigen::Index at = 0; at < offsets.size(); at += kLanes<Scalar>) {
    const Lanes<Scalar> offset = load_lanes(offsets.data() + at);
    for (Eigen::Index tap = 0; tap < kTaps; ++tap) {
      const Scalar* coefficient = polynomials_.col(tap).data();
      Lanes<Scalar> value = offset * coefficient[0] + coefficient[1];
      for (Eigen::Index k = 2; k < polynomials_.rows(); ++k) {
        value = value * offset + coefficient[k];
      }
      store_lanes(value, taps.col(tap).data() + at);
    }
  }
}

template <typename Scalar>
void BesselGrid<Scalar>::sum_bins(const LaneColumns<Scalar>& bins,
                                  Eigen::Index first,
                                  Eigen::Index last,
                                  Eigen::Index blocks,
                                  LaneColumns<Scalar>& rings) const {
  constexpr Eigen::Index kWidth = kLanes<Scalar>;
  rings.leftCols(2 * blocks * rings_).setZero();
  for (Eigen::Index block = 0; block < blocks; ++block) {
    for (Eigen::Index pair = std::max(first / 2, first_pair_[static_cast<std::size_t>(block)]);
         pair <= last / 2;
         ++pair) {
      const Scalar* from = bins.col(2 * (block * this->bins() + 2 * pair)).data();
      const std::array<Lanes<Scalar>, 4> parts = {load_lanes(from),
                                                  load_lanes(from + kWidth),
                                                  load_lanes(from + 2 * kWidth),
                                                  load_lanes(from + 3 * kWidth)};
      const Patch& of_table = patch(pair, block);
      const Scalar* table = table_.data() + of_table.column * kWidth;
      Scalar* to = rings.data() + 2 * (block * rings_ + of_table.first_ring) * kWidth;
      for (Eigen::Index ring = of_table.first_ring; ring < rings_;
           ++ring, to += 2 * kWidth, table += 2 * kWidth) {
        const Lanes<Scalar> one = load_lanes(table);
        const Lanes<Scalar> other = load_lanes(table + kWidth);
        store_lanes(load_lanes(to) + one * parts[0] + other * parts[2], to);
        store_lanes(load_lanes(to + kWidth) + one * parts[1] + other * parts[3], to + kWidth);
      }
    }
  }
}

template <typename Scalar>
void BesselGrid<Scalar>::sum_rings(const LaneColumns<Scalar>& rings,
                                   Eigen::Index first,
                                   Eigen::Index last,
                                   LaneColumns<Scalar>& bins) const {
  constexpr Eigen::Index kWidth = kLanes<Scalar>;
  constexpr Eigen::Index kParts = 4;
  for (Eigen::Index block = 0; block < blocks(); ++block) {
    for (Eigen::Index pair = std::max(first / 2, first_pair_[static_cast<std::size_t>(block)]);
         pair <= last / 2;
         ++pair) {
      const Patch& of_table = patch(pair, block);
      const Scalar* table = table_.data() + of_table.column * kWidth;
      const Scalar* from = rings.data() + kParts * (block * rings_ + of_table.first_ring) * kWidth;
      std::array<Lanes<Scalar>, 2 * kParts> sums = {};
      for (Eigen::Index ring = of_table.first_ring; ring < rings_;
           ++ring, from += kParts * kWidth, table += 2 * kWidth) {
        const Lanes<Scalar> one = load_lanes(table);
        const Lanes<Scalar> other = load_lanes(table + kWidth);
        for (Eigen::Index part = 0; part < kParts; ++part) {
          const Lanes<Scalar> value = load_lanes(from + part * kWidth);
          sums[static_cast<std::size_t>(part)] += one * value;
          sums[static_cast<std::size_t>(kParts + part)] += other * value;
        }
      }
      Scalar* to = bins.col(kParts * (block * this->bins() + 2 * pair)).data();
      for (const Lanes<Scalar>& sum : sums) {
        store_lanes(sum, to);
        to += kWidth;
      }
    }
  }
}

template class BesselGrid<float>;
template class BesselGrid<double>;

}  // namespace cryosip

#include "libcryosip/forward/polar_renderer.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <numeric>
#include <utility>

#include <Eigen/SVD>

#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

// Angular frequencies of every ring.
std::vector<int> orders_of(const PolarLayout& layout) {
  std::vector<int> orders(static_cast<std::size_t>(layout.rings()), 0);
  for (int m = 0; m < layout.angular_frequencies(); ++m) {
    for (int ring = layout.first_ring(m); ring <= layout.rings(); ++ring) {
      orders[static_cast<std::size_t>(ring - 1)] = m + 1;
    }
  }
  return orders;
}

// (rings, harmonics) of the pixels' factor at 4 j phi; harmonics below the threshold are left out.
Eigen::ArrayXXd pixel_harmonics(PixelModel pixel, const PolarBasis& basis, double negligible) {
  constexpr int kAngles = 256;
  constexpr int kHarmonics = 16;
  Eigen::ArrayXXd harmonics = Eigen::ArrayXXd::Zero(basis.rings(), kHarmonics);
  for (int ring = 1; ring <= basis.rings(); ++ring) {
    const double cycles_a_pixel = static_cast<double>(ring) / basis.grid().box;
    for (int k = 0; k < kAngles; ++k) {
      const double angle = 2 * kPi * k / kAngles;
      const double factor =
          pixel_transfer(pixel, cycles_a_pixel * std::cos(angle), cycles_a_pixel * std::sin(angle));
      for (int j = 0; j < kHarmonics; ++j) {
        harmonics(ring - 1, j) += factor * std::cos(4 * j * angle) / kAngles;
      }
    }
  }
  Eigen::Index kept = kHarmonics;
  while (kept > 1 && harmonics.col(kept - 1).abs().maxCoeff() < negligible) {
    --kept;
  }
  return harmonics.leftCols(pixel == PixelModel::Bandlimited ? 0 : kept);
}

// Of every ring: those that the factor's harmonics carry into the image's, and one more, which
// gradients need.
std::vector<int> orders_of_atoms(std::vector<int> orders, Eigen::Index harmonics) {
  for (int& order : orders) {
    order += 1 + 4 * static_cast<int>(std::max(harmonics - 1, Eigen::Index{0}));
  }
  return orders;
}

}  // namespace

template <typename Scalar>
struct PolarRenderer<Scalar>::Scratch final : Workspace {
  using Numbers = Eigen::Array<Scalar, Eigen::Dynamic, 1>;
  using Taps = Eigen::Array<Scalar, Eigen::Dynamic, BesselGrid<Scalar>::kTaps>;

  Pose pose;
  Eigen::MatrixX3d view;  // (atoms, 3): rotated; not shifted
  Eigen::ArrayX3d flat;   // (atoms, 3): x and y with the shift, and their distance, in cells
  std::vector<int> cell;

  // Atoms are placed by their cells: places fill whole registers.
  std::vector<Eigen::Index> starts;  // (cells + 3): first place of a cell; then those out of reach
  std::vector<Eigen::Index> order;   // (atoms): whose place it is
  Eigen::Index first_cell = 0;       // that has an atom
  Eigen::Index last_cell = -1;
  Eigen::ArrayX3d placed;  // (places, 3): as flat
  Eigen::ArrayX2d phase;   // (places, 2): exp(-i theta) / i
  Eigen::ArrayXd square;   // (places)
  Numbers phase_real;      // the phase
  Numbers phase_imaginary;
  Numbers step_real;  // its power of a block
  Numbers step_imaginary;
  Numbers offset;                   // distance from the cell's middle
  Taps taps;                        // (places, taps)
  Taps weighted;                    // times one product's factors
  Numbers factors;                  // (places)
  LaneColumns<Scalar> powers_real;  // a column a place: powers of the phase, of the first block's m
  LaneColumns<Scalar> powers_imaginary;
  LaneColumns<Scalar> block_real;  // of another block's m
  LaneColumns<Scalar> block_imaginary;

  LaneColumns<Scalar> bins;       // real and imaginary parts
  LaneColumns<Scalar> rings;      // real and imaginary parts
  LaneColumns<Scalar> pulls;      // on rings, by x and y: real and imaginary parts of each
  LaneColumns<Scalar> bin_pulls;  // the same in bins
  Array rows_real;                // (frequencies, rings)
  Array rows_imaginary;
  Array pull_rows_real;  // (a register + frequencies + a register, rings)
  Array pull_rows_imaginary;
  Eigen::VectorXd by_x;  // (atoms)
  Eigen::VectorXd by_y;
};

template <typename Scalar>
PolarRenderer<Scalar>::PolarRenderer(std::shared_ptr<const PolarBasis> basis,
                                     const Scattering& scattering,
                                     PixelModel pixel)
    : basis_(std::move(basis)),
      orders_(orders_of(basis_->layout())),
      pixel_harmonics_(
          pixel_harmonics(pixel, *basis_, BesselGrid<Scalar>::kNegligible).template cast<Scalar>()),
      grid_(orders_of_atoms(orders_, pixel_harmonics_.cols()), kReach),
      order_(static_cast<std::size_t>(scattering.count())) {
  std::iota(order_.begin(), order_.end(), Eigen::Index{0});
  const ImageGrid& grid = basis_->grid();
  const double edge = grid.edge_angstrom();
  Eigen::MatrixXd form_factors(scattering.count(), basis_->rings());
  for (int ring = 1; ring <= basis_->rings(); ++ring) {
    const double r = ring / edge;
    Eigen::VectorXd of_types(static_cast<Eigen::Index>(scattering.types.size()));
    for (Eigen::Index type = 0; type < of_types.size(); ++type) {
      // A sum over pixels is the integral over the area in units of a pixel's.
      of_types(type) = form_factor(scattering.types[static_cast<std::size_t>(type)], r) *
                       std::sqrt(basis_->ring_weights()(ring - 1)) /
                       (grid.box * grid.pixel_size_angstrom * grid.pixel_size_angstrom);
    }
    for (Eigen::Index atom = 0; atom < scattering.count(); ++atom) {
      form_factors(atom, ring - 1) =
          of_types(scattering.type_of_atom[static_cast<std::size_t>(atom)]) *
          std::exp(-scattering.b_factors_angstrom2(atom) * r * r / 4);
    }
  }
  const Eigen::BDCSVD<Eigen::MatrixXd> products(form_factors,
                                                Eigen::ComputeThinU | Eigen::ComputeThinV);
  const Eigen::VectorXd& sizes = products.singularValues();
  Eigen::Index kept = 0;
  while (kept < sizes.size() && sizes(kept) > BesselGrid<Scalar>::kNegligible * sizes(0)) {
    ++kept;
  }
  atom_factors_ = products.matrixU().leftCols(kept).template cast<Scalar>();
  ring_factors_ =
      (products.matrixV().leftCols(kept) * sizes.head(kept).asDiagonal()).template cast<Scalar>();
}

template <typename Scalar>
auto PolarRenderer<Scalar>::workspace() const -> std::unique_ptr<Workspace> {
  auto scratch = std::make_unique<Scratch>();
  constexpr Eigen::Index kWidth = kLanes<Scalar>;
  const Eigen::Index atoms = atom_factors_.rows();
  const Eigen::Index places = (atoms + kWidth - 1) / kWidth * kWidth;
  scratch->view.resize(atoms, 3);
  scratch->flat.resize(atoms, 3);
  scratch->cell.resize(static_cast<std::size_t>(atoms));
  scratch->starts.resize(static_cast<std::size_t>(grid_.cells() + 3));
  scratch->order.resize(static_cast<std::size_t>(atoms));
  scratch->placed.setZero(places, 3);
  scratch->phase.resize(places, 2);
  scratch->square.resize(places);
  scratch->taps.resize(places, Eigen::NoChange);
  scratch->weighted.resize(places, Eigen::NoChange);
  scratch->factors.setZero(places);
  for (LaneColumns<Scalar>* columns : {&scratch->powers_real,
                                       &scratch->powers_imaginary,
                                       &scratch->block_real,
                                       &scratch->block_imaginary}) {
    columns->resize(Eigen::NoChange, places);
  }
  const Eigen::Index blocks = grid_.blocks();
  scratch->bins.resize(Eigen::NoChange, 2 * blocks * grid_.bins());
  scratch->rings.resize(Eigen::NoChange, 2 * blocks * grid_.rings());
  scratch->pulls.resize(Eigen::NoChange, 4 * blocks * grid_.rings());
  // Bins that a block has nothing in stay 0, and so do frequencies that a ring has not.
  scratch->bin_pulls.setZero(Eigen::NoChange, 4 * blocks * grid_.bins());
  scratch->rows_real.resize(blocks * kWidth, grid_.rings());
  scratch->rows_imaginary.resize(blocks * kWidth, grid_.rings());
  scratch->pull_rows_real.setZero((blocks + 2) * kWidth, grid_.rings());
  scratch->pull_rows_imaginary.setZero((blocks + 2) * kWidth, grid_.rings());
  scratch->by_x.resize(atoms);
  scratch->by_y.resize(atoms);
  return scratch;
}

template <typename Scalar>
void PolarRenderer<Scalar>::place(const Eigen::Matrix3Xd& positions,
                                  const Pose& pose,
                                  Workspace& workspace) const {
  auto& scratch = static_cast<Scratch&>(workspace);
  const Eigen::Index atoms = atom_factors_.rows();
  scratch.pose = pose;
  const double* from = positions.data();
  for (Eigen::Index axis = 0; axis < 3; ++axis) {
    const Eigen::Vector3d row = pose.rotation.row(axis);
    double* to = scratch.view.col(axis).data();
    for (Eigen::Index atom = 0; atom < atoms; ++atom) {
      to[atom] =
          row.x() * from[3 * atom] + row.y() * from[3 * atom + 1] + row.z() * from[3 * atom + 2];
    }
  }
  const double cells_an_angstrom = grid_.cells_a_unit() / basis_->grid().edge_angstrom();
  for (Eigen::Index axis = 0; axis < 2; ++axis) {
    scratch.flat.col(axis) =
        (scratch.view.col(axis).array() + pose.shift_angstrom(axis)) * cells_an_angstrom;
  }
  scratch.flat.col(2) = (scratch.flat.col(0).square() + scratch.flat.col(1).square()).sqrt();
  sort_atoms(scratch);

  const auto distance = scratch.placed.col(2);
  // In the middle no angle matters.
  constexpr double kMiddle = 1e-30;
  scratch.square = (distance > kMiddle).select(-distance.inverse(), 0);
  scratch.phase.col(0) = scratch.placed.col(1) * scratch.square;
  scratch.phase.col(1) = scratch.placed.col(0) * scratch.square;
  scratch.phase_real = scratch.phase.col(0).template cast<Scalar>();
  scratch.phase_imaginary = scratch.phase.col(1).template cast<Scalar>();
  for (Eigen::Index power = 1; power < kLanes<Scalar>; power *= 2) {
    scratch.square = scratch.phase.col(0).square() - scratch.phase.col(1).square();
    scratch.phase.col(1) *= 2 * scratch.phase.col(0);
    scratch.phase.col(0) = scratch.square;
  }
  scratch.step_real = scratch.phase.col(0).template cast<Scalar>();
  scratch.step_imaginary = scratch.phase.col(1).template cast<Scalar>();
  scratch.offset = (distance - distance.floor() - 0.5).template cast<Scalar>();
  grid_.weigh(scratch.offset, scratch.taps);
  raise_phases(scratch);
}

template <typename Scalar>
void PolarRenderer<Scalar>::sort_atoms(Scratch& scratch) const {
  const Eigen::Index atoms = atom_factors_.rows();
  const auto beyond = static_cast<int>(grid_.cells());
  const double* x = scratch.flat.col(0).data();
  const double* y = scratch.flat.col(1).data();
  const double* distance = scratch.flat.col(2).data();
  int* cell = scratch.cell.data();
  // Those of a cell are counted two behind it and placed from one behind it.
  Eigen::Index* starts = scratch.starts.data();
  std::fill(scratch.starts.begin(), scratch.starts.end(), 0);
  for (Eigen::Index atom = 0; atom < atoms; ++atom) {
    // What is no number shall be seen in the image.
    const bool is_beyond = distance[atom] >= beyond;
    cell[atom] =
        is_beyond ? beyond : (distance[atom] < beyond ? static_cast<int>(distance[atom]) : 0);
    ++starts[cell[atom] + 2];
  }
  scratch.first_cell = beyond;
  scratch.last_cell = -1;
  for (Eigen::Index at = 0; at < beyond; ++at) {
    if (starts[at + 2] > 0) {
      scratch.first_cell = std::min(scratch.first_cell, at);
      scratch.last_cell = at;
    }
    starts[at + 2] += starts[at + 1];
  }
  starts[beyond + 2] += starts[beyond + 1];
  Eigen::Index* order = scratch.order.data();
  double* placed_x = scratch.placed.col(0).data();
  double* placed_y = scratch.placed.col(1).data();
  double* placed_distance = scratch.placed.col(2).data();
  for (Eigen::Index atom = 0; atom < atoms; ++atom) {
    const Eigen::Index at = starts[cell[atom] + 1]++;
    order[at] = atom;
    placed_x[at] = x[atom];
    placed_y[at] = y[atom];
    placed_distance[at] = distance[atom];
  }
}

// Powers of the phases of a register of atoms, by halves, so that errors grow with their logarithm;
// then put together atom by atom.
template <typename Scalar>
void PolarRenderer<Scalar>::raise_phases(Scratch& scratch) const {
  constexpr Eigen::Index kWidth = kLanes<Scalar>;
  using Square = Eigen::Array<Scalar, kWidth, kWidth>;
  for (Eigen::Index at = 0; at < scratch.phase_real.size(); at += kWidth) {
    std::array<Lanes<Scalar>, std::size_t{kWidth}> real;
    std::array<Lanes<Scalar>, std::size_t{kWidth}> imaginary;
    real[0] = Lanes<Scalar>{} + 1;
    imaginary[0] = Lanes<Scalar>{};
    real[1] = load_lanes(scratch.phase_real.data() + at);
    imaginary[1] = load_lanes(scratch.phase_imaginary.data() + at);
    for (std::size_t m = 2; m < kWidth; ++m) {
      const std::size_t half = m / 2;
      real[m] = real[half] * real[m - half] - imaginary[half] * imaginary[m - half];
      imaginary[m] = real[half] * imaginary[m - half] + imaginary[half] * real[m - half];
    }
    Scalar* to_real = scratch.powers_real.col(at).data();
    Scalar* to_imaginary = scratch.powers_imaginary.col(at).data();
    for (std::size_t m = 0; m < kWidth; ++m) {
      store_lanes(real[m], to_real + static_cast<Eigen::Index>(m) * kWidth);
      store_lanes(imaginary[m], to_imaginary + static_cast<Eigen::Index>(m) * kWidth);
    }
    Eigen::Map<Square, Eigen::AlignedMax>(to_real).transposeInPlace();
    Eigen::Map<Square, Eigen::AlignedMax>(to_imaginary).transposeInPlace();
  }
}

template <typename Scalar>
Eigen::Index PolarRenderer<Scalar>::image_blocks() const {
  const Eigen::Index carried = 4 * std::max(pixel_harmonics_.cols() - 1, Eigen::Index{0});
  const Eigen::Index orders = basis_->layout().angular_frequencies() + carried;
  return (orders + kLanes<Scalar> - 1) / kLanes<Scalar>;
}

// Bins from the weighted taps.
template <typename Scalar>
void PolarRenderer<Scalar>::spread_atoms(Scratch& scratch) const {
  constexpr Eigen::Index kWidth = kLanes<Scalar>;
  constexpr std::size_t kTaps = BesselGrid<Scalar>::kTaps;
  const Eigen::Index blocks = image_blocks();
  const Scalar* taps = scratch.weighted.data();
  const Eigen::Index places = scratch.weighted.rows();
  const Scalar* step_real = scratch.step_real.data();
  const Scalar* step_imaginary = scratch.step_imaginary.data();
  Scalar* block_real = scratch.block_real.data();
  Scalar* block_imaginary = scratch.block_imaginary.data();
  for (Eigen::Index block = 0; block < blocks; ++block) {
    const Eigen::Index first = std::max(scratch.first_cell, grid_.first_cell(block));
    const Scalar* from_real = block == 0 ? scratch.powers_real.data() : block_real;
    const Scalar* from_imaginary = block == 0 ? scratch.powers_imaginary.data() : block_imaginary;
    Scalar* bins = scratch.bins.data() + 2 * (block * grid_.bins() + first) * kWidth;
    if (first > 0) {
      // The other one of a pair.
      std::fill_n(bins - 2 * kWidth, 2 * kWidth, Scalar{0});
    }
    // Bins that the cell's atoms reach: they slide over the grid.
    std::array<Lanes<Scalar>, kTaps> real = {};
    std::array<Lanes<Scalar>, kTaps> imaginary = {};
    const auto leave_first = [&] {
      store_lanes(real[0], bins);
      store_lanes(imaginary[0], bins + kWidth);
      bins += 2 * kWidth;
      for (std::size_t tap = 1; tap < kTaps; ++tap) {
        real[tap - 1] = real[tap];
        imaginary[tap - 1] = imaginary[tap];
      }
      real[kTaps - 1] = Lanes<Scalar>{};
      imaginary[kTaps - 1] = Lanes<Scalar>{};
    };
    for (Eigen::Index cell = first; cell <= scratch.last_cell; ++cell) {
      const bool goes_on = block + 1 < blocks && cell >= grid_.first_cell(block + 1);
      const Eigen::Index end = scratch.starts[static_cast<std::size_t>(cell + 1)];
      for (Eigen::Index at = scratch.starts[static_cast<std::size_t>(cell)]; at < end; ++at) {
        const Lanes<Scalar> re = load_lanes(from_real + at * kWidth);
        const Lanes<Scalar> im = load_lanes(from_imaginary + at * kWidth);
        for (std::size_t tap = 0; tap < kTaps; ++tap) {
          const Scalar weight = taps[static_cast<Eigen::Index>(tap) * places + at];
          real[tap] += re * weight;
          imaginary[tap] += im * weight;
        }
        if (goes_on) {
          store_lanes(re * step_real[at] - im * step_imaginary[at], block_real + at * kWidth);
          store_lanes(re * step_imaginary[at] + im * step_real[at], block_imaginary + at * kWidth);
        }
      }
      leave_first();
    }
    for (std::size_t tap = 0; tap < kTaps; ++tap) {
      leave_first();
    }
  }
}

template <typename Scalar>
void PolarRenderer<Scalar>::filter_pixels(bool transposed,
                                          Eigen::Index zero,
                                          Array& rows_real,
                                          Array& rows_imaginary) const {
  if (pixel_harmonics_.cols() == 0) {
    return;
  }
  const Eigen::Index reach = 4 * (pixel_harmonics_.cols() - 1);
  for (Eigen::Index ring = 0; ring < grid_.rings(); ++ring) {
    const Eigen::Index orders = orders_[static_cast<std::size_t>(ring)];
    for (const bool is_real : {true, false}) {
      auto row = (is_real ? rows_real : rows_imaginary).col(ring);
      // f(-m) = (-1)^m conj f(m).
      const auto fold_sign = [&](Eigen::Index m) -> Scalar {
        return (m % 2 == 0) == is_real ? 1 : -1;
      };
      // m = -reach .. orders - 1 + reach
      Vector wide = Vector::Zero(orders + 2 * reach);
      if (transposed) {
        for (Eigen::Index j = -reach / 4; j <= reach / 4; ++j) {
          wide.segment(reach + 4 * j, orders) +=
              pixel_harmonics_(ring, std::abs(j)) * row.segment(zero, orders).matrix();
        }
        for (Eigen::Index m = 1; m <= reach; ++m) {
          wide(reach + m) += fold_sign(m) * wide(reach - m);
        }
        row.segment(zero, orders + reach) = wide.tail(orders + reach).array();
      } else {
        wide.tail(orders + reach) = row.segment(zero, orders + reach).matrix();
        for (Eigen::Index m = 1; m <= reach; ++m) {
          wide(reach - m) = fold_sign(m) * wide(reach + m);
        }
        row.segment(zero, orders).setZero();
        for (Eigen::Index j = -reach / 4; j <= reach / 4; ++j) {
          row.segment(zero, orders) +=
              pixel_harmonics_(ring, std::abs(j)) * wide.segment(reach + 4 * j, orders).array();
        }
      }
    }
  }
}

template <typename Scalar>
void PolarRenderer<Scalar>::render(const Eigen::Matrix3Xd& positions,
                                   const Pose& pose,
                                   Workspace& workspace,
                                   Eigen::Ref<Vector> image) const {
  place(positions, pose, workspace);
  constexpr Eigen::Index kWidth = kLanes<Scalar>;
  auto& scratch = static_cast<Scratch&>(workspace);
  const Eigen::Index blocks = image_blocks();
  if (scratch.last_cell < 0 || atom_factors_.cols() == 0) {
    image.setZero();
    return;
  }
  for (Eigen::Index product = 0; product < atom_factors_.cols(); ++product) {
    for (Eigen::Index at = 0; at < scratch.starts[static_cast<std::size_t>(grid_.cells())]; ++at) {
      scratch.factors(at) = atom_factors_(scratch.order[static_cast<std::size_t>(at)], product);
    }
    scratch.weighted = scratch.taps.colwise() * scratch.factors;
    spread_atoms(scratch);
    grid_.sum_bins(scratch.bins,
                   scratch.first_cell,
                   scratch.last_cell + BesselGrid<Scalar>::kTaps - 1,
                   blocks,
                   scratch.rings);
    for (Eigen::Index ring = 0; ring < grid_.rings(); ++ring) {
      const Scalar factor = ring_factors_(ring, product);
      const bool is_first = product == 0;
      for (Eigen::Index block = 0; block < blocks; ++block) {
        const Scalar* sums = scratch.rings.col(2 * (block * grid_.rings() + ring)).data();
        Scalar* real = scratch.rows_real.col(ring).data() + block * kWidth;
        Scalar* imaginary = scratch.rows_imaginary.col(ring).data() + block * kWidth;
        const Lanes<Scalar> none = {};
        store_lanes(load_lanes(sums) * factor + (is_first ? none : load_lanes(real)), real);
        store_lanes(load_lanes(sums + kWidth) * factor + (is_first ? none : load_lanes(imaginary)),
                    imaginary);
      }
    }
  }
  filter_pixels(false, 0, scratch.rows_real, scratch.rows_imaginary);
  const PolarLayout& layout = basis_->layout();
  for (int m = 0; m < layout.angular_frequencies(); ++m) {
    const Scalar scale = m == 0 ? 1 : std::numbers::sqrt2_v<Scalar>;
    const Scalar* real = scratch.rows_real.data() + m;
    const Scalar* imaginary = scratch.rows_imaginary.data() + m;
    const Eigen::Index stride = scratch.rows_real.rows();
    const Eigen::Index count = layout.count(m);
    Scalar* to = image.data() + layout.offset(m);
    for (Eigen::Index n = 0, at = (layout.first_ring(m) - 1) * stride; n < count;
         ++n, at += stride) {
      to[n] = scale * real[at];
      to[count + n] = scale * imaginary[at];
    }
  }
}

// Adds to every atom's gradient.
template <typename Scalar>
void PolarRenderer<Scalar>::gather_atoms(Eigen::Index product, Scratch& scratch) const {
  constexpr Eigen::Index kWidth = kLanes<Scalar>;
  constexpr std::size_t kTaps = BesselGrid<Scalar>::kTaps;
  using Sum = Eigen::Array<Scalar, kWidth, 1>;
  const Scalar* taps = scratch.taps.data();
  const Eigen::Index places = scratch.taps.rows();
  Eigen::Index blocks = 0;
  for (Eigen::Index cell = scratch.first_cell; cell <= scratch.last_cell; ++cell) {
    while (blocks < grid_.blocks() && grid_.first_cell(blocks) <= cell) {
      ++blocks;
    }
    const Eigen::Index end = scratch.starts[static_cast<std::size_t>(cell + 1)];
    for (Eigen::Index at = scratch.starts[static_cast<std::size_t>(cell)]; at < end; ++at) {
      Lanes<Scalar> real = load_lanes(scratch.powers_real.data() + at * kWidth);
      Lanes<Scalar> imaginary = load_lanes(scratch.powers_imaginary.data() + at * kWidth);
      Lanes<Scalar> by_x = {};
      Lanes<Scalar> by_y = {};
      for (Eigen::Index block = 0; block < blocks; ++block) {
        const Scalar* pulls = scratch.bin_pulls.data() + 4 * (block * grid_.bins() + cell) * kWidth;
        std::array<Lanes<Scalar>, 4> pull = {};
        for (std::size_t tap = 0; tap < kTaps; ++tap) {
          const Scalar weight = taps[static_cast<Eigen::Index>(tap) * places + at];
          for (Lanes<Scalar>& part : pull) {
            part += load_lanes(pulls) * weight;
            pulls += kWidth;
          }
        }
        by_x += pull[0] * real;
        by_y += pull[2] * real;
        by_x += pull[1] * imaginary;
        by_y += pull[3] * imaginary;
        const Lanes<Scalar> turned =
            real * scratch.step_real(at) - imaginary * scratch.step_imaginary(at);
        imaginary = real * scratch.step_imaginary(at) + imaginary * scratch.step_real(at);
        real = turned;
      }
      const Eigen::Index atom = scratch.order[static_cast<std::size_t>(at)];
      Sum sum;
      store_lanes(by_x, sum.data());
      const auto factor = static_cast<double>(atom_factors_(atom, product));
      scratch.by_x(atom) += factor * static_cast<double>(sum.sum());
      store_lanes(by_y, sum.data());
      scratch.by_y(atom) += factor * static_cast<double>(sum.sum());
    }
  }
}

template <typename Scalar>
void PolarRenderer<Scalar>::pull_back(const Eigen::Ref<const Vector>& adjoint,
                                      Workspace& workspace,
                                      RenderGradient& gradient) const {
  constexpr Eigen::Index kWidth = kLanes<Scalar>;
  auto& scratch = static_cast<Scratch&>(workspace);
  const PolarLayout& layout = basis_->layout();
  const Eigen::Index zero = kWidth;
  Array& rows_real = scratch.pull_rows_real;
  Array& rows_imaginary = scratch.pull_rows_imaginary;
  for (int m = 0; m < layout.angular_frequencies(); ++m) {
    const Scalar scale = m == 0 ? 1 : std::numbers::sqrt2_v<Scalar>;
    Scalar* real = rows_real.data() + zero + m;
    Scalar* imaginary = rows_imaginary.data() + zero + m;
    const Eigen::Index stride = rows_real.rows();
    const Eigen::Index count = layout.count(m);
    const Scalar* from = adjoint.data() + layout.offset(m);
    for (Eigen::Index n = 0, at = (layout.first_ring(m) - 1) * stride; n < count;
         ++n, at += stride) {
      real[at] = scale * from[n];
      imaginary[at] = m == 0 ? 0 : scale * from[count + n];
    }
  }
  filter_pixels(true, zero, rows_real, rows_imaginary);
  // With f(m) = (-i)^m J_m(2 pi k rho) exp(-i m theta),
  //   df/dx = -pi i k (f(m - 1) + f(m + 1)),  df/dy = pi k (f(m + 1) - f(m - 1)),
  // and f(-1) = -conj f(1) is the same as if m = 0 counted twice for m = 1.
  rows_real.row(zero) *= 2;
  rows_imaginary.row(zero).setZero();
  scratch.by_x.setZero();
  scratch.by_y.setZero();
  const double edge = basis_->grid().edge_angstrom();
  const Eigen::Index products = scratch.last_cell < 0 ? 0 : atom_factors_.cols();
  for (Eigen::Index product = 0; product < products; ++product) {
    for (Eigen::Index ring = 0; ring < grid_.rings(); ++ring) {
      const Scalar rate = ring_factors_(ring, product) *
                          static_cast<Scalar>(kPi * static_cast<double>(ring + 1) / edge);
      for (Eigen::Index block = 0; block < grid_.blocks(); ++block) {
        const Scalar* real = rows_real.col(ring).data() + zero + block * kWidth;
        const Scalar* imaginary = rows_imaginary.col(ring).data() + zero + block * kWidth;
        Scalar* pulls = scratch.pulls.col(4 * (block * grid_.rings() + ring)).data();
        const Lanes<Scalar> real_below = load_lanes(real - 1) * rate;
        const Lanes<Scalar> real_above = load_lanes(real + 1) * rate;
        const Lanes<Scalar> imaginary_below = load_lanes(imaginary - 1) * rate;
        const Lanes<Scalar> imaginary_above = load_lanes(imaginary + 1) * rate;
        store_lanes(-(imaginary_above + imaginary_below), pulls);
        store_lanes(real_above + real_below, pulls + kWidth);
        store_lanes(real_below - real_above, pulls + 2 * kWidth);
        store_lanes(imaginary_below - imaginary_above, pulls + 3 * kWidth);
      }
    }
    grid_.sum_rings(scratch.pulls,
                    scratch.first_cell,
                    scratch.last_cell + BesselGrid<Scalar>::kTaps - 1,
                    scratch.bin_pulls);
    gather_atoms(product, scratch);
  }
  pull_back_view(scratch.pose, order_, scratch.view, scratch.by_x, scratch.by_y, gradient);
}

template class PolarRenderer<float>;
template class PolarRenderer<double>;

}  // namespace cryosip

#include "libcryosip/structure/normal_modes.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <numeric>
#include <string>
#include <tuple>
#include <vector>

#include <Eigen/Eigenvalues>
#include <Eigen/Geometry>
#include <Eigen/QR>
#include <Eigen/SparseCholesky>
#include <Spectra/SymEigsSolver.h>

#include "formats/error.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;
using Neighbours = std::vector<std::vector<Index>>;
using Cell = std::array<std::int64_t, 3>;

// Spring constants are 1 and the softest modes of whole proteins lie near 1e-3, zeros near 1e-13.
constexpr double kZeroEigenvalue = 1e-8;
// Below the eigenvalues sought, and large enough to keep the factorisation well conditioned.
constexpr double kShift = 1e-4;
// Up to here a dense solver takes less than a second, and knows no trouble with equal eigenvalues.
constexpr Index kDenseSize = 300;

void check_positions(const Eigen::Matrix3Xd& positions_angstrom, double cutoff_angstrom) {
  if (!(cutoff_angstrom > 0) || !std::isfinite(cutoff_angstrom)) {
    throw Error(ErrorKind::Usage,
                "cutoff of " + std::to_string(cutoff_angstrom) + " A, expected more than 0");
  }
  // Further out a cell's number would overflow.
  if (!(positions_angstrom.array().abs() / cutoff_angstrom < 1e15).all()) {
    throw Error(ErrorKind::Usage, "the nodes' positions are not all finite numbers below 1e15");
  }
}

Cell cell_of(const Eigen::Vector3d& position, double edge) {
  return {static_cast<std::int64_t>(std::floor(position.x() / edge)),
          static_cast<std::int64_t>(std::floor(position.y() / edge)),
          static_cast<std::int64_t>(std::floor(position.z() / edge))};
}

// For each node the others within the cutoff, ascending.  Cells of the cutoff's size: O(n) work at
// a protein's density.
Neighbours find_neighbours(const Eigen::Matrix3Xd& positions, double cutoff) {
  std::map<Cell, std::vector<Index>> cells;
  for (Index i = 0; i < positions.cols(); ++i) {
    cells[cell_of(positions.col(i), cutoff)].push_back(i);
  }
  Neighbours neighbours(static_cast<std::size_t>(positions.cols()));
  for (Index i = 0; i < positions.cols(); ++i) {
    auto& near = neighbours[static_cast<std::size_t>(i)];
    const Cell home = cell_of(positions.col(i), cutoff);
    for (int offset = 0; offset < 27; ++offset) {
      const auto cell = cells.find(
          {home[0] + offset % 3 - 1, home[1] + offset / 3 % 3 - 1, home[2] + offset / 9 - 1});
      if (cell == cells.end()) {
        continue;
      }
      for (const Index j : cell->second) {
        if (j != i && (positions.col(i) - positions.col(j)).squaredNorm() <= cutoff * cutoff) {
          near.push_back(j);
        }
      }
    }
    std::sort(near.begin(), near.end());
  }
  return neighbours;
}

std::size_t count_pieces(const Neighbours& neighbours) {
  std::vector<bool> seen(neighbours.size(), false);
  std::size_t pieces = 0;
  for (std::size_t start = 0; start < neighbours.size(); ++start) {
    if (seen[start]) {
      continue;
    }
    ++pieces;
    std::vector<std::size_t> pending = {start};
    seen[start] = true;
    while (!pending.empty()) {
      const std::size_t node = pending.back();
      pending.pop_back();
      for (const Index next : neighbours[node]) {
        if (!seen[static_cast<std::size_t>(next)]) {
          seen[static_cast<std::size_t>(next)] = true;
          pending.push_back(static_cast<std::size_t>(next));
        }
      }
    }
  }
  return pieces;
}

// -d d^T / |d|^2, the block of two joined nodes.
Eigen::Matrix3d spring(const Eigen::Matrix3Xd& positions, Index i, Index j) {
  const Eigen::Vector3d d = positions.col(j) - positions.col(i);
  const double squared = d.squaredNorm();
  if (!(squared > 0)) {
    throw Error(ErrorKind::Numerical,
                "nodes " + std::to_string(j + 1) + " and " + std::to_string(i + 1) +
                    " lie on the same point");
  }
  return -d * d.transpose() / squared;
}

// Filled in the order of storage: of an all-atom network no second copy is needed.
Eigen::SparseMatrix<double> assemble(const Eigen::Matrix3Xd& positions,
                                     const Neighbours& neighbours) {
  const Index nodes = positions.cols();
  Index blocks = nodes;
  for (const auto& near : neighbours) {
    blocks += static_cast<Index>(near.size());
  }
  Eigen::SparseMatrix<double> hessian(3 * nodes, 3 * nodes);
  hessian.reserve(9 * blocks);
  std::vector<std::pair<Index, Eigen::Matrix3d>> column;
  for (Index j = 0; j < nodes; ++j) {
    column.clear();
    Eigen::Matrix3d diagonal = Eigen::Matrix3d::Zero();
    for (const Index i : neighbours[static_cast<std::size_t>(j)]) {
      column.emplace_back(i, spring(positions, i, j));
      diagonal -= column.back().second;
    }
    const auto place = std::find_if(
        column.begin(), column.end(), [&](const auto& block) { return block.first > j; });
    column.insert(place, {j, diagonal});
    for (int c = 0; c < 3; ++c) {
      hessian.startVec(3 * j + c);
      for (const auto& [i, block] : column) {
        for (int r = 0; r < 3; ++r) {
          hessian.insertBack(3 * i + r, 3 * j + c) = block(r, c);
        }
      }
    }
  }
  hessian.finalize();
  return hessian;
}

// Orthonormal basis (3n, 6) of translations and rotations; fewer columns for collinear nodes.
Eigen::MatrixXd rigid_motions(const Eigen::Matrix3Xd& positions) {
  const Eigen::Matrix3Xd centred = positions.colwise() - positions.rowwise().mean();
  Eigen::MatrixXd motions(positions.size(), 6);
  const double extent = std::max(centred.norm(), 1e-300);
  for (int axis = 0; axis < 3; ++axis) {
    const Eigen::Vector3d unit = Eigen::Vector3d::Unit(axis);
    for (Index i = 0; i < positions.cols(); ++i) {
      motions.col(axis).segment<3>(3 * i) = unit / std::sqrt(static_cast<double>(positions.cols()));
      motions.col(3 + axis).segment<3>(3 * i) = unit.cross(centred.col(i)) / extent;
    }
  }
  Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(motions);
  qr.setThreshold(1e-10);
  return qr.householderQ() * Eigen::MatrixXd::Identity(positions.size(), qr.rank());
}

// x -> P (H + shift)^-1 P x, P taking the rigid motions out: what is left are the modes sought, the
// softest with the largest eigenvalue 1 / (lambda + shift).
class ShiftInvert {
 public:
  using Scalar = double;

  ShiftInvert(const Eigen::SparseMatrix<double>& hessian, const Eigen::MatrixXd& rigid)
      : rigid_(rigid) {
    Eigen::SparseMatrix<double> shift(hessian.rows(), hessian.cols());
    shift.setIdentity();
    factor_.compute(hessian + kShift * shift);
    if (factor_.info() != Eigen::Success) {
      throw Error(ErrorKind::Numerical, "the network's Hessian could not be factorised");
    }
  }

  [[nodiscard]] Index rows() const { return rigid_.rows(); }
  [[nodiscard]] Index cols() const { return rigid_.rows(); }
  void perform_op(const double* in, double* out) const {
    const Eigen::Map<const Eigen::VectorXd> x(in, rows());
    Eigen::Map<Eigen::VectorXd> y(out, rows());
    y = without_rigid(factor_.solve(without_rigid(x)));
  }

 private:
  [[nodiscard]] Eigen::VectorXd without_rigid(const Eigen::VectorXd& x) const {
    return x - rigid_ * (rigid_.transpose() * x);
  }

  const Eigen::MatrixXd& rigid_;
  Eigen::SimplicialLDLT<Eigen::SparseMatrix<double>> factor_;
};

// Rigid motions left out, ascending.
Eigen::MatrixXd dense_modes(const Eigen::SparseMatrix<double>& hessian,
                            const Eigen::MatrixXd& rigid,
                            Index modes) {
  // A stiff spring on the rigid motions moves them behind all others.
  const double stiff = 2 * Eigen::MatrixXd(hessian).norm() + 1;
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(Eigen::MatrixXd(hessian) +
                                                              stiff * rigid * rigid.transpose());
  return solver.eigenvectors().leftCols(modes);
}

Eigen::MatrixXd sparse_modes(const Eigen::SparseMatrix<double>& hessian,
                             const Eigen::MatrixXd& rigid,
                             Index modes) {
  ShiftInvert inverse(hessian, rigid);
  const Index krylov = std::min<Index>(hessian.rows(), std::max<Index>(2 * modes + 1, 20));
  Spectra::SymEigsSolver<ShiftInvert> solver(inverse, modes, krylov);
  solver.init();  // a fixed start: the same modes every time
  constexpr Index kIterations = 1000;
  constexpr double kTolerance = 1e-12;
  solver.compute(Spectra::SortRule::LargestAlge, kIterations, kTolerance);
  if (solver.info() != Spectra::CompInfo::Successful) {
    throw Error(
        ErrorKind::Numerical,
        "the normal modes did not converge in " + std::to_string(kIterations) + " iterations");
  }
  return solver.eigenvectors(modes);
}

// Of components that tie but for rounding the first decides, so that a symmetric molecule's modes
// have the same sign everywhere.
void fix_sign(Eigen::MatrixXd::ColXpr vector) {
  const double nearly_largest = (1 - 1e-6) * vector.cwiseAbs().maxCoeff();
  for (Index i = 0; i < vector.size(); ++i) {
    if (std::abs(vector(i)) >= nearly_largest) {
      if (vector(i) < 0) {
        vector = -vector;
      }
      return;
    }
  }
}

void check_options(Index nodes, const NormalModeOptions& options) {
  if (nodes < 3) {
    throw Error(ErrorKind::Usage,
                std::to_string(nodes) + " nodes, expected at least 3 for a network");
  }
  if (options.modes < 1 || options.modes > 3 * nodes - 6) {
    throw Error(ErrorKind::Usage,
                std::to_string(options.modes) + " modes, expected 1 to " +
                    std::to_string(3 * nodes - 6) + " of " + std::to_string(nodes) + " nodes");
  }
  if (!(options.amplitude_angstrom > 0) || !std::isfinite(options.amplitude_angstrom)) {
    throw Error(
        ErrorKind::Usage,
        "amplitude of " + std::to_string(options.amplitude_angstrom) + " A, expected more than 0");
  }
}

std::string at_cutoff(double cutoff_angstrom) {
  std::string text = std::to_string(cutoff_angstrom);
  text.erase(text.find_last_not_of('0') + 1);
  if (text.back() == '.') {
    text.pop_back();
  }
  return " at a cutoff of " + text + " A";
}

}  // namespace

Eigen::SparseMatrix<double> network_hessian(const Eigen::Matrix3Xd& positions_angstrom,
                                            double cutoff_angstrom) {
  check_positions(positions_angstrom, cutoff_angstrom);
  return assemble(positions_angstrom, find_neighbours(positions_angstrom, cutoff_angstrom));
}

NormalModes normal_modes(const Eigen::Matrix3Xd& positions_angstrom,
                         const NormalModeOptions& options) {
  const Index nodes = positions_angstrom.cols();
  check_options(nodes, options);
  check_positions(positions_angstrom, options.cutoff_angstrom);
  const Neighbours neighbours = find_neighbours(positions_angstrom, options.cutoff_angstrom);
  const std::size_t pieces = count_pieces(neighbours);
  if (pieces > 1) {
    throw Error(ErrorKind::Numerical,
                "the network falls apart into " + std::to_string(pieces) + " pieces" +
                    at_cutoff(options.cutoff_angstrom) + "; a larger one would join them");
  }
  const Eigen::MatrixXd rigid = rigid_motions(positions_angstrom);
  if (rigid.cols() < 6) {
    throw Error(ErrorKind::Numerical, "the network's nodes lie on one line (1 piece)");
  }

  const Eigen::SparseMatrix<double> hessian = assemble(positions_angstrom, neighbours);
  const bool dense = hessian.rows() <= kDenseSize || options.modes > hessian.rows() / 2;
  NormalModes result;
  result.vectors = dense ? dense_modes(hessian, rigid, options.modes)
                         : sparse_modes(hessian, rigid, options.modes);
  // Rayleigh quotients: free of the shift, and their error is the square of the vectors'.
  result.eigenvalues = (result.vectors.transpose() * (hessian * result.vectors)).diagonal();
  const auto zeros = (result.eigenvalues.array() < kZeroEigenvalue).count();
  if (zeros > 0) {
    throw Error(ErrorKind::Numerical,
                "the network has " + std::to_string(6 + zeros) + " or more zero modes" +
                    at_cutoff(options.cutoff_angstrom) +
                    ", expected 6: it is one piece, but parts of it turn freely");
  }
  for (Index k = 0; k < result.vectors.cols(); ++k) {
    fix_sign(result.vectors.col(k));
  }
  const double first_scale = options.amplitude_angstrom * std::sqrt(static_cast<double>(nodes));
  result.scales =
      first_scale * (result.eigenvalues(0) / result.eigenvalues.array()).sqrt().matrix();
  return result;
}

NormalModes extend_to_atoms(const NormalModes& modes, const Atoms& nodes, const Atoms& atoms) {
  if (modes.vectors.rows() != nodes.positions_angstrom.size() || nodes.count() == 0) {
    throw Error(ErrorKind::Usage,
                "modes of " + std::to_string(modes.vectors.rows() / 3) + " nodes for " +
                    std::to_string(nodes.count()) + " nodes");
  }
  using Residue = std::tuple<std::string, int, char>;
  std::map<Residue, std::vector<Index>> nodes_of;
  const auto residue = [](const Atoms& of, Index i) {
    const auto at = static_cast<std::size_t>(i);
    return Residue(of.chains[at], of.residue_numbers[at], of.insertion_codes[at]);
  };
  for (Index i = 0; i < nodes.count(); ++i) {
    nodes_of[residue(nodes, i)].push_back(i);
  }
  std::vector<Index> all(static_cast<std::size_t>(nodes.count()));
  std::iota(all.begin(), all.end(), Index{0});

  NormalModes extended = modes;
  extended.vectors.resize(3 * atoms.count(), modes.vectors.cols());
  for (Index i = 0; i < atoms.count(); ++i) {
    const auto own = nodes_of.find(residue(atoms, i));
    const std::vector<Index>& candidates = own == nodes_of.end() ? all : own->second;
    const auto distance = [&](Index node) {
      return (nodes.positions_angstrom.col(node) - atoms.positions_angstrom.col(i)).squaredNorm();
    };
    const Index nearest =
        *std::min_element(candidates.begin(), candidates.end(), [&](Index a, Index b) {
          return distance(a) < distance(b);
        });
    extended.vectors.middleRows<3>(3 * i) = modes.vectors.middleRows<3>(3 * nearest);
  }
  return extended;
}

formats::Nmd to_nmd(const Atoms& atoms, const NormalModes& modes, const std::string& title) {
  if (modes.vectors.rows() != 3 * atoms.count() || modes.scales.size() != modes.vectors.cols()) {
    throw Error(ErrorKind::Usage,
                "modes of " + std::to_string(modes.vectors.rows() / 3) + " nodes for " +
                    std::to_string(atoms.count()) + " atoms");
  }
  formats::Nmd nmd;
  nmd.title = title;
  nmd.atom_names = atoms.names;
  nmd.residue_names = atoms.residue_names;
  nmd.chains = atoms.chains;
  nmd.residue_numbers = atoms.residue_numbers;
  nmd.b_factors.assign(atoms.b_factors_angstrom2.begin(), atoms.b_factors_angstrom2.end());
  nmd.coordinates_angstrom.assign(atoms.positions_angstrom.reshaped().begin(),
                                  atoms.positions_angstrom.reshaped().end());
  for (Index k = 0; k < modes.vectors.cols(); ++k) {
    const auto vector = modes.vectors.col(k);
    nmd.modes.push_back({static_cast<int>(k) + 1,
                         modes.scales(k),
                         std::vector<double>(vector.begin(), vector.end())});
  }
  return nmd;
}

NormalModes from_nmd(const formats::Nmd& nmd) {
  const auto values = static_cast<Index>(nmd.coordinates_angstrom.size());
  const auto count = static_cast<Index>(nmd.modes.size());
  NormalModes modes;
  modes.vectors.resize(values, count);
  modes.scales.resize(count);
  for (Index k = 0; k < count; ++k) {
    const formats::NmdMode& mode = nmd.modes[static_cast<std::size_t>(k)];
    if (static_cast<Index>(mode.vector.size()) != values) {
      throw Error(ErrorKind::Usage,
                  "mode " + std::to_string(k + 1) + " has " + std::to_string(mode.vector.size()) +
                      " values for " + std::to_string(values) + " coordinates");
    }
    modes.vectors.col(k) = Eigen::Map<const Eigen::VectorXd>(mode.vector.data(), values);
    modes.scales(k) = mode.scale;
  }
  return modes;
}

}  // namespace cryosip

#include "libcryosip/assess/image_distance.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <string>
#include <vector>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

constexpr Index kBlock = 256;  // images along an edge of a block of pairs
// Below this share of the norms a squared distance by matrix product has lost its digits.
constexpr double kCancelled = 1e-4;

// Images about an origin near them, which keeps the digits of squared distances.
struct CentredImages {
  CentredImages(const Eigen::MatrixXf& all, const Eigen::VectorXf& origin)
      : images(all.colwise() - origin),
        norms(images.cast<double>().colwise().squaredNorm().transpose()) {}

  Eigen::MatrixXf images;
  Eigen::ArrayXd norms;  // squared
};

struct Range {
  Index first;
  Index count;
};

Range block_range(Index block, Index images) {
  const Index first = block * kBlock;
  return {first, std::min(kBlock, images - first)};
}

// |x_i - y_j|^2 for i in rows, j in columns.
Eigen::ArrayXXd squared_distances(const CentredImages& x,
                                  const Range& rows,
                                  const CentredImages& y,
                                  const Range& columns) {
  const auto left = x.images.middleCols(rows.first, rows.count);
  const auto right = y.images.middleCols(columns.first, columns.count);
  const Eigen::MatrixXf products = left.transpose() * right;
  Eigen::ArrayXXd squares = -2 * products.cast<double>().array();
  for (Index j = 0; j < columns.count; ++j) {
    for (Index i = 0; i < rows.count; ++i) {
      const double both = x.norms(rows.first + i) + y.norms(columns.first + j);
      double& square = squares(i, j);
      square += both;
      if (square < kCancelled * both) {
        square = (left.col(i) - right.col(j)).cast<double>().squaredNorm();
      }
    }
  }
  return squares;
}

// Of h(i, j) in a block of pairs.
struct BlockSums {
  Eigen::VectorXd of_rows;
  Eigen::VectorXd of_columns;
  double squares = 0;
  Eigen::VectorXd exchanged;  // (permutations): of sign(i) sign(j) h(i, j)
};

// @param row_signs,column_signs  (pairs of images, permutations)
BlockSums sums_of(const Eigen::ArrayXXd& h,
                  const Eigen::MatrixXd& row_signs,
                  const Eigen::MatrixXd& column_signs) {
  return {h.rowwise().sum().matrix(),
          h.colwise().sum().transpose().matrix(),
          h.square().sum(),
          (h.matrix() * column_signs).cwiseProduct(row_signs).colwise().sum().transpose()};
}

// -1 where a pair's images change places: (pairs, permutations).
Eigen::MatrixXd exchange_signs(Index pairs, Index permutations, std::uint64_t seed) {
  Eigen::MatrixXd signs(pairs, permutations);
  parallel_for(static_cast<std::size_t>(permutations), [&](std::size_t permutation) {
    RandomStream stream(seed, StreamPurpose::Permutation, permutation);
    for (Index i = 0; i < pairs; ++i) {
      signs(i, static_cast<Index>(permutation)) = (stream.bits() & 1U) != 0 ? 1 : -1;
    }
  });
  return signs;
}

// Estimate and standard error from sum_{j != i} h(i, j) for each i, and sum_{i != j} h(i, j)^2.
Estimate estimate(const Eigen::VectorXd& sums, double squares) {
  const auto n = static_cast<double>(sums.size());
  const double total = sums.sum();
  const double shared = sums.squaredNorm();
  const double pairs = n * (n - 1);
  // E h(1,2)^2, E h(1,2) h(1,3) and (E h)^2: means over indices that all differ.
  const double same = squares / pairs;
  const double one_shared = (shared - squares) / (pairs * (n - 2));
  const double none_shared =
      (total * total - 4 * shared + 2 * squares) / (pairs * (n - 2) * (n - 3));
  // For equal laws the first term is 0 but for chance, which must not eat up the second.
  const double of_means = std::max(one_shared - none_shared, 0.0);
  const double of_pairs = std::max(same - none_shared, 0.0);
  const double variance = (4 * (n - 2) * of_means + 2 * of_pairs) / pairs;
  return {total / pairs, std::sqrt(variance)};
}

}  // namespace

ImageSetDistance image_set_distance(const Eigen::MatrixXf& a,
                                    const Eigen::MatrixXf& b,
                                    double bandwidth,
                                    Index permutations,
                                    std::uint64_t seed) {
  const Index n = a.cols();
  if (b.cols() != n || b.rows() != a.rows() || n < 4) {
    throw Error(ErrorKind::Usage,
                "image sets of " + std::to_string(n) + " and " + std::to_string(b.cols()) +
                    " images, expected as many in each, at least 4, of equal size");
  }
  if (!(bandwidth > 0) || !std::isfinite(bandwidth)) {
    throw Error(ErrorKind::Usage,
                "kernel bandwidth " + std::to_string(bandwidth) + ", expected more than 0");
  }
  const Eigen::VectorXf origin = b.rowwise().mean();
  const CentredImages x(a, origin);
  const CentredImages y(b, origin);

  const Eigen::MatrixXd signs = exchange_signs(n, permutations, seed);

  struct Block {
    Index row;
    Index column;
  };
  std::vector<Block> blocks;  // h is symmetric
  const Index edge = (n + kBlock - 1) / kBlock;
  for (Index row = 0; row < edge; ++row) {
    for (Index column = row; column < edge; ++column) {
      blocks.push_back({row, column});
    }
  }
  constexpr std::size_t kKernels = 2;
  std::vector<std::array<BlockSums, kKernels>> of_block(blocks.size());
  parallel_for(blocks.size(), [&](std::size_t at) {
    const Block& block = blocks[at];
    const Range rows = block_range(block.row, n);
    const Range columns = block_range(block.column, n);
    const std::array<Eigen::ArrayXXd, 4> squares = {squared_distances(x, rows, y, columns),
                                                    squared_distances(y, rows, x, columns),
                                                    squared_distances(x, rows, x, columns),
                                                    squared_distances(y, rows, y, columns)};
    const auto add = [&](std::size_t kernel, const auto& value) {
      Eigen::ArrayXXd h =
          value(squares[0]) + value(squares[1]) - value(squares[2]) - value(squares[3]);
      if (block.row == block.column) {
        h.matrix().diagonal().setZero();
      }
      of_block[at].at(kernel) = sums_of(h,
                                        signs.middleRows(rows.first, rows.count),
                                        signs.middleRows(columns.first, columns.count));
    };
    add(0, [](const Eigen::ArrayXXd& r2) { return r2.sqrt(); });
    const double steepness = -0.5 / (bandwidth * bandwidth);
    add(1, [=](const Eigen::ArrayXXd& r2) { return -(steepness * r2).exp(); });
  });

  std::array<Estimate, kKernels> estimates;
  std::array<double, kKernels> p_values{};
  for (std::size_t kernel = 0; kernel < kKernels; ++kernel) {
    Eigen::VectorXd sums = Eigen::VectorXd::Zero(n);
    double squares = 0;
    Eigen::VectorXd exchanged = Eigen::VectorXd::Zero(permutations);
    for (std::size_t at = 0; at < blocks.size(); ++at) {
      const auto [row, column] = blocks[at];
      const BlockSums& of_pairs = of_block[at].at(kernel);
      sums.segment(row * kBlock, of_pairs.of_rows.size()) += of_pairs.of_rows;
      squares += of_pairs.squares;
      exchanged += (row == column ? 1 : 2) * of_pairs.exchanged;
      if (row != column) {
        sums.segment(column * kBlock, of_pairs.of_columns.size()) += of_pairs.of_columns;
        squares += of_pairs.squares;
      }
    }
    estimates.at(kernel) = estimate(sums, squares);
    // One that exchanges all or none may differ by rounding.
    constexpr double kRounding = 1e-12;
    const double level = sums.sum() - kRounding * std::sqrt(squares) * static_cast<double>(n);
    p_values.at(kernel) = static_cast<double>(1 + (exchanged.array() >= level).count()) /
                          static_cast<double>(1 + permutations);
  }
  return {estimates[0], estimates[1], p_values[0], p_values[1]};
}

}  // namespace cryosip

#include "libcryosip/assess/map_products.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numbers>
#include <vector>

#include <Eigen/Eigenvalues>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// Rows that are turned into double precision at once, and parts that are summed apart.
constexpr Index kBlock = 4096;
constexpr Index kParts = 64;

Index counted_voxels(const VolumeSet& maps, const Eigen::VectorXf& mask) {
  return mask.size() > 0 ? (mask.array() != 0).count() : maps.values.rows();
}

// (map - median) inside the mask, 0 outside, in double precision.
Eigen::MatrixXd shifted_rows(const VolumeSet& maps,
                             const Eigen::VectorXd& medians,
                             const Eigen::VectorXf& mask,
                             Index row,
                             Index rows) {
  Eigen::MatrixXd block = maps.values.middleRows(row, rows).cast<double>();
  block.rowwise() -= medians.transpose();
  if (mask.size() > 0) {
    block.array().colwise() *= (mask.segment(row, rows).array() != 0).cast<double>();
  }
  return block;
}

// Of all maps of a, then all of b, shifted: sums, and sums of products of any two.
struct Products {
  Eigen::VectorXd sums;
  Eigen::MatrixXd products;
};

Products sum_products(const VolumeSet& a,
                      const VolumeSet& b,
                      const Eigen::VectorXd& medians,
                      const Eigen::VectorXf& mask) {
  const Index voxels = a.values.rows();
  const Index maps = a.size() + b.size();
  const Index rows_of_part = (voxels + kParts - 1) / kParts;
  std::vector<Products> parts(kParts);
  parallel_for(kParts, [&](std::size_t index) {
    Products& part = parts[index];
    part.sums.setZero(maps);
    part.products.setZero(maps, maps);
    const Index begin = static_cast<Index>(index) * rows_of_part;
    const Index end = std::min(begin + rows_of_part, voxels);
    for (Index row = begin; row < end; row += kBlock) {
      const Index rows = std::min(kBlock, end - row);
      Eigen::MatrixXd block(rows, maps);
      block << shifted_rows(a, medians.head(a.size()), mask, row, rows),
          shifted_rows(b, medians.tail(b.size()), mask, row, rows);
      part.sums += block.colwise().sum().transpose();
      part.products.selfadjointView<Eigen::Lower>().rankUpdate(block.transpose());
    }
  });
  Products total = std::move(parts.front());
  for (std::size_t index = 1; index < parts.size(); ++index) {
    total.sums += parts[index].sums;
    total.products += parts[index].products;
  }
  total.products = Eigen::MatrixXd(total.products.selfadjointView<Eigen::Lower>());
  return total;
}

Eigen::VectorXd lower_medians(const VolumeSet& maps, const Eigen::VectorXf& mask) {
  Eigen::VectorXd medians(maps.size());
  parallel_for(static_cast<std::size_t>(maps.size()), [&](std::size_t index) {
    std::vector<float> values;
    values.reserve(static_cast<std::size_t>(maps.values.rows()));
    for (Index voxel = 0; voxel < maps.values.rows(); ++voxel) {
      if (mask.size() == 0 || mask(voxel) != 0) {
        values.push_back(maps.values(voxel, static_cast<Index>(index)));
      }
    }
    const auto middle = values.begin() + static_cast<std::ptrdiff_t>((values.size() - 1) / 2);
    std::nth_element(values.begin(), middle, values.end());
    medians(static_cast<Index>(index)) = *middle;
  });
  return medians;
}

// Over N - 1, from sums of shifted maps.
Eigen::VectorXd deviations(const Eigen::VectorXd& sums,
                           const Eigen::VectorXd& squares,
                           double count,
                           const std::vector<std::string>& names) {
  Eigen::VectorXd result = ((squares.array() - sums.array().square() / count) / (count - 1)).sqrt();
  for (Index i = 0; i < result.size(); ++i) {
    if (!(result(i) > 0)) {
      throw Error(ErrorKind::Numerical,
                  names[static_cast<std::size_t>(i)] + ": constant inside the mask");
    }
  }
  return result;
}

// -log posterior from sums of normalised maps.
double bioem_cost(
    double count, double sum_a, double sum_b, double square_a, double square_b, double product) {
  // The original's t2 and t3, written in central sums, which loses fewer digits.
  const double central_a = square_a - sum_a * sum_a / count;
  const double central_b = square_b - sum_b * sum_b / count;
  const double central_product = product - sum_a * sum_b / count;
  const double t1 = 2 * std::numbers::pi * std::numbers::e;
  const double t2 = count * (central_a * central_b - central_product * central_product);
  const double t3 = (count - 2) * count * central_b;
  const double least = std::numeric_limits<float>::min();
  return -(0.5 * std::numbers::pi + std::log(t1) * (1 - count / 2) +
           std::log(std::max(t2, least)) * (1.5 - count / 2) +
           std::log(std::max(t3, least)) * (count / 2 - 2));
}

// Products of the maps less their mean, from products of the maps.
Eigen::MatrixXd centred(const Eigen::MatrixXd& products) {
  const Eigen::VectorXd row_means = products.rowwise().mean();
  const Eigen::RowVectorXd column_means = products.colwise().mean();
  return ((products.colwise() - row_means).rowwise() - column_means).array() + products.mean();
}

// The left singular vectors of a set and its singular values, those that are not 0.
struct SingularSystem {
  Eigen::MatrixXd vectors;  // (maps, rank)
  Eigen::VectorXd values;   // (rank)
};

SingularSystem singular_system(const Eigen::MatrixXd& centred_products) {
  const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(centred_products);
  if (solver.info() != Eigen::Success) {
    throw Error(ErrorKind::Numerical, "singular values of the maps did not converge");
  }
  const Eigen::VectorXd& squares = solver.eigenvalues();  // ascending
  // Products are good to some 1e-16 of the largest, which the mean had before it was taken off.
  const double least = 1e-12 * static_cast<double>(squares.size()) * squares.tail(1)(0);
  const Index rank = (squares.array() > std::max(least, 0.0)).count();
  return {solver.eigenvectors().rightCols(rank), squares.tail(rank).cwiseSqrt()};
}

CapturedVariance captured_variance(const Eigen::MatrixXd& products, Index size_of_a) {
  const Index size_of_b = products.cols() - size_of_a;
  const SingularSystem a = singular_system(centred(products.topLeftCorner(size_of_a, size_of_a)));
  const SingularSystem b =
      singular_system(centred(products.bottomRightCorner(size_of_b, size_of_b)));
  if (a.values.size() == 0 || b.values.size() == 0) {
    return {};
  }
  // U_a S_a = A' W_a, and V_b = B' W_b / S_b.
  const Eigen::MatrixXd between =
      a.vectors.transpose() * centred(products.topRightCorner(size_of_a, size_of_b)) * b.vectors;
  return {(between * b.values.cwiseInverse().asDiagonal()).norm() / a.values.norm(),
          (a.values.cwiseInverse().asDiagonal() * between).norm() / b.values.norm()};
}

}  // namespace

MapNormalisation map_normalisation(const VolumeSet& maps, const Eigen::VectorXf& mask) {
  MapNormalisation result;
  result.medians = lower_medians(maps, mask);
  const auto count = static_cast<double>(counted_voxels(maps, mask));
  const Index voxels = maps.values.rows();
  Eigen::VectorXd sums(maps.size());
  Eigen::VectorXd squares(maps.size());
  parallel_for(static_cast<std::size_t>(maps.size()), [&](std::size_t index) {
    const auto map = static_cast<Index>(index);
    double sum = 0;
    double square = 0;
    for (Index voxel = 0; voxel < voxels; ++voxel) {
      if (mask.size() == 0 || mask(voxel) != 0) {
        const double value = maps.values(voxel, map) - result.medians(map);
        sum += value;
        square += value * value;
      }
    }
    sums(map) = sum;
    squares(map) = square;
  });
  result.deviations = deviations(sums, squares, count, maps.names);
  return result;
}

MapComparison compare_maps(const VolumeSet& a, const VolumeSet& b, const Eigen::VectorXf& mask) {
  if (a.box != b.box) {
    throw Error(ErrorKind::Usage,
                "maps of " + std::to_string(a.box) + " and of " + std::to_string(b.box) +
                    " voxels along an edge cannot be compared");
  }
  const MapNormalisation of_a = map_normalisation(a, mask);
  const MapNormalisation of_b = map_normalisation(b, mask);
  Eigen::VectorXd medians(a.size() + b.size());
  medians << of_a.medians, of_b.medians;
  Eigen::VectorXd scale(medians.size());
  scale << of_a.deviations.cwiseInverse(), of_b.deviations.cwiseInverse();
  const Products shifted = sum_products(a, b, medians, mask);
  const auto count = static_cast<double>(counted_voxels(a, mask));

  MapComparison result;
  const Eigen::VectorXd sums = scale.asDiagonal() * shifted.sums;
  const Eigen::MatrixXd products = scale.asDiagonal() * shifted.products * scale.asDiagonal();
  MapDistances& distances = result.distances;
  distances.correlation = products.topRightCorner(a.size(), b.size());
  distances.pearson =
      ((distances.correlation - sums.head(a.size()) * sums.tail(b.size()).transpose() / count) /
       (count - 1))
          .cwiseMax(-1.0)
          .cwiseMin(1.0);
  distances.l2.resize(a.size(), b.size());
  distances.bioem.resize(a.size(), b.size());
  for (Index j = 0; j < b.size(); ++j) {
    const Index of_b_in_all = a.size() + j;
    for (Index i = 0; i < a.size(); ++i) {
      const double square_a = products(i, i);
      const double square_b = products(of_b_in_all, of_b_in_all);
      const double product = products(i, of_b_in_all);
      distances.l2(i, j) = std::max(0.0, square_a + square_b - 2 * product);
      distances.bioem(i, j) =
          bioem_cost(count, sums(i), sums(of_b_in_all), square_a, square_b, product);
    }
  }
  // Products of the maps as they are.
  const Eigen::MatrixXd raw = shifted.products + medians * shifted.sums.transpose() +
                              shifted.sums * medians.transpose() +
                              count * medians * medians.transpose();
  result.captured = captured_variance(raw, a.size());
  return result;
}

}  // namespace cryosip

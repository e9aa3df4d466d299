// Distances of maps against sums over voxels, and the variance that sets capture of each other.
#include "libcryosip/assess/map_products.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include <Eigen/SVD>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

VolumeSet random_maps(Index maps, std::uint64_t name) {
  RandomStream stream(6, StreamPurpose::Test, name, 22);
  VolumeSet set;
  set.box = 18;  // more rows than one block of products
  set.pixel_size_angstrom = 2;
  set.names.assign(static_cast<std::size_t>(maps), "map");
  set.populations = Eigen::VectorXd::Constant(maps, 1.0 / static_cast<double>(maps));
  set.values = Eigen::MatrixXf::NullaryExpr(18 * 18 * 18, maps, [&] {
    const double x = stream.normal();
    return static_cast<float>(3 + x + 0.3 * x * x);  // mean and median differ
  });
  return set;
}

Eigen::VectorXf random_mask(Index voxels) {
  RandomStream stream(6, StreamPurpose::Test, 99);
  return Eigen::VectorXf::NullaryExpr(
      voxels, [&] { return stream.uniform() < 0.4 ? 0.0F : static_cast<float>(stream.uniform()); });
}

Eigen::VectorXd normalised(const VolumeSet& set, Index map, const Eigen::VectorXf& mask) {
  std::vector<double> values;
  for (Index voxel = 0; voxel < set.values.rows(); ++voxel) {
    if (mask.size() == 0 || mask(voxel) != 0) {
      values.push_back(set.values(voxel, map));
    }
  }
  const Eigen::VectorXd x =
      Eigen::Map<Eigen::VectorXd>(values.data(), static_cast<Index>(values.size()));
  std::sort(values.begin(), values.end());
  const double median = values[(values.size() - 1) / 2];  // the lower of two
  const double deviation =
      std::sqrt((x.array() - x.mean()).square().sum() / static_cast<double>(x.size() - 1));
  return (x.array() - median) / deviation;
}

// The challenge's formula as it stands.
double bioem(const Eigen::VectorXd& a, const Eigen::VectorXd& b) {
  const auto n = static_cast<double>(a.size());
  const double co = a.sum();
  const double cc = b.sum();
  const double coo = a.squaredNorm();
  const double ccc = b.squaredNorm();
  const double coc = a.dot(b);
  const double t2 = n * (ccc * coo - coc * coc) + 2 * co * coc * cc - ccc * co * co - coo * cc * cc;
  const double t3 = (n - 2) * (n * ccc - cc * cc);
  return -(0.5 * std::numbers::pi + std::log(2 * std::numbers::pi * std::numbers::e) * (1 - n / 2) +
           std::log(t2) * (1.5 - n / 2) + std::log(t3) * (n / 2 - 2));
}

TEST(MapDistances, AreSumsOverVoxelsOfNormalisedMaps) {
  const VolumeSet a = random_maps(3, 1);
  const VolumeSet b = random_maps(2, 2);
  for (const Eigen::VectorXf& mask : {Eigen::VectorXf(), random_mask(a.values.rows())}) {
    const MapDistances distances = compare_maps(a, b, mask).distances;
    for (Index i = 0; i < 3; ++i) {
      for (Index j = 0; j < 2; ++j) {
        const Eigen::VectorXd x = normalised(a, i, mask);
        const Eigen::VectorXd y = normalised(b, j, mask);
        const double scale = (x - y).squaredNorm();
        EXPECT_NEAR(distances.l2(i, j), scale, 1e-9 * scale);
        EXPECT_NEAR(distances.correlation(i, j), x.dot(y), 1e-9 * scale);
        EXPECT_NEAR(distances.bioem(i, j), bioem(x, y), 1e-9 * std::abs(bioem(x, y)));
        const Eigen::VectorXd u = x.array() - x.mean();
        const Eigen::VectorXd v = y.array() - y.mean();
        EXPECT_NEAR(distances.pearson(i, j), u.dot(v) / u.norm() / v.norm(), 1e-12);
      }
    }
  }
}

TEST(MapDistances, OfEqualMapsAreZeroAndFinite) {
  const VolumeSet a = random_maps(2, 3);
  VolumeSet b = a;
  b.values = 4 * a.values.array() + 1;
  const MapDistances distances = compare_maps(a, b, {}).distances;
  EXPECT_NEAR(distances.l2(0, 0), 0, 1e-6);
  EXPECT_NEAR(distances.pearson(1, 1), 1, 1e-10);
  EXPECT_TRUE(std::isfinite(distances.bioem(0, 0)));
  EXPECT_LT(distances.bioem(0, 0), distances.bioem(0, 1));
}

// |V' U S| / |S| from the singular value decompositions themselves.
double captured(const Eigen::MatrixXd& by, const Eigen::MatrixXd& of) {
  const auto svd = [](const Eigen::MatrixXd& maps) {
    return Eigen::BDCSVD<Eigen::MatrixXd>(maps.colwise() - maps.rowwise().mean(),
                                          Eigen::ComputeThinU);
  };
  const auto v = svd(by);
  const auto u = svd(of);
  const Index rank = by.cols() - 1;
  return (v.matrixU().leftCols(rank).transpose() * u.matrixU() * u.singularValues().asDiagonal())
             .norm() /
         u.singularValues().norm();
}

TEST(CapturedVariance, IsThatOfTheSingularVectors) {
  const VolumeSet a = random_maps(4, 4);
  VolumeSet b = random_maps(3, 5);
  b.values.col(0) = a.values.col(1);
  b.values.col(1) += 2 * a.values.col(2);
  const CapturedVariance variance = compare_maps(a, b, {}).captured;
  const Eigen::MatrixXd x = a.values.cast<double>();
  const Eigen::MatrixXd y = b.values.cast<double>();
  EXPECT_NEAR(variance.of_a_by_b, captured(y, x), 1e-9);
  EXPECT_NEAR(variance.of_b_by_a, captured(x, y), 1e-9);
  EXPECT_NEAR(variance.similarity(), (captured(x, y) + captured(y, x)) / 2, 1e-9);
  EXPECT_NEAR(compare_maps(a, a, {}).captured.similarity(), 1, 1e-12);
}

TEST(CapturedVariance, IsNothingWhereNothingVaries) {
  const CapturedVariance variance = compare_maps(random_maps(1, 6), random_maps(3, 7), {}).captured;
  EXPECT_EQ(variance.of_a_by_b, 0);
  EXPECT_EQ(variance.of_b_by_a, 0);
}

TEST(MapDistances, AreTheSameOnAnyNumberOfThreads) {
  const VolumeSet a = random_maps(3, 8);
  const VolumeSet b = random_maps(4, 9);
  const auto bioem_on = [&](std::size_t threads) {
    const ThreadLimit limit(threads);
    return compare_maps(a, b, {}).distances.bioem;
  };
  EXPECT_EQ(bioem_on(1), bioem_on(2));
}

TEST(MapDistances, RefuseConstantMapsAndOtherBoxes) {
  const VolumeSet a = random_maps(1, 10);
  VolumeSet flat = a;
  flat.values.setConstant(2);
  EXPECT_THROW(compare_maps(a, flat, {}), Error);
  VolumeSet other = a;
  other.box = 4;
  other.values.conservativeResize(64, 1);
  EXPECT_THROW(compare_maps(a, other, {}), Error);
}

}  // namespace
}  // namespace cryosip

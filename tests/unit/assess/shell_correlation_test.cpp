// Shell correlations against sums over a plain discrete Fourier transform, and what the two
// conventions make of curves.
#include "libcryosip/assess/shell_correlation.hpp"

#include <cmath>
#include <complex>
#include <functional>
#include <numbers>
#include <vector>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;
constexpr int kBox = 6;

VolumeSet random_maps(Index maps, std::uint64_t name) {
  RandomStream stream(5, StreamPurpose::Test, name, 21);
  VolumeSet set;
  set.box = kBox;
  set.pixel_size_angstrom = 2;
  set.names.assign(static_cast<std::size_t>(maps), "map");
  set.populations = Eigen::VectorXd::Constant(maps, 1.0 / static_cast<double>(maps));
  set.values = Eigen::MatrixXf::NullaryExpr(
      kBox * kBox * kBox, maps, [&] { return static_cast<float>(1 + stream.normal()); });
  return set;
}

// The coefficient at a frequency, term by term.
std::complex<double> coefficient(const Eigen::VectorXd& map, int x, int y, int z) {
  std::complex<double> sum = 0;
  Index voxel = 0;
  for (int k = 0; k < kBox; ++k) {
    for (int j = 0; j < kBox; ++j) {
      for (int i = 0; i < kBox; ++i, ++voxel) {
        sum += map(voxel) * std::polar(1.0, -2 * std::numbers::pi * (x * i + y * j + z * k) / kBox);
      }
    }
  }
  return sum;
}

double correlation_where(const Eigen::VectorXd& a,
                         const Eigen::VectorXd& b,
                         const std::function<bool(double radius)>& in_shell) {
  double cross = 0;
  double square_a = 0;
  double square_b = 0;
  for (int z = -kBox / 2; z < kBox / 2; ++z) {
    for (int y = -kBox / 2; y < kBox / 2; ++y) {
      for (int x = -kBox / 2; x < kBox / 2; ++x) {
        if (in_shell(std::sqrt(x * x + y * y + z * z))) {
          const std::complex<double> of_a = coefficient(a, x, y, z);
          const std::complex<double> of_b = coefficient(b, x, y, z);
          cross += (of_a * std::conj(of_b)).real();
          square_a += std::norm(of_a);
          square_b += std::norm(of_b);
        }
      }
    }
  }
  return cross / std::sqrt(square_a * square_b);
}

TEST(ShellCorrelation, IsTheSumOverItsConventionsShells) {
  const VolumeSet a = random_maps(3, 1);
  const VolumeSet b = random_maps(2, 2);
  RandomStream stream(5, StreamPurpose::Test, 3);
  const Eigen::VectorXf mask = Eigen::VectorXf::NullaryExpr(
      a.values.rows(), [&] { return static_cast<float>(stream.uniform()); });
  const Eigen::Vector3d offsets_a(0.5, 1, -2);
  const Eigen::Vector2d offsets_b(1, 0.25);
  const ShellSpectra of_a(a, mask, offsets_a);
  const ShellSpectra of_b(b, mask, offsets_b);
  const auto cryobench = shell_correlations(of_a, of_b, ShellConvention::CryoBench);
  const auto flatiron = shell_correlations(of_a, of_b, ShellConvention::Flatiron);
  ASSERT_EQ(cryobench.size(), 3U);
  ASSERT_EQ(flatiron.size(), 3U);
  for (Index i = 0; i < 3; ++i) {
    for (Index j = 0; j < 2; ++j) {
      const auto prepared = [&](const VolumeSet& set, Index map, double offset) {
        return Eigen::VectorXd((set.values.col(map).cast<double>().array() - offset) *
                               mask.cast<double>().array());
      };
      const Eigen::VectorXd x = prepared(a, i, offsets_a(i));
      const Eigen::VectorXd y = prepared(b, j, offsets_b(j));
      EXPECT_EQ(cryobench[0](i, j), 1);
      for (int shell = 1; shell < 3; ++shell) {
        EXPECT_NEAR(cryobench[static_cast<std::size_t>(shell)](i, j),
                    correlation_where(x, y, [=](double r) { return r >= shell - 1 && r < shell; }),
                    1e-6);
      }
      for (int shell = 1; shell <= 3; ++shell) {
        EXPECT_NEAR(
            flatiron[static_cast<std::size_t>(shell - 1)](i, j),
            correlation_where(x, y, [=](double r) { return r >= shell - 0.5 && r < shell + 0.5; }),
            1e-6);
      }
    }
  }
}

TEST(ShellCorrelation, TheConstantPartCountsInCryobenchsFirstShellOnly) {
  VolumeSet a = random_maps(1, 4);
  VolumeSet b = random_maps(1, 5);
  const auto curves = [&](ShellConvention shells) {
    return shell_correlations(ShellSpectra(a, {}, {}), ShellSpectra(b, {}, {}), shells);
  };
  // Shell 1 of CryoBench holds q = 0 alone: its sign is that of the means.
  EXPECT_NEAR(curves(ShellConvention::CryoBench)[1](0, 0), 1, 1e-12);
  const auto before = curves(ShellConvention::Flatiron);
  b.values.array() -= 5;
  EXPECT_NEAR(curves(ShellConvention::CryoBench)[1](0, 0), -1, 1e-12);
  for (std::size_t k = 0; k < before.size(); ++k) {
    EXPECT_NEAR(curves(ShellConvention::Flatiron)[k](0, 0), before[k](0, 0), 1e-5);
  }
}

TEST(ShellCorrelation, AnEmptyShellIsOneToCryobenchAndNothingToFlatiron) {
  const VolumeSet a = random_maps(1, 6);
  VolumeSet flat = a;
  flat.values.setConstant(1);
  const ShellSpectra of_a(a, {}, {});
  const ShellSpectra of_flat(flat, {}, {});
  EXPECT_EQ(shell_correlations(of_a, of_flat, ShellConvention::CryoBench)[2](0, 0), 1);
  EXPECT_EQ(shell_correlations(of_a, of_flat, ShellConvention::Flatiron)[1](0, 0), 0);
}

TEST(ShellCorrelation, IsTheSameOnAnyNumberOfThreads) {
  const VolumeSet a = random_maps(3, 7);
  const VolumeSet b = random_maps(4, 8);
  const auto correlations = [&](std::size_t threads) {
    const ThreadLimit limit(threads);
    return shell_correlations(
        ShellSpectra(a, {}, {}), ShellSpectra(b, {}, {}), ShellConvention::Flatiron);
  };
  EXPECT_EQ(correlations(1), correlations(2));
}

TEST(ShellCorrelation, RefusesOtherBoxes) {
  const VolumeSet a = random_maps(1, 9);
  VolumeSet b = random_maps(1, 9);
  b.box = 4;
  b.values.conservativeResize(64, 1);
  EXPECT_THROW(shell_correlations(
                   ShellSpectra(a, {}, {}), ShellSpectra(b, {}, {}), ShellConvention::CryoBench),
               Error);
}

TEST(FscCurve, CryobenchsAreaIsATrapezoidOverCyclesPerVoxel) {
  const Eigen::Vector4d curve(1, 0.8, -0.4, 0.2);  // a box of 8
  EXPECT_NEAR(cryobench_area(curve), (0.9 + 0.6 + 0.3) / 8, 1e-15);
  EXPECT_NEAR(cryobench_clipped_area(curve), (0.9 + 0.4 + 0.1) / 8, 1e-15);
  // The best there is: 1/2 - 1/n, not 1.
  EXPECT_NEAR(cryobench_area(Eigen::VectorXd::Ones(32)), 0.5 - 1.0 / 64, 1e-15);
  EXPECT_EQ(cryobench_frequencies(8), Eigen::Vector4d(0, 0.125, 0.25, 0.375));
}

TEST(FscCurve, ResolutionsAreTakenAtTheFirstPointWithoutInterpolation) {
  const Eigen::Vector4d curve(1, 0.6, 0.3, 0.7);
  EXPECT_EQ(cryobench_resolution_voxels(curve, 0.5), 8.0 / 2);
  EXPECT_EQ(cryobench_resolution_voxels(curve, 0.143), 2);  // never below
  EXPECT_EQ(flatiron_resolution_voxels(curve), 8.0 / 3);
  // At the threshold itself CryoBench goes on and the challenge stops.
  EXPECT_EQ(cryobench_resolution_voxels(Eigen::Vector4d(1, 0.5, 0.3, 0), 0.5), 8.0 / 2);
  EXPECT_EQ(flatiron_resolution_voxels(Eigen::Vector4d(1, 0.5, 0.3, 0)), 8.0 / 2);
  // The trap: a curve that never falls gets the worst resolution there is.
  EXPECT_EQ(flatiron_resolution_voxels(Eigen::VectorXd::Ones(4)), 8);
  EXPECT_NEAR(flatiron_cost(curve), 1 - 0.65, 1e-15);
}

}  // namespace
}  // namespace cryosip

#include "libcryosip/forward/bessel_grid.hpp"

#include <cmath>

#include <gtest/gtest.h>

#include "libcryosip/core/bessel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

template <typename Scalar>
class BesselGridTest : public ::testing::Test {};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(BesselGridTest, Scalars);

template <typename Scalar>
LaneColumns<Scalar> random_columns(Eigen::Index columns, std::uint64_t index) {
  RandomStream stream(5, StreamPurpose::Test, index);
  return LaneColumns<Scalar>::NullaryExpr(
      kLanes<Scalar>, columns, [&] { return static_cast<Scalar>(stream.normal()); });
}

TYPED_TEST(BesselGridTest, TapsOfNeighboursGiveBesselFunctionsOfAnyDistance) {
  constexpr Eigen::Index kWidth = kLanes<TypeParam>;
  constexpr double kTolerance = std::is_same_v<TypeParam, float> ? 1e-6 : 1e-12;
  const std::vector<int> orders = {7, 20, 30, 41, 41, 50};
  constexpr double kReach = 1.3;
  const BesselGrid<TypeParam> grid(orders, kReach);
  for (const double rho : {0.0, 1e-7, 0.003, 0.0417, 0.13, 0.271, 0.5, 0.91, 1.2999}) {
    const auto cell = static_cast<Eigen::Index>(rho * grid.cells_a_unit());
    Eigen::Array<TypeParam, Eigen::Dynamic, 1> offsets(kWidth);
    offsets.setConstant(
        static_cast<TypeParam>(rho * grid.cells_a_unit() - static_cast<double>(cell) - 0.5));
    Eigen::Array<TypeParam, Eigen::Dynamic, BesselGrid<TypeParam>::kTaps> taps(kWidth, grid.kTaps);
    grid.weigh(offsets, taps);
    LaneColumns<TypeParam> bins =
        LaneColumns<TypeParam>::Zero(kWidth, 2 * grid.blocks() * grid.bins());
    for (Eigen::Index block = 0; block < grid.blocks(); ++block) {
      for (Eigen::Index tap = 0; tap < grid.kTaps; ++tap) {
        bins.col(2 * (block * grid.bins() + cell + tap)) = taps(0, tap);
      }
    }
    LaneColumns<TypeParam> rings(kWidth, 2 * grid.blocks() * grid.rings());
    grid.sum_bins(bins, cell, cell + grid.kTaps - 1, grid.blocks(), rings);
    for (Eigen::Index ring = 0; ring < grid.rings(); ++ring) {
      std::vector<double> expected(
          static_cast<std::size_t>(orders[static_cast<std::size_t>(ring)]));
      bessel_j(2 * kPi * static_cast<double>(ring + 1) * rho, expected);
      for (std::size_t m = 0; m < expected.size(); ++m) {
        const auto at = static_cast<Eigen::Index>(m);
        const Eigen::Index column = 2 * (at / kWidth * grid.rings() + ring);
        EXPECT_NEAR(static_cast<double>(rings(at % kWidth, column)), expected[m], kTolerance)
            << "m " << m << ", ring " << ring + 1 << ", distance " << rho;
        EXPECT_EQ(rings(at % kWidth, column + 1), 0);
      }
    }
  }
}

TYPED_TEST(BesselGridTest, SumsOverRingsAreTheTransposeOfSumsOverBins) {
  const BesselGrid<TypeParam> grid({5, 20, 30, 36}, 0.8);
  const LaneColumns<TypeParam> bins = random_columns<TypeParam>(2 * grid.blocks() * grid.bins(), 1);
  const LaneColumns<TypeParam> rings =
      random_columns<TypeParam>(4 * grid.blocks() * grid.rings(), 2);
  LaneColumns<TypeParam> of_bins(kLanes<TypeParam>, 2 * grid.blocks() * grid.rings());
  LaneColumns<TypeParam> of_rings =
      LaneColumns<TypeParam>::Zero(kLanes<TypeParam>, 4 * grid.blocks() * grid.bins());
  grid.sum_bins(bins, 0, grid.bins() - 1, grid.blocks(), of_bins);
  grid.sum_rings(rings, 0, grid.bins() - 1, of_rings);
  const auto dot = [](const LaneColumns<TypeParam>& two, const LaneColumns<TypeParam>& four) {
    // The second pair of four parts.
    double sum = 0;
    for (Eigen::Index i = 0; i < two.cols() / 2; ++i) {
      sum +=
          (two.middleCols(2 * i, 2) * four.middleCols(4 * i + 2, 2)).template cast<double>().sum();
    }
    return sum;
  };
  EXPECT_NEAR(dot(of_bins, rings), dot(bins, of_rings), 1e-4);
}

TYPED_TEST(BesselGridTest, ABlockThatHasDiedOutIsLeftOut) {
  const BesselGrid<TypeParam> grid(std::vector<int>(20, 100), 1);
  EXPECT_EQ(grid.first_cell(0), 0);
  for (Eigen::Index block = 1; block < grid.blocks(); ++block) {
    EXPECT_GE(grid.first_cell(block), grid.first_cell(block - 1));
  }
  EXPECT_GT(grid.first_cell(grid.blocks() - 1), grid.cells() / 4);
}

}  // namespace
}  // namespace cryosip

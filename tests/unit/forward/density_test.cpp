// Densities against sums of Gaussians in real space, and their projections against drawings.
#include "libcryosip/forward/density.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "libcryosip/forward/identity_model.hpp"
#include "tests/support/small_molecule.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

constexpr ImageGrid kGrid{32, 3.0};

TEST(Density, IsTheSumOfTheAtomsGaussiansWithItsOriginAtTheMiddleVoxel) {
  // Gaussians of 4 angstrom have 3e-9 of their height left at the Nyquist frequency of 2 angstrom.
  constexpr ImageGrid kFine{40, 2.0};
  const NormalModeModel model(testing::small_molecule(false, 12, 2));
  const Eigen::Vector2d coordinates(0.4, -0.7);
  const formats::Volume volume = model.density(coordinates, kFine, 0, {});
  Eigen::Matrix3Xd at(3, 12);
  model.positions(coordinates, at);

  ASSERT_EQ(volume.values.size(), 40U * 40 * 40);
  EXPECT_EQ(volume.pixel_size_angstrom, 2);
  double largest = 0;
  double worst = 0;
  for (std::size_t z = 0; z < 40; ++z) {
    for (std::size_t y = 0; y < 40; ++y) {
      for (std::size_t x = 0; x < 40; ++x) {
        const Eigen::Vector3d r = 2.0 * Eigen::Vector3d(static_cast<double>(x) - 20,
                                                        static_cast<double>(y) - 20,
                                                        static_cast<double>(z) - 20);
        double density = 0;
        for (Index i = 0; i < at.cols(); ++i) {
          density += std::exp(-(r - at.col(i)).squaredNorm() / 32) /
                     std::pow(2 * std::numbers::pi * 16, 1.5);
        }
        const double value = static_cast<double>(volume.values[(z * 40 + y) * 40 + x]) / 2;
        largest = std::max(largest, density);
        worst = std::max(worst, std::abs(value - density));
      }
    }
  }
  EXPECT_LT(worst, 1e-5 * largest);
}

TEST(Density, SummedAlongTheRayIsTheDrawing) {
  // Elements, B-factors and all: both are cut to Nyquist's circle, the density to its sphere.
  const NormalModeModel model(testing::small_molecule(true, 12, 2));
  const Eigen::Vector2d coordinates(0.4, -0.7);
  const formats::Volume volume = model.density(coordinates, kGrid, 0, {});
  const Eigen::VectorXd image = model.pixel_simulator(kGrid, {})->image(coordinates, {});
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(32 * 32);
  for (std::size_t z = 0; z < 32; ++z) {
    for (std::size_t i = 0; i < 32 * 32; ++i) {
      sum(static_cast<Index>(i)) += static_cast<double>(volume.values[z * 32 * 32 + i]);
    }
  }
  EXPECT_LT((sum - image).norm(), 1e-5 * image.norm());
  EXPECT_GT(*std::max_element(volume.values.begin(), volume.values.end()), 0);
}

TEST(Density, HasTheSameBitsOnAnyNumberOfThreads) {
  const NormalModeModel model(testing::small_molecule(true, 12, 2));
  const auto drawn = [&](std::size_t threads) {
    const ThreadLimit limit(threads);
    return model.density(Eigen::Vector2d::Zero(), kGrid, 8, {}).values;
  };
  EXPECT_EQ(drawn(1), drawn(3));
}

TEST(Density, IsRefusedWhereThereIsNoneOrTheBoxIsTooSmall) {
  const NormalModeModel model(testing::small_molecule(false, 12, 2));
  EXPECT_THROW(static_cast<void>(model.density(Eigen::Vector2d::Zero(), {8, 3.0}, 0, {})), Error);
  EXPECT_THROW(static_cast<void>(IdentityModel().density(Eigen::VectorXd::Zero(1), kGrid, 0, {})),
               Error);
  EXPECT_THROW(static_cast<void>(NanoclusterModel().density(Eigen::Vector2d(1, 1), kGrid, 0, {})),
               Error);
}

TEST(Embedding, DistancesAreTheRootMeanSquareOfTheAtoms) {
  const NormalModeModel model(testing::small_molecule(false, 12, 2));
  Eigen::MatrixXd coordinates(2, 2);
  coordinates << 0.3, -1, 0.1, 0.6;
  const Eigen::MatrixXd points = model.embedding(coordinates);
  Eigen::Matrix3Xd a(3, 12);
  Eigen::Matrix3Xd b(3, 12);
  model.positions(coordinates.col(0), a);
  model.positions(coordinates.col(1), b);
  EXPECT_NEAR((points.col(0) - points.col(1)).norm(),
              std::sqrt((a - b).colwise().squaredNorm().mean()),
              1e-12);
  EXPECT_EQ(IdentityModel().embedding(coordinates.row(0)), coordinates.row(0));
}

}  // namespace
}  // namespace cryosip

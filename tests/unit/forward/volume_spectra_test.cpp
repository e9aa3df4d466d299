#include "libcryosip/forward/volume_spectra.hpp"

#include <complex>
#include <vector>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "tests/support/volume_family.hpp"

namespace cryosip {
namespace {

constexpr int kEdge = 14;
constexpr double kVoxel = 3;
constexpr double kNyquist = 1 / (2 * kVoxel);

// Noise in every voxel, to the corners of the box: the hardest volumes there are.
Volumes noise(Eigen::Index count) {
  Volumes volumes{kEdge, kVoxel, {}};
  RandomStream stream(21, StreamPurpose::Test, 0);
  volumes.values = Eigen::MatrixXf::NullaryExpr(
      kEdge * kEdge * kEdge, count, [&] { return static_cast<float>(stream.normal()); });
  return volumes;
}

// Directions over the whole sphere, lengths up to the limit.
std::vector<Eigen::Vector3d> frequencies(double limit, std::size_t count) {
  RandomStream stream(22, StreamPurpose::Test, 0);
  std::vector<Eigen::Vector3d> result = {
      {0, 0, 0}, {limit, 0, 0}, {-limit, 0, 0}, {0, -limit, 0}, {0, 0, limit}};
  while (result.size() < count) {
    const Eigen::Vector3d at(stream.uniform(-1, 1), stream.uniform(-1, 1), stream.uniform(-1, 1));
    if (at.norm() <= 1) {
      result.emplace_back(at * limit);
    }
  }
  return result;
}

TEST(VolumeSpectra, ReadsAnyFrequencyAsTheDirectSumOverVoxels) {
  const Volumes volumes = noise(3);
  for (const double limit : {kNyquist, 0.6 * kNyquist}) {
    const VolumeSpectra spectra(volumes, limit);
    ASSERT_EQ(spectra.count(), 3);
    Eigen::VectorXcf values(3);
    for (const Eigen::Vector3d& at : frequencies(limit, 60)) {
      spectra.read(at, values);
      for (Eigen::Index v = 0; v < 3; ++v) {
        const std::complex<double> expected = testing::transform_at(volumes, v, at);
        EXPECT_LT(std::abs(std::complex<double>(values(v)) - expected),
                  5e-5 * volumes.values.col(v).norm())
            << "at " << at.transpose();
      }
    }
  }
}

TEST(VolumeSpectra, HoldNothingBeyondTheNyquistSphereOrWhatWasAskedFor) {
  Eigen::VectorXcf values(1);
  VolumeSpectra(noise(1), 1).read({0, 0, 1.01 * kNyquist}, values);
  EXPECT_EQ(values(0), std::complex<float>(0));
  VolumeSpectra(noise(1), 0.5 * kNyquist).read({0, 0, 0.6 * kNyquist}, values);
  EXPECT_EQ(values(0), std::complex<float>(0));
}

TEST(VolumeSpectra, AreTheSameOnAnyNumberOfThreads) {
  const Volumes volumes = noise(2);
  const auto read = [&](std::size_t threads) {
    const ThreadLimit limit(threads);
    const VolumeSpectra spectra(volumes, kNyquist);
    Eigen::MatrixXcf values(2, 40);
    const auto at = frequencies(kNyquist, 40);
    for (Eigen::Index i = 0; i < 40; ++i) {
      spectra.read(at[static_cast<std::size_t>(i)], values.col(i));
    }
    return values;
  };
  EXPECT_EQ(read(1), read(2));
}

TEST(VolumeSpectra, RefuseWhatIsNotACubeOfEvenEdge) {
  Volumes volumes = noise(1);
  volumes.edge = 13;
  EXPECT_THROW(VolumeSpectra(volumes, 1), Error);
  volumes.edge = 12;
  EXPECT_THROW(VolumeSpectra(volumes, 1), Error);
}

}  // namespace
}  // namespace cryosip

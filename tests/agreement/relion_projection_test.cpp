// Projections made by relion_project (RELION 3.1.3) of a volume at known poses, shifts and CTFs.
#include <algorithm>
#include <array>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "formats/mrc.hpp"
#include "libcryosip/dataset/image_set.hpp"
#include "libcryosip/forward/renderer.hpp"
#include "libcryosip/forward/volume_model.hpp"

namespace cryosip {
namespace {

// Every voxel as a point that scatters as much as its value, rounded to one of 200 levels so that
// voxels of a level are one type of atom.
struct VoxelAtoms {
  Eigen::Matrix3Xd positions;
  Scattering scattering;
};

VoxelAtoms voxel_atoms(const formats::Volume& volume) {
  const float largest = *std::max_element(volume.values.begin(), volume.values.end());
  const float level = largest / 200;
  std::map<int, int> type_of_level;
  VoxelAtoms atoms;
  std::vector<Eigen::Vector3d> positions;
  std::size_t index = 0;
  const auto half = static_cast<double>(volume.size[0]) / 2;
  for (std::size_t z = 0; z < volume.size[2]; ++z) {
    for (std::size_t y = 0; y < volume.size[1]; ++y) {
      for (std::size_t x = 0; x < volume.size[0]; ++x) {
        const int steps = static_cast<int>(std::lround(volume.values[index++] / level));
        if (steps == 0) {
          continue;
        }
        const auto [entry, is_new] =
            type_of_level.try_emplace(steps, static_cast<int>(atoms.scattering.types.size()));
        if (is_new) {
          atoms.scattering.types.push_back({{static_cast<double>(steps) * level, 0}});
        }
        atoms.scattering.type_of_atom.push_back(entry->second);
        const Eigen::Vector3d voxel(static_cast<double>(x) - half,
                                    static_cast<double>(y) - half,
                                    static_cast<double>(z) - half);
        positions.emplace_back(voxel * volume.pixel_size_angstrom);
      }
    }
  }
  atoms.positions.resize(3, static_cast<Eigen::Index>(positions.size()));
  for (std::size_t i = 0; i < positions.size(); ++i) {
    atoms.positions.col(static_cast<Eigen::Index>(i)) = positions[i];
  }
  atoms.scattering.b_factors_angstrom2 = Eigen::VectorXd::Zero(atoms.positions.cols());
  return atoms;
}

// The first five poses of the set turn about single axes, where RELION's own interpolation falls on
// its grid and errs by up to 3 %; the others are generic: 1.1 % at most, see docs/conventions.md.
constexpr std::array<std::size_t, 7> kGenericPoses = {5, 6, 8, 11, 14, 17, 19};

class RelionProjection : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const shared = std::getenv("CRYOSIP_SHARED_DATA");
    folder_ = shared == nullptr ? "" : std::string(shared) + "/fixtures/e_projection";
    if (!std::filesystem::exists(folder_ + "/vol.mrc")) {
      GTEST_SKIP() << "needs fixtures/e_projection in CRYOSIP_SHARED_DATA";
    }
  }
  // Largest difference of the pixels from image i of a stack, over the largest pixel there.
  template <typename Stack>
  static double largest_error(const Eigen::VectorXd& found, const Stack& stack, std::size_t i) {
    std::vector<float> pixels(static_cast<std::size_t>(found.size()));
    stack.read(i, pixels);
    const Eigen::VectorXd expected =
        Eigen::Map<const Eigen::VectorXf>(pixels.data(), found.size()).template cast<double>();
    return (found - expected).cwiseAbs().maxCoeff() / expected.cwiseAbs().maxCoeff();
  }

  std::string folder_;
};

TEST_F(RelionProjection, PosesShiftsAndCtfAgreeAtGenericPoses) {
  const formats::Volume volume = formats::read_volume(folder_ + "/vol.mrc");
  const VoxelAtoms atoms = voxel_atoms(volume);
  const ImageSet with_ctf = ImageSet::open(folder_ + "/withctf.star", {});
  const formats::MrcFile without_ctf(folder_ + "/noctf.mrcs");
  ASSERT_EQ(with_ctf.size(), 20U);
  const auto disc = std::make_shared<FourierDisc>(with_ctf.grid(), 0.0);
  const FourierRenderer<double> renderer(disc, atoms.scattering, PixelModel::Bandlimited);
  const auto workspace = renderer.workspace();
  const double pixel_area = std::pow(with_ctf.grid().pixel_size_angstrom, 2);

  for (const std::size_t image : kGenericPoses) {
    const ImagingCondition condition = with_ctf.condition(image);
    Eigen::VectorXd drawn(disc->size());
    renderer.render(atoms.positions, condition.pose, *workspace, drawn);
    drawn *= pixel_area;  // RELION sums voxels along the ray, whatever the pixel size
    EXPECT_LT(largest_error(disc->synthesise(drawn), without_ctf, image), 0.02) << image + 1;
    EXPECT_LT(
        largest_error(disc->synthesise(disc->apply_ctf(*condition.ctf, drawn)), with_ctf, image),
        0.02)
        << image + 1;
  }
}

// Of which most is RELION's: against the exact sum both tests differ alike.
TEST_F(RelionProjection, SlicesOfVolumesAgreeAtGenericPoses) {
  const formats::Volume volume = formats::read_volume(folder_ + "/vol.mrc");
  Volumes mean{static_cast<int>(volume.size[0]), volume.pixel_size_angstrom, {}};
  mean.values = Eigen::Map<const Eigen::VectorXf>(volume.values.data(),
                                                  static_cast<Eigen::Index>(volume.values.size()));
  const VolumeModel model(mean);
  const ImageSet with_ctf = ImageSet::open(folder_ + "/withctf.star", {});
  const formats::MrcFile without_ctf(folder_ + "/noctf.mrcs");
  const auto simulator = model.pixel_simulator(with_ctf.grid(), {});
  for (const std::size_t image : kGenericPoses) {
    const ImagingCondition condition = with_ctf.condition(image);
    EXPECT_LT(largest_error(simulator->image({}, {condition.pose, {}}), without_ctf, image), 0.015)
        << image + 1;
    EXPECT_LT(largest_error(simulator->image({}, condition), with_ctf, image), 0.015) << image + 1;
  }
}

}  // namespace
}  // namespace cryosip

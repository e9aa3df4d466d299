#include "libcryosip/forward/volume_model.hpp"

#include <array>
#include <cmath>
#include <complex>
#include <fstream>
#include <functional>
#include <limits>
#include <memory>
#include <numbers>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "tests/support/small_molecule.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/volume_family.hpp"

namespace cryosip {
namespace {

using ::testing::HasSubstr;
using testing::TemporaryFolder;

constexpr ImageGrid kGrid = {32, 2.5};
constexpr double kResolution = 7;

Pose oblique_pose() {
  Pose pose;
  pose.rotation = rotation_matrix({37, 62, -115});
  pose.shift_angstrom = {3.1, -4.7};
  return pose;
}

CtfParameters optics() {
  CtfParameters parameters;
  parameters.defocus_u_angstrom = 15300;
  parameters.defocus_v_angstrom = 14700;
  parameters.defocus_angle_degree = 35;
  return parameters;
}

// Two residues' width is 4 angstrom: nothing is left of them at the Nyquist frequency.  The sum of
// voxels times a voxel's edge is what atoms are drawn as.
Volumes density_of(const NormalModeModel& model,
                   const std::vector<Eigen::VectorXd>& conformations) {
  Volumes volumes{kGrid.box, kGrid.pixel_size_angstrom, {}};
  volumes.values = Eigen::MatrixXf::Zero(Eigen::Index{kGrid.box} * kGrid.pixels(),
                                         static_cast<Eigen::Index>(conformations.size()));
  constexpr double kSigma = 4;
  const double height = volumes.voxel_size_angstrom / std::pow(2 * kPi * kSigma * kSigma, 1.5);
  Eigen::Matrix3Xd positions;
  for (std::size_t c = 0; c < conformations.size(); ++c) {
    model.positions(conformations[c], positions);
    for (Eigen::Index atom = 0; atom < positions.cols(); ++atom) {
      testing::add_blob(volumes, static_cast<Eigen::Index>(c), positions.col(atom), height, kSigma);
    }
  }
  return volumes;
}

class AtomsAndTheirDensity : public ::testing::Test {
 protected:
  // At the coordinate 0 the first conformation, at 1 the second.
  AtomsAndTheirDensity() {
    Volumes volumes = density_of(atoms_, {first_, second_});
    volumes.values.col(1) -= volumes.values.col(0);
    density_ = std::make_unique<VolumeModel>(std::move(volumes));
  }

  // draw(model, coordinates) of both, at the same two conformations.
  void expect_same(
      const std::function<Eigen::VectorXd(const ConformationModel&, const Eigen::VectorXd&)>& draw,
      double tolerance) const {
    for (const double at : {0.0, 1.0}) {
      const Eigen::VectorXd expected = draw(atoms_, at == 0 ? first_ : second_);
      const Eigen::VectorXd found = draw(*density_, Eigen::VectorXd::Constant(1, at));
      EXPECT_LT((found - expected).norm(), tolerance * expected.norm());
    }
  }

  NormalModeModel atoms_{testing::small_molecule(false)};
  Eigen::VectorXd first_ = Eigen::Vector3d(0, 0, 0);
  Eigen::VectorXd second_ = Eigen::Vector3d(0.5, -0.4, 0.2);
  std::unique_ptr<VolumeModel> density_;
};

TEST_F(AtomsAndTheirDensity, HaveTheSameImages) {
  expect_same(
      [](const ConformationModel& model, const Eigen::VectorXd& coordinates) {
        const auto images = model.image_model(kGrid, kResolution, {});
        Eigen::VectorXf image(images->size());
        images->draw(coordinates, oblique_pose(), *images->workspace(), image);
        EXPECT_EQ(image(0), 0);
        return Eigen::VectorXd(image.cast<double>());
      },
      2e-5);
}

TEST_F(AtomsAndTheirDensity, HaveTheSameCoefficientsInThePolarBasis) {
  expect_same(
      [](const ConformationModel& model, const Eigen::VectorXd& coordinates) {
        const auto images = model.polar_image_model(kGrid, kResolution, 35, {});
        Eigen::VectorXf image(images->size());
        images->draw(coordinates, oblique_pose(), *images->workspace(), image);
        return Eigen::VectorXd(image.cast<double>());
      },
      2e-5);
  const auto of_atoms = atoms_.polar_image_model(kGrid, kResolution, 35, {});
  const auto of_density = density_->polar_image_model(kGrid, kResolution, 35, {});
  EXPECT_NEAR(of_density->pixel_sum(), of_atoms->pixel_sum(), 1e-5 * of_atoms->pixel_sum());
}

TEST_F(AtomsAndTheirDensity, HaveTheSamePixelsThroughTheMicroscope) {
  for (const PixelModel pixel : {PixelModel::Bandlimited, PixelModel::Average}) {
    expect_same(
        [&](const ConformationModel& model, const Eigen::VectorXd& coordinates) {
          ImagingOptions options;
          options.pixel = pixel;
          return model.pixel_simulator(kGrid, options)
              ->image(coordinates, {oblique_pose(), Ctf(optics())});
        },
        // The mean over a pixel folds back what lies beyond Nyquist, which a volume has not got.
        pixel == PixelModel::Average ? 1e-3 : 2e-5);
  }
}

TEST(VolumeModel, ImagesOnAnotherGridAreDirectSumsOverVoxels) {
  const Volumes volumes = testing::three_arms(20, 4);
  const VolumeModel model(volumes);
  const ImageGrid grid = {28, 3.5};
  const auto images = model.image_model(grid, 10, {});
  const auto& disc = dynamic_cast<const FourierDisc&>(images->basis());
  const Eigen::Vector3d coordinates(0.7, -1.2, 0.4);
  const Pose pose = oblique_pose();
  Eigen::VectorXf image(images->size());
  images->draw(coordinates, pose, *images->workspace(), image);
  for (Eigen::Index i = 1; i < disc.frequencies(); i += 7) {
    const Eigen::Vector2d frequency = disc.frequency(i).cast<double>() / grid.edge_angstrom();
    const Eigen::Vector3d in_object = pose.rotation.topRows<2>().transpose() * frequency;
    std::complex<double> expected = testing::transform_at(volumes, 0, in_object);
    for (Eigen::Index k = 0; k < 3; ++k) {
      expected += coordinates(k) * testing::transform_at(volumes, k + 1, in_object);
    }
    // sum of pixels = sum of voxels * (voxel / pixel)^2; unitary, of a half plane.
    expected *= std::numbers::sqrt2 / grid.box * std::pow(4 / 3.5, 2) *
                std::polar(1.0, -2 * kPi * frequency.dot(pose.shift_angstrom));
    EXPECT_NEAR(image(i), expected.real(), 1e-5 * image.norm());
    EXPECT_NEAR(image(disc.frequencies() + i), expected.imag(), 1e-5 * image.norm());
  }
}

// Images are linear in the coordinates: a difference is exact whatever its step.
template <typename Images>
void expect_adjoint(const Images& images) {
  RandomStream stream(31, StreamPurpose::Test, 0);
  const Eigen::Vector3d coordinates(0.7, -1.2, 0.4);
  const Eigen::VectorXf adjoint = Eigen::VectorXf::NullaryExpr(
      images.size(), [&] { return static_cast<float>(stream.normal()); });
  const auto workspace = images.workspace();
  Eigen::VectorXf image(images.size());
  const auto value = [&](const Eigen::Vector3d& at) {
    images.draw(at, oblique_pose(), *workspace, image);
    return image.template cast<double>().dot(adjoint.template cast<double>());
  };
  // Another pose in between must leave nothing behind.
  images.draw(coordinates, Pose(), *workspace, image);
  images.draw(coordinates, oblique_pose(), *workspace, image);
  const Eigen::VectorXd found = images.pull_back(*workspace, adjoint);
  for (Eigen::Index k = 0; k < 3; ++k) {
    const Eigen::Vector3d step = 4 * Eigen::Vector3d::Unit(k);
    const double expected = (value(coordinates + step) - value(coordinates - step)) / 8;
    EXPECT_NEAR(found(k), expected, 1e-5 * found.norm()) << "component " << k + 1;
  }
}

TEST(VolumeModel, AdjointsAgreeWithCentralDifferences) {
  const VolumeModel model(testing::three_arms());
  expect_adjoint(*model.image_model({24, 5}, 12, {}));
  expect_adjoint(*model.polar_image_model({24, 5}, 12, 50, {}));
}

// A component may bring in mass; images are then told apart but for their mean, as they are seen.
TEST(VolumeModel, PolarDrawingsAreItsPixelsWithTheMeanVolumesSum) {
  Volumes volumes = testing::three_arms();
  testing::add_blob(volumes, 1, {10, -10, 5}, 0.5, 8);
  const VolumeModel model(volumes);
  const ImageGrid grid = {24, 5};
  const auto images = model.polar_image_model(grid, 11, 60, {});
  const Eigen::Vector3d coordinates(1.5, -0.5, 0.3);
  Eigen::VectorXf drawn(images->size());
  images->draw(coordinates, oblique_pose(), *images->workspace(), drawn);

  const Eigen::VectorXf pixels =
      model.pixel_simulator(grid, {})->image(coordinates, {oblique_pose(), {}}).cast<float>();
  PolarInput observed = {{pixels.data(), static_cast<std::size_t>(pixels.size())}};
  observed.pixel_sum = images->pixel_sum();
  ASSERT_GT(std::abs(pixels.sum() - images->pixel_sum()), 0.1 * images->pixel_sum());
  EXPECT_LT((images->basis().analyse(observed) - drawn).norm(), 1e-3F * drawn.norm());
}

TEST(VolumeModel, KnowsWhatItsVoxelsHold) {
  const VolumeModel model(testing::three_arms());
  EXPECT_EQ(model.dimension(), 3);
  EXPECT_EQ(model.own_grid(), (ImageGrid{24, 5}));
  EXPECT_DOUBLE_EQ(model.finest_detail_angstrom({}), 10);
  // The farthest arm's centre and 3 of its standard deviations.
  EXPECT_NEAR(model.radius_angstrom(Eigen::MatrixXd::Zero(3, 1)), 30.6 + 3 * 8, 6);
  EXPECT_THROW((void)model.image_model({24, 4}, 9.9, {}), Error);
  EXPECT_THROW((void)model.polar_image_model({24, 4}, 9.9, 50, {}), Error);
  EXPECT_NO_THROW((void)model.image_model({24, 4}, 10, {}));
  EXPECT_THROW(VolumeModel(Volumes{24, 5, Eigen::MatrixXf(24 * 24 * 24, 0)}), Error);
}

TEST(VolumeModel, GivesTheMapOfAConformation) {
  const Volumes volumes = testing::three_arms();
  const VolumeModel model(volumes);
  const Eigen::Vector3d theta(1, 0, -0.5);
  const formats::Volume map = model.density(theta, {24, 5}, 0, {});
  EXPECT_EQ(map.size, (std::array<std::size_t, 3>{24, 24, 24}));
  EXPECT_EQ(map.pixel_size_angstrom, 5);
  const Eigen::VectorXf expected =
      volumes.values.col(0) + volumes.values.col(1) - 0.5F * volumes.values.col(3);
  EXPECT_LT(
      (Eigen::Map<const Eigen::VectorXf>(map.values.data(), expected.size()) - expected).norm(),
      1e-6F * expected.norm());
  EXPECT_THROW((void)model.density(theta, {32, 5}, 0, {}), Error);
  EXPECT_THROW((void)model.density(theta, {24, 4}, 0, {}), Error);
}

// A map cut to a resolution: of waves, those beyond it are gone and the others as they were.
TEST(VolumeModel, CutsAMapToTheResolutionAskedFor) {
  const auto wave = [](int k) {
    Eigen::VectorXf values(16 * 16 * 16);
    for (Eigen::Index i = 0; i < values.size(); ++i) {
      const double turns = k * static_cast<double>(i / 256 + i / 16 % 16) / 16;
      values(i) = static_cast<float>(std::cos(2 * kPi * turns));
    }
    return values;
  };
  Volumes volumes{16, 4, Eigen::MatrixXf(16 * 16 * 16, 2)};
  volumes.values << wave(1), wave(4);
  // 64 angstrom an edge: 20 angstrom is 3.2 cycles; the waves have sqrt(2) and 4 sqrt(2).
  const formats::Volume map =
      VolumeModel(volumes).density(Eigen::VectorXd::Ones(1), {16, 4}, 20, {});
  EXPECT_LT((Eigen::Map<const Eigen::VectorXf>(map.values.data(), 4096) - wave(1)).norm(),
            1e-5F * wave(1).norm());
}

class VolumeModelFiles : public ::testing::Test {
 protected:
  [[nodiscard]] std::string table(const std::string& rows) const {
    return folder_.write("model/volumes.star",
                         "data_sip_volume_model\n\nloop_\n_sipVolumeName #1\n_sipComponent #2\n"
                         "_sipFactor #3\n" +
                             rows + "\n");
  }
  void write_map(const std::string& name,
                 float value,
                 std::size_t edge = 4,
                 double voxel = 2) const {
    formats::Volume map{{edge, edge, edge}, voxel, std::vector<float>(edge * edge * edge)};
    map.values[5] = value;
    formats::write_volume(folder_.path("model/" + name), map);
  }
  void expect_failure(const std::string& rows, const std::string& message) const {
    const std::string path = table(rows);
    try {
      (void)read_volume_model(path);
      ADD_FAILURE() << "read " << rows;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Input);
      EXPECT_THAT(error.what(), HasSubstr(message));
    }
  }

  TemporaryFolder folder_;
};

TEST_F(VolumeModelFiles, SumTheirMapsTimesFactorsWhereverTheyLie) {
  write_map("a.mrc", 3);
  write_map("maps/b.mrc", 7);
  const Volumes volumes = read_volume_model(
      table("a.mrc 0 0.5\nmaps/b.mrc 0 0.5\nmaps/b.mrc 2 -2\na.mrc 1 1\nmaps/b.mrc 1 -1\n"));
  EXPECT_EQ(volumes.edge, 4);
  EXPECT_EQ(volumes.voxel_size_angstrom, 2);
  EXPECT_EQ(volumes.values.row(5), Eigen::RowVector3f(5, -4, -14));
  EXPECT_EQ(volumes.values.row(6).norm(), 0);
}

TEST_F(VolumeModelFiles, NeedNoFactors) {
  write_map("a.mrc", 3);
  const std::string path =
      folder_.write("model/mean.star",
                    "data_sip_volume_model\n\nloop_\n_sipVolumeName\n_sipComponent\na.mrc 0\n\n");
  EXPECT_EQ(load_conformation_model(path)->dimension(), 0);
  EXPECT_EQ(read_volume_model(path).values(5, 0), 3);
}

TEST_F(VolumeModelFiles, AreRefusedWithTheirPlace) {
  write_map("a.mrc", 3);
  write_map("larger.mrc", 3, 6);
  write_map("finer.mrc", 3, 4, 1.9);
  write_map("odd.mrc", 3, 5);
  write_map("nameless.mrc", 3, 4, 0);
  write_map("broken.mrc", 3);
  {
    std::fstream file(folder_.path("model/broken.mrc"),
                      std::ios::in | std::ios::out | std::ios::binary);
    const float nothing = std::numeric_limits<float>::quiet_NaN();
    file.seekp(1024);
    file.write(reinterpret_cast<const char*>(&nothing), sizeof(nothing));
  }
  expect_failure("", "volumes.star");
  expect_failure("a.mrc 1 1\n",
                 "volumes.star: block 'sip_volume_model' has no volume for component 0");
  expect_failure("a.mrc 0 1\na.mrc 2 1\n", "no volume for component 1");
  expect_failure("a.mrc 0 1\na.mrc -1 1\n", "volumes.star:8: ");
  expect_failure("a.mrc 0 1\nlarger.mrc 1 1\n", "volumes.star:8: ");
  expect_failure("a.mrc 0 1\nfiner.mrc 1 1\n", "voxels of 1.900000 angstrom");
  expect_failure("odd.mrc 0 1\n", "odd.mrc: a map of 5 x 5 x 5 voxels");
  expect_failure("nameless.mrc 0 1\n", "nameless.mrc: no pixel size");
  expect_failure("broken.mrc 0 1\n", "broken.mrc: values that are not finite");
  expect_failure("none.mrc 0 1\n", "none.mrc");
}

}  // namespace
}  // namespace cryosip

// Which maps a folder or a STAR file names, and what is said of those that cannot be compared.
#include "libcryosip/assess/volume_set.hpp"

#include <fstream>
#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "formats/mrc.hpp"
#include "tests/support/temporary_folder.hpp"

namespace cryosip {
namespace {

class VolumeSetTest : public ::testing::Test {
 protected:
  // A cube whose voxels count up from @p first.
  std::string map(const std::string& name,
                  float first = 0,
                  std::size_t edge = 4,
                  double pixel_size_angstrom = 2) const {
    formats::Volume volume{{edge, edge, edge}, pixel_size_angstrom, {}};
    for (std::size_t i = 0; i < edge * edge * edge; ++i) {
      volume.values.push_back(first + static_cast<float>(i));
    }
    const std::string path = folder_.path(name);
    formats::write_volume(path, volume);
    return path;
  }
  // Its last voxel is NaN, which write_volume refuses.
  std::string not_finite(const std::string& name) const {
    const std::string path = map(name);
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(-4, std::ios::end);
    file.write("\0\0\xc0\x7f", 4);
    return path;
  }
  static std::string message(const std::function<void()>& call) {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  }

  testing::TemporaryFolder folder_;
};

TEST_F(VolumeSetTest, AFolderIsReadInTheOrderOfItsNumbers) {
  const std::string ten = map("maps/vol_10.mrc");
  const std::string two = map("maps/vol_002.mrc");
  const std::string other = map("maps/other.map");
  static_cast<void>(folder_.write("maps/notes.txt", "not a map"));
  const VolumeList list = read_volume_list(folder_.path("maps/x").substr(0, other.rfind('/')));
  EXPECT_EQ(list.paths, (std::vector<std::string>{other, two, ten}));
  EXPECT_NEAR(list.populations(1), 1.0 / 3, 1e-15);
}

TEST_F(VolumeSetTest, AStarFileNamesMapsAndPopulations) {
  const std::string a = map("job/a.mrc");
  const std::string b = map("project/Class3D/b.mrc");
  const std::string star = folder_.write("project/Class3D/job1/maps.star",
                                         "data_x\n_y 1\n\ndata_sip_volumes\nloop_\n_sipMap\n"
                                         "_sipWeight\n" +
                                             a + " 1\nClass3D/b.mrc 3\n\n");
  const VolumeList list = read_volume_list(star);
  ASSERT_EQ(list.paths.size(), 2U);
  EXPECT_EQ(list.paths[0], a);
  EXPECT_EQ(list.paths[1], b);  // from the folder above: RELION's project
  EXPECT_EQ(list.populations, Eigen::Vector2d(0.25, 0.75));

  const std::string lost = folder_.write("lost.star", "data_x\nloop_\n_sipMap\nno_such.mrc\n\n");
  EXPECT_NE(message([&] { read_volume_list(lost); }).find("lost.star:4: "), std::string::npos);
  const std::string none = folder_.write("none.star", "data_x\n_y 1\n\n");
  EXPECT_NE(message([&] { read_volume_list(none); }).find("names no maps"), std::string::npos);
}

TEST_F(VolumeSetTest, LoadsMapsOfOneGrid) {
  const VolumeSet set = load_volumes({{map("a.mrc"), map("b.mrc", 5)}, Eigen::Vector2d(0.5, 0.5)});
  EXPECT_EQ(set.box, 4);
  EXPECT_EQ(set.pixel_size_angstrom, 2);
  EXPECT_EQ(set.size(), 2);
  EXPECT_EQ(set.values(63, 0), 63);
  EXPECT_EQ(set.values(1, 1), 6);
  EXPECT_EQ(load_mask(map("mask.mrc"), set)(2), 2);
}

TEST_F(VolumeSetTest, NamesTheMapThatIsWrong) {
  const std::string good = map("good.mrc");
  const auto with = [&](const std::string& other) {
    return message([&] { load_volumes({{good, other}, Eigen::Vector2d(0.5, 0.5)}); });
  };
  EXPECT_NE(with(map("large.mrc", 0, 6)).find("large.mrc: 6 x 6 x 6 voxels found"),
            std::string::npos);
  EXPECT_NE(with(map("fine.mrc", 0, 4, 1)).find("fine.mrc: pixel size 1 A found, expected 2"),
            std::string::npos);
  EXPECT_NE(with(not_finite("nan.mrc")).find("nan.mrc: a voxel is not a finite number"),
            std::string::npos);
  // Counting up from here leaves single precision's voxels all the same.
  EXPECT_NE(with(map("flat.mrc", 1e20F)).find("flat.mrc: all voxels are the same"),
            std::string::npos);
  EXPECT_NE(message([&] {
              load_volumes({{map("odd.mrc", 0, 5)}, Eigen::VectorXd::Ones(1)});
            }).find("odd.mrc: 5 x 5 x 5 voxels found, expected a cube of even edge"),
            std::string::npos);
  const VolumeSet set = load_volumes({{good}, Eigen::VectorXd::Ones(1)});
  EXPECT_THROW(load_mask(map("mask6.mrc", 0, 6), set), Error);
  EXPECT_THROW(load_mask(not_finite("nan_mask.mrc"), set), Error);
}

}  // namespace
}  // namespace cryosip

#include "libcryosip/dataset/particle_file.hpp"

#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "tests/support/cryosparc_records.hpp"
#include "tests/support/stacks.hpp"
#include "tests/support/temporary_file.hpp"
#include "tests/support/temporary_folder.hpp"

namespace cryosip {
namespace {

using formats::NpyArray;
using formats::StarFile;
using ::testing::AllOf;
using testing::column;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::images;
using testing::input_error_of;
using testing::star_of;

class ParticleFiles : public ::testing::Test {
 protected:
  std::string put(const std::string& name, const NpyArray& array) {
    std::ostringstream out;
    formats::write_npy(out, array);
    return folder_.write(name, out.str());
  }
  testing::TemporaryFolder folder_;
};

TEST_F(ParticleFiles, AreToldByTheirContent) {
  const std::string cs = put("p.star", images(2).array);  // whatever the name
  const std::string star = folder_.write("p.cs", "data_\nloop_\n_rlnImageName\n1@a.mrcs\n");

  const ParticleFile file = read_particle_file(cs);
  EXPECT_TRUE(file.is_cryosparc);
  EXPECT_EQ(particle_table(file).where[1], cs + ": record 2");
  EXPECT_FALSE(read_particle_file(star).is_cryosparc);
  EXPECT_THROW(read_particle_file(star, {cs}), Error);
}

TEST_F(ParticleFiles, NameTheirStacksAsAsked) {
  StarFile star = star_of(images(3).array);
  rename_stacks(
      star,
      {.image_directory = {}, .pixel_size_angstrom = 0, .strip_prefix = "J1", .passthroughs = {}});
  EXPECT_THAT(column(star.table("particles"), "rlnImageName"),
              ElementsAre("000001@a.mrc:mrcs", "000001@b.mrcs", "000002@a.mrc:mrcs"));

  star = star_of(images(3).array);
  testing::write_stack(folder_.path("data/a.mrcs"), 2, 16);
  ImageSetOptions options;
  options.image_directory = folder_.path("data");
  EXPECT_THAT(
      input_error_of([&] { rename_stacks(star, options); }),
      AllOf(HasSubstr("record 2: stack 'J1/b.mrcs' not found"), HasSubstr("--strip-prefix")));
  testing::write_stack(folder_.path("data/J1/b.mrc"), 2, 16);
  rename_stacks(star, options);
  EXPECT_THAT(column(star.table("particles"), "rlnImageName"),
              ElementsAre("000001@" + folder_.path("data/a.mrcs"),
                          "000001@" + folder_.path("data/J1/b.mrc") + ":mrcs",
                          "000002@" + folder_.path("data/a.mrcs")));

  ParticleTable table = read_particles(star);
  table.optics_groups[0].box = 0;
  complete_boxes(table, options);
  EXPECT_EQ(table.optics_groups[0].box, 16);
}

TEST(StackNames, LoseWholeFoldersOnly) {
  EXPECT_EQ(without_prefix("J1/x/a.mrc", "J1"), "x/a.mrc");
  EXPECT_EQ(without_prefix("J1/x/a.mrc", "J1/"), "x/a.mrc");
  EXPECT_EQ(without_prefix("J1//a.mrc", "J1"), "a.mrc");
  EXPECT_EQ(without_prefix("J12/a.mrc", "J1"), "J12/a.mrc");
  EXPECT_EQ(without_prefix("a.mrc", "J1"), "a.mrc");
  EXPECT_EQ(without_prefix("J1", "J1"), "J1");
  EXPECT_EQ(without_prefix("a.mrc", ""), "a.mrc");
}

}  // namespace
}  // namespace cryosip

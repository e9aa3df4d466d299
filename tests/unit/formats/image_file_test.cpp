#include "formats/image_file.hpp"

#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tiffio.h>

#include "formats/error.hpp"
#include "formats/mrc.hpp"
#include "formats/tiff.hpp"
#include "tests/support/temporary_file.hpp"

namespace cryosip::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::input_error_of;
using testing::TemporaryFile;

struct TiffLook {
  std::uint16_t bits = 32;
  std::uint16_t format = SAMPLEFORMAT_IEEEFP;
  std::uint16_t compression = COMPRESSION_NONE;
  std::uint16_t samples = 1;
  const char* mode = "w";  // "wb": big endian, "w8": BigTIFF
};

/// Appends one page, its first row at the top, two rows in a strip.
template <typename T>
void write_page(TIFF* tiff,
                std::uint32_t width,
                const std::vector<T>& values,
                const TiffLook& look) {
  const auto height = static_cast<std::uint32_t>(values.size()) / width / look.samples;
  TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, width);
  TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, height);
  TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, look.bits);
  TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, look.format);
  TIFFSetField(tiff, TIFFTAG_SAMPLESPERPIXEL, look.samples);
  TIFFSetField(tiff, TIFFTAG_COMPRESSION, look.compression);
  TIFFSetField(tiff, TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
  TIFFSetField(tiff, TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
  TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 2);
  TIFFSetField(tiff, TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER);
  TIFFSetField(tiff, TIFFTAG_XRESOLUTION, 4e7);
  for (std::uint32_t y = 0; y < height; ++y) {
    const std::size_t row_values = std::size_t{width} * look.samples;
    const T* const first = values.data() + y * row_values;
    std::vector<T> row(first, first + row_values);
    ASSERT_EQ(TIFFWriteScanline(tiff, row.data(), y, 0), 1);
  }
  ASSERT_EQ(TIFFWriteDirectory(tiff), 1);
}

template <typename T>
void write_tiff(const std::string& path, const std::vector<std::vector<T>>& pages, TiffLook look) {
  TIFF* const tiff = TIFFOpen(path.c_str(), look.mode);
  ASSERT_NE(tiff, nullptr);
  for (const std::vector<T>& page : pages) {
    write_page(tiff, 2, page, look);
  }
  TIFFClose(tiff);
}

std::vector<float> read_section(const ImageFile& file, std::size_t index) {
  std::vector<float> values(file.width() * file.height());
  file.read(index, values);
  return values;
}

template <typename T>
void expect_read(const std::vector<T>& values, const TiffLook& look) {
  const TemporaryFile file("x.tif");
  write_tiff<T>(file.path(), {values}, look);
  const auto image = open_image_file(file.path());
  EXPECT_THAT(read_section(*image, 0),
              ElementsAre(static_cast<float>(values[2]),
                          static_cast<float>(values[3]),
                          static_cast<float>(values[0]),
                          static_cast<float>(values[1])));
}

TEST(TiffFile, ReadsIntegersAndFloatsLastRowFirst) {
  expect_read<std::uint8_t>({0, 1, 128, 255}, {.bits = 8, .format = SAMPLEFORMAT_UINT});
  expect_read<std::int8_t>({0, -1, -128, 127}, {.bits = 8, .format = SAMPLEFORMAT_INT});
  expect_read<std::uint16_t>({0, 1, 32768, 65535}, {.bits = 16, .format = SAMPLEFORMAT_UINT});
  expect_read<std::int16_t>({0, -1, -32768, 32767}, {.bits = 16, .format = SAMPLEFORMAT_INT});
  expect_read<std::uint32_t>({0, 1, 3000000000, 7}, {.bits = 32, .format = SAMPLEFORMAT_UINT});
  expect_read<std::int32_t>({0, -1, -2000000000, 7}, {.bits = 32, .format = SAMPLEFORMAT_INT});
  expect_read<float>({0, -1.5F, 1e-20F, 3e30F}, {});
}

TEST(TiffFile, ReadsCompressedBigEndianAndBigTiff) {
  for (const int compression : {COMPRESSION_LZW, COMPRESSION_ADOBE_DEFLATE, COMPRESSION_PACKBITS}) {
    expect_read<float>({1, 2, 3, 4}, {.compression = static_cast<std::uint16_t>(compression)});
  }
  expect_read<std::int16_t>({1, -2, 3, 4}, {.bits = 16, .format = SAMPLEFORMAT_INT, .mode = "wb"});
  expect_read<float>({1, 2, 3, 4}, {.mode = "w8"});
  expect_read<float>({1, 2, 3, 4}, {.mode = "w8b"});
}

TEST(TiffFile, EachPageIsASection) {
  const TemporaryFile file("x.mrc");  // whatever the name's ending
  write_tiff<float>(
      file.path(), {{1, 2, 3, 4, 5, 6}, {7, 8, 9, 10, 11, 12}, {0, 0, 0, 0, 0, 1}}, {});

  const auto image = open_image_file(file.path());

  EXPECT_EQ(image->width(), 2U);
  EXPECT_EQ(image->height(), 3U);
  EXPECT_EQ(image->sections(), 3U);
  EXPECT_NEAR(image->pixel_size_angstrom(), 2.5, 1e-6);
  EXPECT_THAT(read_section(*image, 1), ElementsAre(11, 12, 9, 10, 7, 8));
  EXPECT_THAT(read_section(*image, 0), ElementsAre(5, 6, 3, 4, 1, 2));
  std::vector<float> room(6);
  EXPECT_THAT(input_error_of([&] { image->read(3, room); }),
              HasSubstr("found 3 pages, expected a page 4"));
  EXPECT_THROW(image->read(0, std::span(room).first(5)), Error);
}

TEST(TiffFile, ManyThreadsMayRead) {
  const TemporaryFile file("x.tif");
  std::vector<std::vector<float>> pages;
  pages.reserve(20);
  for (int i = 0; i < 20; ++i) {
    pages.emplace_back(4, static_cast<float>(i));
  }
  write_tiff<float>(file.path(), pages, {.compression = COMPRESSION_LZW});
  const TiffFile image(file.path());

  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < 20; ++i) {
        EXPECT_THAT(read_section(image, i), ::testing::Each(static_cast<float>(i)));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(TiffFile, RefusesWhatIsNotAGreyStack) {
  const TemporaryFile file("x.tif");
  const auto refusal = [&] { return input_error_of([&] { open_image_file(file.path()); }); };

  write_tiff<std::uint8_t>(file.path(),
                           {{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12}},
                           {.bits = 8, .format = SAMPLEFORMAT_UINT, .samples = 3});
  EXPECT_THAT(refusal(), HasSubstr("page 1: found 3 samples a pixel, expected 1"));

  write_tiff<double>(file.path(), {{1, 2, 3, 4}}, {.bits = 64});
  EXPECT_THAT(refusal(), HasSubstr("page 1: found 64-bit pixels"));

  write_tiff<float>(file.path(), {{1, 2, 3, 4}, {1, 2}}, {});
  EXPECT_THAT(refusal(), HasSubstr("page 2: found 2 x 1 pixels, expected 2 x 2 as on page 1"));
}

TEST(TiffFile, TruncatedAnywhereIsRefusedOrGivesTheRightPixels) {
  const TemporaryFile whole("whole.tif");
  write_tiff<float>(whole.path(), {{1, 2, 3, 4}, {5, 6, 7, 8}}, {});
  std::ifstream in(whole.path(), std::ios::binary);
  const std::string bytes{std::istreambuf_iterator<char>(in), {}};
  const TemporaryFile cut("cut.tif");
  std::size_t refused = 0;
  for (std::size_t length = 0; length < bytes.size(); ++length) {
    cut.write(std::string_view(bytes).substr(0, length));

    const std::string message = input_error_of([&] {
      const auto image = open_image_file(cut.path());
      // Where only the link to the second page is cut, libtiff takes the first for the last.
      EXPECT_THAT(read_section(*image, 0), ElementsAre(3, 4, 1, 2)) << length;
      if (image->sections() == 2) {
        EXPECT_THAT(read_section(*image, 1), ElementsAre(7, 8, 5, 6)) << length;
      }
    });

    if (message != "no error") {
      ++refused;
      EXPECT_THAT(message, HasSubstr(cut.path())) << length;
    }
  }
  EXPECT_GT(refused, bytes.size() * 9 / 10);  // the rest cuts links and resolutions, not pixels
}

TEST(ImageFile, OpensMrcByContentWhateverItsName) {
  const TemporaryFile file("x.tif");
  write_volume(file.path(), {.size = {2, 1, 1}, .pixel_size_angstrom = 2, .values = {3, 4}});

  const auto image = open_image_file(file.path());

  EXPECT_THAT(read_section(*image, 0), ElementsAre(3, 4));
  EXPECT_EQ(image->pixel_size_angstrom(), 2);
}

TEST(ImageFile, NamesTheFileItCannotOpen) {
  EXPECT_THAT(input_error_of([] { open_image_file("no/such.mrcs"); }),
              HasSubstr("no/such.mrcs: cannot be opened: No such file"));
  const TemporaryFile text("x.star", "data_\nloop_\n_rlnImageName\n");
  EXPECT_THAT(input_error_of([&] { open_image_file(text.path()); }),
              HasSubstr("expected an MRC header"));
}

TEST(StackWriter, WritesMrcAndTiffThatReadBackToTheBit) {
  const std::vector<float> first = {1.5F, -2, 3, 4, 5, 1e-30F};
  const std::vector<float> second = {6, 5, 4, 3, 2, 1};
  for (const char* const ending : {"a.mrcs", "a.mrc", "a.tif", "a.tiff"}) {
    const testing::TemporaryFile file(ending);
    const auto stack =
        create_stack(file.path(), {.width = 3, .height = 2, .pixel_size_angstrom = 1.31});
    stack->append(first);
    stack->append(second);
    EXPECT_FALSE(std::ifstream(file.path()).good()) << ending;  // not before it is whole
    stack->commit();

    const auto read = open_image_file(file.path());
    EXPECT_EQ(read->width(), 3U);
    EXPECT_EQ(read->height(), 2U);
    ASSERT_EQ(read->sections(), 2U);
    EXPECT_NEAR(read->pixel_size_angstrom(), 1.31, 1e-6);
    std::vector<float> pixels(6);
    read->read(0, pixels);
    EXPECT_EQ(pixels, first);
    read->read(1, pixels);
    EXPECT_EQ(pixels, second);
  }
}

TEST(StackWriter, WritesTiffWithItsLastRowFirst) {
  const testing::TemporaryFile file("a.tiff");
  const auto stack = create_stack(file.path(), {.width = 2, .height = 2});
  stack->append(std::vector<float>{1, 2, 3, 4});
  stack->commit();

  TIFF* const tiff = TIFFOpen(file.path().c_str(), "r");
  std::vector<float> row(2);
  ASSERT_EQ(TIFFReadScanline(tiff, row.data(), 0, 0), 1);
  TIFFClose(tiff);
  EXPECT_EQ(row, (std::vector<float>{3, 4}));
  EXPECT_EQ(open_image_file(file.path())->pixel_size_angstrom(), 0);
}

TEST(StackWriter, RefusesWhatItCannotWrite) {
  const testing::TemporaryFile file("a.tiff");
  const auto stack = create_stack(file.path(), {.width = 2, .height = 2});
  EXPECT_THROW(stack->append(std::vector<float>{1, 2, 3}), Error);
  EXPECT_THROW(stack->append(std::vector<float>{1, 2, 3, std::nanf("")}), Error);
  EXPECT_THROW(stack->commit(), Error);
  EXPECT_THROW(create_stack(file.path(), {.width = 0, .height = 2}), Error);
  EXPECT_THROW(create_stack(file.path() + ".png", {.width = 2, .height = 2}), Error);
  EXPECT_THROW(create_stack("/no/such/folder/a.tiff", {.width = 2, .height = 2}), Error);
}

}  // namespace
}  // namespace cryosip::formats

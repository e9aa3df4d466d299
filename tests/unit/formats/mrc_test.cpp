#include "formats/mrc.hpp"

#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "tests/support/temporary_file.hpp"

namespace cryosip::formats {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::input_error_of;
using testing::TemporaryFile;

/// The bytes of an MRC file, made word by word.
class MrcBytes {
 public:
  MrcBytes(int nx, int ny, int nz, int mode, bool big_endian = false)
      : bytes_(1024, '\0'), big_endian_(big_endian) {
    set(0, nx).set(1, ny).set(2, nz).set(3, mode);
    set(7, nx).set(8, ny).set(9, nz);
    set(10, 1.5F * static_cast<float>(nx)).set(11, 1.5F * static_cast<float>(ny));
    set(12, 1.5F * static_cast<float>(nz));
    set(16, 1).set(17, 2).set(18, 3);
    std::memcpy(bytes_.data() + 208, "MAP \x44\x44", 6);
  }

  template <typename T>
  MrcBytes& set(std::size_t word, T value) {
    const std::string text = encode(value);
    bytes_.replace(4 * word, text.size(), text);
    return *this;
  }
  template <typename T>
  MrcBytes& append(const std::vector<T>& values) {
    for (const T value : values) {
      bytes_ += encode(value);
    }
    return *this;
  }
  MrcBytes& append_zeros(std::size_t count) {
    bytes_.append(count, '\0');
    return *this;
  }
  [[nodiscard]] const std::string& str() const { return bytes_; }

 private:
  template <typename T>
  std::string encode(T value) const {
    std::string text(sizeof(T), '\0');
    std::memcpy(text.data(), &value, sizeof(T));
    return big_endian_ ? std::string(text.rbegin(), text.rend()) : text;
  }

  std::string bytes_;
  bool big_endian_;
};

std::vector<float> read_section(const ImageFile& file, std::size_t index) {
  std::vector<float> values(file.width() * file.height());
  file.read(index, values);
  return values;
}

std::vector<float> first_section_of(const std::string& bytes) {
  const TemporaryFile file("x.mrc", bytes);
  return read_section(MrcFile(file.path()), 0);
}

std::string refusal_of(const std::string& bytes) {
  const TemporaryFile file("x.mrcs", bytes);
  std::string message = input_error_of([&] { MrcFile(file.path()); });
  EXPECT_THAT(message, HasSubstr(file.path()));
  return message;
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

template <typename T>
T word_of(const std::string& bytes, std::size_t word) {
  T value{};
  std::memcpy(&value, bytes.data() + 4 * word, sizeof(T));
  return value;
}

TEST(MrcFile, ReadsEveryModeInBothByteOrders) {
  for (const bool big : {false, true}) {
    EXPECT_THAT(
        first_section_of(
            MrcBytes(3, 1, 1, 0, big).append(std::vector<std::int8_t>{-128, -1, 127}).str()),
        ElementsAre(-128, -1, 127));
    EXPECT_THAT(
        first_section_of(
            MrcBytes(3, 1, 1, 1, big).append(std::vector<std::int16_t>{-32768, 2, 32767}).str()),
        ElementsAre(-32768, 2, 32767));
    EXPECT_THAT(
        first_section_of(
            MrcBytes(3, 1, 1, 2, big).append(std::vector<float>{-1.5F, 1e-30F, 3e30F}).str()),
        ElementsAre(-1.5F, 1e-30F, 3e30F));
    EXPECT_THAT(
        first_section_of(
            MrcBytes(3, 1, 1, 6, big).append(std::vector<std::uint16_t>{0, 32768, 65535}).str()),
        ElementsAre(0, 32768, 65535));
    EXPECT_THAT(first_section_of(MrcBytes(3, 1, 1, 12, big)
                                     .append(std::vector<std::uint16_t>{0x3C00, 0xC500, 0x3555})
                                     .str()),
                ElementsAre(1, -5, 0.333251953125F));
  }
}

TEST(MrcFile, ReadsEveryKindOfHalf) {
  const std::vector<float> values =
      first_section_of(MrcBytes(8, 1, 1, 12)
                           .append(std::vector<std::uint16_t>{
                               0x0000, 0x8000, 0x0001, 0x03FF, 0x0400, 0x7BFF, 0xFC00, 0x7E00})
                           .str());

  EXPECT_EQ(values[0], 0);
  EXPECT_TRUE(std::signbit(values[1]));
  EXPECT_EQ(values[2], 0x1p-24F);         // smallest subnormal
  EXPECT_EQ(values[3], 1023 * 0x1p-24F);  // largest subnormal
  EXPECT_EQ(values[4], 0x1p-14F);         // smallest normal
  EXPECT_EQ(values[5], 65504);            // largest
  EXPECT_EQ(values[6], -std::numeric_limits<float>::infinity());
  EXPECT_TRUE(std::isnan(values[7]));
}

TEST(MrcFile, GivesSectionsRowsAndColumnsInFileOrder) {
  const TemporaryFile bytes(
      "x.mrcs",
      MrcBytes(2, 3, 2, 1)
          .append(std::vector<std::int16_t>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11})
          .str());

  const MrcFile file(bytes.path());

  EXPECT_EQ(file.width(), 2U);
  EXPECT_EQ(file.height(), 3U);
  EXPECT_EQ(file.sections(), 2U);
  EXPECT_THAT(read_section(file, 1), ElementsAre(6, 7, 8, 9, 10, 11));
}

TEST(MrcFile, ReadsRealHeader) {
  const TemporaryFile bytes(
      "x.mrc", MrcBytes(1, 1, 1, 0).set(4, -5).set(22, 1).set(49, 2.5F).append_zeros(1).str());

  const MrcFile file(bytes.path());

  EXPECT_EQ(file.header().start[0], -5);
  EXPECT_EQ(file.header().space_group, 1);
  EXPECT_EQ(file.header().origin_angstrom[0], 2.5);
  EXPECT_EQ(file.pixel_size_angstrom(), 1.5);
}

TEST(MrcFile, SkipsExtendedHeader) {
  EXPECT_THAT(first_section_of(MrcBytes(2, 1, 1, 1)
                                   .set(23, 81)  // of no round length
                                   .append(std::vector<std::int8_t>(81, 77))
                                   .append(std::vector<std::int16_t>{-3, 4})
                                   .str()),
              ElementsAre(-3, 4));
}

TEST(MrcFile, ByteOrderComesFromValuesNotFromTheStamp) {
  MrcBytes big(256, 2, 1, 0, true);  // mode 0 is the same in both orders
  std::string bytes = big.append_zeros(512).str();
  std::memcpy(bytes.data() + 212, "\x44\x44", 2);  // says little endian
  const TemporaryFile file("x.mrc", bytes);

  EXPECT_TRUE(MrcFile(file.path()).header().big_endian);
  EXPECT_EQ(MrcFile(file.path()).width(), 256U);
}

TEST(MrcFile, NeedsNeitherMapTagNorStampNorAxes) {
  std::string bytes = MrcBytes(2, 1, 1, 0).append(std::vector<std::int8_t>{5, 6}).str();
  bytes.replace(208, 8, 8, '\0');
  bytes.replace(64, 12, 12, '\0');

  EXPECT_THAT(first_section_of(bytes), ElementsAre(5, 6));
}

TEST(MrcFile, PixelSizeIsZeroWhereTheHeaderHasNone) {
  const auto pixel_size = [](MrcBytes bytes) {
    const TemporaryFile file("x.mrc", bytes.append_zeros(8).str());
    return MrcFile(file.path()).pixel_size_angstrom();
  };
  EXPECT_EQ(pixel_size(MrcBytes(2, 1, 1, 0).set(10, 0.0F)), 0);
  EXPECT_EQ(pixel_size(MrcBytes(2, 1, 1, 0).set(10, -3.0F)), 0);
  EXPECT_EQ(pixel_size(MrcBytes(2, 1, 1, 0).set(7, 0)), 0);
  EXPECT_EQ(pixel_size(MrcBytes(2, 1, 1, 0).set(7, -2)), 0);
  EXPECT_EQ(pixel_size(MrcBytes(2, 1, 1, 0).set(10, std::numeric_limits<float>::quiet_NaN())), 0);
  EXPECT_EQ(pixel_size(MrcBytes(2, 1, 1, 0).set(10, std::numeric_limits<float>::infinity())), 0);
  EXPECT_EQ(pixel_size(MrcBytes(2, 1, 1, 0).set(7, 4).set(10, 5.0F)),
            1.25);  // cell over mx, not nx
}

TEST(MrcFile, TrailingBytesDoNoHarm) {
  EXPECT_THAT(
      first_section_of(
          MrcBytes(2, 1, 1, 0).append(std::vector<std::int8_t>{5, 6}).append_zeros(999).str()),
      ElementsAre(5, 6));
}

TEST(MrcFile, RefusesTruncatedFilesNamingCounts) {
  EXPECT_THAT(refusal_of(MrcBytes(4, 4, 10, 2).append_zeros(64 * 3 + 10).str()),
              HasSubstr("truncated: found 1226 bytes (3 whole sections), expected 1664 bytes (10 "
                        "sections by the header)"));
  EXPECT_THAT(refusal_of(MrcBytes(4, 4, 1, 2).set(23, 4096).append_zeros(100).str()),
              HasSubstr("found 1124 bytes (0 whole sections), expected 5184 bytes"));
  EXPECT_THAT(refusal_of(MrcBytes(65536, 65536, 1 << 28, 2).str()), HasSubstr("truncated"));
}

TEST(MrcFile, RefusesWhatIsNotMrcOrNotRead) {
  for (const int mode : {3, 4, 5, 7, 101}) {
    EXPECT_THAT(
        refusal_of(MrcBytes(2, 2, 1, mode).append_zeros(64).str()),
        HasSubstr("found MRC mode " + std::to_string(mode) + ", expected 0, 1, 2, 6 or 12"));
  }
  EXPECT_THAT(refusal_of(""), HasSubstr("found 0 bytes, expected an MRC header of 1024"));
  EXPECT_THAT(refusal_of(std::string(1023, 'x')), HasSubstr("found 1023 bytes"));
  EXPECT_THAT(refusal_of(std::string(4096, '\0')), HasSubstr("expected an MRC header"));
  EXPECT_THAT(refusal_of(std::string(4096, 'x')), HasSubstr("expected an MRC header"));
  EXPECT_THAT(refusal_of(MrcBytes(-2, 2, 1, 2).str()), HasSubstr("found sizes -2 x 2 x 1"));
  EXPECT_THAT(refusal_of(MrcBytes(2, 2, 1, 2).set(23, -4).str()), HasSubstr("expected an MRC"));
  EXPECT_THAT(input_error_of([] { MrcFile("no/such.mrc"); }), HasSubstr("cannot be opened"));
  EXPECT_THAT(input_error_of([] { MrcFile("/"); }), HasSubstr("found no regular file"));
}

TEST(MrcFile, RefusesCompressedFilesSayingWhatToDo) {
  const std::string rest(2000, '\x01');
  EXPECT_THAT(refusal_of("\x1f\x8b" + rest), HasSubstr("decompress it first: gunzip -k"));
  EXPECT_THAT(refusal_of("BZh9" + rest), HasSubstr("decompress it first: bunzip2 -k"));
  EXPECT_THAT(refusal_of("\xFD"
                         "7zXZ" +
                         rest),
              HasSubstr("xz"));
  EXPECT_THAT(refusal_of("\x28\xB5\x2F\xFD" + rest), HasSubstr("zstd"));
}

TEST(MrcFile, RefusesSectionsBeyondTheLastAndWrongRoom) {
  const TemporaryFile bytes("x.mrcs", MrcBytes(2, 2, 3, 0).append_zeros(12).str());
  const MrcFile file(bytes.path());
  std::vector<float> room(4);
  std::vector<float> small(3);

  EXPECT_THAT(input_error_of([&] { file.read(3, room); }),
              HasSubstr("found 3 sections, expected a section 4"));
  EXPECT_THROW(file.read(0, small), Error);
}

TEST(MrcFile, ManyThreadsMayRead) {
  const TemporaryFile bytes("x.mrcs");
  MrcStackWriter writer(bytes.path(), 8, 8, 1);
  for (int i = 0; i < 50; ++i) {
    writer.append(std::vector<float>(64, static_cast<float>(i)));
  }
  writer.commit();
  const MrcFile file(bytes.path());

  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (std::size_t i = 0; i < 50; ++i) {
        EXPECT_THAT(read_section(file, i), Each(static_cast<float>(i)));
      }
    });
  }
  for (std::thread& thread : threads) {
    thread.join();
  }
}

TEST(Volume, IsReadInOrderXyzWhateverItsAxes) {
  std::array<int, 3> axes{1, 2, 3};
  const std::array<std::size_t, 3> xyz{2, 3, 4};
  do {
    // value = 100 z + 10 y + x
    std::array<int, 3> size{};
    for (std::size_t i = 0; i < 3; ++i) {
      size[i] = static_cast<int>(xyz[static_cast<std::size_t>(axes[i] - 1)]);
    }
    MrcBytes bytes(size[0], size[1], size[2], 1);
    bytes.set(16, axes[0]).set(17, axes[1]).set(18, axes[2]).set(7, 2).set(10, 5.0F);
    std::array<int, 3> at{};  // along x, y, z
    for (int s = 0; s < size[2]; ++s) {
      for (int r = 0; r < size[1]; ++r) {
        for (int c = 0; c < size[0]; ++c) {
          at[static_cast<std::size_t>(axes[0] - 1)] = c;
          at[static_cast<std::size_t>(axes[1] - 1)] = r;
          at[static_cast<std::size_t>(axes[2] - 1)] = s;
          bytes.append(std::vector{static_cast<std::int16_t>(100 * at[2] + 10 * at[1] + at[0])});
        }
      }
    }
    const TemporaryFile file("x.mrc", bytes.str());

    const Volume volume = read_volume(file.path());

    EXPECT_EQ(volume.size, xyz);
    EXPECT_EQ(volume.pixel_size_angstrom, 2.5);
    EXPECT_EQ(volume.values[0], 0);
    EXPECT_EQ(volume.values[1], 1);
    EXPECT_EQ(volume.values[2], 10);
    EXPECT_EQ(volume.values[6], 100);
    EXPECT_EQ(volume.values[23], 321);
  } while (std::next_permutation(axes.begin(), axes.end()));
}

TEST(Volume, RefusesAxesThatAreNone) {
  const TemporaryFile file("x.mrc", MrcBytes(1, 1, 1, 0).set(16, 2).append_zeros(1).str());

  EXPECT_THAT(input_error_of([&] { read_volume(file.path()); }), HasSubstr("found axes 2 2 3"));
}

TEST(Volume, IsWrittenAsAVolumeAndReadsBack) {
  const TemporaryFile file("x.mrc");
  const Volume volume{.size = {2, 2, 3},
                      .pixel_size_angstrom = 1.25,
                      .values = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12.5F}};

  write_volume(file.path(), volume);

  const Volume again = read_volume(file.path());
  EXPECT_EQ(again.size, volume.size);
  EXPECT_EQ(again.values, volume.values);
  EXPECT_EQ(again.pixel_size_angstrom, 1.25);
  EXPECT_EQ(word_of<int>(bytes_of(file.path()), 22), 1);
}

TEST(Volume, OfTheWrongSizeIsNotWritten) {
  const TemporaryFile file("x.mrc");

  EXPECT_THROW(write_volume(file.path(), Volume{.size = {2, 2, 2}, .values = {1}}), Error);
  EXPECT_THROW(write_volume(file.path(), Volume{}), Error);
  EXPECT_FALSE(std::filesystem::exists(file.path()));
}

TEST(MrcStackWriter, WritesTheHeaderRelionReads) {
  const TemporaryFile file("x.mrcs");
  MrcStackWriter writer(file.path(), 4, 2, 1.5);
  writer.append(std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8});
  writer.append(std::vector<float>{-1, -2, -3, -4, -5, -6, -7, -8});
  writer.append(std::vector<float>(8, 0));
  writer.commit();

  const std::string bytes = bytes_of(file.path());

  ASSERT_EQ(bytes.size(), 1024U + 3 * 8 * 4);
  for (const auto& [word, value] : std::vector<std::pair<std::size_t, int>>{{0, 4},
                                                                            {1, 2},
                                                                            {2, 3},
                                                                            {3, 2},
                                                                            {4, 0},
                                                                            {7, 4},
                                                                            {8, 2},
                                                                            {9, 3},
                                                                            {16, 1},
                                                                            {17, 2},
                                                                            {18, 3},
                                                                            {22, 0},
                                                                            {23, 0}}) {
    EXPECT_EQ(word_of<int>(bytes, word), value) << word;
  }
  EXPECT_EQ(word_of<float>(bytes, 10), 6.0F);
  EXPECT_EQ(word_of<float>(bytes, 11), 3.0F);
  EXPECT_EQ(word_of<float>(bytes, 12), 4.5F);
  EXPECT_EQ(word_of<float>(bytes, 13), 90.0F);
  EXPECT_EQ(word_of<float>(bytes, 19), -8.0F);
  EXPECT_EQ(word_of<float>(bytes, 20), 8.0F);
  EXPECT_EQ(word_of<float>(bytes, 21), 0.0F);
  EXPECT_FLOAT_EQ(word_of<float>(bytes, 54), std::sqrt(17.0F));  // 2 * 204 / 24
  EXPECT_EQ(bytes.substr(208, 8), std::string("MAP \x44\x41\0\0", 8));
  EXPECT_EQ(word_of<float>(bytes, 256 + 8), -1.0F);
}

TEST(MrcStackWriter, FileAppearsOnlyOnCommit) {
  const TemporaryFile file("x.mrcs");
  {
    MrcStackWriter writer(file.path(), 1, 1, 1);
    writer.append(std::vector<float>{1});
    EXPECT_FALSE(std::filesystem::exists(file.path()));
  }
  EXPECT_FALSE(std::filesystem::exists(file.path()));
  EXPECT_FALSE(std::filesystem::exists(file.path() + ".part"));
}

TEST(MrcStackWriter, RefusesWhatCannotBeAStack) {
  const TemporaryFile file("x.mrcs");
  MrcStackWriter writer(file.path(), 2, 1, 1);

  EXPECT_THROW(writer.append(std::vector<float>{1}), Error);
  EXPECT_THROW(writer.append(std::vector<float>{1, std::numeric_limits<float>::quiet_NaN()}),
               Error);
  EXPECT_THROW(writer.append(std::vector<float>{1, std::numeric_limits<float>::infinity()}), Error);
  EXPECT_THROW(writer.commit(), Error);
  EXPECT_THROW(MrcStackWriter(file.path(), 0, 1, 1), Error);
  EXPECT_THROW(MrcStackWriter("no/such/folder/x.mrcs", 1, 1, 1), Error);
}

}  // namespace
}  // namespace cryosip::formats

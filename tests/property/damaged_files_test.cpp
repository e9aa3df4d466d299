// Whatever bytes a file holds, reading it ends in a result or in an Input error that names the
// file.
#include <cstddef>
#include <fstream>
#include <functional>
#include <iterator>
#include <random>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <tiffio.h>

#include "formats/image_file.hpp"
#include "formats/mrc.hpp"
#include "formats/nmd.hpp"
#include "formats/pdb.hpp"
#include "formats/star.hpp"
#include "tests/support/for_all.hpp"
#include "tests/support/temporary_file.hpp"

namespace cryosip::formats {
namespace {

using testing::TemporaryFile;
using Read = std::function<void(const std::string& path)>;

constexpr int kRandomCases = 400;

void expect_result_or_error(const Read& read, const TemporaryFile& file, std::string_view bytes) {
  file.write(bytes);
  const std::string message = testing::input_error_of([&] { read(file.path()); });
  if (message != "no error") {
    EXPECT_THAT(message, ::testing::HasSubstr(file.path()));
  }
}

void expect_survives_damage(const Read& read, const std::string& whole) {
  const TemporaryFile file("damaged");
  for (std::size_t length = 0; length < whole.size(); ++length) {
    expect_result_or_error(read, file, std::string_view(whole).substr(0, length));
  }
  testing::for_all(kRandomCases, [&](std::mt19937_64& rng) {
    std::string bytes = whole;
    std::uniform_int_distribution<std::size_t> place(0, bytes.size() - 1);
    std::uniform_int_distribution<int> byte(-128, 127);
    for (std::size_t changes = 1 + rng() % 4; changes > 0; --changes) {
      bytes[place(rng)] = static_cast<char>(byte(rng));
    }
    expect_result_or_error(read, file, bytes);
  });
}

void read_images(const std::string& path) {
  constexpr std::size_t kMostPixels = 1 << 22;  // a damaged size may still be a sensible one
  const auto image = open_image_file(path);
  if (image->width() * image->height() > kMostPixels) {
    return;
  }
  std::vector<float> section(image->width() * image->height());
  for (std::size_t i = 0; i < image->sections() && i < 4; ++i) {
    image->read(i, section);
  }
}

std::string bytes_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

TEST(DamagedFiles, Star) {
  const auto read = [](const std::string& path) {
    const StarFile file = read_star(path);
    for (const StarTable& table : file.tables) {
      for (std::size_t i = 0; i < table.rows(); ++i) {
        for (std::size_t j = 0; j < table.columns(); ++j) {
          static_cast<void>(table.text(i, j));
        }
        if (table.has("rlnAngleRot")) {
          static_cast<void>(table.number(i, table.column("rlnAngleRot")));
        }
      }
    }
  };
  expect_survives_damage(
      read,
      "# top\ndata_optics\n\n_rlnVoltage 300 # kV\n_rlnName 'a b'\n\n\ndata_particles\n\nloop_\n"
      "_rlnImageName #1\n_rlnAngleRot #2\n000001@a.mrcs 1.5e-2\n\"2@b c.mrcs\" -17\n\n");
}

TEST(DamagedFiles, Nmd) {
  const auto read = [](const std::string& path) { static_cast<void>(read_nmd(path)); };
  expect_survives_damage(read,
                         "name x\natomnames CA CA\nresids 1 2\nbfactors 1.5 2\n"
                         "coordinates 1 2 3 4 5 6\nmode 1 2.5 0.1 0.2 0.3 0.4 0.5 0.6\n");
}

TEST(DamagedFiles, Pdb) {
  const auto read = [](const std::string& path) { static_cast<void>(read_atomic_model(path)); };
  expect_survives_damage(
      read,
      "MODEL        1\n"
      "ATOM      2  CA AALA A   1      11.639   6.071  -5.147  0.60 12.25           C\n"
      "ANISOU    2  CA AALA A   1      100    100    100      0      0      0       C\n"
      "HETATM    5  SE  MSE B  -3       4.000   5.000   6.000  1.00 20.00          SE\n"
      "TER\nENDMDL\nEND\n");
}

TEST(DamagedFiles, Mmcif) {
  const auto read = [](const std::string& path) { static_cast<void>(read_atomic_model(path)); };
  expect_survives_damage(
      read,
      "data_x\nloop_\n_atom_site.group_PDB\n_atom_site.id\n_atom_site.type_symbol\n"
      "_atom_site.label_atom_id\n_atom_site.label_alt_id\n_atom_site.label_comp_id\n"
      "_atom_site.label_asym_id\n_atom_site.Cartn_x\n_atom_site.Cartn_y\n_atom_site.Cartn_z\n"
      "_atom_site.auth_seq_id\n_atom_site.auth_asym_id\n_atom_site.pdbx_PDB_model_num\n"
      "ATOM 1 C CA . ALA A 1.5 2.5 3.5 45 X 1\nATOM 2 P P . DA B 4 5 6 -2 YY 1\n");
}

TEST(DamagedFiles, Mrc) {
  const TemporaryFile file("whole.mrc");
  write_volume(file.path(),
               {.size = {3, 2, 2},
                .pixel_size_angstrom = 1,
                .values = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11}});
  const std::string bytes = bytes_of(file.path());

  expect_survives_damage(read_images, bytes);
  expect_survives_damage([](const std::string& path) { static_cast<void>(read_volume(path)); },
                         bytes);
}

TEST(DamagedFiles, Tiff) {
  const TemporaryFile file("whole.tif");
  TIFF* const tiff = TIFFOpen(file.path().c_str(), "w");
  std::vector<float> row{1, 2, 3};
  for (int page = 0; page < 2; ++page) {
    TIFFSetField(tiff, TIFFTAG_IMAGEWIDTH, 3);
    TIFFSetField(tiff, TIFFTAG_IMAGELENGTH, 2);
    TIFFSetField(tiff, TIFFTAG_BITSPERSAMPLE, 32);
    TIFFSetField(tiff, TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP);
    TIFFSetField(tiff, TIFFTAG_COMPRESSION, page == 0 ? COMPRESSION_LZW : COMPRESSION_NONE);
    TIFFSetField(tiff, TIFFTAG_ROWSPERSTRIP, 1);
    ASSERT_EQ(TIFFWriteScanline(tiff, row.data(), 0, 0), 1);
    ASSERT_EQ(TIFFWriteScanline(tiff, row.data(), 1, 0), 1);
    ASSERT_EQ(TIFFWriteDirectory(tiff), 1);
  }
  TIFFClose(tiff);

  expect_survives_damage(read_images, bytes_of(file.path()));
}

}  // namespace
}  // namespace cryosip::formats

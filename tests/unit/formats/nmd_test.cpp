#include "formats/nmd.hpp"

#include <limits>
#include <sstream>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "tests/support/temporary_file.hpp"

namespace cryosip::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

Nmd parse(const std::string& text) {
  std::istringstream in(text);
  return read_nmd(in, "x.nmd");
}

// As ProDy's writeNMD has it.
constexpr const char* kProDy =
    "nmwiz_load /home/user/p38.nmd\n"
    "name p38_anm\n"
    "atomnames CA CA\n"
    "resnames GLU ARG\n"
    "resids 4 5\n"
    "chainids A A\n"
    "segnames  \n"
    "bfactors 18.26 19.24\n"
    "coordinates 23.379 7.928 45.155 21.542 7.281 -41.93\n"
    "mode 1 5.35 -0.037 0.009 0.083 -0.039 0.002 0.070\n"
    "mode 3 2.50 1 0 0 0 0 0\n";

TEST(Nmd, ReadsWhatProDyWrites) {
  const Nmd nmd = parse(kProDy);

  EXPECT_EQ(nmd.title, "p38_anm");
  EXPECT_THAT(nmd.atom_names, ElementsAre("CA", "CA"));
  EXPECT_THAT(nmd.residue_names, ElementsAre("GLU", "ARG"));
  EXPECT_THAT(nmd.residue_numbers, ElementsAre(4, 5));
  EXPECT_THAT(nmd.chains, ElementsAre("A", "A"));
  EXPECT_THAT(nmd.b_factors, ElementsAre(18.26, 19.24));
  EXPECT_THAT(nmd.coordinates_angstrom, ElementsAre(23.379, 7.928, 45.155, 21.542, 7.281, -41.93));
  ASSERT_EQ(nmd.modes.size(), 2U);
  EXPECT_EQ(nmd.modes[0].scale, 5.35);
  EXPECT_THAT(nmd.modes[0].vector, ElementsAre(-0.037, 0.009, 0.083, -0.039, 0.002, 0.070));
  EXPECT_EQ(nmd.modes[1].index, 3);
}

TEST(Nmd, ReadsTheNamesOfNmwizManual) {
  const Nmd nmd =
      parse("title two words\nnames CA\nchids B\nresids 7\nbetas 1\ncoordinates 1 2 3\n");

  EXPECT_EQ(nmd.title, "two words");
  EXPECT_THAT(nmd.chains, ElementsAre("B"));
  EXPECT_THAT(nmd.b_factors, ElementsAre(1.0));
  EXPECT_THAT(nmd.modes, IsEmpty());
}

TEST(Nmd, IndexAndScaleOfAModeMayBeAbsent) {
  const Nmd nmd = parse("mode 0.1 0.2 0.3\r\nmode 7 1 0 0\nmode 2.5 0 1 0\ncoordinates 1 2 3");

  ASSERT_EQ(nmd.modes.size(), 3U);
  EXPECT_EQ(nmd.modes[0].index, 1);
  EXPECT_EQ(nmd.modes[0].scale, 1);
  EXPECT_EQ(nmd.modes[1].index, 7);
  EXPECT_EQ(nmd.modes[1].scale, 1);
  EXPECT_EQ(nmd.modes[2].index, 3);
  EXPECT_EQ(nmd.modes[2].scale, 2.5);
}

TEST(Nmd, RefusesInOneLineThatSaysWhereAndWhat) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"", "x.nmd: found no line 'coordinates', expected an NMD file"},
      {"name x\n", "x.nmd: found no line 'coordinates'"},
      {"coordinates\n", "x.nmd:1: found 0 coordinates, expected three for each atom"},
      {"\ncoordinates 1 2\n", "x.nmd:2: found 2 coordinates"},
      {"coordinates 1 2 nan\n", "x.nmd:1: found 'nan', expected a finite number"},
      {"coordinates 1 2 3\natomnames A B\n", "x.nmd:2: found 2 values, expected 1"},
      {"resids 1.5\ncoordinates 1 2 3\n", "x.nmd:1: found '1.5', expected a whole number"},
      {"coordinates 1 2 3\ncoordinates 1 2 3\n", "x.nmd:2: found a second line 'coordinates'"},
      {"coordinates 1 2 3\nmode 1 2\n", "x.nmd:2: found 2 values, expected 3"},
      {"coordinates 1 2 3\n\nmode 1 1 1 2 3 4\n", "x.nmd:3: found 6 values, expected 3"},
      {"coordinates 1 2 3\nmode 1 x 1 2 3\n", "x.nmd:2: found 'x', expected a finite number"},
      {"coordinates 1 2 3\nmode 1.5 1 1 2 3\n", "x.nmd:2: found '1.5', expected a whole number"}};
  for (const auto& [text, message] : cases) {
    EXPECT_THAT(testing::input_error_of([&, &text = text] { parse(text); }), HasSubstr(message))
        << text;
  }
  EXPECT_THROW(read_nmd(std::string("no/such.nmd")), Error);
}

TEST(Nmd, ReadsBackToTheSameBits) {
  Nmd nmd;
  nmd.title = "thirds";
  nmd.atom_names = {"CA", ""};
  nmd.residue_names = {"GLY", "a b"};
  nmd.chains = {"A", "B"};
  nmd.residue_numbers = {-1, 2};
  nmd.b_factors = {1.0 / 3, 20};
  nmd.coordinates_angstrom = {1.0 / 3, -2.0 / 3, 1e-300, 4, 5e100, -0.0};
  nmd.modes = {{.index = 1, .scale = 1.0 / 7, .vector = {0.1, 0.2, 0.3, 0.4, 0.5, 0.6}},
               {.index = 2, .scale = 6, .vector = {1, 0, 0, 0, 0, 1.0 / 9}}};
  const testing::TemporaryFile file("x.nmd");
  std::ostringstream out;

  write_nmd(out, nmd);
  file.write(out.str());
  const Nmd again = read_nmd(file.path());

  EXPECT_EQ(again.title, nmd.title);
  EXPECT_THAT(again.atom_names, ElementsAre("CA", "_"));
  EXPECT_THAT(again.residue_names, ElementsAre("GLY", "a_b"));
  EXPECT_EQ(again.chains, nmd.chains);
  EXPECT_EQ(again.residue_numbers, nmd.residue_numbers);
  EXPECT_EQ(again.b_factors, nmd.b_factors);
  EXPECT_EQ(again.coordinates_angstrom, nmd.coordinates_angstrom);
  ASSERT_EQ(again.modes.size(), 2U);
  EXPECT_EQ(again.modes[0].scale, nmd.modes[0].scale);
  EXPECT_EQ(again.modes[1].vector, nmd.modes[1].vector);
}

TEST(Nmd, NeverWritesANumberThatIsNotFinite) {
  Nmd nmd;
  nmd.coordinates_angstrom = {1, 2, std::numeric_limits<double>::infinity()};
  std::ostringstream out;

  EXPECT_THROW(write_nmd(out, nmd), Error);
}

}  // namespace
}  // namespace cryosip::formats

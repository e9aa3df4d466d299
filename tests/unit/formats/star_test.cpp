#include "formats/star.hpp"

#include <bit>
#include <cstdint>
#include <fstream>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "tests/support/for_all.hpp"

namespace cryosip::formats {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

StarFile parse(const std::string& text) {
  std::istringstream in(text);
  return read_star(in, "x.star");
}

std::string write(const StarFile& file) {
  std::ostringstream out;
  write_star(out, file);
  return out.str();
}

std::string message_of(const std::string& text) {
  try {
    parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Input);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.what();
  }
  return "read without an error";
}

constexpr const char* kRelion31 =
    "\n# version 30001\n\ndata_optics\n\nloop_ \n_rlnOpticsGroup #1 \n_rlnVoltage #2 \n"
    "           1   300.000000 \n \n\n# version 30001\n\ndata_particles\n\nloop_ \n"
    "_rlnImageName #1 \n_rlnAngleRot #2 \n_rlnOpticsGroup #3 \n"
    "000001@a.mrcs    -12.50000            1 \n000002@a.mrcs    1.000000e-05            1 \n \n";

TEST(StarReader, ReadsRelion31Form) {
  const StarFile file = parse(kRelion31);

  ASSERT_EQ(file.tables.size(), 2U);
  EXPECT_EQ(file.table("optics").number("rlnVoltage"), 300);
  const StarTable& particles = file.table("particles");
  EXPECT_EQ(particles.form(), StarTable::Form::Loop);
  EXPECT_EQ(particles.rows(), 2U);
  EXPECT_THAT(particles.labels(), ElementsAre("rlnImageName", "rlnAngleRot", "rlnOpticsGroup"));
  EXPECT_EQ(particles.text(1, 0), "000002@a.mrcs");
  EXPECT_EQ(particles.number(0, 1), -12.5);
  EXPECT_EQ(particles.number(1, 1), 1e-5);
  EXPECT_EQ(particles.integer(1, 2), 1);
}

TEST(StarReader, ReadsRelion30FormWithUnnamedBlock) {
  const StarFile file = parse("data_\n\nloop_\n_rlnImageName #1\n1@a.mrcs\n2@a.mrcs\n");

  EXPECT_EQ(file.table("").rows(), 2U);
}

TEST(StarReader, KeepsTheOrderOfBlocks) {
  const StarFile file = parse("data_particles\nloop_\n_a\n1\ndata_optics\nloop_\n_b\n2\n");

  EXPECT_EQ(file.tables[0].name(), "particles");
  EXPECT_EQ(file.tables[1].name(), "optics");
}

TEST(StarReader, ReadsPairLists) {
  const StarTable table =
      parse("data_general\n\n_rlnA   1.5\n_rlnB  'two words' # note\n").tables[0];

  EXPECT_EQ(table.form(), StarTable::Form::Pairs);
  EXPECT_EQ(table.rows(), 1U);
  EXPECT_EQ(table.number("rlnA"), 1.5);
  EXPECT_EQ(table.text("rlnB"), "two words");
}

TEST(StarReader, TakesColumnsByOrderWhateverTheirNumber) {
  for (const char* const header : {"_a #1\n_b #2\n",
                                   "_a\n_b\n",
                                   "_a\t#1\n_b    #2\n",
                                   "_a #7\n_b #7\n",
                                   "_a #2\n_b #1\n",
                                   "  _a # 1\n_b # note\n"}) {
    const StarTable table = parse(std::string("data_\nloop_\n") + header + "1 2\n").tables[0];
    EXPECT_THAT(table.labels(), ElementsAre("a", "b")) << header;
    EXPECT_EQ(table.number("b"), 2) << header;
  }
}

TEST(StarReader, BlankLineBetweenRowsLosesNothing) {
  const StarTable table = parse("data_\nloop_\n_a\n1\n\n2\n  \t\n\n3\n").tables[0];

  EXPECT_EQ(table.rows(), 3U);
  EXPECT_EQ(table.number(2, 0), 3);
}

TEST(StarReader, CommentsMayStandAnywhere) {
  const StarTable table = parse(
                              "# top\ndata_ # block\n# c\nloop_ # loop\n_a # label\n# c\n_b\n"
                              "#c\n1 2 # row\n# c\n3 4#5\n  # last")
                              .tables[0];

  EXPECT_EQ(table.rows(), 2U);
  EXPECT_EQ(table.text(1, 1), "4#5");
}

TEST(StarReader, CommentHoldingABlockNameIsAComment) {
  const StarFile file = parse("# data_particles\ndata_particles\nloop_\n_a\n1\n");

  EXPECT_EQ(file.tables.size(), 1U);
}

TEST(StarReader, AcceptsCarriageReturns) {
  const StarFile file =
      parse("data_particles\r\n\r\nloop_\r\n_a #1\r\n_b #2\r\n1 x\r\n2 y\r\n\r\n");

  EXPECT_EQ(file.table("particles").text(1, 1), "y");
}

TEST(StarReader, AcceptsTabsLeadingBlanksAndNoFinalNewline) {
  const StarFile file = parse(
      "\xEF\xBB\xBF"
      "data_particles\t\n  loop_\n _a\n\t_b\n\t1\t2\n  3 4");

  EXPECT_EQ(file.table("particles").number(1, 1), 4);
}

TEST(StarReader, BlockMayFollowARowWithoutBlankLine) {
  EXPECT_EQ(parse("data_a\nloop_\n_a\n1\ndata_b\nloop_\n_b\n2\n").tables.size(), 2U);
}

TEST(StarReader, RemovesQuotes) {
  const StarTable table = parse(
                              "data_\nloop_\n_a\n_b\n_c\n_d\n'a b' \"c d\" \"\" '3.5'\n"
                              "'it's' \"say 'x' now\" ' # ' \"_x\"\n")
                              .tables[0];

  EXPECT_EQ(table.text(0, 0), "a b");
  EXPECT_EQ(table.text(0, 1), "c d");
  EXPECT_EQ(table.text(0, 2), "");
  EXPECT_EQ(table.number(0, 3), 3.5);
  EXPECT_EQ(table.text(1, 0), "it's");
  EXPECT_EQ(table.text(1, 2), " # ");
  EXPECT_EQ(table.text(1, 3), "_x");
}

TEST(StarReader, RowMayStartLikeAKeywordWhereItCannotBeOne) {
  const StarTable table =
      parse("data_\nloop_\n_a\n_b\n1 2\ndata_1.mrc 3\n_mic.mrc 4\nloop_1 5\n").tables[0];

  ASSERT_EQ(table.rows(), 4U);
  EXPECT_EQ(table.text(1, 0), "data_1.mrc");
  EXPECT_EQ(table.text(2, 0), "_mic.mrc");
  EXPECT_EQ(table.text(3, 0), "loop_1");
}

TEST(StarReader, BlocksMayBeEmpty) {
  const StarFile file = parse("data_a\n\nloop_\n\ndata_b\nloop_\n_x #1\n\ndata_c\n");

  EXPECT_EQ(file.table("a").columns(), 0U);
  EXPECT_EQ(file.table("a").rows(), 0U);
  EXPECT_EQ(file.table("b").columns(), 1U);
  EXPECT_EQ(file.table("b").rows(), 0U);
  EXPECT_EQ(file.table("c").rows(), 0U);
}

TEST(StarReader, RefusesInOneLineThatSaysWhereAndWhat) {
  const std::vector<std::pair<std::string, std::string>> cases = {
      {"data_\nloop_\n_a\n_b\n_a\n", "x.star:5: found label '_a' twice"},
      {"data_\nloop_\n_a#1\n1\n", "x.star:3: found '_a#1', expected a blank before '#'"},
      {"data_\nloop_\n_a 1\n1\n", "x.star:3: found '1' behind a loop's label"},
      {"data_\nloop_\n_a\n_b\n1 2\n3\n", "x.star:6: found 1 value, expected 2 values"},
      {"data_p\nloop_\n_a\n1 2\n", "expected 1 value for the columns of block 'data_p'"},
      {"data_\nloop_\n_a\n'open\n", "x.star:4: found ''open', expected a closing quote"},
      {"data_\n_a \"x\n", "x.star:2: found '\"x', expected a closing quote"},
      {"1 2 3\n", "x.star:1: found '1', expected a block"},
      {"loop_\n_a\n", "x.star:1: found 'loop_', expected a block"},
      {"data_\n_a\n;text\n;\n", "x.star:2: found 0 values behind label '_a', expected 1"},
      {"data_\nloop_\n_a\n;text\n", "x.star:4: found ';'"},
      {"data_\n_a 1 2\n", "x.star:2: found 2 values behind label '_a', expected 1"},
      {"data_\nloop_\n1\n", "found 1 value, expected 0 values"},
      {"data_\nfoo\n", "x.star:2: found 'foo', expected 'loop_' or a label"},
      {"data_\n_a 1\nfoo\n", "x.star:3: found 'foo', expected 'loop_' or a label"},
      {"data_a b\n", "x.star:1: found 'b' behind the block's name"},
      {"data_\nloop_ _a\n", "x.star:2: found '_a' behind 'loop_'"},
      {"data_\nloop_\n_a\n1\nloop_\n_b\n", "x.star:5: found a second table in block 'data_'"},
      {"data_\n_a 1\nloop_\n_b\n", "x.star:3: found a second table"},
      {"data_\nloop_\n_a\n1\n_b\n", "x.star:5: found label '_b' behind rows"},
      {"data_a\ndata_b\ndata_a\n", "x.star:3: found a second block 'data_a'"},
      {"DATA_a\n", "x.star:1: found 'DATA_a', expected it in small letters"},
      {"data_a\nLoop_\n", "x.star:2: found 'Loop_', expected it in small letters"},
      {"data_a\nloop_\n_a\nx\nData_b\n", "x.star:5: found 'Data_b', expected it in small letters"},
      {"data_\n_ 1\n", "x.star:2: found '_', expected a label"},
      {"", "x.star: found an empty file"},
      {"# only\n\n", "x.star: found no block"},
      {std::string("data_\0\n", 7), "x.star: found a binary file"},
      {"\x1f\x8b\x08 gzip", "x.star: found a binary file"},
  };
  for (const auto& [text, message] : cases) {
    EXPECT_THAT(message_of(text), HasSubstr(message)) << text;
  }
}

TEST(StarReader, RefusesWhatIsNoFile) {
  EXPECT_THROW(read_star(std::string("no/such.star")), Error);
  EXPECT_THROW(read_star(std::string("/")), Error);
}

TEST(StarReader, ReadsAFileByItsPath) {
  const std::string path = ::testing::TempDir() + "star_test_by_path.star";
  std::ofstream(path) << kRelion31;

  const StarFile file = read_star(path);

  EXPECT_EQ(file.source, path);
  EXPECT_EQ(file.table("particles").rows(), 2U);
  EXPECT_EQ(file.table("particles").where(1), path + ":21");
}

TEST(StarTable, NumberRefusesWhatIsNotAFiniteNumber) {
  const StarTable table =
      parse("data_p\nloop_\n_a\nnan\nNone\n1.5x\n1,5\n\"\"\ninf\n1e999\n0x10\n--1\n").tables[0];

  for (std::size_t i = 0; i < table.rows(); ++i) {
    EXPECT_THROW(static_cast<void>(table.number(i, 0)), Error) << table.text(i, 0);
  }
  try {
    static_cast<void>(table.number(0, 0));
  } catch (const Error& error) {
    EXPECT_STREQ(error.what(),
                 "x.star:4: block 'p', column '_a': 'nan' found, expected a finite number");
  }
}

TEST(StarTable, NumberReadsWhatProgramsWrite) {
  const StarTable table =
      parse("data_\nloop_\n_a\n1.5e+04\n+2\n-0.000000\n.5\n5.\n1E-7\n3.141592653589793\n")
          .tables[0];

  const std::vector<double> expected{1.5e4, 2, 0, .5, 5, 1e-7, 3.141592653589793};
  for (std::size_t i = 0; i < table.rows(); ++i) {
    EXPECT_EQ(table.number(i, 0), expected[i]);
  }
}

TEST(StarTable, IntegerTakesWholeNumbersOnly) {
  const StarTable table =
      parse("data_\nloop_\n_a\n3.000000\n-7\n9007199254740993\n1.5\n1e300\nx\n").tables[0];

  EXPECT_EQ(table.integer(0, 0), 3);
  EXPECT_EQ(table.integer(1, 0), -7);
  EXPECT_EQ(table.integer(2, 0), 9007199254740993);
  for (const std::size_t i : {3U, 4U, 5U}) {
    EXPECT_THROW(static_cast<void>(table.integer(i, 0)), Error);
  }
}

TEST(StarTable, MissingColumnRowAndBlockAreNamed) {
  const StarFile file = parse("data_optics\nloop_\n_a\n");

  const auto message = [](auto call) -> std::string {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(message([&] { static_cast<void>(file.table("particles")); }),
            "x.star: found 'data_optics', expected a block 'data_particles'");
  EXPECT_EQ(message([&] { static_cast<void>(file.tables[0].column("b")); }),
            "x.star: block 'optics': no column '_b'");
  EXPECT_THAT(message([&] { static_cast<void>(file.tables[0].text("a")); }), HasSubstr("no row"));
}

TEST(StarTable, RefusesLabelsThatStandTwiceOrCannotBeWritten) {
  EXPECT_THROW(StarTable("x", {"a", "a"}), Error);
  for (const char* const label : {"", "_a", "a b", "a#1"}) {
    EXPECT_THROW(StarTable("x", {label}), Error) << label;
  }
}

TEST(StarTable, GrowsByRowsAndColumns) {
  StarTable table("p", {"a", "b"});
  for (int i = 0; i < 3; ++i) {
    const std::size_t row = table.add_row();
    table.set(row, 0, "name" + std::to_string(i));
    table.set_integer(row, 1, i);
  }

  const std::size_t c = table.add_column("c");
  table.set(1, c, 0.1);
  table.set(1, 0, "x");
  table.set(1, 0, "a longer name than before");

  EXPECT_EQ(table.text(0, 0), "name0");
  EXPECT_EQ(table.text(1, 0), "a longer name than before");
  EXPECT_EQ(table.integer(2, 1), 2);
  EXPECT_EQ(table.text(2, c), "");
  EXPECT_EQ(table.number(1, c), 0.1);
}

TEST(StarTable, ChangesOneTableOfAFileWithoutTouchingTheOthers) {
  StarFile file = parse(kRelion31);

  StarTable& optics = *file.find("optics");
  optics.set(0, optics.add_column("rlnAmplitudeContrast"), 0.07);
  StarTable& particles = *file.find("particles");
  particles.set(0, 1, -179.123456789);

  const StarFile again = parse(write(file));
  EXPECT_EQ(again.table("optics").number("rlnAmplitudeContrast"), 0.07);
  EXPECT_EQ(again.table("optics").number("rlnVoltage"), 300);
  EXPECT_EQ(again.table("particles").number(0, 1), -179.123456789);
  EXPECT_EQ(again.table("particles").text(1, 0), "000002@a.mrcs");
}

TEST(StarTable, NeverTakesAValueThatIsNotFinite) {
  StarTable loop("p", {"a"});
  loop.add_row();
  StarTable pairs("g", {}, StarTable::Form::Pairs);

  EXPECT_THROW(loop.set(0, 0, std::numeric_limits<double>::quiet_NaN()), Error);
  EXPECT_THROW(pairs.add_pair("x", std::numeric_limits<double>::infinity()), Error);
}

TEST(StarTable, PairsAndLoopsKeepTheirForm) {
  StarTable loop("p", {"a"});
  StarTable pairs("g", {"a"}, StarTable::Form::Pairs);

  EXPECT_THROW(loop.add_pair("b", "x"), Error);
  EXPECT_THROW(pairs.add_row(), Error);
  EXPECT_EQ(pairs.rows(), 1U);
}

TEST(StarWriter, WritesTheFormRelionReads) {
  StarFile file;
  file.comments = {"made by a test"};
  StarTable general("general", {}, StarTable::Form::Pairs);
  general.add_pair("rlnName", "a b");
  general.add_pair_integer("rlnCount", 3);
  StarTable particles("particles", {"rlnImageName", "rlnAngleRot"});
  particles.set(particles.add_row(), 0, "1@a.mrcs");
  particles.set(0, 1, 12.5);
  file.tables = {general, particles};

  EXPECT_EQ(
      write(file),
      "# made by a test\n\n# version 30001\n\ndata_general\n\n_rlnName  \"a b\"\n_rlnCount  3\n"
      "\n\n# version 30001\n\ndata_particles\n\nloop_\n_rlnImageName #1\n_rlnAngleRot #2\n"
      "1@a.mrcs 12.5\n\n");
}

TEST(StarWriter, CommentsNeverLookLikeBlocksToRelion) {
  StarFile file;
  file.comments = {"tool data_particles.star data_x", "version 7", "two\nlines"};

  EXPECT_THAT(write(file), Not(HasSubstr("data_")));
  EXPECT_THAT(write(file), Not(HasSubstr("# version 7")));
  EXPECT_THAT(write(file), HasSubstr("# two\n# lines\n"));
}

TEST(StarWriter, ValuesSurviveHoweverTheyLook) {
  const std::vector<std::string> values{
      "",      " ",          "a b",    "_a",     "#1",    "'q'",   "\"q\"",       "it's",
      "5\" x", ";x",         "$a",     "data_x", "loop_", "LOOP_", "a#b",         "tab\there",
      "nan",   "[x]",        "a\"b",   "stop_",  "\\",    "100%",  "caf\xC3\xA9", "a'",
      "a\"",   "save_frame", "Data_1", "' x",    "x '"};
  StarTable table("p", {"a"});
  for (const std::string& value : values) {
    table.set(table.add_row(), 0, value);
  }

  const StarFile again = parse(write(StarFile{.source = "", .comments = {}, .tables = {table}}));

  ASSERT_EQ(again.tables[0].rows(), values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    EXPECT_EQ(again.tables[0].text(i, 0), values[i]);
  }
}

TEST(StarWriter, RefusesWhatNoQuotesCanHold) {
  for (const char* const value : {"two\nlines", "both \" and ' here"}) {
    StarTable table("p", {"a"});
    table.set(table.add_row(), 0, value);
    EXPECT_THROW(write(StarFile{.source = "", .comments = {}, .tables = {table}}), Error) << value;
  }
}

TEST(StarWriter, TableReadAndWrittenKeepsEveryDigitAndUnknownColumn) {
  const std::string text =
      "\n# version 30001\n\ndata_p\n\nloop_\n_rlnAngleRot #1\n_other #2\n"
      "12.500000 \"x y\"\n-0.10000 z\n\n";

  EXPECT_EQ(write(parse(text)), text);
}

TEST(StarWriter, KeepsTheVersionThatWasReadAndWritesNoneWhereThereWasNone) {
  // RELION's converter of the 3.0 form writes an empty file where it finds a version.
  const std::string table = "\ndata_images\n\nloop_\n_rlnAngleRot #1\n12.500000\n\n";
  for (const std::string& version : {std::string(), std::string("\n# version 50001\n")}) {
    EXPECT_EQ(write(parse(version + table)), version + table);
  }
  EXPECT_EQ(parse("# made on a day\n# version 30001\n" + table).version, 30001);
}

TEST(FormatNumber, ReadsBackToTheSameBits) {
  testing::for_all(2000, [](auto& rng) {
    const auto value = std::bit_cast<double>(static_cast<std::uint64_t>(rng()));
    if (value != value || value - value != 0) {
      return;
    }
    StarTable table("p", {"a"});
    table.add_row();
    table.set(0, 0, value);
    EXPECT_EQ(std::bit_cast<std::uint64_t>(table.number(0, 0)),
              std::bit_cast<std::uint64_t>(value));
  });
}

TEST(FormatNumber, IsShort) {
  EXPECT_EQ(format_number(0.1), "0.1");
  EXPECT_EQ(format_number(300), "300");
}

}  // namespace
}  // namespace cryosip::formats

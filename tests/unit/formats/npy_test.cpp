// The bytes are laid out here as NumPy's format description says, not by the writer under test.
#include "formats/npy.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "tests/support/temporary_file.hpp"

namespace cryosip::formats {
namespace {

using cryosip::testing::input_error_of;
using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using namespace std::string_literals;

std::string little(std::uint64_t value, std::size_t bytes) {
  std::string result;
  for (std::size_t i = 0; i < bytes; ++i) {
    result += static_cast<char>((value >> (8 * i)) & 0xFFU);
  }
  return result;
}

std::string big(std::uint64_t value, std::size_t bytes) {
  const std::string reversed = little(value, bytes);
  return {reversed.rbegin(), reversed.rend()};
}

std::string file_of(int version, const std::string& header, const std::string& data) {
  return "\x93NUMPY"s + static_cast<char>(version) + '\0' +
         little(header.size(), version == 1 ? 2 : 4) + header + data;
}

std::string header_of(const std::string& descr, const std::string& shape) {
  return "{'descr': " + descr + ", 'fortran_order': False, 'shape': " + shape + ", }    \n";
}

NpyArray parse(const std::string& descr, const std::string& shape, const std::string& data) {
  return parse_npy(file_of(1, header_of(descr, shape), data), "a.npy");
}

std::string refusal(const std::string& bytes) {
  return input_error_of([&] { static_cast<void>(parse_npy(bytes, "a.npy")); });
}

std::string refusal(const std::string& descr, const std::string& shape, const std::string& data) {
  return refusal(file_of(1, header_of(descr, shape), data));
}

std::string written(const NpyArray& array) {
  std::ostringstream out;
  write_npy(out, array);
  return out.str();
}

// Two records as cryoSPARC has them.
const std::string kDescr =
    "[('uid', '<u8'), ('blob/path', '|S6'), ('blob/shape', '<u4', (2,)), ('ctf/df1_A', '<f4')]";
const std::string kData = little(3806243878409217281U, 8) + "a.mrc\0"s + little(320, 4) +
                          little(256, 4) + little(0x3FA7AE14U, 4) +  // 1.31
                          little(0xFFFFFFFFFFFFFFFFU, 8) + "bb.mrc"s + little(0, 4) + little(1, 4) +
                          little(0xC0200000U, 4);  // -2.5

TEST(Npy, ReadsRecordsWithTheirFields) {
  const NpyArray array = parse(kDescr, "(2,)", kData);

  EXPECT_TRUE(array.has_named_fields());
  EXPECT_THAT(array.shape(), ElementsAre(2U));
  ASSERT_EQ(array.records(), 2U);
  ASSERT_EQ(array.fields().size(), 4U);
  EXPECT_EQ(array.fields()[2].name, "blob/shape");
  EXPECT_THAT(array.fields()[2].shape, ElementsAre(2U));
  EXPECT_EQ(array.find("ctf/df1_A"), 3U);
  EXPECT_EQ(array.find("ctf/df2_A"), std::nullopt);
  EXPECT_EQ(array.count(0, 0), 3806243878409217281U);
  EXPECT_EQ(array.count(1, 0), 0xFFFFFFFFFFFFFFFFU);
  EXPECT_EQ(array.text(0, 1), "a.mrc");
  EXPECT_EQ(array.text(1, 1), "bb.mrc");
  EXPECT_EQ(array.values(2), 2U);
  EXPECT_EQ(array.count(0, 2, 0), 320U);
  EXPECT_EQ(array.count(0, 2, 1), 256U);
  EXPECT_EQ(array.number(0, 3), static_cast<double>(1.31F));
  EXPECT_EQ(array.decimal(0, 3), 1.31);
  EXPECT_EQ(array.number(1, 3), -2.5);
  EXPECT_EQ(array.where(1), "a.npy: record 2");
}

TEST(Npy, ReadsEveryTypeInBothByteOrders) {
  const struct {
    const char* type;
    std::string bytes;
    double value;
  } kCases[] = {
      {"|b1", "\1", 1},
      {"|i1", "\xFE", -2},
      {"|u1", "\xFE", 254},
      {"<i2", little(0xFFFE, 2), -2},
      {">i2", big(0xFFFE, 2), -2},
      {"<u2", little(0xFFFE, 2), 65534},
      {">u2", big(0x0102, 2), 258},
      {"<i4", little(0xFFFFFFFE, 4), -2},
      {">i4", big(0xFFFFFFFE, 4), -2},
      {">u4", big(0xFFFFFFFE, 4), 4294967294.0},
      {"<i8", little(0xFFFFFFFFFFFFFFFEU, 8), -2},
      {">i8", big(0xFFFFFFFFFFFFFFFEU, 8), -2},
      {">u8", big(1ULL << 60U, 8), 0x1p60},
      {"<f2", little(0xC100, 2), -2.5},
      {">f2", big(0x0001, 2), 0x1p-24},
      {"<f4", little(0xC0200000U, 4), -2.5},
      {">f4", big(0xC0200000U, 4), -2.5},
      {"<f8", little(0xC004000000000000U, 8), -2.5},
      {">f8", big(0xC004000000000000U, 8), -2.5},
      {"=f8", little(0xC004000000000000U, 8), -2.5},
  };
  for (const auto& one : kCases) {
    const NpyArray array = parse("'" + std::string(one.type) + "'", "(1,)", one.bytes);
    EXPECT_EQ(array.number(0, 0), one.value) << one.type;
    EXPECT_EQ(array.decimal(0, 0), one.value) << one.type;
    EXPECT_FALSE(array.has_named_fields());
  }
}

TEST(Npy, ReadsTextsOfBytesAndOfCharacters) {
  EXPECT_EQ(parse("'|S5'", "(1,)", "ab\0c\0"s).text(0, 0), "ab\0c"s);
  EXPECT_EQ(parse("'|a3'", "(1,)", "xy\0"s).text(0, 0), "xy");
  const std::string wide =
      big('a', 4) + big(0xE9, 4) + big(0x20AC, 4) + big(0x1F600, 4) + big(0, 4);
  EXPECT_EQ(parse("'>U5'", "()", wide).text(0, 0), "a\u00E9\u20AC\U0001F600");
  EXPECT_EQ(parse("'<U1'", "(1,)", little(0xD800, 4)).text(0, 0), "\uFFFD");
}

TEST(Npy, ReadsEveryVersionAndHeadersAsPython2WroteThem) {
  const std::string data = little(7, 2);
  for (const int version : {1, 2, 3}) {
    EXPECT_EQ(parse_npy(file_of(version, header_of("'<u2'", "(1,)"), data), "a.npy").count(0, 0),
              7U);
  }
  const NpyArray old = parse("[(u'n', b'<u2')]", "(1L,)", data);
  EXPECT_EQ(old.count(0, *old.find("n")), 7U);
  const NpyArray spaced = parse_npy(
      file_of(1,
              "{ \"shape\":(1 , ),\n\"descr\" : [(\"it's\",\"<u2\")],\"fortran_order\" :True}",
              data),
      "a.npy");
  EXPECT_TRUE(spaced.fortran_order());
  EXPECT_EQ(spaced.find("it's"), 0U);
}

TEST(Npy, ReadsNamesOfEveryAlphabet) {
  const std::string data = little(7, 2);
  const std::string latin1 = header_of("[('\xE5', '<u2')]", "(1,)");
  EXPECT_EQ(parse_npy(file_of(1, latin1, data), "a.npy").fields()[0].name, "\u00E5");
  const std::string unicode = header_of("[('\u03C7', '<u2')]", "(1,)");
  EXPECT_EQ(parse_npy(file_of(3, unicode, data), "a.npy").fields()[0].name, "\u03C7");
  EXPECT_EQ(parse("[('a\\x62\\u00e5\\\\\\'\\n', '<u2')]", "(1,)", data).fields()[0].name,
            "ab\u00E5\\'\n");
}

TEST(Npy, ReadsTitlesPaddingAndFieldsOfOneLength) {
  const NpyArray array =
      parse("[(('long name', 'a'), '|u1'), ('', '|V3'), ('b', '<u2', 2), ('', '|V1')]",
            "(1,)",
            "\7pad" + little(3, 2) + little(4, 2) + "x");

  EXPECT_EQ(array.fields()[0].title, "long name");
  EXPECT_EQ(array.count(0, 0), 7U);
  EXPECT_EQ(array.count(0, *array.find("b"), 1), 4U);
  EXPECT_EQ(array.bytes(0, 1), "pad");
}

TEST(Npy, ReadsArraysOfSeveralDimensionsAndOfNone) {
  const NpyArray table = parse("'|u1'", "(2, 3)", "\1\2\3\4\5\6behind");
  EXPECT_THAT(table.shape(), ElementsAre(2U, 3U));
  EXPECT_EQ(table.records(), 6U);
  EXPECT_EQ(table.count(4, 0), 5U);
  EXPECT_EQ(parse("'|u1'", "()", "\1").records(), 1U);
  EXPECT_EQ(parse(kDescr, "(0,)", "").records(), 0U);
  EXPECT_EQ(parse(kDescr, "(0, 99999999999999999)", "").records(), 0U);
}

TEST(Npy, WritesBackWhatItRead) {
  for (const std::string& descr :
       {kDescr, "[(('t', 'uid'), '>u8'), ('x', '<M8[ns]'), ('p', '|S10')]"s, "'|V26'"s}) {
    const NpyArray array = parse(descr, "(2,)", kData);
    const std::string bytes = written(array);

    EXPECT_EQ(bytes.substr(0, 8), "\x93NUMPY\1\0"s);
    EXPECT_THAT(bytes,
                HasSubstr("{'descr': " + descr + ", 'fortran_order': False, 'shape': (2,), }"));
    const std::size_t data_at = bytes.size() - kData.size();
    EXPECT_EQ(data_at % 64, 0U);
    EXPECT_EQ(bytes[data_at - 1], '\n');
    EXPECT_EQ(bytes.substr(data_at), kData);
    EXPECT_EQ(written(parse_npy(bytes, "b.npy")), bytes);
  }
}

TEST(Npy, WritesTheVersionThatTheNamesNeed) {
  const auto version_of = [](std::vector<NpyField> fields) {
    const NpyArray array(std::move(fields), 1);
    const std::string bytes = written(array);
    const NpyArray again = parse_npy(bytes, "b.npy");
    EXPECT_EQ(again.fields()[0].name, array.fields()[0].name);
    EXPECT_EQ((bytes.size() - 1) % 64, 0U);
    return static_cast<int>(bytes[6]);
  };
  EXPECT_EQ(version_of({{"\u00E5", "|u1"}}), 1);
  EXPECT_EQ(version_of({{"\u03C7", "|u1"}}), 3);
  EXPECT_EQ(version_of({{std::string(70000, 'x'), "|u1"}}), 2);
}

TEST(Npy, KeepsWhatIsPutIntoRecords) {
  NpyArray array({{"n", "<u4"}, {"x", "<f4", {2}}, {"y", ">f8"}, {"t", "|S3"}, {"u", "<u8"}}, 2);

  array.set_count(1, 0, 0, 4294967295U);
  array.set(1, 1, 1, 0.1);
  array.set(1, 2, 0, 0.1);
  array.set_text(1, 3, "ab");
  array.set_count(1, 4, 0, 0xFFFFFFFFFFFFFFFFU);

  EXPECT_EQ(array.count(1, 0), 4294967295U);
  EXPECT_EQ(array.number(1, 1, 1), static_cast<double>(0.1F));
  EXPECT_EQ(array.number(1, 1, 0), 0);
  EXPECT_EQ(array.number(1, 2), 0.1);
  EXPECT_EQ(array.text(1, 3), "ab");
  EXPECT_EQ(array.text(0, 3), "");
  EXPECT_EQ(array.count(1, 4), 0xFFFFFFFFFFFFFFFFU);
  EXPECT_THROW(array.set_count(0, 0, 0, 4294967296U), Error);
  EXPECT_THROW(array.set_count(0, 1, 0, 1), Error);
  EXPECT_THROW(array.set_text(0, 3, "abcd"), Error);
  EXPECT_THROW(array.set(0, 3, 0, 1.0), Error);
  EXPECT_THROW(array.set(2, 1, 0, 1.0), Error);
  EXPECT_THROW(array.set(0, 1, 2, 1.0), Error);
  EXPECT_THROW(array.set_bytes(0, 0, "abc"), Error);
  EXPECT_THROW(NpyArray({{"a", "<f4"}, {"a", "<f4"}}, 1), Error);
  EXPECT_THROW(NpyArray({{"a", "<q4"}}, 1), Error);
}

TEST(Npy, SaysWhichValueIsNotOfTheKindAskedFor) {
  const NpyArray array = parse("[('s', '|S2'), ('i', '<i4'), ('f', '<f4'), ('z', '<c8')]",
                               "(1,)",
                               "ab" + little(0xFFFFFFFF, 4) + little(0x7FC00000, 4) + little(0, 8));

  EXPECT_THAT(
      input_error_of([&] { static_cast<void>(array.number(0, 0)); }),
      AllOf(HasSubstr("a.npy: record 1, field 's': found type '|S2'"), HasSubstr("a number")));
  EXPECT_THAT(input_error_of([&] { static_cast<void>(array.count(0, 1)); }), HasSubstr("found -1"));
  EXPECT_THAT(input_error_of([&] { static_cast<void>(array.count(0, 2)); }),
              HasSubstr("whole numbers"));
  EXPECT_THAT(input_error_of([&] { static_cast<void>(array.text(0, 1)); }), HasSubstr("a text"));
  EXPECT_THAT(input_error_of([&] { static_cast<void>(array.number(0, 3)); }), HasSubstr("'<c8'"));
  EXPECT_TRUE(std::isnan(array.number(0, 2)));
  EXPECT_TRUE(std::isnan(array.decimal(0, 2)));
}

TEST(Npy, RefusesWhatItCannotHoldInOneLine) {
  EXPECT_THAT(refusal(""), HasSubstr("a.npy: found '', expected a NumPy array"));
  EXPECT_THAT(refusal("\x95"s + "CSDAT" + "rest"), HasSubstr("cryoSPARC's compressed form"));
  EXPECT_THAT(refusal(file_of(4, header_of("'<f4'", "(0,)"), "")), HasSubstr("found version 4"));
  EXPECT_THAT(refusal("'|O'", "(1,)", "12345678"), HasSubstr("Python objects"));
  EXPECT_THAT(refusal("[('a', [('b', '<f4')])]", "(1,)", "1234"), HasSubstr("records of its own"));
  EXPECT_THAT(refusal("[('a', '<f4'), ('a', '<f4')]", "(1,)", "12345678"),
              HasSubstr("stands twice"));
  for (const char* type : {"<f3",
                           "<i3",
                           "<u16",
                           "b2",
                           "<c4",
                           "<M4[ns]",
                           "f",
                           "",
                           "<",
                           "<f4x",
                           "<S",
                           "<f-4",
                           "<S99999999999999999999",
                           "<U9999999999999999999",
                           "q8"}) {
    EXPECT_THAT(refusal("'" + std::string(type) + "'", "(1,)", "12345678"),
                HasSubstr("expected one of NumPy's"))
        << type;
  }
  EXPECT_THAT(refusal("[('a', '|S0')]", "(5,)", ""), HasSubstr("records of no bytes"));
  EXPECT_THAT(refusal("[('a', '<f8', (4294967296, 4294967296))]", "(5,)", ""),
              HasSubstr("beyond any file"));
  EXPECT_THAT(
      refusal("[('a', '|S4611686018427387904'), ('b', '|S4611686018427387904')]", "(5,)", ""),
      HasSubstr("larger than any file"));
  EXPECT_THAT(refusal("'<f8'", "(4294967296, 4294967296)", ""), HasSubstr("more than any file"));
  EXPECT_THAT(refusal("'<f8'", "(18446744073709551616,)", ""), HasSubstr("a number of 64 bits"));
  EXPECT_THAT(refusal("'<f8'", "(-1,)", ""), HasSubstr("found '-1,)"));
  EXPECT_THAT(refusal("'<f8'", "(1000000000000,)", "12345678"),
              HasSubstr("found 8 bytes behind the NumPy header, expected 8000000000000"));
  for (const char* header : {"",
                             "{",
                             "{}",
                             "[]",
                             "7",
                             "{'descr': '<f4'}",
                             "{'descr': '<f4', 'fortran_order': 0, 'shape': ()}",
                             "{'descr': 7, 'fortran_order': False, 'shape': ()}",
                             "{'descr': '<f4', 'fortran_order': False, 'shape': 3}",
                             "{'descr': '<f4', 'fortran_order': False, 'shape': ('a',)}",
                             "{'descr': [7], 'fortran_order': False, 'shape': ()}",
                             "{'descr': [('a',)], 'fortran_order': False, 'shape': ()}",
                             "{'descr': [(1, '<f4')], 'fortran_order': False, 'shape': ()}",
                             "{'descr': [('a', '<f4', [2])], 'fortran_order': False, 'shape': ()}",
                             "{'descr': '<f4 , 'fortran_order': False, 'shape': ()}",
                             "{'descr' '<f4'}",
                             "{'a': 'b' 'c': 'd'}",
                             "{'descr': '<f4', 'fortran_order': False, 'shape': ()} x",
                             "'\\q'",
                             "'\\x4'",
                             "'\\"}) {
    EXPECT_THAT(refusal(file_of(1, header, "")), HasSubstr("a.npy: damaged NumPy header: "))
        << header;
  }
  EXPECT_THAT(refusal(file_of(2, std::string(100000, '('), "")), HasSubstr("brackets less deep"));
}

TEST(Npy, RefusesATruncationAtEveryByte) {
  const std::string whole = file_of(1, header_of(kDescr, "(2,)"), kData);
  for (std::size_t length = 0; length < whole.size(); ++length) {
    const std::string message = refusal(whole.substr(0, length));
    EXPECT_THAT(message, ::testing::StartsWith("a.npy: ")) << length;
    EXPECT_THAT(message, AllOf(HasSubstr("found"), HasSubstr("expected"))) << length;
  }
}

TEST(Npy, TakesOrRefusesEveryDamagedByteOfAHeader) {
  const std::string whole = file_of(1, header_of(kDescr, "(2,)"), kData);
  std::size_t refused = 0;
  for (std::size_t at = 0; at < whole.size() - kData.size(); ++at) {
    for (const char c : "\0\1 09AZaz'\"(),[]{}:<>|\\\x7F\xFF"s) {
      std::string damaged = whole;
      damaged[at] = c;
      try {
        const NpyArray array = parse_npy(damaged, "a.npy");
        ASSERT_LE(array.records() * array.fields().size(), 1000U);
        for (std::size_t record = 0; record < array.records(); ++record) {
          for (std::size_t field = 0; field < array.fields().size(); ++field) {
            static_cast<void>(array.bytes(record, field));
          }
        }
      } catch (const Error& error) {
        EXPECT_EQ(error.kind(), ErrorKind::Input) << error.what();
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
        ++refused;
      }
    }
  }
  EXPECT_GT(refused, 1000U);
}

TEST(Npy, IsToldByItsFirstBytes) {
  const cryosip::testing::TemporaryFile file("a.cs", file_of(1, header_of(kDescr, "(2,)"), kData));
  EXPECT_TRUE(is_npy(file.path()));
  EXPECT_EQ(read_npy(file.path()).records(), 2U);
  file.write("data_\n");
  EXPECT_FALSE(is_npy(file.path()));
  EXPECT_FALSE(is_npy("/no/such/file"));
  EXPECT_THAT(input_error_of([] { static_cast<void>(read_npy("/no/such/file")); }),
              HasSubstr("/no/such/file: cannot be opened"));
}

}  // namespace
}  // namespace cryosip::formats

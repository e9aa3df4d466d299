#include "formats/image_name.hpp"

#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_file.hpp"

namespace cryosip::formats {
namespace {

using ::testing::HasSubstr;

TEST(ImageName, CountsFromOneInTextAndFromZeroInMemory) {
  const ImageName name = parse_image_name("000012@Extract/job007/mic.mrcs");

  EXPECT_EQ(name.index, 11U);
  EXPECT_EQ(name.path, "Extract/job007/mic.mrcs");
  EXPECT_EQ(parse_image_name("1@a.mrcs").index, 0U);
}

TEST(ImageName, WithoutANumberIsTheFirstSection) {
  const ImageName name = parse_image_name("mic.mrc");

  EXPECT_EQ(name.index, 0U);
  EXPECT_EQ(name.path, "mic.mrc");
}

TEST(ImageName, LeavesOutWhatOtherProgramsAdd) {
  EXPECT_EQ(parse_image_name("2@a.mrc:mrcs").path, "a.mrc");
  EXPECT_EQ(parse_image_name("a.map:mrc").path, "a.map");
  EXPECT_EQ(parse_image_name(">J12/a.mrc").path, "J12/a.mrc");
  EXPECT_EQ(parse_image_name("3@>J12/a.mrc").path, "J12/a.mrc");
  EXPECT_EQ(parse_image_name("2@a b@c.mrcs").path, "a b@c.mrcs");
}

TEST(ImageName, RefusesNumbersThatNameNoImage) {
  for (const char* const text : {"a@b.mrcs",
                                 "one@b.mrcs",
                                 "@b.mrcs",
                                 "-1@b.mrcs",
                                 "1.5@b.mrcs",
                                 "99999999999999999999999@b.mrcs",
                                 "1 @b.mrcs"}) {
    EXPECT_THAT(testing::input_error_of([&] { parse_image_name(text); }),
                HasSubstr("expected a whole number before '@'"))
        << text;
  }
  EXPECT_EQ(
      testing::input_error_of([] { parse_image_name("000000@b.mrcs"); }),
      "image name '000000@b.mrcs' found, expected a number from 1: RELION images are numbered "
      "from 1");
}

TEST(ImageName, RefusesAnEmptyPath) {
  for (const char* const text : {"", "1@", ">", "1@:mrcs"}) {
    EXPECT_THAT(testing::input_error_of([&] { parse_image_name(text); }),
                HasSubstr("expected NUMBER@PATH"))
        << text;
  }
}

TEST(ImageName, IsWrittenAsRelionDoes) {
  EXPECT_EQ(format_image_name(0, "a.mrcs"), "000001@a.mrcs");
  EXPECT_EQ(format_image_name(1234566, "a.mrcs"), "1234567@a.mrcs");
  EXPECT_EQ(format_image_name(1, "a.mrc"), "000002@a.mrc:mrcs");  // else RELION refuses it
}

}  // namespace
}  // namespace cryosip::formats

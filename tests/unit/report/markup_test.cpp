#include "libcryosip/report/markup.hpp"

#include <limits>

#include <gtest/gtest.h>

namespace cryosip {
namespace {

TEST(Markup, EscapesWhatHtmlWouldRead) {
  EXPECT_EQ(escaped("<a href=\"x\">&'\x01"), "&lt;a href=&quot;x&quot;&gt;&amp;&#39; ");
  EXPECT_EQ(escaped("\u00c5"), "\u00c5");
}

TEST(Markup, ShowsNumbersForPeople) {
  EXPECT_EQ(shown_number(0.31307328900877046), "0.313");
  EXPECT_EQ(shown_number(-1.0), "\u22121");
  EXPECT_EQ(shown_number(9.996), "10");
  EXPECT_EQ(shown_number(400.00000000000006), "400");
  EXPECT_EQ(shown_number(12345, 3), "12300");
  EXPECT_EQ(shown_number(2.5e-7), "2.5\u00b710\u207b\u2077");
  EXPECT_EQ(shown_number(1e12), "10\u00b9\u00b2");
  EXPECT_EQ(shown_number(0), "0");
  EXPECT_EQ(shown_number(std::numeric_limits<double>::quiet_NaN()), "unknown");
}

TEST(Markup, ShowsSharesAndCounts) {
  EXPECT_EQ(shown_percent(0.27), "27\u00a0%");
  EXPECT_EQ(shown_percent(0.004), "<\u00a01\u00a0%");
  EXPECT_EQ(shown_percent(0), "0\u00a0%");
  EXPECT_EQ(shown_count(2000), "2\u202f000");
  EXPECT_EQ(shown_count(1234567), "1\u202f234\u202f567");
  EXPECT_EQ(counted(1, "image"), "1 image");
  EXPECT_EQ(counted(12, "image"), "12 images");
}

// RFC 4648, section 10.
TEST(Markup, WritesBase64) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
  EXPECT_EQ(base64("\xff\xfe"), "//4=");
}

}  // namespace
}  // namespace cryosip

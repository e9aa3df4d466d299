#include "libcryosip/report/svg.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "libcryosip/report/png.hpp"

namespace cryosip {
namespace {

Figure small_figure() {
  Figure figure{"small", "A < B", "What is \"shown\".", "", 40, 20, {}, std::nullopt};
  figure.marks.emplace_back(Area{{{0, 0}, {10, 0}, {10, 20}, {0, 20}}, Ink::Result});
  figure.marks.emplace_back(
      Line{{{20, 0}, {20, 20}}, Ink::Truth, 2, Dash::Solid, 1, "truth & start"});
  return figure;
}

TEST(Svg, InAPageHasATextAlternativeAndThePagesColours) {
  const std::string svg = to_inline_svg(small_figure());
  EXPECT_THAT(svg, ::testing::HasSubstr("role=\"img\""));
  EXPECT_THAT(svg, ::testing::HasSubstr("aria-label=\"A &lt; B. What is &quot;shown&quot;.\""));
  EXPECT_THAT(svg, ::testing::HasSubstr("style=\"fill:var(--result)\""));
  EXPECT_THAT(svg, ::testing::HasSubstr("data-series=\"truth &amp; start\""));
}

TEST(Svg, OfItsOwnHasTitleDescriptionAndFixedColours) {
  const std::string svg = to_svg_file(small_figure());
  EXPECT_THAT(svg, ::testing::StartsWith("<?xml"));
  EXPECT_THAT(svg, ::testing::HasSubstr("<title>A &lt; B</title>"));
  EXPECT_THAT(svg, ::testing::HasSubstr("<desc>What is &quot;shown&quot;.</desc>"));
  EXPECT_THAT(svg, ::testing::HasSubstr("fill=\"#0072b2\""));
  EXPECT_THAT(svg, ::testing::Not(::testing::HasSubstr("var(")));
}

// Pixels of an 8-bit PNG without interlacing, by the format's own definition (W3C, Portable Network
// Graphics, sections 5 and 9): (channels) bytes a pixel, rows from the top.
struct Decoded {
  unsigned width = 0;
  unsigned height = 0;
  unsigned channels = 0;
  std::string pixels;
};
Decoded decode(const std::string& png) {
  const auto number = [&](std::size_t at) {
    unsigned value = 0;
    for (std::size_t i = 0; i < 4; ++i) {
      value = value << 8U | static_cast<unsigned char>(png[at + i]);
    }
    return value;
  };
  Decoded image;
  image.width = number(16);
  image.height = number(20);
  EXPECT_EQ(png[24], 8);
  EXPECT_EQ(png[28], 0);
  image.channels = png[25] == 6 ? 4 : 3;
  std::string packed;
  for (std::size_t at = 8; at < png.size(); at += 12 + number(at)) {
    if (png.substr(at + 4, 4) == "IDAT") {
      packed += png.substr(at + 8, number(at));
    }
  }
  const std::size_t row = image.channels * image.width;
  std::string raw(image.height * (row + 1), '\0');
  uLongf size = raw.size();
  EXPECT_EQ(uncompress(reinterpret_cast<Bytef*>(raw.data()),
                       &size,
                       reinterpret_cast<const Bytef*>(packed.data()),
                       packed.size()),
            Z_OK);
  const auto at = [&](std::size_t y, std::size_t x) -> int {
    return static_cast<unsigned char>(image.pixels[y * row + x]);
  };
  for (std::size_t y = 0; y < image.height; ++y) {
    const int filter = raw[y * (row + 1)];
    for (std::size_t x = 0; x < row; ++x) {
      const int left = x >= image.channels ? at(y, x - image.channels) : 0;
      const int up = y > 0 ? at(y - 1, x) : 0;
      const int corner = y > 0 && x >= image.channels ? at(y - 1, x - image.channels) : 0;
      const int guess = left + up - corner;
      const int by_left = std::abs(guess - left);
      const int by_up = std::abs(guess - up);
      const int by_corner = std::abs(guess - corner);
      const int paeth = by_left <= by_up && by_left <= by_corner ? left
                        : by_up <= by_corner                     ? up
                                                                 : corner;
      const int predicted[] = {0, left, up, (left + up) / 2, paeth};
      image.pixels += static_cast<char>(raw[y * (row + 1) + 1 + x] + predicted[filter]);
    }
  }
  return image;
}

TEST(Png, HoldsTheImage) {
  RgbaImage image(3, 2);
  image.set(0, 0, {255, 0, 0});
  image.set(2, 1, {0, 114, 178}, 255);
  image.set(1, 0, {200, 100, 50}, 128);
  const Decoded decoded = decode(to_png(image));
  ASSERT_EQ(decoded.width, 3U);
  ASSERT_EQ(decoded.height, 2U);
  ASSERT_EQ(decoded.channels, 4U);
  const auto pixel = [&](std::size_t x, std::size_t y) {
    std::vector<int> values;
    for (std::size_t c = 0; c < 4; ++c) {
      values.push_back(static_cast<unsigned char>(decoded.pixels[4 * (y * 3 + x) + c]));
    }
    return values;
  };
  EXPECT_THAT(pixel(0, 0), ::testing::ElementsAre(255, 0, 0, 255));
  EXPECT_THAT(pixel(2, 1), ::testing::ElementsAre(0, 114, 178, 255));
  EXPECT_EQ(pixel(0, 1)[3], 0);
  // Colours are kept times alpha in between.
  const std::vector<int> half = pixel(1, 0);
  EXPECT_EQ(half[3], 128);
  EXPECT_NEAR(half[0], 200, 2);
  EXPECT_NEAR(half[1], 100, 2);
}

TEST(Png, DrawsAFigureOnWhite) {
  const Decoded decoded = decode(to_png(small_figure(), 2));
  ASSERT_EQ(decoded.width, 80U);
  ASSERT_EQ(decoded.height, 40U);
  const auto at = [&](std::size_t x, std::size_t y, std::size_t c) {
    return static_cast<int>(
        static_cast<unsigned char>(decoded.pixels[decoded.channels * (y * 80 + x) + c]));
  };
  EXPECT_EQ(at(5, 20, 0), 0);  // the area: 0 114 178
  EXPECT_EQ(at(5, 20, 1), 114);
  EXPECT_EQ(at(5, 20, 2), 178);
  EXPECT_EQ(at(40, 20, 0), 17);  // the line
  EXPECT_EQ(at(60, 20, 0), 255);
}

}  // namespace
}  // namespace cryosip

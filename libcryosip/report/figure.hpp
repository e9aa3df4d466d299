// Figures as lists of marks: made once, written as SVG (svg.hpp) or as pixels (png.hpp).
//
// Lengths are points of the figure's own; y runs downwards.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include <Eigen/Core>

namespace cryosip {

struct Rgb {
  std::uint8_t red = 0;
  std::uint8_t green = 0;
  std::uint8_t blue = 0;
};

/// Colours by what they mean, the same in every figure.  Those of data are from the palette of
/// Okabe and Ito, which colour-blind readers can tell apart; data differ in line style too.
enum class Ink {
  Surface,  ///< what is drawn on
  Text,
  Muted,  ///< lesser text, axes
  Grid,
  Result,
  Truth,
  Start,
  Observed,
};

struct InkShades {
  Ink ink;
  std::string_view name;  ///< of its CSS variable
  Rgb light;
  Rgb dark;
};
inline constexpr std::array kInks = {
    InkShades{Ink::Surface, "surface", {255, 255, 255}, {22, 25, 29}},
    InkShades{Ink::Text, "text", {26, 29, 33}, {230, 232, 235}},
    InkShades{Ink::Muted, "muted", {90, 97, 105}, {160, 167, 175}},
    InkShades{Ink::Grid, "grid", {226, 229, 233}, {52, 58, 65}},
    InkShades{Ink::Result, "result", {0, 114, 178}, {86, 180, 233}},
    InkShades{Ink::Truth, "truth", {17, 17, 17}, {244, 244, 244}},
    InkShades{Ink::Start, "start", {125, 125, 125}, {150, 150, 150}},
    InkShades{Ink::Observed, "observed", {193, 80, 0}, {240, 143, 64}},
};
constexpr const InkShades& shades_of(Ink ink) {
  return kInks[static_cast<std::size_t>(ink)];
}

/// An ink follows the page's light and dark; an Rgb is the same in both.
using Colour = std::variant<Ink, Rgb>;

enum class Dash { Solid, Dashed, Dotted };

/// Bytes red, green, blue, alpha (not premultiplied), rows from the top.
struct RgbaImage {
  int width = 0;
  int height = 0;
  std::vector<std::uint8_t> bytes;  ///< 4 width height

  RgbaImage() = default;
  RgbaImage(int columns, int rows)
      : width(columns),
        height(rows),
        bytes(4 * static_cast<std::size_t>(columns) * static_cast<std::size_t>(rows)) {}
  void set(int x, int y, Rgb colour, std::uint8_t alpha = 255);
};

struct Line {
  std::vector<Eigen::Vector2d> points;
  Colour colour = Ink::Text;
  double width = 1;
  Dash dash = Dash::Solid;
  double opacity = 1;
  std::string series = {};  ///< what it shows, for read-outs and toggles; empty: no data
};

/// A filled polygon.
struct Area {
  std::vector<Eigen::Vector2d> points;
  Colour colour = Ink::Text;
  double opacity = 1;
  std::string series = {};
};

struct Dots {
  std::vector<Eigen::Vector2d> centres;
  double radius = 1;
  Colour colour = Ink::Text;
  double opacity = 1;
  std::string series = {};
};

struct Words {
  enum class Anchor { Start, Middle, End };
  Eigen::Vector2d at;  ///< on the baseline
  std::string text;
  double size = 12;
  Anchor anchor = Anchor::Start;
  Colour colour = Ink::Text;
  bool bold = false;
  bool upwards = false;  ///< turned to be read from the right
};

struct Picture {
  Eigen::Vector2d corner;  ///< top left
  Eigen::Vector2d size;
  RgbaImage image;
  bool smooth = false;          ///< interpolate between pixels
  bool ink_on_surface = false;  ///< colour whose alpha counts: may be made brighter in the dark
  std::string series = {};
};

using Mark = std::variant<Line, Area, Dots, Words, Picture>;

/// Where a figure's plot lies and what it spans, for read-outs.
struct PlotFrame {
  Eigen::Vector2d corner;  ///< top left
  Eigen::Vector2d size;
  Eigen::Vector2d x;  ///< value at the left, at the right
  Eigen::Vector2d y;  ///< at the bottom, at the top
  bool log_y = false;
  std::string x_name;
};

struct Figure {
  std::string name;         ///< a file's: lower case, digits, dashes
  std::string title;        ///< one line
  std::string description;  ///< what a reader who cannot see it must know
  std::string caption;      ///< what a reader who sees it wants to read beside; may be empty
  double width = 360;
  double height = 250;
  std::vector<Mark> marks;
  std::optional<PlotFrame> frame;
};

}  // namespace cryosip

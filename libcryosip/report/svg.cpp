#include "libcryosip/report/svg.hpp"

#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>

#include "libcryosip/report/markup.hpp"
#include "libcryosip/report/png.hpp"

namespace cryosip {
namespace {

// Hundredths of a point are enough, also to read values back from a curve.
std::string length(double value) {
  const double rounded = std::round(value * 100) / 100;
  std::array<char, 32> text{};
  // + 0.0: no "-0".
  const auto end = std::to_chars(text.data(), text.data() + text.size(), rounded + 0.0).ptr;
  return {text.data(), end};
}

std::string exact(double value) {
  std::array<char, 32> text{};
  return {text.data(), std::to_chars(text.data(), text.data() + text.size(), value).ptr};
}

std::string pair_of(const Eigen::Vector2d& pair) {
  return exact(pair.x()) + " " + exact(pair.y());
}

std::string hexadecimal(Rgb colour) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string text = "#";
  for (const unsigned value : {colour.red, colour.green, colour.blue}) {
    text += kDigits[value >> 4U];
    text += kDigits[value & 15U];
  }
  return text;
}

std::string attribute(std::string_view name, std::string_view value) {
  return " " + std::string(name) + "=\"" + std::string(value) + "\"";
}

std::string path_data(const std::vector<Eigen::Vector2d>& points) {
  std::string data;
  for (const Eigen::Vector2d& point : points) {
    data += (data.empty() ? "M" : " ") + length(point.x()) + "," + length(point.y());
  }
  return data;
}

class Writer {
 public:
  explicit Writer(bool in_page) : in_page_(in_page) {}

  std::string operator()(const Line& line) const {
    std::string text = "<path" + attribute("d", path_data(line.points)) +
                       attribute("fill", "none") + paint("stroke", line.colour) +
                       attribute("stroke-width", length(line.width)) +
                       attribute("stroke-linejoin", "round");
    if (line.dash == Dash::Dashed) {
      text +=
          attribute("stroke-dasharray", length(4 * line.width) + " " + length(2.5 * line.width));
    } else if (line.dash == Dash::Dotted) {
      text += attribute("stroke-dasharray", "0.1 " + length(2.2 * line.width)) +
              attribute("stroke-linecap", "round");
    } else {
      text += attribute("stroke-linecap", "round");
    }
    return text + opacity(line.opacity) + series(line.series) + "/>\n";
  }

  std::string operator()(const Area& area) const {
    return "<path" + attribute("d", path_data(area.points) + "Z") + paint("fill", area.colour) +
           opacity(area.opacity) + series(area.series) + "/>\n";
  }

  // Round caps of lines without length: one element for all.
  std::string operator()(const Dots& dots) const {
    std::string data;
    for (const Eigen::Vector2d& centre : dots.centres) {
      data += "M" + length(centre.x()) + "," + length(centre.y()) + "h0";
    }
    return "<path" + attribute("d", data) + attribute("fill", "none") +
           paint("stroke", dots.colour) + attribute("stroke-width", length(2 * dots.radius)) +
           attribute("stroke-linecap", "round") + opacity(dots.opacity) + series(dots.series) +
           "/>\n";
  }

  std::string operator()(const Words& words) const {
    std::string text = "<text";
    if (words.upwards) {
      text += attribute(
          "transform",
          "translate(" + length(words.at.x()) + "," + length(words.at.y()) + ") rotate(-90)");
    } else {
      text += attribute("x", length(words.at.x())) + attribute("y", length(words.at.y()));
    }
    text += attribute("font-size", length(words.size)) + paint("fill", words.colour);
    if (words.anchor != Words::Anchor::Start) {
      text += attribute("text-anchor", words.anchor == Words::Anchor::End ? "end" : "middle");
    }
    if (words.bold) {
      text += attribute("font-weight", "600");
    }
    return text + ">" + escaped(words.text) + "</text>\n";
  }

  std::string operator()(const Picture& picture) const {
    return "<image" + attribute("x", length(picture.corner.x())) +
           attribute("y", length(picture.corner.y())) +
           attribute("width", length(picture.size.x())) +
           attribute("height", length(picture.size.y())) +
           attribute("preserveAspectRatio", "none") +
           attribute("style",
                     picture.smooth ? "image-rendering:auto" : "image-rendering:pixelated") +
           (picture.ink_on_surface && in_page_ ? attribute("class", "ink") : "") +
           series(picture.series) +
           attribute("href", "data:image/png;base64," + base64(to_png(picture.image))) + "/>\n";
  }

 private:
  [[nodiscard]] std::string paint(std::string_view property, const Colour& colour) const {
    const Ink* const ink = std::get_if<Ink>(&colour);
    if (ink == nullptr) {
      return attribute(property, hexadecimal(std::get<Rgb>(colour)));
    }
    const InkShades& shades = shades_of(*ink);
    if (in_page_) {
      return attribute("style", std::string(property) + ":var(--" + std::string(shades.name) + ")");
    }
    return attribute(property, hexadecimal(shades.light));
  }
  static std::string opacity(double value) {
    return value < 1 ? attribute("opacity", exact(value)) : "";
  }
  [[nodiscard]] std::string series(const std::string& name) const {
    return name.empty() || !in_page_ ? "" : attribute("data-series", escaped(name));
  }

  bool in_page_;
};

std::string marks_of(const Figure& figure, bool in_page) {
  std::string text;
  for (const Mark& mark : figure.marks) {
    text += std::visit(Writer(in_page), mark);
  }
  return text;
}

std::string view_box(const Figure& figure) {
  return attribute("viewBox", "0 0 " + length(figure.width) + " " + length(figure.height));
}

}  // namespace

std::string to_inline_svg(const Figure& figure) {
  std::string text = "<svg" + view_box(figure) + attribute("role", "img") +
                     attribute("aria-label", escaped(figure.title + ". " + figure.description));
  if (figure.frame) {
    const PlotFrame& frame = *figure.frame;
    text += attribute("data-plot", pair_of(frame.corner) + " " + pair_of(frame.size)) +
            attribute("data-x", pair_of(frame.x)) + attribute("data-y", pair_of(frame.y)) +
            attribute("data-x-name", escaped(frame.x_name)) +
            (frame.log_y ? attribute("data-log-y", "1") : "");
  }
  return text + ">\n" + marks_of(figure, true) + "</svg>\n";
}

std::string to_svg_file(const Figure& figure) {
  return "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<svg" +
         attribute("xmlns", "http://www.w3.org/2000/svg") + view_box(figure) +
         attribute("width", length(figure.width)) + attribute("height", length(figure.height)) +
         attribute("role", "img") + attribute("font-family", "DejaVu Sans, Arial, sans-serif") +
         ">\n<title>" + escaped(figure.title) + "</title>\n<desc>" + escaped(figure.description) +
         "</desc>\n<rect width=\"100%\" height=\"100%\" fill=\"" +
         hexadecimal(shades_of(Ink::Surface).light) + "\"/>\n" + marks_of(figure, false) +
         "</svg>\n";
}

}  // namespace cryosip

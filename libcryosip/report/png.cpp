#include "libcryosip/report/png.hpp"

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <numbers>

#include <cairo.h>

#include "formats/error.hpp"

namespace cryosip {
namespace {

struct SurfaceDeleter {
  void operator()(cairo_surface_t* surface) const { cairo_surface_destroy(surface); }
};
using Surface = std::unique_ptr<cairo_surface_t, SurfaceDeleter>;
struct ContextDeleter {
  void operator()(cairo_t* context) const { cairo_destroy(context); }
};
using Context = std::unique_ptr<cairo_t, ContextDeleter>;

void check(cairo_status_t status) {
  if (status != CAIRO_STATUS_SUCCESS) {
    throw Error(ErrorKind::Numerical,
                std::string("cairo cannot draw: ") + cairo_status_to_string(status));
  }
}

// cairo's pixels are 32-bit words of alpha, red, green, blue, colours times alpha.
Surface surface_of(const RgbaImage& image) {
  Surface surface(cairo_image_surface_create(CAIRO_FORMAT_ARGB32, image.width, image.height));
  check(cairo_surface_status(surface.get()));
  unsigned char* const pixels = cairo_image_surface_get_data(surface.get());
  const auto stride = static_cast<std::size_t>(cairo_image_surface_get_stride(surface.get()));
  const std::uint8_t* from = image.bytes.data();
  for (int y = 0; y < image.height; ++y) {
    for (int x = 0; x < image.width; ++x, from += 4) {
      const std::uint32_t alpha = from[3];
      const auto faded = [&](std::size_t channel) { return (from[channel] * alpha + 127) / 255; };
      const std::uint32_t pixel = alpha << 24U | faded(0) << 16U | faded(1) << 8U | faded(2);
      std::memcpy(pixels + static_cast<std::size_t>(y) * stride + 4 * static_cast<std::size_t>(x),
                  &pixel,
                  sizeof(pixel));
    }
  }
  cairo_surface_mark_dirty(surface.get());
  return surface;
}

std::string bytes_of(cairo_surface_t* surface) {
  std::string bytes;
  check(cairo_surface_write_to_png_stream(
      surface,
      [](void* to, const unsigned char* data, unsigned int count) {
        auto& text = *static_cast<std::string*>(to);
        for (unsigned int i = 0; i < count; ++i) {
          text += static_cast<char>(data[i]);
        }
        return CAIRO_STATUS_SUCCESS;
      },
      &bytes));
  return bytes;
}

class Painter {
 public:
  explicit Painter(cairo_t* context) : context_(context) {}

  void operator()(const Line& line) const {
    set_colour(line.colour, line.opacity);
    trace(line.points);
    cairo_set_line_width(context_, line.width);
    cairo_set_line_join(context_, CAIRO_LINE_JOIN_ROUND);
    cairo_set_line_cap(context_,
                       line.dash == Dash::Dashed ? CAIRO_LINE_CAP_BUTT : CAIRO_LINE_CAP_ROUND);
    if (line.dash == Dash::Dashed) {
      set_dashes(4 * line.width, 2.5 * line.width);
    } else if (line.dash == Dash::Dotted) {
      set_dashes(0.1, 2.2 * line.width);
    }
    cairo_stroke(context_);
    cairo_set_dash(context_, nullptr, 0, 0);
  }

  void operator()(const Area& area) const {
    set_colour(area.colour, area.opacity);
    trace(area.points);
    cairo_close_path(context_);
    cairo_fill(context_);
  }

  void operator()(const Dots& dots) const {
    // As one shape, so that opacity does not add up where dots meet.
    set_colour(dots.colour, dots.opacity);
    for (const Eigen::Vector2d& centre : dots.centres) {
      cairo_new_sub_path(context_);
      cairo_arc(context_, centre.x(), centre.y(), dots.radius, 0, 2 * std::numbers::pi);
    }
    cairo_fill(context_);
  }

  void operator()(const Words& words) const {
    cairo_save(context_);
    set_colour(words.colour, 1);
    cairo_select_font_face(context_,
                           "sans-serif",
                           CAIRO_FONT_SLANT_NORMAL,
                           words.bold ? CAIRO_FONT_WEIGHT_BOLD : CAIRO_FONT_WEIGHT_NORMAL);
    cairo_set_font_size(context_, words.size);
    cairo_text_extents_t extents;
    cairo_text_extents(context_, words.text.c_str(), &extents);
    const double before = words.anchor == Words::Anchor::Start ? 0
                          : words.anchor == Words::Anchor::End ? extents.x_advance
                                                               : extents.x_advance / 2;
    cairo_translate(context_, words.at.x(), words.at.y());
    if (words.upwards) {
      cairo_rotate(context_, -std::numbers::pi / 2);
    }
    cairo_move_to(context_, -before, 0);
    cairo_show_text(context_, words.text.c_str());
    cairo_restore(context_);
  }

  void operator()(const Picture& picture) const {
    const Surface surface = surface_of(picture.image);
    cairo_save(context_);
    cairo_translate(context_, picture.corner.x(), picture.corner.y());
    cairo_scale(
        context_, picture.size.x() / picture.image.width, picture.size.y() / picture.image.height);
    cairo_set_source_surface(context_, surface.get(), 0, 0);
    cairo_pattern_t* const pattern = cairo_get_source(context_);
    cairo_pattern_set_filter(pattern,
                             picture.smooth ? CAIRO_FILTER_BILINEAR : CAIRO_FILTER_NEAREST);
    cairo_pattern_set_extend(pattern, CAIRO_EXTEND_PAD);
    cairo_rectangle(context_, 0, 0, picture.image.width, picture.image.height);
    cairo_fill(context_);
    cairo_restore(context_);
  }

 private:
  void set_colour(const Colour& colour, double opacity) const {
    const Ink* const ink = std::get_if<Ink>(&colour);
    const Rgb rgb = ink != nullptr ? shades_of(*ink).light : std::get<Rgb>(colour);
    cairo_set_source_rgba(context_, rgb.red / 255.0, rgb.green / 255.0, rgb.blue / 255.0, opacity);
  }
  void trace(const std::vector<Eigen::Vector2d>& points) const {
    cairo_new_path(context_);
    for (const Eigen::Vector2d& point : points) {
      cairo_line_to(context_, point.x(), point.y());
    }
  }
  void set_dashes(double on, double off) const {
    const std::array<double, 2> pattern = {on, off};
    cairo_set_dash(context_, pattern.data(), 2, 0);
  }

  cairo_t* context_;
};

}  // namespace

std::string to_png(const RgbaImage& image) {
  return bytes_of(surface_of(image).get());
}

std::string to_png(const Figure& figure, double scale) {
  const Surface surface(
      cairo_image_surface_create(CAIRO_FORMAT_RGB24,
                                 static_cast<int>(std::ceil(figure.width * scale)),
                                 static_cast<int>(std::ceil(figure.height * scale))));
  check(cairo_surface_status(surface.get()));
  const Context context(cairo_create(surface.get()));
  cairo_set_source_rgb(context.get(), 1, 1, 1);
  cairo_paint(context.get());
  cairo_scale(context.get(), scale, scale);
  for (const Mark& mark : figure.marks) {
    std::visit(Painter(context.get()), mark);
  }
  check(cairo_status(context.get()));
  cairo_surface_flush(surface.get());
  return bytes_of(surface.get());
}

}  // namespace cryosip

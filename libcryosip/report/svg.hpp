// Figures as SVG.
#pragma once

#include <string>

#include "libcryosip/report/figure.hpp"

namespace cryosip {

/// For a place inside an HTML page: an element with role="img" and a text alternative, whose inks
/// are the page's CSS variables (--result, ..), as wide as the place.  Lines of data carry their
/// series (data-series), the element its PlotFrame (data-x, data-y, data-plot), for the page's
/// script.
std::string to_inline_svg(const Figure& figure);

/// A file of its own: shades for light, a white ground, title and desc.
std::string to_svg_file(const Figure& figure);

}  // namespace cryosip

// Figures and images as PNG, by cairo.
#pragma once

#include <string>

#include "libcryosip/report/figure.hpp"

namespace cryosip {

/// @throws Error(Numerical) when cairo fails
std::string to_png(const RgbaImage& image);

/// The figure in its shades for light, on white; `scale` pixels a point.
/// @throws Error(Numerical) when cairo fails
std::string to_png(const Figure& figure, double scale = 3);

}  // namespace cryosip

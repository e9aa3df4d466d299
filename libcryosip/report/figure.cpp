#include "libcryosip/report/figure.hpp"

#include <cstddef>

namespace cryosip {

void RgbaImage::set(int x, int y, Rgb colour, std::uint8_t alpha) {
  const std::size_t at = 4 * (static_cast<std::size_t>(y) * static_cast<std::size_t>(width) +
                              static_cast<std::size_t>(x));
  bytes[at] = colour.red;
  bytes[at + 1] = colour.green;
  bytes[at + 2] = colour.blue;
  bytes[at + 3] = alpha;
}

}  // namespace cryosip

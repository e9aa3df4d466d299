// Text for people inside SVG and HTML.
#pragma once

#include <string>
#include <string_view>

namespace cryosip {

/// With & < > " ' as entities, and without the control characters that XML forbids.
std::string escaped(std::string_view text);

/// A number as short text: this many significant digits, no zeros at the end, a true minus sign;
/// powers of ten only beyond 1e-4 .. 1e6 ("2.5·10⁻⁷").
std::string shown_number(double value, int digits = 3);

/// "37 %", "< 1 %", in one piece (no-break space).
std::string shown_percent(double share);

/// 12345 as "12 345" (narrow no-break space).
std::string shown_count(double count);

/// One: "1 image", else "12 images".
std::string counted(double count, std::string_view thing);

/// The bytes in base64.
std::string base64(std::string_view bytes);

}  // namespace cryosip

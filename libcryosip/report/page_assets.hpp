// Style and script of the page, as text.
#pragma once

#include <string>

namespace cryosip {

/// Colours from kInks, for light and for dark.
std::string page_style();
/// What a page can do without, and is better with: values of curves under the pointer, switches.
std::string page_script();

}  // namespace cryosip

// Image names as RELION's tables hold them: "000012@Extract/job007/mic.mrcs".
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace cryosip::formats {

struct ImageName {
  std::size_t index = 0;  ///< section of the file, 0-based
  std::string path;       ///< as written, relative to the project
};

/// "N@PATH" is section N of a file, counted from 1; "PATH" alone its first.  A format behind the
/// name
/// ("x.mrc:mrcs") is left out, and so is the ">" that cryoSPARC puts before a path.
/// @throws Error(Input) no number before '@', the number 0 (RELION silently takes image 1), no path
ImageName parse_image_name(std::string_view text);

/// As RELION takes it: six digits, counted from 1.  A stack called .mrc gets ":mrcs" behind it,
/// without which RELION refuses it.
/// @param index  0-based
std::string format_image_name(std::size_t index, std::string_view path);

}  // namespace cryosip::formats

#include "formats/image_name.hpp"

#include <algorithm>
#include <charconv>
#include <system_error>

#include "formats/error.hpp"
#include "formats/text.hpp"

namespace cryosip::formats {

namespace {

[[noreturn]] void fail(std::string_view text, const std::string& expected) {
  throw Error(ErrorKind::Input, "image name " + excerpt(text) + " found, expected " + expected);
}

}  // namespace

ImageName parse_image_name(std::string_view text) {
  ImageName name;
  std::string_view path = text;
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    const char* const end = text.data() + at;
    std::size_t number = 0;
    const auto [stop, failure] = std::from_chars(text.data(), end, number);
    if (failure != std::errc() || stop != end) {
      fail(text, "a whole number before '@'");
    }
    if (number == 0) {
      fail(text, "a number from 1: RELION images are numbered from 1");
    }
    name.index = number - 1;
    path = text.substr(at + 1);
  }
  if (path.starts_with('>')) {
    path.remove_prefix(1);
  }
  for (const std::string_view format : {":mrcs", ":mrc"}) {
    if (path.ends_with(format)) {
      path.remove_suffix(format.size());
      break;
    }
  }
  if (path.empty()) {
    fail(text, "NUMBER@PATH");
  }
  name.path = path;
  return name;
}

std::string format_image_name(std::size_t index, std::string_view path) {
  constexpr std::size_t kDigits = 6;
  const std::string number = std::to_string(index + 1);
  return std::string(kDigits - std::min(kDigits, number.size()), '0') + number + '@' +
         std::string(path) + (path.ends_with(".mrc") ? ":mrcs" : "");
}

}  // namespace cryosip::formats

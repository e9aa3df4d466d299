// What the text formats share: reading a file whole, numbers from text.
#pragma once

#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace cryosip::formats {

/// The rest of a stream.  @throws Error(Input) naming source when reading fails
std::string read_all(std::istream& in, std::string_view source);
/// A file's bytes; a pipe works too.  @throws Error(Input) missing, a directory, unreadable
std::string read_all(const std::string& path);

/// The whole of text as a finite number in C's notation, whatever the locale; a leading plus is
/// allowed.
std::optional<double> parse_number(std::string_view text) noexcept;

}  // namespace cryosip::formats

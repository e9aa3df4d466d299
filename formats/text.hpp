// What the readers share: a file's bytes, numbers from text, words for messages.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>

namespace cryosip::formats {

/// The rest of a stream.  @throws Error(Input) naming source when reading fails
std::string read_all(std::istream& in, std::string_view source);
/// A file's bytes; a pipe works too.  @throws Error(Input) missing, a directory, unreadable
std::string read_all(const std::string& path);

/// 'TEXT' as messages show it, shortened, without control characters.
std::string excerpt(std::string_view text);

/// A character of Unicode; U+FFFD for a number that is none.
std::string utf8(std::uint32_t code);

/// Reads the gzip format.  @throws Error(Input) naming source: damaged or cut off
std::string gunzip(std::string_view compressed, std::string_view source);

/// The whole of text as a finite number in C's notation, whatever the locale; a leading plus is
/// allowed.
std::optional<double> parse_number(std::string_view text) noexcept;

}  // namespace cryosip::formats

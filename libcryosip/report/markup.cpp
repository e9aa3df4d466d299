#include "libcryosip/report/markup.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <cstdint>

namespace cryosip {
namespace {

constexpr std::string_view kMinus = "\u2212";
constexpr std::string_view kNarrowSpace = "\u202f";

std::string plain(double value, std::chars_format format, int digits) {
  std::array<char, 64> text{};
  char* const end =
      std::to_chars(text.data(), text.data() + text.size(), value, format, digits).ptr;
  return {text.data(), end};
}

std::string without_trailing_zeros(std::string text) {
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') {
      text.pop_back();
    }
  }
  return text;
}

std::string superscript(int exponent) {
  constexpr std::array<std::string_view, 10> kDigits = {"\u2070",
                                                        "\u00b9",
                                                        "\u00b2",
                                                        "\u00b3",
                                                        "\u2074",
                                                        "\u2075",
                                                        "\u2076",
                                                        "\u2077",
                                                        "\u2078",
                                                        "\u2079"};
  std::string text = exponent < 0 ? "\u207b" : "";
  for (const char digit : std::to_string(std::abs(exponent))) {
    text += kDigits[static_cast<std::size_t>(digit - '0')];
  }
  return text;
}

}  // namespace

std::string escaped(std::string_view text) {
  std::string result;
  result.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&':
        result += "&amp;";
        break;
      case '<':
        result += "&lt;";
        break;
      case '>':
        result += "&gt;";
        break;
      case '"':
        result += "&quot;";
        break;
      case '\'':
        result += "&#39;";
        break;
      default:
        result += static_cast<unsigned char>(c) < ' ' && c != '\n' && c != '\t' ? ' ' : c;
    }
  }
  return result;
}

std::string shown_number(double value, int digits) {
  if (!std::isfinite(value)) {
    return std::isnan(value) ? "unknown" : "infinite";
  }
  if (value == 0) {
    return "0";
  }
  const std::string sign = value < 0 ? std::string(kMinus) : "";
  // Rounded first, so that 9.996 counts as 10.
  const std::string rounded = plain(std::abs(value), std::chars_format::scientific, digits - 1);
  const std::size_t e = rounded.find('e');
  const int exponent = std::stoi(rounded.substr(e + 1));
  if (exponent < -4 || exponent >= 6) {
    const std::string mantissa = without_trailing_zeros(rounded.substr(0, e));
    return sign + (mantissa == "1" ? "" : mantissa + "\u00b7") + "10" + superscript(exponent);
  }
  return sign +
         without_trailing_zeros(plain(
             std::stod(rounded), std::chars_format::fixed, std::max(0, digits - 1 - exponent)));
}

std::string shown_percent(double share) {
  const double percent = 100 * share;
  if (percent > 0 && percent < 1) {
    return "<\u00a01\u00a0%";
  }
  return shown_number(std::round(percent), 4) + "\u00a0%";
}

std::string shown_count(double count) {
  std::string text = plain(std::round(count), std::chars_format::fixed, 0);
  for (std::size_t from_end = 3; from_end < text.size(); from_end += 3 + kNarrowSpace.size()) {
    text.insert(text.size() - from_end, kNarrowSpace);
  }
  return text;
}

std::string counted(double count, std::string_view thing) {
  return shown_count(count) + " " + std::string(thing) + (count == 1 ? "" : "s");
}

std::string base64(std::string_view bytes) {
  constexpr std::string_view kLetters =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string text;
  text.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    std::uint32_t group = 0;
    for (std::size_t k = 0; k < 3; ++k) {
      const std::uint32_t byte =
          i + k < bytes.size() ? static_cast<unsigned char>(bytes[i + k]) : 0U;
      group = (group << 8U) | byte;
    }
    for (std::size_t k = 0; k < 4; ++k) {
      text += i + k <= bytes.size() ? kLetters[(group >> (18U - 6U * k)) & 63U] : '=';
    }
  }
  return text;
}

}  // namespace cryosip

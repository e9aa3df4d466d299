#include "libcryosip/assess/table_json.hpp"

#include <cctype>
#include <cstddef>
#include <string_view>

#include "formats/text.hpp"

namespace cryosip {
namespace {

std::string key_of(std::string_view label) {
  if (label.substr(0, 3) != "sip") {
    return std::string(label);
  }
  std::string key;
  for (const char c : label.substr(3)) {
    if (std::isupper(static_cast<unsigned char>(c)) != 0) {
      key += key.empty() ? "" : "_";
      key += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    } else {
      key += c;
    }
  }
  return key;
}

std::string quoted(std::string_view text) {
  std::string json = "\"";
  for (const char c : text) {
    if (c == '"' || c == '\\') {
      json += '\\';
    }
    // STAR cells hold no line ends; a tab is the one control character that they may hold.
    json += c == '\t' ? std::string("\\t") : std::string(1, c);
  }
  return json + '"';
}

std::string value_of(std::string_view cell) {
  if (cell == "None") {
    return "null";
  }
  const auto number = formats::parse_number(cell);
  return number ? formats::format_number(*number) : quoted(cell);
}

std::string object_of(const formats::StarTable& table, std::size_t row) {
  std::string json = "{";
  for (std::size_t column = 0; column < table.columns(); ++column) {
    json += column == 0 ? "" : ", ";
    json += quoted(key_of(table.labels()[column])) + ": " + value_of(table.text(row, column));
  }
  return json + "}";
}

}  // namespace

std::string to_json(const std::vector<formats::StarTable>& tables) {
  std::string json = "{";
  const char* table_separator = "";
  for (const formats::StarTable& table : tables) {
    json += table_separator + quoted(table.name()) + ": ";
    table_separator = ",\n";
    if (table.form() == formats::StarTable::Form::Pairs) {
      json += object_of(table, 0);
      continue;
    }
    json += "[";
    for (std::size_t row = 0; row < table.rows(); ++row) {
      json += std::string(row == 0 ? "\n" : ",\n") + "  " + object_of(table, row);
    }
    json += "\n]";
  }
  return json + "}\n";
}

}  // namespace cryosip

#include <charconv>
#include <sstream>
#include <system_error>

#include "tools/cli/tool.hpp"

namespace cryosip::cli {
namespace {

constexpr std::size_t kColumns = 80;

// program_options writes the default 0.1 with all of its binary digits.
std::string shortest_number(const std::string& text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  if (read.ec != std::errc{} || read.ptr != end) {
    return text;
  }
  std::string shortest(32, '\0');
  const auto written = std::to_chars(shortest.data(), shortest.data() + shortest.size(), value);
  shortest.resize(static_cast<std::size_t>(written.ptr - shortest.data()));
  return shortest;
}

// Width on the screen of UTF-8 text: bytes that do not continue a character.
std::size_t width(const std::string& text) {
  std::size_t characters = 0;
  for (const char c : text) {
    characters += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  }
  return characters;
}

// Breaks lines at blanks; @p column is where the pen stands, later lines start at @p indent.
void write_wrapped(std::ostream& out,
                   const std::string& text,
                   std::size_t column,
                   std::size_t indent) {
  std::istringstream words(text);
  bool first = true;
  for (std::string word; words >> word;) {
    if (!first && column + 1 + width(word) > kColumns) {
      out << '\n' << std::string(indent, ' ');
      column = indent;
      first = true;
    }
    out << (first ? "" : " ") << word;
    column += width(word) + (first ? 0 : 1);
    first = false;
  }
  out << '\n';
}

void write_entry(std::ostream& out, const std::string& heading, const std::string& text) {
  constexpr std::size_t kIndent = 30;
  out << "  " << heading;
  std::size_t column = 2 + width(heading);
  if (column + 2 > kIndent) {
    out << '\n';
    column = 0;
  }
  out << std::string(kIndent - column, ' ');
  write_wrapped(out, text, kIndent, kIndent);
}

void write_group(std::ostream& out, const po::options_description& group) {
  if (group.options().empty()) {
    return;
  }
  out << '\n' << caption(group) << ":\n";
  for (const auto& option : group.options()) {
    const OptionText text = option_text(*option);
    write_entry(
        out,
        text.heading,
        text.description + (text.default_value.empty() ? "" : " [" + text.default_value + "]"));
  }
}

}  // namespace

std::string caption(const po::options_description& group) {
  std::ostringstream printed;
  printed << group;  // the only way to the caption: it is the first line, with a colon
  const std::string text = printed.str();
  return text.substr(0, text.find(":\n"));
}

OptionText option_text(const po::option_description& option) {
  OptionText text;
  const std::string short_name =
      option.canonical_display_name(po::command_line_style::allow_dash_for_short);
  if (short_name.size() == 2 && short_name[0] == '-') {
    text.heading = short_name + ", ";
  }
  text.heading += "--" + option.long_name();
  std::string value = option.format_parameter();  // "FILE (=out.star)"
  const std::size_t assigned = value.find(" (=");
  if (assigned != std::string::npos && value.back() == ')') {
    text.default_value = shortest_number(value.substr(assigned + 3, value.size() - assigned - 4));
    value.resize(assigned);
  }
  if (!value.empty()) {
    text.heading += ' ' + (value == "arg" ? "VALUE" : value);
  }
  text.description = option.description();
  return text;
}

std::string help_text(const Tool& tool) {
  std::ostringstream out;
  out << "Usage: " << tool.name << " [options]";
  for (const Positional& positional : tool.positionals) {
    out << ' ' << (positional.fallback ? "[" + positional.name + "]" : positional.name);
  }
  out << '\n' << tool.name << ": " << tool.summary << '\n';
  std::istringstream lines(tool.description + "\n\n");
  std::string paragraph;
  for (std::string line; std::getline(lines, line);) {
    if (!line.empty()) {
      paragraph += line + ' ';
    } else if (!paragraph.empty()) {
      out << '\n';
      write_wrapped(out, paragraph, 0, 0);
      paragraph.clear();
    }
  }
  if (!tool.positionals.empty()) {
    out << "\nArguments:\n";
  }
  for (const Positional& positional : tool.positionals) {
    write_entry(out,
                positional.name,
                positional.description +
                    (positional.fallback ? " [" + *positional.fallback + "]" : std::string()));
  }
  write_group(out, tool.options);
  for (const po::options_description& group : tool.groups) {
    write_group(out, group);
  }
  write_group(out, common_options(tool));
  for (const Example& example : tool.examples) {
    out << '\n' << example.does << ":\n  $ " << example.command << '\n';
  }
  return out.str();
}

}  // namespace cryosip::cli

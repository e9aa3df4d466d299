#include "libcryosip/report/page.hpp"

#include <cstddef>
#include <sstream>
#include <utility>

#include "libcryosip/report/markup.hpp"
#include "libcryosip/report/page_assets.hpp"
#include "libcryosip/report/svg.hpp"

namespace cryosip {
namespace {

// Escaped, with commands and options kept in one piece.
std::string marked_up(const std::string& text) {
  std::string result;
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    result += result.empty() ? "" : " ";
    const std::size_t begin = word.find_first_not_of('(');
    const std::size_t end = word.find_last_not_of("),.:;");
    const std::string core = begin == std::string::npos || end == std::string::npos || end < begin
                                 ? std::string()
                                 : word.substr(begin, end - begin + 1);
    if (core.starts_with("--") || core.starts_with("cryosip-")) {
      result += escaped(word.substr(0, begin)) + "<code>" + escaped(core) + "</code>" +
                escaped(word.substr(end + 1));
    } else {
      result += escaped(word);
    }
  }
  return result;
}

// Escaped, with its line ends.
std::string in_lines(const std::string& text) {
  std::string result = escaped(text);
  for (std::size_t at = result.find('\n'); at != std::string::npos; at = result.find('\n', at)) {
    result.replace(at, 1, "<br>");
  }
  return result;
}

}  // namespace

Page::Page(std::string title, std::string subtitle)
    : title_(std::move(title)), subtitle_(std::move(subtitle)) {}

void Page::section(const std::string& id, const std::string& heading) {
  body_ += (links_.empty() ? "" : "</section>\n");
  body_ += "<section id=\"" + escaped(id) + "\">\n<h2>" + escaped(heading) + "</h2>\n";
  links_.emplace_back(id, heading);
}

void Page::paragraph(const std::string& text) {
  body_ += "<p>" + marked_up(text) + "</p>\n";
}

void Page::hint(const std::string& text) {
  body_ += "<p class=\"hint\">" + marked_up(text) + "</p>\n";
}

void Page::subheading(const std::string& text) {
  body_ += "<h3>" + escaped(text) + "</h3>\n";
}

void Page::figures(const std::vector<Figure>& figures, bool toggles) {
  if (toggles) {
    body_ += "<div class=\"toggles\" data-toggles></div>\n";
  }
  // Rows that are full: in threes, or in twos.
  const bool twos = figures.size() % 3 != 0 && figures.size() % 2 == 0;
  body_ += "<div class=\"figures" + std::string(twos ? " twos" : "") + "\">\n";
  for (const Figure& figure : figures) {
    body_ += "<figure>\n" + to_inline_svg(figure);
    if (!figure.caption.empty()) {
      body_ += "<figcaption>" + escaped(figure.caption) + "</figcaption>\n";
    }
    body_ += "</figure>\n";
  }
  body_ += "</div>\n";
}

void Page::tiles(const std::vector<std::pair<std::string, std::string>>& values) {
  body_ += "<dl class=\"tiles\">\n";
  for (const auto& [name, value] : values) {
    body_ += "<div><dt>" + escaped(name) + "</dt><dd>" + escaped(value) + "</dd></div>\n";
  }
  body_ += "</dl>\n";
}

void Page::table(const std::string& caption,
                 const std::vector<std::string>& head,
                 const std::vector<std::vector<std::string>>& rows,
                 std::size_t numeric_from) {
  const auto number = [&](std::size_t column) {
    return std::string(column >= numeric_from ? " class=\"number\"" : "");
  };
  body_ += "<div class=\"table\"><table>\n<caption>" + escaped(caption) + "</caption>\n<thead><tr>";
  for (std::size_t c = 0; c < head.size(); ++c) {
    body_ += "<th scope=\"col\"" + number(c) + ">" + in_lines(head[c]) + "</th>";
  }
  body_ += "</tr></thead>\n<tbody>\n";
  for (const std::vector<std::string>& row : rows) {
    body_ += "<tr>";
    for (std::size_t c = 0; c < row.size(); ++c) {
      body_ += c == 0 ? "<th scope=\"row\">" + escaped(row[c]) + "</th>"
                      : "<td" + number(c) + ">" + in_lines(row[c]) + "</td>";
    }
    body_ += "</tr>\n";
  }
  body_ += "</tbody>\n</table></div>\n";
}

void Page::commands(const std::vector<std::string>& lines) {
  body_ += "<pre>";
  for (const std::string& line : lines) {
    body_ += escaped(line) + "\n";
  }
  body_ += "</pre>\n";
}

void Page::finding(std::string_view kind, const std::string& what, const std::string& advice) {
  body_ += "<div class=\"finding " + std::string(kind) + "\">\n<p class=\"kind\">" +
           std::string(kind) + "</p>\n<p><b>" + marked_up(what) + "</b></p>\n<p>" +
           marked_up(advice) + "</p>\n</div>\n";
}

std::string Page::html(const std::string& footer) const {
  std::string text =
      "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n"
      // Nothing is ever fetched: the browser itself refuses.
      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
      "'unsafe-inline'; script-src 'unsafe-inline'; img-src data:\">\n"
      "<link rel=\"icon\" href=\"data:,\">\n<title>" +
      escaped(title_) + "</title>\n<style>\n" + page_style() + "</style>\n</head>\n<body>\n" +
      "<header>\n<h1>" + escaped(title_) + "</h1>\n<p class=\"subtitle\">" + escaped(subtitle_) +
      "</p>\n<nav aria-label=\"Sections\">\n";
  for (const auto& [id, heading] : links_) {
    text += "<a href=\"#" + escaped(id) + "\">" + escaped(heading) + "</a>\n";
  }
  text += "</nav>\n</header>\n<main>\n" + body_ + (links_.empty() ? "" : "</section>\n") +
          "</main>\n<footer>\n<p>" + escaped(footer) + "</p>\n</footer>\n<script>" + page_script() +
          "</script>\n</body>\n</html>\n";
  return text;
}

}  // namespace cryosip

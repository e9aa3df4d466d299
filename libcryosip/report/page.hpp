// An HTML page that needs nothing but itself.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "libcryosip/report/figure.hpp"

namespace cryosip {

/// Grows section by section; all text is escaped on its way in; options
/// (--steps) and tools (cryosip-map) in paragraphs, hints and findings are set as code.
class Page {
 public:
  Page(std::string title, std::string subtitle);

  /// Opens a section, which ends where the next one begins, and gives it a link at the top.
  void section(const std::string& id, const std::string& heading);
  void paragraph(const std::string& text);
  /// Lesser text: how to read what follows.
  void hint(const std::string& text);
  void subheading(const std::string& text);
  /// Figures side by side as the width allows.  @param toggles  leave room for switches of series
  void figures(const std::vector<Figure>& figures, bool toggles = false);
  /// Numbers with their names, large.
  void tiles(const std::vector<std::pair<std::string, std::string>>& values);
  /// Cells may have several lines.
  /// @param numeric_from  columns from this one on are numbers
  void table(const std::string& caption,
             const std::vector<std::string>& head,
             const std::vector<std::vector<std::string>>& rows,
             std::size_t numeric_from = 1);
  void commands(const std::vector<std::string>& lines);
  /// @param kind  "warning" or "note"
  void finding(std::string_view kind, const std::string& what, const std::string& advice);

  [[nodiscard]] std::string html(const std::string& footer) const;

 private:
  std::string title_;
  std::string subtitle_;
  std::string body_;
  std::vector<std::pair<std::string, std::string>> links_;
};

}  // namespace cryosip

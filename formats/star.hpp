// STAR files as RELION writes and reads them: several blocks, each a loop or a list of pairs.
//
// Values stay text until asked for, so that a table read and written unchanged keeps every digit
// and every column cryosip knows nothing about.  All cells of a table share one text buffer: a
// million rows cost no allocation a cell.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cryosip::formats {

/// One block: `data_NAME` with a loop of rows, or with a list of label-value pairs (then one row).
class StarTable {
 public:
  enum class Form { Loop, Pairs };

  StarTable() = default;
  /// A Pairs table has its one row from the start.
  /// @param name    what follows "data_"; may be empty
  /// @param labels  without the leading underscore
  /// @throws Error(Usage) when a label stands twice, is empty, or holds a blank or '#'
  explicit StarTable(std::string name,
                     std::vector<std::string> labels = {},
                     Form form = Form::Loop);

  [[nodiscard]] const std::string& name() const noexcept { return name_; }
  [[nodiscard]] Form form() const noexcept { return form_; }
  [[nodiscard]] const std::vector<std::string>& labels() const noexcept { return labels_; }
  [[nodiscard]] std::size_t rows() const noexcept { return rows_; }
  [[nodiscard]] std::size_t columns() const noexcept { return labels_.size(); }

  /// Index of a column, or nothing.
  [[nodiscard]] std::optional<std::size_t> find(std::string_view label) const noexcept;
  [[nodiscard]] bool has(std::string_view label) const noexcept { return find(label).has_value(); }
  /// Index of a column.  @throws Error(Input) naming file, block and the label that is missing
  [[nodiscard]] std::size_t column(std::string_view label) const;

  /// The cell without its quotes.  Valid until the table is changed.
  [[nodiscard]] std::string_view text(std::size_t row, std::size_t column) const;
  /// The cell as a finite number.
  /// @throws Error(Input) "FILE:LINE: block, column: 'nan' found, expected a finite number"
  [[nodiscard]] double number(std::size_t row, std::size_t column) const;
  /// The cell as a whole number; "3.000000" counts as one, as RELION writes it.
  [[nodiscard]] std::int64_t integer(std::size_t row, std::size_t column) const;

  /// First (for Pairs: only) row, by label.  @throws Error(Input) where the label or row is missing
  [[nodiscard]] std::string_view text(std::string_view label) const;
  [[nodiscard]] double number(std::string_view label) const;
  [[nodiscard]] std::int64_t integer(std::string_view label) const;

  /// "FILE:LINE" of a row, or "SOURCE: record N" where the table was made in memory; for messages.
  [[nodiscard]] std::string where(std::size_t row) const;
  /// An Input error that points at one cell: "FILE:LINE: block 'x', column 'y': MESSAGE".
  [[noreturn]] void fail(std::size_t row, std::size_t column, const std::string& message) const;

  /// Where a table made in memory comes from, for messages.
  void set_source(std::string source) { source_ = std::move(source); }
  /// Adds a column, its cells empty, and returns its index.  @throws Error(Usage) if it exists
  std::size_t add_column(std::string label);
  /// Adds a row of empty cells and returns its index.  @throws Error(Usage) on a Pairs table
  std::size_t add_row();
  void reserve(std::size_t rows, std::size_t bytes);
  void set(std::size_t row, std::size_t column, std::string_view text);
  /// Shortest decimal text that reads back as the same bits.
  /// @throws Error(Numerical) where the value is not finite
  void set(std::size_t row, std::size_t column, double value);
  void set_integer(std::size_t row, std::size_t column, std::int64_t value);
  /// Appends a label and its value to a Pairs table.  @throws Error(Usage) on a Loop
  void add_pair(std::string label, std::string_view text);
  void add_pair(std::string label, double value);
  void add_pair_integer(std::string label, std::int64_t value);

 private:
  friend class StarReader;

  // Eight bytes: a million rows of twenty cells take 160 MB beside their text.
  struct Cell {
    std::uint64_t offset : 40;  // into text_
    std::uint64_t length : 24;
  };
  static Cell make_cell(std::size_t offset, std::size_t length);

  std::string name_;
  Form form_ = Form::Loop;
  std::vector<std::string> labels_;
  std::string source_;
  std::string text_;         // every cell's characters, and what stood between
  std::vector<Cell> cells_;  // row-major
  std::size_t rows_ = 0;
  std::vector<std::uint32_t> line_of_row_;  // empty where the table was made in memory
};

/// A whole file.
struct StarFile {
  std::string source;                 ///< path, or "standard input"; for messages
  std::vector<std::string> comments;  ///< lines written at the top, each behind "# "; not read
  std::vector<StarTable> tables;
  /// What stands in "# version N" before each block.  Read from a file: its own, or 0, none: RELION
  /// takes a table of its 3.0 form for another one where it finds a version.
  int version = 30001;

  [[nodiscard]] const StarTable* find(std::string_view name) const noexcept;
  [[nodiscard]] StarTable* find(std::string_view name) noexcept;
  /// @throws Error(Input) naming the file, the block that is missing and the blocks there are
  [[nodiscard]] const StarTable& table(std::string_view name) const;
};

/// The number as the shortest text that reads back as the same bits.
std::string format_number(double value);

/// Reads every block of a STAR stream.
///
/// Accepted: several blocks, loops and pair lists, single and double quotes, comments anywhere,
/// blank lines anywhere (RELION 3.1 silently drops the rows behind one), CRLF line ends, tabs,
/// labels with or without " #n" and whatever n, a missing final newline. Refused, each with its
/// line: a label that stands twice in a block, `_label#n` without a blank, a row of the wrong
/// number of values, an unclosed quote, a value outside any block, a semicolon text field, a block
/// name that stands twice, more than one loop or pair list in a block, keywords in capitals.
/// @param source  name used in messages: a path, or "standard input"
/// @throws Error(Input) as "SOURCE:LINE: what was found, what was expected"
StarFile read_star(std::istream& in, std::string_view source);
/// @throws Error(Input) also when the file cannot be opened, is empty or is binary
StarFile read_star(const std::string& path);

/// Writes in RELION's form: "# version N" before each block so that RELION 3.1 to 5 read it,
/// numbered labels, a blank line behind each loop; values that hold blanks, are empty, or look like
/// STAR syntax are quoted.  A "data_" in a comment becomes "data\_", because RELION would take it
/// for a block.
/// @throws Error(Output) for a value that no quotes can hold: with a line end, or with both quotes
void write_star(std::ostream& out, const StarFile& file);

}  // namespace cryosip::formats

#include "formats/star.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <ostream>
#include <utility>

#include "formats/error.hpp"
#include "formats/text.hpp"

namespace cryosip::formats {

namespace {

constexpr std::uint64_t kLongestCell = (1U << 24U) - 1;
constexpr std::uint64_t kLargestOffset = (std::uint64_t{1} << 40U) - 1;
constexpr std::string_view kBlanks = " \t\v\f\r\n";

std::string quoted(std::string_view text) {
  return "'" + std::string(text) + "'";
}

void check_label(std::string_view label) {
  if (label.empty() || label.front() == '_' ||
      label.find_first_of(" \t\v\f\r\n#") != std::string_view::npos) {
    throw Error(ErrorKind::Usage,
                "STAR label " + quoted(label) +
                    ": a label is given without its underscore and holds neither blank nor '#'");
  }
}

bool starts_with_keyword(std::string_view text) {
  constexpr std::array<std::string_view, 5> kKeywords{
      "data_", "loop_", "save_", "stop_", "global_"};
  return std::any_of(kKeywords.begin(), kKeywords.end(), [&](std::string_view keyword) {
    return text.size() >= keyword.size() &&
           std::equal(keyword.begin(), keyword.end(), text.begin(), [](char a, char b) {
             return a == (b >= 'A' && b <= 'Z' ? b - 'A' + 'a' : b);
           });
  });
}

/// Whether a quote of this kind inside the text would be read as the closing one.
bool would_close(std::string_view text, char quote) {
  for (std::size_t i = text.find(quote); i != std::string_view::npos; i = text.find(quote, i + 1)) {
    if (i + 1 == text.size() || kBlanks.find(text[i + 1]) != std::string_view::npos) {
      return true;
    }
  }
  return false;
}

void append_value(std::string& out, std::string_view text) {
  if (text.find_first_of(std::string_view("\r\n\0", 3)) != std::string_view::npos) {
    throw Error(ErrorKind::Output, "STAR value " + quoted(text) + " holds a line end");
  }
  if (!text.empty() && std::string_view("_#'\";$[]").find(text.front()) == std::string_view::npos &&
      text.find_first_of(kBlanks) == std::string_view::npos && !starts_with_keyword(text)) {
    out += text;
    return;
  }
  // A quote may stand inside a value quoted by the other kind, whatever follows it: RELION ends the
  // value at the first one.
  const bool has_double = text.find('"') != std::string_view::npos;
  const char quote = has_double ? '\'' : '"';
  if (would_close(text, quote)) {
    throw Error(ErrorKind::Output, "STAR value " + quoted(text) + " holds both kinds of quotes");
  }
  out += quote;
  out += text;
  out += quote;
}

/// RELION takes any line that holds "data_" for a block, and "# version" for the file's version.
void append_comment(std::string& out, std::string comment) {
  for (std::size_t i = comment.find("data_"); i != std::string::npos;
       i = comment.find("data_", i)) {
    comment.insert(i + 4, 1, '\\');
  }
  std::replace(comment.begin(), comment.end(), '\r', ' ');
  for (std::size_t begin = 0; begin <= comment.size();) {
    const std::size_t end = std::min(comment.find('\n', begin), comment.size());
    const std::string line = comment.substr(begin, end - begin);
    out += line.starts_with("version ") ? "#  " : "# ";
    out += line;
    out += '\n';
    begin = end + 1;
  }
}

void append_table(std::string& out, const StarTable& table, int version, std::ostream& stream) {
  constexpr std::size_t kFlush = 1 << 20;
  if (version > 0) {
    out += "\n# version " + std::to_string(version) + "\n";
  }
  out += "\ndata_" + table.name() + "\n\n";
  if (table.form() == StarTable::Form::Pairs) {
    for (std::size_t j = 0; j < table.columns(); ++j) {
      out += '_' + table.labels()[j] + "  ";
      append_value(out, table.text(0, j));
      out += '\n';
    }
  } else {
    out += "loop_\n";
    for (std::size_t j = 0; j < table.columns(); ++j) {
      out += '_' + table.labels()[j] + " #" + std::to_string(j + 1) + '\n';
    }
    for (std::size_t i = 0; i < table.rows(); ++i) {
      for (std::size_t j = 0; j < table.columns(); ++j) {
        append_value(out, table.text(i, j));
        out += j + 1 < table.columns() ? ' ' : '\n';
      }
      if (out.size() > kFlush) {
        stream.write(out.data(), static_cast<std::streamsize>(out.size()));
        out.clear();
      }
    }
  }
  out += '\n';
}

}  // namespace

StarTable::StarTable(std::string name, std::vector<std::string> labels, Form form)
    : name_(std::move(name)), form_(form), rows_(form == Form::Pairs ? 1 : 0) {
  for (std::string& label : labels) {
    add_column(std::move(label));
  }
}

StarTable::Cell StarTable::make_cell(std::size_t offset, std::size_t length) {
  if (offset > kLargestOffset || length > kLongestCell) {
    throw Error(ErrorKind::Input, "a STAR value of 16 MiB or more");
  }
  return {.offset = offset & kLargestOffset, .length = length & kLongestCell};
}

std::optional<std::size_t> StarTable::find(std::string_view label) const noexcept {
  const auto found = std::find(labels_.begin(), labels_.end(), label);
  if (found == labels_.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - labels_.begin());
}

std::size_t StarTable::column(std::string_view label) const {
  if (const auto found = find(label)) {
    return *found;
  }
  throw Error(ErrorKind::Input,
              (source_.empty() ? "" : source_ + ": ") + "block " + quoted(name_) +
                  ": no column '_" + std::string(label) + "'");
}

std::string_view StarTable::text(std::size_t row, std::size_t column) const {
  const Cell cell = cells_[row * columns() + column];
  return std::string_view(text_).substr(cell.offset, cell.length);
}

double StarTable::number(std::size_t row, std::size_t column) const {
  const std::string_view found = text(row, column);
  if (const auto value = parse_number(found)) {
    return *value;
  }
  fail(row, column, quoted(found) + " found, expected a finite number");
}

std::int64_t StarTable::integer(std::size_t row, std::size_t column) const {
  const std::string_view found = text(row, column);
  const char* const end = found.data() + found.size();
  std::int64_t whole = 0;
  const auto [stop, failure] = std::from_chars(found.data(), end, whole);
  if (failure == std::errc() && stop == end) {
    return whole;
  }
  constexpr double kExactBelow = 9007199254740992.0;  // 2^53
  const auto value = parse_number(found);
  if (!value || *value != std::trunc(*value) || std::abs(*value) > kExactBelow) {
    fail(row, column, quoted(found) + " found, expected a whole number");
  }
  return static_cast<std::int64_t>(*value);
}

std::string_view StarTable::text(std::string_view label) const {
  const std::size_t j = column(label);
  if (rows_ == 0) {
    throw Error(ErrorKind::Input, where(0) + ": block " + quoted(name_) + ": no row");
  }
  return text(0, j);
}

double StarTable::number(std::string_view label) const {
  static_cast<void>(text(label));
  return number(0, column(label));
}

std::int64_t StarTable::integer(std::string_view label) const {
  static_cast<void>(text(label));
  return integer(0, column(label));
}

std::string StarTable::where(std::size_t row) const {
  const std::string source = source_.empty() ? "table made in memory" : source_;
  if (row < line_of_row_.size()) {
    return source + ":" + std::to_string(line_of_row_[row]);
  }
  return row < rows_ && !source_.empty() ? source + ": record " + std::to_string(row + 1) : source;
}

void StarTable::fail(std::size_t row, std::size_t column, const std::string& message) const {
  throw Error(ErrorKind::Input,
              where(row) + ": block " + quoted(name_) + ", column '_" + labels_.at(column) +
                  "': " + message);
}

std::size_t StarTable::add_column(std::string label) {
  check_label(label);
  if (has(label)) {
    throw Error(ErrorKind::Usage, "block " + quoted(name_) + ": two columns '_" + label + "'");
  }
  const std::size_t before = columns();
  std::vector<Cell> cells;
  cells.reserve(rows_ * (before + 1));
  for (std::size_t i = 0; i < rows_; ++i) {
    for (std::size_t j = 0; j < before; ++j) {
      cells.push_back(cells_[i * before + j]);
    }
    cells.push_back(Cell{});
  }
  cells_ = std::move(cells);
  labels_.push_back(std::move(label));
  return before;
}

std::size_t StarTable::add_row() {
  if (form_ == Form::Pairs) {
    throw Error(ErrorKind::Usage, "block " + quoted(name_) + ": a list of pairs has one row");
  }
  cells_.resize(cells_.size() + columns(), Cell{});
  if (!line_of_row_.empty()) {
    line_of_row_.push_back(0);
  }
  return rows_++;
}

void StarTable::reserve(std::size_t rows, std::size_t bytes) {
  cells_.reserve(rows * columns());
  text_.reserve(bytes);
}

void StarTable::set(std::size_t row, std::size_t column, std::string_view text) {
  Cell& cell = cells_[row * columns() + column];
  // Overwritten in place where it fits, so that setting a cell again and again needs no more
  // memory.
  if (text.size() > cell.length) {
    const std::size_t offset = text_.size();
    text_.append(text);
    cell = make_cell(offset, text.size());
    return;
  }
  std::char_traits<char>::move(text_.data() + cell.offset, text.data(), text.size());
  cell = make_cell(cell.offset, text.size());
}

void StarTable::set(std::size_t row, std::size_t column, double value) {
  if (!std::isfinite(value)) {
    throw Error(ErrorKind::Numerical,
                where(row) + ": block " + quoted(name_) + ", column '_" + labels_.at(column) +
                    "': the value to be written is not finite");
  }
  set(row, column, format_number(value));
}

void StarTable::set_integer(std::size_t row, std::size_t column, std::int64_t value) {
  set(row, column, std::to_string(value));
}

void StarTable::add_pair(std::string label, std::string_view text) {
  if (form_ != Form::Pairs) {
    throw Error(ErrorKind::Usage, "block " + quoted(name_) + ": a pair added to a loop");
  }
  const std::string copy(text);  // it may be a cell of this table
  set(0, add_column(std::move(label)), copy);
}

void StarTable::add_pair(std::string label, double value) {
  if (!std::isfinite(value)) {
    throw Error(ErrorKind::Numerical,
                "block " + quoted(name_) + ", label '_" + label +
                    "': the value to be written is not finite");
  }
  add_pair(std::move(label), format_number(value));
}

void StarTable::add_pair_integer(std::string label, std::int64_t value) {
  add_pair(std::move(label), std::to_string(value));
}

const StarTable* StarFile::find(std::string_view name) const noexcept {
  const auto found = std::find_if(
      tables.begin(), tables.end(), [&](const StarTable& table) { return table.name() == name; });
  return found == tables.end() ? nullptr : &*found;
}

StarTable* StarFile::find(std::string_view name) noexcept {
  return const_cast<StarTable*>(std::as_const(*this).find(name));
}

const StarTable& StarFile::table(std::string_view name) const {
  if (const StarTable* const found = find(name)) {
    return *found;
  }
  std::string names;
  for (const StarTable& table : tables) {
    names += (names.empty() ? "" : ", ") + quoted("data_" + table.name());
  }
  throw Error(ErrorKind::Input,
              (source.empty() ? "" : source + ": ") + "found " +
                  (names.empty() ? "no block" : names) + ", expected a block 'data_" +
                  std::string(name) + "'");
}

std::string format_number(double value) {
  std::array<char, 32> buffer{};
  const auto result = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value);
  return {buffer.data(), result.ptr};
}

void write_star(std::ostream& out, const StarFile& file) {
  std::string buffer;
  for (const std::string& comment : file.comments) {
    append_comment(buffer, comment);
  }
  for (const StarTable& table : file.tables) {
    append_table(buffer, table, file.version, out);
  }
  out.write(buffer.data(), static_cast<std::streamsize>(buffer.size()));
}

}  // namespace cryosip::formats

// Reading STAR, a line at a time as RELION does, over the file's bytes in memory.
#include <algorithm>
#include <charconv>
#include <istream>
#include <utility>

#include "formats/error.hpp"
#include "formats/star.hpp"
#include "formats/text.hpp"

namespace cryosip::formats {

namespace {

bool is_blank(char c) noexcept {
  return c == ' ' || (c >= '\t' && c <= '\r');
}

char to_lower(char c) noexcept {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool is_keyword_in_capitals(std::string_view text) {
  std::string lower(text.substr(0, 5));
  std::transform(lower.begin(), lower.end(), lower.begin(), to_lower);
  return (lower == "data_" || (lower == "loop_" && text.size() == 5)) && !text.starts_with(lower);
}

std::string count(std::size_t n, const std::string& noun) {
  return std::to_string(n) + " " + noun + (n == 1 ? "" : "s");
}

}  // namespace

class StarReader {
 public:
  StarReader(std::string bytes, std::string_view source)
      : source_(source), bytes_(std::move(bytes)) {
    file_.version = 0;
  }

  StarFile read() {
    check_is_text();
    std::size_t begin = bytes_.starts_with("\xEF\xBB\xBF") ? 3 : 0;  // an editor's byte order mark
    while (begin < bytes_.size()) {
      const std::size_t end = std::min(bytes_.find('\n', begin), bytes_.size());
      ++line_;
      read_line(begin, end);
      begin = end + 1;
    }
    if (file_.tables.empty()) {
      throw Error(ErrorKind::Input, source_ + ": found no block, expected 'data_...'");
    }
    share_out_text();
    file_.source = source_;
    return std::move(file_);
  }

 private:
  enum class State { Outside, Block, LoopHeader, Rows, Pairs };

  struct Token {
    std::size_t offset;
    std::size_t length;
    bool quoted;
  };

  [[noreturn]] void fail(const std::string& message) const {
    throw Error(ErrorKind::Input, source_ + ":" + std::to_string(line_) + ": " + message);
  }

  void check_is_text() const {
    if (bytes_.empty()) {
      throw Error(ErrorKind::Input, source_ + ": found an empty file, expected a STAR file");
    }
    constexpr std::size_t kLooked = 4096;
    const auto is_control = [](char c) { return c >= 0 && c < ' ' && !is_blank(c); };
    const std::string_view start = std::string_view(bytes_).substr(0, kLooked);
    if (bytes_.find('\0') != std::string::npos ||
        std::any_of(start.begin(), start.end(), is_control)) {
      throw Error(ErrorKind::Input, source_ + ": found a binary file, expected a STAR file");
    }
  }

  std::string_view text(const Token& token) const {
    return std::string_view(bytes_).substr(token.offset, token.length);
  }

  /// Splits a line into tokens_, without its comment.
  void split(std::size_t begin, std::size_t end) {
    tokens_.clear();
    const char* const bytes = bytes_.data();
    std::size_t i = begin;
    while (true) {
      while (i < end && is_blank(bytes[i])) {
        ++i;
      }
      if (i == end || bytes[i] == '#') {
        return;
      }
      const std::size_t start = i;
      if (bytes[i] == '\'' || bytes[i] == '"') {
        i = closing_quote(start, end);
        tokens_.push_back({.offset = start + 1, .length = i - start - 1, .quoted = true});
        ++i;
        continue;
      }
      while (i < end && !is_blank(bytes[i])) {
        ++i;
      }
      tokens_.push_back({.offset = start, .length = i - start, .quoted = false});
    }
  }

  /// The first "# version N" there is.
  void read_version(std::size_t begin, std::size_t end) {
    constexpr std::string_view kVersion = "# version ";
    const std::string_view line = std::string_view(bytes_).substr(begin, end - begin);
    if (file_.version == 0 && line.starts_with(kVersion)) {
      std::from_chars(line.data() + kVersion.size(), line.data() + line.size(), file_.version);
    }
  }

  /// A quote ends the value only before a blank, so that names such as "3'-end" can be quoted.
  [[nodiscard]] std::size_t closing_quote(std::size_t start, std::size_t end) const {
    for (std::size_t i = start + 1; i < end; ++i) {
      if (bytes_[i] == bytes_[start] && (i + 1 == end || is_blank(bytes_[i + 1]))) {
        return i;
      }
    }
    fail("found " + excerpt(std::string_view(bytes_).substr(start, end - start)) +
         ", expected a closing quote");
  }

  /// Whether a line that starts like a keyword or a label is a row all the same: RELION does not
  /// quote file names such as data_1.mrc.
  bool can_only_be_row() const {
    return state_ == State::Rows && file_.tables.back().columns() > 1 &&
           tokens_.size() == file_.tables.back().columns();
  }

  void read_line(std::size_t begin, std::size_t end) {
    split(begin, end);
    if (tokens_.empty()) {
      read_version(begin, end);
      return;
    }
    if (bytes_[begin] == ';') {
      fail("found ';' at the start of a line, expected no semicolon text field");
    }
    const std::string_view first = text(tokens_.front());
    const bool is_bare = !tokens_.front().quoted && !can_only_be_row();
    if (is_bare && first.starts_with("data_")) {
      start_block(first.substr(5));
    } else if (is_bare && is_keyword_in_capitals(first)) {
      fail("found " + excerpt(first) + ", expected it in small letters");
    } else if (state_ == State::Outside) {
      fail("found " + excerpt(first) + ", expected a block 'data_...'");
    } else if (is_bare && first == "loop_") {
      start_loop();
    } else if (is_bare && first.starts_with('_')) {
      add_label(first.substr(1));
    } else {
      add_row();
    }
  }

  void start_block(std::string_view name) {
    if (tokens_.size() > 1) {
      fail("found " + excerpt(text(tokens_[1])) + " behind the block's name, expected a line end");
    }
    if (file_.find(name) != nullptr) {
      fail("found a second block 'data_" + std::string(name) + "', expected each name once");
    }
    file_.tables.emplace_back(std::string(name));
    file_.tables.back().source_ = source_;
    state_ = State::Block;
  }

  void start_loop() {
    if (tokens_.size() > 1) {
      fail("found " + excerpt(text(tokens_[1])) + " behind 'loop_', expected a line end");
    }
    if (state_ != State::Block) {
      fail("found a second table in block 'data_" + file_.tables.back().name_ +
           "', expected one loop or one list of pairs");
    }
    state_ = State::LoopHeader;
  }

  void add_label(std::string_view label) {
    StarTable& table = file_.tables.back();
    if (label.empty()) {
      fail("found '_', expected a label");
    }
    if (label.find('#') != std::string_view::npos) {
      fail("found " + excerpt(text(tokens_.front())) + ", expected a blank before '#'");
    }
    if (state_ == State::Rows) {
      fail("found label " + excerpt(text(tokens_.front())) + " behind rows, expected a row of " +
           count(table.columns(), "value"));
    }
    if (table.has(label)) {
      fail("found label '_" + std::string(label) + "' twice, expected each once in a block");
    }
    if (state_ == State::LoopHeader) {
      if (tokens_.size() > 1) {
        fail("found " + excerpt(text(tokens_[1])) +
             " behind a loop's label, expected '#' or nothing");
      }
      table.labels_.emplace_back(label);
      return;
    }
    if (tokens_.size() != 2) {
      fail("found " + count(tokens_.size() - 1, "value") + " behind label '_" + std::string(label) +
           "', expected 1");
    }
    state_ = State::Pairs;
    table.form_ = StarTable::Form::Pairs;
    table.rows_ = 1;
    table.labels_.emplace_back(label);
    // A pair list's one row is where it starts.
    if (table.line_of_row_.empty()) {
      table.line_of_row_.push_back(line_);
    }
    add_cell(table, tokens_[1]);
  }

  void add_row() {
    StarTable& table = file_.tables.back();
    if (state_ == State::LoopHeader) {
      state_ = State::Rows;
    }
    if (state_ != State::Rows) {
      fail("found " + excerpt(text(tokens_.front())) + ", expected 'loop_' or a label");
    }
    if (tokens_.size() != table.columns()) {
      fail("found " + count(tokens_.size(), "value") + ", expected " +
           count(table.columns(), "value") + " for the columns of block 'data_" + table.name_ +
           "'");
    }
    for (const Token& token : tokens_) {
      add_cell(table, token);
    }
    table.line_of_row_.push_back(line_);
    ++table.rows_;
  }

  void add_cell(StarTable& table, const Token& token) const {
    constexpr std::size_t kLongest = 1 << 20;
    if (token.length > kLongest) {
      fail("found a value of " + count(token.length, "byte") + ", expected at most 1 MiB");
    }
    table.cells_.push_back(StarTable::make_cell(token.offset, token.length));
  }

  /// Cells point into the whole file so far.  The table with most cells takes the file's bytes
  /// over, the others get their part of it.
  void share_out_text() {
    const auto largest = std::max_element(
        file_.tables.begin(), file_.tables.end(), [](const StarTable& a, const StarTable& b) {
          return a.cells_.size() < b.cells_.size();
        });
    for (auto table = file_.tables.begin(); table != file_.tables.end(); ++table) {
      if (table == largest || table->cells_.empty()) {
        continue;
      }
      const std::size_t begin = table->cells_.front().offset;
      const std::size_t end = table->cells_.back().offset + table->cells_.back().length;
      table->text_ = bytes_.substr(begin, end - begin);
      for (StarTable::Cell& cell : table->cells_) {
        cell = StarTable::make_cell(cell.offset - begin, cell.length);
      }
    }
    largest->text_ = std::move(bytes_);
  }

  std::string source_;
  std::string bytes_;
  StarFile file_;
  State state_ = State::Outside;
  std::uint32_t line_ = 0;
  std::vector<Token> tokens_;  // of the line being read
};

StarFile read_star(std::istream& in, std::string_view source) {
  return StarReader(read_all(in, source), source).read();
}

StarFile read_star(const std::string& path) {
  return StarReader(read_all(path), path).read();
}

}  // namespace cryosip::formats

#include "formats/nmd.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstddef>
#include <istream>
#include <ostream>
#include <system_error>
#include <utility>

#include "formats/error.hpp"
#include "formats/star.hpp"
#include "formats/text.hpp"

namespace cryosip::formats {

namespace {

constexpr std::string_view kBlanks = " \t\v\f\r";

/// The next word of a line, taken off its front; empty at the end.
std::string_view take_word(std::string_view& line) {
  const std::size_t begin = std::min(line.find_first_not_of(kBlanks), line.size());
  const std::size_t end = std::min(line.find_first_of(kBlanks, begin), line.size());
  const std::string_view word = line.substr(begin, end - begin);
  line.remove_prefix(end);
  return word;
}

class NmdReader {
 public:
  explicit NmdReader(std::string_view source) : source_(source) {}

  Nmd read(std::string_view bytes) {
    while (!bytes.empty()) {
      const std::size_t end = std::min(bytes.find('\n'), bytes.size());
      ++line_;
      read_line(bytes.substr(0, end));
      bytes.remove_prefix(std::min(end + 1, bytes.size()));
    }
    if (nmd_.coordinates_angstrom.empty()) {
      throw Error(ErrorKind::Input,
                  source_ + ": found no line 'coordinates', expected an NMD file");
    }
    check_lengths();
    return std::move(nmd_);
  }

 private:
  struct ModeLine {
    std::size_t line;
    std::vector<std::string_view> words;
  };

  [[noreturn]] void fail(std::size_t line, const std::string& message) const {
    throw Error(ErrorKind::Input, source_ + ":" + std::to_string(line) + ": " + message);
  }

  // Names as ProDy writes them, and as NMWiz's manual has them.
  void read_line(std::string_view rest) {
    const std::string_view keyword = take_word(rest);
    if (keyword == "name" || keyword == "title") {
      const std::size_t begin = std::min(rest.find_first_not_of(kBlanks), rest.size());
      const std::size_t end = rest.find_last_not_of(kBlanks) + 1;
      nmd_.title = rest.substr(begin, std::max(begin, end) - begin);
    } else if (keyword == "atomnames" || keyword == "names") {
      read_words(rest, keyword, nmd_.atom_names, atom_names_line_);
    } else if (keyword == "resnames") {
      read_words(rest, keyword, nmd_.residue_names, residue_names_line_);
    } else if (keyword == "chainids" || keyword == "chids" || keyword == "chains") {
      read_words(rest, keyword, nmd_.chains, chains_line_);
    } else if (keyword == "resids" || keyword == "resnums") {
      start(keyword, residue_numbers_line_);
      for_each_word(
          rest, [&](std::string_view word) { nmd_.residue_numbers.push_back(whole_number(word)); });
    } else if (keyword == "bfactors" || keyword == "betas") {
      start(keyword, b_factors_line_);
      for_each_word(rest, [&](std::string_view word) { nmd_.b_factors.push_back(number(word)); });
    } else if (keyword == "coordinates") {
      start(keyword, coordinates_line_);
      for_each_word(
          rest, [&](std::string_view word) { nmd_.coordinates_angstrom.push_back(number(word)); });
      if (nmd_.coordinates_angstrom.empty() || nmd_.coordinates_angstrom.size() % 3 != 0) {
        fail(line_,
             "found " + std::to_string(nmd_.coordinates_angstrom.size()) +
                 " coordinates, expected three for each atom");
      }
    } else if (keyword == "mode") {
      // The number of coordinates, which may still come, says what the first words are.
      ModeLine mode{.line = line_, .words = {}};
      for_each_word(rest, [&](std::string_view word) { mode.words.push_back(word); });
      modes_.push_back(std::move(mode));
    }
    // Other lines, such as nmwiz_load and segnames, carry nothing used here.
  }

  void start(std::string_view keyword, std::size_t& line_of_keyword) {
    if (line_of_keyword != 0) {
      fail(line_, "found a second line '" + std::string(keyword) + "', expected one");
    }
    line_of_keyword = line_;
  }

  void read_words(std::string_view rest,
                  std::string_view keyword,
                  std::vector<std::string>& out,
                  std::size_t& line_of_keyword) {
    start(keyword, line_of_keyword);
    for_each_word(rest, [&](std::string_view word) { out.emplace_back(word); });
  }

  template <typename Use>
  static void for_each_word(std::string_view rest, Use use) {
    for (std::string_view word = take_word(rest); !word.empty(); word = take_word(rest)) {
      use(word);
    }
  }

  double number(std::string_view word) const {
    if (const auto value = parse_number(word)) {
      return *value;
    }
    fail(line_, "found " + excerpt(word) + ", expected a finite number");
  }

  int whole_number(std::string_view word) const {
    int value = 0;
    const char* const end = word.data() + word.size();
    const auto [stop, failure] = std::from_chars(word.data(), end, value);
    if (failure != std::errc() || stop != end) {
      fail(line_, "found " + excerpt(word) + ", expected a whole number");
    }
    return value;
  }

  void check_lengths() {
    const std::size_t atoms = nmd_.coordinates_angstrom.size() / 3;
    const auto check = [&](std::size_t found, std::size_t line) {
      // Where every name is blank, as chains often are, the line holds no word at all.
      if (found != 0 && found != atoms) {
        fail(line,
             "found " + std::to_string(found) + " values, expected " + std::to_string(atoms) +
                 ", one for each atom of 'coordinates'");
      }
    };
    check(nmd_.atom_names.size(), atom_names_line_);
    check(nmd_.residue_names.size(), residue_names_line_);
    check(nmd_.chains.size(), chains_line_);
    check(nmd_.residue_numbers.size(), residue_numbers_line_);
    check(nmd_.b_factors.size(), b_factors_line_);
    for (const ModeLine& mode : modes_) {
      line_ = mode.line;
      add_mode(mode.words);
    }
  }

  /// "mode [INDEX] [SCALE] VECTOR": a single number before the vector is an index where it is
  /// whole.
  void add_mode(const std::vector<std::string_view>& words) {
    const std::size_t length = nmd_.coordinates_angstrom.size();
    if (words.size() < length || words.size() > length + 2) {
      fail(line_,
           "found " + std::to_string(words.size()) + " values, expected " + std::to_string(length) +
               ", and an index and a scale before them");
    }
    const std::size_t before = words.size() - length;
    const bool is_index = before == 2 || (before == 1 && words[0].find_first_not_of("0123456789") ==
                                                             std::string_view::npos);
    NmdMode mode;
    mode.index = is_index ? whole_number(words[0]) : static_cast<int>(nmd_.modes.size()) + 1;
    if (before == 2 || (before == 1 && !is_index)) {
      mode.scale = number(words[before - 1]);
    }
    mode.vector.reserve(length);
    for (std::size_t i = before; i < words.size(); ++i) {
      mode.vector.push_back(number(words[i]));
    }
    nmd_.modes.push_back(std::move(mode));
  }

  std::string source_;
  Nmd nmd_;
  std::vector<ModeLine> modes_;
  std::size_t line_ = 0;
  // Where each keyword stood, 0 before it was seen.
  std::size_t atom_names_line_ = 0;
  std::size_t residue_names_line_ = 0;
  std::size_t chains_line_ = 0;
  std::size_t residue_numbers_line_ = 0;
  std::size_t b_factors_line_ = 0;
  std::size_t coordinates_line_ = 0;
};

void write_names(std::ostream& out, const char* keyword, const std::vector<std::string>& names) {
  if (names.empty()) {
    return;
  }
  out << keyword;
  for (std::string name : names) {
    std::replace_if(
        name.begin(),
        name.end(),
        [](char c) { return c == '\n' || kBlanks.find(c) != std::string_view::npos; },
        '_');
    out << ' ' << (name.empty() ? "_" : name);
  }
  out << '\n';
}

void write_numbers(std::ostream& out, const std::vector<double>& numbers) {
  for (const double number : numbers) {
    if (!std::isfinite(number)) {
      throw Error(ErrorKind::Numerical, "NMD: a value to be written is not finite");
    }
    out << ' ' << format_number(number);
  }
  out << '\n';
}

}  // namespace

Nmd read_nmd(std::istream& in, std::string_view source) {
  const std::string bytes = read_all(in, source);
  return NmdReader(source).read(bytes);
}

Nmd read_nmd(const std::string& path) {
  const std::string bytes = read_all(path);
  return NmdReader(path).read(bytes);
}

void write_nmd(std::ostream& out, const Nmd& nmd) {
  // ProDy cannot do without a name.
  out << "name " << (nmd.title.empty() ? "cryosip" : nmd.title) << '\n';
  write_names(out, "atomnames", nmd.atom_names);
  write_names(out, "resnames", nmd.residue_names);
  if (!nmd.residue_numbers.empty()) {
    out << "resids";
    for (const int number : nmd.residue_numbers) {
      out << ' ' << number;
    }
    out << '\n';
  }
  write_names(out, "chainids", nmd.chains);
  if (!nmd.b_factors.empty()) {
    out << "bfactors";
    write_numbers(out, nmd.b_factors);
  }
  out << "coordinates";
  write_numbers(out, nmd.coordinates_angstrom);
  for (const NmdMode& mode : nmd.modes) {
    out << "mode " << mode.index << ' ' << format_number(mode.scale);
    write_numbers(out, mode.vector);
  }
}

}  // namespace cryosip::formats

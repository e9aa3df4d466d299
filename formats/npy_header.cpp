#include "formats/npy_header.hpp"

#include <charconv>
#include <cstdint>
#include <system_error>
#include <utility>

#include "formats/error.hpp"
#include "formats/text.hpp"

namespace cryosip::formats {

namespace {

/// A value as Python writes it.
struct Literal {
  enum class Kind { Text, Number, Truth, Tuple, List, Dictionary };
  Kind kind = Kind::Text;
  std::string text;            // of Text
  std::uint64_t number = 0;    // of Number, and 0 or 1 of Truth
  std::vector<Literal> items;  // of a Dictionary keys and values in turn
};

class LiteralReader {
 public:
  LiteralReader(std::string_view text, const std::string& source) : text_(text), source_(source) {}

  Literal read_all() {
    Literal value = read(0);
    skip_blanks();
    if (at_ != text_.size()) {
      fail("the end of the header");
    }
    return value;
  }

 private:
  [[noreturn]] void fail(const std::string& expected) const {
    throw Error(ErrorKind::Input,
                source_ + ": damaged NumPy header: found " + excerpt(text_.substr(at_)) +
                    " at character " + std::to_string(at_ + 1) + ", expected " + expected);
  }

  void skip_blanks() {
    while (at_ < text_.size() &&
           (text_[at_] == ' ' || (text_[at_] >= '\t' && text_[at_] <= '\r'))) {
      ++at_;
    }
  }

  bool take(std::string_view token) {
    skip_blanks();
    if (!text_.substr(at_).starts_with(token)) {
      return false;
    }
    at_ += token.size();
    return true;
  }

  Literal read(int depth) {
    constexpr int kDeepest = 16;
    if (depth > kDeepest) {
      fail("brackets less deep");
    }
    if (take("{")) {
      return sequence(Literal::Kind::Dictionary, "}", depth);
    }
    if (take("[")) {
      return sequence(Literal::Kind::List, "]", depth);
    }
    if (take("(")) {
      return sequence(Literal::Kind::Tuple, ")", depth);
    }
    if (take("True")) {
      return {.kind = Literal::Kind::Truth, .text = {}, .number = 1, .items = {}};
    }
    if (take("False")) {
      return {.kind = Literal::Kind::Truth, .text = {}, .number = 0, .items = {}};
    }
    skip_blanks();
    if (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      return number();
    }
    // Python 2 marked texts of either kind.
    if (text_.substr(at_).starts_with("u'") || text_.substr(at_).starts_with("b'")) {
      ++at_;
    }
    return quoted();
  }

  Literal sequence(Literal::Kind kind, std::string_view end, int depth) {
    Literal result{.kind = kind, .text = {}, .number = 0, .items = {}};
    while (!take(end)) {
      if (!result.items.empty()) {
        if (!take(",")) {
          fail("',' or '" + std::string(end) + "'");
        }
        if (take(end)) {  // behind a last comma
          break;
        }
      }
      result.items.push_back(read(depth + 1));
      if (kind == Literal::Kind::Dictionary) {
        if (!take(":")) {
          fail("':'");
        }
        result.items.push_back(read(depth + 1));
      }
    }
    return result;
  }

  Literal number() {
    Literal result{.kind = Literal::Kind::Number, .text = {}, .number = 0, .items = {}};
    const char* const end = text_.data() + text_.size();
    const auto [stop, failure] = std::from_chars(text_.data() + at_, end, result.number);
    if (failure != std::errc()) {
      fail("a number of 64 bits");
    }
    at_ = static_cast<std::size_t>(stop - text_.data());
    take("L");  // Python 2's long
    return result;
  }

  Literal quoted() {
    if (at_ == text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) {
      fail("a value as Python writes it");
    }
    Literal result;
    const char quote = text_[at_++];
    while (at_ < text_.size() && text_[at_] != quote) {
      if (text_[at_] == '\\') {
        ++at_;
        result.text += escaped();
      } else {
        result.text += text_[at_++];
      }
    }
    if (at_ == text_.size()) {
      fail("a closing quote");
    }
    ++at_;
    return result;
  }

  // What stands behind a backslash.
  std::string escaped() {
    if (at_ == text_.size()) {
      fail("a closing quote");
    }
    const char c = text_[at_++];
    switch (c) {
      case 'n':
        return "\n";
      case 't':
        return "\t";
      case 'r':
        return "\r";
      case '\\':
      case '\'':
      case '"':
        return {c};
      case 'x':
        return hexadecimal(2);
      case 'u':
        return hexadecimal(4);
      case 'U':
        return hexadecimal(8);
      default:
        --at_;
        fail("an escape that Python writes");
    }
  }

  std::string hexadecimal(std::size_t digits) {
    constexpr int kBase = 16;
    std::uint32_t code = 0;
    const std::string_view shown = text_.substr(at_, digits);
    const auto [stop, failure] =
        std::from_chars(shown.data(), shown.data() + shown.size(), code, kBase);
    if (failure != std::errc() || stop != shown.data() + digits) {
      fail(std::to_string(digits) + " hexadecimal digits");
    }
    at_ += digits;
    return utf8(code);
  }

  std::string_view text_;
  const std::string& source_;
  std::size_t at_ = 0;
};

[[noreturn]] void fail_header(const std::string& source, const std::string& message) {
  throw Error(ErrorKind::Input, source + ": damaged NumPy header: " + message);
}

std::vector<std::size_t> shape_of(const Literal& literal, const std::string& source) {
  if (literal.kind == Literal::Kind::Number) {  // a field's (name, type, 3)
    return {literal.number};
  }
  std::vector<std::size_t> shape;
  for (const Literal& item : literal.items) {
    if (item.kind != Literal::Kind::Number) {
      fail_header(source, "expected a shape of whole numbers");
    }
    shape.push_back(item.number);
  }
  if (literal.kind != Literal::Kind::Tuple) {
    fail_header(source, "expected a shape in round brackets");
  }
  return shape;
}

NpyField field_of(const Literal& literal, const std::string& source) {
  const auto& items = literal.items;
  if (literal.kind != Literal::Kind::Tuple || items.size() < 2 || items.size() > 3) {
    fail_header(source, "expected a field as (name, type) or (name, type, shape)");
  }
  NpyField field;
  const Literal& name = items[0];
  if (name.kind == Literal::Kind::Tuple && name.items.size() == 2 &&
      name.items[0].kind == Literal::Kind::Text && name.items[1].kind == Literal::Kind::Text) {
    field.title = name.items[0].text;
    field.name = name.items[1].text;
  } else if (name.kind == Literal::Kind::Text) {
    field.name = name.text;
  } else {
    fail_header(source, "expected a field's name as text");
  }
  if (items[1].kind != Literal::Kind::Text) {
    throw Error(ErrorKind::Input,
                source + ": field " + excerpt(field.name) +
                    " holds records of its own, expected a plain type");
  }
  field.type = items[1].text;
  if (items.size() == 3) {
    field.shape = shape_of(items[2], source);
  }
  return field;
}

std::string quoted_text(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string result = "'";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '\'' || c == '\\') {
      result += '\\';
      result += c;
    } else if (byte < 0x20 || byte == 0x7F) {
      result += std::string("\\x") + kDigits[byte >> 4U] + kDigits[byte & 0xFU];
    } else {
      result += c;
    }
  }
  return result + "'";
}

std::string shape_text(const std::vector<std::size_t>& shape) {
  std::string text = "(";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    text += (i == 0 ? "" : ", ") + std::to_string(shape[i]);
  }
  return text + (shape.size() == 1 ? ",)" : ")");
}

}  // namespace

NpyHeader parse_npy_header(std::string_view text, const std::string& source) {
  const Literal dictionary = LiteralReader(text, source).read_all();
  const Literal* descr = nullptr;
  const Literal* order = nullptr;
  const Literal* shape = nullptr;
  if (dictionary.kind == Literal::Kind::Dictionary) {
    for (std::size_t i = 0; i + 1 < dictionary.items.size(); i += 2) {
      for (const auto& [key, value] : {std::pair{"descr", &descr},
                                       std::pair{"fortran_order", &order},
                                       std::pair{"shape", &shape}}) {
        if (dictionary.items[i].kind == Literal::Kind::Text && dictionary.items[i].text == key) {
          *value = &dictionary.items[i + 1];
        }
      }
    }
  }
  if (descr == nullptr || order == nullptr || shape == nullptr ||
      order->kind != Literal::Kind::Truth || shape->kind != Literal::Kind::Tuple) {
    fail_header(source, "expected a dictionary of 'descr', 'fortran_order' and 'shape'");
  }
  NpyHeader header;
  header.fortran_order = order->number != 0;
  header.shape = shape_of(*shape, source);
  if (descr->kind == Literal::Kind::Text) {
    header.fields.push_back({.name = {}, .type = descr->text});
  } else if (descr->kind == Literal::Kind::List) {
    header.has_named_fields = true;
    for (const Literal& item : descr->items) {
      header.fields.push_back(field_of(item, source));
    }
  } else {
    fail_header(source, "expected 'descr' as a type or a list of fields");
  }
  return header;
}

std::string npy_header_text(const NpyHeader& header) {
  std::string descr;
  if (header.has_named_fields) {
    for (const NpyField& field : header.fields) {
      descr += descr.empty() ? "[(" : ", (";
      descr += field.title.empty()
                   ? quoted_text(field.name)
                   : "(" + quoted_text(field.title) + ", " + quoted_text(field.name) + ")";
      descr += ", " + quoted_text(field.type);
      descr += (field.shape.empty() ? "" : ", " + shape_text(field.shape)) + ")";
    }
    descr += descr.empty() ? "[]" : "]";
  } else {
    descr = quoted_text(header.fields.front().type);
  }
  return "{'descr': " + descr + ", 'fortran_order': " + (header.fortran_order ? "True" : "False") +
         ", 'shape': " + shape_text(header.shape) + ", }";
}

}  // namespace cryosip::formats

#include "formats/npy.hpp"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <cmath>
#include <cstring>
#include <fstream>
#include <limits>
#include <ostream>
#include <type_traits>
#include <unordered_set>
#include <utility>

#include "formats/npy_header.hpp"
#include "formats/numbers.hpp"
#include "formats/text.hpp"

namespace cryosip::formats {

namespace {

constexpr std::string_view kMagic("\x93NUMPY", 6);
constexpr std::string_view kCompressedMagic(
    "\x95"
    "CSDAT",
    6);
constexpr std::size_t kMostBytes = std::size_t{1} << 62U;

// Nothing where the product is beyond any file.
std::optional<std::size_t> product(const std::vector<std::size_t>& shape, std::size_t start) {
  if (std::find(shape.begin(), shape.end(), 0U) != shape.end()) {
    return 0;
  }
  std::size_t result = start;
  for (const std::size_t length : shape) {
    if (result != 0 && length > kMostBytes / result) {
      return std::nullopt;
    }
    result *= length;
  }
  return result;
}

bool is_one_of(std::size_t bytes, std::initializer_list<std::size_t> sizes) {
  return std::find(sizes.begin(), sizes.end(), bytes) != sizes.end();
}

bool is_possible(char kind, std::size_t bytes) {
  switch (kind) {
    case 'b':
      return bytes == 1;
    case 'i':
    case 'u':
      return is_one_of(bytes, {1, 2, 4, 8});
    case 'f':
      return is_one_of(bytes, {2, 4, 8, 12, 16});
    case 'c':
      return is_one_of(bytes, {8, 16, 24, 32});
    case 'm':
    case 'M':
      return bytes == 8;
    case 'S':
    case 'U':
    case 'V':
      return true;
    default:
      return false;
  }
}

std::string utf8_of_latin1(std::string_view latin1) {
  std::string result;
  for (const char c : latin1) {
    result += utf8(static_cast<unsigned char>(c));
  }
  return result;
}

// Nothing where a character is beyond Latin-1.
std::optional<std::string> latin1_of_utf8(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if (byte < 0x80U) {
      result += text[i];
    } else if ((byte == 0xC2U || byte == 0xC3U) && i + 1 < text.size()) {
      const auto next = static_cast<unsigned char>(text[++i]);
      result += static_cast<char>(((byte & 0x3U) << 6U) | (next & 0x3FU));
    } else {
      return std::nullopt;
    }
  }
  return result;
}

template <typename Float>
double decimal_of(Float value) {
  if (!std::isfinite(value)) {
    return static_cast<double>(value);
  }
  std::array<char, 64> text{};
  const auto written = std::to_chars(text.data(), text.data() + text.size(), value);
  double result = 0;
  std::from_chars(text.data(), written.ptr, result);
  return result;
}

}  // namespace

NpyArray::Layout NpyArray::layout_of(const NpyField& field,
                                     const std::string& source,
                                     ErrorKind kind) {
  constexpr bool kLittle = std::endian::native == std::endian::little;
  const auto refuse = [&](const std::string& what) {
    throw Error(kind,
                source + ": field " + excerpt(field.name) + ": type " + excerpt(field.type) + what);
  };
  std::string_view type = field.type;
  Layout layout;
  if (!type.empty() && std::string_view("<>|=").find(type.front()) != std::string_view::npos) {
    layout.swapped = (type.front() == '>' && kLittle) || (type.front() == '<' && !kLittle);
    type.remove_prefix(1);
  }
  layout.kind = type.empty() ? '?' : type.front();
  if (layout.kind == 'O') {
    refuse(" holds Python objects, expected numbers or texts");
  }
  if (layout.kind == 'a') {  // NumPy's older letter
    layout.kind = 'S';
  }
  const char* const end = type.data() + type.size();
  const char* const digits = type.data() + (type.empty() ? 0 : 1);
  const auto [stop, failure] = std::from_chars(digits, end, layout.value_bytes);
  const bool has_unit = stop != end && *stop == '[' && (layout.kind == 'm' || layout.kind == 'M');
  const std::size_t unit = layout.kind == 'U' ? 4 : 1;
  if (failure != std::errc() || (stop != end && !has_unit) ||
      layout.value_bytes > kMostBytes / unit ||
      !is_possible(layout.kind, layout.value_bytes * unit)) {
    refuse(", expected one of NumPy's, such as '<f4' or '|S20'");
  }
  layout.value_bytes *= unit;
  const auto values = product(field.shape, 1);
  if (!values || !product(field.shape, layout.value_bytes)) {
    refuse(" of a shape beyond any file");
  }
  layout.values = *values;
  return layout;
}

void NpyArray::lay_out(ErrorKind kind) {
  std::unordered_set<std::string_view> names;
  record_bytes_ = 0;
  for (const NpyField& field : fields_) {
    if (!field.name.empty() && !names.insert(field.name).second) {
      throw Error(kind, source_ + ": field " + excerpt(field.name) + " stands twice");
    }
    Layout layout = layout_of(field, source_, kind);
    layout.offset = record_bytes_;
    const std::size_t bytes = layout.values * layout.value_bytes;
    if (bytes > kMostBytes - record_bytes_) {
      throw Error(kind, source_ + ": records larger than any file");
    }
    record_bytes_ += bytes;
    layouts_.push_back(layout);
  }
}

NpyArray::NpyArray(std::vector<NpyField> fields, std::size_t records)
    : fields_(std::move(fields)), shape_{records}, records_(records) {
  lay_out(ErrorKind::Usage);
  bytes_.resize(records_ * record_bytes_);
}

std::optional<std::size_t> NpyArray::find(std::string_view name) const noexcept {
  const auto found = std::find_if(
      fields_.begin(), fields_.end(), [&](const NpyField& field) { return field.name == name; });
  if (found == fields_.end()) {
    return std::nullopt;
  }
  return static_cast<std::size_t>(found - fields_.begin());
}

std::string NpyArray::where(std::size_t record) const {
  return source_ + ": record " + std::to_string(record + 1);
}

void NpyArray::fail(std::size_t record, std::size_t field, const std::string& message) const {
  throw Error(ErrorKind::Input,
              where(record) + ", field " + excerpt(fields_.at(field).name) + ": " + message);
}

const char* NpyArray::at(std::size_t record, const Layout& layout, std::size_t index) const {
  if (record >= records_ || index >= layout.values) {
    throw Error(ErrorKind::Usage,
                source_ + ": value " + std::to_string(index + 1) + " of record " +
                    std::to_string(record + 1) + " asked for, there are " +
                    std::to_string(layout.values) + " of " + std::to_string(records_));
  }
  return bytes_.data() + data_ + record * record_bytes_ + layout.offset +
         index * layout.value_bytes;
}

template <typename T>
T NpyArray::value(std::size_t record, const Layout& layout, std::size_t index) const {
  T result{};
  std::memcpy(&result, at(record, layout, index), sizeof result);
  return layout.swapped ? swap_bytes(result) : result;
}

template <typename T>
void NpyArray::put(std::size_t record, const Layout& layout, std::size_t index, T value) {
  value = layout.swapped ? swap_bytes(value) : value;
  const auto offset = static_cast<std::size_t>(at(record, layout, index) - bytes_.data());
  std::memcpy(bytes_.data() + offset, &value, sizeof value);
}

double NpyArray::number(std::size_t record, std::size_t field, std::size_t index) const {
  const Layout& layout = layouts_.at(field);
  if (layout.kind == 'f') {
    switch (layout.value_bytes) {
      case 2:
        return static_cast<double>(half_to_float(value<std::uint16_t>(record, layout, index)));
      case 4:
        return static_cast<double>(value<float>(record, layout, index));
      case 8:
        return value<double>(record, layout, index);
      default:
        break;
    }
  }
  if (layout.kind == 'i') {
    switch (layout.value_bytes) {
      case 1:
        return value<std::int8_t>(record, layout, index);
      case 2:
        return value<std::int16_t>(record, layout, index);
      case 4:
        return value<std::int32_t>(record, layout, index);
      default:
        return static_cast<double>(value<std::int64_t>(record, layout, index));
    }
  }
  if (layout.kind == 'u' || layout.kind == 'b') {
    return static_cast<double>(count(record, field, index));
  }
  fail(record, field, "found type " + excerpt(fields_[field].type) + ", expected a number");
}

double NpyArray::decimal(std::size_t record, std::size_t field, std::size_t index) const {
  const Layout& layout = layouts_.at(field);
  return layout.kind == 'f' && layout.value_bytes == 4
             ? decimal_of(value<float>(record, layout, index))
             : number(record, field, index);
}

std::uint64_t NpyArray::count(std::size_t record, std::size_t field, std::size_t index) const {
  const Layout& layout = layouts_.at(field);
  if (layout.kind == 'u' || layout.kind == 'b') {
    switch (layout.value_bytes) {
      case 1:
        return value<std::uint8_t>(record, layout, index);
      case 2:
        return value<std::uint16_t>(record, layout, index);
      case 4:
        return value<std::uint32_t>(record, layout, index);
      default:
        return value<std::uint64_t>(record, layout, index);
    }
  }
  if (layout.kind != 'i') {
    fail(record,
         field,
         "found type " + excerpt(fields_[field].type) + ", expected a type of whole numbers");
  }
  // 64-bit numbers are no doubles.
  const std::int64_t whole = layout.value_bytes == 8
                                 ? value<std::int64_t>(record, layout, index)
                                 : static_cast<std::int64_t>(number(record, field, index));
  if (whole < 0) {
    fail(record,
         field,
         "found " + std::to_string(whole) + ", expected a number that is not negative");
  }
  return static_cast<std::uint64_t>(whole);
}

std::string NpyArray::text(std::size_t record, std::size_t field, std::size_t index) const {
  const Layout& layout = layouts_.at(field);
  const char* const begin = at(record, layout, index);
  std::string result;
  if (layout.kind == 'S') {
    result.assign(begin, layout.value_bytes);
  } else if (layout.kind == 'U') {
    for (std::size_t i = 0; i < layout.value_bytes; i += 4) {
      std::uint32_t code = 0;
      std::memcpy(&code, begin + i, sizeof code);
      result += utf8(layout.swapped ? swap_bytes(code) : code);
    }
  } else {
    fail(record, field, "found type " + excerpt(fields_[field].type) + ", expected a text");
  }
  result.erase(result.find_last_not_of('\0') + 1);
  return result;
}

std::string_view NpyArray::bytes(std::size_t record, std::size_t field) const {
  const Layout& layout = layouts_.at(field);
  if (layout.values == 0) {
    return {};
  }
  return {at(record, layout, 0), layout.values * layout.value_bytes};
}

void NpyArray::set(std::size_t record, std::size_t field, std::size_t index, double value) {
  const Layout& layout = layouts_.at(field);
  if (layout.kind == 'f' && layout.value_bytes == 4) {
    put(record, layout, index, static_cast<float>(value));
  } else if (layout.kind == 'f' && layout.value_bytes == 8) {
    put(record, layout, index, value);
  } else {
    throw Error(ErrorKind::Usage,
                "field " + excerpt(fields_[field].name) + " of type " + fields_[field].type +
                    ": a real number cannot be put");
  }
}

void NpyArray::set_count(std::size_t record,
                         std::size_t field,
                         std::size_t index,
                         std::uint64_t value) {
  const Layout& layout = layouts_.at(field);
  const auto is = [&](std::size_t bytes, std::uint64_t largest) {
    return layout.kind == 'u' && layout.value_bytes == bytes && value <= largest;
  };
  if (is(8, std::numeric_limits<std::uint64_t>::max())) {
    put(record, layout, index, value);
  } else if (is(4, std::numeric_limits<std::uint32_t>::max())) {
    put(record, layout, index, static_cast<std::uint32_t>(value));
  } else {
    throw Error(ErrorKind::Usage,
                "field " + excerpt(fields_[field].name) + " of type " + fields_[field].type + ": " +
                    std::to_string(value) + " cannot be put");
  }
}

void NpyArray::set_text(std::size_t record, std::size_t field, std::string_view text) {
  const Layout& layout = layouts_.at(field);
  if (layout.kind != 'S' || text.size() > layout.value_bytes || layout.values != 1) {
    throw Error(ErrorKind::Usage,
                "field " + excerpt(fields_[field].name) + " of type " + fields_[field].type + ": " +
                    excerpt(text) + " cannot be put");
  }
  std::string padded(text);
  padded.resize(layout.value_bytes);
  set_bytes(record, field, padded);
}

void NpyArray::set_bytes(std::size_t record, std::size_t field, std::string_view bytes) {
  const std::string_view old = this->bytes(record, field);
  if (bytes.size() != old.size()) {
    throw Error(ErrorKind::Usage,
                "field " + excerpt(fields_[field].name) + ": " + std::to_string(bytes.size()) +
                    " bytes, expected " + std::to_string(old.size()));
  }
  if (!bytes.empty()) {
    std::memcpy(bytes_.data() + static_cast<std::size_t>(old.data() - bytes_.data()),
                bytes.data(),
                bytes.size());
  }
}

bool is_npy(const std::string& path) {
  std::array<char, kMagic.size()> start{};
  std::ifstream(path, std::ios::binary).read(start.data(), start.size());
  const std::string_view found(start.data(), start.size());
  // The compressed form is one of these too: read_npy() says what to do with it.
  return found == kMagic || found == kCompressedMagic;
}

NpyArray parse_npy(std::string bytes, std::string_view source) {
  constexpr std::size_t kVersionAt = kMagic.size();
  constexpr std::size_t kLengthAt = kVersionAt + 2;
  NpyArray array;
  array.source_ = source;
  const auto fail = [&](const std::string& message) {
    throw Error(ErrorKind::Input, array.source_ + ": " + message);
  };
  if (bytes.starts_with(kCompressedMagic)) {
    fail(
        "found cryoSPARC's compressed form, expected a NumPy array: in cryosparc-tools, "
        "Dataset.load(FILE).save(FILE) writes one");
  }
  if (!bytes.starts_with(kMagic)) {
    fail("found " + excerpt(std::string_view(bytes).substr(0, kMagic.size())) +
         ", expected a NumPy array, which begins with \\x93NUMPY");
  }
  const int version = bytes.size() > kVersionAt ? bytes[kVersionAt] : 0;
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  if (bytes.size() < kLengthAt + length_bytes) {
    fail("truncated: found " + std::to_string(bytes.size()) + " bytes, expected a NumPy header");
  }
  if (version < 1 || version > 3) {
    fail("found version " + std::to_string(version) + " of the NumPy format, expected 1, 2 or 3");
  }
  std::size_t length = 0;
  for (std::size_t i = length_bytes; i-- > 0;) {
    length = (length << 8U) | static_cast<unsigned char>(bytes[kLengthAt + i]);
  }
  const std::size_t begin = kLengthAt + length_bytes;
  if (length > bytes.size() - begin) {
    fail("truncated: found " + std::to_string(bytes.size()) +
         " bytes, expected a NumPy header of " + std::to_string(length));
  }
  const std::string_view raw = std::string_view(bytes).substr(begin, length);
  NpyHeader header =
      parse_npy_header(version == 3 ? std::string(raw) : utf8_of_latin1(raw), array.source_);
  array.has_named_fields_ = header.has_named_fields;
  array.fortran_order_ = header.fortran_order;
  array.fields_ = std::move(header.fields);
  array.shape_ = std::move(header.shape);
  array.lay_out(ErrorKind::Input);
  const auto records = product(array.shape_, 1);
  const auto needed = product(array.shape_, array.record_bytes_);
  const std::size_t found = bytes.size() - begin - length;
  if (records && *records > 0 && array.record_bytes_ == 0) {
    fail("found records of no bytes, expected fields that hold something");
  }
  if (!records || !needed || *needed > found) {
    fail("truncated: found " + std::to_string(found) + " bytes behind the NumPy header, expected " +
         (records && needed ? std::to_string(*needed) : "more than any file has"));
  }
  array.records_ = *records;
  array.data_ = begin + length;
  array.bytes_ = std::move(bytes);
  return array;
}

NpyArray read_npy(const std::string& path) {
  return parse_npy(read_all(path), path);
}

void write_npy(std::ostream& out, const NpyArray& array) {
  constexpr std::size_t kAlignment = 64;
  constexpr std::size_t kLongestOfVersion1 = 0xFFFF;
  std::string text = npy_header_text({.has_named_fields = array.has_named_fields_,
                                      .fields = array.fields_,
                                      .fortran_order = array.fortran_order_,
                                      .shape = array.shape_});
  int version = 3;
  if (auto latin1 = latin1_of_utf8(text)) {
    text = *std::move(latin1);
    version = text.size() + kAlignment > kLongestOfVersion1 ? 2 : 1;
  }
  const std::size_t length_bytes = version == 1 ? 2 : 4;
  const std::size_t before = kMagic.size() + 2 + length_bytes;
  text.resize((before + text.size() + kAlignment) / kAlignment * kAlignment - before - 1, ' ');
  text += '\n';
  std::string start(kMagic);
  start += static_cast<char>(version);
  start += '\0';
  for (std::size_t i = 0; i < length_bytes; ++i) {
    start += static_cast<char>((text.size() >> (8 * i)) & 0xFFU);
  }
  out << start << text;
  out.write(array.bytes_.data() + array.data_,
            static_cast<std::streamsize>(array.records_ * array.record_bytes_));
}

}  // namespace cryosip::formats

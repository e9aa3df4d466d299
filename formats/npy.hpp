// NumPy's .npy files, versions 1 to 3: one array of plain values or of records with named fields,
// as cryoSPARC's .cs files are.
//
// Values stay the file's bytes until asked for, so that an array read and written unchanged keeps
// every bit and every field cryosip knows nothing about.
// Source: numpy.lib.format, "NPY format"; types as in the array interface protocol.
#pragma once

#include <cstddef>
#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "formats/error.hpp"

namespace cryosip::formats {

/// One field of a record.
struct NpyField {
  std::string name;                 ///< UTF-8; empty in a plain array and for padding
  std::string type;                 ///< as NumPy writes it: "<f4", ">i8", "|S63", "<U12"
  std::vector<std::size_t> shape{}; /**< of a field that holds an array, last index fastest;
                                         empty: one value */
  std::string title{};              ///< NumPy's second name of a field; seldom there
};

class NpyArray {
 public:
  NpyArray() = default;
  /// Records of zeros and empty texts, in one dimension.
  /// @throws Error(Usage) a type that NumPy does not know or that holds Python objects, a name that
  ///                      stands twice
  NpyArray(std::vector<NpyField> fields, std::size_t records);

  [[nodiscard]] const std::string& source() const noexcept { return source_; }
  /// False for a plain array, which has one field without a name.
  [[nodiscard]] bool has_named_fields() const noexcept { return has_named_fields_; }
  [[nodiscard]] const std::vector<NpyField>& fields() const noexcept { return fields_; }
  [[nodiscard]] const std::vector<std::size_t>& shape() const noexcept { return shape_; }
  [[nodiscard]] bool fortran_order() const noexcept { return fortran_order_; }
  /// Product of the shape; records are numbered as they stand in the file.
  [[nodiscard]] std::size_t records() const noexcept { return records_; }
  [[nodiscard]] std::optional<std::size_t> find(std::string_view name) const noexcept;
  /// How many values each record has in a field.
  [[nodiscard]] std::size_t values(std::size_t field) const { return layouts_.at(field).values; }
  /// "FILE: record N", counted from 1; for messages.
  [[nodiscard]] std::string where(std::size_t record) const;
  /// "FILE: record N, field 'x': MESSAGE".
  [[noreturn]] void fail(std::size_t record, std::size_t field, const std::string& message) const;

  /// A number as it is, not finite ones too.  @throws Error(Input) where the field holds none
  [[nodiscard]] double number(std::size_t record, std::size_t field, std::size_t index = 0) const;
  /// The number that the shortest decimal text of a value of that precision means: 1.31 for the
  /// 32-bit float 1.30999994.  Rounded to the field's type it is the same value again.
  [[nodiscard]] double decimal(std::size_t record, std::size_t field, std::size_t index = 0) const;
  /// @throws Error(Input) where the field does not hold whole numbers, or the value is negative
  [[nodiscard]] std::uint64_t count(std::size_t record,
                                    std::size_t field,
                                    std::size_t index = 0) const;
  /// UTF-8, without the zeros behind it.  @throws Error(Input) where the field holds no text
  [[nodiscard]] std::string text(std::size_t record,
                                 std::size_t field,
                                 std::size_t index = 0) const;
  /// A field's bytes.
  [[nodiscard]] std::string_view bytes(std::size_t record, std::size_t field) const;

  /// Rounded to the field's type (a real number).  @throws Error(Usage) another type
  void set(std::size_t record, std::size_t field, std::size_t index, double value);
  /// @throws Error(Usage) not a type of whole numbers that holds this one
  void set_count(std::size_t record, std::size_t field, std::size_t index, std::uint64_t value);
  /// @throws Error(Usage) not a field of bytes ("|S..") that holds this text
  void set_text(std::size_t record, std::size_t field, std::string_view text);
  /// @param bytes  of the field's length, as bytes() gives them  @throws Error(Usage) other length
  void set_bytes(std::size_t record, std::size_t field, std::string_view bytes);

 private:
  friend NpyArray parse_npy(std::string bytes, std::string_view source);
  friend void write_npy(std::ostream& out, const NpyArray& array);

  struct Layout {
    char kind = 'V';  // of the array interface protocol: b i u f c m M S U V
    bool swapped = false;
    std::size_t value_bytes = 0;
    std::size_t values = 1;
    std::size_t offset = 0;  // in the record
  };
  static Layout layout_of(const NpyField& field, const std::string& source, ErrorKind kind);
  void lay_out(ErrorKind kind);
  [[nodiscard]] const char* at(std::size_t record, const Layout& layout, std::size_t index) const;
  template <typename T>
  [[nodiscard]] T value(std::size_t record, const Layout& layout, std::size_t index) const;
  template <typename T>
  void put(std::size_t record, const Layout& layout, std::size_t index, T value);

  std::string source_ = "array made in memory";
  bool has_named_fields_ = true;
  bool fortran_order_ = false;
  std::vector<NpyField> fields_;
  std::vector<Layout> layouts_;
  std::vector<std::size_t> shape_;
  std::size_t records_ = 0;
  std::size_t record_bytes_ = 0;
  std::size_t data_ = 0;  // where in bytes_ the records begin
  std::string bytes_;
};

/// Whether a file begins as .npy files do; false where it cannot be read.
bool is_npy(const std::string& path);

/// @param bytes   a whole file's; what stands behind the array is ignored, as NumPy ignores it
/// @param source  name used in messages
/// @throws Error(Input) "SOURCE: what was found, what was expected": another format (cryoSPARC's
///                      compressed \x95CSDAT is named), a damaged header, fewer bytes than it says,
///                      Python objects, records within records
NpyArray parse_npy(std::string bytes, std::string_view source);
/// @throws Error(Input) also when the file cannot be opened
NpyArray read_npy(const std::string& path);

/// Version 1 where the header fits into it, else 2; 3 where names are beyond Latin-1.
void write_npy(std::ostream& out, const NpyArray& array);

}  // namespace cryosip::formats

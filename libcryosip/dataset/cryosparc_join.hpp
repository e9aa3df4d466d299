// cryoSPARC data sets of the same particles joined on their uid.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "formats/npy.hpp"

namespace cryosip {

/// Rows of a data set that have these uids.
/// @param where  names the one who asks, for messages
/// @throws Error(Input) no field uid, one that stands twice, one that is not there
std::vector<std::size_t> rows_by_uid(const formats::NpyArray& array,
                                     const std::vector<std::uint64_t>& uids,
                                     const std::function<std::string(std::size_t)>& where);

/// A field of one of several joined data sets, by the particles' own records.
class JoinedField {
 public:
  /// @param rows  of the particles in the array; empty: the same.  Both must outlive this object.
  JoinedField(const formats::NpyArray& array,
              std::size_t field,
              const std::vector<std::size_t>& rows)
      : array_(&array), rows_(&rows), field_(field) {}

  [[nodiscard]] std::size_t values() const { return array_->values(field_); }
  [[nodiscard]] const std::string& name() const { return array_->fields()[field_].name; }
  /// The shortest decimal that means the value.  @throws Error(Input) not a finite number
  [[nodiscard]] double number(std::size_t record, std::size_t index = 0) const;
  /// -infinity for what is no number: the least probable.
  [[nodiscard]] double probability(std::size_t record, std::size_t index) const;
  [[nodiscard]] std::uint64_t count(std::size_t record, std::size_t index = 0) const {
    return array_->count(row(record), field_, index);
  }
  /// Without the ">" that cryoSPARC puts before paths within an exported job.
  [[nodiscard]] std::string path(std::size_t record) const;
  [[noreturn]] void fail(std::size_t record, const std::string& message) const {
    array_->fail(row(record), field_, message);
  }
  /// @throws Error(Input) where a record has another number of values
  void expect_values(std::size_t expected, bool or_one = false) const;

 private:
  [[nodiscard]] std::size_t row(std::size_t record) const {
    return rows_->empty() ? record : (*rows_)[record];
  }

  const formats::NpyArray* array_;
  const std::vector<std::size_t>* rows_;
  std::size_t field_;
};

/// The particles' data set and those joined to it; remembers which fields were asked for.
class JoinedArrays {
 public:
  /// @param others  must outlive this object, as must the particles
  /// @throws Error(Input) as rows_by_uid()
  JoinedArrays(const formats::NpyArray& particles, const std::vector<formats::NpyArray>& others);
  JoinedArrays(const JoinedArrays&) = delete;
  JoinedArrays& operator=(const JoinedArrays&) = delete;
  ~JoinedArrays() = default;

  [[nodiscard]] std::size_t records() const { return arrays_.front()->records(); }
  [[nodiscard]] std::size_t arrays() const { return arrays_.size(); }
  [[nodiscard]] const formats::NpyArray& array(std::size_t index) const { return *arrays_[index]; }
  [[nodiscard]] const std::string& source() const { return arrays_.front()->source(); }

  /// Of the first data set that has it, the particles' own before all.
  std::optional<JoinedField> find(const std::string& name);
  std::optional<JoinedField> find_in(std::size_t array, const std::string& name);
  /// @throws Error(Input) where none has it
  JoinedField get(const std::string& name);

  /// Fields not asked for that hold more than zeros, or than factors of 1.
  [[nodiscard]] std::vector<std::string> left_out() const;

 private:
  std::vector<const formats::NpyArray*> arrays_;
  std::vector<std::vector<std::size_t>> rows_;  // (arrays)
  std::set<std::string> used_;
};

}  // namespace cryosip

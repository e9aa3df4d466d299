#include "libcryosip/dataset/cryosparc_join.hpp"

#include <cmath>
#include <limits>
#include <string_view>
#include <unordered_map>

#include "formats/error.hpp"

namespace cryosip {
namespace {

using formats::NpyArray;

std::size_t uid_field(const NpyArray& array) {
  if (const auto field = array.find("uid")) {
    return *field;
  }
  throw Error(ErrorKind::Input, array.source() + ": no field 'uid', needed to join data sets");
}

// Zeros say nothing, and neither does a factor of 1.
bool holds_something(const NpyArray& array, std::size_t field) {
  const bool may_be_factor = array.values(field) == 1 && array.fields()[field].type == "<f4";
  bool all_one = may_be_factor;
  bool all_zero = true;
  for (std::size_t record = 0; record < array.records() && (all_zero || all_one); ++record) {
    all_zero =
        all_zero && array.bytes(record, field).find_first_not_of('\0') == std::string_view::npos;
    all_one = all_one && array.number(record, field) == 1;
  }
  return !all_zero && !all_one;
}

}  // namespace

std::vector<std::size_t> rows_by_uid(const NpyArray& array,
                                     const std::vector<std::uint64_t>& uids,
                                     const std::function<std::string(std::size_t)>& where) {
  const std::size_t field = uid_field(array);
  std::unordered_map<std::uint64_t, std::size_t> row_of_uid;
  row_of_uid.reserve(array.records());
  for (std::size_t row = 0; row < array.records(); ++row) {
    const std::uint64_t uid = array.count(row, field);
    if (!row_of_uid.emplace(uid, row).second) {
      array.fail(row, field, std::to_string(uid) + " stands twice");
    }
  }
  std::vector<std::size_t> rows;
  rows.reserve(uids.size());
  for (std::size_t i = 0; i < uids.size(); ++i) {
    const auto found = row_of_uid.find(uids[i]);
    if (found == row_of_uid.end()) {
      throw Error(ErrorKind::Input,
                  where(i) + ": uid " + std::to_string(uids[i]) + " found, expected one of " +
                      array.source());
    }
    rows.push_back(found->second);
  }
  return rows;
}

double JoinedField::number(std::size_t record, std::size_t index) const {
  const double value = array_->decimal(row(record), field_, index);
  if (!std::isfinite(value)) {
    fail(record, "found a number that is not finite");
  }
  return value;
}

double JoinedField::probability(std::size_t record, std::size_t index) const {
  const double value = array_->number(row(record), field_, index);
  return std::isnan(value) ? -std::numeric_limits<double>::infinity() : value;
}

std::string JoinedField::path(std::size_t record) const {
  std::string path = array_->text(row(record), field_);
  if (path.starts_with('>')) {
    path.erase(0, 1);
  }
  return path;
}

void JoinedField::expect_values(std::size_t expected, bool or_one) const {
  if (values() != expected && !(or_one && values() == 1)) {
    throw Error(ErrorKind::Input,
                array_->source() + ": field '" + name() + "' has " + std::to_string(values()) +
                    " values a record, expected " + std::to_string(expected));
  }
}

JoinedArrays::JoinedArrays(const NpyArray& particles, const std::vector<NpyArray>& others)
    : arrays_{&particles}, rows_(others.size() + 1) {
  if (others.empty()) {
    return;
  }
  const std::size_t field = uid_field(particles);
  std::vector<std::uint64_t> uids(records());
  for (std::size_t i = 0; i < uids.size(); ++i) {
    uids[i] = particles.count(i, field);
  }
  for (std::size_t i = 0; i < others.size(); ++i) {
    arrays_.push_back(&others[i]);
    rows_[i + 1] = rows_by_uid(others[i], uids, [&](std::size_t k) { return particles.where(k); });
  }
}

std::optional<JoinedField> JoinedArrays::find(const std::string& name) {
  for (std::size_t array = 0; array < arrays_.size(); ++array) {
    if (auto field = find_in(array, name)) {
      return field;
    }
  }
  return std::nullopt;
}

std::optional<JoinedField> JoinedArrays::find_in(std::size_t array, const std::string& name) {
  const auto field = arrays_[array]->find(name);
  if (!field) {
    return std::nullopt;
  }
  used_.insert(name);
  return JoinedField(*arrays_[array], *field, rows_[array]);
}

JoinedField JoinedArrays::get(const std::string& name) {
  if (const auto field = find(name)) {
    return *field;
  }
  throw Error(ErrorKind::Input,
              source() + ": no field '" + name +
                  "', expected a cryoSPARC particle data set (or its other half with "
                  "--passthrough)");
}

std::vector<std::string> JoinedArrays::left_out() const {
  std::vector<std::string> names;
  std::set<std::string> seen = used_;
  for (const NpyArray* const array : arrays_) {
    for (std::size_t field = 0; field < array->fields().size(); ++field) {
      const std::string& name = array->fields()[field].name;
      if (!name.empty() && seen.insert(name).second && holds_something(*array, field)) {
        names.push_back(name);
      }
    }
  }
  return names;
}

}  // namespace cryosip

// Columns numbered from 1 (sipCoordinate1, sipCoordinate2, ..), as matrices.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <Eigen/Core>

#include "formats/star.hpp"

namespace cryosip {

/// Indices of the columns STEM1, STEM2, .. of a table; empty when there is no STEM1.
/// @throws Error(Input) naming file and block: a number is left out
std::vector<std::size_t> numbered_columns(const formats::StarTable& table, std::string_view stem);

/// The cells of @p columns, transposed: (columns, rows of the table).
/// @throws Error(Input) naming file and line: not a finite number
Eigen::MatrixXd transposed_numbers(const formats::StarTable& table,
                                   const std::vector<std::size_t>& columns);

/// A column, sipWeight unless said otherwise, as (rows) numbers >= 0 that sum to 1; left alone when
/// they already do to 1e-12, so that a round trip keeps the bits.
/// @throws Error(Input) naming file and line: no rows, a negative weight, all of them 0
Eigen::VectorXd normalised_weights(const formats::StarTable& table,
                                   std::string_view label = "sipWeight");

/// STEM1 .. STEMcount.
std::vector<std::string> numbered_labels(std::string_view stem, Eigen::Index count);

}  // namespace cryosip

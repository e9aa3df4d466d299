#include "libcryosip/structure/numbered_columns.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>

#include "formats/error.hpp"

namespace cryosip {
namespace {

bool is_numbered(std::string_view label, std::string_view stem) {
  return label.size() > stem.size() && label.substr(0, stem.size()) == stem &&
         std::all_of(label.begin() + static_cast<std::ptrdiff_t>(stem.size()),
                     label.end(),
                     [](unsigned char c) { return std::isdigit(c) != 0; });
}

std::string file_and_block(const formats::StarTable& table) {
  return table.where(0) + ": block '" + table.name() + "'";
}

}  // namespace

std::vector<std::size_t> numbered_columns(const formats::StarTable& table, std::string_view stem) {
  const auto count = static_cast<std::size_t>(
      std::count_if(table.labels().begin(), table.labels().end(), [&](const std::string& label) {
        return is_numbered(label, stem);
      }));
  std::vector<std::size_t> columns;
  for (std::size_t k = 1; k <= count; ++k) {
    const std::string label = std::string(stem) + std::to_string(k);
    const auto column = table.find(label);
    if (!column) {
      throw Error(ErrorKind::Input,
                  file_and_block(table) + ": " + std::to_string(count) + " columns _" +
                      std::string(stem) + "N, but no _" + label);
    }
    columns.push_back(*column);
  }
  return columns;
}

Eigen::MatrixXd transposed_numbers(const formats::StarTable& table,
                                   const std::vector<std::size_t>& columns) {
  Eigen::MatrixXd numbers(columns.size(), table.rows());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    for (std::size_t k = 0; k < columns.size(); ++k) {
      numbers(static_cast<Eigen::Index>(k), static_cast<Eigen::Index>(row)) =
          table.number(row, columns[k]);
    }
  }
  return numbers;
}

Eigen::VectorXd normalised_weights(const formats::StarTable& table, std::string_view label) {
  const std::size_t column = table.column(label);
  if (table.rows() == 0) {
    throw Error(ErrorKind::Input, file_and_block(table) + ": no rows, expected at least one");
  }
  Eigen::VectorXd weights(table.rows());
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const double weight = table.number(row, column);
    if (weight < 0) {
      table.fail(row, column, formats::format_number(weight) + " found, expected a weight >= 0");
    }
    weights(static_cast<Eigen::Index>(row)) = weight;
  }
  const double sum = weights.sum();
  if (!(sum > 0) || !std::isfinite(sum)) {
    throw Error(ErrorKind::Input,
                file_and_block(table) + ": the weights sum to " + formats::format_number(sum) +
                    ", expected more than 0");
  }
  return std::abs(sum - 1) <= 1e-12 ? weights : Eigen::VectorXd(weights / sum);
}

std::vector<std::string> numbered_labels(std::string_view stem, Eigen::Index count) {
  std::vector<std::string> labels;
  for (Eigen::Index k = 1; k <= count; ++k) {
    labels.push_back(std::string(stem) + std::to_string(k));
  }
  return labels;
}

}  // namespace cryosip

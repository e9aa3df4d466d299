#include "libcryosip/assess/one_to_one.hpp"

#include <cstddef>
#include <limits>

#include "formats/error.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// The column of each row, of least total cost; no more rows than columns.
std::vector<Index> match_rows(const Eigen::MatrixXd& cost) {
  const Index rows = cost.rows();
  const Index columns = cost.cols();
  // Column `columns` stands for none: a path starts there, at the row it is to match.
  std::vector<Index> row_of_column(static_cast<std::size_t>(columns) + 1, -1);
  const auto row_of = [&](Index column) -> Index& {
    return row_of_column[static_cast<std::size_t>(column)];
  };
  Eigen::VectorXd row_price = Eigen::VectorXd::Zero(rows);
  Eigen::VectorXd column_price = Eigen::VectorXd::Zero(columns + 1);
  for (Index row = 0; row < rows; ++row) {
    row_of(columns) = row;
    Eigen::VectorXd distance =
        Eigen::VectorXd::Constant(columns, std::numeric_limits<double>::infinity());
    std::vector<Index> previous(static_cast<std::size_t>(columns), columns);
    std::vector<char> reached(static_cast<std::size_t>(columns) + 1, 0);
    Index at = columns;
    while (row_of(at) >= 0) {
      reached[static_cast<std::size_t>(at)] = 1;
      Index nearest = -1;
      for (Index column = 0; column < columns; ++column) {
        if (reached[static_cast<std::size_t>(column)] != 0) {
          continue;
        }
        const double reduced =
            cost(row_of(at), column) - row_price(row_of(at)) - column_price(column);
        if (reduced < distance(column)) {
          distance(column) = reduced;
          previous[static_cast<std::size_t>(column)] = at;
        }
        if (nearest < 0 || distance(column) < distance(nearest)) {
          nearest = column;
        }
      }
      const double step = distance(nearest);
      for (Index column = 0; column <= columns; ++column) {
        if (reached[static_cast<std::size_t>(column)] != 0) {
          row_price(row_of(column)) += step;
          column_price(column) -= step;
        } else if (column < columns) {
          distance(column) -= step;
        }
      }
      at = nearest;
    }
    while (at != columns) {
      const Index before = previous[static_cast<std::size_t>(at)];
      row_of(at) = row_of(before);
      at = before;
    }
    row_of(columns) = -1;
  }
  std::vector<Index> column_of_row(static_cast<std::size_t>(rows), -1);
  for (Index column = 0; column < columns; ++column) {
    if (row_of(column) >= 0) {
      column_of_row[static_cast<std::size_t>(row_of(column))] = column;
    }
  }
  return column_of_row;
}

}  // namespace

std::vector<Index> match_one_to_one(const Eigen::MatrixXd& score) {
  if (!score.allFinite()) {
    throw Error(ErrorKind::Usage, "a score of the pairs to match is not finite");
  }
  if (score.rows() <= score.cols()) {
    return match_rows(-score);
  }
  const std::vector<Index> row_of_column = match_rows(-score.transpose());
  std::vector<Index> column_of_row(static_cast<std::size_t>(score.rows()), -1);
  for (std::size_t column = 0; column < row_of_column.size(); ++column) {
    column_of_row[static_cast<std::size_t>(row_of_column[column])] = static_cast<Index>(column);
  }
  return column_of_row;
}

}  // namespace cryosip

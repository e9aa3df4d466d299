// Matching the members of two sets one to one.
#pragma once

#include <vector>

#include <Eigen/Core>

namespace cryosip {

/// The pairs (row, column) of largest total score, each row and each column in one pair at most,
/// as many pairs as the smaller side has members: the assignment problem, by shortest augmenting
/// paths (Jonker and Volgenant, Computing 38 (1987)).
/// Cost: min^2 * max of the two sides.
/// @param score  finite
/// @return (rows): the column of each row, -1 where it has none
/// @throws Error(Usage) a score that is not finite
std::vector<Eigen::Index> match_one_to_one(const Eigen::MatrixXd& score);

}  // namespace cryosip

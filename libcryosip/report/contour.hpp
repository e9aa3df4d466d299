// Lines of equal value on a grid, and the values that enclose a share of a density.
#pragma once

#include <vector>

#include <Eigen/Core>

namespace cryosip {

/// Lines where the bilinear sketch of values equals level, by marching squares; closed lines end
/// where they begin.  Ambiguous squares are cut by the mean of their corners.
/// @param values  element (i, j) at (x(i), y(j))
/// @param x, y    ascending, two at least
std::vector<std::vector<Eigen::Vector2d>> contour_lines(const Eigen::MatrixXd& values,
                                                        const Eigen::VectorXd& x,
                                                        const Eigen::VectorXd& y,
                                                        double level);

/// The density above which lies this share of the sum of an even grid: its highest-density region.
/// @param share  in (0, 1)
double enclosing_level(const Eigen::MatrixXd& density, double share);

}  // namespace cryosip

// What figures say and show of densities: the peaks in words, the regions that enclose most.
#pragma once

#include <string>

#include <Eigen/Core>

#include "libcryosip/report/chart.hpp"

namespace cryosip {

/// Of an axis, in its units.
struct Range {
  double low = 0;
  double high = 0;
};

/// "peaks at -0.98, 1.02": local maxima above a tenth of the highest; "has no peak" without any.
std::string peaks_of(const Eigen::VectorXd& grid, const Eigen::VectorXd& density);

/// Outlines of the regions that hold nine tenths and half of a density.
/// @param density  (x.size(), y.size())
void add_regions(Chart& chart,
                 const Eigen::MatrixXd& density,
                 const Eigen::VectorXd& x,
                 const Eigen::VectorXd& y,
                 const SeriesStyle& style);

}  // namespace cryosip

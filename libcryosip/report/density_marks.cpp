#include "libcryosip/report/density_marks.hpp"

#include "libcryosip/report/contour.hpp"
#include "libcryosip/report/markup.hpp"

namespace cryosip {

std::string peaks_of(const Eigen::VectorXd& grid, const Eigen::VectorXd& density) {
  std::string text;
  const double least = density.maxCoeff() / 10;
  for (Eigen::Index i = 1; i + 1 < density.size(); ++i) {
    if (density(i) >= least && density(i) > density(i - 1) && density(i) >= density(i + 1)) {
      text += (text.empty() ? "" : ", ") + shown_number(grid(i), 2);
    }
  }
  return text.empty() ? "has no peak" : "peaks at " + text;
}

void add_regions(Chart& chart,
                 const Eigen::MatrixXd& density,
                 const Eigen::VectorXd& x,
                 const Eigen::VectorXd& y,
                 const SeriesStyle& style) {
  for (const double share : {0.9, 0.5}) {
    for (const auto& line : contour_lines(density, x, y, enclosing_level(density, share))) {
      chart.curve(line, style);
    }
  }
}

}  // namespace cryosip

#include "libcryosip/assess/density.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <numbers>
#include <string>
#include <string_view>
#include <utility>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/discrepancy/density_divergence.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// N(at_g; x_i, h^2): (grid, points).
Eigen::MatrixXd kernels(const Eigen::VectorXd& points,
                        double bandwidth,
                        const Eigen::VectorXd& at) {
  const double height = 1 / (bandwidth * std::sqrt(2 * std::numbers::pi));
  const Eigen::MatrixXd offsets =
      (at.replicate(1, points.size()).rowwise() - points.transpose()) / bandwidth;
  return height * (-0.5 * offsets.array().square()).exp().matrix();
}

// The ensembles there are, and the same coordinates of each.
struct Compared {
  const Ensemble& truth;
  const Ensemble* initial;
  const Ensemble& ensemble;

  template <typename Values, typename DensityOf>
  [[nodiscard]] EnsembleDensities::Of<Values> each(const DensityOf& density_of) const {
    return {density_of(truth),
            initial != nullptr ? density_of(*initial) : Values(),
            density_of(ensemble)};
  }
  [[nodiscard]] std::vector<const Ensemble*> all() const {
    std::vector<const Ensemble*> ensembles = {&truth, &ensemble};
    if (initial != nullptr) {
      ensembles.push_back(initial);
    }
    return ensembles;
  }
};

// Over coordinate k of all of them; bandwidths as for `coordinates` ones taken together.
Eigen::VectorXd common_grid(const Compared& compared, Index k, Index coordinates, Index points) {
  constexpr double kReach = 4;  // a Gaussian has 3e-5 beyond
  double low = compared.truth.coordinates.row(k).minCoeff();
  double high = low;
  double widest = 0;
  for (const Ensemble* ensemble : compared.all()) {
    const auto of_row = ensemble->coordinates.row(k);
    low = std::min(low, of_row.minCoeff());
    high = std::max(high, of_row.maxCoeff());
    const Index first = coordinates == 1 ? k : 0;
    const Eigen::VectorXd bandwidths = silverman_bandwidths(
        ensemble->coordinates.middleRows(first, coordinates), ensemble->weights);
    widest = std::max(widest, bandwidths(k - first));
  }
  low -= kReach * widest;
  high += kReach * widest;
  constexpr double kNothing = 1e-9;
  if (high - low <= kNothing * std::max(std::abs(low), std::abs(high))) {  // all points coincide
    low -= 1;
    high += 1;
  }
  // The kernels of a grid's spacing, where bandwidths are raised to it, end inside it too.
  const double spacing = (high - low) / static_cast<double>(points - 1);
  const double missing = std::max(0.0, kReach * (spacing - widest));
  return Eigen::VectorXd::LinSpaced(points, low - missing, high + missing);
}

double spacing_of(const Eigen::VectorXd& grid) {
  return grid(1) - grid(0);
}

EnsembleDensities::Marginal marginal(const Compared& compared, Index k, Index points) {
  EnsembleDensities::Marginal result;
  result.grid = common_grid(compared, k, 1, points);
  result.density = compared.each<Eigen::VectorXd>([&](const Ensemble& ensemble) -> Eigen::VectorXd {
    const Eigen::VectorXd bandwidth =
        silverman_bandwidths(ensemble.coordinates.row(k), ensemble.weights);
    return kernel_density(ensemble.coordinates.row(k),
                          ensemble.weights,
                          std::max(bandwidth(0), spacing_of(result.grid)),
                          result.grid);
  });
  return result;
}

EnsembleDensities::Plane plane(const Compared& compared, Index points) {
  EnsembleDensities::Plane result;
  result.grid1 = common_grid(compared, 0, 2, points);
  result.grid2 = common_grid(compared, 1, 2, points);
  const Eigen::Vector2d spacing(spacing_of(result.grid1), spacing_of(result.grid2));
  result.density = compared.each<Eigen::MatrixXd>([&](const Ensemble& ensemble) -> Eigen::MatrixXd {
    const Eigen::Matrix2Xd points_of = ensemble.coordinates.topRows<2>();
    const Eigen::Vector2d bandwidths =
        silverman_bandwidths(points_of, ensemble.weights).cwiseMax(spacing);
    return kernel_density(points_of, ensemble.weights, bandwidths, result.grid1, result.grid2);
  });
  return result;
}

template <typename Values, typename... Place>
void set_densities(formats::StarTable& table,
                   std::size_t row,
                   const EnsembleDensities::Of<Values>& density,
                   Place... place) {
  table.set(row, 2, density.truth(place...));
  if (density.initial.size() > 0) {
    table.set(row, 3, density.initial(place...));
  } else {
    table.set(row, 3, std::string_view("None"));
  }
  table.set(row, 4, density.final_values(place...));
}

}  // namespace

Eigen::VectorXd silverman_bandwidths(const Eigen::MatrixXd& points,
                                     const Eigen::VectorXd& weights) {
  const double square_sum = weights.squaredNorm();
  const Eigen::MatrixXd offsets = points.colwise() - points * weights;
  // One point with all the weight has no width.
  const Eigen::VectorXd variances =
      square_sum < 1 ? Eigen::VectorXd(offsets.cwiseAbs2() * weights / (1 - square_sum))
                     : Eigen::VectorXd::Zero(points.rows());
  return silverman_factor(1 / square_sum, points.rows()) * variances.cwiseSqrt();
}

Eigen::VectorXd kernel_density(const Eigen::VectorXd& points,
                               const Eigen::VectorXd& weights,
                               double bandwidth,
                               const Eigen::VectorXd& at) {
  Eigen::VectorXd density(at.size());
  parallel_for(static_cast<std::size_t>(at.size()), [&](std::size_t place) {
    const auto g = static_cast<Index>(place);
    density(g) = kernels(points, bandwidth, at.segment<1>(g)).row(0).dot(weights);
  });
  return density;
}

Eigen::MatrixXd kernel_density(const Eigen::Matrix2Xd& points,
                               const Eigen::VectorXd& weights,
                               const Eigen::Vector2d& bandwidths,
                               const Eigen::VectorXd& x,
                               const Eigen::VectorXd& y) {
  return kernels(points.row(0), bandwidths(0), x) * weights.asDiagonal() *
         kernels(points.row(1), bandwidths(1), y).transpose();
}

EnsembleDensities ensemble_densities(const Ensemble& truth,
                                     const Ensemble* initial,
                                     const Ensemble& ensemble,
                                     const DensityOptions& options) {
  const Compared compared{truth, initial, ensemble};
  for (const Ensemble* other : compared.all()) {
    if (other->dimension() != truth.dimension()) {
      throw Error(ErrorKind::Usage,
                  "densities of ensembles of " + std::to_string(truth.dimension()) + " and " +
                      std::to_string(other->dimension()) + " coordinates, expected as many");
    }
  }
  if (options.marginal_points < 2 || options.plane_points < 2) {
    throw Error(ErrorKind::Usage, "a grid of densities needs two points at least");
  }
  EnsembleDensities result;
  for (Index k = 0; k < truth.dimension(); ++k) {
    result.marginals.push_back(marginal(compared, k, options.marginal_points));
  }
  if (truth.dimension() >= 2) {
    result.plane = plane(compared, options.plane_points);
  }
  return result;
}

std::vector<formats::StarTable> to_star(const EnsembleDensities& densities) {
  std::vector<formats::StarTable> tables;
  formats::StarTable marginals("sip_densities",
                               {"sipCoordinate", "sipValue", "sipTruth", "sipInitial", "sipFinal"});
  for (std::size_t k = 0; k < densities.marginals.size(); ++k) {
    const EnsembleDensities::Marginal& marginal = densities.marginals[k];
    for (Index g = 0; g < marginal.grid.size(); ++g) {
      const std::size_t row = marginals.add_row();
      marginals.set_integer(row, 0, static_cast<std::int64_t>(k) + 1);
      marginals.set(row, 1, marginal.grid(g));
      set_densities(marginals, row, marginal.density, g);
    }
  }
  tables.push_back(std::move(marginals));
  if (densities.plane) {
    formats::StarTable plane("sip_plane_densities",
                             {"sipValue1", "sipValue2", "sipTruth", "sipInitial", "sipFinal"});
    for (Index i = 0; i < densities.plane->grid1.size(); ++i) {
      for (Index j = 0; j < densities.plane->grid2.size(); ++j) {
        const std::size_t row = plane.add_row();
        plane.set(row, 0, densities.plane->grid1(i));
        plane.set(row, 1, densities.plane->grid2(j));
        set_densities(plane, row, densities.plane->density, i, j);
      }
    }
    tables.push_back(std::move(plane));
  }
  return tables;
}

}  // namespace cryosip

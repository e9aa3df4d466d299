#include "libcryosip/assess/bands.hpp"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <numbers>
#include <string>
#include <string_view>
#include <utility>

#include <boost/math/distributions/students_t.hpp>

#include "formats/error.hpp"
#include "libcryosip/assess/density.hpp"
#include "libcryosip/assess/weighted_points.hpp"
#include "libcryosip/core/parallel.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// Points of some coordinates, with weights.
struct Points {
  Eigen::MatrixXd at;  // (coordinates, points)
  Eigen::VectorXd weights;
};

Points chosen(const Eigen::MatrixXd& coordinates,
              const Eigen::VectorXd& weights,
              const std::vector<Index>& rows) {
  return {coordinates(rows, Eigen::all), weights};
}

Eigen::VectorXd density_of(const Points& points,
                           const std::vector<Eigen::VectorXd>& axes,
                           const Eigen::VectorXd& bandwidths) {
  if (axes.size() == 1) {
    return kernel_density(points.at.row(0), points.weights, bandwidths(0), axes[0]);
  }
  // Transposed, so that the last coordinate's neighbours are neighbours.
  const Eigen::MatrixXd plane =
      kernel_density(points.at, points.weights, Eigen::Vector2d(bandwidths), axes[0], axes[1]);
  const Eigen::MatrixXd cells = plane.transpose();
  return Eigen::Map<const Eigen::VectorXd>(cells.data(), cells.size());
}

Eigen::VectorXd corrected_density(const Points& points,
                                  const std::vector<Eigen::VectorXd>& axes,
                                  const Eigen::VectorXd& bandwidths) {
  return 2 * density_of(points, axes, bandwidths) -
         density_of(points, axes, std::numbers::sqrt2 * bandwidths);
}

// Column r of a refit: any function of the points that gives as many values.
template <typename Function>
Eigen::MatrixXd of_refits(const std::vector<Points>& refits, const Function& function) {
  std::vector<Eigen::VectorXd> columns(refits.size());
  parallel_for(refits.size(), [&](std::size_t r) { columns[r] = function(refits[r]); });
  Eigen::MatrixXd values(columns.empty() ? 0 : columns[0].size(),
                         static_cast<Index>(columns.size()));
  for (std::size_t r = 0; r < columns.size(); ++r) {
    values.col(static_cast<Index>(r)) = columns[r];
  }
  return values;
}

Eigen::VectorXd variances(const Eigen::MatrixXd& refits) {
  const Eigen::VectorXd mean = refits.rowwise().mean();
  return (refits.colwise() - mean).rowwise().squaredNorm() / static_cast<double>(refits.cols() - 1);
}

// Blurred by h, f_g is f_sqrt(g^2 + h^2).
// The corrected density blurred once more, less itself: what a plain kernel estimate lacks.
Eigen::VectorXd blur_of(const Points& points,
                        const std::vector<Eigen::VectorXd>& axes,
                        const Eigen::VectorXd& bandwidths) {
  return 3 * density_of(points, axes, std::numbers::sqrt2 * bandwidths) -
         density_of(points, axes, std::numbers::sqrt3 * bandwidths) -
         2 * density_of(points, axes, bandwidths);
}

// The corrected density blurred and corrected once more, less itself: what the correction leaves.
Eigen::VectorXd remaining_blur_of(const Points& points,
                                  const std::vector<Eigen::VectorXd>& axes,
                                  const Eigen::VectorXd& bandwidths) {
  return 5 * density_of(points, axes, std::numbers::sqrt2 * bandwidths) -
         4 * density_of(points, axes, std::numbers::sqrt3 * bandwidths) +
         density_of(points, axes, 2 * bandwidths) - 2 * density_of(points, axes, bandwidths);
}

// Where the estimated mean squared error is first least, from narrow to wide: kernels wider than
// what there is to blur find nothing to blur, and their error seems to fall again.
Eigen::VectorXd bandwidths_of_refits(const Points& points,
                                     const std::vector<Points>& refits,
                                     const std::vector<Eigen::VectorXd>& axes,
                                     const Eigen::VectorXd& silverman,
                                     const Eigen::VectorXd& least) {
  constexpr int kFinest = -10;  // in quarters of an octave
  constexpr int kWidest = 1;
  double least_error = std::numeric_limits<double>::infinity();
  Eigen::VectorXd best;
  for (int step = kFinest; step <= kWidest; ++step) {
    const Eigen::VectorXd bandwidths = (std::exp2(0.25 * step) * silverman).cwiseMax(least);
    const auto estimate = [&](const Points& of) { return density_of(of, axes, bandwidths); };
    const auto blur = [&](const Points& of) { return blur_of(of, axes, bandwidths); };
    const double scatter = variances(of_refits(refits, estimate)).sum();
    const double squared_blur =
        blur(points).squaredNorm() - variances(of_refits(refits, blur)).sum();
    const double error = scatter + std::max(squared_blur, 0.0);
    if (error > least_error) {
      break;
    }
    least_error = error;
    best = bandwidths;
  }
  return best;
}

void check(const Ensemble& ensemble, const std::vector<Index>& coordinates, Index points) {
  const bool different = coordinates.size() < 2 || coordinates[0] != coordinates[1];
  const bool there = std::all_of(coordinates.begin(), coordinates.end(), [&](Index k) {
    return k >= 0 && k < ensemble.dimension();
  });
  if (coordinates.empty() || coordinates.size() > 2 || !different || !there) {
    throw Error(ErrorKind::Usage,
                "a density of " + std::to_string(coordinates.size()) +
                    " coordinates, expected one or two different ones of " +
                    std::to_string(ensemble.dimension()));
  }
  if (points < 2) {
    throw Error(ErrorKind::Usage, "a grid of densities needs two points at least");
  }
}

}  // namespace

Band band_of(double value, const Eigen::VectorXd& refits, double squared_bias) {
  if (refits.size() < 2) {
    throw Error(ErrorKind::Usage,
                std::to_string(refits.size()) + " refits have no spread, expected two at least");
  }
  const auto freedom = static_cast<double>(refits.size() - 1);
  const double t = boost::math::quantile(boost::math::students_t(freedom), (1 + kBandLevel) / 2);
  const double half_width = t * std::sqrt(variances(refits.transpose())(0) + squared_bias);
  return {value - half_width, value + half_width};
}

double DensityWithRefits::cell_size() const {
  double size = 1;
  for (const Eigen::VectorXd& axis : axes) {
    size *= axis(1) - axis(0);
  }
  return size;
}

Eigen::VectorXd DensityWithRefits::place(Index cell) const {
  if (axes.size() == 1) {
    return axes[0].segment<1>(cell);
  }
  const Index last = axes[1].size();
  return Eigen::Vector2d(axes[0](cell / last), axes[1](cell % last));
}

double plug_in_bandwidth(const Eigen::VectorXd& points, const Eigen::VectorXd& weights) {
  constexpr Index kBins = 1024;
  const Eigen::VectorXd shares = normalised_weights(points.size(), weights);
  const double silverman = silverman_bandwidths(points.transpose(), shares)(0);
  const double range = points.maxCoeff() - points.minCoeff();
  if (!(silverman > 0) || !(range > 0)) {
    return silverman;
  }
  // The cosine transform of a histogram with a margin of a tenth on either side.
  const double length = 1.2 * range;
  const double low = points.minCoeff() - 0.1 * range;
  Eigen::VectorXd histogram = Eigen::VectorXd::Zero(kBins);
  for (Index i = 0; i < points.size(); ++i) {
    const auto bin = static_cast<Index>((points(i) - low) / length * kBins);
    histogram(std::clamp<Index>(bin, 0, kBins - 1)) += shares(i);
  }
  Eigen::ArrayXd powers(kBins - 1);  // squared coefficient k + 1
  parallel_for(static_cast<std::size_t>(kBins - 1), [&](std::size_t k) {
    double sum = 0;
    for (Index bin = 0; bin < kBins; ++bin) {
      sum += histogram(bin) * std::cos(std::numbers::pi * static_cast<double>(k + 1) *
                                       (static_cast<double>(bin) + 0.5) / kBins);
    }
    powers(static_cast<Index>(k)) = sum * sum;
  });
  const Eigen::ArrayXd squares = Eigen::ArrayXd::LinSpaced(kBins - 1, 1, kBins - 1).square();
  const double n = effective_sample_size(shares);
  // Squared norm of the density's derivative of that order, smoothed by a kernel of variance t.
  const auto roughness = [&](int order, double t) {
    constexpr double kPi2 = std::numbers::pi * std::numbers::pi;
    return 2 * std::pow(std::numbers::pi, 2 * order) *
           (squares.pow(order) * powers * (-kPi2 * t * squares).exp()).sum();
  };
  // Equation (30) of the paper: t - xi gamma^[5](t), 0 at the squared bandwidth.
  const auto excess = [&](double t) {
    double f = roughness(7, t);
    for (int order = 6; order >= 2; --order) {
      double odd_product = 1;
      for (int odd = 3; odd < 2 * order; odd += 2) {
        odd_product *= odd;
      }
      const double constant = (1 + std::pow(0.5, order + 0.5)) / 3;
      const double time =
          std::pow(2 * constant * odd_product / std::sqrt(2 * std::numbers::pi) / (n * f),
                   2.0 / (3 + 2 * order));
      f = roughness(order, time);
    }
    return t - std::pow(2 * n * std::sqrt(std::numbers::pi) * f, -0.4);
  };
  // From the smallest t upwards to a change of sign, then by halves.
  double below = 1e-8;
  if (!(excess(below) < 0)) {
    return silverman;
  }
  double above = below;
  constexpr double kLargest = 0.1;
  while (!(excess(above) >= 0)) {
    below = above;
    above *= 1.5;
    if (above > kLargest) {
      return silverman;
    }
  }
  constexpr int kHalvings = 40;
  for (int i = 0; i < kHalvings; ++i) {
    const double middle = 0.5 * (below + above);
    (excess(middle) < 0 ? below : above) = middle;
  }
  return std::min(std::sqrt(below) * length, silverman);
}

DensityWithRefits density_with_refits(const Ensemble& ensemble,
                                      const std::vector<Index>& coordinates,
                                      Index points) {
  check(ensemble, coordinates, points);
  DensityWithRefits result;
  result.coordinates = coordinates;
  const Points own = chosen(ensemble.coordinates, ensemble.weights, coordinates);
  std::vector<Points> refits;
  for (const Refit& refit : ensemble.refits) {
    refits.push_back(chosen(refit.coordinates, refit.weights, coordinates));
  }

  // Even grids that reach four of Silverman's bandwidths beyond all points.
  const auto count = static_cast<Index>(coordinates.size());
  const Eigen::VectorXd silverman = silverman_bandwidths(own.at, own.weights);
  Eigen::VectorXd spacing(count);
  for (Index k = 0; k < count; ++k) {
    double low = own.at.row(k).minCoeff();
    double high = own.at.row(k).maxCoeff();
    for (const Points& refit : refits) {
      low = std::min(low, refit.at.row(k).minCoeff());
      high = std::max(high, refit.at.row(k).maxCoeff());
    }
    constexpr double kReach = 4;
    double margin = kReach * silverman(k);
    constexpr double kNothing = 1e-9;
    if (high - low + margin <= kNothing * std::max(std::abs(low), std::abs(high))) {
      margin = 1;  // all points coincide
    }
    result.axes.emplace_back(Eigen::VectorXd::LinSpaced(points, low - margin, high + margin));
    spacing(k) = result.axes.back()(1) - result.axes.back()(0);
  }

  if (refits.size() >= 2) {
    result.bandwidths = bandwidths_of_refits(own, refits, result.axes, silverman, spacing);
  } else {
    Eigen::VectorXd widths(count);
    for (Index k = 0; k < count; ++k) {
      widths(k) = plug_in_bandwidth(own.at.row(k), own.weights);
    }
    if (count == 2) {  // n^(-1/6) in the place of n^(-1/5)
      widths *= std::pow(effective_sample_size(own.weights), 1.0 / 30);
    }
    result.bandwidths = widths.cwiseMax(spacing);
  }

  const auto estimate = [&](const Points& of) {
    return corrected_density(of, result.axes, result.bandwidths);
  };
  result.density = estimate(own);
  result.refits = of_refits(refits, estimate);
  if (ensemble.perturbed) {
    result.perturbed =
        estimate(chosen(ensemble.perturbed->coordinates, ensemble.perturbed->weights, coordinates));
  }
  if (refits.size() >= 2) {
    const auto remaining = [&](const Points& of) {
      return remaining_blur_of(of, result.axes, result.bandwidths);
    };
    const Eigen::VectorXd squared_bias =
        (remaining(own).cwiseAbs2() - variances(of_refits(refits, remaining))).cwiseMax(0.0);
    for (Index cell = 0; cell < result.density.size(); ++cell) {
      Band band = band_of(result.density(cell), result.refits.row(cell), squared_bias(cell));
      band.lower = std::max(band.lower, 0.0);
      band.upper = std::max(band.upper, 0.0);
      result.bands.push_back(band);
    }
  }
  return result;
}

double perturbation_l1(const DensityWithRefits& density) {
  if (!density.perturbed) {
    throw Error(ErrorKind::Usage, "no refit to images changed a little");
  }
  return density.cell_size() * (density.density - *density.perturbed).cwiseAbs().sum();
}

std::vector<DensityWithRefits> all_densities_with_refits(const Ensemble& ensemble) {
  constexpr Index kOnTheLine = 256;
  constexpr Index kInThePlane = 64;
  std::vector<DensityWithRefits> densities;
  for (Index k = 0; k < ensemble.dimension(); ++k) {
    densities.push_back(density_with_refits(ensemble, {k}, kOnTheLine));
  }
  if (ensemble.dimension() >= 2) {
    densities.push_back(density_with_refits(ensemble, {0, 1}, kInThePlane));
  }
  return densities;
}

std::vector<formats::StarTable> to_star(const std::vector<DensityWithRefits>& densities) {
  const std::vector<std::string> values = {"sipDensity", "sipLower", "sipUpper"};
  std::vector<std::string> of_line = {"sipCoordinate", "sipValue"};
  std::vector<std::string> of_plane = {
      "sipCoordinate1", "sipCoordinate2", "sipValue1", "sipValue2"};
  of_line.insert(of_line.end(), values.begin(), values.end());
  of_plane.insert(of_plane.end(), values.begin(), values.end());
  formats::StarTable line("sip_density_bands", of_line);
  formats::StarTable plane("sip_plane_density_bands", of_plane);
  for (const DensityWithRefits& density : densities) {
    const std::size_t count = density.coordinates.size();
    formats::StarTable& table = count == 1 ? line : plane;
    for (Index cell = 0; cell < density.density.size(); ++cell) {
      const std::size_t row = table.add_row();
      const Eigen::VectorXd place = density.place(cell);
      for (std::size_t k = 0; k < count; ++k) {
        table.set_integer(row, k, static_cast<std::int64_t>(density.coordinates[k]) + 1);
        table.set(row, count + k, place(static_cast<Index>(k)));
      }
      table.set(row, 2 * count, std::max(density.density(cell), 0.0));
      if (density.bands.empty()) {
        table.set(row, 2 * count + 1, std::string_view("None"));
        table.set(row, 2 * count + 2, std::string_view("None"));
      } else {
        const Band& band = density.bands[static_cast<std::size_t>(cell)];
        table.set(row, 2 * count + 1, band.lower);
        table.set(row, 2 * count + 2, band.upper);
      }
    }
  }
  std::vector<formats::StarTable> tables;
  for (formats::StarTable* table : {&line, &plane}) {
    if (table->rows() > 0) {
      tables.push_back(std::move(*table));
    }
  }
  return tables;
}

}  // namespace cryosip

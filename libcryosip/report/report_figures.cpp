#include "libcryosip/report/report_figures.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "libcryosip/assess/bands.hpp"
#include "libcryosip/assess/density.hpp"
#include "libcryosip/report/chart.hpp"
#include "libcryosip/report/contour.hpp"
#include "libcryosip/report/density_marks.hpp"
#include "libcryosip/report/findings.hpp"
#include "libcryosip/report/markup.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

constexpr Index kMarginalPoints = 256;

Eigen::VectorXd column_of(const formats::StarTable& table, std::string_view label) {
  const std::size_t column = table.column(label);
  Eigen::VectorXd values(static_cast<Index>(table.rows()));
  for (std::size_t row = 0; row < table.rows(); ++row) {
    values(static_cast<Index>(row)) = table.number(row, column);
  }
  return values;
}

// Over `window` values about each; at the ends over those there are.
Eigen::VectorXd running_mean(const Eigen::VectorXd& values, Index window) {
  Eigen::VectorXd means(values.size());
  for (Index i = 0; i < values.size(); ++i) {
    const Index first = std::max<Index>(0, i - window / 2);
    const Index end = std::min(values.size(), i + window / 2 + 1);
    means(i) = values.segment(first, end - first).mean();
  }
  return means;
}

Axis axis_over(const std::string& label, double low, double high) {
  const double room = high > low ? 0.05 * (high - low) : std::max(1e-9, 0.1 * std::abs(high));
  return {label, low - room, high + room};
}

Axis step_axis(const Eigen::VectorXd& steps) {
  return {"step",
          steps(0),
          steps(steps.size() - 1) > steps(0) ? steps(steps.size() - 1) : steps(0) + 1};
}

void shade_annealing(Chart& chart, const Eigen::VectorXd& steps, std::int64_t until) {
  if (static_cast<double>(until) > steps(0)) {
    chart.shade(steps(0), static_cast<double>(until), "annealing");
  }
}

// Where a density of one coordinate is above a 300th of its highest.
Range worth_showing(const DensityWithRefits& of) {
  const double least = of.density.maxCoeff() / 300;
  const Eigen::VectorXd& grid = of.axes[0];
  Index first = 0;
  Index last = grid.size() - 1;
  while (first + 1 < last && of.density(first) <= least) {
    ++first;
  }
  while (last > first + 1 && of.density(last) <= least) {
    --last;
  }
  return {grid(first), grid(last)};
}

// A density of two coordinates as a matrix: element (i, j) at (x(i), y(j)).
struct Plane {
  Eigen::VectorXd x;
  Eigen::VectorXd y;
  Eigen::MatrixXd density;

  explicit Plane(const DensityWithRefits& of)
      : x(of.axes[0]),
        y(of.axes[1]),
        // The last coordinate comes first.
        density(Eigen::Map<const Eigen::MatrixXd>(of.density.data(), y.size(), x.size())
                    .transpose()
                    .cwiseMax(0)) {}

  /// Along one of the axes, where it is above a 200th of its highest.
  [[nodiscard]] Range shown(const Eigen::VectorXd Plane::*axis) const {
    const Eigen::VectorXd& grid = this->*axis;
    const Eigen::VectorXd most = &grid == &x ? Eigen::VectorXd(density.rowwise().maxCoeff())
                                             : Eigen::VectorXd(density.colwise().maxCoeff());
    const double least = most.maxCoeff() / 200;
    Index first = 0;
    Index last = grid.size() - 1;
    while (first + 1 < last && most(first) <= least) {
      ++first;
    }
    while (last > first + 1 && most(last) <= least) {
      --last;
    }
    return {grid(first), grid(last)};
  }
};

}  // namespace

std::string coordinate_label(Index k, const Eigen::VectorXd& units) {
  const std::string name = "coordinate " + std::to_string(k + 1);
  return units.size() > k ? name + " (1 unit = " + shown_number(units(k), 2) + " \u00c5 RMSD)"
                          : name;
}

std::string group_name(std::size_t m) {
  return "group " + std::to_string(m + 1);
}

std::vector<Figure> convergence_figures(const formats::StarTable& log, Index conformations) {
  const Eigen::VectorXd steps = column_of(log, "sipStep");
  const std::int64_t annealed = annealed_until(log);
  std::vector<Figure> figures;
  const auto first_and_last = [&](const Eigen::VectorXd& values) {
    return "From " + shown_number(values(0)) + " at step " + shown_count(steps(0)) + " to " +
           shown_number(values(values.size() - 1)) + " at step " +
           shown_count(steps(steps.size() - 1)) + ".";
  };

  const Eigen::VectorXd objective = column_of(log, "sipObjective");
  const Index window = std::max<Index>(5, objective.size() / 15);
  const Eigen::VectorXd mean = running_mean(objective, window);
  {
    Chart chart(
        "convergence-objective",
        "Objective",
        step_axis(steps),
        axis_over("objective (lower is better)", objective.minCoeff(), objective.maxCoeff()));
    shade_annealing(chart, steps, annealed);
    chart.line(steps, objective, {"each step", Ink::Start, Dash::Solid, 0.9});
    chart.line(steps, mean, {"running mean", Ink::Result, Dash::Solid, 2.2});
    figures.push_back(
        chart.figure("What the flow makes small, by step; its running mean goes from " +
                     shown_number(mean(0)) + " to " + shown_number(mean(mean.size() - 1)) + "." +
                     (annealed > 0 ? " Up to step " + std::to_string(annealed) +
                                         " temperature or bandwidth were still changing."
                                   : "")));
  }
  {
    const Eigen::VectorXd size = column_of(log, "sipEffectiveSampleSize");
    Chart chart("convergence-effective-sample-size",
                "Effective sample size",
                step_axis(steps),
                {"conformations that count", 0, 1.08 * static_cast<double>(conformations)});
    chart.horizontal_line(static_cast<double>(conformations), "all conformations");
    chart.line(steps, size, {"effective sample size", Ink::Result, Dash::Solid, 2.2}, false);
    figures.push_back(chart.figure(
        "How many conformations of equal weight the weighted ones are worth, by step. " +
        first_and_last(size)));
  }
  {
    const Eigen::VectorXd size = column_of(log, "sipStepSize");
    Chart chart("convergence-step-size",
                "Step size",
                step_axis(steps),
                {"step size", 0, std::max(1e-12, 1.08 * size.maxCoeff())});
    chart.line(steps, size, {"step size", Ink::Result, Dash::Solid, 2.2}, false);
    figures.push_back(
        chart.figure("How far conformations move in a step. " + first_and_last(size)));
  }
  for (const auto& [label, title] :
       {std::pair("sipTemperature", "Temperature"), std::pair("sipBandwidth", "Bandwidth")}) {
    if (annealed > 0 && log.has(label)) {
      const Eigen::VectorXd values = column_of(log, label);
      if (values.minCoeff() < values.maxCoeff()) {
        std::string name = title;
        name[0] = static_cast<char>(name[0] - 'A' + 'a');
        Chart chart(
            "convergence-" + name, title, step_axis(steps), {name, 0, 1.08 * values.maxCoeff()});
        chart.line(steps, values, {name, Ink::Result, Dash::Solid, 2.2}, false);
        figures.push_back(
            chart.figure("What is annealed from coarse to fine. " + first_and_last(values)));
      }
    }
  }
  return figures;
}

std::vector<Figure> marginal_figures(const RunData& run, const Eigen::VectorXd& units) {
  std::vector<Figure> figures;
  for (Index k = 0; k < run.ensemble.dimension(); ++k) {
    const DensityWithRefits result = density_with_refits(run.ensemble, {k}, kMarginalPoints);
    struct Curve {
      DensityWithRefits of;
      SeriesStyle style;
    };
    // The last is drawn on top.
    std::vector<Curve> curves;
    if (run.start) {
      curves.push_back({density_with_refits(*run.start, {k}, kMarginalPoints), start_style()});
    }
    if (run.truth) {
      curves.push_back({density_with_refits(*run.truth, {k}, kMarginalPoints), truth_style()});
    }
    curves.push_back({result, result_style()});
    Range x{result.axes[0](0), result.axes[0](0)};
    double highest = 0;
    bool any = false;
    for (const Curve& curve : curves) {
      const Range own = worth_showing(curve.of);
      x = any ? Range{std::min(x.low, own.low), std::max(x.high, own.high)} : own;
      any = true;
      highest = std::max(highest, curve.of.density.maxCoeff());
    }
    const Index cells = result.density.size();
    Eigen::VectorXd lower(cells);
    Eigen::VectorXd upper(cells);
    for (std::size_t c = 0; c < result.bands.size(); ++c) {
      lower(static_cast<Index>(c)) = result.bands[c].lower;
      upper(static_cast<Index>(c)) = result.bands[c].upper;
    }
    if (!result.bands.empty()) {
      highest = std::max(highest, upper.maxCoeff());
    }
    const std::string number = std::to_string(k + 1);
    Chart chart("marginal-" + number,
                "Coordinate " + number,
                {coordinate_label(k, units), x.low, x.high},
                {"density (per unit)", 0, 1.08 * highest});
    if (!result.bands.empty()) {
      chart.band(result.axes[0], lower, upper, result_style());
    }
    for (const Curve& curve : curves) {
      chart.line(curve.of.axes[0], curve.of.density.cwiseMax(0), curve.style, false);
    }
    for (std::size_t c = curves.size(); c-- > 0;) {
      chart.legend_entry(curves[c].style);
    }
    const auto peaks = [](const DensityWithRefits& of) { return peaks_of(of.axes[0], of.density); };
    std::string description =
        "Density of " + coordinate_label(k, units) + ". The result " + peaks(result);
    if (run.truth) {
      description += "; the truth " + peaks(curves[curves.size() - 2].of);
    }
    description += run.start ? "; the start is shown too" : "";
    if (!result.bands.empty()) {
      description += ". A band shows where nine in ten of such results lie";
    }
    figures.push_back(chart.figure(description + ".", "The result " + peaks(result) + "."));
  }
  return figures;
}

std::vector<Figure> plane_figures(const RunData& run, const Eigen::VectorXd& units) {
  constexpr Index kMost = 4;
  constexpr Index kPoints = 64;
  std::vector<Figure> figures;
  const Index coordinates = std::min(kMost, run.ensemble.dimension());
  for (Index a = 0; a < coordinates; ++a) {
    for (Index b = a + 1; b < coordinates; ++b) {
      const Plane result(density_with_refits(run.ensemble, {a, b}, kPoints));
      std::optional<Plane> truth;
      if (run.truth) {
        truth.emplace(density_with_refits(*run.truth, {a, b}, kPoints));
      }
      const auto axis = [&](const Eigen::VectorXd Plane::*grid, Index k) {
        Range range = result.shown(grid);
        if (truth) {
          const Range other = truth->shown(grid);
          range = {std::min(range.low, other.low), std::max(range.high, other.high)};
        }
        return Axis{coordinate_label(k, units), range.low, range.high};
      };
      const std::string pair = std::to_string(a + 1) + "-" + std::to_string(b + 1);
      Chart chart("landscape-" + pair,
                  "Coordinates " + std::to_string(a + 1) + " and " + std::to_string(b + 1),
                  axis(&Plane::x, a),
                  axis(&Plane::y, b),
                  kFigureWidth,
                  330);
      chart.heat_map(result.density, result.x, result.y, Ink::Result, "result");
      SeriesStyle style = result_style();
      style.width = 1.4;
      add_regions(chart, result.density, result.x, result.y, style);
      chart.legend_entry(style);
      if (truth) {
        style = truth_style();
        style.width = 1.4;
        add_regions(chart, truth->density, truth->x, truth->y, style);
        chart.legend_entry(style);
      }
      Index i = 0;
      Index j = 0;
      result.density.maxCoeff(&i, &j);
      const double level = enclosing_level(result.density, 0.5);
      const std::size_t regions = contour_lines(result.density, result.x, result.y, level).size();
      figures.push_back(
          chart.figure("Density of the result over two coordinates, in the strongest colour where "
                       "it is densest: at " +
                       shown_number(result.x(i), 2) + ", " + shown_number(result.y(j), 2) +
                       ". Lines enclose half and nine tenths of the result" +
                       (run.truth ? " and of the truth" : "") + "; the half lies in " +
                       counted(static_cast<double>(regions), "region") + "."));
    }
  }
  return figures;
}

std::vector<Figure> free_energy_figures(const std::vector<FreeEnergy>& energies,
                                        const Eigen::VectorXd& units) {
  std::vector<Figure> figures;
  for (const FreeEnergy& energy : energies) {
    const Index k = energy.coordinates.front();
    const Eigen::VectorXd& grid = energy.axes.front();
    // Only where the density is told.
    Index first = 0;
    Index last = grid.size() - 1;
    while (first < last && std::isnan(energy.values(first))) {
      ++first;
    }
    while (last > first && std::isnan(energy.values(last))) {
      --last;
    }
    const Index count = last - first + 1;
    const auto part = [&](const Eigen::VectorXd& of) -> Eigen::VectorXd {
      return of.segment(first, count);
    };
    const double highest =
        1.05 * part(energy.values).array().isNaN().select(0, part(energy.values)).maxCoeff();
    const std::string number = std::to_string(k + 1);
    Chart chart("free-energy-" + number,
                "Coordinate " + number,
                {coordinate_label(k, units),
                 grid(first),
                 grid(last) > grid(first) ? grid(last) : grid(first) + 1},
                {"free energy (kT)", 0, std::max(1.0, highest)});
    if (energy.lower.size() > 0) {
      const auto finite = [&](const Eigen::VectorXd& of) -> Eigen::VectorXd {
        return part(of).unaryExpr([&](double v) { return std::isfinite(v) ? v : 2 * highest; });
      };
      chart.band(part(grid), finite(energy.lower), finite(energy.upper), result_style());
    }
    chart.line(
        part(grid), part(energy.values), {"free energy", Ink::Result, Dash::Solid, 2.2}, false);
    std::string basins;
    for (const Basin& basin : energy.basins) {
      basins += (basins.empty() ? "" : "; ") + shown_number(basin.minimum(0), 2) + " (" +
                shown_percent(basin.population) + ")";
    }
    figures.push_back(chart.figure("Free energy along " + coordinate_label(k, units) +
                                       ", in units of kT, 0 at its lowest. Minima and their "
                                       "populations: " +
                                       basins + ".",
                                   "Minima: " + basins + "."));
  }
  return figures;
}

std::vector<Figure> structure_figures(const RepresentativeStructures& representatives,
                                      const Ensemble& ensemble,
                                      const std::string& unit) {
  const StructureView view =
      common_view(representatives.trace, representatives.mean, representatives.structures);
  std::vector<Figure> figures;
  for (std::size_t m = 0; m < representatives.structures.size(); ++m) {
    const auto at = static_cast<Index>(m);
    const std::string share = shown_percent(representatives.groups.populations(at));
    std::string title = group_name(m) + ", " + share;
    title[0] = 'G';
    std::string coordinates;
    for (Index k = 0; k < ensemble.dimension(); ++k) {
      coordinates +=
          (k == 0 ? "" : ", ") +
          shown_number(ensemble.coordinates(k, representatives.groups.conformations[m]), 2);
    }
    figures.push_back(structure_figure(
        "group-" + std::to_string(m + 1),
        title,
        "The structure that stands for " + share +
            " of the ensemble, from the front and from the right, coloured by how far it has moved "
            "from the mean structure (thin grey): " +
            shown_number(representatives.rmsd_to_mean(at)) + unit + " RMSD. Coordinates " +
            coordinates + ".",
        shown_number(representatives.rmsd_to_mean(at)) + unit +
            " RMSD from the mean; coordinates " + coordinates,
        representatives.trace,
        representatives.mean,
        representatives.structures[m],
        view,
        unit));
  }
  return figures;
}

}  // namespace cryosip

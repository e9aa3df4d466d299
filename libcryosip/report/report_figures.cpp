#include "libcryosip/report/report_figures.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "libcryosip/assess/bands.hpp"
#include "libcryosip/assess/density.hpp"
#include "libcryosip/report/chart.hpp"
#include "libcryosip/report/contour.hpp"
#include "libcryosip/report/findings.hpp"
#include "libcryosip/report/markup.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

constexpr double kWidth = 360;
constexpr Index kMarginalPoints = 256;

struct Range {
  double low = 0;
  double high = 0;
};

SeriesStyle observed_style() {
  return {"observed", Ink::Observed, Dash::Solid, 2};
}
SeriesStyle simulated_style() {
  return {"simulated", Ink::Result, Dash::Dashed, 2};
}

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

// "peaks at -0.98 and 1.02": local maxima above a tenth of the highest.
std::string peaks_of(const Eigen::VectorXd& grid, const Eigen::VectorXd& density) {
  std::string text;
  const double least = density.maxCoeff() / 10;
  for (Index i = 1; i + 1 < density.size(); ++i) {
    if (density(i) >= least && density(i) > density(i - 1) && density(i) >= density(i + 1)) {
      text += (text.empty() ? "" : ", ") + shown_number(grid(i), 2);
    }
  }
  return text.empty() ? "has no peak" : "peaks at " + text;
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

RgbaImage grey_image(const Eigen::VectorXd& pixels, int box, double low, double high) {
  RgbaImage image(box, box);
  for (int y = 0; y < box; ++y) {
    for (int x = 0; x < box; ++x) {
      const double value = pixels(static_cast<Index>(y) * box + x);
      const double share = high > low ? std::clamp((value - low) / (high - low), 0.0, 1.0) : 0.5;
      const auto grey = static_cast<std::uint8_t>(std::lround(255 * share));
      image.set(x, y, {grey, grey, grey});
    }
  }
  return image;
}

// Three standard deviations about the mean of all of them: one range where grey levels compare.
Range range_of(const std::vector<const Eigen::VectorXd*>& images) {
  double sum = 0;
  double squares = 0;
  Index count = 0;
  for (const Eigen::VectorXd* image : images) {
    sum += image->sum();
    squares += image->squaredNorm();
    count += image->size();
  }
  const double mean = sum / static_cast<double>(count);
  const double deviation =
      std::sqrt(std::max(0.0, squares / static_cast<double>(count) - mean * mean));
  return {mean - 3 * deviation, mean + 3 * deviation};
}

Figure picture_row(const std::string& name, const std::string& title, double height) {
  Figure figure{name, title, "", "", kWidth, height, {}, std::nullopt};
  Words heading{{6, 15}, title, 13};
  heading.bold = true;
  figure.marks.emplace_back(std::move(heading));
  return figure;
}

void add_picture(Figure& figure,
                 const Eigen::Vector2d& corner,
                 double edge,
                 const RgbaImage& image,
                 const std::string& word) {
  figure.marks.emplace_back(Picture{corner, {edge, edge}, image, false, false, ""});
  if (!word.empty()) {
    figure.marks.emplace_back(Words{{corner.x() + edge / 2, corner.y() + edge + 14},
                                    word,
                                    11,
                                    Words::Anchor::Middle,
                                    Ink::Muted});
  }
}

Figure mean_figure(const ImagePanels& panels) {
  constexpr double kEdge = 112;
  Figure figure = picture_row("images-mean", "Mean image", 156);
  const Eigen::VectorXd difference = panels.observed_mean - panels.simulated_mean;
  const Range range = range_of({&panels.observed_mean, &panels.simulated_mean});
  const double middle = (range.low + range.high) / 2;
  double x = 6;
  for (const auto& [image, word, shift] : {std::tuple(&panels.observed_mean, "observed", 0.0),
                                           std::tuple(&panels.simulated_mean, "simulated", 0.0),
                                           std::tuple(&difference, "difference", middle)}) {
    add_picture(figure,
                {x, 24},
                kEdge,
                grey_image(*image, panels.grid.box, range.low - shift, range.high - shift),
                word);
    x += kEdge + 6;
  }
  const double share =
      panels.observed_mean.squaredNorm() > 0 ? difference.norm() / panels.observed_mean.norm() : 0;
  // Both means carry noise.
  const double chance = panels.noise_sigma *
                        std::sqrt(2 * static_cast<double>(panels.coefficients) /
                                  static_cast<double>(panels.compared)) /
                        std::max(1e-300, panels.observed_mean.norm());
  figure.caption = "The difference has " + shown_percent(share) +
                   " of the observed mean's size; noise alone makes " + shown_percent(chance) + ".";
  figure.description =
      "Mean of the observed images, of the simulated ones, and their difference, "
      "in one range of greys. " +
      figure.caption;
  return figure;
}

// Resolutions in angstrom as ticks of spatial frequency.
std::vector<Tick> resolution_ticks(double low, double high, bool in_angstrom) {
  std::vector<Tick> ticks;
  double last = -1;
  for (const double d : {200.0, 100.0, 60.0, 40.0, 30.0, 20.0, 15.0, 12.0, 10.0, 9.0, 8.0, 7.0,
                         6.0,   5.0,   4.5,  4.0,  3.5,  3.0,  2.5,  2.0,  1.0,  0.5, 0.25}) {
    const double at = 1 / d;
    if (at >= low && at <= high && at - last > 0.13 * (high - low)) {
      ticks.push_back({at, shown_number(d, 2) + (in_angstrom ? " \u00c5" : "")});
      last = at;
    }
  }
  return ticks;
}

Figure spectrum_figure(const ImagePanels& panels, bool in_angstrom) {
  const Eigen::VectorXd& x = panels.frequencies;
  double low = std::min(panels.observed_power.minCoeff(), panels.simulated_power.minCoeff());
  double high = std::max(panels.observed_power.maxCoeff(), panels.simulated_power.maxCoeff());
  if (panels.noise_power > 0) {
    low = std::min(low, panels.noise_power);
  }
  low = std::max(low, 1e-12 * high) / 1.3;
  high *= 1.3;
  Axis x_axis{in_angstrom ? "detail (\u00e5ngstr\u00f6m)" : "detail (the model's units)",
              x(0),
              x(x.size() - 1) > x(0) ? x(x.size() - 1) : 2 * x(0)};
  x_axis.ticks = resolution_ticks(x_axis.low, x_axis.high, in_angstrom);
  Axis y_axis{"mean power", low, high, true};
  Chart chart("images-power-spectrum", "Power spectrum", std::move(x_axis), std::move(y_axis));
  chart.line(x, panels.observed_power, observed_style());
  chart.line(x, panels.simulated_power, simulated_style());
  if (panels.noise_power > 0) {
    chart.line(x,
               Eigen::VectorXd::Constant(x.size(), panels.noise_power),
               {"noise alone", Ink::Start, Dash::Dotted, 1.8});
  }
  const double excess =
      (panels.simulated_power.array() / panels.observed_power.array()).log().abs().maxCoeff();
  const std::string most =
      "They differ by at most a factor of " + shown_number(std::exp(excess), 3) + ".";
  return chart.figure(
      "Mean power of observed and simulated images by detail, on a logarithmic scale. " + most,
      most);
}

Figure component_figure(const ImagePanels& panels) {
  const std::size_t count =
      std::min(panels.observed_component_images.size(), panels.simulated_component_images.size());
  constexpr double kEdge = 82;
  Figure figure = picture_row("images-components", "Principal components", 220);
  std::string shares;
  const auto share = [](const PrincipalComponents& of, std::size_t p) {
    return shown_percent(
        of.total_variance > 0 ? of.variances(static_cast<Index>(p)) / of.total_variance : 0);
  };
  for (std::size_t p = 0; p < count; ++p) {
    const double x = 6 + static_cast<double>(p) * (kEdge + 6);
    const auto add = [&](const Eigen::VectorXd& image, double y, const std::string& word) {
      const double most = image.cwiseAbs().maxCoeff();
      add_picture(figure, {x, y}, kEdge, grey_image(image, panels.grid.box, -most, most), word);
    };
    add(panels.observed_component_images[p], 24, share(panels.observed_components, p));
    add(panels.simulated_component_images[p], 126, share(panels.simulated_components, p));
    shares += (p == 0 ? "" : "; ") + share(panels.observed_components, p) + " and " +
              share(panels.simulated_components, p);
  }
  figure.height = 230;
  figure.caption =
      "Above of the observed images, below of the simulated ones; in percent of the "
      "variance. Like ones should look alike, up to order where shares are close.";
  figure.description =
      "The first " + std::to_string(count) +
      " principal components of the observed images above, of the simulated ones below, each with "
      "its share of the variance: " +
      shares + ".";
  return figure;
}

// Smallest range about most of the values.
Range central_range(const Eigen::VectorXd& a, const Eigen::VectorXd& b) {
  std::vector<double> values(a.data(), a.data() + a.size());
  values.insert(values.end(), b.data(), b.data() + b.size());
  std::sort(values.begin(), values.end());
  const auto at = [&](double share) {
    return values[static_cast<std::size_t>(share * static_cast<double>(values.size() - 1))];
  };
  const double room = 0.15 * (at(0.995) - at(0.005));
  return {at(0.005) - room, at(0.995) + room};
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

Figure projection_figure(const ImagePanels& panels) {
  const Eigen::MatrixXd observed = panels.observed_projections.topRows(2);
  const Eigen::MatrixXd simulated = panels.simulated_projections.topRows(2);
  const Range x = central_range(observed.row(0), simulated.row(0));
  const Range y = central_range(observed.row(1), simulated.row(1));
  Chart chart("images-along-components",
              "Images along the components",
              {"component 1", x.low, x.high},
              {"component 2", y.low, y.high},
              kWidth,
              300);
  static constexpr Index kDots = 1000;
  const auto some = [](const Eigen::MatrixXd& points) -> Eigen::Matrix2Xd {
    return points.leftCols(std::min(kDots, points.cols()));
  };
  chart.dots(some(observed), observed_style(), 1.2, 0.4);
  constexpr Index kGrid = 48;
  const Eigen::VectorXd grid_x = Eigen::VectorXd::LinSpaced(kGrid, x.low, x.high);
  const Eigen::VectorXd grid_y = Eigen::VectorXd::LinSpaced(kGrid, y.low, y.high);
  for (const auto& [points, style] :
       {std::pair(&observed, observed_style()), std::pair(&simulated, simulated_style())}) {
    const Eigen::VectorXd weights =
        Eigen::VectorXd::Constant(points->cols(), 1 / static_cast<double>(points->cols()));
    const Eigen::Vector2d spacing(grid_x(1) - grid_x(0), grid_y(1) - grid_y(0));
    const Eigen::Vector2d bandwidths = silverman_bandwidths(*points, weights).cwiseMax(spacing);
    add_regions(
        chart, kernel_density(*points, weights, bandwidths, grid_x, grid_y), grid_x, grid_y, style);
    chart.legend_entry(style);
  }
  return chart.figure(
      "Each dot is an observed image along the first two principal components of the observed "
      "images. Lines enclose half and nine tenths of the observed and of the simulated images; "
      "where the two sets are alike the lines lie on each other.",
      "Dots are observed images. Lines enclose half and nine tenths of either set.");
}

// Of images of one pixel.
Figure value_figure(const ImagePanels& panels) {
  const Eigen::VectorXd weights =
      Eigen::VectorXd::Constant(panels.observed_projections.cols(),
                                1 / static_cast<double>(panels.observed_projections.cols()));
  const auto& mean = panels.observed_components.mean;
  const Eigen::VectorXd observed = panels.observed_projections.row(0).array() + mean(0);
  const Eigen::VectorXd simulated = panels.simulated_projections.row(0).array() + mean(0);
  const Range range = central_range(observed, simulated);
  const Eigen::VectorXd grid = Eigen::VectorXd::LinSpaced(200, range.low, range.high);
  const auto density = [&](const Eigen::VectorXd& values) {
    const double bandwidth = silverman_bandwidths(values.transpose(), weights)(0);
    return kernel_density(values, weights, std::max(bandwidth, grid(1) - grid(0)), grid);
  };
  const Eigen::VectorXd of_observed = density(observed);
  const Eigen::VectorXd of_simulated = density(simulated);
  Chart chart("images-values",
              "Values of the images",
              {"pixel", range.low, range.high},
              {"density", 0, 1.08 * std::max(of_observed.maxCoeff(), of_simulated.maxCoeff())});
  chart.line(grid, of_observed, observed_style());
  chart.line(grid, of_simulated, simulated_style());
  return chart.figure("Images are single numbers here. The density of the observed ones " +
                      peaks_of(grid, of_observed) + ", that of the simulated ones " +
                      peaks_of(grid, of_simulated) + ".");
}

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
                  kWidth,
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

std::vector<Figure> example_figures(const ImagePanels& panels) {
  std::vector<Figure> figures;
  if (panels.grid.box == 1) {
    return figures;
  }
  constexpr double kEdge = 112;
  for (const ImagePanels::Example& example : panels.examples) {
    const std::string number = shown_count(static_cast<double>(example.image + 1));
    const bool pair = example.clear.size() > 0;
    Figure figure = picture_row(
        "image-" + std::to_string(example.image + 1),
        "Image " + number + (pair ? ", r = " + shown_number(example.correlation, 2) : ""),
        156);
    const Range range = range_of({&example.observed, &example.simulated});
    const auto add = [&](const Eigen::VectorXd& image, Range of, const char* word, int place) {
      add_picture(figure,
                  {6 + place * (kEdge + 6), 24},
                  kEdge,
                  grey_image(image, panels.grid.box, of.low, of.high),
                  word);
    };
    add(example.observed, range, "observed", 0);
    add(example.simulated, range, "simulated", 1);
    if (pair) {
      add(example.clear, range_of({&example.clear}), "without noise", 2);
      figure.description =
          "Observed image, and the one that the best fitting conformation gives in its pose and "
          "optics, with noise and without. Observed and noise-free image correlate by " +
          shown_number(example.correlation, 2) + ".";
    } else {
      figure.description =
          "An observed image and a simulated one of any view: poses are not known.";
    }
    figures.push_back(std::move(figure));
  }
  return figures;
}

std::vector<Figure> image_set_figures(const ImagePanels& panels, bool in_angstrom) {
  if (panels.grid.box == 1) {
    return {value_figure(panels)};
  }
  std::vector<Figure> figures = {mean_figure(panels), spectrum_figure(panels, in_angstrom)};
  if (!panels.observed_component_images.empty()) {
    figures.push_back(component_figure(panels));
  }
  if (panels.observed_projections.rows() >= 2) {
    figures.push_back(projection_figure(panels));
  }
  return figures;
}

}  // namespace cryosip

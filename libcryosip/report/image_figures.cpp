#include "libcryosip/report/image_figures.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <utility>

#include "libcryosip/assess/density.hpp"
#include "libcryosip/report/chart.hpp"
#include "libcryosip/report/density_marks.hpp"
#include "libcryosip/report/markup.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

SeriesStyle observed_style() {
  return {"observed", Ink::Observed, Dash::Solid, 2};
}
SeriesStyle simulated_style() {
  return {"simulated", Ink::Result, Dash::Dashed, 2};
}

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
  Figure figure{name, title, "", "", kFigureWidth, height, {}, std::nullopt};
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

Figure projection_figure(const ImagePanels& panels) {
  const Eigen::MatrixXd observed = panels.observed_projections.topRows(2);
  const Eigen::MatrixXd simulated = panels.simulated_projections.topRows(2);
  const Range x = central_range(observed.row(0), simulated.row(0));
  const Range y = central_range(observed.row(1), simulated.row(1));
  Chart chart("images-along-components",
              "Images along the components",
              {"component 1", x.low, x.high},
              {"component 2", y.low, y.high},
              kFigureWidth,
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

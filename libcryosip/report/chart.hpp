// Charts: axes with their ticks and units, and what is plotted between them, as a Figure.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/report/figure.hpp"

namespace cryosip {

struct Tick {
  double value = 0;
  std::string text;
};

/// Round values (1, 2 or 5 times a power of ten) inside low .. high, about `wanted` of them.
std::vector<Tick> round_ticks(double low, double high, int wanted = 5);
/// Powers of ten inside low .. high, both > 0; where there are fewer than three, also 2 and 5 times
/// them.
std::vector<Tick> decade_ticks(double low, double high);

struct Axis {
  std::string label;  ///< with its unit
  double low = 0;
  double high = 1;
  bool logarithmic = false;      ///< then low > 0
  std::vector<Tick> ticks = {};  ///< empty: chosen
  bool hide_values = false;      ///< no ticks: only shapes matter
};

/// How one kind of data looks, everywhere.
struct SeriesStyle {
  std::string name;
  Colour colour = Ink::Result;
  Dash dash = Dash::Solid;
  double width = 2;
};
SeriesStyle result_style();
SeriesStyle truth_style();
SeriesStyle start_style();

/// Of a figure in a column of the page, in points.
inline constexpr double kFigureWidth = 360;

/// Marks are drawn in the order of the calls.
class Chart {
 public:
  /// Width and height in points; values outside the axes are cut off, lines at the border.
  Chart(std::string name,
        std::string title,
        Axis x,
        Axis y,
        double width = kFigureWidth,
        double height = 240);

  /// Shaded between two values of x, with a word at its top.
  void shade(double from, double to, const std::string& word);
  void horizontal_line(double y, const std::string& word);
  void band(const Eigen::VectorXd& x,
            const Eigen::VectorXd& lower,
            const Eigen::VectorXd& upper,
            const SeriesStyle& style);
  /// @param in_legend  false for a second line of a series that has its entry
  void line(const Eigen::VectorXd& x,
            const Eigen::VectorXd& y,
            const SeriesStyle& style,
            bool in_legend = true);
  /// A line that is no function of x: no read-outs.
  void curve(const std::vector<Eigen::Vector2d>& points, const SeriesStyle& style);
  void legend_entry(const SeriesStyle& style);
  /// @param points  (2, n)
  void dots(const Eigen::Matrix2Xd& points,
            const SeriesStyle& style,
            double radius,
            double opacity);
  /// A density as ink whose strength goes with it; cells that reach over the axes are left out.
  /// @param density  element (i, j) at (x(i), y(j)) of even grids
  void heat_map(const Eigen::MatrixXd& density,
                const Eigen::VectorXd& x,
                const Eigen::VectorXd& y,
                Ink ink,
                const std::string& series);

  /// @param description, caption  see Figure
  [[nodiscard]] Figure figure(std::string description, std::string caption = {}) const;

 private:
  [[nodiscard]] Eigen::Vector2d place(double x, double y) const;
  [[nodiscard]] std::vector<std::vector<Eigen::Vector2d>> cut(
      const std::vector<Eigen::Vector2d>& values) const;
  void draw_axes(std::vector<Mark>& marks) const;
  void draw_legend(std::vector<Mark>& marks) const;

  std::string name_;
  std::string title_;
  Axis x_;
  Axis y_;
  double width_;
  double height_;
  Eigen::Vector2d corner_;  // of the plot
  Eigen::Vector2d size_;
  std::vector<SeriesStyle> legend_;
  std::vector<Mark> marks_;
};

/// Width of text in points, estimated.
double text_width(const std::string& text, double size);

}  // namespace cryosip

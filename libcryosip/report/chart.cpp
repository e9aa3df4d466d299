#include "libcryosip/report/chart.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <initializer_list>
#include <utility>

#include "libcryosip/report/markup.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

constexpr double kTitleSize = 13;
constexpr double kLabelSize = 11.5;
constexpr double kTickSize = 11;
constexpr double kTop = 46;     // title and legend
constexpr double kBottom = 40;  // ticks and label
constexpr double kRight = 12;

double unit_of(const Axis& axis, double value) {
  const auto scaled = [&](double v) { return axis.logarithmic ? std::log10(v) : v; };
  return (scaled(value) - scaled(axis.low)) / (scaled(axis.high) - scaled(axis.low));
}

std::vector<Tick> ticks_of(const Axis& axis, int wanted) {
  if (axis.hide_values) {
    return {};
  }
  if (!axis.ticks.empty()) {
    return axis.ticks;
  }
  return axis.logarithmic ? decade_ticks(axis.low, axis.high)
                          : round_ticks(axis.low, axis.high, wanted);
}

}  // namespace

double text_width(const std::string& text, double size) {
  // Half an em and a little a character; continuation bytes of UTF-8 are none.
  const auto characters = std::count_if(text.begin(), text.end(), [](char c) {
    return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U;
  });
  return 0.56 * size * static_cast<double>(characters);
}

std::vector<Tick> round_ticks(double low, double high, int wanted) {
  const double rough = (high - low) / wanted;
  if (!(rough > 0) || !std::isfinite(rough)) {
    return {};
  }
  const double power = std::pow(10, std::floor(std::log10(rough)));
  double step = 10 * power;
  for (const double factor : {1.0, 2.0, 5.0}) {
    if (rough <= factor * power * (1 + 1e-9)) {
      step = factor * power;
      break;
    }
  }
  std::vector<Tick> ticks;
  const double tolerance = 1e-9 * step;
  const double largest = std::max(std::abs(low), std::abs(high));
  const int digits = std::clamp(
      static_cast<int>(std::floor(std::log10(largest)) - std::floor(std::log10(step))) + 1, 1, 12);
  for (double k = std::ceil((low - tolerance) / step); k * step <= high + tolerance; ++k) {
    ticks.push_back({k * step, shown_number(k == 0 ? 0 : k * step, digits)});
  }
  return ticks;
}

std::vector<Tick> decade_ticks(double low, double high) {
  const auto multiples = [&](std::initializer_list<double> factors) {
    std::vector<Tick> ticks;
    const int last = static_cast<int>(std::floor(std::log10(high)));
    for (int e = static_cast<int>(std::floor(std::log10(low))); e <= last; ++e) {
      for (const double factor : factors) {
        const double value = factor * std::pow(10, e);
        if (value >= low * (1 - 1e-9) && value <= high * (1 + 1e-9)) {
          ticks.push_back({value, shown_number(value, 1)});
        }
      }
    }
    return ticks;
  };
  std::vector<Tick> ticks = multiples({1});
  if (ticks.size() < 3) {
    ticks = multiples({1, 2, 5});
  }
  // Every second or third where they are many.
  const std::size_t every = (ticks.size() + 6) / 7;
  std::vector<Tick> kept;
  for (std::size_t i = 0; i < ticks.size(); i += every) {
    kept.push_back(ticks[i]);
  }
  return kept;
}

SeriesStyle result_style() {
  return {"result", Ink::Result, Dash::Solid, 2.2};
}
SeriesStyle truth_style() {
  return {"truth", Ink::Truth, Dash::Dashed, 1.6};
}
SeriesStyle start_style() {
  return {"start", Ink::Start, Dash::Dotted, 1.8};
}

Chart::Chart(std::string name, std::string title, Axis x, Axis y, double width, double height)
    : name_(std::move(name)),
      title_(std::move(title)),
      x_(std::move(x)),
      y_(std::move(y)),
      width_(width),
      height_(height) {
  double widest = 0;
  for (const Tick& tick : ticks_of(y_, 4)) {
    widest = std::max(widest, text_width(tick.text, kTickSize));
  }
  corner_ = {widest + 28, kTop};
  size_ = {width_ - corner_.x() - kRight, height_ - kTop - kBottom};
}

Eigen::Vector2d Chart::place(double x, double y) const {
  return {corner_.x() + size_.x() * unit_of(x_, x), corner_.y() + size_.y() * (1 - unit_of(y_, y))};
}

// The parts of a line of values that lie inside the axes, as places.
std::vector<std::vector<Eigen::Vector2d>> Chart::cut(
    const std::vector<Eigen::Vector2d>& values) const {
  std::vector<std::vector<Eigen::Vector2d>> parts;
  bool open = false;
  const auto add = [&](const Eigen::Vector2d& at) {
    if (!open) {
      parts.emplace_back();
      open = true;
    }
    parts.back().push_back(place(at.x(), at.y()));
  };
  for (std::size_t i = 0; i + 1 < values.size(); ++i) {
    // Liang and Barsky: the share of this stretch between all four borders.
    const Eigen::Vector2d& a = values[i];
    const Eigen::Vector2d d = values[i + 1] - a;
    double begin = 0;
    double end = 1;
    bool inside = a.allFinite() && d.allFinite();
    const auto border = [&](double slope, double room) {
      if (slope == 0) {
        inside = inside && room >= 0;
      } else if (slope < 0) {
        begin = std::max(begin, room / slope);
      } else {
        end = std::min(end, room / slope);
      }
    };
    border(-d.x(), a.x() - x_.low);
    border(d.x(), x_.high - a.x());
    border(-d.y(), a.y() - y_.low);
    border(d.y(), y_.high - a.y());
    if (!inside || begin > end) {
      open = false;
      continue;
    }
    if (!open || begin > 0) {
      open = false;
      add(a + begin * d);
    }
    add(a + end * d);
    open = end == 1;
  }
  return parts;
}

void Chart::shade(double from, double to, const std::string& word) {
  const double left = place(std::max(from, x_.low), y_.low).x();
  const double right = place(std::min(to, x_.high), y_.low).x();
  const double top = corner_.y();
  const double bottom = top + size_.y();
  marks_.emplace_back(
      Area{{{left, top}, {right, top}, {right, bottom}, {left, bottom}}, Ink::Grid, 0.6});
  if (text_width(word, kTickSize) < right - left) {
    marks_.emplace_back(Words{
        {(left + right) / 2, bottom - 5}, word, kTickSize, Words::Anchor::Middle, Ink::Muted});
  }
}

void Chart::horizontal_line(double y, const std::string& word) {
  if (y < y_.low || y > y_.high) {
    return;
  }
  const Eigen::Vector2d left = place(x_.low, y);
  const Eigen::Vector2d right = place(x_.high, y);
  marks_.emplace_back(Line{{left, right}, Ink::Muted, 1, Dash::Dashed});
  const bool below = left.y() < corner_.y() + 14;
  marks_.emplace_back(Words{{right.x() - 3, left.y() + (below ? 13 : -4)},
                            word,
                            kTickSize,
                            Words::Anchor::End,
                            Ink::Muted});
}

void Chart::band(const Eigen::VectorXd& x,
                 const Eigen::VectorXd& lower,
                 const Eigen::VectorXd& upper,
                 const SeriesStyle& style) {
  Area area{{}, style.colour, 0.22, style.name};
  const auto add = [&](Index i, double y) {
    area.points.push_back(place(std::clamp(x(i), x_.low, x_.high), std::clamp(y, y_.low, y_.high)));
  };
  for (Index i = 0; i < x.size(); ++i) {
    add(i, lower(i));
  }
  for (Index i = x.size(); i-- > 0;) {
    add(i, upper(i));
  }
  marks_.emplace_back(std::move(area));
}

void Chart::line(const Eigen::VectorXd& x,
                 const Eigen::VectorXd& y,
                 const SeriesStyle& style,
                 bool in_legend) {
  std::vector<Eigen::Vector2d> values;
  for (Index i = 0; i < x.size(); ++i) {
    values.emplace_back(x(i), y(i));
  }
  for (const auto& part : cut(values)) {
    marks_.emplace_back(Line{part, style.colour, style.width, style.dash, 1, style.name});
  }
  if (in_legend) {
    legend_entry(style);
  }
}

void Chart::curve(const std::vector<Eigen::Vector2d>& points, const SeriesStyle& style) {
  for (const auto& part : cut(points)) {
    marks_.emplace_back(Line{part, style.colour, style.width, style.dash, 1, style.name});
  }
}

void Chart::legend_entry(const SeriesStyle& style) {
  legend_.push_back(style);
}

void Chart::dots(const Eigen::Matrix2Xd& points,
                 const SeriesStyle& style,
                 double radius,
                 double opacity) {
  Dots dots{{}, radius, style.colour, opacity, style.name};
  for (const auto& point : points.colwise()) {
    if (point.x() >= x_.low && point.x() <= x_.high && point.y() >= y_.low &&
        point.y() <= y_.high) {
      dots.centres.push_back(place(point.x(), point.y()));
    }
  }
  marks_.emplace_back(std::move(dots));
}

void Chart::heat_map(const Eigen::MatrixXd& density,
                     const Eigen::VectorXd& x,
                     const Eigen::VectorXd& y,
                     Ink ink,
                     const std::string& series) {
  const double highest = density.maxCoeff();
  // A pixel is centred on its point of the grid; those that lie inside the axes.
  struct Inside {
    Index first;
    Index count;
    double half;
  };
  const auto inside = [](const Eigen::VectorXd& grid, const Axis& axis) {
    const double half = (grid(1) - grid(0)) / 2;
    const double slack = 1e-6 * half;
    Index first = 0;
    while (first < grid.size() && grid(first) - half < axis.low - slack) {
      ++first;
    }
    Index end = grid.size();
    while (end > first && grid(end - 1) + half > axis.high + slack) {
      --end;
    }
    return Inside{first, end - first, half};
  };
  const Inside columns = inside(x, x_);
  const Inside rows = inside(y, y_);
  if (columns.count == 0 || rows.count == 0 || !(highest > 0)) {
    return;
  }
  RgbaImage image(static_cast<int>(columns.count), static_cast<int>(rows.count));
  for (int i = 0; i < image.width; ++i) {
    for (int j = 0; j < image.height; ++j) {
      const double share =
          std::clamp(density(columns.first + i, rows.first + j) / highest, 0.0, 1.0);
      image.set(i,
                image.height - 1 - j,
                shades_of(ink).light,
                static_cast<std::uint8_t>(std::lround(215 * share)));
    }
  }
  const Eigen::Vector2d corner =
      place(x(columns.first) - columns.half, y(rows.first + rows.count - 1) + rows.half);
  const Eigen::Vector2d opposite =
      place(x(columns.first + columns.count - 1) + columns.half, y(rows.first) - rows.half);
  marks_.emplace_back(Picture{corner, opposite - corner, std::move(image), true, true, series});
}

void Chart::draw_axes(std::vector<Mark>& marks) const {
  const double bottom = corner_.y() + size_.y();
  const int wanted_x = std::max(2, static_cast<int>(size_.x() / 60));
  for (const Tick& tick : ticks_of(y_, 4)) {
    const Eigen::Vector2d at = place(x_.low, tick.value);
    marks.emplace_back(Line{{at, {at.x() + size_.x(), at.y()}}, Ink::Grid, 1});
    marks.emplace_back(
        Words{{at.x() - 5, at.y() + 4}, tick.text, kTickSize, Words::Anchor::End, Ink::Muted});
  }
  for (const Tick& tick : ticks_of(x_, wanted_x)) {
    const Eigen::Vector2d at = place(tick.value, y_.low);
    marks.emplace_back(Line{{{at.x(), bottom}, {at.x(), bottom + 4}}, Ink::Muted, 1});
    marks.emplace_back(
        Words{{at.x(), bottom + 16}, tick.text, kTickSize, Words::Anchor::Middle, Ink::Muted});
  }
  marks.emplace_back(
      Line{{{corner_.x(), bottom}, {corner_.x() + size_.x(), bottom}}, Ink::Muted, 1});
  marks.emplace_back(Words{{corner_.x() + size_.x() / 2, height_ - 6},
                           x_.label,
                           kLabelSize,
                           Words::Anchor::Middle,
                           Ink::Text});
  Words y_label{{13, corner_.y() + size_.y() / 2}, y_.label, kLabelSize, Words::Anchor::Middle};
  y_label.upwards = true;
  marks.emplace_back(std::move(y_label));
}

void Chart::draw_legend(std::vector<Mark>& marks) const {
  Words title{{corner_.x(), 15}, title_, kTitleSize};
  title.bold = true;
  marks.emplace_back(std::move(title));
  double x = corner_.x();
  constexpr double kSample = 22;
  constexpr double kY = 32;
  for (const SeriesStyle& style : legend_) {
    marks.emplace_back(
        Line{{{x, kY - 4}, {x + kSample, kY - 4}}, style.colour, style.width, style.dash});
    marks.emplace_back(
        Words{{x + kSample + 5, kY}, style.name, kTickSize, Words::Anchor::Start, Ink::Text});
    x += kSample + 5 + text_width(style.name, kTickSize) + 14;
  }
}

Figure Chart::figure(std::string description, std::string caption) const {
  Figure figure{
      name_, title_, std::move(description), std::move(caption), width_, height_, {}, std::nullopt};
  draw_axes(figure.marks);
  figure.marks.insert(figure.marks.end(), marks_.begin(), marks_.end());
  draw_legend(figure.marks);
  figure.frame =
      PlotFrame{corner_, size_, {x_.low, x_.high}, {y_.low, y_.high}, y_.logarithmic, x_.label};
  return figure;
}

}  // namespace cryosip

#include "libcryosip/report/structure_drawing.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>

#include <Eigen/Eigenvalues>
#include <Eigen/Geometry>

#include "libcryosip/report/markup.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

constexpr int kPixels = 340;      // of a picture's edge in the end
constexpr int kOversampling = 2;  // along each axis
constexpr double kTubeAngstrom = 1.3;

double interpolate(double a, double b, double share) {
  return a + share * (b - a);
}

Eigen::Vector3d displacement_colour(double share) {
  const Eigen::Vector3d still(150, 170, 190);
  const Eigen::Vector3d middle(230, 159, 0);
  const Eigen::Vector3d far(200, 60, 0);
  const double s = std::clamp(share, 0.0, 1.0);
  return s < 0.5 ? Eigen::Vector3d(still + 2 * s * (middle - still))
                 : Eigen::Vector3d(middle + (2 * s - 1) * (far - middle));
}

Rgb to_rgb(const Eigen::Vector3d& colour) {
  const auto byte = [](double v) {
    return static_cast<std::uint8_t>(std::lround(std::clamp(v, 0.0, 255.0)));
  };
  return {byte(colour.x()), byte(colour.y()), byte(colour.z())};
}

// A point of a tube, in the view's frame.
struct Bead {
  Eigen::Vector3d at;
  double share = 0;  // of the largest displacement
};

// Points close enough together to look like a tube, on Catmull-Rom splines through the atoms.
std::vector<Bead> beads_of(const ChainTrace& trace,
                           const Eigen::Matrix3Xd& reference,
                           const Eigen::Matrix3Xd& positions,
                           const StructureView& view,
                           double spacing) {
  const auto at = [&](std::size_t i) -> Eigen::Vector3d {
    return view.rotation * positions.col(trace.atoms[i]);
  };
  const auto share = [&](std::size_t i) {
    const Index atom = trace.atoms[i];
    return view.largest_displacement > 0
               ? (positions.col(atom) - reference.col(atom)).norm() / view.largest_displacement
               : 0;
  };
  std::vector<Bead> beads;
  const std::size_t count = trace.atoms.size();
  for (std::size_t i = 0; i < count; ++i) {
    beads.push_back({at(i), share(i)});
    if (i + 1 == count || !trace.joined[i + 1]) {
      continue;
    }
    const Eigen::Vector3d p1 = at(i);
    const Eigen::Vector3d p2 = at(i + 1);
    const Eigen::Vector3d p0 = trace.joined[i] ? at(i - 1) : Eigen::Vector3d(2 * p1 - p2);
    const bool goes_on = i + 2 < count && trace.joined[i + 2];
    const Eigen::Vector3d p3 = goes_on ? at(i + 2) : Eigen::Vector3d(2 * p2 - p1);
    const int pieces = std::clamp(static_cast<int>((p2 - p1).norm() / spacing), 1, 64);
    for (int k = 1; k < pieces; ++k) {
      const double t = static_cast<double>(k) / pieces;
      const Eigen::Vector3d point =
          0.5 * (2 * p1 + t * (p2 - p0) + t * t * (2 * p0 - 5 * p1 + 4 * p2 - p3) +
                 t * t * t * (3 * (p1 - p2) + p3 - p0));
      beads.push_back({point, interpolate(share(i), share(i + 1), t)});
    }
  }
  return beads;
}

class Canvas {
 public:
  Canvas(int edge, double half_extent)
      : edge_(edge),
        half_extent_(half_extent),
        depth_(static_cast<std::size_t>(edge) * static_cast<std::size_t>(edge),
               -std::numeric_limits<double>::infinity()),
        colour_(depth_.size(), Eigen::Vector3d::Zero()) {}

  // Lit from the upper left, paler with depth.
  void ball(const Bead& bead, double radius) {
    const double scale = edge_ / (2 * half_extent_);
    const double x = edge_ / 2.0 + scale * bead.at.x();
    const double y = edge_ / 2.0 - scale * bead.at.y();
    const double r = scale * radius;
    const Eigen::Vector3d light = Eigen::Vector3d(-0.4, 0.55, 0.75).normalized();
    const double far = std::clamp(0.5 - bead.at.z() / (2 * half_extent_), 0.0, 1.0);
    const Eigen::Vector3d base = displacement_colour(bead.share) * (1 - 0.45 * far) +
                                 Eigen::Vector3d::Constant(190 * 0.45 * far);
    for (int j = first(y - r); j <= last(y + r); ++j) {
      for (int i = first(x - r); i <= last(x + r); ++i) {
        const double dx = (i + 0.5 - x) / r;
        const double dy = (y - j - 0.5) / r;
        const double d2 = dx * dx + dy * dy;
        if (d2 > 1) {
          continue;
        }
        const double dz = std::sqrt(1 - d2);
        const double z = bead.at.z() + radius * dz;
        const std::size_t pixel = index(i, j);
        if (z <= depth_[pixel]) {
          continue;
        }
        depth_[pixel] = z;
        const double lit = std::max(0.0, Eigen::Vector3d(dx, dy, dz).dot(light));
        colour_[pixel] =
            base * (0.5 + 0.55 * lit) + Eigen::Vector3d::Constant(70 * std::pow(lit, 24));
      }
    }
  }

  // Dark lines where something lies well behind: they part what crosses.
  void outline(double step) {
    std::vector<bool> edge(depth_.size());
    for (int j = 1; j + 1 < edge_; ++j) {
      for (int i = 1; i + 1 < edge_; ++i) {
        const double here = depth_[index(i, j)];
        const double lowest = std::min({depth_[index(i - 1, j)],
                                        depth_[index(i + 1, j)],
                                        depth_[index(i, j - 1)],
                                        depth_[index(i, j + 1)]});
        edge[index(i, j)] = std::isfinite(here) && here - lowest > step;
      }
    }
    for (std::size_t p = 0; p < edge.size(); ++p) {
      if (edge[p]) {
        colour_[p] *= 0.35;
      }
    }
  }

  // Averaged over squares of `factor` pixels.
  [[nodiscard]] RgbaImage image(int factor) const {
    RgbaImage result(edge_ / factor, edge_ / factor);
    for (int y = 0; y < result.height; ++y) {
      for (int x = 0; x < result.width; ++x) {
        Eigen::Vector3d sum = Eigen::Vector3d::Zero();
        int covered = 0;
        for (int k = 0; k < factor * factor; ++k) {
          const std::size_t pixel = index(factor * x + k % factor, factor * y + k / factor);
          if (std::isfinite(depth_[pixel])) {
            sum += colour_[pixel];
            ++covered;
          }
        }
        if (covered > 0) {
          result.set(x,
                     y,
                     to_rgb(sum / covered),
                     static_cast<std::uint8_t>(255 * covered / (factor * factor)));
        }
      }
    }
    return result;
  }

 private:
  [[nodiscard]] std::size_t index(int i, int j) const {
    return static_cast<std::size_t>(j) * static_cast<std::size_t>(edge_) +
           static_cast<std::size_t>(i);
  }
  [[nodiscard]] int first(double at) const { return std::max(0, static_cast<int>(std::floor(at))); }
  [[nodiscard]] int last(double at) const {
    return std::min(edge_ - 1, static_cast<int>(std::ceil(at)));
  }

  int edge_;
  double half_extent_;
  std::vector<double> depth_;
  std::vector<Eigen::Vector3d> colour_;
};

double tube_radius(const ChainTrace& trace, const StructureView& view) {
  return trace.is_chain ? kTubeAngstrom : 0.08 * view.half_extent_angstrom;
}

RgbaImage render(const ChainTrace& trace,
                 const Eigen::Matrix3Xd& reference,
                 const Eigen::Matrix3Xd& positions,
                 const StructureView& view) {
  const double radius = tube_radius(trace, view);
  Canvas canvas(kPixels * kOversampling, view.half_extent_angstrom);
  for (const Bead& bead : beads_of(trace, reference, positions, view, radius / 4)) {
    canvas.ball(bead, radius);
  }
  canvas.outline(1.5 * radius);
  return canvas.image(kOversampling);
}

// The trace of the reference as thin lines.
void add_shadow(std::vector<Mark>& marks,
                const ChainTrace& trace,
                const Eigen::Matrix3Xd& reference,
                const StructureView& view,
                const Eigen::Vector2d& corner,
                double edge) {
  std::vector<Eigen::Vector2d> points;
  const auto flush = [&] {
    if (points.size() > 1) {
      marks.emplace_back(Line{points, Ink::Muted, 0.8, Dash::Solid, 0.45});
    }
    points.clear();
  };
  for (std::size_t i = 0; i < trace.atoms.size(); ++i) {
    if (!trace.joined[i]) {
      flush();
    }
    const Eigen::Vector3d at =
        view.rotation * reference.col(trace.atoms[i]) / view.half_extent_angstrom;
    points.emplace_back(corner.x() + edge / 2 * (1 + at.x()), corner.y() + edge / 2 * (1 - at.y()));
  }
  flush();
}

}  // namespace

ChainTrace chain_trace(const Atoms& atoms) {
  ChainTrace trace;
  std::vector<double> bonds;
  for (Index i = 0; i < atoms.count(); ++i) {
    const std::string& name = atoms.names.empty() ? "" : atoms.names[static_cast<std::size_t>(i)];
    if (name == "CA" || name == "P") {
      bool joined = false;
      if (!trace.atoms.empty()) {
        const auto here = static_cast<std::size_t>(i);
        const auto before = static_cast<std::size_t>(trace.atoms.back());
        const double distance =
            (atoms.positions_angstrom.col(i) - atoms.positions_angstrom.col(trace.atoms.back()))
                .norm();
        joined = atoms.names[before] == name &&
                 (atoms.chains.empty() || atoms.chains[here] == atoms.chains[before]) &&
                 distance <= (name == "P" ? 9 : 5);
        if (joined) {
          bonds.push_back(distance);
        }
      }
      trace.atoms.push_back(i);
      trace.joined.push_back(joined);
    }
  }
  trace.is_chain = !bonds.empty();
  if (trace.is_chain) {
    const auto middle = bonds.begin() + static_cast<std::ptrdiff_t>(bonds.size() / 2);
    std::nth_element(bonds.begin(), middle, bonds.end());
    trace.bond_angstrom = *middle;
  } else {
    trace.atoms.clear();
    for (Index i = 0; i < atoms.count(); ++i) {
      trace.atoms.push_back(i);
    }
    trace.joined.assign(trace.atoms.size(), false);
  }
  return trace;
}

double stretched_share(const ChainTrace& trace,
                       const Eigen::Matrix3Xd& model,
                       const Eigen::Matrix3Xd& positions) {
  int bonds = 0;
  int stretched = 0;
  for (std::size_t i = 1; i < trace.atoms.size(); ++i) {
    if (trace.joined[i]) {
      const auto length = [&](const Eigen::Matrix3Xd& of) {
        return (of.col(trace.atoms[i]) - of.col(trace.atoms[i - 1])).norm();
      };
      const double was = length(model);
      ++bonds;
      stretched += std::abs(length(positions) - was) > 0.2 * was ? 1 : 0;
    }
  }
  return bonds > 0 ? static_cast<double>(stretched) / bonds : 0;
}

StructureView common_view(const ChainTrace& trace,
                          const Eigen::Matrix3Xd& reference,
                          const std::vector<Eigen::Matrix3Xd>& structures) {
  const Eigen::Matrix3Xd of_reference = reference(Eigen::all, trace.atoms);
  const Eigen::Matrix3Xd centred = of_reference.colwise() - of_reference.rowwise().mean();
  const Eigen::SelfAdjointEigenSolver<Eigen::Matrix3d> solver(centred * centred.transpose());
  const Eigen::Matrix3d axes = solver.eigenvectors();  // thinnest first
  StructureView view;
  view.rotation.row(1) = axes.col(2).transpose();
  view.rotation.row(0) = axes.col(1).transpose();
  // An axis has no sign of its own: the largest part positive, so that a picture stays as it is.
  for (const Index row : {0, 1}) {
    Index largest = 0;
    view.rotation.row(row).cwiseAbs().maxCoeff(&largest);
    if (view.rotation(row, largest) < 0) {
      view.rotation.row(row) *= -1;
    }
  }
  view.rotation.row(2) = view.rotation.row(0).cross(view.rotation.row(1));
  double extent = 0;
  const auto include = [&](const Eigen::Matrix3Xd& positions) {
    const Eigen::Matrix3Xd shown = view.rotation * positions(Eigen::all, trace.atoms);
    extent = std::max(extent, shown.cwiseAbs().maxCoeff());
    view.largest_displacement =
        std::max(view.largest_displacement,
                 (positions - reference)(Eigen::all, trace.atoms).colwise().norm().maxCoeff());
  };
  include(reference);
  for (const Eigen::Matrix3Xd& positions : structures) {
    include(positions);
  }
  view.half_extent_angstrom =
      trace.is_chain ? extent + 2 * kTubeAngstrom : 1.2 * std::max(extent, 1e-9);
  return view;
}

Figure structure_figure(const std::string& name,
                        const std::string& title,
                        const std::string& description,
                        const std::string& caption,
                        const ChainTrace& trace,
                        const Eigen::Matrix3Xd& reference,
                        const Eigen::Matrix3Xd& positions,
                        const StructureView& view,
                        const std::string& unit) {
  constexpr double kWidth = 360;
  constexpr double kEdge = 172;
  constexpr double kTop = 22;
  Figure figure{name, title, description, caption, kWidth, kTop + kEdge + 36, {}, std::nullopt};
  Words heading{{8, 15}, title, 13};
  heading.bold = true;
  figure.marks.emplace_back(std::move(heading));
  StructureView side = view;
  side.rotation.row(0) = -view.rotation.row(2);
  side.rotation.row(2) = view.rotation.row(0);
  double x = 6;
  const std::array<std::pair<const StructureView*, const char*>, 2> views = {
      {{&view, "front"}, {&side, "from the right"}}};
  for (const auto& [from, word] : views) {
    const Eigen::Vector2d corner(x, kTop);
    add_shadow(figure.marks, trace, reference, *from, corner, kEdge);
    figure.marks.emplace_back(Picture{
        corner, {kEdge, kEdge}, render(trace, reference, positions, *from), true, false, ""});
    figure.marks.emplace_back(
        Words{{x + 2, kTop + 10}, word, 10, Words::Anchor::Start, Ink::Muted});
    x += kWidth - kEdge - 12;
  }
  // The scale of colours.
  constexpr int kSteps = 64;
  RgbaImage scale(kSteps, 1);
  for (int i = 0; i < kSteps; ++i) {
    scale.set(i, 0, to_rgb(displacement_colour(i / (kSteps - 1.0))));
  }
  const double y = kTop + kEdge + 10;
  figure.marks.emplace_back(Picture{{120, y}, {120, 8}, std::move(scale), true, false, ""});
  figure.marks.emplace_back(Words{{115, y + 8}, "moved by 0", 11, Words::Anchor::End, Ink::Muted});
  figure.marks.emplace_back(Words{{245, y + 8},
                                  shown_number(view.largest_displacement, 2) + unit,
                                  11,
                                  Words::Anchor::Start,
                                  Ink::Muted});
  return figure;
}

}  // namespace cryosip

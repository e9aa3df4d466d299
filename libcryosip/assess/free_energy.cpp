#include "libcryosip/assess/free_energy.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <utility>

#include "formats/error.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();

// The cells of a grid of one or two axes.
class Grid {
 public:
  explicit Grid(const std::vector<Eigen::VectorXd>& axes)
      : axes_(axes), rows_(axes.size() == 2 ? axes[0].size() : 1), columns_(axes.back().size()) {}

  template <typename Visit>
  void for_neighbours(Index cell, const Visit& visit) const {
    const Index row = cell / columns_;
    const Index column = cell % columns_;
    for (Index r = std::max<Index>(row - 1, 0); r <= std::min(row + 1, rows_ - 1); ++r) {
      for (Index c = std::max<Index>(column - 1, 0); c <= std::min(column + 1, columns_ - 1); ++c) {
        if (r != row || c != column) {
          visit(r * columns_ + c);
        }
      }
    }
  }
  // The cell that a point lies in, those outside in the nearest.
  [[nodiscard]] Index cell_of(const Eigen::VectorXd& point) const {
    Index cell = 0;
    for (std::size_t k = 0; k < axes_.size(); ++k) {
      const Eigen::VectorXd& axis = axes_[k];
      const double step = (point(static_cast<Index>(k)) - axis(0)) / (axis(1) - axis(0));
      const Index nearest = std::lround(step);
      cell = cell * axis.size() + std::clamp<Index>(nearest, 0, axis.size() - 1);
    }
    return cell;
  }

 private:
  const std::vector<Eigen::VectorXd>& axes_;
  Index rows_;
  Index columns_;
};

// Two basins that met at a saddle and stayed two.
struct Meeting {
  Index ending;  // cell of the peak that ends here, the lower of two lakes' highest
  Index beside;  // of the peak on the other side
  Index saddle;
};

// How high one place lies above another: -kT ln of the ratio of their densities.
class Heights {
 public:
  Heights(const DensityWithRefits& density, double kt) : density_(density), kt_(kt) {}

  [[nodiscard]] double of(Index cell, Index above) const {
    return kt_ * std::log(density_.density(above) / density_.density(cell));
  }
  // Of the ratio: in its logarithm, refits with next to nothing at a place would say all.
  [[nodiscard]] std::optional<Band> ratio_band(Index cell, Index above) const {
    if (density_.bands.empty()) {
      return std::nullopt;
    }
    const Eigen::VectorXd ratios =
        density_.refits.row(cell).cwiseQuotient(density_.refits.row(above)).transpose();
    return band_of(density_.density(cell) / density_.density(above), ratios);
  }
  [[nodiscard]] std::optional<Band> band(Index cell, Index above) const {
    const std::optional<Band> ratio = ratio_band(cell, above);
    if (!ratio) {
      return std::nullopt;
    }
    return Band{kt_ * std::log(1 / ratio->upper), kt_ * std::log(1 / std::max(ratio->lower, 0.0))};
  }

 private:
  const DensityWithRefits& density_;
  double kt_;
};

struct Watershed {
  std::vector<Index> peak;        // (cells): the cell of its basin's peak, -1 below the floor
  std::vector<Meeting> meetings;  // in the order of falling saddles
};

// Cells in falling order of density; each joins its highest neighbour's basin.  Where basins meet,
// the one with the lower peak ends: in the other where its barrier is too low, else beside it.
Watershed watershed(const DensityWithRefits& density,
                    double floor,
                    double least_mass,
                    const std::function<bool(Index peak, Index saddle)>& is_barrier) {
  const Grid grid(density.axes);
  const auto cells = static_cast<std::size_t>(density.density.size());
  std::vector<Index> order(cells);
  std::iota(order.begin(), order.end(), Index{0});
  std::stable_sort(order.begin(), order.end(), [&](Index i, Index j) {
    return density.density(i) > density.density(j);
  });

  Watershed result;
  result.peak.assign(cells, -1);
  // Of cells that are peaks:
  std::vector<Index> joined(cells);  // the basin that it was joined to, or itself
  std::vector<Index> lake(cells);    // a higher peak that it has met, or itself
  std::vector<double> mass(cells);   // of its lake, where it is the lake's highest
  const auto follow = [](const std::vector<Index>& to, Index from) {
    while (to[static_cast<std::size_t>(from)] != from) {
      from = to[static_cast<std::size_t>(from)];
    }
    return from;
  };
  for (const Index cell : order) {
    if (!(density.density(cell) > floor)) {
      break;
    }
    const auto at = static_cast<std::size_t>(cell);
    std::vector<Index> around;
    grid.for_neighbours(cell, [&](Index neighbour) {
      if (result.peak[static_cast<std::size_t>(neighbour)] >= 0) {
        around.push_back(neighbour);
      }
    });
    if (around.empty()) {
      result.peak[at] = joined[at] = lake[at] = cell;
      mass[at] = density.density(cell);
      continue;
    }
    const auto falling = [&](Index i, Index j) { return density.density(i) > density.density(j); };
    std::stable_sort(around.begin(), around.end(), falling);
    const auto basin_of = [&](Index neighbour) {
      return follow(joined, result.peak[static_cast<std::size_t>(neighbour)]);
    };
    result.peak[at] = basin_of(around[0]);
    // Each lake that meets here, with its basin at this place.
    std::vector<std::pair<Index, Index>> lakes;
    for (const Index neighbour : around) {
      const Index top = follow(lake, basin_of(neighbour));
      if (std::none_of(lakes.begin(), lakes.end(), [&](const auto& l) { return l.first == top; })) {
        lakes.emplace_back(top, basin_of(neighbour));
      }
    }
    std::stable_sort(lakes.begin(), lakes.end(), [&](const auto& i, const auto& j) {
      return falling(i.first, j.first);
    });
    for (std::size_t i = 1; i < lakes.size(); ++i) {
      const Index ending = lakes[i].first;
      const auto end = static_cast<std::size_t>(ending);
      lake[end] = lakes[0].first;
      mass[static_cast<std::size_t>(lakes[0].first)] += mass[end];
      if (mass[end] >= least_mass && is_barrier(ending, cell)) {
        result.meetings.push_back({ending, lakes[0].second, cell});
      } else {
        joined[end] = lakes[0].second;
      }
    }
    mass[static_cast<std::size_t>(lakes[0].first)] += density.density(cell);
  }
  for (Index& peak : result.peak) {
    if (peak >= 0) {
      peak = follow(joined, peak);
      if (mass[static_cast<std::size_t>(follow(lake, peak))] < least_mass) {
        peak = -1;  // an island of strays
      }
    }
  }
  for (Meeting& meeting : result.meetings) {
    meeting.beside = follow(joined, meeting.beside);
  }
  return result;
}

void check(const FreeEnergyOptions& options) {
  if (!(options.kt > 0) || !std::isfinite(options.kt) || !(options.least_barrier_kt > 0) ||
      !(options.least_density > 0) || !(options.least_density < 1) ||
      !(options.least_population >= 0) || !(options.least_population < 1)) {
    throw Error(ErrorKind::Usage,
                "free energy: expected kT and the least barrier above 0, the least density and "
                "population between 0 and 1");
  }
}

// Weight of the points in each basin; those where the density is too low are in none.
Eigen::VectorXd populations(const FreeEnergy& energy,
                            const Eigen::MatrixXd& coordinates,
                            const Eigen::VectorXd& weights) {
  const Grid grid(energy.axes);
  Eigen::VectorXd sums = Eigen::VectorXd::Zero(static_cast<Index>(energy.basins.size()));
  for (Index i = 0; i < coordinates.cols(); ++i) {
    const Eigen::VectorXd point = coordinates.col(i)(energy.coordinates);
    if (const int basin = energy.basin[static_cast<std::size_t>(grid.cell_of(point))]; basin >= 0) {
      sums(basin) += weights(i);
    }
  }
  return sums / weights.sum();
}

void set_populations(FreeEnergy& energy, const Ensemble& ensemble, bool with_bands) {
  const auto count = static_cast<Index>(energy.basins.size());
  const Eigen::VectorXd own = populations(energy, ensemble.coordinates, ensemble.weights);
  Eigen::MatrixXd of_refits(count, static_cast<Index>(ensemble.refits.size()));
  for (std::size_t r = 0; r < ensemble.refits.size(); ++r) {
    const Refit& refit = ensemble.refits[r];
    of_refits.col(static_cast<Index>(r)) = populations(energy, refit.coordinates, refit.weights);
  }
  for (Index b = 0; b < count; ++b) {
    Basin& basin = energy.basins[static_cast<std::size_t>(b)];
    basin.population = own(b);
    if (with_bands) {
      const Band band = band_of(own(b), of_refits.row(b));
      basin.population_band = {std::max(band.lower, 0.0), std::min(band.upper, 1.0)};
    }
  }
}

void set(formats::StarTable& table, std::size_t row, std::size_t column, double value) {
  if (std::isfinite(value)) {
    table.set(row, column, value);
  } else {
    table.set(row, column, std::string_view("None"));
  }
}

void set(formats::StarTable& table,
         std::size_t row,
         std::size_t column,
         const std::optional<Band>& band) {
  set(table, row, column, band ? band->lower : kNone);
  set(table, row, column + 1, band ? band->upper : kNone);
}

// Which coordinates, 0 for a second one that there is not, from column 0 on.
void set_coordinates(formats::StarTable& table, std::size_t row, const FreeEnergy& energy) {
  for (std::size_t k = 0; k < 2; ++k) {
    table.set_integer(
        row,
        k,
        k < energy.coordinates.size() ? static_cast<std::int64_t>(energy.coordinates[k]) + 1 : 0);
  }
}

void set_place(formats::StarTable& table,
               std::size_t row,
               std::size_t column,
               const Eigen::VectorXd& place) {
  for (Index k = 0; k < 2; ++k) {
    set(table, row, column + static_cast<std::size_t>(k), k < place.size() ? place(k) : kNone);
  }
}

}  // namespace

FreeEnergy free_energy(const DensityWithRefits& density,
                       const Ensemble& ensemble,
                       const FreeEnergyOptions& options) {
  check(options);
  Index highest = 0;
  const double floor = options.least_density * density.density.maxCoeff(&highest);
  const Heights heights(density, options.kt);
  const auto is_barrier = [&](Index peak, Index saddle) {
    const double ratio = density.density(saddle) / density.density(peak);
    const std::optional<Band> band = heights.ratio_band(saddle, peak);
    // Twice as wide as it is, some 3.5 standard deviations: there are many places for a chance
    // peak.
    return heights.of(saddle, peak) >= options.least_barrier_kt * options.kt &&
           (!band || ratio + 2 * (band->upper - ratio) < 1);
  };
  const Watershed found =
      watershed(density, floor, options.least_population / density.cell_size(), is_barrier);

  FreeEnergy energy;
  energy.coordinates = density.coordinates;
  energy.axes = density.axes;
  energy.bandwidths = density.bandwidths;
  const Index cells = density.density.size();
  energy.values = Eigen::VectorXd::Constant(cells, kNone);
  if (!density.bands.empty()) {
    energy.lower = energy.upper = energy.values;
  }
  for (Index cell = 0; cell < cells; ++cell) {
    if (!(density.density(cell) > floor)) {
      continue;
    }
    energy.values(cell) = heights.of(cell, highest);
    if (!density.bands.empty()) {
      const Band& band = density.bands[static_cast<std::size_t>(cell)];
      const double reference = density.density(highest);
      energy.lower(cell) = options.kt * std::log(reference / band.upper);
      energy.upper(cell) = options.kt * std::log(reference / band.lower);
    }
  }

  // Basins, lowest first.
  std::vector<Index> peaks;
  for (std::size_t cell = 0; cell < found.peak.size(); ++cell) {
    if (found.peak[cell] == static_cast<Index>(cell)) {
      peaks.push_back(static_cast<Index>(cell));
    }
  }
  std::stable_sort(peaks.begin(), peaks.end(), [&](Index i, Index j) {
    return density.density(i) > density.density(j);
  });
  std::vector<int> index_of_peak(found.peak.size(), -1);
  for (std::size_t b = 0; b < peaks.size(); ++b) {
    index_of_peak[static_cast<std::size_t>(peaks[b])] = static_cast<int>(b);
    Basin basin;
    basin.minimum = density.place(peaks[b]);
    basin.free_energy = heights.of(peaks[b], highest);
    basin.free_energy_band = heights.band(peaks[b], highest);
    energy.basins.push_back(std::move(basin));
  }
  for (const Index peak : found.peak) {
    energy.basin.push_back(peak < 0 ? -1 : index_of_peak[static_cast<std::size_t>(peak)]);
  }
  for (const Meeting& meeting : found.meetings) {
    Barrier barrier;
    barrier.from =
        static_cast<std::size_t>(index_of_peak[static_cast<std::size_t>(meeting.ending)]);
    barrier.to = static_cast<std::size_t>(index_of_peak[static_cast<std::size_t>(meeting.beside)]);
    barrier.place = density.place(meeting.saddle);
    barrier.height = heights.of(meeting.saddle, meeting.ending);
    barrier.height_back = heights.of(meeting.saddle, meeting.beside);
    barrier.height_band = heights.band(meeting.saddle, meeting.ending);
    barrier.height_back_band = heights.band(meeting.saddle, meeting.beside);
    energy.barriers.push_back(std::move(barrier));
  }
  set_populations(energy, ensemble, !density.bands.empty());
  return energy;
}

std::vector<formats::StarTable> to_star(const std::vector<FreeEnergy>& energies) {
  formats::StarTable line(
      "sip_free_energy",
      {"sipCoordinate", "sipValue", "sipFreeEnergy", "sipLower", "sipUpper", "sipBasin"});
  formats::StarTable plane("sip_free_energy_plane",
                           {"sipCoordinate1",
                            "sipCoordinate2",
                            "sipValue1",
                            "sipValue2",
                            "sipFreeEnergy",
                            "sipLower",
                            "sipUpper",
                            "sipBasin"});
  formats::StarTable basins("sip_basins",
                            {"sipCoordinate1",
                             "sipCoordinate2",
                             "sipBasin",
                             "sipValue1",
                             "sipValue2",
                             "sipFreeEnergy",
                             "sipFreeEnergyLower",
                             "sipFreeEnergyUpper",
                             "sipPopulation",
                             "sipPopulationLower",
                             "sipPopulationUpper"});
  formats::StarTable barriers("sip_barriers",
                              {"sipCoordinate1",
                               "sipCoordinate2",
                               "sipFromBasin",
                               "sipToBasin",
                               "sipValue1",
                               "sipValue2",
                               "sipHeight",
                               "sipHeightLower",
                               "sipHeightUpper",
                               "sipHeightBack",
                               "sipHeightBackLower",
                               "sipHeightBackUpper"});
  for (const FreeEnergy& energy : energies) {
    DensityWithRefits cells;  // for places
    cells.axes = energy.axes;
    const std::size_t count = energy.coordinates.size();
    formats::StarTable& table = count == 1 ? line : plane;
    for (Index cell = 0; cell < energy.values.size(); ++cell) {
      const std::size_t row = table.add_row();
      const Eigen::VectorXd place = cells.place(cell);
      for (std::size_t k = 0; k < count; ++k) {
        table.set_integer(row, k, static_cast<std::int64_t>(energy.coordinates[k]) + 1);
        table.set(row, count + k, place(static_cast<Index>(k)));
      }
      set(table, row, 2 * count, energy.values(cell));
      set(table, row, 2 * count + 1, energy.lower.size() > 0 ? energy.lower(cell) : kNone);
      set(table, row, 2 * count + 2, energy.upper.size() > 0 ? energy.upper(cell) : kNone);
      table.set_integer(row, 2 * count + 3, energy.basin[static_cast<std::size_t>(cell)] + 1);
    }
    for (std::size_t b = 0; b < energy.basins.size(); ++b) {
      const Basin& basin = energy.basins[b];
      const std::size_t row = basins.add_row();
      set_coordinates(basins, row, energy);
      basins.set_integer(row, 2, static_cast<std::int64_t>(b) + 1);
      set_place(basins, row, 3, basin.minimum);
      set(basins, row, 5, basin.free_energy);
      set(basins, row, 6, basin.free_energy_band);
      set(basins, row, 8, basin.population);
      set(basins, row, 9, basin.population_band);
    }
    for (const Barrier& barrier : energy.barriers) {
      const std::size_t row = barriers.add_row();
      set_coordinates(barriers, row, energy);
      barriers.set_integer(row, 2, static_cast<std::int64_t>(barrier.from) + 1);
      barriers.set_integer(row, 3, static_cast<std::int64_t>(barrier.to) + 1);
      set_place(barriers, row, 4, barrier.place);
      set(barriers, row, 6, barrier.height);
      set(barriers, row, 7, barrier.height_band);
      set(barriers, row, 9, barrier.height_back);
      set(barriers, row, 10, barrier.height_back_band);
    }
  }
  std::vector<formats::StarTable> tables;
  for (formats::StarTable* table : {&line, &plane, &basins, &barriers}) {
    if (table->rows() > 0) {
      tables.push_back(std::move(*table));
    }
  }
  return tables;
}

}  // namespace cryosip

// Free energies -kT ln(density): profiles, landscapes, their basins and barriers, with bands.
#pragma once

#include <cstddef>
#include <optional>
#include <vector>

#include <Eigen/Core>

#include "formats/star.hpp"
#include "libcryosip/assess/bands.hpp"

namespace cryosip {

struct FreeEnergyOptions {
  double kt = 1;  ///< unit of the energies: 1 gives kT, 0.593 kcal/mol and 2.48 kJ/mol at 298 K
  /// Basins divided by less are one, in kT; > 0.  With refits also those whose barrier is
  /// within twice its band of none.
  double least_barrier_kt = 0.1;
  /// Density below which nothing is said, as a share of the highest.
  double least_density = 1e-3;
  /// A basin needs as much weight, above its barrier: fewer conformations are strays.
  double least_population = 0.02;
};

/// Where the density has a peak, and what flows down to it.
struct Basin {
  Eigen::VectorXd minimum;  ///< (coordinates): place of its least free energy
  double free_energy = 0;   ///< there, above the lowest
  double population = 0;    ///< weight of the conformations in it
  std::optional<Band> free_energy_band;
  std::optional<Band> population_band;
};

/// Between two basins, where the lowest way from one to the other is highest.
struct Barrier {
  std::size_t from = 0;    ///< index of the basin that ends at it, the less deep one
  std::size_t to = 0;      ///< index of the basin on the other side
  Eigen::VectorXd place;   ///< (coordinates)
  double height = 0;       ///< above the minimum of `from`
  double height_back = 0;  ///< above that of `to`
  std::optional<Band> height_band;
  std::optional<Band> height_back_band;
};

/// Of one coordinate (a profile) or two (a landscape).
struct FreeEnergy {
  std::vector<Eigen::Index> coordinates;  ///< 0-based
  std::vector<Eigen::VectorXd> axes;      ///< places along each
  Eigen::VectorXd bandwidths;             ///< along each: finer is not told
  /// (cells), the last coordinate first; 0 at the lowest; NaN where the density is below
  /// least_density.
  Eigen::VectorXd values;
  Eigen::VectorXd lower;          ///< (cells) of the band, or empty; NaN as in values
  Eigen::VectorXd upper;          ///< the same; infinite where the band of the density reaches 0
  std::vector<int> basin;         ///< (cells): index, or -1 where the density is too low
  std::vector<Basin> basins;      ///< lowest first
  std::vector<Barrier> barriers;  ///< of basins that meet where the density is still told
};

/// -kT ln(density / highest density) with the bands of the density turned into energies.  Basins
/// are those of the watershed: every cell flows to the peak that its highest neighbour does (of two
/// along a line, eight in the plane); where two meet, the one of the lower peak is joined to the
/// other if its barrier is too low or its weight too small (by persistence).  Their bands are from
/// the same places and cells in every refit; an upper bound is infinite where the band of the
/// density, over that at the minimum, reaches 0.
/// @param density   of density_with_refits()
/// @param ensemble  whose density it is: its weights make the populations
/// @throws Error(Usage) an option out of range
FreeEnergy free_energy(const DensityWithRefits& density,
                       const Ensemble& ensemble,
                       const FreeEnergyOptions& options = {});

/// Blocks sip_free_energy (sipCoordinate, sipValue, sipFreeEnergy, sipLower, sipUpper, sipBasin),
/// sip_free_energy_plane (two coordinates), sip_basins and sip_barriers (numbered from 1 within a
/// profile or landscape; sipCoordinate2 0 for a profile); "None" where there is no number.
std::vector<formats::StarTable> to_star(const std::vector<FreeEnergy>& energies);

}  // namespace cryosip

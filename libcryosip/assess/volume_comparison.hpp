// Maps against the true ones, in the numbers of CryoBench and of the Flatiron Institute's
// heterogeneity challenge: the table that cryosip-compare-volumes prints.
#pragma once

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include "formats/star.hpp"
#include "libcryosip/assess/map_products.hpp"
#include "libcryosip/assess/population_distance.hpp"
#include "libcryosip/assess/volume_set.hpp"
#include "libcryosip/core/progress.hpp"

namespace cryosip {

/// Which map belongs to which true one.
enum class MapPairing {
  OneToOne,  ///< so that the sum of their correlation coefficients is largest; the rest unpaired
  InOrder,   ///< the first with the first, and so on; as many on either side
};

struct VolumeComparisonOptions {
  MapPairing pairing = MapPairing::OneToOne;
  PopulationOptions populations;
};

/// Mean, standard deviation (by n) and median over pairs of maps or over replicates.
struct VolumeComparisonRow {
  std::string metric;
  std::string cost;  ///< which map-to-map distance it rests on; empty: none
  std::size_t count = 0;
  double mean = 0;  ///< may be infinite
  double standard_deviation = 0;
  double median = 0;
};

struct VolumeComparison {
  std::vector<std::pair<Eigen::Index, Eigen::Index>> pairs;  ///< (true map, map)
  MapDistances distances;                                    ///< (true maps, maps)
  Eigen::MatrixXd fsc;                                       ///< flatiron_cost()
  Eigen::MatrixXd resolution_angstrom;                       ///< flatiron_resolution_voxels()
  std::vector<Eigen::MatrixXd> cryobench_curves;             ///< as shell_correlations() gives them
  std::vector<Eigen::MatrixXd> flatiron_curves;
  std::optional<CapturedVariance> captured;  ///< where both sets have two maps or more
  /// (costs): "l2", "correlation", "bioem", "fsc", "res"; empty where a replicate would have fewer
  /// maps than a pool.
  std::vector<std::pair<std::string, std::vector<PopulationDistance>>> populations;

  /// The curve of one pair of maps.
  [[nodiscard]] static Eigen::VectorXd curve(const std::vector<Eigen::MatrixXd>& curves,
                                             Eigen::Index truth,
                                             Eigen::Index map);
};

/// Everything that is known of one pair of maps.
struct MapPairNumbers {
  double correlation = 0;  ///< Pearson's
  double cryobench_auc = 0;
  double cryobench_clipped_auc = 0;
  double cryobench_resolution_143_angstrom = 0;  ///< at FSC 0.143
  double cryobench_resolution_5_angstrom = 0;    ///< at FSC 0.5
  double flatiron_mean_fsc = 0;
  double flatiron_resolution_angstrom = 0;
};
MapPairNumbers numbers_of_pair(const VolumeComparison& comparison,
                               double pixel_size_angstrom,
                               Eigen::Index truth,
                               Eigen::Index map);

/// The costs of population distances are the challenge's matrices; of the correlation, which is a
/// similarity, minus it (the challenge ranks it as it stands, so that the likest maps are the
/// dearest).  FSC with a mask: CryoBench multiplies by it, the challenge keeps the voxels that are
/// not 0, of normalised maps.
/// @param mask  (box^3), or empty
/// @throws Error(Usage) boxes, pixel sizes or (in order) numbers of maps that differ;
///                      Error(Numerical) a map constant inside the mask; Error(Cancelled)
VolumeComparison compare_volumes(const VolumeSet& truth,
                                 const VolumeSet& maps,
                                 const Eigen::VectorXf& mask,
                                 const VolumeComparisonOptions& options,
                                 Progress& progress);

/// cryobench_auc, cryobench_clipped_auc, cryobench_resolution_0.143 and _0.5 (angstrom),
/// flatiron_mean_fsc, flatiron_resolution_0.5 (angstrom), correlation: over pairs; emd,
/// emd_optimal, kl, kl_reverse, kl_optimal, kl_reverse_optimal of each cost: over replicates;
/// captured_variance_of_truth, captured_variance_of_maps, captured_variance.
std::vector<VolumeComparisonRow> summary_rows(const VolumeComparison& comparison,
                                              double pixel_size_angstrom);

/// Block sip_volume_comparison: sipMetric, sipCost ("None": none), sipCount, sipMean,
/// sipStandardDeviation, sipMedian.  "inf" where infinite, "None" where there is no number.
formats::StarTable to_star(const std::vector<VolumeComparisonRow>& rows);
/// Block sip_map_distances, a row for each true map and map (by number, from 1): sipTruth, sipMap,
/// sipL2, sipCorrelation, sipBioem, sipFsc, sipResolution, sipCryobenchAuc, sipPaired (0 or 1).
formats::StarTable distances_to_star(const VolumeComparison& comparison);
/// Block sip_shell_correlations, a row for each shell of each pair: sipTruth, sipMap, sipShell,
/// sipFrequency (1/angstrom), sipCryobench ("None" in the last shell), sipFlatiron ("None" at 0).
formats::StarTable curves_to_star(const VolumeComparison& comparison, double pixel_size_angstrom);

}  // namespace cryosip

// How near ensembles are to the truth: the table that cryosip-evaluate prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "formats/star.hpp"
#include "libcryosip/assess/bands.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

struct EvaluationRow {
  std::string metric;             ///< "w1", "w2", "energy_distance", "effective_sample_size", ..
  Eigen::Index coordinate = 0;    ///< 1-based; 0: all together
  std::optional<double> initial;  ///< of the initial ensemble, where there is one
  double final_value = 0;         ///< of the ensemble asked about
  std::optional<Band> band = std::nullopt;  ///< of final_value, where the ensemble has refits
};

struct EvaluationOptions {
  /// Whose atoms are compared too (rmsd_w1, rmsd_w2); null: none.
  const AtomicModel* atoms = nullptr;
  Eigen::Index permutations = 0;  ///< of two-sample tests; 0: none
  Eigen::Index slices = 500;      ///< of sliced distances, > 0
  /// Most pairs of conformations that transport is exact for; beyond, distances are sliced.
  Eigen::Index most_pairs = 4'000'000;
  std::uint64_t seed = 1;  ///< of slices and permutations
};

/// Numbers between each ensemble and the truth.  For each coordinate, of its marginal: w1, w2
/// (coordinate units), energy_distance, total_variation, kl (of the ensemble from the truth) and
/// reverse_kl (of the truth from the ensemble), the last three of kernel estimates.  For all
/// together (coordinate 0): w1 and w2, or sliced_w1 and sliced_w2 where there are too many pairs
/// (of more than one coordinate), energy_distance, energy_distance_unbiased, mmd2, mmd2_unbiased
/// and mmd2_bandwidth (the median distance of the truth's conformations), kl and reverse_kl of two
/// or three coordinates, rmsd_w1 and rmsd_w2 (angstrom), energy_distance_p and mmd2_p (p-values),
/// and effective_sample_size.  Where the ensemble carries refits every number but the p-values has
/// a band, and perturbation_l1 follows for each coordinate and (0) the first two together. NaN
/// stands where a number does not exist: of points that all coincide.
/// @param truth    or null: only what needs none
/// @param initial  the ensemble that the flow began from, or null
/// @throws Error(Usage) when the numbers of coordinates differ; more pairs than most_pairs of atoms
std::vector<EvaluationRow> evaluate_ensemble(const Ensemble* truth,
                                             const Ensemble* initial,
                                             const Ensemble& ensemble,
                                             const EvaluationOptions& options = {});

/// What the log of a flow says (block sip_flow_log, as cryosip-flow-step writes it), for all
/// coordinates together: flow_steps, flow_objective and flow_effective_sample_size, at the first
/// step of the log and at the last.
/// @throws Error(Input) no such block, a label missing, no rows
std::vector<EvaluationRow> evaluate_log(const formats::StarFile& log);

/// Block sip_evaluation: sipMetric, sipCoordinate, sipInitial ("None" where not asked), sipFinal,
/// and where any row has a band sipFinalLower, sipFinalUpper ("None" where this one has none).
formats::StarTable to_star(const std::vector<EvaluationRow>& rows);

}  // namespace cryosip

// How near ensembles are to the truth: the table that cryosip-evaluate prints.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "formats/star.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

struct EvaluationRow {
  std::string metric;             ///< "w1", "w2", "energy_distance", "effective_sample_size"
  Eigen::Index coordinate = 0;    ///< 1-based; 0: all together
  std::optional<double> initial;  ///< of the initial ensemble, where there is one
  double final_value = 0;         ///< of the ensemble asked about
};

/// For each coordinate W1, W2 (coordinate units) and the energy distance of its marginal to the
/// truth's; then, for all together, the energy distance and the effective sample size 1 / sum w^2.
/// @param initial  the ensemble that the flow began from, or null
/// @throws Error(Usage) when the numbers of coordinates differ
std::vector<EvaluationRow> evaluate_ensemble(const Ensemble& truth,
                                             const Ensemble* initial,
                                             const Ensemble& ensemble);

/// What the log of a flow says (block sip_flow_log, as cryosip-flow-step writes it), for all
/// coordinates together: flow_steps, flow_objective and flow_effective_sample_size, at the first
/// step of the log and at the last.
/// @throws Error(Input) no such block, a label missing, no rows
std::vector<EvaluationRow> evaluate_log(const formats::StarFile& log);

/// Block sip_evaluation: sipMetric, sipCoordinate, sipInitial ("None" where not asked), sipFinal.
formats::StarTable to_star(const std::vector<EvaluationRow>& rows);

}  // namespace cryosip

#include "libcryosip/assess/evaluation.hpp"

#include <functional>
#include <utility>

#include "formats/error.hpp"
#include "libcryosip/assess/ensemble_distance.hpp"
#include "libcryosip/assess/weighted_points.hpp"

namespace cryosip {
namespace {

void check_dimension(const Ensemble& truth, const Ensemble& ensemble, const char* name) {
  if (ensemble.dimension() != truth.dimension()) {
    throw Error(ErrorKind::Usage,
                std::string("the ") + name + " ensemble has " +
                    std::to_string(ensemble.dimension()) + " coordinates, the truth " +
                    std::to_string(truth.dimension()));
  }
}

}  // namespace

std::vector<EvaluationRow> evaluate_ensemble(const Ensemble& truth,
                                             const Ensemble* initial,
                                             const Ensemble& ensemble) {
  check_dimension(truth, ensemble, "final");
  if (initial != nullptr) {
    check_dimension(truth, *initial, "initial");
  }
  std::vector<EvaluationRow> rows;
  const auto add = [&](const char* metric,
                       Eigen::Index coordinate,
                       const std::function<double(const Ensemble&)>& value_of) {
    EvaluationRow row{metric, coordinate, std::nullopt, value_of(ensemble)};
    if (initial != nullptr) {
      row.initial = value_of(*initial);
    }
    rows.push_back(row);
  };

  for (Eigen::Index k = 0; k < truth.dimension(); ++k) {
    const auto wasserstein = [&, k](double order) {
      return [&truth, k, order](const Ensemble& of) {
        return wasserstein_1d(
            of.coordinates.row(k), of.weights, truth.coordinates.row(k), truth.weights, order);
      };
    };
    add("w1", k + 1, wasserstein(1));
    add("w2", k + 1, wasserstein(2));
    add("energy_distance", k + 1, [&](const Ensemble& of) {
      return energy_distance(
          of.coordinates.row(k), of.weights, truth.coordinates.row(k), truth.weights);
    });
  }
  add("energy_distance", 0, [&](const Ensemble& of) {
    return energy_distance(of.coordinates, of.weights, truth.coordinates, truth.weights);
  });
  add("effective_sample_size", 0, [](const Ensemble& of) {
    return effective_sample_size(of.weights);
  });
  return rows;
}

std::vector<EvaluationRow> evaluate_log(const formats::StarFile& log) {
  const formats::StarTable& table = log.table("sip_flow_log");
  if (table.rows() == 0) {
    throw Error(ErrorKind::Input, log.source + ": block 'sip_flow_log' has no rows");
  }
  std::vector<EvaluationRow> rows;
  for (const auto& [metric, label] :
       {std::pair("flow_steps", "sipStep"),
        std::pair("flow_objective", "sipObjective"),
        std::pair("flow_effective_sample_size", "sipEffectiveSampleSize")}) {
    const std::size_t column = table.column(label);
    rows.push_back({metric, 0, table.number(0, column), table.number(table.rows() - 1, column)});
  }
  return rows;
}

formats::StarTable to_star(const std::vector<EvaluationRow>& rows) {
  formats::StarTable table("sip_evaluation",
                           {"sipMetric", "sipCoordinate", "sipInitial", "sipFinal"});
  for (const EvaluationRow& row : rows) {
    const std::size_t at = table.add_row();
    table.set(at, 0, std::string_view(row.metric));
    table.set_integer(at, 1, row.coordinate);
    if (row.initial) {
      table.set(at, 2, *row.initial);
    } else {
      table.set(at, 2, std::string_view("None"));
    }
    table.set(at, 3, row.final_value);
  }
  return table;
}

}  // namespace cryosip

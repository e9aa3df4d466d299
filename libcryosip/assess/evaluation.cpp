#include "libcryosip/assess/evaluation.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>
#include <string_view>
#include <utility>

#include "formats/error.hpp"
#include "libcryosip/assess/atomic_distance.hpp"
#include "libcryosip/assess/density_distance.hpp"
#include "libcryosip/assess/ensemble_distance.hpp"
#include "libcryosip/assess/permutation_test.hpp"
#include "libcryosip/assess/weighted_points.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/discrepancy/kernel.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

void check_dimension(const Ensemble& truth, const Ensemble& ensemble, const char* name) {
  if (ensemble.dimension() != truth.dimension()) {
    throw Error(ErrorKind::Usage,
                std::string("the ") + name + " ensemble has " +
                    std::to_string(ensemble.dimension()) + " coordinates, the truth " +
                    std::to_string(truth.dimension()));
  }
}

struct Number {
  std::string metric;
  Index coordinate = 0;  // 1-based; 0: all together
  double value = 0;
};

// NaN where the points leave no number.
double or_none(const std::function<double()>& value) {
  try {
    return value();
  } catch (const Error& error) {
    if (error.kind() != ErrorKind::Numerical) {
      throw;
    }
    return std::numeric_limits<double>::quiet_NaN();
  }
}

// What does not depend on the ensemble that is compared with the truth.
struct Reference {
  Reference(const Ensemble& the_truth, Index most_conformations, const EvaluationOptions& all)
      : truth(the_truth),
        options(all),
        is_exact(truth.dimension() == 1 || most_conformations * truth.size() <= options.most_pairs),
        bandwidth(or_none([&] { return median_distance(truth.coordinates); })) {
    if (!is_exact) {
      directions = slice_directions(truth.dimension(), options.slices, options.seed);
    }
    if (options.atoms != nullptr && most_conformations * truth.size() > options.most_pairs) {
      throw Error(ErrorKind::Usage,
                  "atoms of " + std::to_string(most_conformations) +
                      " conformations and the "
                      "truth's " +
                      std::to_string(truth.size()) + ", expected at most " +
                      std::to_string(options.most_pairs) + " pairs");
    }
  }

  const Ensemble& truth;
  const EvaluationOptions& options;
  bool is_exact;
  double bandwidth;            // of the MMD; NaN where all points coincide
  Eigen::MatrixXd directions;  // of sliced distances
};

void add_marginals(const Reference& reference, const Ensemble& of, std::vector<Number>& numbers) {
  const Ensemble& truth = reference.truth;
  for (Index k = 0; k < truth.dimension(); ++k) {
    const Eigen::MatrixXd own = of.coordinates.row(k);
    const Eigen::MatrixXd true_ones = truth.coordinates.row(k);
    const Eigen::VectorXd line = own.transpose();
    const Eigen::VectorXd true_line = true_ones.transpose();
    const auto add = [&](const char* metric, double value) {
      numbers.push_back({metric, k + 1, value});
    };
    add("w1", wasserstein_1d(line, of.weights, true_line, truth.weights, 1));
    add("w2", wasserstein_1d(line, of.weights, true_line, truth.weights, 2));
    add("energy_distance", energy_distance(own, of.weights, true_ones, truth.weights));
    add("total_variation", or_none([&] {
          return kernel_total_variation(line, of.weights, true_line, truth.weights);
        }));
    add("kl",
        or_none([&] { return kernel_kl_divergence(own, of.weights, true_ones, truth.weights); }));
    add("reverse_kl",
        or_none([&] { return kernel_kl_divergence(true_ones, truth.weights, own, of.weights); }));
  }
}

void add_joint(const Reference& reference, const Ensemble& of, std::vector<Number>& numbers) {
  const Ensemble& truth = reference.truth;
  const auto add = [&](const char* metric, double value) { numbers.push_back({metric, 0, value}); };
  const auto distance = [&](double order) {
    return reference.is_exact
               ? wasserstein(of.coordinates, of.weights, truth.coordinates, truth.weights, order)
               : sliced_wasserstein(of.coordinates,
                                    of.weights,
                                    truth.coordinates,
                                    truth.weights,
                                    reference.directions,
                                    order);
  };
  add(reference.is_exact ? "w1" : "sliced_w1", distance(1));
  add(reference.is_exact ? "w2" : "sliced_w2", distance(2));
  const auto is_sample = [](const Ensemble& any) {
    return any.weights.maxCoeff() < any.weights.sum();
  };
  const bool are_samples = is_sample(of) && is_sample(truth);
  for (const auto& [suffix, self_pairs] :
       {std::pair("", SelfPairs::Kept), std::pair("_unbiased", SelfPairs::LeftOut)}) {
    const bool exists = self_pairs == SelfPairs::Kept || are_samples;
    const double none = std::numeric_limits<double>::quiet_NaN();
    add((std::string("energy_distance") + suffix).c_str(),
        exists ? energy_distance(
                     of.coordinates, of.weights, truth.coordinates, truth.weights, self_pairs)
               : none);
    add((std::string("mmd2") + suffix).c_str(),
        exists && reference.bandwidth > 0 ? mmd2(of.coordinates,
                                                 of.weights,
                                                 truth.coordinates,
                                                 truth.weights,
                                                 reference.bandwidth,
                                                 self_pairs)
                                          : none);
  }
  constexpr Index kMostForDensities = 3;
  if (truth.dimension() > 1 && truth.dimension() <= kMostForDensities) {
    add("kl", or_none([&] {
          return kernel_kl_divergence(of.coordinates, of.weights, truth.coordinates, truth.weights);
        }));
    add("reverse_kl", or_none([&] {
          return kernel_kl_divergence(truth.coordinates, truth.weights, of.coordinates, of.weights);
        }));
  }
  if (const AtomicModel* atoms = reference.options.atoms) {
    const Eigen::MatrixXd rmsds = rmsd_matrix(*atoms, of, truth);
    add("rmsd_w1", rmsd_wasserstein(rmsds, of.weights, truth.weights, 1));
    add("rmsd_w2", rmsd_wasserstein(rmsds, of.weights, truth.weights, 2));
  }
}

std::vector<Number> numbers_of(const Reference* reference, const Ensemble& of) {
  std::vector<Number> numbers;
  if (reference != nullptr) {
    add_marginals(*reference, of, numbers);
    add_joint(*reference, of, numbers);
  }
  numbers.push_back({"effective_sample_size", 0, effective_sample_size(of.weights)});
  return numbers;
}

// p-values, and what they and the MMD were made with: no refit changes them.
std::vector<Number> settings_of(const Reference& reference, const Ensemble& of) {
  const EvaluationOptions& options = reference.options;
  std::vector<Number> numbers = {{"mmd2_bandwidth", 0, reference.bandwidth}};
  if (options.permutations > 0 && reference.bandwidth > 0) {
    const TwoSampleTests tests = permutation_tests(
        equally_weighted(of.coordinates, of.weights, options.seed, 0),
        equally_weighted(reference.truth.coordinates, reference.truth.weights, options.seed, 1),
        reference.bandwidth,
        options.permutations,
        options.seed);
    numbers.push_back({"energy_distance_p", 0, tests.energy_distance.p_value});
    numbers.push_back({"mmd2_p", 0, tests.mmd2.p_value});
  }
  return numbers;
}

std::vector<EvaluationRow> rows_of(const std::vector<Number>& of_final,
                                   const std::vector<Number>& of_initial) {
  std::vector<EvaluationRow> rows;
  for (std::size_t i = 0; i < of_final.size(); ++i) {
    EvaluationRow row{of_final[i].metric, of_final[i].coordinate, std::nullopt, of_final[i].value};
    if (!of_initial.empty()) {
      row.initial = of_initial[i].value;
    }
    rows.push_back(std::move(row));
  }
  return rows;
}

void add_bands(const Reference* reference,
               const Ensemble& ensemble,
               std::vector<EvaluationRow>& rows) {
  constexpr std::size_t kAtOnce = 4;  // the memory of transport is that of many threads
  Eigen::MatrixXd values(static_cast<Index>(rows.size()),
                         static_cast<Index>(ensemble.refits.size()));
  for (std::size_t first = 0; first < ensemble.refits.size(); first += kAtOnce) {
    parallel_for(std::min(kAtOnce, ensemble.refits.size() - first), [&](std::size_t i) {
      Ensemble refit;
      refit.coordinates = ensemble.refits[first + i].coordinates;
      refit.weights = ensemble.refits[first + i].weights;
      const std::vector<Number> numbers = numbers_of(reference, refit);
      for (std::size_t row = 0; row < numbers.size(); ++row) {
        values(static_cast<Index>(row), static_cast<Index>(first + i)) = numbers[row].value;
      }
    });
  }
  for (std::size_t row = 0; row < rows.size(); ++row) {
    Band band = band_of(rows[row].final_value, values.row(static_cast<Index>(row)));
    if (rows[row].metric.find("_unbiased") == std::string::npos) {  // no other is ever negative
      band.lower = std::max(band.lower, 0.0);
    }
    rows[row].band = band;
  }
}

void add_stability(const Ensemble& ensemble, std::vector<EvaluationRow>& rows) {
  constexpr Index kOnTheLine = 256;
  constexpr Index kInThePlane = 64;
  for (Index k = 0; k < ensemble.dimension(); ++k) {
    rows.push_back({"perturbation_l1",
                    k + 1,
                    std::nullopt,
                    perturbation_l1(density_with_refits(ensemble, {k}, kOnTheLine))});
  }
  if (ensemble.dimension() >= 2) {
    rows.push_back({"perturbation_l1",
                    0,
                    std::nullopt,
                    perturbation_l1(density_with_refits(ensemble, {0, 1}, kInThePlane))});
  }
}

void set_number(formats::StarTable& table, std::size_t row, std::size_t column, double value) {
  if (std::isfinite(value)) {
    table.set(row, column, value);
  } else {
    table.set(row, column, std::string_view("None"));
  }
}

}  // namespace

std::vector<EvaluationRow> evaluate_ensemble(const Ensemble* truth,
                                             const Ensemble* initial,
                                             const Ensemble& ensemble,
                                             const EvaluationOptions& options) {
  std::optional<Reference> reference;
  if (truth != nullptr) {
    check_dimension(*truth, ensemble, "final");
    if (initial != nullptr) {
      check_dimension(*truth, *initial, "initial");
    }
    Index most = std::max(ensemble.size(), initial != nullptr ? initial->size() : 0);
    for (const Refit& refit : ensemble.refits) {
      most = std::max(most, refit.coordinates.cols());
    }
    reference.emplace(*truth, most, options);
  }
  const Reference* const to = reference ? &*reference : nullptr;
  const auto of_initial = [&](const auto& numbers) {
    return initial != nullptr ? numbers(*initial) : std::vector<Number>();
  };
  const auto numbers = [&](const Ensemble& of) { return numbers_of(to, of); };
  std::vector<EvaluationRow> rows = rows_of(numbers(ensemble), of_initial(numbers));
  if (ensemble.refits.size() >= 2) {
    add_bands(to, ensemble, rows);
  }
  if (reference) {
    const auto settings = [&](const Ensemble& of) { return settings_of(*reference, of); };
    const auto more = rows_of(settings(ensemble), of_initial(settings));
    rows.insert(rows.end(), more.begin(), more.end());
  }
  if (ensemble.perturbed) {
    add_stability(ensemble, rows);
  }
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
  const bool has_bands = std::any_of(
      rows.begin(), rows.end(), [](const EvaluationRow& row) { return row.band.has_value(); });
  std::vector<std::string> labels = {"sipMetric", "sipCoordinate", "sipInitial", "sipFinal"};
  if (has_bands) {
    labels.insert(labels.end(), {"sipFinalLower", "sipFinalUpper"});
  }
  formats::StarTable table("sip_evaluation", labels);
  constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
  for (const EvaluationRow& row : rows) {
    const std::size_t at = table.add_row();
    table.set(at, 0, std::string_view(row.metric));
    table.set_integer(at, 1, row.coordinate);
    set_number(table, at, 2, row.initial.value_or(kNone));
    set_number(table, at, 3, row.final_value);
    if (has_bands) {
      set_number(table, at, 4, row.band ? row.band->lower : kNone);
      set_number(table, at, 5, row.band ? row.band->upper : kNone);
    }
  }
  return table;
}

}  // namespace cryosip

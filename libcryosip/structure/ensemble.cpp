#include "libcryosip/structure/ensemble.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "formats/error.hpp"
#include "libcryosip/structure/numbered_columns.hpp"

namespace cryosip {
namespace {

// Labels with a meaning of their own; every other _sip label of the block is one of flow.values.
constexpr std::array<std::string_view, 6> kNamedLabels = {
    "sipModel", "sipSeed", "sipObjective", "sipStep", "sipScheduleBegin", "sipScheduleEnd"};

// Not StarTable::integer: a seed may use all 64 bits.
std::uint64_t read_seed(const formats::StarTable& pairs) {
  const std::size_t column = pairs.column("sipSeed");
  const std::string_view text = pairs.text("sipSeed");
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), seed);
  if (error != std::errc() || end != text.data() + text.size()) {
    pairs.fail(0, column, "'" + std::string(text) + "' found, expected a whole number >= 0");
  }
  return seed;
}

std::int64_t read_count(const formats::StarTable& pairs, std::string_view label) {
  const auto column = pairs.find(label);
  if (!column || pairs.rows() == 0) {
    return 0;
  }
  const std::int64_t count = pairs.integer(0, *column);
  if (count < 0) {
    pairs.fail(0, *column, std::to_string(count) + " found, expected a whole number >= 0");
  }
  return count;
}

void read_pairs(const formats::StarTable& pairs, Ensemble& ensemble) {
  ensemble.model = pairs.text("sipModel");
  ensemble.seed = read_seed(pairs);
  if (pairs.has("sipObjective")) {
    ensemble.objective = pairs.text("sipObjective");
  }
  FlowProgress& flow = ensemble.flow;
  flow.step = read_count(pairs, "sipStep");
  flow.schedule_begin = read_count(pairs, "sipScheduleBegin");
  flow.schedule_end = read_count(pairs, "sipScheduleEnd");
  if (flow.schedule_end < flow.schedule_begin) {
    pairs.fail(0, pairs.column("sipScheduleEnd"), "the schedule ends before it begins");
  }
  for (std::size_t column = 0; column < pairs.columns(); ++column) {
    const std::string& label = pairs.labels()[column];
    const bool named =
        std::find(kNamedLabels.begin(), kNamedLabels.end(), label) != kNamedLabels.end();
    if (label.rfind("sip", 0) == 0 && !named) {
      flow.values.emplace_back(label, pairs.number(0, column));
    }
  }
}

formats::StarTable pairs_of(const Ensemble& ensemble) {
  const FlowProgress& flow = ensemble.flow;
  formats::StarTable pairs("sip_ensemble", {}, formats::StarTable::Form::Pairs);
  pairs.add_pair("sipModel", std::string_view(ensemble.model));
  pairs.add_pair("sipSeed", std::string_view(std::to_string(ensemble.seed)));
  if (!ensemble.objective.empty()) {
    pairs.add_pair("sipObjective", std::string_view(ensemble.objective));
  }
  pairs.add_pair_integer("sipStep", flow.step);
  pairs.add_pair_integer("sipScheduleBegin", flow.schedule_begin);
  pairs.add_pair_integer("sipScheduleEnd", flow.schedule_end);
  for (const auto& [label, value] : flow.values) {
    pairs.add_pair(label, value);
  }
  return pairs;
}

std::vector<std::string> labels_of_conformations(Eigen::Index dimension) {
  std::vector<std::string> labels = {"sipWeight"};
  for (std::string& label : numbered_labels("sipCoordinate", dimension)) {
    labels.push_back(std::move(label));
  }
  return labels;
}

// Behind `first` columns.
void add_conformations(formats::StarTable& table, const Refit& refit, std::size_t first) {
  for (Eigen::Index i = 0; i < refit.coordinates.cols(); ++i) {
    const std::size_t row = table.add_row();
    table.set(row, first, refit.weights(i));
    for (Eigen::Index k = 0; k < refit.coordinates.rows(); ++k) {
      table.set(row, first + 1 + static_cast<std::size_t>(k), refit.coordinates(k, i));
    }
  }
}

// Columns sipWeight and sipCoordinate1..K of rows [begin, end).
Refit read_conformations(const formats::StarTable& rows,
                         std::size_t begin,
                         std::size_t end,
                         Eigen::Index dimension) {
  const std::size_t weight = rows.column("sipWeight");
  const auto columns = numbered_columns(rows, "sipCoordinate");
  if (static_cast<Eigen::Index>(columns.size()) != dimension) {
    throw Error(ErrorKind::Input,
                rows.where(0) + ": block '" + rows.name() + "': " + std::to_string(columns.size()) +
                    " coordinates found, expected the ensemble's " + std::to_string(dimension));
  }
  const auto count = static_cast<Eigen::Index>(end - begin);
  Refit refit{Eigen::MatrixXd(dimension, count), Eigen::VectorXd(count)};
  for (Eigen::Index i = 0; i < count; ++i) {
    const std::size_t row = begin + static_cast<std::size_t>(i);
    refit.weights(i) = rows.number(row, weight);
    if (refit.weights(i) < 0) {
      rows.fail(row, weight, "a weight below 0 found");
    }
    for (Eigen::Index k = 0; k < dimension; ++k) {
      refit.coordinates(k, i) = rows.number(row, columns[static_cast<std::size_t>(k)]);
    }
  }
  const double sum = refit.weights.sum();
  if (!(sum > 0)) {
    rows.fail(begin, weight, "weights that sum to 0 found");
  }
  constexpr double kRounding = 1e-12;
  if (std::abs(sum - 1) > kRounding) {
    refit.weights /= sum;
  }
  return refit;
}

void read_refits(const formats::StarTable& rows, Ensemble& ensemble) {
  const std::size_t number = rows.column("sipRefit");
  for (std::size_t begin = 0; begin < rows.rows();) {
    const auto expected = static_cast<std::int64_t>(ensemble.refits.size()) + 1;
    std::size_t end = begin;
    while (end < rows.rows() && rows.integer(end, number) == expected) {
      ++end;
    }
    if (end == begin) {
      rows.fail(begin, number, "expected " + std::to_string(expected) + ": refits in order");
    }
    ensemble.refits.push_back(read_conformations(rows, begin, end, ensemble.dimension()));
    begin = end;
  }
}

void check_shapes(const Ensemble& ensemble) {
  const Eigen::MatrixXd& momentum = ensemble.flow.momentum;
  if (ensemble.weights.size() != ensemble.size() || ensemble.size() == 0 ||
      (momentum.size() != 0 &&
       (momentum.rows() != ensemble.dimension() || momentum.cols() != ensemble.size()))) {
    throw Error(ErrorKind::Usage,
                "ensemble: " + std::to_string(ensemble.size()) + " conformations of " +
                    std::to_string(ensemble.dimension()) + " coordinates, " +
                    std::to_string(ensemble.weights.size()) + " weights and " +
                    std::to_string(momentum.size()) + " values of momentum do not agree");
  }
}

}  // namespace

std::optional<double> FlowProgress::carried(std::string_view label) const {
  for (const auto& [name, value] : values) {
    if (name == label) {
      return value;
    }
  }
  return std::nullopt;
}

void FlowProgress::carry(const std::string& label, double value) {
  for (auto& [name, old] : values) {
    if (name == label) {
      old = value;
      return;
    }
  }
  values.emplace_back(label, value);
}

Ensemble read_ensemble(const formats::StarFile& file) {
  Ensemble ensemble;
  read_pairs(file.table("sip_ensemble"), ensemble);

  const formats::StarTable& rows = file.table("sip_conformations");
  if (rows.columns() != 1) {
    static_cast<void>(rows.column("sipCoordinate1"));  // says so when it is missing
  }
  ensemble.weights = normalised_weights(rows);
  ensemble.coordinates = transposed_numbers(rows, numbered_columns(rows, "sipCoordinate"));
  const auto momentum = numbered_columns(rows, "sipMomentum");
  if (!momentum.empty()) {
    if (static_cast<Eigen::Index>(momentum.size()) != ensemble.dimension()) {
      throw Error(
          ErrorKind::Input,
          rows.where(0) + ": block 'sip_conformations': " + std::to_string(ensemble.dimension()) +
              " coordinates, but " + std::to_string(momentum.size()) + " columns of momentum");
    }
    ensemble.flow.momentum = transposed_numbers(rows, momentum);
  }
  if (const formats::StarTable* refits = file.find("sip_refits")) {
    read_refits(*refits, ensemble);
  }
  if (const formats::StarTable* perturbed = file.find("sip_perturbed")) {
    ensemble.perturbed = read_conformations(*perturbed, 0, perturbed->rows(), ensemble.dimension());
  }
  return ensemble;
}

formats::StarFile to_star(const Ensemble& ensemble, std::vector<std::string> comments) {
  check_shapes(ensemble);
  std::vector<std::string> labels = labels_of_conformations(ensemble.dimension());
  const bool has_momentum = ensemble.flow.momentum.size() != 0;
  if (has_momentum) {
    for (std::string& label : numbered_labels("sipMomentum", ensemble.dimension())) {
      labels.push_back(std::move(label));
    }
  }

  formats::StarTable rows("sip_conformations", labels);
  const auto dimension = static_cast<std::size_t>(ensemble.dimension());
  rows.reserve(static_cast<std::size_t>(ensemble.size()),
               static_cast<std::size_t>(ensemble.size()) * labels.size() * 20);
  for (Eigen::Index i = 0; i < ensemble.size(); ++i) {
    const std::size_t row = rows.add_row();
    rows.set(row, 0, ensemble.weights(i));
    for (std::size_t k = 0; k < dimension; ++k) {
      const auto coordinate = static_cast<Eigen::Index>(k);
      rows.set(row, 1 + k, ensemble.coordinates(coordinate, i));
      if (has_momentum) {
        rows.set(row, 1 + dimension + k, ensemble.flow.momentum(coordinate, i));
      }
    }
  }
  formats::StarFile file;
  file.comments = std::move(comments);
  file.tables = {pairs_of(ensemble), std::move(rows)};
  if (!ensemble.refits.empty()) {
    std::vector<std::string> refit_labels = labels_of_conformations(ensemble.dimension());
    refit_labels.insert(refit_labels.begin(), "sipRefit");
    formats::StarTable refits("sip_refits", refit_labels);
    for (std::size_t b = 0; b < ensemble.refits.size(); ++b) {
      const std::size_t first = refits.rows();
      add_conformations(refits, ensemble.refits[b], 1);
      for (std::size_t row = first; row < refits.rows(); ++row) {
        refits.set_integer(row, 0, static_cast<std::int64_t>(b) + 1);
      }
    }
    file.tables.push_back(std::move(refits));
  }
  if (ensemble.perturbed) {
    formats::StarTable perturbed("sip_perturbed", labels_of_conformations(ensemble.dimension()));
    add_conformations(perturbed, *ensemble.perturbed, 0);
    file.tables.push_back(std::move(perturbed));
  }
  return file;
}

}  // namespace cryosip

#include "libcryosip/structure/ensemble.hpp"

#include <algorithm>
#include <array>
#include <charconv>

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
  return ensemble;
}

formats::StarFile to_star(const Ensemble& ensemble, std::vector<std::string> comments) {
  check_shapes(ensemble);
  std::vector<std::string> labels = {"sipWeight"};
  const auto append = [&](std::string_view stem) {
    for (std::string& label : numbered_labels(stem, ensemble.dimension())) {
      labels.push_back(std::move(label));
    }
  };
  const bool has_momentum = ensemble.flow.momentum.size() != 0;
  append("sipCoordinate");
  if (has_momentum) {
    append("sipMomentum");
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
  return file;
}

}  // namespace cryosip

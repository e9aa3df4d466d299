#include "libcryosip/structure/mixture.hpp"

#include "formats/error.hpp"
#include "libcryosip/structure/numbered_columns.hpp"

namespace cryosip {

Eigen::VectorXd Mixture::sample(RandomStream& stream) const {
  const double u = stream.uniform();
  Eigen::Index component = 0;
  double below = weights(0);
  while (component + 1 < weights.size() && u >= below) {
    ++component;
    below += weights(component);
  }
  // Rounding may leave u beyond the last sum: never end in a component of no weight.
  while (component > 0 && weights(component) == 0) {
    --component;
  }
  Eigen::VectorXd draw(dimension());
  for (Eigen::Index k = 0; k < dimension(); ++k) {
    draw(k) = means(k, component) + sigmas(k, component) * stream.normal();
  }
  return draw;
}

Mixture read_mixture(const formats::StarFile& file) {
  const formats::StarTable& table = file.table("sip_mixture");
  static_cast<void>(table.column("sipMean1"));  // says so when it is missing
  Mixture mixture;
  mixture.weights = normalised_weights(table);
  mixture.means = transposed_numbers(table, numbered_columns(table, "sipMean"));
  const auto sigma_columns = numbered_columns(table, "sipSigma");
  if (static_cast<Eigen::Index>(sigma_columns.size()) != mixture.dimension()) {
    throw Error(ErrorKind::Input,
                table.where(0) + ": block 'sip_mixture': " + std::to_string(mixture.dimension()) +
                    " columns _sipMeanN, but " + std::to_string(sigma_columns.size()) +
                    " columns _sipSigmaN");
  }
  mixture.sigmas = transposed_numbers(table, sigma_columns);
  for (std::size_t row = 0; row < table.rows(); ++row) {
    for (std::size_t k = 0; k < sigma_columns.size(); ++k) {
      const double sigma =
          mixture.sigmas(static_cast<Eigen::Index>(k), static_cast<Eigen::Index>(row));
      if (sigma < 0) {
        table.fail(
            row, sigma_columns[k], formats::format_number(sigma) + " found, expected a sigma >= 0");
      }
    }
  }
  return mixture;
}

formats::StarTable to_star(const Mixture& mixture) {
  std::vector<std::string> labels = {"sipWeight"};
  for (const char* const stem : {"sipMean", "sipSigma"}) {
    for (std::string& label : numbered_labels(stem, mixture.dimension())) {
      labels.push_back(std::move(label));
    }
  }
  formats::StarTable table("sip_mixture", labels);
  const auto dimension = static_cast<std::size_t>(mixture.dimension());
  for (Eigen::Index i = 0; i < mixture.weights.size(); ++i) {
    const std::size_t row = table.add_row();
    table.set(row, 0, mixture.weights(i));
    for (std::size_t k = 0; k < dimension; ++k) {
      table.set(row, 1 + k, mixture.means(static_cast<Eigen::Index>(k), i));
      table.set(row, 1 + dimension + k, mixture.sigmas(static_cast<Eigen::Index>(k), i));
    }
  }
  return table;
}

}  // namespace cryosip

#include "libcryosip/flow/sampling.hpp"

#include <cstdint>
#include <limits>
#include <string>

#include "formats/error.hpp"

namespace cryosip {

Eigen::VectorXd SamplingPlan::weights(const Eigen::VectorXd& ensemble_weights) const {
  if (static_cast<std::size_t>(ensemble_weights.size()) != conformations) {
    throw Error(ErrorKind::Usage,
                "sampling: " + std::to_string(ensemble_weights.size()) + " weights for " +
                    std::to_string(conformations) + " conformations");
  }
  Eigen::VectorXd result(static_cast<Eigen::Index>(pairs.size()));
  for (std::size_t p = 0; p < pairs.size(); ++p) {
    result(static_cast<Eigen::Index>(p)) =
        ensemble_weights(static_cast<Eigen::Index>(pairs[p].conformation)) /
        static_cast<double>(nuisances);
  }
  return result;
}

SamplingPlan sampling_plan(const SamplingOptions& options, std::size_t conformations) {
  // Ids of streams have 32 bits.
  constexpr std::size_t kMostImages = std::numeric_limits<std::uint32_t>::max();
  const std::size_t m = options.nuisances;
  if (m == 0 || (options.method == SamplingMethod::A && m != 1) ||
      conformations > kMostImages / m) {
    throw Error(ErrorKind::Usage,
                "sampling: " + std::to_string(m) + " nuisances for each of " +
                    std::to_string(conformations) +
                    " conformations; expected one for method A, one or more for B and C, and fewer "
                    "than 2^32 images");
  }
  SamplingPlan plan;
  plan.conformations = conformations;
  plan.nuisances = m;
  plan.distinct_nuisances = options.method == SamplingMethod::B ? m : conformations * m;
  plan.pairs.reserve(conformations * m);
  for (std::size_t i = 0; i < conformations; ++i) {
    for (std::size_t k = 0; k < m; ++k) {
      plan.pairs.push_back({i, options.method == SamplingMethod::B ? k : i * m + k});
    }
  }
  return plan;
}

}  // namespace cryosip

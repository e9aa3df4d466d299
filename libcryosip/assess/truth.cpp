#include "libcryosip/assess/truth.hpp"

#include <algorithm>
#include <cstdint>
#include <numbers>
#include <numeric>
#include <utility>
#include <vector>

#include <boost/math/special_functions/erf.hpp>

#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

double standard_normal_quantile(double probability) {
  return -std::numbers::sqrt2 * boost::math::erfc_inv(2 * probability);
}

// The numbers 0 .. count-1 in an order that (component, coordinate) decides.
std::vector<Eigen::Index> shuffled(Eigen::Index count,
                                   Eigen::Index component,
                                   Eigen::Index coordinate) {
  std::vector<Eigen::Index> order(static_cast<std::size_t>(count));
  std::iota(order.begin(), order.end(), Eigen::Index{0});
  RandomStream stream(1,
                      StreamPurpose::TruthLayout,
                      static_cast<std::uint64_t>(component),
                      static_cast<std::uint64_t>(coordinate));
  for (std::size_t i = order.size(); i > 1; --i) {
    std::swap(order[i - 1], order[stream.below(i)]);
  }
  return order;
}

}  // namespace

Ensemble lay_out(const Mixture& mixture, Eigen::Index points) {
  const Eigen::Index components = mixture.weights.size();
  const Eigen::Index each = std::max<Eigen::Index>(1, points / components);
  Eigen::VectorXd quantiles(each);
  for (Eigen::Index i = 0; i < each; ++i) {
    quantiles(i) =
        standard_normal_quantile((static_cast<double>(i) + 0.5) / static_cast<double>(each));
  }

  Ensemble ensemble;
  ensemble.coordinates.resize(mixture.dimension(), components * each);
  ensemble.weights.resize(components * each);
  for (Eigen::Index c = 0; c < components; ++c) {
    ensemble.weights.segment(c * each, each)
        .setConstant(mixture.weights(c) / static_cast<double>(each));
    for (Eigen::Index k = 0; k < mixture.dimension(); ++k) {
      const std::vector<Eigen::Index> order = shuffled(each, c, k);
      for (Eigen::Index i = 0; i < each; ++i) {
        ensemble.coordinates(k, c * each + i) =
            mixture.means(k, c) +
            mixture.sigmas(k, c) * quantiles(order[static_cast<std::size_t>(i)]);
      }
    }
  }
  return ensemble;
}

Ensemble read_truth(const formats::StarFile& file) {
  return file.find("sip_mixture") != nullptr ? lay_out(read_mixture(file)) : read_ensemble(file);
}

}  // namespace cryosip

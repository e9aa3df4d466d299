#include "libcryosip/structure/initial_ensemble.hpp"

#include <cmath>
#include <functional>
#include <string>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

Ensemble drawn(Eigen::Index dimension,
               const InitialEnsembleOptions& options,
               const std::function<Eigen::VectorXd(RandomStream&)>& draw) {
  if (options.count < 1) {
    throw Error(ErrorKind::Usage,
                std::to_string(options.count) + " conformations, expected at least 1");
  }
  if (dimension < 1) {
    throw Error(ErrorKind::Usage, "a model that does not move has no ensemble to begin with");
  }
  Ensemble ensemble;
  ensemble.seed = options.seed;
  ensemble.weights =
      Eigen::VectorXd::Constant(options.count, 1 / static_cast<double>(options.count));
  ensemble.coordinates.resize(dimension, options.count);
  for (Eigen::Index i = 0; i < options.count; ++i) {
    RandomStream stream(
        options.seed, StreamPurpose::InitialEnsemble, static_cast<std::uint64_t>(i));
    ensemble.coordinates.col(i) = draw(stream);
  }
  return ensemble;
}

}  // namespace

Ensemble initial_ensemble(Eigen::Index dimension, const InitialEnsembleOptions& options) {
  const double scale = options.scale;
  if (!(scale > 0) || !std::isfinite(scale)) {
    throw Error(ErrorKind::Usage,
                "scale " + formats::format_number(scale) + ", expected more than 0");
  }
  return drawn(dimension, options, [&](RandomStream& stream) {
    Eigen::VectorXd coordinates(dimension);
    for (double& coordinate : coordinates) {
      coordinate = options.law == InitialLaw::Uniform ? stream.uniform(-scale, scale)
                                                      : scale * stream.normal();
    }
    return coordinates;
  });
}

Ensemble initial_ensemble(const Mixture& mixture, const InitialEnsembleOptions& options) {
  return drawn(
      mixture.dimension(), options, [&](RandomStream& stream) { return mixture.sample(stream); });
}

}  // namespace cryosip

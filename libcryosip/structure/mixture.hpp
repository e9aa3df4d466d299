// Gaussian mixtures over conformation coordinates: truths of simulations, starts of flows.
#pragma once

#include <Eigen/Core>

#include "formats/star.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {

struct Mixture {
  Eigen::VectorXd weights;  ///< (components), sum 1
  Eigen::MatrixXd means;    ///< (coordinates, components)
  Eigen::MatrixXd sigmas;   ///< (coordinates, components), >= 0; axes independent

  [[nodiscard]] Eigen::Index dimension() const { return means.rows(); }
  /// One draw.
  [[nodiscard]] Eigen::VectorXd sample(RandomStream& stream) const;
};

/// Reads block sip_mixture: a loop of sipWeight, sipMean1..K, sipSigma1..K.
/// @throws Error(Input) naming file and line
Mixture read_mixture(const formats::StarFile& file);
formats::StarTable to_star(const Mixture& mixture);

}  // namespace cryosip

// Where a flow begins: conformations drawn from a simple law.
#pragma once

#include <cstdint>

#include <Eigen/Core>

#include "libcryosip/structure/ensemble.hpp"
#include "libcryosip/structure/mixture.hpp"

namespace cryosip {

enum class InitialLaw {
  Uniform,   ///< each coordinate on (-scale, scale)
  Gaussian,  ///< each coordinate N(0, scale^2)
};

struct InitialEnsembleOptions {
  Eigen::Index count = 800;  ///< conformations, > 0
  InitialLaw law = InitialLaw::Uniform;
  double scale = 2;  ///< > 0, in units of the coordinates
  std::uint64_t seed = 1;
};

/// Equal weights; conformation i depends on (seed, i) alone, so that a larger ensemble begins with
/// the smaller one.  The model is left for the caller to name.
/// @throws Error(Usage) an option out of range, no coordinates
Ensemble initial_ensemble(Eigen::Index dimension, const InitialEnsembleOptions& options);
/// The same drawn from a mixture; law and scale are not used.
Ensemble initial_ensemble(const Mixture& mixture, const InitialEnsembleOptions& options);

}  // namespace cryosip

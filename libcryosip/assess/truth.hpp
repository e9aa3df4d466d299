// What ensembles are compared with: another ensemble, or a mixture laid out as points.
#pragma once

#include <Eigen/Core>

#include "formats/star.hpp"
#include "libcryosip/structure/ensemble.hpp"
#include "libcryosip/structure/mixture.hpp"

namespace cryosip {

/// Points for a mixture, the same number for each component, that carry its weights.  Along each
/// coordinate a component's points are its quantiles at (i + 1/2) / n, joined across coordinates in
/// a fixed random order (Latin hypercube): marginals are far nearer to the mixture's than
/// independent draws would be, and the same call gives the same points.
/// @param points  about how many, > 0; every component gets at least one
Ensemble lay_out(const Mixture& mixture, Eigen::Index points = 2048);

/// An ensemble (blocks sip_ensemble, sip_conformations), or the points of a mixture (sip_mixture).
/// @throws Error(Input) naming file and line
Ensemble read_truth(const formats::StarFile& file);

}  // namespace cryosip

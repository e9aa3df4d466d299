// How certain an ensemble is: the same flow again, from images drawn again and with other seeds.
#pragma once

#include <cstddef>

#include "libcryosip/flow/image_flow.hpp"

namespace cryosip {

/// What images are changed to, to see what becomes of an ensemble: a difference of 0.2 %, as two
/// sound ways of downsampling make (ma-gilles/recovar, issue 95).
inline constexpr double kPerturbedCorrelation = 0.998;

/// The flow from `start` on the data set's bootstrap sample of that number (as many images, drawn
/// with replacement), with a seed of that number's own; noise and contrast are estimated from that
/// sample.  The spread of many refits is that of ensembles from independent data sets as large.
/// @param start       is moved; its state of a flow under way goes on
/// @param number      >= 1
/// @param after_step  as of flow_on_images()
/// @throws Error as flow_on_images()
FlowResult refit_to_resampled(Ensemble& start,
                              const ConformationModel& model,
                              const ImageSet& images,
                              const ImageFlowOptions& options,
                              std::size_t number,
                              Progress& progress,
                              const AfterStep& after_step);

/// Fills in ensemble.refits with refits 1 to `count`, and ensemble.perturbed with a refit of the
/// ensemble's own seed to images changed to kPerturbedCorrelation.
/// @param start     what the ensemble's own flow, with the same options, began from
/// @return Cancelled where the caller's Progress asked to stop: refits that were ready are kept
/// @throws Error as flow_on_images()
Termination add_refits(Ensemble& ensemble,
                       const Ensemble& start,
                       const ConformationModel& model,
                       const ImageSet& images,
                       const ImageFlowOptions& options,
                       std::size_t count,
                       Progress& progress);

}  // namespace cryosip

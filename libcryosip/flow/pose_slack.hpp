// Poses that are given, but not exactly: where to draw for an image, and how drawings change with
// the pose there (docs/theory.md 12).
#pragma once

#include <cstddef>

#include <Eigen/Core>

#include "libcryosip/discrepancy/likelihood.hpp"
#include "libcryosip/forward/image_model.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

/// How an image is looked at by all conformations.
struct ImageView {
  Pose pose;  ///< that drawings are made in
  ImageLikelihood likelihood;
};

/// An observed image and what is known of how it came about.
struct ObservedImage {
  Eigen::VectorXf coefficients;  ///< y (size)
  Eigen::VectorXf transfer;      ///< C (size), contrast included
  Pose pose;                     ///< as given
  double noise_variance = 1;     ///< of every coefficient
};

/// The likelihood at the given pose, or, where that has an error, integrated over it.
///
/// A drawing is linear in the pose only nearby, so it must be linearised near the image's own pose.
/// That is searched for by Gauss-Newton steps, by the posterior of a few conformations of the
/// ensemble, each with its own derivatives by the pose (central differences); the mean of those
/// under the posterior serves all conformations.
/// Cost with an error in turn and shift: three times 11 drawings for each of the few.
/// @param temperature  of that posterior; >= 1
/// @param first        which conformations are looked at: every n-th beginning here, round again
ImageView view_of(const ImageModel& model,
                  const Ensemble& ensemble,
                  const ObservedImage& image,
                  const PoseError& error,
                  double temperature,
                  std::size_t first);

}  // namespace cryosip

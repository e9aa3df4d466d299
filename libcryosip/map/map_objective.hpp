// What K structures make of the images: minus the mean log likelihood and the regulariser of paper
// section 3.1, equation 22 (THEORY 5), with its exact gradient.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/dataset/image_coefficients.hpp"
#include "libcryosip/flow/nuisance_law.hpp"

namespace cryosip {

struct MapObjectiveOptions {
  /// The law of omega.  Given: each image's own pose and shift.  Uniform: rotations on SO(3), the
  /// molecule centred, as the mean over `nuisances` of them that are drawn once and serve all
  /// images and structures.  The CTF is always the image's own.
  PoseLaw poses = PoseLaw::Given;
  /// m, of PoseLaw::Uniform, > 0.  They must lie closer than the images can tell views apart, or
  /// every image is explained by the nearest view drawn and the structures make up for the rest:
  /// see MapEvaluation::nuisances_per_image.  Memory: 12 * m * K bytes a coefficient.
  std::size_t nuisances = 2000;
  /// prior(theta) = N(0, prior_sigma^2) for each coordinate of each structure; none: a flat prior.
  std::optional<double> prior_sigma = std::nullopt;
  std::uint64_t seed = 1;  ///< of the nuisances
};

/// Where the objective is asked for.
struct MapPoint {
  Eigen::MatrixXd coordinates;  ///< (coordinates, structures)
  Eigen::VectorXd fractions;    ///< c (structures), >= 0, sum 1
  double contrast = 1;          ///< image = contrast * drawing + noise; not 0
};

struct MapEvaluation {
  /// -(1/M) sum_j log sum_k c_k E_omega exp(-|y_j - A_omega theta_k|^2 / 2 sigma^2)
  ///   - (1/M) sum_k log prior(theta_k), up to terms of the images and of prior_sigma alone: the
  /// likelihood flow's objective for the ensemble (theta, c), at temperature 1.
  double objective = 0;
  Eigen::MatrixXd gradient;    ///< (coordinates, structures)
  Eigen::VectorXd posteriors;  ///< (structures): mean responsibility, the fractions of an EM step
  double contrast_gradient = 0;
  /// Mean of |C x|^2 / sigma^2 under the posterior: how well the contrast is known, times its
  /// square.
  double signal = 0;
  /// (structures, images): log E_omega exp(-|y - A_omega theta|^2 / 2 sigma^2), up to a term of the
  /// image alone.
  Eigen::MatrixXd log_likelihoods;
  double structures_per_image = 0;  ///< mean of 1 / sum r^2
  /// Mean of 1 / sum w^2 over the posterior w of the nuisances.  Near 1 with PoseLaw::Uniform: the
  /// integral over poses is not resolved.  1 with PoseLaw::Given.
  double nuisances_per_image = 1;
};

class MapObjective {
 public:
  /// @param images   must outlive this object
  /// @param indices  which of them are looked at
  /// @param noise_sigma  of a pixel; > 0
  /// @throws Error(Usage) an option out of range; no images
  MapObjective(const ImageCoefficients& images,
               std::vector<std::size_t> indices,
               double noise_sigma,
               const MapObjectiveOptions& options);

  /// Cost with given poses: a drawing for each image and structure, and an adjoint for each
  /// responsibility above the rounding of single precision.  With uniform poses: two drawings and
  /// an adjoint for each nuisance and structure, and matrix products of 8 * m * K * size flops an
  /// image.
  [[nodiscard]] MapEvaluation evaluate(const MapPoint& point) const;
  /// Mean of |C dx/dtheta|^2 / sigma^2 (coordinates) over the structures and some images: the
  /// Fisher information an image gives of each coordinate, by central differences.
  [[nodiscard]] Eigen::VectorXd information(const MapPoint& point) const;

  [[nodiscard]] std::size_t images() const { return indices_.size(); }

 private:
  struct Sums;
  [[nodiscard]] Sums evaluate_given(const MapPoint& point) const;
  [[nodiscard]] Sums evaluate_uniform(const MapPoint& point) const;

  const ImageCoefficients& images_;
  std::vector<std::size_t> indices_;
  double noise_variance_;
  MapObjectiveOptions options_;
  std::vector<Pose> nuisances_;  // of PoseLaw::Uniform
};

}  // namespace cryosip

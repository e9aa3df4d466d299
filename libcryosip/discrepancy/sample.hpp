// What a discrepancy compares: simulated images with weights, and the law of the pixels' noise.
#pragma once

#include <vector>

#include <Eigen/Core>

namespace cryosip {

/// A weighted sample of the predicted law p.  Two images of one conformation, or that share one
/// draw of the nuisances (sampling methods B and C, paper section 2.5.3), are not independent:
/// averages over pairs of simulated images leave such pairs out, so that their estimators stay
/// unbiased.
template <typename Scalar>
struct SimulatedImages {
  Eigen::MatrixX<Scalar> images;  ///< (d, n)
  Eigen::VectorXd weights;        ///< (n), >= 0, sum 1
  std::vector<int> conformation;  ///< (n): equal for images of one conformation; empty: all differ
  std::vector<int> nuisance;      ///< (n): equal for images of one draw; empty: all differ
};

/// White noise of the observed images, which the simulated ones must carry too.
struct PixelNoise {
  double variance = 0;            ///< of every coefficient that carries noise; >= 0
  double degrees_of_freedom = 0;  ///< how many coefficients carry noise, >= 0; the others, which
                                  ///< then tell nothing, are equal in all images
  /// true: simulated images are noise-free, and the law of their noise is integrated out exactly;
  /// false: they carry noise that was drawn, or nothing carries any
  bool integrated = false;
};

/// Whether p is a sample and can be compared with observed images.
/// @throws Error(Usage) shapes that disagree, no images, weights negative or of another sum than 1
template <typename Scalar>
void check_sample(const SimulatedImages<Scalar>& simulated, const Eigen::MatrixX<Scalar>& observed);

/// 0 .. count-1: the origins of images that are their own.
std::vector<int> own_origins(Eigen::Index count);
/// (count), all equal, sum 1.
Eigen::VectorXd equal_weights(Eigen::Index count);

/// For every image a, the weight of the images independent of it: sum of w_b over the pairs (a, b)
/// that averages over pairs keep.  Cost: O(n log n).
template <typename Scalar>
Eigen::VectorXd independent_weights(const SimulatedImages<Scalar>& simulated);

}  // namespace cryosip

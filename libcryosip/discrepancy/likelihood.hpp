// The likelihood of an image under white noise, and what it asks of a simulated image.
//
// KL(q || p) with p from the noise model (paper section 3.1, equations 18 and 22):
// log p(y) = log sum_i w_i exp(-|C x_i - y|^2 / (2 T sigma^2)) + const; image by image where each
// image's pose is known, and all images against all simulated ones where poses are drawn.
#pragma once

#include <Eigen/Core>

#include "libcryosip/discrepancy/discrepancy.hpp"
#include "libcryosip/discrepancy/pair_engine.hpp"

namespace cryosip {

/// What is unknown of a pose near the one that drawings are made in, to first order: a drawing x at
/// the pose given + u is x + J (u - offset), with u ~ N(0, I).
struct PoseSlack {
  Eigen::MatrixXf directions;  ///< J (size, p): change of a drawing by each u; p may be 0
  Eigen::VectorXd offset;      ///< (p): u of the pose that drawings are made in
};

/// One observed image, ready to be compared with many noise-free, CTF-free simulated ones.
///
/// Where the pose has slack, likelihoods are integrated over it in closed form (docs/theory.md 12):
/// pose errors are then one more Gaussian noise, of covariance C J J^T C.
class ImageLikelihood {
 public:
  /// @param observed        y (size)
  /// @param transfer        C (size), diagonal, contrast included; 0 leaves a coefficient out
  /// @param noise_variance  sigma^2 of every real coefficient; > 0
  ImageLikelihood(const Eigen::VectorXf& observed,
                  const Eigen::VectorXf& transfer,
                  double noise_variance,
                  PoseSlack slack = {});

  /// <C x, y> / sigma^2 and |C x|^2 / sigma^2: means over the pose, given image and x.
  struct Fit {
    double overlap = 0;
    double norm = 0;
    double divergence = 0;  ///< KL divergence of the pose's law given image and x from its law

    /// -|y - C x|^2 / (2 sigma^2), its exponential integrated over the pose: log p(y|x), up to a
    /// term of y alone.
    [[nodiscard]] double log_likelihood() const { return overlap - norm / 2 - divergence; }
  };
  [[nodiscard]] Fit fit(const Eigen::Ref<const Eigen::VectorXf>& simulated) const;
  [[nodiscard]] double log_likelihood(const Eigen::Ref<const Eigen::VectorXf>& simulated) const {
    return fit(simulated).log_likelihood();
  }
  /// Mean of u given image and x: (p).
  [[nodiscard]] Eigen::VectorXd pose(const Eigen::Ref<const Eigen::VectorXf>& simulated) const;
  /// factor * C (y - C x) / sigma^2, x in the mean pose(): factor times the gradient of log p(y|x)
  /// by x.
  void gradient(const Eigen::Ref<const Eigen::VectorXf>& simulated,
                double factor,
                Eigen::Ref<Eigen::VectorXf> result) const;

 private:
  [[nodiscard]] Eigen::VectorXd pose_step(const Eigen::VectorXd& drawing_overlaps) const;

  Eigen::VectorXf transfer_squared_;  // (size): C^2 / sigma^2
  Eigen::VectorXf filtered_;          // (size): C y / sigma^2
  PoseSlack slack_;
  Eigen::MatrixXf filtered_directions_;  // (size, p): C^2 J / sigma^2
  Eigen::VectorXd image_overlaps_;       // (p): J^T C y / sigma^2
  Eigen::MatrixXd information_;          // (p, p): J^T C^2 J / sigma^2
  Eigen::MatrixXd covariance_;           // (p, p): of u given the image, (information + I)^-1
  double spread_norm_ = 0;               // trace of information * covariance
  double spread_divergence_ = 0;         // (trace covariance - p - log det covariance) / 2
};

/// Posterior of the conformations given one image.
struct Responsibilities {
  Eigen::VectorXd values;   ///< (conformations), sum 1
  double log_evidence = 0;  ///< log sum_i w_i exp(l_i / T)
};

/// Softmax of log likelihoods over T with prior weights.
/// @param temperature  > 0; above 1 the noise counts as larger than it is
Responsibilities responsibilities(const Eigen::VectorXd& log_likelihoods,
                                  const Eigen::VectorXd& weights,
                                  double temperature);

/// KL(q || p) with simulated images of drawn poses against all observed images, whose CTFs enter
/// exactly.  The value is -1/m sum_j log p(y_j), up to what depends on noise alone;
/// the first variation at x_i is -1/m sum_j p(y_j | x_i) / p(y_j), 0 for an image of weight 0, and
/// w_i gradient_i is the gradient of value by x_i.
///
/// A trap: unsound where poses are drawn at random.  Every observed image must be explained by the
/// nearest pose that was drawn, and conformations stretch to make up for what it misses: measured,
/// the error W1 of the marginals grew from 0.29 to 0.66 within 30 steps.  Sound where the pose is
/// known or drawn more densely than the likelihood is wide.
/// @param simulated       noise-free, without C
/// @param observed        y (d, m), m > 0
/// @param transfer        C (d, m): CTF and contrast at every real coefficient
/// @param noise_variance  sigma^2 of every coefficient; > 0
/// @param temperature     T > 0; above 1 the noise counts as larger than it is
/// @throws Error(Usage) as check_sample; transfer of another shape, a parameter out of range
template <typename Scalar>
[[nodiscard]] DiscrepancyResult drawn_pose_likelihood(const PairEngine<Scalar>& engine,
                                                      const SimulatedImages<Scalar>& simulated,
                                                      const Eigen::MatrixX<Scalar>& observed,
                                                      const Eigen::MatrixX<Scalar>& transfer,
                                                      double noise_variance,
                                                      double temperature = 1);

}  // namespace cryosip

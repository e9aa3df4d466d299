// The likelihood of an image under white noise, and what it asks of a simulated image.
//
// KL(q || p) with p from the noise model (paper section 3.1, equation 22), for images whose pose is
// known: log p(y) = log sum_i w_i exp(-|C x_i - y|^2 / (2 T sigma^2)) + const.
#pragma once

#include <Eigen/Core>

namespace cryosip {

/// One observed image, ready to be compared with many noise-free, CTF-free simulated ones.
class ImageLikelihood {
 public:
  /// @param observed        y (size)
  /// @param transfer        C (size), diagonal, contrast included; 0 leaves a coefficient out
  /// @param noise_variance  sigma^2 of every real coefficient; > 0
  ImageLikelihood(const Eigen::VectorXf& observed,
                  const Eigen::VectorXf& transfer,
                  double noise_variance);

  /// <C x, y> / sigma^2 and |C x|^2 / sigma^2.
  struct Fit {
    double overlap = 0;
    double norm = 0;

    /// -|y - C x|^2 / (2 sigma^2): log p(y|x), up to a term of y alone.
    [[nodiscard]] double log_likelihood() const { return overlap - norm / 2; }
  };
  [[nodiscard]] Fit fit(const Eigen::Ref<const Eigen::VectorXf>& simulated) const;
  [[nodiscard]] double log_likelihood(const Eigen::Ref<const Eigen::VectorXf>& simulated) const {
    return fit(simulated).log_likelihood();
  }
  /// factor * C (y - C x) / sigma^2: factor times the gradient of log p(y|x) by x.
  void gradient(const Eigen::Ref<const Eigen::VectorXf>& simulated,
                double factor,
                Eigen::Ref<Eigen::VectorXf> result) const;

 private:
  Eigen::VectorXf transfer_squared_;  // (size): C^2 / sigma^2
  Eigen::VectorXf filtered_;          // (size): C y / sigma^2
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

}  // namespace cryosip

// Sampling methods: which conformation is drawn under which nuisance (paper section 2.5.3).
#pragma once

#include <cstddef>
#include <vector>

#include <Eigen/Core>

namespace cryosip {

/// For f(theta, omega) with variances V_theta, V_omega and interaction V_thetaomega, N images cost
/// N renders, and the mean of f over them has the variance given (docs/sampling.md).
enum class SamplingMethod {
  A,  ///< N pairs, each conformation with one nuisance of its own: (V_t + V_o + V_to) / N  (13)
  B,  ///< n conformations share the same m nuisances: V_t / n + V_o / m + V_to / (n m)  (14)
  C,  ///< n conformations, m nuisances of its own each: V_t / n + (V_o + V_to) / (n m)  (15)
};

struct SamplingOptions {
  SamplingMethod method = SamplingMethod::A;
  std::size_t nuisances = 1;  ///< m, of a conformation; > 0, for A 1
};

/// One simulated image.  Images that share either are not independent draws: estimators that are
/// means over pairs of independent images leave such pairs out.
struct SamplingPair {
  std::size_t conformation = 0;  ///< column of the ensemble
  std::size_t nuisance = 0;      ///< names the stream: NuisanceLaw::sample(step, nuisance)
};

/// The images of one step: conformation i's are pairs i * m .. (i + 1) * m - 1.
struct SamplingPlan {
  std::size_t conformations = 0;       ///< n
  std::size_t nuisances = 1;           ///< m, of a conformation
  std::size_t distinct_nuisances = 0;  ///< ids are 0 .. this - 1
  std::vector<SamplingPair> pairs;     ///< (n m), conformation-major

  /// (n m): w_i / m for every image of conformation i.
  /// @param ensemble_weights  (n)
  /// @throws Error(Usage) another number of weights than conformations
  [[nodiscard]] Eigen::VectorXd weights(const Eigen::VectorXd& ensemble_weights) const;
};

/// @throws Error(Usage) no nuisances, more than one for method A, or more images than 2^32
SamplingPlan sampling_plan(const SamplingOptions& options, std::size_t conformations);

}  // namespace cryosip

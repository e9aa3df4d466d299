// How far the populations of a set of maps are from those of the truth, given what it costs to
// take one map for another: the distribution-to-distribution metrics of the Flatiron Institute's
// heterogeneity challenge (cryo_challenge/_distribution_to_distribution).
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <Eigen/Core>

namespace cryosip {

/// Defaults are those of config_distribution_to_distribution.yaml.
struct PopulationOptions {
  Eigen::Index replicates = 30;  ///< > 0
  double fraction = 0.9;         ///< of the true maps that a replicate keeps, in (0, 1]
  Eigen::Index pool = 5;         ///< true maps that count as one state; > 0
  Eigen::Index kl_iterations = 100000;
  double kl_tolerance = 1e-4;
};

/// Of one replicate.  p are the true populations of the pooled states; q those of the maps.
struct PopulationDistance {
  double emd = 0;          ///< least cost of moving p to q
  double emd_optimal = 0;  ///< the same, q chosen freely: the best that these maps allow
  /// A sends each state to its nearest map: columns that sum to 1, uniform where a map is nearest
  /// to no state.  Infinite where a state's map has no population.
  double kl = 0;                  ///< KL(p || A q)
  double kl_reverse = 0;          ///< KL(A q || p), 0 log 0 taken as 0 (the original gives nan)
  double kl_optimal = 0;          ///< KL(p || A q), q from the multiplicative iteration below
  double kl_reverse_optimal = 0;  ///< of that q
};

/// Distances of replicates 0, 1, ..  Replicate s keeps the rows that numpy.random.seed(s) and
/// numpy.random.choice without replacement choose, so that the numbers are the challenge's own;
/// turns the costs of each row into ranks (equal costs share theirs); and sums ranks and
/// populations over runs of rows, as numpy.array_split makes them.
///
/// The free q of emd_optimal sends each state to its nearest map, which is what the original's
/// linear programme finds.  That of kl_optimal is q <- q A'(p / A q) from equal populations,
/// until each factor is within the tolerance of 1 or 0.
/// @param cost         (true maps, maps): dissimilarity.  The order of the rows matters: pooled
///                     ones should be alike
/// @param truth        (true maps), > 0 in sum over every pool
/// @param populations  (maps), >= 0, sum > 0
/// @return nothing where a replicate has fewer rows than a pool
/// @throws Error(Usage) shapes that disagree, options out of range, a cost that is not finite
std::vector<PopulationDistance> population_distances(const Eigen::MatrixXd& cost,
                                                     const Eigen::VectorXd& truth,
                                                     const Eigen::VectorXd& populations,
                                                     const PopulationOptions& options = {});

/// The first @p size of numpy.random.permutation(count) after numpy.random.seed(seed), ascending.
std::vector<Eigen::Index> numpy_choice(std::uint32_t seed, Eigen::Index count, Eigen::Index size);

}  // namespace cryosip

// Densities of ensembles: Gaussian kernel estimates of marginals (paper figures 4 and 7).
#pragma once

#include <optional>
#include <vector>

#include <Eigen/Core>

#include "formats/star.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

/// Silverman's rule for Gaussian kernels in K dimensions, for each coordinate
///   h_k = sigma_k (4 / ((K + 2) n))^(1 / (K + 4)),
/// n = 1 / sum w^2 the effective sample size and sigma_k^2 = sum w (x - mean)^2 / (1 - sum w^2), as
/// scipy.stats.gaussian_kde takes them; 0 where the points coincide.
/// @param points   (K, points)
/// @param weights  (points), >= 0, sum 1
Eigen::VectorXd silverman_bandwidths(const Eigen::MatrixXd& points, const Eigen::VectorXd& weights);

/// sum_i w_i N(at; x_i, h^2) at each place of a grid.
/// @param points     (points)
/// @param bandwidth  > 0
Eigen::VectorXd kernel_density(const Eigen::VectorXd& points,
                               const Eigen::VectorXd& weights,
                               double bandwidth,
                               const Eigen::VectorXd& at);

/// sum_i w_i N(x; x_i1, h_1^2) N(y; x_i2, h_2^2): element (i, j) is at (x(i), y(j)).
/// @param points      (2, points)
/// @param bandwidths  > 0
Eigen::MatrixXd kernel_density(const Eigen::Matrix2Xd& points,
                               const Eigen::VectorXd& weights,
                               const Eigen::Vector2d& bandwidths,
                               const Eigen::VectorXd& x,
                               const Eigen::VectorXd& y);

struct DensityOptions {
  Eigen::Index marginal_points = 256;  ///< of a marginal's grid; > 1
  Eigen::Index plane_points = 64;      ///< along each axis of the plane's grid; > 1
};

/// Densities of the ensembles that are compared, on one grid.
struct EnsembleDensities {
  /// A density at every point of the grid; the initial ensemble's is empty where there is none.
  template <typename Values>
  struct Of {
    Values truth;
    Values initial;
    Values final_values;
  };
  struct Marginal {
    Eigen::VectorXd grid;
    Of<Eigen::VectorXd> density;
  };
  struct Plane {
    Eigen::VectorXd grid1;  ///< of coordinate 1
    Eigen::VectorXd grid2;  ///< of coordinate 2
    Of<Eigen::MatrixXd> density;
  };
  std::vector<Marginal> marginals;  ///< (coordinates)
  std::optional<Plane> plane;       ///< of the first two coordinates, where there are two
};

/// Kernel estimates with each ensemble's own bandwidth (silverman_bandwidths, in one dimension for
/// the marginals and in two for the plane).  Grids are even and reach four of the widest bandwidths
/// beyond all points; a bandwidth below a grid's spacing is raised to it.
/// @param initial  or null
/// @throws Error(Usage) when the numbers of coordinates differ, a grid of fewer than two points
EnsembleDensities ensemble_densities(const Ensemble& truth,
                                     const Ensemble* initial,
                                     const Ensemble& ensemble,
                                     const DensityOptions& options = {});

/// Block sip_densities: sipCoordinate, sipValue, sipTruth, sipInitial ("None" where absent),
/// sipFinal; where there is a plane also block sip_plane_densities: sipValue1, sipValue2 and the
/// same.
std::vector<formats::StarTable> to_star(const EnsembleDensities& densities);

}  // namespace cryosip

// Bands of certainty about densities and numbers, from the refits that an ensemble carries.
#pragma once

#include <optional>
#include <vector>

#include <Eigen/Core>

#include "formats/star.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

inline constexpr double kBandLevel = 0.9;  ///< how often a band shall hold the truth

/// From lower to upper.
struct Band {
  double lower = 0;
  double upper = 0;
};

/// value -+ t sqrt(s^2 + squared_bias): s the standard deviation of what refits gave for it, t
/// Student's quantile that makes up for their small number.
/// @param refits        two at least
/// @param squared_bias  of the value, as far as it is known, >= 0
/// @throws Error(Usage) fewer
Band band_of(double value, const Eigen::VectorXd& refits, double squared_bias = 0);

/// A density of one or two coordinates on an even grid, the same of every refit, and at which
/// resolution.  Cells are in the order of the last coordinate first.
struct DensityWithRefits {
  std::vector<Eigen::Index> coordinates;     ///< 0-based, one or two
  std::vector<Eigen::VectorXd> axes;         ///< places along each
  Eigen::VectorXd bandwidths;                ///< along each: its resolution
  Eigen::VectorXd density;                   ///< (cells), >= 0 but for the correction's undershoot
  Eigen::MatrixXd refits;                    ///< (cells, refits)
  std::optional<Eigen::VectorXd> perturbed;  ///< (cells), of Ensemble::perturbed
  std::vector<Band> bands;                   ///< (cells), lower >= 0; empty without refits

  [[nodiscard]] double cell_size() const;
  /// Of a cell, (coordinates).
  [[nodiscard]] Eigen::VectorXd place(Eigen::Index cell) const;
};

/// Bandwidth of a kernel estimate on the line by the method of Z. I. Botev, J. F. Grotowski and
/// D. P. Kroese (Ann. Stat. 38 (2010) 2916), which unlike Silverman's rule does not blur wells into
/// each other, with the effective sample size; Silverman's where it has no solution.
/// @param points  (points)
double plug_in_bandwidth(const Eigen::VectorXd& points, const Eigen::VectorXd& weights);

/// Kernel estimates 2 f_h - f_(sqrt(2) h), in which the blur by h cancels but for its fourth order
/// (a kernel of fourth order: W. R. Schucany and J. P. Sommers, JASA 72 (1977) 420), so that a band
/// is about the density itself and not about a smoothed one.
///
/// The bandwidth h is the resolution that the data have.  With refits: where the mean squared error
/// of f_h that they tell is least (the first minimum from narrow to wide),
///   integral of Var f_h + max(0, integral of b^2 - Var b),  b = K_h * f - f = 3 f_(sqrt(2) h) -
///   f_(sqrt(3) h) - 2 f_h,
/// Var over the refits, f the corrected estimate at h and K_h the kernel: the smoothed bootstrap
/// (C. C. Taylor, Biometrika 76 (1989) 705) of the corrected density in place of f_h.  It grows
/// with the noise of images and their small number, however many conformations there are, and
/// varies little from data set to data set, as it must: bands are for a given h
/// (docs/decisions/0015).  Without: plug_in_bandwidth, which knows the number of conformations
/// alone (in two coordinates times n^(1/30)).
///
/// Bands are those of a bias-corrected estimate with that estimate's own standard deviation (S.
/// Calonico, M. D. Cattaneo and M. H. Farrell, JASA 113 (2018) 767), and with the square of the
/// bias that the correction leaves, as far as the refits tell: max(0, c^2 - Var c), c what f lacks
/// after it is blurred and corrected once more, 5 f_(sqrt(2) h) - 4 f_(sqrt(3) h) + f_(2 h) - 2
/// f_h.
/// @param coordinates  one or two different ones, 0-based
/// @param points       along each axis, > 1
/// @throws Error(Usage) other coordinates than it has
DensityWithRefits density_with_refits(const Ensemble& ensemble,
                                      const std::vector<Eigen::Index>& coordinates,
                                      Eigen::Index points);

/// The change that Ensemble::perturbed makes: integral of |f - f'|, 0 to 2.
/// @throws Error(Usage) where there is no such refit
double perturbation_l1(const DensityWithRefits& density);

/// Block sip_density_bands of every coordinate: sipCoordinate, sipValue, sipDensity (not below 0),
/// sipLower, sipUpper; and sip_plane_density_bands of two: sipCoordinate1, sipCoordinate2,
/// sipValue1, sipValue2 and the same.
std::vector<formats::StarTable> to_star(const std::vector<DensityWithRefits>& densities);

/// All of its coordinates' (256 points), and of the first two together (64 along each).
std::vector<DensityWithRefits> all_densities_with_refits(const Ensemble& ensemble);

}  // namespace cryosip

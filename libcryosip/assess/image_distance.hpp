// Distances between the laws behind two sets of images.
#pragma once

#include <cstdint>

#include <Eigen/Core>

namespace cryosip {

/// An unbiased estimate and how far chance moves it.
struct Estimate {
  double value = 0;
  double standard_error = 0;
};

struct ImageSetDistance {
  Estimate energy;      ///< energy distance (paper equation 9), in units of an image's norm
  Estimate mmd2;        ///< squared MMD (equation 8), k = exp(-|x - y|^2 / 2 bandwidth^2)
  double energy_p = 1;  ///< p-values, 1 where no permutations were asked for
  double mmd2_p = 1;
};

/// Energy distance and squared MMD of the laws of a and b, from n independent pairs (a_i, b_i): the
/// means over i != j of
///
///   h(i, j) = s k(a_i, b_j) + s k(b_i, a_j) - s k(a_i, a_j) - s k(b_i, b_j),
///
/// s k = |x - y| or -exp(-|x - y|^2 / 2 bandwidth^2).  Since a pair is never compared with itself
/// its two images may depend on each other, such as by a view that they share, and the estimates
/// stay unbiased: for equal laws they are negative half of the time.  The standard errors are from
/// the variance of a U-statistic, 4 (n - 2) / (n (n - 1)) Var E[h | 1] + 2 / (n (n - 1)) Var h
/// (Serfling, Approximation Theorems of Mathematical Statistics, 5.2.1), each variance estimated
/// without bias but not below 0: for equal laws, where the first one is 0, up to some 40 % too
/// large.
///
/// The p-values are of a permutation test: exchanging the two images of a pair changes no law under
/// the null hypothesis, and the sign of h(i, j) for each pair that is exchanged; a p-value is the
/// share of random exchanges, and of none, that give as large a sum.
///
/// Cost: 4 n^2 d flops by single-precision matrix products, sums in double precision; memory
/// bounded by blocks; n^2 flops more a permutation.  The same bits on any number of threads.
/// @param a,b  (coefficients, n), n > 3
/// @param bandwidth     > 0, of the MMD's kernel
/// @param permutations  of the p-values; 0: none
/// @throws Error(Usage) shapes that disagree, too few images, a bandwidth out of range
ImageSetDistance image_set_distance(const Eigen::MatrixXf& a,
                                    const Eigen::MatrixXf& b,
                                    double bandwidth,
                                    Eigen::Index permutations = 0,
                                    std::uint64_t seed = 1);

}  // namespace cryosip

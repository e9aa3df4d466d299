// Directions to see conformations from, spread more evenly than by chance.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/forward/pose.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

/// Rotations whose viewing directions are spread evenly over the sphere (a Fibonacci lattice), all
/// turned by one rotation drawn by the seed; the in-plane angle is for the caller to go through.
/// @throws Error(Usage) none asked for
std::vector<Eigen::Matrix3d> even_views(std::size_t count, std::uint64_t seed);

/// Poses for `views` drawings of each conformation, those of conformation i at i * views ...;
/// in-plane angle and shift are 0.
///
/// Each direction alone is uniform on the sphere.  Together they are terms of a low-discrepancy
/// sequence (Roberts' R2, the two-dimensional golden ratio), turned at random at every step, dealt
/// out along a curve through the ensemble (Morton's order of the ranks of the coordinates): any
/// neighbourhood of conformations is seen from all around.  An image then finds drawings near its
/// own view and conformation whatever the chance, and sums over drawings scatter less.
/// @param views  > 0
/// @param step   with the seed, names the random turn
std::vector<Pose> stratified_views(const Ensemble& ensemble,
                                   std::size_t views,
                                   std::uint64_t seed,
                                   std::int64_t step);

}  // namespace cryosip

// As many numbers as one register of the target holds.
#pragma once

#include <cstring>

#include <Eigen/Core>

namespace cryosip {

template <typename Scalar>
constexpr Eigen::Index kLanes = EIGEN_MAX_ALIGN_BYTES / sizeof(Scalar);

template <typename Scalar>
struct LanesOf {
  using Type [[gnu::vector_size(EIGEN_MAX_ALIGN_BYTES)]] = Scalar;
};
template <typename Scalar>
using Lanes = typename LanesOf<Scalar>::Type;

/// A register a column.
template <typename Scalar>
using LaneColumns = Eigen::Array<Scalar, kLanes<Scalar>, Eigen::Dynamic>;

template <typename Scalar>
[[gnu::always_inline]] inline Lanes<Scalar> load_lanes(const Scalar* from) {
  Lanes<Scalar> lanes;
  std::memcpy(&lanes, from, sizeof lanes);
  return lanes;
}

template <typename Scalar>
[[gnu::always_inline]] inline void store_lanes(const Lanes<Scalar>& lanes, Scalar* to) {
  std::memcpy(to, &lanes, sizeof lanes);
}

}  // namespace cryosip

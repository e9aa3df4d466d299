#include "libcryosip/forward/even_views.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

// Where each conformation stands on Morton's curve through the ranks of the coordinates.
std::vector<std::size_t> places_on_curve(const Ensemble& ensemble) {
  const auto count = static_cast<std::size_t>(ensemble.size());
  const auto dimension = static_cast<std::size_t>(ensemble.dimension());
  // More levels than conformations can tell apart help nobody.
  const std::size_t levels =
      std::clamp<std::size_t>(64 / std::max<std::size_t>(dimension, 1), 1, 4);
  const std::size_t coded = std::min<std::size_t>(dimension, 64 / levels);
  std::vector<std::uint64_t> codes(count, 0);
  std::vector<std::size_t> order(count);
  for (std::size_t k = 0; k < coded; ++k) {
    const auto row = ensemble.coordinates.row(static_cast<Eigen::Index>(k));
    std::iota(order.begin(), order.end(), std::size_t{0});
    std::ranges::stable_sort(
        order, {}, [&](std::size_t i) { return row(static_cast<Eigen::Index>(i)); });
    for (std::size_t rank = 0; rank < count; ++rank) {
      const std::uint64_t level = (rank << levels) / count;
      for (std::size_t bit = 0; bit < levels; ++bit) {
        codes[order[rank]] |= ((level >> bit) & 1U) << (bit * coded + k);
      }
    }
  }
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return codes[i]; });
  std::vector<std::size_t> places(count);
  for (std::size_t place = 0; place < count; ++place) {
    places[order[place]] = place;
  }
  return places;
}

}  // namespace

std::vector<Eigen::Matrix3d> even_views(std::size_t count, std::uint64_t seed) {
  if (count == 0) {
    throw Error(ErrorKind::Usage, "views: expected at least one");
  }
  const double golden_turn = 360 * (1 - 1 / std::numbers::phi);
  const Eigen::Matrix3d whole = RandomStream(seed, StreamPurpose::AssignmentView, 0).rotation();
  std::vector<Eigen::Matrix3d> views(count);
  for (std::size_t v = 0; v < count; ++v) {
    const auto at = static_cast<double>(v);
    const double height = 1 - (2 * at + 1) / static_cast<double>(count);
    views[v] = rotation_matrix({.rot_degree = std::fmod(at * golden_turn, 360.0),
                                .tilt_degree = kDegreePerRadian * std::acos(height),
                                .psi_degree = 0}) *
               whole;
  }
  return views;
}

std::vector<Pose> stratified_views(const Ensemble& ensemble,
                                   std::size_t views,
                                   std::uint64_t seed,
                                   std::int64_t step) {
  // 1 / g and 1 / g^2, g^3 = g + 1.
  constexpr double kFirst = 0.7548776662466927;
  constexpr double kSecond = 0.5698402909980532;
  RandomStream stream(seed, StreamPurpose::FlowPose, static_cast<std::uint64_t>(step));
  const double first_turn = stream.uniform();
  const double second_turn = stream.uniform();
  const std::vector<std::size_t> places = places_on_curve(ensemble);
  std::vector<Pose> poses(places.size() * views);
  for (std::size_t i = 0; i < places.size(); ++i) {
    for (std::size_t view = 0; view < views; ++view) {
      const auto term = static_cast<double>(places[i] * views + view);
      const double height = std::fmod(first_turn + kFirst * term, 1.0);
      const double around = std::fmod(second_turn + kSecond * term, 1.0);
      EulerAngles angles;
      angles.rot_degree = 360 * around;
      angles.tilt_degree = std::acos(1 - 2 * height) * kDegreePerRadian;
      poses[i * views + view].rotation = rotation_matrix(angles);
    }
  }
  return poses;
}

}  // namespace cryosip

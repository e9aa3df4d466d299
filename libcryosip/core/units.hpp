// Constants that turn one unit into another.
#pragma once

#include <numbers>

namespace cryosip {

constexpr double kPi = std::numbers::pi;
constexpr double kRadianPerDegree = kPi / 180;
constexpr double kDegreePerRadian = 180 / kPi;
constexpr double kAngstromPerMillimetre = 1e7;
constexpr double kAngstromPerMicrometre = 1e4;

}  // namespace cryosip

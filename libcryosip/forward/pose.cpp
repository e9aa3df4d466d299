#include "libcryosip/forward/pose.hpp"

#include <cmath>

#include <Eigen/Geometry>

#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

Eigen::Matrix3d about_z(double angle_degree) {
  const double c = std::cos(angle_degree * kRadianPerDegree);
  const double s = std::sin(angle_degree * kRadianPerDegree);
  Eigen::Matrix3d matrix;
  matrix << c, s, 0, -s, c, 0, 0, 0, 1;
  return matrix;
}

Eigen::Matrix3d about_y(double angle_degree) {
  const double c = std::cos(angle_degree * kRadianPerDegree);
  const double s = std::sin(angle_degree * kRadianPerDegree);
  Eigen::Matrix3d matrix;
  matrix << c, 0, -s, 0, 1, 0, s, 0, c;
  return matrix;
}

}  // namespace

Pose displaced(const Pose& pose,
               const Eigen::Vector3d& turn_radian,
               const Eigen::Vector2d& shift_angstrom) {
  Pose result{pose.rotation, pose.shift_angstrom + shift_angstrom};
  if (const double angle = turn_radian.norm(); angle > 0) {
    result.rotation =
        Eigen::AngleAxisd(angle, turn_radian / angle).toRotationMatrix() * pose.rotation;
  }
  return result;
}

Pose turned_in_plane(const Pose& pose, double turn_radian) {
  return {about_z(turn_radian * kDegreePerRadian) * pose.rotation, pose.shift_angstrom};
}

Eigen::Matrix3d rotation_matrix(const EulerAngles& angles) {
  return about_z(angles.psi_degree) * about_y(angles.tilt_degree) * about_z(angles.rot_degree);
}

EulerAngles euler_angles(const Eigen::Matrix3d& rotation) {
  // Third row: (sin b cos a, sin b sin a, cos b); third column: (-sin b cos g, sin b sin g, cos b).
  const double sin_tilt = std::hypot(rotation(2, 0), rotation(2, 1));
  EulerAngles angles;
  angles.tilt_degree = std::atan2(sin_tilt, rotation(2, 2)) * kDegreePerRadian;
  constexpr double kPole = 1e-10;
  if (sin_tilt > kPole) {
    angles.rot_degree = std::atan2(rotation(2, 1), rotation(2, 0)) * kDegreePerRadian;
    angles.psi_degree = std::atan2(rotation(1, 2), -rotation(0, 2)) * kDegreePerRadian;
  } else {
    // With psi 0, row 1 is (-sin rot, cos rot, 0) at both poles.
    angles.rot_degree = std::atan2(-rotation(1, 0), rotation(1, 1)) * kDegreePerRadian;
    angles.tilt_degree = rotation(2, 2) > 0 ? 0 : 180;
  }
  return angles;
}

}  // namespace cryosip

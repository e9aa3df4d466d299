// Where a molecule is seen from: RELION's Euler angles and shifts.
#pragma once

#include <Eigen/Core>

namespace cryosip {

struct EulerAngles {
  double rot_degree = 0;
  double tilt_degree = 0;
  double psi_degree = 0;
};

/// View of one molecule.
struct Pose {
  /// Object to view: v = rotation * r; the image is the sum over v_z.
  Eigen::Matrix3d rotation = Eigen::Matrix3d::Identity();
  /// Where the molecule's origin lies in the image, from the box's centre (pixel n/2), in angstrom:
  /// minus rlnOriginXAngst, minus rlnOriginYAngst.  Applied before the CTF.
  Eigen::Vector2d shift_angstrom = Eigen::Vector2d::Zero();
};

/// How far given poses may be from the true ones: independent normal errors.
struct PoseError {
  double angle_degree = 0;    ///< standard deviation of a turn about each of the view's three axes
  double shift_angstrom = 0;  ///< of the shift along x and along y

  [[nodiscard]] bool any() const { return angle_degree > 0 || shift_angstrom > 0; }
};

/// The pose with exp([turn]x) put in front of its rotation and the shift added to its own.
/// @param turn_radian  about the view's axes x, y, z
Pose displaced(const Pose& pose,
               const Eigen::Vector3d& turn_radian,
               const Eigen::Vector2d& shift_angstrom);

/// psi -> psi + turn: about the view's axis, at the molecule's origin, which stays where it is.
Pose turned_in_plane(const Pose& pose, double turn_radian);

/// A = Rz(psi) Ry(tilt) Rz(rot) with Rz(t) = [[cos t, sin t, 0], [-sin t, cos t, 0], [0, 0, 1]] and
/// Ry(t) = [[cos t, 0, -sin t], [0, 1, 0], [sin t, 0, cos t]], as RELION's Euler_angles2matrix.
Eigen::Matrix3d rotation_matrix(const EulerAngles& angles);

/// Angles of a rotation, tilt in [0, 180]; where tilt is 0 or 180 the turn goes to rot alone, psi
/// 0.
EulerAngles euler_angles(const Eigen::Matrix3d& rotation);

}  // namespace cryosip

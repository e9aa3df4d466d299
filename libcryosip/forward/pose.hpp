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

/// A = Rz(psi) Ry(tilt) Rz(rot) with Rz(t) = [[cos t, sin t, 0], [-sin t, cos t, 0], [0, 0, 1]] and
/// Ry(t) = [[cos t, 0, -sin t], [0, 1, 0], [sin t, 0, cos t]], as RELION's Euler_angles2matrix.
Eigen::Matrix3d rotation_matrix(const EulerAngles& angles);

/// Angles of a rotation, tilt in [0, 180]; where tilt is 0 or 180 the turn goes to rot alone, psi
/// 0.
EulerAngles euler_angles(const Eigen::Matrix3d& rotation);

}  // namespace cryosip

#include "libcryosip/forward/pose.hpp"

#include <cmath>

#include <Eigen/LU>
#include <gtest/gtest.h>

#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

// Rounding of a product of three rotations.
constexpr double kRounding = 1e-14;

double distance(const Eigen::Matrix3d& a, const Eigen::Matrix3d& b) {
  return (a - b).cwiseAbs().maxCoeff();
}

TEST(Pose, RotTurnsXIntoMinusYOfTheView) {
  Eigen::Matrix3d expected;
  expected << 0, 1, 0, -1, 0, 0, 0, 0, 1;

  EXPECT_LT(distance(rotation_matrix({.rot_degree = 90}), expected), kRounding);
  EXPECT_LT(distance(rotation_matrix({.psi_degree = 90}), expected), kRounding);
}

TEST(Pose, TiltTurnsXIntoTheLineOfSight) {
  Eigen::Matrix3d expected;
  expected << 0, 0, -1, 0, 1, 0, 1, 0, 0;

  EXPECT_LT(distance(rotation_matrix({.tilt_degree = 90}), expected), kRounding);
}

TEST(Pose, ThreeRightAnglesGiveTheMatrixWorkedOutByHand) {
  Eigen::Matrix3d expected;
  expected << -1, 0, 0, 0, 0, 1, 0, 1, 0;

  EXPECT_LT(distance(rotation_matrix({90, 90, 90}), expected), kRounding);
}

TEST(Pose, ThirdRowIsTheViewingDirection) {
  const double a = 35 * kRadianPerDegree;
  const double b = 70 * kRadianPerDegree;
  const Eigen::Vector3d direction(
      std::sin(b) * std::cos(a), std::sin(b) * std::sin(a), std::cos(b));

  const Eigen::Matrix3d rotation = rotation_matrix({35, 70, -120});

  EXPECT_LT((rotation.row(2).transpose() - direction).norm(), kRounding);
}

TEST(Pose, AnglesOfARotationGiveItBack) {
  RandomStream stream(1, StreamPurpose::Test, 1);
  for (int i = 0; i < 1000; ++i) {
    const Eigen::Matrix3d rotation = stream.rotation();
    const EulerAngles angles = euler_angles(rotation);

    EXPECT_LT(distance(rotation_matrix(angles), rotation), 1e-12);
    EXPECT_GE(angles.tilt_degree, 0);
    EXPECT_LE(angles.tilt_degree, 180);
    EXPECT_NEAR(rotation.determinant(), 1, kRounding);
  }
}

TEST(Pose, AnglesComeBackAsTheyWere) {
  for (const EulerAngles& angles :
       {EulerAngles{30, 60, -50}, EulerAngles{-170, 1e-3, 10}, EulerAngles{170, 179.9, -100}}) {
    const EulerAngles back = euler_angles(rotation_matrix(angles));

    // Rounding of the matrix over sin(tilt), which is 1.7e-5 in the second case.
    EXPECT_NEAR(back.rot_degree, angles.rot_degree, 1e-8);
    EXPECT_NEAR(back.tilt_degree, angles.tilt_degree, 1e-8);
    EXPECT_NEAR(back.psi_degree, angles.psi_degree, 1e-8);
  }
}

TEST(Pose, AtThePolesTheWholeTurnIsRot) {
  const EulerAngles above = euler_angles(rotation_matrix({30, 0, 20}));
  EXPECT_NEAR(above.rot_degree, 50, 1e-12);
  EXPECT_EQ(above.tilt_degree, 0);
  EXPECT_EQ(above.psi_degree, 0);

  const EulerAngles below = euler_angles(rotation_matrix({30, 180, 20}));
  EXPECT_NEAR(below.rot_degree, 10, 1e-12);
  EXPECT_EQ(below.tilt_degree, 180);
  EXPECT_EQ(below.psi_degree, 0);
}

TEST(Pose, CloseToThePolesNoTurnIsLost) {
  for (const double from_pole : {1e-3, 1e-5, 1e-7, 1e-9, 1e-11, 1e-13}) {
    for (const double tilt : {from_pole, 180 - from_pole}) {
      const Eigen::Matrix3d rotation = rotation_matrix({30, tilt, 20});

      // Where the poles begin, rounding over sin(tilt) is 1e-16 / 1e-10.
      EXPECT_LT(distance(rotation_matrix(euler_angles(rotation)), rotation), 1e-5) << tilt;
    }
  }
}

TEST(Pose, IsDisplacedAboutTheViewsAxes) {
  const Pose pose{rotation_matrix({10, 40, 70}), Eigen::Vector2d(1, -2)};

  // A turn about z by a is psi less a: Rz(t) turns by -t.
  const double turn = 20 * kRadianPerDegree;
  const Pose turned = displaced(pose, Eigen::Vector3d(0, 0, turn), Eigen::Vector2d(0.5, 3));
  EXPECT_LT(distance(turned.rotation, rotation_matrix({10, 40, 50})), kRounding);
  EXPECT_EQ(turned.shift_angstrom, Eigen::Vector2d(1.5, 1));

  const Pose same = displaced(pose, Eigen::Vector3d::Zero(), Eigen::Vector2d::Zero());
  EXPECT_EQ(same.rotation, pose.rotation);
}

}  // namespace
}  // namespace cryosip

// Superposition against a search over rotations, and transport over it.
#include "libcryosip/assess/atomic_distance.hpp"

#include <cmath>

#include <Eigen/Geometry>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

Eigen::Matrix3Xd random_atoms(Eigen::Index count, std::uint64_t name) {
  RandomStream stream(1, StreamPurpose::Test, name, 31);
  return 5 * Eigen::Matrix3Xd::NullaryExpr(3, count, [&] { return stream.normal(); });
}

double rmsd_at(const Eigen::Matrix3Xd& a,
               const Eigen::Matrix3Xd& b,
               const Eigen::Matrix3d& rotation) {
  const Eigen::Matrix3Xd of_a = a.colwise() - a.rowwise().mean();
  const Eigen::Matrix3Xd of_b = b.colwise() - b.rowwise().mean();
  return std::sqrt((of_a - rotation * of_b).squaredNorm() / static_cast<double>(a.cols()));
}

TEST(SuperposedRmsd, IgnoresRigidMotionButNotReflection) {
  const Eigen::Matrix3Xd a = random_atoms(20, 1);
  RandomStream stream(1, StreamPurpose::Test, 2);
  const Eigen::Matrix3Xd moved = (stream.rotation() * a).colwise() + Eigen::Vector3d(3, -40, 7);
  const Eigen::Matrix3Xd reflected = Eigen::Vector3d(1, 1, -1).asDiagonal() * a;

  EXPECT_NEAR(superposed_rmsd(a, moved), 0, 1e-6);
  EXPECT_GT(superposed_rmsd(a, reflected), 1);
}

// The best of many rotations near it is never better, and the best of all hardly worse.
TEST(SuperposedRmsd, IsTheLeastOverRotations) {
  for (std::uint64_t repeat = 0; repeat < 5; ++repeat) {
    const Eigen::Matrix3Xd a = random_atoms(6, 10 + repeat);
    // Also mirror images, where the best orthogonal matrix is no rotation.
    const Eigen::Matrix3Xd b = repeat < 3 ? random_atoms(6, 20 + repeat)
                                          : Eigen::Matrix3Xd(-a + 0.1 * random_atoms(6, 30));
    const double rmsd = superposed_rmsd(a, b);
    RandomStream stream(repeat, StreamPurpose::Test, 3);
    Eigen::Matrix3d best = Eigen::Matrix3d::Identity();
    for (int i = 0; i < 3000; ++i) {
      if (const Eigen::Matrix3d rotation = stream.rotation();
          rmsd_at(a, b, rotation) < rmsd_at(a, b, best)) {
        best = rotation;
      }
    }
    double step = 0.2;
    for (int i = 0; i < 4000; ++i) {
      const Eigen::Vector3d axis(stream.normal(), stream.normal(), stream.normal());
      const Eigen::Matrix3d rotation =
          Eigen::AngleAxisd(step * axis.norm(), axis.normalized()).toRotationMatrix() * best;
      if (rmsd_at(a, b, rotation) < rmsd_at(a, b, best)) {
        best = rotation;
      } else {
        step = std::max(step * 0.995, 1e-5);
      }
    }
    EXPECT_NEAR(rmsd, rmsd_at(a, b, best), 1e-5);
    EXPECT_LE(rmsd, rmsd_at(a, b, best) + 1e-12);
  }
}

TEST(RmsdWasserstein, BetweenRectanglesIsInTheirSides) {
  // The nanocluster: four atoms at (+-w/2, +-h/2), alike when turned by a right angle.
  const NanoclusterModel model;
  Ensemble a;
  a.coordinates = (Eigen::MatrixXd(2, 2) << 1, 1.8, 1.8, 1).finished();
  a.weights = Eigen::Vector2d(0.25, 0.75);
  Ensemble b;
  b.coordinates = (Eigen::MatrixXd(2, 1) << 1, 1.6).finished();
  b.weights = Eigen::VectorXd::Ones(1);

  const Eigen::MatrixXd rmsds = rmsd_matrix(model, a, b);
  EXPECT_NEAR(rmsds(0, 0), 0.1, 1e-12);
  EXPECT_NEAR(rmsd_wasserstein(rmsds, a.weights, b.weights, 1),
              0.25 * rmsds(0, 0) + 0.75 * rmsds(1, 0),
              1e-12);
  EXPECT_NEAR(rmsd_wasserstein(rmsds, a.weights, b.weights, 2),
              std::sqrt(0.25 * std::pow(rmsds(0, 0), 2) + 0.75 * std::pow(rmsds(1, 0), 2)),
              1e-12);
  EXPECT_NEAR(rmsd_wasserstein(rmsd_matrix(model, a, a), a.weights, a.weights, 1), 0, 1e-7);
}

TEST(AtomicDistance, NonsenseIsWrongUsage) {
  const NanoclusterModel model;
  Ensemble ensemble;
  ensemble.coordinates = Eigen::MatrixXd::Ones(3, 2);
  ensemble.weights = Eigen::Vector2d(0.5, 0.5);
  EXPECT_THROW(rmsd_matrix(model, ensemble, ensemble), Error);
  EXPECT_THROW(superposed_rmsd(random_atoms(3, 1), random_atoms(4, 1)), Error);
  EXPECT_THROW(
      rmsd_wasserstein(
          Eigen::MatrixXd::Ones(1, 1), Eigen::VectorXd::Ones(1), Eigen::VectorXd::Ones(1), 0.5),
      Error);
}

}  // namespace
}  // namespace cryosip

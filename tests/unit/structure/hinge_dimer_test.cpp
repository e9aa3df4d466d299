// The demo molecule is what examples and tests rely on.
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "formats/pdb.hpp"
#include "formats/star.hpp"
#include "libcryosip/structure/mixture.hpp"
#include "libcryosip/structure/normal_modes.hpp"

namespace cryosip {
namespace {

const std::string kTestdata = CRYOSIP_TESTDATA;

Atoms hinge_dimer() {
  return select_atoms(formats::read_atomic_model(kTestdata + "/hinge_dimer.pdb"), "ca");
}

double longest_distance(const Eigen::Matrix3Xd& x) {
  double longest = 0;
  for (Eigen::Index i = 0; i < x.cols(); ++i) {
    longest = std::max(longest, (x.colwise() - x.col(i)).colwise().norm().maxCoeff());
  }
  return longest;
}

// Nearest pair that is not next or next but one in its chain.
double nearest_distance(const Atoms& atoms, const Eigen::Matrix3Xd& x) {
  double nearest = 1e9;
  for (Eigen::Index i = 0; i < x.cols(); ++i) {
    for (Eigen::Index j = i + 1; j < x.cols(); ++j) {
      const bool apart = j > i + 2 || atoms.chains[static_cast<std::size_t>(i)] !=
                                          atoms.chains[static_cast<std::size_t>(j)];
      if (apart) {
        nearest = std::min(nearest, (x.col(i) - x.col(j)).norm());
      }
    }
  }
  return nearest;
}

TEST(HingeDimer, IsAChainOfCalphasInASmallBox) {
  const Atoms atoms = hinge_dimer();

  ASSERT_EQ(atoms.count(), 300);
  EXPECT_LT(longest_distance(atoms.positions_angstrom), 110);
  EXPECT_GT(nearest_distance(atoms, atoms.positions_angstrom), 5.0);
  for (int i = 0; i + 1 < 300; ++i) {
    if (i != 149) {
      const double step =
          (atoms.positions_angstrom.col(i + 1) - atoms.positions_angstrom.col(i)).norm();
      EXPECT_NEAR(step, 3.8, 0.05) << i;
    }
  }
}

TEST(HingeDimer, HasFourSoftModesThatMoveAllOfIt) {
  const Atoms atoms = hinge_dimer();

  const NormalModes modes = normal_modes(atoms.positions_angstrom, {.modes = 5});

  EXPECT_LT(modes.eigenvalues(3), 4 * modes.eigenvalues(0));
  EXPECT_GT(modes.eigenvalues(4), 3.5 * modes.eigenvalues(3));
  for (int k = 0; k < 4; ++k) {
    // Bruschweiler's collectivity: the share of residues that take part.
    const Eigen::ArrayXd moved =
        modes.vectors.col(k).reshaped(3, 300).colwise().squaredNorm().transpose();
    EXPECT_GT(std::exp(-(moved * moved.log()).sum()) / 300, 0.55) << k;
  }
}

TEST(HingeDimer, StaysWholeAlongItsModes) {
  const Atoms atoms = hinge_dimer();
  const NormalModes modes = normal_modes(atoms.positions_angstrom, {.modes = 4});

  for (int k = 0; k < 4; ++k) {
    const Eigen::Matrix3Xd moved = modes.scales(k) * modes.vectors.col(k).reshaped(3, 300);
    for (const double coordinate : {-1.0, 1.0}) {
      const Eigen::Matrix3Xd x = atoms.positions_angstrom + coordinate * moved;
      EXPECT_GT(nearest_distance(atoms, x), 4.8);
      for (int i = 0; i + 1 < 300; ++i) {
        if (i != 149) {
          EXPECT_NEAR((x.col(i + 1) - x.col(i)).norm(), 3.8, 0.8) << k << ' ' << i;
        }
      }
    }
    EXPECT_GT(moved.colwise().norm().maxCoeff(), 7) << k;
  }
}

TEST(HingeDimer, TruthHasFourWellsInItsFirstTwoModes) {
  const Mixture truth = read_mixture(formats::read_star(kTestdata + "/hinge_truth.star"));

  EXPECT_EQ(truth.weights, Eigen::VectorXd::Constant(4, 0.25));
  EXPECT_EQ(truth.dimension(), 4);
  EXPECT_EQ(truth.means.row(0).squaredNorm(), 4);
  EXPECT_EQ(truth.means.rowwise().sum().norm(), 0);
  EXPECT_EQ(truth.means.row(0).dot(truth.means.row(1)), 0);
}

}  // namespace
}  // namespace cryosip

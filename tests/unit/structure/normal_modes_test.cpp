#include "libcryosip/structure/normal_modes.hpp"

#include <cmath>

#include <Eigen/Eigenvalues>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "tests/support/for_all.hpp"

namespace cryosip {
namespace {

using ::testing::HasSubstr;

// A random walk of 3.8 A steps in a ball: as dense as a protein, and one piece at 15 A.
Eigen::Matrix3Xd globule(int nodes, std::mt19937_64& rng) {
  std::normal_distribution<double> normal;
  const double radius = 2.6 * std::cbrt(nodes);
  Eigen::Matrix3Xd positions(3, nodes);
  positions.col(0).setZero();
  for (int i = 1; i < nodes; ++i) {
    do {
      const Eigen::Vector3d direction(normal(rng), normal(rng), normal(rng));
      positions.col(i) = positions.col(i - 1) + 3.8 * direction.normalized();
    } while (positions.col(i).norm() > radius);
  }
  return positions;
}

std::string message_of(const Eigen::Matrix3Xd& positions,
                       const NormalModeOptions& options,
                       ErrorKind kind) {
  try {
    normal_modes(positions, options);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), kind) << error.what();
    return error.what();
  }
  return "no error";
}

Atoms atoms_at(const Eigen::Matrix3Xd& positions) {
  Atoms atoms;
  atoms.positions_angstrom = positions;
  atoms.b_factors_angstrom2 = Eigen::VectorXd::Zero(positions.cols());
  const auto count = static_cast<std::size_t>(positions.cols());
  atoms.atomic_numbers.assign(count, 6);
  atoms.names.assign(count, "CA");
  atoms.residue_names.assign(count, "ALA");
  atoms.chains.assign(count, "A");
  atoms.insertion_codes.assign(count, ' ');
  for (int i = 0; i < positions.cols(); ++i) {
    atoms.residue_numbers.push_back(i + 1);
  }
  return atoms;
}

TEST(NetworkHessian, IsTheSecondDerivativeOfTheSpringEnergy) {
  std::mt19937_64 rng(1);
  const Eigen::Matrix3Xd rest = globule(12, rng);
  constexpr double kCutoff = 9;
  // V = 1/2 sum over joined pairs of (|d| - |d_rest|)^2
  const auto energy = [&](const Eigen::Matrix3Xd& x) {
    double sum = 0;
    for (int i = 0; i < x.cols(); ++i) {
      for (int j = 0; j < i; ++j) {
        const double length = (rest.col(i) - rest.col(j)).norm();
        if (length <= kCutoff) {
          sum += 0.5 * std::pow((x.col(i) - x.col(j)).norm() - length, 2);
        }
      }
    }
    return sum;
  };

  const Eigen::MatrixXd hessian = network_hessian(rest, kCutoff);

  ASSERT_EQ(hessian.rows(), 36);
  constexpr double kStep = 1e-4;
  const auto at = [&](int a, double by_a, int b, double by_b) {
    Eigen::Matrix3Xd x = rest;
    x.reshaped()(a) += by_a;
    x.reshaped()(b) += by_b;
    return energy(x);
  };
  for (int a = 0; a < 36; ++a) {
    for (int b = 0; b < 36; ++b) {
      const double second = (at(a, kStep, b, kStep) - at(a, kStep, b, -kStep) -
                             at(a, -kStep, b, kStep) + at(a, -kStep, b, -kStep)) /
                            (4 * kStep * kStep);
      ASSERT_NEAR(hessian(a, b), second, 1e-5) << a << ' ' << b;
    }
  }
}

TEST(NetworkHessian, JoinsNodesExactlyAtTheCutoff) {
  const Eigen::Matrix3Xd pair = (Eigen::Matrix3Xd(3, 2) << -5, 10, 0, 0, 0, 0).finished();

  EXPECT_EQ(network_hessian(pair, 15).coeff(0, 3), -1);
  EXPECT_EQ(network_hessian(pair, 14.999).coeff(0, 3), 0);
}

// Six springs of a regular tetrahedron: eigenvalues 4 (breathing), 2 (three), 1 (two), by hand from
// its symmetry, e.g. breathing moves each corner along its radius and stretches three springs.
TEST(NormalModes, OfATetrahedronAreKnown) {
  const Eigen::Matrix3Xd corners =
      (Eigen::Matrix3Xd(3, 4) << 1, 1, -1, -1, 1, -1, 1, -1, 1, -1, -1, 1).finished();

  const NormalModes modes = normal_modes(corners, {.modes = 6});

  const Eigen::VectorXd known = (Eigen::VectorXd(6) << 1, 1, 2, 2, 2, 4).finished();
  EXPECT_LT((modes.eigenvalues - known).norm(), 1e-12) << modes.eigenvalues;
}

TEST(NormalModes, ShiftInvertFindsWhatTheDenseSolverFinds) {
  testing::for_all(3, [](std::mt19937_64& rng) {
    const Eigen::Matrix3Xd positions = globule(130, rng);  // beyond the dense solver's size
    const Eigen::MatrixXd hessian = network_hessian(positions, 12);
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> dense(hessian);

    const NormalModes modes = normal_modes(positions, {.modes = 5, .cutoff_angstrom = 12});

    const Eigen::MatrixXd& v = modes.vectors;
    EXPECT_LT((v.transpose() * v - Eigen::MatrixXd::Identity(5, 5)).norm(), 1e-12);
    for (int k = 0; k < 5; ++k) {
      const double known = dense.eigenvalues()(6 + k);
      EXPECT_NEAR(modes.eigenvalues(k), known, 1e-9 * known);
      EXPECT_LT((hessian * v.col(k) - known * v.col(k)).norm(), 1e-7 * known);
    }
  });
}

TEST(NormalModes, AmplitudeIsTheRmsdOfTheFirstMode) {
  std::mt19937_64 rng(2);
  const Eigen::Matrix3Xd positions = globule(60, rng);

  const NormalModes modes = normal_modes(positions, {.modes = 3, .amplitude_angstrom = 2.5});

  EXPECT_NEAR((modes.scales(0) * modes.vectors.col(0)).norm() / std::sqrt(60), 2.5, 1e-12);
  for (int k = 0; k < 3; ++k) {
    EXPECT_NEAR(modes.scales(k) / modes.scales(0),
                std::sqrt(modes.eigenvalues(0) / modes.eigenvalues(k)),
                1e-12);
  }
}

TEST(NormalModes, SignMakesTheLargestComponentPositive) {
  std::mt19937_64 rng(3);
  const NormalModes modes = normal_modes(globule(130, rng), {.modes = 4});

  for (int k = 0; k < 4; ++k) {
    EXPECT_EQ(modes.vectors.col(k).maxCoeff(), modes.vectors.col(k).cwiseAbs().maxCoeff());
  }
}

TEST(NormalModes, AreTheSameEveryTime) {
  std::mt19937_64 rng(4);
  const Eigen::Matrix3Xd positions = globule(130, rng);

  EXPECT_EQ(normal_modes(positions, {}).vectors, normal_modes(positions, {}).vectors);
}

TEST(NormalModes, NetworkInPiecesSaysHowMany) {
  std::mt19937_64 rng(5);
  const Eigen::Matrix3Xd one = globule(20, rng);
  Eigen::Matrix3Xd three(3, 60);
  three << one, one.colwise() + Eigen::Vector3d(0, 100, 0),
      one.colwise() + Eigen::Vector3d(90, 0, 0);

  EXPECT_EQ(message_of(three, {}, ErrorKind::Numerical),
            "the network falls apart into 3 pieces at a cutoff of 15 A; a larger one would join "
            "them");
}

TEST(NormalModes, LooseTailIsASeventhZeroMode) {
  std::mt19937_64 rng(6);
  for (const int nodes : {20, 130}) {  // the dense solver's and the sparse one's
    Eigen::Matrix3Xd positions(3, nodes + 1);
    positions.leftCols(nodes) = globule(nodes, rng);
    // One spring only holds the last node.
    const double top = positions.leftCols(nodes).row(2).maxCoeff();
    positions.col(nodes) = Eigen::Vector3d(0, 0, top + 9.5);
    positions.col(nodes - 1) = Eigen::Vector3d(0, 0, top + 0.5);

    EXPECT_THAT(message_of(positions, {.cutoff_angstrom = 9.2}, ErrorKind::Numerical),
                HasSubstr("or more zero modes"));
  }
}

TEST(NormalModes, CollinearNodesAreRefused) {
  Eigen::Matrix3Xd line = Eigen::Matrix3Xd::Zero(3, 10);
  line.row(0) = Eigen::VectorXd::LinSpaced(10, 0, 30).transpose();

  EXPECT_THAT(message_of(line, {}, ErrorKind::Numerical), HasSubstr("one line"));
}

TEST(NormalModes, NodesOnOnePointAreRefused) {
  std::mt19937_64 rng(7);
  Eigen::Matrix3Xd positions = globule(20, rng);
  positions.col(4) = positions.col(9);

  EXPECT_THAT(message_of(positions, {}, ErrorKind::Numerical), HasSubstr("nodes 5 and 10"));
}

TEST(NormalModes, OptionsOutOfRangeAreWrongUsage) {
  std::mt19937_64 rng(8);
  const Eigen::Matrix3Xd positions = globule(10, rng);
  Eigen::Matrix3Xd broken = positions;
  broken(1, 1) = std::nan("");

  EXPECT_THAT(message_of(positions, {.modes = 0}, ErrorKind::Usage), HasSubstr("0 modes"));
  EXPECT_THAT(message_of(positions, {.modes = 25}, ErrorKind::Usage), HasSubstr("1 to 24"));
  EXPECT_THAT(message_of(positions, {.cutoff_angstrom = 0}, ErrorKind::Usage), HasSubstr("cutoff"));
  EXPECT_THAT(message_of(positions, {.amplitude_angstrom = -1}, ErrorKind::Usage),
              HasSubstr("amplitude"));
  EXPECT_THAT(message_of(positions.leftCols(2), {}, ErrorKind::Usage), HasSubstr("at least 3"));
  EXPECT_THAT(message_of(broken, {}, ErrorKind::Usage), HasSubstr("finite"));
}

TEST(ExtendToAtoms, AtomsMoveWithTheirResidueAndOthersWithTheNearestNode) {
  std::mt19937_64 rng(9);
  const Atoms nodes = atoms_at(globule(10, rng));
  const NormalModes modes = normal_modes(nodes.positions_angstrom, {.modes = 2});
  Atoms atoms = atoms_at(nodes.positions_angstrom.leftCols<3>());
  atoms.positions_angstrom.col(0) = nodes.positions_angstrom.col(5);  // still residue 1
  atoms.chains[2] = "ligand";                                         // lies where node 3 lies

  const NormalModes extended = extend_to_atoms(modes, nodes, atoms);

  EXPECT_EQ(extended.vectors.rows(), 9);
  EXPECT_EQ(extended.vectors, modes.vectors.topRows(9));
  EXPECT_EQ(extended.scales, modes.scales);
}

TEST(Nmd, CarriesModesThereAndBack) {
  std::mt19937_64 rng(10);
  const Atoms atoms = atoms_at(globule(10, rng));
  const NormalModes modes = normal_modes(atoms.positions_angstrom, {.modes = 3});

  const formats::Nmd nmd = to_nmd(atoms, modes, "ten residues");
  const NormalModes again = from_nmd(nmd);

  EXPECT_EQ(nmd.title, "ten residues");
  EXPECT_EQ(nmd.coordinates_angstrom.size(), 30);
  EXPECT_EQ(nmd.coordinates_angstrom[4], atoms.positions_angstrom(1, 1));
  EXPECT_EQ(nmd.modes[2].index, 3);
  EXPECT_EQ(nmd.residue_numbers, atoms.residue_numbers);
  EXPECT_EQ(again.vectors, modes.vectors);
  EXPECT_EQ(again.scales, modes.scales);
}

}  // namespace
}  // namespace cryosip

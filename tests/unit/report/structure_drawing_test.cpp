#include "libcryosip/report/structure_drawing.hpp"

#include <cmath>

#include <Eigen/LU>
#include <gtest/gtest.h>

namespace cryosip {
namespace {

// Two chains of C-alpha atoms 3.8 A apart along x, the second with a gap, and a water-like atom.
Atoms two_chains() {
  Atoms atoms;
  atoms.positions_angstrom.resize(3, 9);
  atoms.positions_angstrom.setZero();
  const double x[] = {0, 3.8, 7.6, 11.4, 0, 3.8, 12, 15.8, 30};
  for (Eigen::Index i = 0; i < 9; ++i) {
    atoms.positions_angstrom(0, i) = x[i];
    atoms.positions_angstrom(1, i) = i < 4 ? 0 : 8;
    atoms.names.emplace_back(i < 8 ? "CA" : "O");
    atoms.chains.emplace_back(i < 4 ? "A" : "B");
  }
  return atoms;
}

TEST(ChainTrace, JoinsNeighboursOfAChain) {
  const ChainTrace trace = chain_trace(two_chains());
  EXPECT_TRUE(trace.is_chain);
  EXPECT_EQ(trace.atoms, (std::vector<Eigen::Index>{0, 1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(trace.joined, (std::vector<bool>{false, true, true, true, false, true, false, true}));
  EXPECT_NEAR(trace.bond_angstrom, 3.8, 1e-12);
}

TEST(ChainTrace, WithoutAChainHasAllAtomsUnjoined) {
  Atoms atoms;
  atoms.positions_angstrom = Eigen::Matrix3Xd::Random(3, 4);
  const ChainTrace trace = chain_trace(atoms);
  EXPECT_FALSE(trace.is_chain);
  EXPECT_EQ(trace.atoms.size(), 4U);
}

TEST(ChainTrace, CountsStretchedLinks) {
  const Atoms atoms = two_chains();
  const ChainTrace trace = chain_trace(atoms);
  Eigen::Matrix3Xd moved = atoms.positions_angstrom;
  EXPECT_EQ(stretched_share(trace, atoms.positions_angstrom, moved), 0);
  moved(0, 0) -= 1;  // 4.8 of 3.8: by 26 %
  EXPECT_NEAR(stretched_share(trace, atoms.positions_angstrom, moved), 1.0 / 5, 1e-12);
  moved(0, 7) += 0.7;  // 18 %
  EXPECT_NEAR(stretched_share(trace, atoms.positions_angstrom, moved), 1.0 / 5, 1e-12);
}

TEST(CommonView, PutsTheLongestAxisUpAndEverythingInside) {
  const Atoms atoms = two_chains();
  const ChainTrace trace = chain_trace(atoms);
  Eigen::Matrix3Xd centred = atoms.positions_angstrom;
  centred.colwise() -= Eigen::Vector3d(7.6, 4, 0);
  Eigen::Matrix3Xd moved = centred;
  moved(2, 3) += 5;
  const StructureView view = common_view(trace, centred, {moved});
  EXPECT_LT((view.rotation * view.rotation.transpose() - Eigen::Matrix3d::Identity()).norm(),
            1e-12);
  EXPECT_NEAR(view.rotation.determinant(), 1, 1e-12);
  // Spread is largest upwards and least towards the reader.
  const Eigen::Matrix3Xd traced = centred(Eigen::all, trace.atoms);
  const Eigen::Vector3d spread =
      (view.rotation * (traced.colwise() - traced.rowwise().mean())).rowwise().squaredNorm();
  EXPECT_GT(spread(1), spread(0));
  EXPECT_GT(spread(0), spread(2));
  EXPECT_NEAR(view.largest_displacement, 5, 1e-12);
  const Eigen::Matrix3Xd seen = view.rotation * moved(Eigen::all, trace.atoms);
  EXPECT_LT(seen.cwiseAbs().maxCoeff(), view.half_extent_angstrom);
}

TEST(StructureFigure, DrawsThePictureWhereTheAtomsAre) {
  const Atoms atoms = two_chains();
  const ChainTrace trace = chain_trace(atoms);
  Eigen::Matrix3Xd centred = atoms.positions_angstrom;
  centred.colwise() -= Eigen::Vector3d(7.6, 4, 0);
  const StructureView view = common_view(trace, centred, {centred});
  const Figure figure =
      structure_figure("a", "A", "description", "", trace, centred, centred, view, " A");
  const Picture* front = nullptr;
  for (const Mark& mark : figure.marks) {
    if (front == nullptr) {
      front = std::get_if<Picture>(&mark);
    }
  }
  ASSERT_NE(front, nullptr);
  const auto alpha_at = [&](const Eigen::Vector3d& position) {
    const Eigen::Vector3d seen = view.rotation * position / view.half_extent_angstrom;
    const int x = static_cast<int>((1 + seen.x()) / 2 * front->image.width);
    const int y = static_cast<int>((1 - seen.y()) / 2 * front->image.height);
    return static_cast<int>(
        front->image.bytes[4 * static_cast<std::size_t>(y * front->image.width + x) + 3]);
  };
  for (Eigen::Index i = 0; i < 8; ++i) {
    EXPECT_EQ(alpha_at(centred.col(i)), 255) << i;
  }
  EXPECT_EQ(alpha_at((centred.col(2) + centred.col(3)) / 2), 255);  // the link
  EXPECT_EQ(alpha_at(Eigen::Vector3d(0, 0, 0)), 0);                 // between the chains
  EXPECT_EQ(alpha_at((centred.col(5) + centred.col(6)) / 2), 0);    // the gap
}

}  // namespace
}  // namespace cryosip

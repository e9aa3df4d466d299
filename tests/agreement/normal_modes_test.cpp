// Normal modes against ProDy 2.3.1: ANM(cutoff=15, gamma=1), buildHessian, calcModes(zeros=True).
//
// The references hold the C-alphas' coordinates, 20 eigenvalues and 16 eigenvectors, of which the
// first 6 are the rigid motions.
#include "libcryosip/structure/normal_modes.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/npz.hpp"

namespace cryosip {
namespace {

struct Protein {
  const char* reference;  // in data/ref
  const char* structure;  // in data/structures; empty: the coordinates of the reference only
  const char* chain;      // empty: all
};

std::string shared_data() {
  const char* const folder = std::getenv("CRYOSIP_SHARED_DATA");
  return folder == nullptr ? "" : folder + std::string("/data/");
}

class NormalModesAgreement : public ::testing::TestWithParam<Protein> {
 protected:
  void SetUp() override {
    if (!std::filesystem::exists(reference())) {
      GTEST_SKIP() << "CRYOSIP_SHARED_DATA does not hold data/ref/" << GetParam().reference;
    }
  }
  static std::string reference() { return shared_data() + "ref/" + GetParam().reference; }
};

TEST_P(NormalModesAgreement, EigenvaluesAndSubspacesAreProDys) {
  constexpr int kModes = 10;
  const Eigen::Matrix3Xd positions = testing::read_npz(reference(), "coords").transpose();
  const Eigen::VectorXd eigenvalues =
      testing::read_npz(reference(), "eigvals").col(0).segment<kModes>(6);
  const Eigen::MatrixXd vectors = testing::read_npz(reference(), "eigvecs").middleCols<kModes>(6);

  const NormalModes modes = normal_modes(positions, {.modes = kModes});

  const Eigen::MatrixXd& v = modes.vectors;
  const double value_error =
      ((modes.eigenvalues - eigenvalues).array() / eigenvalues.array()).abs().maxCoeff();
  const double subspace_error = (vectors - v * (v.transpose() * vectors)).norm();
  double mode_error = 0;  // one by one: none of these eigenvalues is double
  for (int k = 0; k < kModes; ++k) {
    mode_error = std::max(mode_error, 1 - std::abs(v.col(k).dot(vectors.col(k))));
  }
  RecordProperty("eigenvalue_error", std::to_string(value_error * 1e12) + "e-12");
  RecordProperty("subspace_error", std::to_string(subspace_error * 1e12) + "e-12");
  EXPECT_LT(value_error, 1e-6);
  EXPECT_LT(subspace_error, 1e-6);
  EXPECT_LT(mode_error, 1e-6);
}

TEST_P(NormalModesAgreement, HessianHasProDysTraceAndNorm) {
  const Eigen::Matrix3Xd positions = testing::read_npz(reference(), "coords").transpose();

  const Eigen::SparseMatrix<double> hessian = network_hessian(positions, 15);

  const double trace = testing::read_npz(reference(), "hessian_trace")(0, 0);
  EXPECT_NEAR(hessian.diagonal().sum(), trace, 1e-9 * trace);
  const double norm = testing::read_npz(reference(), "hessian_fro")(0, 0);
  EXPECT_NEAR(hessian.norm(), norm, 1e-9 * norm);
}

TEST_P(NormalModesAgreement, SelectsTheCalphasThatProDySelects) {
  const Eigen::Matrix3Xd wanted = testing::read_npz(reference(), "coords").transpose();
  formats::AtomicModel model =
      formats::read_atomic_model(shared_data() + "structures/" + GetParam().structure);
  if (*GetParam().chain != '\0') {
    std::erase_if(model.atoms, [](const auto& atom) { return atom.chain != GetParam().chain; });
  }

  const Atoms atoms = select_atoms(model, "ca");

  ASSERT_EQ(atoms.count(), wanted.cols());
  EXPECT_LT((atoms.positions_angstrom - wanted).cwiseAbs().maxCoeff(), 1e-9);
}

INSTANTIATE_TEST_SUITE_P(
    Proteins,
    NormalModesAgreement,
    ::testing::Values(Protein{"anm_ubi_1ubi.npz", "prody/pdb1ubi.pdb", ""},
                      Protein{"anm_adk_4akeA.npz", "adk/4ake.pdb", "A"},
                      Protein{"anm_adk_1akeA.npz", "adk/1ake.pdb", "A"},
                      Protein{"anm_hsp90_open.npz", "hsp90_fretpredict/openHsp90.pdb", ""}),
    [](const auto& protein) {
      const std::string file = protein.param.reference;
      return file.substr(0, file.find('.'));
    });

// ProDy's own test files: the Hessian of ubiquitin at a cutoff of 15 A, and its 36 lowest
// eigenvalues in single precision.
TEST(NormalModesAgreementUbiquitin, HessianAndEigenvaluesAreThoseOfProDysTests) {
  const std::string folder = shared_data() + "structures/prody/";
  std::ifstream hessian_file(folder + "anm1ubi_hessian.coo");
  std::ifstream eigenvalue_file(folder + "anm1ubi_evalues.dat");
  if (!hessian_file || !eigenvalue_file) {
    GTEST_SKIP() << "CRYOSIP_SHARED_DATA does not hold data/structures/prody/anm1ubi_*";
  }
  const Atoms atoms = select_atoms(formats::read_atomic_model(folder + "pdb1ubi_ca.pdb"), "ca");
  ASSERT_EQ(atoms.count(), 76);

  const Eigen::MatrixXd hessian = network_hessian(atoms.positions_angstrom, 15);
  int row = 0;
  int column = 0;
  double value = 0;
  while (hessian_file >> row >> column >> value) {
    ASSERT_NEAR(hessian(row - 1, column - 1), value, 1e-5) << row << ' ' << column;
  }

  const NormalModes modes = normal_modes(atoms.positions_angstrom, {.modes = 30});
  int number = 0;
  while (eigenvalue_file >> number >> value) {
    if (number > 6) {
      EXPECT_NEAR(modes.eigenvalues(number - 7), value, 1e-4 * value) << number;
    }
  }
}

}  // namespace
}  // namespace cryosip

#include "libcryosip/forward/scattering.hpp"

#include <cmath>

#include <gemmi/c4322.hpp>
#include <gemmi/elem.hpp>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "tests/support/temporary_file.hpp"

namespace cryosip {
namespace {

Atoms atoms_of(const std::vector<int>& atomic_numbers, const std::vector<std::string>& names) {
  Atoms atoms;
  const auto count = static_cast<Eigen::Index>(names.size());
  atoms.positions_angstrom = Eigen::Matrix3Xd::Zero(3, count);
  atoms.b_factors_angstrom2 = Eigen::VectorXd::Constant(count, 12);
  atoms.atomic_numbers = atomic_numbers;
  atoms.names = names;
  atoms.residue_names.assign(names.size(), "CYS");
  atoms.chains.assign(names.size(), "B");
  atoms.residue_numbers.assign(names.size(), 17);
  atoms.insertion_codes.assign(names.size(), ' ');
  return atoms;
}

// Of one atom, q in 1/angstrom.
double factor(const Scattering& scattering, std::size_t atom, double q) {
  const double b_factor = scattering.b_factors_angstrom2(static_cast<Eigen::Index>(atom));
  double sum = 0;
  for (const ScatteringGaussian& gaussian :
       scattering.types[static_cast<std::size_t>(scattering.type_of_atom[atom])]) {
    sum += gaussian.amplitude * std::exp(-(gaussian.b_angstrom2 + b_factor) * q * q / 4);
  }
  return sum;
}

constexpr ScatteringOptions kElements{.resolution = AtomResolution::Element,
                                      .use_b_factors = false};

TEST(Scattering, ElementFactorsAreThoseOfTheInternationalTables) {
  const std::vector<int> numbers = {1, 6, 7, 8, 16, 15, 34, 30};
  const Atoms atoms = atoms_of(numbers, {"H", "C", "N", "O", "SG", "P", "SE", "ZN"});

  const Scattering scattering = scattering_of(atoms, kElements);

  for (std::size_t i = 0; i < numbers.size(); ++i) {
    for (const double q : {0.0, 0.05, 0.2, 0.5, 1.0}) {
      // gemmi's function of (sin(theta) / lambda)^2 = (q / 2)^2.
      const double expected =
          gemmi::C4322<double>::get(static_cast<gemmi::El>(numbers[i])).calculate_sf(q * q / 4);
      EXPECT_NEAR(factor(scattering, i, q), expected, 1e-12 * (1 + expected)) << numbers[i];
    }
  }
  // Carbon in the forward direction, as the table prints its five amplitudes.
  EXPECT_NEAR(factor(scattering, 1, 0), 0.0893 + 0.2563 + 0.7570 + 1.0487 + 0.3575, 1e-12);
}

TEST(Scattering, BFactorsOfTheFileAndTheExtraOneAdd) {
  const Atoms atoms = atoms_of({6}, {"C"});
  ScatteringOptions options = kElements;
  options.extra_b_factor_angstrom2 = 5;
  EXPECT_EQ(scattering_of(atoms, options).b_factors_angstrom2(0), 5);

  options.use_b_factors = true;
  EXPECT_EQ(scattering_of(atoms, options).b_factors_angstrom2(0), 17);
}

TEST(Scattering, AutoTakesResiduesWhereEveryAtomIsACAlpha) {
  EXPECT_EQ(scattering_of(atoms_of({6, 6}, {"CA", "CA"}), {}).types.front().size(), 1U);
  EXPECT_EQ(scattering_of(atoms_of({6, 7}, {"CA", "N"}), {}).types.front().size(), 5U);
}

TEST(Scattering, ResiduesAreOneGaussianOfTheWidthAskedWithoutBFactor) {
  const Scattering scattering = scattering_of(atoms_of({6}, {"CA"}), {.residue_sigma_angstrom = 3});

  EXPECT_EQ(scattering.types.front().front().amplitude, 1);
  EXPECT_NEAR(scattering.narrowest_variance_angstrom2(), 9, 1e-12);
}

TEST(Scattering, RefusesAnElementWithoutFactorsNamingTheAtom) {
  for (const int unknown : {0, 118}) {
    const std::string message = testing::input_error_of([&] {
      scattering_of(atoms_of({6, unknown}, {"C", "XX"}), kElements);
    });
    EXPECT_THAT(message, ::testing::HasSubstr("B/CYS 17/XX: no electron scattering factors"));
  }
}

TEST(Scattering, RefusesOptionsOutOfRange) {
  const Atoms atoms = atoms_of({6}, {"C"});
  EXPECT_THROW(scattering_of(atoms, {.residue_sigma_angstrom = 0}), Error);
  EXPECT_THROW(scattering_of(atoms, {.extra_b_factor_angstrom2 = -1}), Error);
}

TEST(AtomicNumber, TellsACAlphaFromACalciumIon) {
  EXPECT_EQ(atomic_number_of("CA", "ALA"), 6);
  EXPECT_EQ(atomic_number_of("CA", "CA"), 20);
  EXPECT_EQ(atomic_number_of("CA", "UNK"), 6);
}

TEST(AtomicNumber, TakesTheElementOfIonsFromTheResidue) {
  EXPECT_EQ(atomic_number_of("ZN", "ZN"), 30);
  EXPECT_EQ(atomic_number_of("CL", "CL"), 17);
  EXPECT_EQ(atomic_number_of("NA", "NA"), 11);
}

TEST(AtomicNumber, KnowsSelenium) {
  EXPECT_EQ(atomic_number_of("SE", "MSE"), 34);
  EXPECT_EQ(atomic_number_of("SD", "MET"), 16);
  EXPECT_EQ(atomic_number_of("SG", "CYS"), 16);
}

TEST(AtomicNumber, KnowsTheIronOfHaemsAndClusters) {
  EXPECT_EQ(atomic_number_of("FE", "HEM"), 26);
  EXPECT_EQ(atomic_number_of("FE2", "SF4"), 26);
  EXPECT_EQ(atomic_number_of("NA", "HEM"), 7);
}

TEST(AtomicNumber, KnowsHydrogensByNumbersAndGreekLetters) {
  EXPECT_EQ(atomic_number_of("HG1", "THR"), 1);
  EXPECT_EQ(atomic_number_of("1HB", "ALA"), 1);
  EXPECT_EQ(atomic_number_of("HE2", "HIS"), 1);
}

TEST(AtomicNumber, KnowsNucleicAcids) {
  EXPECT_EQ(atomic_number_of("P", "DA"), 15);
  EXPECT_EQ(atomic_number_of("O5'", "U"), 8);
  EXPECT_EQ(atomic_number_of("C2", "C"), 6);
}

TEST(AtomicNumber, IsZeroWhereANameTellsNothing) {
  EXPECT_EQ(atomic_number_of("", "ALA"), 0);
  EXPECT_EQ(atomic_number_of("12", "ALA"), 0);
}

TEST(NormalModeModel, TakesNodesWithoutNamesForCAlphas) {
  formats::Nmd nmd;
  nmd.coordinates_angstrom = {0, 0, 0, 4, 0, 0};
  formats::NmdMode mode;
  mode.index = 1;
  mode.scale = 2;
  mode.vector = {1, 0, 0, -1, 0, 0};
  nmd.modes.push_back(mode);

  const NormalModeModel model(nmd);

  EXPECT_EQ(model.atoms().atomic_numbers, (std::vector<int>{6, 6}));
  EXPECT_EQ(scattering_of(model.atoms(), {}).types.front().size(), 1U);
  Eigen::Matrix3Xd positions;
  model.positions(Eigen::VectorXd::Constant(1, 0.5), positions);
  EXPECT_EQ(positions(0, 0), -2 + 0.5 * 2);
  EXPECT_EQ(positions(0, 1), 2 - 0.5 * 2);
}

}  // namespace
}  // namespace cryosip

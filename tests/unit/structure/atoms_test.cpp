#include "libcryosip/structure/atoms.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"

namespace cryosip {
namespace {

using ::testing::ElementsAre;

formats::AtomRecord atom(const char* name, const char* residue, int number, int atomic_number) {
  formats::AtomRecord record;
  record.name = name;
  record.residue_name = residue;
  record.chain = "A";
  record.residue_number = number;
  record.atomic_number = atomic_number;
  record.position_angstrom = {1.0 * number, 2, 3};
  record.b_factor = 10.0 * number;
  return record;
}

formats::AtomRecord hetero(formats::AtomRecord record) {
  record.hetero = true;
  return record;
}

// Alanine 1, selenomethionine 2, calcium 3, a ligand 4 with a carbon called CA, phosphate 5.
formats::AtomicModel model() {
  return {"m.pdb",
          {atom("N", "ALA", 1, 7),
           atom("CA", "ALA", 1, 6),
           atom("C", "ALA", 1, 6),
           atom("O", "ALA", 1, 8),
           atom("CB", "ALA", 1, 6),
           hetero(atom("N", "MSE", 2, 7)),
           hetero(atom("CA", "MSE", 2, 6)),
           hetero(atom("C", "MSE", 2, 6)),
           hetero(atom("CA", "CA", 3, 20)),
           hetero(atom("CA", "LIG", 4, 6)),
           hetero(atom("CX", "LIG", 4, 6)),
           hetero(atom("P", "PO4", 5, 15))}};
}

TEST(SelectAtoms, CalphasAreThoseOfAminoAcidsAndModifiedOnes) {
  const Atoms atoms = select_atoms(model(), "ca");

  EXPECT_THAT(atoms.residue_names, ElementsAre("ALA", "MSE"));
  EXPECT_THAT(atoms.residue_numbers, ElementsAre(1, 2));
  EXPECT_THAT(atoms.chains, ElementsAre("A", "A"));
  EXPECT_THAT(atoms.names, ElementsAre("CA", "CA"));
  EXPECT_THAT(atoms.atomic_numbers, ElementsAre(6, 6));
  EXPECT_EQ(atoms.positions_angstrom.col(1), Eigen::Vector3d(2, 2, 3));
  EXPECT_EQ(atoms.b_factors_angstrom2, Eigen::Vector2d(10, 20));
}

TEST(SelectAtoms, AResidueOfACalphaAloneCounts) {
  const formats::AtomicModel calphas = {"c.pdb", {hetero(atom("CA", "MSE", 1, 6))}};

  EXPECT_EQ(select_atoms(calphas, "ca").count(), 1);
}

TEST(SelectAtoms, BackboneIsFourAtomsAResidue) {
  EXPECT_THAT(select_atoms(model(), "backbone").names,
              ElementsAre("N", "CA", "C", "O", "N", "CA", "C"));
}

TEST(SelectAtoms, AllIsEveryAtom) {
  EXPECT_EQ(select_atoms(model(), "all").count(), 12);
}

TEST(SelectAtoms, NamesAreTakenAsTheyStand) {
  EXPECT_THAT(select_atoms(model(), "P,CA").names, ElementsAre("CA", "CA", "CA", "P"));
}

TEST(SelectAtoms, UnknownSelectionIsWrongUsage) {
  for (const char* const selection : {"calpha", "", "CA,", "CA CB"}) {
    try {
      select_atoms(model(), selection);
      ADD_FAILURE() << selection;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Usage);
    }
  }
}

TEST(SelectAtoms, NothingSelectedNamesTheFile) {
  try {
    select_atoms(model(), "ZZ");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Input);
    EXPECT_STREQ(error.what(), "m.pdb: none of 12 atoms is in the selection 'ZZ'");
  }
}

}  // namespace
}  // namespace cryosip

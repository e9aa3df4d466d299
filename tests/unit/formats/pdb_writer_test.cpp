// Weighted ensembles of atomic models in PDB and mmCIF files, read back.
#include <cmath>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "formats/pdb.hpp"
#include "tests/support/temporary_file.hpp"

namespace cryosip::formats {
namespace {

using ::testing::HasSubstr;

WeightedModels two_models() {
  WeightedModels models;
  models.title = "a test";
  for (int i = 0; i < 5; ++i) {
    AtomRecord atom;
    atom.name = i % 2 == 0 ? "CA" : "N";
    atom.atomic_number = i % 2 == 0 ? 6 : 7;
    atom.residue_name = i < 4 ? "GLY" : "SER";
    atom.chain = i < 4 ? "A" : "B";
    atom.residue_number = -1 + i / 2;
    atom.insertion_code = i == 3 ? 'C' : ' ';
    atom.b_factor = 12.5 * i;
    models.atoms.push_back(atom);
  }
  models.atoms[2].insertion_code = 'C';
  models.populations = {0.125, 0.875};
  models.names = {"conformation 4", "conformation 7"};
  models.positions = [](std::size_t m) {
    std::vector<std::array<double, 3>> positions;
    for (int i = 0; i < 5; ++i) {
      positions.push_back({1.2344 * i + 100.0 * static_cast<double>(m), -3.8 * i, 0.5});
    }
    return positions;
  };
  return models;
}

std::string pdb(const WeightedModels& models) {
  std::ostringstream out;
  write_pdb(out, models);
  return out.str();
}

std::string mmcif(const WeightedModels& models) {
  std::ostringstream out;
  write_mmcif(out, models);
  return out.str();
}

void expect_first_model(const std::string& text, const char* name) {
  const testing::TemporaryFile file(name, text);
  const AtomicModel read = read_atomic_model(file.path());
  const WeightedModels written = two_models();
  ASSERT_EQ(read.atoms.size(), 5U);
  const auto positions = written.positions(0);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(read.atoms[i].name, written.atoms[i].name);
    EXPECT_EQ(read.atoms[i].residue_name, written.atoms[i].residue_name);
    EXPECT_EQ(read.atoms[i].chain, written.atoms[i].chain);
    EXPECT_EQ(read.atoms[i].residue_number, written.atoms[i].residue_number);
    EXPECT_EQ(read.atoms[i].insertion_code, written.atoms[i].insertion_code);
    EXPECT_EQ(read.atoms[i].atomic_number, written.atoms[i].atomic_number);
    EXPECT_EQ(read.atoms[i].b_factor, written.atoms[i].b_factor);
    for (std::size_t axis = 0; axis < 3; ++axis) {
      EXPECT_NEAR(read.atoms[i].position_angstrom[axis], positions[i][axis], 5.1e-4);
    }
  }
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (std::size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) {
    ++found;
  }
  return found;
}

TEST(PdbWriter, WritesModelsThatReadBackWithTheirPopulations) {
  const std::string text = pdb(two_models());
  expect_first_model(text, "two.pdb");
  EXPECT_THAT(text, HasSubstr("REMARK   6 MODEL     1 POPULATION 0.125 "));
  EXPECT_THAT(text, HasSubstr("REMARK   6 MODEL     2 POPULATION 0.875 "));
  EXPECT_THAT(text, HasSubstr("\nMODEL        2 "));
  EXPECT_EQ(count(text, "\nENDMDL"), 2U);
  EXPECT_EQ(count(text, "\nATOM  "), 10U);
  EXPECT_THAT(text, HasSubstr(" 101.234  -3.800   0.500"));
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_EQ(line.size(), 80U) << line;
  }
}

TEST(MmcifWriter, WritesModelsThatReadBackWithTheirPopulations) {
  const std::string text = mmcif(two_models());
  expect_first_model(text, "two.cif");
  EXPECT_THAT(text,
              HasSubstr("_ihm_multi_state_modeling.population_fraction\n"
                        "_ihm_multi_state_modeling.state_name\n"
                        "_ihm_multi_state_modeling.experiment_type\n"
                        "1 1 0.125 'conformation 4' 'Fraction of bulk'\n"
                        "2 1 0.875 'conformation 7' 'Fraction of bulk'\n"));
  EXPECT_THAT(text, HasSubstr("_ihm_multi_state_model_group_link.model_group_id\n1 1\n2 2\n"));
  EXPECT_THAT(text, HasSubstr("_ihm_model_group_link.model_id\n1 1\n2 2\n"));
  // One table of atoms, numbered through.
  EXPECT_EQ(count(text, "_atom_site.id\n"), 1U);
  EXPECT_EQ(count(text, "\nATOM "), 10U);
  EXPECT_THAT(text, HasSubstr("\nATOM 10 C CA . SER "));
  EXPECT_THAT(text, HasSubstr(" 101.234 -3.8 0.5 "));
}

TEST(MmcifWriter, HoldsWhatPdbCannot) {
  WeightedModels models = two_models();
  for (AtomRecord& atom : models.atoms) {
    atom.chain = "LONG";
  }
  EXPECT_THAT(mmcif(models), HasSubstr(" LONG "));
  try {
    static_cast<void>(pdb(models));
    ADD_FAILURE() << "a chain of four letters was written";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Output);
    EXPECT_THAT(error.what(), HasSubstr("atomic models: "));
  }
  models = two_models();
  models.populations.assign(10000, 1e-4);
  models.names.assign(10000, "many");
  EXPECT_THROW(static_cast<void>(pdb(models)), Error);
}

TEST(PdbWriter, RefusesWhatMakesNoSense) {
  WeightedModels models = two_models();
  models.positions = [](std::size_t) {
    return std::vector<std::array<double, 3>>(5, {0, std::nan(""), 0});
  };
  EXPECT_THROW(static_cast<void>(pdb(models)), Error);
  EXPECT_THROW(static_cast<void>(mmcif(models)), Error);
  EXPECT_THROW(static_cast<void>(mmcif(WeightedModels())), Error);
}

}  // namespace
}  // namespace cryosip::formats

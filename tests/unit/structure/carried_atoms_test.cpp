// All atoms of a structure carried along by its C-alphas.
#include "libcryosip/structure/carried_atoms.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libcryosip/core/random.hpp"
#include "tests/support/temporary_file.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

formats::AtomRecord atom(const std::string& name, int residue, double x, double y, double z) {
  formats::AtomRecord record;
  record.name = name;
  record.residue_name = "ALA";
  record.chain = "A";
  record.residue_number = residue;
  record.position_angstrom = {x, y, z};
  return record;
}

// Three residues of three atoms, an ion beside the last, and their C-alphas about their centre.
class Carried : public ::testing::Test {
 protected:
  Carried() {
    structure_.source = "all.pdb";
    for (int r = 1; r <= 3; ++r) {
      const double x = 10 + 4 * r;
      structure_.atoms.push_back(atom("N", r, x - 1, 5, 0));
      structure_.atoms.push_back(atom("CA", r, x, 5 + r % 2, 0));
      structure_.atoms.push_back(atom("C", r, x + 1, 5, 1));
    }
    structure_.atoms.push_back(atom("ZN", 99, 23, 5, 2));
    model_.source = "ca.pdb";
    for (const std::size_t i : {1U, 4U, 7U}) {
      model_.atoms.push_back(structure_.atoms[i]);
    }
    nodes_ = select_atoms(model_, "all");
    nodes_.positions_angstrom.colwise() -= nodes_.positions_angstrom.rowwise().mean().eval();
  }

  formats::AtomicModel structure_;
  formats::AtomicModel model_;
  Atoms nodes_;
};

TEST_F(Carried, AtomsGoWithTheirResiduesAndStrangersWithTheNearest) {
  const CarriedAtoms carried(structure_, nodes_);
  // At rest: the structure in the nodes' frame.
  const Eigen::Matrix3Xd rest = carried.positions(nodes_.positions_angstrom);
  for (const auto& [all, node] : {std::pair<Index, Index>{1, 0}, {4, 1}, {7, 2}}) {
    EXPECT_LT((rest.col(all) - nodes_.positions_angstrom.col(node)).norm(), 1e-12);
  }
  EXPECT_LT((rest.col(0) - rest.col(1) - Eigen::Vector3d(-1, -1, 0)).norm(), 1e-12);

  Eigen::Matrix3Xd moved = nodes_.positions_angstrom;
  moved.col(2) += Eigen::Vector3d(1, 2, 3);
  const Eigen::Matrix3Xd shift = carried.positions(moved) - rest;
  for (Index i = 0; i < shift.cols(); ++i) {
    const Eigen::Vector3d expected = i >= 6 ? Eigen::Vector3d(1, 2, 3) : Eigen::Vector3d(0, 0, 0);
    EXPECT_LT((shift.col(i) - expected).norm(), 1e-12) << i;
  }
}

TEST_F(Carried, AnotherStructureIsRefused) {
  formats::AtomicModel other = structure_;
  for (formats::AtomRecord& record : other.atoms) {
    record.chain = "B";
  }
  EXPECT_THAT(testing::input_error_of([&] { CarriedAtoms(other, nodes_); }),
              ::testing::HasSubstr("all.pdb: found 0 of the model's 3 atoms"));
  other = structure_;
  for (formats::AtomRecord& record : other.atoms) {
    std::swap(record.position_angstrom[0], record.position_angstrom[2]);
  }
  EXPECT_THAT(testing::input_error_of([&] { CarriedAtoms(other, nodes_); }),
              ::testing::HasSubstr("not turned"));
}

}  // namespace
}  // namespace cryosip

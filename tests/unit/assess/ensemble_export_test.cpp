// Ensembles as other programs take them: superposition, tables, ChimeraX commands.
#include "libcryosip/assess/ensemble_export.hpp"

#include <cmath>
#include <sstream>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/forward/pose.hpp"
#include "tests/support/small_molecule.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

Eigen::Matrix3Xd matrix_of(const std::vector<std::array<double, 3>>& positions) {
  Eigen::Matrix3Xd matrix(3, static_cast<Index>(positions.size()));
  for (std::size_t i = 0; i < positions.size(); ++i) {
    matrix.col(static_cast<Index>(i)) << positions[i][0], positions[i][1], positions[i][2];
  }
  return matrix;
}

class Export : public ::testing::Test {
 protected:
  Export() {
    ensemble_.model = "modes.nmd";
    ensemble_.coordinates.resize(2, 3);
    ensemble_.coordinates << -1, 0.5, 1.5, 0.25, 0, -2;
    ensemble_.weights = Eigen::Vector3d(0.25, 0.5, 0.25);
  }

  NormalModeModel model_{testing::small_molecule(true, 12, 2)};
  Ensemble ensemble_;
};

TEST_F(Export, ModelsAreTheConformationsWithTheirPopulations) {
  const Representatives all = all_conformations(ensemble_);
  const auto models = weighted_models(model_, ensemble_, all, nullptr, ModelFrame::Images);

  EXPECT_EQ(models.populations, (std::vector<double>{0.25, 0.5, 0.25}));
  ASSERT_EQ(models.atoms.size(), 12U);
  EXPECT_EQ(models.atoms[5].name, "SG");
  EXPECT_EQ(models.atoms[5].atomic_number, 16);
  for (std::size_t m = 0; m < 3; ++m) {
    Eigen::Matrix3Xd expected(3, 12);
    model_.positions(ensemble_.coordinates.col(static_cast<Index>(m)), expected);
    EXPECT_EQ(matrix_of(models.positions(m)), expected);
  }
  const auto one = single_model(models, 2);
  EXPECT_EQ(one.populations, std::vector<double>{0.25});
  EXPECT_EQ(one.names.front(), "conformation 3");
  EXPECT_EQ(one.positions(0), models.positions(2));
}

TEST_F(Export, AlignedModelsAreMovedRigidlyAsNearAsCanBe) {
  const Representatives all = all_conformations(ensemble_);
  const auto plain = weighted_models(model_, ensemble_, all, nullptr, ModelFrame::Images);
  const auto aligned = weighted_models(model_, ensemble_, all, nullptr, ModelFrame::Aligned);
  const Eigen::Matrix3Xd reference = matrix_of(plain.positions(1));  // the most populated

  EXPECT_LT((matrix_of(aligned.positions(1)) - reference).norm(), 1e-9);
  for (const std::size_t m : {0U, 2U}) {
    const Eigen::Matrix3Xd before = matrix_of(plain.positions(m));
    const Eigen::Matrix3Xd after = matrix_of(aligned.positions(m));
    for (Index i = 0; i < before.cols(); ++i) {
      for (Index j = 0; j < i; ++j) {
        EXPECT_NEAR(
            (before.col(i) - before.col(j)).norm(), (after.col(i) - after.col(j)).norm(), 1e-9);
      }
    }
    const double distance = (after - reference).norm();
    EXPECT_LT(distance, (before - reference).norm());
    // Any further turn or shift takes it away again.
    for (int axis = 0; axis < 3; ++axis) {
      for (const double step : {-0.02, 0.02}) {
        const EulerAngles turns[] = {
            {.rot_degree = 50 * step},
            {.tilt_degree = 50 * step},
            {.rot_degree = 90, .tilt_degree = 50 * step, .psi_degree = -90}};
        EXPECT_GT((rotation_matrix(turns[axis]) * after - reference).norm(), distance);
        EXPECT_GT(((after.colwise() + step * Eigen::Vector3d::Unit(axis)) - reference).norm(),
                  distance);
      }
    }
  }
}

TEST_F(Export, TableNamesConformationsPopulationsAndMaps) {
  const Representatives all = all_conformations(ensemble_);
  formats::StarFile file;
  file.tables = {to_star(all, ensemble_, {"maps/a.mrc", "maps/b.mrc", "maps/c.mrc"})};
  std::ostringstream out;
  formats::write_star(out, file);
  EXPECT_EQ(out.str(),
            "\n# version 30001\n\ndata_sip_representatives\n\nloop_\n_sipModel #1\n"
            "_sipConformation #2\n_sipPopulation #3\n_sipSpread #4\n_sipCoordinate1 #5\n"
            "_sipCoordinate2 #6\n_sipMap #7\n1 1 0.25 0 -1 0.25 maps/a.mrc\n"
            "2 2 0.5 0 0.5 0 maps/b.mrc\n3 3 0.25 0 1.5 -2 maps/c.mrc\n\n");
}

TEST(ChimeraxScript, OpensColoursAndMorphsModelsAndMaps) {
  const ChimeraxScene scene{{0.25, 0.75}, "two models.cif", {"maps/a.mrc", "maps/b.mrc"}, 48};
  EXPECT_EQ(chimerax_commands(scene, {"made by a test"}),
            "# made by a test\n"
            "# Open this file in ChimeraX.  What is open there is closed.\n"
            "close\n"
            "open \"two models.cif\"\n"
            "# population 0.25\n"
            "color #1.1 #4575b4\n"
            "# population 0.75\n"
            "color #1.2 #d73027\n"
            "open \"maps/a.mrc\"\n"
            "volume #2 originIndex 24\n"
            "color #2 #4575b4\n"
            "transparency #2 50\n"
            "open \"maps/b.mrc\"\n"
            "volume #3 originIndex 24\n"
            "color #3 #d73027\n"
            "transparency #3 50\n"
            "view\n"
            "morph #1.1-2 frames 25 same true\n"
            "hide #2-3 models\n");
}

TEST(ChimeraxScript, MorphsMapsWhereThereAreNoModelsAndNothingWhereThereIsOne) {
  EXPECT_EQ(chimerax_commands({{0.5, 0.25, 0.25}, "", {"a.mrc", "b.mrc", "c.mrc"}, 32}, {}),
            "# Open this file in ChimeraX.  What is open there is closed.\n"
            "close\n"
            "open \"a.mrc\"\n# population 0.5\nvolume #1 originIndex 16\ncolor #1 #d73027\n"
            "transparency #1 50\n"
            "open \"b.mrc\"\n# population 0.25\nvolume #2 originIndex 16\ncolor #2 #4575b4\n"
            "transparency #2 50\n"
            "open \"c.mrc\"\n# population 0.25\nvolume #3 originIndex 16\ncolor #3 #4575b4\n"
            "transparency #3 50\n"
            "view\n"
            "volume morph #1-3 frames 75\n");
  EXPECT_EQ(chimerax_commands({{1}, "one.pdb", {}, 0}, {}),
            "# Open this file in ChimeraX.  What is open there is closed.\n"
            "close\nopen \"one.pdb\"\n# population 1\ncolor #1 #d73027\nview\n");
  EXPECT_THROW(static_cast<void>(chimerax_commands({{1}, "both\"'.pdb", {}, 0}, {})), Error);
}

}  // namespace
}  // namespace cryosip

// What RELION 3.1.3's Class3D found of two states, 180 + 120 images: fixtures/README.md of the
// shared data holds the commands.
#include "libcryosip/assess/class3d.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/temporary_folder.hpp"

namespace cryosip {
namespace {

class RelionClass3d : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const shared = std::getenv("CRYOSIP_SHARED_DATA");
    fixtures_ = shared == nullptr ? "" : std::string(shared) + "/fixtures/";
    if (!std::filesystem::exists(fixtures_ + "c_class3d/skip_align_K2")) {
      GTEST_SKIP() << "needs fixtures/a_stack31 and c_class3d in CRYOSIP_SHARED_DATA";
    }
    states_ = read_states(formats::read_star(folder_.write(
        "states.star",
        "data_sip_conformations\nloop_\n_sipWeight\n_sipCoordinate1\n_sipMap\n"
        "0.6 0 " +
            fixtures_ + "a_stack31/confA.mrc\n0.4 1 " + fixtures_ + "a_stack31/confB.mrc\n\n")));
    // A flow's ensemble: 0.58 nearer to the first state.
    ensemble_.coordinates = Eigen::RowVector3d(0.1, -0.05, 0.9);
    ensemble_.weights = Eigen::Vector3d(0.3, 0.28, 0.42);
  }
  [[nodiscard]] Class3dComparison compare(const Class3d& class3d) const {
    const ImageStates truth = read_image_states(
        formats::read_star(fixtures_ + "a_stack31/particles.star"), states_, ensemble_);
    SilentProgress progress;
    return compare_with_class3d(class3d, states_, ensemble_, &truth, "", progress);
  }

  testing::TemporaryFolder folder_;
  std::string fixtures_;
  States states_;
  Ensemble ensemble_;
};

TEST_F(RelionClass3d, WithPosesGivenSeparatesTheStates) {
  const Class3d class3d =
      read_class3d(fixtures_ + "c_class3d/skip_align_K2/run_it025_optimiser.star");
  EXPECT_EQ(class3d.iteration, 25);
  EXPECT_EQ(class3d.images.size(), 300U);
  const Class3dComparison comparison = compare(class3d);
  // RELION numbered the states the other way round.
  ASSERT_EQ(comparison.rows.size(), 2U);
  EXPECT_EQ(comparison.rows[0].class3d, 1);
  EXPECT_EQ(comparison.rows[1].class3d, 0);
  Eigen::Matrix2d confusion;
  confusion << 0, 180, 120, 0;
  EXPECT_EQ(comparison.images, confusion);
  EXPECT_NEAR(class3d.fractions(1), 0.6, 1e-5);
  EXPECT_NEAR(class3d.fractions(0), 0.4, 1e-5);
  EXPECT_NEAR(comparison.population_distance, 0.02, 1e-5);
  // Against the true maps 0.979 and 0.975 (NumPy, whole box).
  EXPECT_NEAR(comparison.rows[0].maps->correlation, 0.979, 6e-4);
  EXPECT_NEAR(comparison.rows[1].maps->correlation, 0.975, 6e-4);
}

TEST_F(RelionClass3d, WithAlignmentIsFourFifthsRight) {
  const Class3d class3d =
      read_class3d(fixtures_ + "c_class3d/align_K2/run_ct10_it025_optimiser.star");
  const Class3dComparison comparison = compare(class3d);
  const auto tables = to_star(comparison, class3d, states_);
  EXPECT_NEAR(tables[0].number("sipAgreement"), 0.80, 0.01);
  EXPECT_NEAR(class3d.fractions(*comparison.rows[0].class3d), 0.54, 0.01);
  EXPECT_NEAR(class3d.fractions(*comparison.rows[1].class3d), 0.46, 0.01);
}

}  // namespace
}  // namespace cryosip

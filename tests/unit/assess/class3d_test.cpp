// A Class3D beside states: files of RELION 3.1's and 5's form, matching, confusion.
// agreement/class3d_test.cpp reads what RELION itself wrote.
#include "libcryosip/assess/class3d.hpp"

#include <functional>
#include <string>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "formats/mrc.hpp"
#include "tests/support/temporary_folder.hpp"

namespace cryosip {
namespace {

class Class3dTest : public ::testing::Test {
 protected:
  // Three classes, the first of which has lost its images; classes 2 and 3 are states 2 and 1.
  void SetUp() override {
    map("Class3D/job1/run_it025_class001.mrc", -1);
    map("Class3D/job1/run_it025_class002.mrc", 40);
    map("Class3D/job1/run_it025_class003.mrc", 9);
    map("states/1.mrc", 9);
    map("states/2.mrc", 40);
    write_optimiser("");
    write_model("30001", "0 0.3 0.7");
    write_data("3 3 2 3 2");
  }
  void map(const std::string& name, int bright) const {
    formats::Volume volume{{4, 4, 4}, 3, std::vector<float>(64, 0)};
    if (bright >= 0) {
      volume.values[static_cast<std::size_t>(bright)] = 1;
      volume.values[static_cast<std::size_t>(bright) + 1] = 0.5;
    }
    formats::write_volume(folder_.path(name), volume);
  }
  void write_optimiser(const std::string& more) const {
    static_cast<void>(folder_.write(
        "Class3D/job1/run_it025_optimiser.star",
        "# RELION optimiser; version 5.0.1\n# --o Class3D/job1/run\n\n# version 50001\n\n"
        "data_optimiser_general\n\n"
        "_rlnModelStarFile Class3D/job1/run_it025_model.star\n"
        "_rlnExperimentalDataStarFile Class3D/job1/run_it025_data.star\n"
        "_rlnCurrentIteration 25\n_rlnDoGradientRefine 0\n" +
            more + "\n"));
  }
  void write_model(const std::string& version, const std::string& fractions) const {
    std::string rows;
    std::size_t begin = 0;
    for (int k = 1; k <= 3; ++k) {
      const std::size_t end = fractions.find(' ', begin);
      rows += "Class3D/job1/run_it025_class00" + std::to_string(k) + ".mrc " +
              fractions.substr(begin, end - begin) + " 1.5\n";
      begin = end + 1;
    }
    static_cast<void>(folder_.write("Class3D/job1/run_it025_model.star",
                                    "# version " + version +
                                        "\n\ndata_model_general\n\n_rlnNrClasses 3\n"
                                        "_rlnNrOpticsGroups 1\n\n# version " +
                                        version +
                                        "\n\ndata_model_classes\n\nloop_\n_rlnReferenceImage #1\n"
                                        "_rlnClassDistribution #2\n_rlnAccuracyRotations #3\n" +
                                        rows + "\n"));
  }
  void write_data(const std::string& classes) const {
    std::string rows;
    for (std::size_t i = 0; 2 * i < classes.size(); ++i) {
      rows += "00000" + std::to_string(i + 1) + "@s.mrcs 1 " + classes[2 * i] + "\n";
    }
    static_cast<void>(
        folder_.write("Class3D/job1/run_it025_data.star",
                      "data_optics\nloop_\n_rlnOpticsGroup\n1\n\ndata_particles\nloop_\n"
                      "_rlnImageName\n_rlnOpticsGroup\n_rlnClassNumber\n" +
                          rows + "\n"));
  }
  [[nodiscard]] Class3d class3d() const {
    return read_class3d(folder_.path("Class3D/job1/run_it025_optimiser.star"));
  }
  [[nodiscard]] States states(bool with_maps) const {
    return read_states(formats::read_star(folder_.write(
        "states.star",
        with_maps ? "data_sip_conformations\nloop_\n_sipWeight\n_sipCoordinate1\n_sipMap\n"
                    "6 0 states/1.mrc\n4 10 states/2.mrc\n\n"
                  : "data_sip_mixture\nloop_\n_sipWeight\n_sipMean1\n_sipSigma1\n"
                    "6 0 1\n4 10 1\n\n")));
  }
  [[nodiscard]] ImageStates image_states(const States& of, const std::string& label) const {
    // The last is no image of the classification.
    return read_image_states(
        formats::read_star(folder_.write(
            "assigned.star",
            "data_optics\n_rlnOpticsGroup 1\n\ndata_particles\nloop_\n_rlnImageName\n_" + label +
                "\n1@s.mrcs 1\n2@s.mrcs 1\n3@s.mrcs 2\n4@s.mrcs 2\n9@s.mrcs 1\n\n")),
        of,
        ensemble());
  }
  static Ensemble ensemble() {
    Ensemble ensemble;
    ensemble.coordinates = Eigen::RowVector3d(1, 8, -1);
    ensemble.weights = Eigen::Vector3d(0.25, 0.5, 0.25);
    return ensemble;
  }
  static std::string message(const std::function<void()>& call) {
    try {
      call();
    } catch (const Error& error) {
      return error.what();
    }
    return "nothing was thrown";
  }

  testing::TemporaryFolder folder_;
  SilentProgress progress_;
};

TEST_F(Class3dTest, ReadsWhatTheOptimiserNames) {
  const Class3d read = class3d();
  EXPECT_EQ(read.iteration, 25);
  EXPECT_EQ(read.fractions, Eigen::Vector3d(0, 0.3, 0.7));
  EXPECT_EQ(read.maps[2], folder_.path("Class3D/job1/run_it025_class003.mrc"));
  EXPECT_EQ(read.images[4], "000005@s.mrcs");
  EXPECT_EQ(read.class_of, (std::vector<Eigen::Index>{2, 2, 1, 2, 1}));
}

TEST_F(Class3dTest, ClassesAreMatchedByMaps) {
  const States of = states(true);
  const ImageStates images = image_states(of, "sipState");
  const Class3dComparison comparison =
      compare_with_class3d(class3d(), of, ensemble(), &images, "", progress_);
  ASSERT_EQ(comparison.rows.size(), 3U);
  EXPECT_EQ(comparison.rows[0].class3d, 2);
  EXPECT_EQ(comparison.rows[1].class3d, 1);
  EXPECT_NEAR(comparison.rows[0].maps->correlation, 1, 1e-9);
  EXPECT_NEAR(comparison.rows[1].maps->flatiron_mean_fsc, 1, 1e-6);
  EXPECT_FALSE(comparison.rows[2].state.has_value());
  EXPECT_EQ(comparison.rows[2].class3d, 0);
  EXPECT_EQ(comparison.ensemble_populations, Eigen::Vector2d(0.5, 0.5));
  EXPECT_NEAR(comparison.population_distance, 0.2, 1e-12);
  Eigen::MatrixXd confusion(2, 3);
  confusion << 0, 0, 2, 0, 1, 1;
  EXPECT_EQ(comparison.images, confusion);

  const auto tables = to_star(comparison, class3d(), of);
  EXPECT_EQ(tables[0].integer("sipImages"), 4);
  EXPECT_EQ(tables[0].number("sipAgreement"), 0.75);
  const formats::StarTable& table = tables[1];
  EXPECT_EQ(table.name(), "sip_class3d");
  EXPECT_EQ(table.number(0, table.column("sipPopulation")), 0.6);
  EXPECT_EQ(table.number(0, table.column("rlnClassDistribution")), 0.7);
  EXPECT_EQ(table.number(0, table.column("sipClassImages")), 0.6);
  EXPECT_EQ(table.number(1, table.column("sipAgreement")), 0.5);
  EXPECT_EQ(table.integer(1, table.column("sipImagesInClass3")), 1);
  EXPECT_EQ(table.text(2, table.column("sipState")), "None");
  EXPECT_EQ(table.text(2, table.column("sipMapCorrelation")), "None");
  EXPECT_EQ(table.number(2, table.column("rlnClassDistribution")), 0);
}

TEST_F(Class3dTest, ClassesAreMatchedByImagesWithoutMaps) {
  const States of = states(false);
  const ImageStates images = image_states(of, "rlnClassNumber");
  const Class3dComparison comparison =
      compare_with_class3d(class3d(), of, ensemble(), &images, "", progress_);
  EXPECT_EQ(comparison.rows[0].class3d, 2);
  EXPECT_EQ(comparison.rows[1].class3d, 1);
  EXPECT_FALSE(comparison.rows[0].maps.has_value());
  EXPECT_THROW(compare_with_class3d(class3d(), of, ensemble(), nullptr, "", progress_), Error);
}

TEST_F(Class3dTest, AConformationStandsForItsNearestState) {
  // Conformation 1 is at 1, nearest to state 1; conformation 2 at 8, nearest to state 2.
  const States of = states(false);
  for (const char* label : {"sipConformation", "sipStructure", "sipState"}) {
    EXPECT_EQ(image_states(of, label).state_of, (std::vector<Eigen::Index>{0, 0, 1, 1, 0}));
  }
}

TEST_F(Class3dTest, StatesAreReadAsExportWritesThem) {
  const States of = read_states(formats::read_star(folder_.write(
      "export.star",
      "data_sip_representatives\nloop_\n_sipModel\n_sipConformation\n_sipPopulation\n_sipSpread\n"
      "_sipCoordinate1\n_sipCoordinate2\n_sipMap\n1 7 0.25 1 3 4 states/1.mrc\n"
      "2 9 0.75 1 5 6 states/2.mrc\n\n")));
  EXPECT_EQ(of.populations, Eigen::Vector2d(0.25, 0.75));
  EXPECT_EQ(of.coordinates.col(1), Eigen::Vector2d(5, 6));
  EXPECT_EQ(of.maps[1], folder_.path("states/2.mrc"));
  EXPECT_NE(message([&] {
              read_states(formats::read_star(folder_.write("none.star", "data_x\n_y 1\n\n")));
            }).find("sip_conformations"),
            std::string::npos);
}

TEST_F(Class3dTest, NamesTheFileAndLineOfAFault) {
  write_data("3 4 2");
  EXPECT_NE(message([&] { static_cast<void>(class3d()); }).find("4 found, expected 1 to 3"),
            std::string::npos);
  write_data("3 3 2");
  write_optimiser("_rlnModelStarFile2 Refine3D/job2/run_it013_half2_model.star\n");
  EXPECT_NE(
      message([&] { static_cast<void>(class3d()); }).find("a refinement with half-sets found"),
      std::string::npos);
  write_optimiser("");
  write_model("30001", "0 0 0");
  EXPECT_NE(message([&] { static_cast<void>(class3d()); }).find("sum to 0"), std::string::npos);
  const States of = states(false);
  EXPECT_NE(message([&] {
              static_cast<void>(image_states(of, "sipOther"));
            }).find("no block with _rlnImageName"),
            std::string::npos);
  EXPECT_THROW(static_cast<void>(of.nearest(Eigen::MatrixXd::Zero(2, 1))), Error);
}

}  // namespace
}  // namespace cryosip

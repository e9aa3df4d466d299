// 180 images of one volume and 120 of another, made, combined and normalised by RELION 3.1.3
// (relion_project --add_noise, relion_star_handler, relion_stack_create, relion_preprocess), with
// their poses, shifts and CTFs: the flow along the line between the two volumes finds the two
// populations.  RELION divided by its own noise, of standard deviation 2.5.
#include <cstdlib>
#include <filesystem>
#include <string>

#include <gtest/gtest.h>

#include "libcryosip/flow/image_flow.hpp"
#include "libcryosip/forward/volume_model.hpp"
#include "libcryosip/structure/initial_ensemble.hpp"
#include "tests/support/temporary_folder.hpp"

namespace cryosip {
namespace {

class RelionPopulations : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const shared = std::getenv("CRYOSIP_SHARED_DATA");
    folder_ = shared == nullptr ? "" : std::string(shared) + "/fixtures/a_stack31";
    if (!std::filesystem::exists(folder_ + "/confA.mrc")) {
      GTEST_SKIP() << "needs fixtures/a_stack31 in CRYOSIP_SHARED_DATA";
    }
    folder_ = std::filesystem::absolute(folder_).string();
  }
  // +1 is volume A, -1 is B; all values times the sign.
  [[nodiscard]] VolumeModel path_between(const std::string& half) const {
    const auto row = [&](const char* name, const std::string& rest) {
      return folder_ + "/" + name + " " + rest + "\n";
    };
    return VolumeModel(read_volume_model(files_.write(
        "path.star",
        "data_sip_volume_model\n\nloop_\n_sipVolumeName\n_sipComponent\n_sipFactor\n" +
            row("confA.mrc", "0 " + half) + row("confB.mrc", "0 " + half) +
            row("confA.mrc", "1 " + half) +
            row("confB.mrc", half[0] == '-' ? "1 " + half.substr(1) : "1 -" + half) + "\n")));
  }
  [[nodiscard]] Ensemble flown(const VolumeModel& model) const {
    ImageSetOptions files;
    files.image_directory = folder_;
    const ImageSet images = ImageSet::open(folder_ + "/particles.star", files);
    InitialEnsembleOptions start;
    start.count = 60;
    Ensemble ensemble = initial_ensemble(1, start);
    ImageFlowOptions options;
    options.flow.steps = 60;
    SilentProgress progress;
    flow_on_images(ensemble, model, images, options, progress, {});
    return ensemble;
  }
  static double share_of_a(const Ensemble& ensemble) {
    return (ensemble.coordinates.row(0).array() > 0).cast<double>().matrix().dot(ensemble.weights);
  }

  std::string folder_;
  testing::TemporaryFolder files_;
};

TEST_F(RelionPopulations, AreFoundByTheFlowWithContrastAndNoiseEstimated) {
  const Ensemble ensemble = flown(path_between("0.5"));
  EXPECT_NEAR(share_of_a(ensemble), 0.6, 0.1);
  EXPECT_NEAR(*ensemble.flow.carried("sipContrast"), 1 / 2.5, 0.02);
  EXPECT_NEAR(*ensemble.flow.carried("sipNoiseSigma"), 1, 0.02);
  // Both wells are where the volumes are.
  const Eigen::ArrayXd distance = (ensemble.coordinates.row(0).array().abs() - 1).abs();
  EXPECT_LT(distance.matrix().dot(ensemble.weights), 0.1);
}

TEST_F(RelionPopulations, DoNotDependOnTheVolumesSign) {
  const Ensemble ensemble = flown(path_between("-0.5"));
  EXPECT_NEAR(share_of_a(ensemble), 0.6, 0.1);
  EXPECT_NEAR(*ensemble.flow.carried("sipContrast"), -1 / 2.5, 0.02);
}

}  // namespace
}  // namespace cryosip

// Users without an atomic model: the likelihood flow on images of a family of volumes.
#include <vector>

#include <gtest/gtest.h>

#include "libcryosip/assess/ensemble_distance.hpp"
#include "libcryosip/assess/truth.hpp"
#include "libcryosip/dataset/simulation.hpp"
#include "libcryosip/flow/image_flow.hpp"
#include "libcryosip/forward/volume_model.hpp"
#include "libcryosip/structure/initial_ensemble.hpp"
#include "tests/support/temporary_folder.hpp"
#include "tests/support/volume_family.hpp"

namespace cryosip {
namespace {

// Two wells, two unequal wells, one.
Mixture truth() {
  Mixture law;
  law.weights = Eigen::Vector4d(0.35, 0.35, 0.15, 0.15);
  law.means.resize(3, 4);
  law.means << -1, 1, -1, 1,  //
      -0.8, -0.8, 1, 1,       //
      0.4, 0.4, 0.4, 0.4;
  law.sigmas = Eigen::MatrixXd::Constant(3, 4, 0.2);
  return law;
}

class VolumeFlow : public ::testing::Test {
 protected:
  [[nodiscard]] ImageSet images(std::size_t count, double snr) const {
    SimulationOptions options;
    options.count = count;
    options.grid = *model_.own_grid();
    options.snr = snr;
    options.shift_sigma_angstrom = 3;
    SilentProgress progress;
    SimulationResult result =
        simulate(model_, truth(), options, folder_.path("particles.mrcs"), progress);
    result.particles.where.assign(count, "simulated");
    return {result.particles, ImageSetOptions()};
  }
  // Of each marginal.
  static std::vector<double> errors(const Ensemble& ensemble) {
    const Ensemble expected = lay_out(truth());
    std::vector<double> distances;
    for (Eigen::Index k = 0; k < ensemble.dimension(); ++k) {
      distances.push_back(wasserstein_1d(ensemble.coordinates.row(k).transpose(),
                                         ensemble.weights,
                                         expected.coordinates.row(k).transpose(),
                                         expected.weights));
    }
    return distances;
  }

  testing::TemporaryFolder folder_;
  VolumeModel model_{testing::three_arms()};
};

TEST_F(VolumeFlow, RecoversTheMarginalsOfThreeComponentsWithGivenPoses) {
  const ImageSet observed = images(500, 0.3);
  InitialEnsembleOptions start;
  start.count = 80;
  Ensemble ensemble = initial_ensemble(3, start);
  const std::vector<double> before = errors(ensemble);

  ImageFlowOptions options;
  options.flow.steps = 100;
  options.images_per_step = 128;
  SilentProgress progress;
  flow_on_images(ensemble, model_, observed, options, progress, {});

  const std::vector<double> after = errors(ensemble);
  for (std::size_t k = 0; k < 3; ++k) {
    EXPECT_LT(after[k], 0.25 * before[k])
        << "component " << k + 1 << ": " << before[k] << " -> " << after[k];
    RecordProperty("W1_" + std::to_string(k + 1),
                   std::to_string(before[k]) + " -> " + std::to_string(after[k]));
  }
  EXPECT_NEAR(*ensemble.flow.carried("sipContrast"), 1, 0.03);
}

TEST_F(VolumeFlow, TakesUnknownPoses) {
  const ImageSet observed = images(40, 1);
  InitialEnsembleOptions start;
  start.count = 8;
  Ensemble ensemble = initial_ensemble(3, start);
  const Eigen::MatrixXd before = ensemble.coordinates;
  ImageFlowOptions options;
  options.poses = PoseLaw::Uniform;
  options.flow.steps = 2;
  options.images_per_step = 20;
  options.steered.views = 20;
  SilentProgress progress;
  const FlowResult result = flow_on_images(ensemble, model_, observed, options, progress, {});
  EXPECT_EQ(result.steps_done, 2);
  EXPECT_TRUE(ensemble.coordinates.allFinite());
  EXPECT_GT((ensemble.coordinates - before).norm(), 0);
}

}  // namespace
}  // namespace cryosip

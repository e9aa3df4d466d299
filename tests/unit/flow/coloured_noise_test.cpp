// What coloured noise does to a flow and to what else looks at images, and that whitening undoes
// it.
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libcryosip/assess/assignment.hpp"
#include "libcryosip/assess/ensemble_distance.hpp"
#include "libcryosip/assess/image_comparison.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/dataset/simulation.hpp"
#include "libcryosip/flow/image_flow.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "libcryosip/map/image_map.hpp"
#include "libcryosip/structure/initial_ensemble.hpp"
#include "tests/support/small_molecule.hpp"
#include "tests/support/temporary_folder.hpp"

namespace cryosip {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class Notes final : public Progress {
 public:
  void begin(std::string_view, std::size_t) override {}
  void advance(std::size_t) override {}
  void end() override {}
  void note(std::string_view message) override { notes.emplace_back(message); }
  void warn(std::string_view) override {}
  [[nodiscard]] bool cancelled() const override { return false; }
  std::vector<std::string> notes;
};

class ColouredNoiseFlow : public ::testing::Test {
 protected:
  struct Images {
    SimulationResult truth;
    std::unique_ptr<const ImageSet> set;
  };
  [[nodiscard]] Images images(double b_factor, double snr, std::size_t count = 800) const {
    Mixture law;
    law.weights = Eigen::Vector2d(0.5, 0.5);
    law.means.resize(2, 2);
    law.means << -0.8, 0.8, 0, 0;
    law.sigmas.resize(2, 2);
    law.sigmas << 0.2, 0.2, 0.4, 0.4;
    SimulationOptions options;
    options.count = count;
    options.grid = {24, 3.5};
    options.snr = snr;
    options.optics = SimulationOptions::Optics::None;
    options.noise_b_factor_angstrom2 = b_factor;
    SilentProgress progress;
    Images result{simulate(model_, law, options, folder_.path("p.mrcs"), progress), nullptr};
    result.truth.particles.where.assign(options.count, "simulated");
    result.set = std::make_unique<ImageSet>(result.truth.particles, ImageSetOptions());
    return result;
  }
  [[nodiscard]] Ensemble flowed(const Images& images,
                                std::optional<double> noise_sigma,
                                Progress& progress,
                                std::optional<PoseLaw> poses = std::nullopt) const {
    Ensemble ensemble = initial_ensemble(2, {.count = 80});
    ImageFlowOptions options;
    options.noise_sigma = noise_sigma;
    options.poses = poses;
    options.flow.steps = poses ? 4 : 60;
    flow_on_images(ensemble, model_, *images.set, options, progress, {});
    return ensemble;
  }
  [[nodiscard]] static Eigen::Vector2d error(const Ensemble& ensemble, const Images& images) {
    Eigen::Vector2d result;
    for (Eigen::Index k = 0; k < 2; ++k) {
      result(k) = wasserstein_1d(ensemble.coordinates.row(k).transpose(),
                                 ensemble.weights,
                                 images.truth.truth.coordinates.row(k).transpose(),
                                 images.truth.truth.weights,
                                 1);
    }
    return result;
  }

  testing::TemporaryFolder folder_;
  NormalModeModel model_{testing::small_molecule(false, 12, 2)};
};

TEST_F(ColouredNoiseFlow, WhiteningRestoresTheFigures) {
  SilentProgress silent;
  const Images white = images(0, 0.05);
  const Eigen::Vector2d reference = error(flowed(white, std::nullopt, silent), white);
  // As much noise at low frequencies, and less at high ones.
  const Images coloured = images(300, 0.15);
  Notes notes;
  const Eigen::Vector2d whitened = error(flowed(coloured, std::nullopt, notes), coloured);
  const Eigen::Vector2d taken_for_white =
      error(flowed(coloured, coloured.truth.noise_sigma, silent), coloured);
  // 80 conformations from 800 images: 0.03 or so is chance.
  EXPECT_LT(whitened(0), reference(0) + 0.05);
  EXPECT_LT(whitened(1), reference(1) + 0.05);
  EXPECT_GT(taken_for_white(0), 2 * whitened(0));
  EXPECT_GT(taken_for_white(1), 2 * whitened(1));
  EXPECT_THAT(notes.notes, Contains(HasSubstr("noise of optics group opticsGroup1: sigma")));
  EXPECT_THAT(notes.notes, Contains(HasSubstr("coloured")));
}

TEST_F(ColouredNoiseFlow, MapIsWhitenedToo) {
  const Images coloured = images(300, 0.15);
  const auto map = [&](std::optional<double> noise_sigma, Progress& progress) {
    MapOptions options;
    options.structures = 8;
    options.noise_sigma = noise_sigma;
    return map_on_images(
               initial_ensemble(2, {.count = 40}), model_, *coloured.set, options, progress)
        .ensemble;
  };
  Notes notes;
  SilentProgress silent;
  const Ensemble whitened = map(std::nullopt, notes);
  const Ensemble taken_for_white = map(coloured.truth.noise_sigma, silent);
  EXPECT_GT(error(taken_for_white, coloured).norm(), 1.5 * error(whitened, coloured).norm());
  EXPECT_THAT(notes.notes, Contains(HasSubstr("coloured")));
  // For those who take the ensemble on.
  EXPECT_NEAR(*whitened.flow.carried(kNoiseLabel),
              coloured.truth.noise_sigma,
              0.05 * coloured.truth.noise_sigma);
  EXPECT_FALSE(given_noise(std::nullopt, whitened));
  EXPECT_EQ(given_noise(std::nullopt, taken_for_white), coloured.truth.noise_sigma);
}

TEST_F(ColouredNoiseFlow, ImagesOfTheTruthAreThoseObservedOnceWhitened) {
  const Images coloured = images(300, 0.15);
  const Ensemble& truth = coloured.truth.truth;
  // Standard errors away from nothing.
  const auto distance = [&](std::optional<double> noise_sigma, Progress& progress) {
    ImageComparisonOptions options;
    options.noise_sigma = noise_sigma;
    const ImageComparison comparison =
        compare_images(model_, *coloured.set, truth, nullptr, truth, options, progress);
    const auto row = [&](const std::string& metric) {
      return std::find_if(comparison.rows.begin(),
                          comparison.rows.end(),
                          [&](const EvaluationRow& one) { return one.metric == metric; })
          ->final_value;
    };
    return row("image_energy_distance") / row("image_energy_distance_error");
  };
  Notes notes;
  SilentProgress silent;
  EXPECT_LT(std::abs(distance(std::nullopt, notes)), 4);
  EXPECT_GT(distance(coloured.truth.noise_sigma, silent), 20);
  EXPECT_THAT(notes.notes, Contains(HasSubstr("coloured")));
}

TEST_F(ColouredNoiseFlow, AssignmentsKnowHowWellTheyKnowOnceWhitened) {
  const Images coloured = images(300, 0.15, 250);
  Ensemble truth = coloured.truth.truth;
  // Root mean square of the error over the standard deviation that the posterior tells: 1 where
  // that is true.
  const auto calibration = [&](std::optional<PoseLaw> poses, std::optional<double> noise_sigma) {
    AssignmentOptions options;
    options.poses = poses;
    options.noise_sigma = noise_sigma;
    options.contrast = 1;
    SilentProgress silent;
    const Assignments assigned = assign_images(truth, model_, *coloured.set, options, silent);
    return std::sqrt(
        ((assigned.means - truth.coordinates).array() / assigned.sigmas.array()).square().mean());
  };
  for (const PoseLaw poses : {PoseLaw::Given, PoseLaw::InPlane}) {
    EXPECT_NEAR(calibration(poses, std::nullopt), 1, 0.15);
    EXPECT_GT(calibration(poses, coloured.truth.noise_sigma), 1.3);
  }
  // Recorded with the ensemble: as measured, so whitened; as given, so white.
  truth.flow.carry(kNoiseLabel, coloured.truth.noise_sigma);
  EXPECT_NEAR(calibration(PoseLaw::Given, std::nullopt), 1, 0.15);
  truth.flow.carry(kNoiseGivenLabel, 1);
  EXPECT_EQ(calibration(PoseLaw::Given, std::nullopt),
            calibration(PoseLaw::Given, coloured.truth.noise_sigma));
}

TEST_F(ColouredNoiseFlow, IsTheSameOnAnyNumberOfThreadsUnderEveryLaw) {
  SilentProgress silent;
  const Images set = images(300, 0.15, 250);
  for (const PoseLaw law : {PoseLaw::Given, PoseLaw::InPlane, PoseLaw::Uniform}) {
    const auto on_threads = [&](std::size_t threads) {
      const ThreadLimit limit(threads);
      return flowed(set, std::nullopt, silent, law).coordinates;
    };
    EXPECT_EQ(on_threads(1), on_threads(2));
  }
}

}  // namespace
}  // namespace cryosip

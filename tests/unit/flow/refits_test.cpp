// Refits for bands: what differs between them, and that they can be had one by one.
#include "libcryosip/flow/refits.hpp"

#include <cmath>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/structure/initial_ensemble.hpp"
#include "tests/support/simulated_set.hpp"

namespace cryosip {
namespace {

using testing::SimulatedSet;

std::vector<float> pixels_of(const ImageSet& images, std::size_t index) {
  std::vector<float> pixels(static_cast<std::size_t>(images.grid().pixels()));
  images.read(index, pixels);
  return pixels;
}

TEST(ImageSet, ResampledHasAsManyOfItsImages) {
  const SimulatedSet set(40);
  const auto images = set.images();
  std::map<std::vector<float>, std::size_t> index_of;
  for (std::size_t i = 0; i < images->size(); ++i) {
    index_of[pixels_of(*images, i)] = i;
  }
  const ImageSet drawn = images->resampled(3, 1);
  ASSERT_EQ(drawn.size(), images->size());
  std::map<std::size_t, int> times;
  for (std::size_t i = 0; i < drawn.size(); ++i) {
    const auto found = index_of.find(pixels_of(drawn, i));
    ASSERT_NE(found, index_of.end());
    ++times[found->second];
    // With its own pose and optics.
    EXPECT_EQ(drawn.condition(i).pose.rotation, images->condition(found->second).pose.rotation);
    EXPECT_EQ(drawn.condition(i).ctf.has_value(), images->condition(found->second).ctf.has_value());
  }
  // 1 - 1/e of them on average, 25.3 of 40 with a standard deviation of 1.9.
  EXPECT_GE(times.size(), 18U);
  EXPECT_LE(times.size(), 32U);
  // Another drawing is another, the same is the same.
  const auto names = [&](const ImageSet& of) {
    std::vector<std::int64_t> all;
    for (const ParticleRecord& record : of.table().records) {
      all.push_back(static_cast<std::int64_t>(record.image.index));
    }
    return all;
  };
  EXPECT_EQ(names(drawn), names(images->resampled(3, 1)));
  EXPECT_NE(names(drawn), names(images->resampled(3, 2)));
  EXPECT_NE(names(drawn), names(images->resampled(4, 1)));
}

TEST(ImageSet, PerturbedCorrelatesAsMuchAsAsked) {
  const SimulatedSet set(60);
  const auto images = set.images();
  const ImageSet changed = images->perturbed(kPerturbedCorrelation, 1);
  double both = 0;
  double own = 0;
  double other = 0;
  for (std::size_t i = 0; i < images->size(); ++i) {
    const std::vector<float> before = pixels_of(*images, i);
    const std::vector<float> after = pixels_of(changed, i);
    EXPECT_EQ(after, pixels_of(changed, i));
    for (std::size_t p = 0; p < before.size(); ++p) {
      const auto x = static_cast<double>(before[p]);
      const auto y = static_cast<double>(after[p]);
      both += x * y;
      own += x * x;
      other += y * y;
    }
  }
  EXPECT_NEAR(both / std::sqrt(own * other), kPerturbedCorrelation, 2e-4);
  EXPECT_EQ(pixels_of(images->perturbed(1, 1), 0), pixels_of(*images, 0));
  EXPECT_THROW(static_cast<void>(images->perturbed(0, 1)), Error);
}

class Refits : public ::testing::Test {
 protected:
  Refits() {
    options.flow.steps = 3;
    options.images_per_step = 6;
    start.model = "small";
    start.coordinates =
        (Eigen::MatrixXd(2, 5) << -1, -0.5, 0, 0.5, 1, 0, 0.4, -0.4, 0.2, 0).finished();
    start.weights = Eigen::VectorXd::Constant(5, 0.2);
  }

  SimulatedSet set{24};
  std::unique_ptr<const ImageSet> images = set.images();
  ImageFlowOptions options;
  Ensemble start;
  SilentProgress progress;
  AfterStep no_log = [](const Ensemble&, const FlowRecord&) {};
};

TEST_F(Refits, AreThoseOfOneByOne) {
  Ensemble ensemble = start;
  flow_on_images(ensemble, set.model(), *images, options, progress, no_log);
  const Ensemble alone = ensemble;

  EXPECT_EQ(add_refits(ensemble, start, set.model(), *images, options, 2, progress),
            Termination::Done);

  EXPECT_EQ(ensemble.coordinates, alone.coordinates);
  ASSERT_EQ(ensemble.refits.size(), 2U);
  for (std::size_t number = 1; number <= 2; ++number) {
    Ensemble one = start;
    refit_to_resampled(one, set.model(), *images, options, number, progress, no_log);
    EXPECT_EQ(one.coordinates, ensemble.refits[number - 1].coordinates);
    EXPECT_EQ(one.seed, start.seed);  // so that a refit that was interrupted goes on as itself
    EXPECT_NE(one.coordinates, alone.coordinates);
  }
  EXPECT_NE(ensemble.refits[0].coordinates, ensemble.refits[1].coordinates);
  // Hardly changed images: nearer to the ensemble than refits are.
  ASSERT_TRUE(ensemble.perturbed);
  const double change = (ensemble.perturbed->coordinates - ensemble.coordinates).norm();
  EXPECT_GT(change, 0);
  EXPECT_LT(change, 0.5 * (ensemble.refits[0].coordinates - ensemble.coordinates).norm());
}

TEST_F(Refits, AreThoseThatWereReadyWhenCancelled) {
  class CancelledLater final : public Progress {
   public:
    void begin(std::string_view stage, std::size_t /*total*/) override {
      in_second_ = in_second_ || stage.rfind("refit 2 of 3", 0) == 0;
    }
    void advance(std::size_t /*steps_done*/) override {}
    void end() override {}
    void note(std::string_view /*message*/) override {}
    void warn(std::string_view /*message*/) override {}
    [[nodiscard]] bool cancelled() const override { return in_second_; }

   private:
    bool in_second_ = false;
  };
  CancelledLater later;
  Ensemble ensemble = start;

  EXPECT_EQ(add_refits(ensemble, start, set.model(), *images, options, 3, later),
            Termination::Cancelled);
  EXPECT_EQ(ensemble.refits.size(), 1U);
  EXPECT_FALSE(ensemble.perturbed);
}

}  // namespace
}  // namespace cryosip

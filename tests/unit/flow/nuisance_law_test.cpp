#include "libcryosip/flow/nuisance_law.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/units.hpp"
#include "tests/support/simulated_set.hpp"

namespace cryosip {
namespace {

TEST(BatchSchedule, VisitsEveryImageOnceAnEpoch) {
  for (const std::size_t batch : {1U, 4U, 5U, 10U}) {  // 4 does not divide 10
    BatchSchedule schedule(10, batch, 1);
    std::vector<std::size_t> visited;
    for (std::int64_t step = 0; visited.size() < 20; ++step) {
      const std::vector<std::size_t> now = schedule.batch(step);
      EXPECT_EQ(now.size(), batch);
      visited.insert(visited.end(), now.begin(), now.end());
    }
    for (const std::size_t epoch : {0U, 1U}) {
      const auto first = visited.begin() + static_cast<std::ptrdiff_t>(10 * epoch);
      EXPECT_EQ(std::set<std::size_t>(first, first + 10).size(), 10U) << batch;
    }
    EXPECT_FALSE(std::equal(visited.begin(), visited.begin() + 10, visited.begin() + 10));
    EXPECT_LT(*std::max_element(visited.begin(), visited.end()), 10U);
  }
}

TEST(BatchSchedule, DependsOnSeedAndStepAlone) {
  BatchSchedule in_order(100, 7, 3);
  BatchSchedule backwards(100, 7, 3);
  std::vector<std::vector<std::size_t>> batches;
  for (std::int64_t step = 0; step < 40; ++step) {
    batches.push_back(in_order.batch(step));
  }
  for (std::int64_t step = 39; step >= 0; --step) {
    EXPECT_EQ(backwards.batch(step), batches[static_cast<std::size_t>(step)]);
  }
  EXPECT_NE(BatchSchedule(100, 7, 4).batch(0), batches[0]);
}

TEST(BatchSchedule, IsCutToTheImagesThereAre) {
  EXPECT_EQ(BatchSchedule(10, 4000, 1).batch(3).size(), 10U);
}

TEST(BatchSchedule, RefusesToLookAtNothing) {
  EXPECT_THROW(BatchSchedule(10, 0, 1), Error);
  EXPECT_THROW(BatchSchedule(0, 4, 1), Error);
}

TEST(NuisanceLaw, InPlaneTurnsTheViewOfOneImageAboutItsAxis) {
  const testing::SimulatedSet data;
  const auto images = data.images();
  const NuisanceLaw law(*images, PoseLaw::InPlane, 1);

  double cosine = 0;
  double sine = 0;
  constexpr std::size_t kDraws = 400;
  for (std::size_t i = 0; i < kDraws; ++i) {
    const Pose pose = law.sample(5, i).pose;
    const Pose given = images->condition(law.image(5, i)).pose;
    EXPECT_EQ(pose.shift_angstrom, given.shift_angstrom);
    const EulerAngles own = euler_angles(given.rotation);
    const EulerAngles drawn = euler_angles(pose.rotation);
    EXPECT_NEAR(drawn.rot_degree, own.rot_degree, 1e-6);
    EXPECT_NEAR(drawn.tilt_degree, own.tilt_degree, 1e-6);
    const double turn = (drawn.psi_degree - own.psi_degree) * kRadianPerDegree;
    cosine += std::cos(turn) / kDraws;
    sine += std::sin(turn) / kDraws;
  }
  // Uniform: means of standard deviation 1 / sqrt(2 * 400).
  EXPECT_LT(std::hypot(cosine, sine), 5 / std::sqrt(2.0 * kDraws));

  ParticleTable table = data.truth().particles;
  table.has_poses = false;
  EXPECT_NO_THROW(NuisanceLaw(ImageSet(table, {}), PoseLaw::InPlane, 1));
  table.has_views = false;
  EXPECT_THROW(NuisanceLaw(ImageSet(table, {}), PoseLaw::InPlane, 1), Error);
}

TEST(NuisanceLaw, GivenTakesPoseAndOpticsOfOneImage) {
  const testing::SimulatedSet data;
  const auto images = data.images();
  const NuisanceLaw law(*images, PoseLaw::Given, 1);

  std::set<std::size_t> drawn;
  for (std::size_t i = 0; i < 200; ++i) {
    const ImagingCondition condition = law.sample(5, i);
    std::size_t same = 0;
    for (std::size_t j = 0; j < images->size(); ++j) {
      const ImagingCondition of_image = images->condition(j);
      if (of_image.pose.rotation == condition.pose.rotation) {
        ++same;
        drawn.insert(j);
        EXPECT_EQ(condition.pose.shift_angstrom, of_image.pose.shift_angstrom);
        EXPECT_EQ((*condition.ctf)(0.05, 0.02), (*of_image.ctf)(0.05, 0.02));
      }
    }
    EXPECT_EQ(same, 1U);
  }
  EXPECT_EQ(drawn.size(), images->size());  // missing one of 12: 12 (11 / 12)^200 = 3e-7
}

TEST(NuisanceLaw, UniformTurnsTheCentredMoleculeAnyWayUnderTheImagesOptics) {
  const testing::SimulatedSet data;
  const auto images = data.images_without_poses();
  const NuisanceLaw law(*images, PoseLaw::Uniform, 1);
  std::set<double> transfers;
  for (std::size_t j = 0; j < images->size(); ++j) {
    transfers.insert((*images->condition(j).ctf)(0.05, 0.02));
  }

  Eigen::Matrix3d mean = Eigen::Matrix3d::Zero();
  for (std::size_t i = 0; i < 2000; ++i) {
    const ImagingCondition condition = law.sample(0, i);
    mean += condition.pose.rotation / 2000;
    EXPECT_EQ(condition.pose.shift_angstrom, Eigen::Vector2d::Zero());
    EXPECT_EQ(transfers.count((*condition.ctf)(0.05, 0.02)), 1U);
  }
  EXPECT_LT(mean.cwiseAbs().maxCoeff(), 0.065);  // five times sqrt(1 / 3 / 2000)
}

TEST(NuisanceLaw, DependsOnSeedStepAndConformationAlone) {
  const testing::SimulatedSet data;
  const auto images = data.images();
  const NuisanceLaw law(*images, PoseLaw::Uniform, 1);
  const Eigen::Matrix3d rotation = law.sample(3, 4).pose.rotation;

  EXPECT_NE(law.sample(4, 3).pose.rotation, rotation);
  EXPECT_NE(NuisanceLaw(*images, PoseLaw::Uniform, 2).sample(3, 4).pose.rotation, rotation);
  EXPECT_EQ(NuisanceLaw(*images, PoseLaw::Uniform, 1).sample(3, 4).pose.rotation, rotation);
}

TEST(NuisanceLaw, RefusesGivenPosesThatAreNotThere) {
  const testing::SimulatedSet data;
  const auto images = data.images_without_poses();

  EXPECT_THROW(NuisanceLaw(*images, PoseLaw::Given, 1), Error);
  EXPECT_NO_THROW(NuisanceLaw(*images, PoseLaw::Uniform, 1));
}

}  // namespace
}  // namespace cryosip

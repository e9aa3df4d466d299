#include "libcryosip/report/findings.hpp"

#include <cmath>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

// An objective of that slope a step with noise about it, warm until the 50th of 150 steps.
formats::StarTable log_of(double slope, double noise) {
  RandomStream random(1, StreamPurpose::Test, 1);
  formats::StarTable log(
      "sip_flow_log",
      {"sipStep", "sipObjective", "sipStepSize", "sipEffectiveSampleSize", "sipTemperature"});
  for (int step = 1; step <= 150; ++step) {
    const std::size_t row = log.add_row();
    log.set_integer(row, 0, step);
    log.set(row, 1, 100 + slope * step + noise * random.normal());
    log.set(row, 2, 0.1);
    log.set(row, 3, 200.0);
    log.set(row, 4, step <= 50 ? 1 + (50 - step) * 0.1 + 0.1 : 1.0);
  }
  return log;
}

Ensemble spread(double low, double high, Eigen::Index count = 200) {
  Ensemble ensemble;
  ensemble.coordinates = Eigen::RowVectorXd::LinSpaced(count, low, high);
  ensemble.weights = Eigen::VectorXd::Constant(count, 1 / static_cast<double>(count));
  return ensemble;
}

class FindingsOfARun : public ::testing::Test {
 protected:
  FindingsOfARun() {
    run_.ensemble = spread(-1, 1);
    run_.start = spread(-2, 2);
    run_.log = log_of(0, 1);
  }

  [[nodiscard]] std::string warnings(const RepresentativeStructures* representatives = nullptr,
                                     const ImagePanels* images = nullptr) const {
    std::string text;
    for (const Finding& finding : findings(run_, representatives, images)) {
      if (finding.weight == Finding::Weight::Warning) {
        text += finding.what + "\n";
      }
    }
    return text;
  }

  RunData run_;
};

TEST_F(FindingsOfARun, AreNoWarningsWhereAllIsWell) {
  EXPECT_EQ(warnings(), "");
}

TEST_F(FindingsOfARun, NoteThatTruthAndBandsAreMissing) {
  const std::vector<Finding> found = findings(run_, nullptr, nullptr);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].weight, Finding::Weight::Note);
}

TEST_F(FindingsOfARun, WarnOfAnObjectiveThatMoves) {
  run_.log = log_of(-0.2, 1);
  EXPECT_THAT(warnings(), ::testing::HasSubstr("still falling"));
  run_.log = log_of(0.2, 1);
  EXPECT_THAT(warnings(), ::testing::HasSubstr("rising"));
}

TEST_F(FindingsOfARun, WarnOfFewConformationsThatCount) {
  run_.ensemble.weights.setConstant(1e-9);
  run_.ensemble.weights.head(60).setConstant(1.0 / 60);
  run_.ensemble.weights /= run_.ensemble.weights.sum();
  EXPECT_THAT(warnings(), ::testing::HasSubstr("60 of 200 count"));
}

TEST_F(FindingsOfARun, WarnOfAnUnfinishedSchedule) {
  run_.ensemble.flow.step = 100;
  run_.ensemble.flow.schedule_end = 300;
  EXPECT_THAT(warnings(), ::testing::HasSubstr("step 100 of 300"));
}

TEST_F(FindingsOfARun, WarnOfASpreadAtTheEdge) {
  run_.ensemble = spread(0, 2.2);
  EXPECT_THAT(warnings(), ::testing::HasSubstr("Coordinate 1 reaches the edge"));
}

TEST_F(FindingsOfARun, WarnOfACoordinateThatDidNotMove) {
  run_.ensemble = spread(-2, 2);
  EXPECT_THAT(warnings(),
              ::testing::HasSubstr("Coordinate 1 is still distributed as at the start"));
}

TEST_F(FindingsOfARun, WarnOfACollapse) {
  run_.ensemble = spread(0.5, 0.51);
  EXPECT_THAT(warnings(), ::testing::HasSubstr("Coordinate 1 has shrunk"));
}

TEST_F(FindingsOfARun, WarnOfNegativeContrast) {
  run_.ensemble.flow.carry("sipContrast", -0.8);
  EXPECT_THAT(warnings(), ::testing::HasSubstr("contrast is negative"));
}

TEST_F(FindingsOfARun, WarnOfSimulatedImagesWithTooMuchSignal) {
  ImagePanels images;
  images.contrast = 1;
  images.noise_power = 1;
  images.frequencies = Eigen::Vector2d(0.1, 0.2);
  images.observed_power = Eigen::Vector2d(2, 1.1);
  images.simulated_power = Eigen::Vector2d(3.5, 1.2);
  EXPECT_THAT(warnings(nullptr, &images), ::testing::HasSubstr("2.5 times the signal"));
  images.simulated_power = images.observed_power;
  EXPECT_EQ(warnings(nullptr, &images), "");
}

TEST_F(FindingsOfARun, WarnOfStretchedStructures) {
  RepresentativeStructures representatives;
  representatives.stretched = Eigen::Vector2d(0.01, 0.2);
  EXPECT_THAT(warnings(&representatives), ::testing::HasSubstr("20\u00a0% of the chain's links"));
}

TEST_F(FindingsOfARun, WarnOfWhatIsFartherFromTheTruth) {
  run_.evaluation = {{"w1", 1, 0.3, 0.4}, {"w1", 2, 0.3, 0.1}};
  EXPECT_THAT(warnings(), ::testing::HasSubstr("Coordinate 1 is farther from the truth"));
}

TEST_F(FindingsOfARun, WarnOfImagesThatCanBeToldApart) {
  run_.evaluation = {{"image_energy_distance", 0, {}, 0.02},
                     {"image_energy_distance_error", 0, {}, 0.005}};
  EXPECT_THAT(warnings(), ::testing::HasSubstr("can be told from"));
  run_.evaluation[0].final_value = 0.01;
  EXPECT_EQ(warnings(), "");
}

TEST(ObjectiveDriftOfALog, LooksOnlyAtWhatFollowsAnnealing) {
  const formats::StarTable log = log_of(-0.2, 0);
  EXPECT_EQ(annealed_until(log), 50);
  const std::optional<ObjectiveDrift> drift = objective_drift(log);
  ASSERT_TRUE(drift);
  EXPECT_EQ(drift->steps, 50U);  // a third of the run
  // Halves of 25 steps, their means 25 steps apart.
  EXPECT_NEAR(drift->change, -0.2 * 25, 1e-9);
}

// Of pure noise, three standard errors are passed rarely.
TEST(ObjectiveDriftOfALog, OfNoiseIsSeldomTakenForMovement) {
  int moving = 0;
  RandomStream random(1, StreamPurpose::Test, 7);
  for (int trial = 0; trial < 400; ++trial) {
    formats::StarTable log("sip_flow_log", {"sipStep", "sipObjective"});
    for (int step = 1; step <= 90; ++step) {
      const std::size_t row = log.add_row();
      log.set_integer(row, 0, step);
      log.set(row, 1, random.normal());
    }
    moving += objective_drift(log)->moving() ? 1 : 0;
  }
  // Student's t of about eight degrees of freedom: 1.7 %.
  EXPECT_LT(moving, 0.04 * 400);
}

TEST(ObjectiveDriftOfALog, NeedsTwentySteps) {
  formats::StarTable log("sip_flow_log", {"sipStep", "sipObjective"});
  for (int step = 1; step < 20; ++step) {
    const std::size_t row = log.add_row();
    log.set_integer(row, 0, step);
    log.set(row, 1, static_cast<double>(step));
  }
  EXPECT_FALSE(objective_drift(log));
}

}  // namespace
}  // namespace cryosip

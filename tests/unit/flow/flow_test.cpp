#include "libcryosip/flow/flow.hpp"

#include <cmath>
#include <limits>
#include <sstream>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

// Half the weighted mean of stiffness_k (theta_k - centre_k)^2.
class QuadraticWell final : public FlowObjective {
 public:
  explicit QuadraticWell(std::string description = "well") : description_(std::move(description)) {}

  [[nodiscard]] std::string description() const override { return description_; }
  [[nodiscard]] FlowEvaluation evaluate(const Ensemble& ensemble,
                                        const Eigen::MatrixXd& points,
                                        const FlowMoment& moment) override {
    moments.push_back(moment);
    FlowEvaluation result;
    const Eigen::MatrixXd apart = points.colwise() - centre;
    result.velocity = -(apart.array().colwise() * stiffness.array()).matrix();
    result.objective = -0.5 * (apart.cwiseProduct(result.velocity) * ensemble.weights).sum();
    if (static_cast<std::int64_t>(moments.size()) == fails_at) {
      result.velocity(0, 0) = std::numeric_limits<double>::quiet_NaN();
    }
    return result;
  }

  Eigen::Vector2d centre{1, -2};
  Eigen::Vector2d stiffness{1, 0.25};
  std::int64_t fails_at = 0;
  std::vector<FlowMoment> moments;

 private:
  std::string description_;
};

// Asks to stop behind a number of steps.
class StopsAfter final : public Progress {
 public:
  explicit StopsAfter(std::size_t steps) : steps_(steps) {}
  void begin(std::string_view, std::size_t) override {}
  void advance(std::size_t steps_done) override { done_ = steps_done; }
  void end() override {}
  void note(std::string_view) override {}
  void warn(std::string_view) override {}
  [[nodiscard]] bool cancelled() const override { return done_ >= steps_; }

 private:
  std::size_t steps_;
  std::size_t done_ = 0;
};

Ensemble start() {
  Ensemble ensemble;
  ensemble.model = "none";
  ensemble.coordinates.resize(2, 3);
  ensemble.coordinates << 0.1, -1.3, 2.7, 0.4, 3.1, -0.9;
  ensemble.weights = Eigen::Vector3d(0.2, 0.3, 0.5);
  return ensemble;
}

Ensemble through_text(const Ensemble& ensemble) {
  std::ostringstream out;
  formats::write_star(out, to_star(ensemble, {}));
  std::istringstream in(out.str());
  return read_ensemble(formats::read_star(in, "ensemble.star"));
}

std::string text_of(const Ensemble& ensemble) {
  std::ostringstream out;
  formats::write_star(out, to_star(ensemble, {}));
  return out.str();
}

FlowResult run(Ensemble& ensemble, FlowObjective& objective, const FlowOptions& options) {
  SilentProgress progress;
  return run_flow(ensemble, objective, options, progress, nullptr);
}

FlowOptions forward_euler(std::int64_t steps) {
  FlowOptions options;
  options.steps = steps;
  options.integrator.kind = IntegratorKind::Euler;
  options.integrator.step_size = 0.1;
  return options;
}

TEST(Flow, OfEulerStepsIsAlgorithmOne) {
  Ensemble ensemble = start();
  QuadraticWell well;

  const FlowResult result = run(ensemble, well, forward_euler(20));

  EXPECT_EQ(result.steps_done, 20);
  EXPECT_EQ(result.termination, Termination::Done);
  // theta_n - c = (1 - tau s)^n (theta_0 - c), up to the rounding of 20 steps.
  const Eigen::Vector2d shrunk(std::pow(1 - 0.1, 20), std::pow(1 - 0.1 * 0.25, 20));
  const Eigen::MatrixXd expected =
      (shrunk.asDiagonal() * (start().coordinates.colwise() - well.centre)).colwise() + well.centre;
  EXPECT_LT((ensemble.coordinates - expected).cwiseAbs().maxCoeff(), 1e-14);
  EXPECT_EQ(ensemble.weights, start().weights);

  // And by hand, up to how sums are rounded.
  Eigen::MatrixXd theta = start().coordinates;
  for (int step = 0; step < 20; ++step) {
    for (Eigen::Index i = 0; i < theta.cols(); ++i) {
      for (Eigen::Index k = 0; k < theta.rows(); ++k) {
        theta(k, i) += 0.1 * -((theta(k, i) - well.centre(k)) * well.stiffness(k));
      }
    }
  }
  EXPECT_LT((ensemble.coordinates - theta).cwiseAbs().maxCoeff(), 1e-15);
  EXPECT_EQ(ensemble.flow.momentum.size(), 0);
  EXPECT_TRUE(ensemble.flow.values.empty());
}

TEST(Flow, MomentumKeepsItsShareOfTheLastDirection) {
  Ensemble ensemble = start();
  QuadraticWell well;
  FlowOptions options = forward_euler(2);
  options.integrator.kind = IntegratorKind::Momentum;
  options.integrator.momentum = 0.75;
  options.integrator.final_step_share = 1;
  run(ensemble, well, options);

  Eigen::MatrixXd theta = start().coordinates;
  Eigen::MatrixXd direction = Eigen::MatrixXd::Zero(2, 3);
  for (int step = 0; step < 2; ++step) {
    const Eigen::MatrixXd velocity =
        -(well.stiffness.asDiagonal() * (theta.colwise() - well.centre));
    direction = 0.75 * direction + 0.25 * velocity;
    theta += 0.1 * direction;
  }
  EXPECT_LT((ensemble.coordinates - theta).cwiseAbs().maxCoeff(), 1e-15);
}

TEST(Flow, NormalisedStepsMoveEveryCoordinateByTheStepSizeAtFirst) {
  for (const double strength : {1e-6, 1.0, 1e6}) {
    Ensemble ensemble = start();
    ensemble.weights = Eigen::Vector3d(0.5, 0, 0.5);  // the second counts for nothing
    QuadraticWell well;
    well.stiffness *= strength;
    FlowOptions options = forward_euler(1);
    options.integrator.kind = IntegratorKind::Normalised;
    options.integrator.momentum = 0;
    run(ensemble, well, options);

    const Eigen::MatrixXd moved = ensemble.coordinates - start().coordinates;
    for (Eigen::Index k = 0; k < 2; ++k) {
      EXPECT_NEAR(std::sqrt(moved.row(k).cwiseAbs2().dot(ensemble.weights)), 0.1, 1e-13);
    }
  }
}

TEST(Flow, StepsDecayAsACosineOverTheSchedule) {
  Ensemble ensemble = start();
  QuadraticWell well;
  FlowOptions options = forward_euler(4);
  options.integrator.final_step_share = 0.2;
  std::vector<double> step_sizes;
  SilentProgress progress;
  run_flow(ensemble, well, options, progress, [&](const Ensemble&, const FlowRecord& record) {
    step_sizes.push_back(record.step_size);
  });

  ASSERT_EQ(step_sizes.size(), 4U);
  for (std::size_t i = 0; i < 4; ++i) {
    const double fall = 0.5 * (1 + std::cos(kPi * static_cast<double>(i) / 4));
    EXPECT_NEAR(step_sizes[i], 0.1 * (0.2 + 0.8 * fall), 1e-16);
    EXPECT_EQ(well.moments[i].step, static_cast<std::int64_t>(i));
    EXPECT_EQ(well.moments[i].fraction, static_cast<double>(i) / 4);
  }
}

TEST(Flow, ReportsEveryStep) {
  Ensemble ensemble = start();
  QuadraticWell well;
  SilentProgress progress;
  std::vector<FlowRecord> records;
  run_flow(ensemble,
           well,
           forward_euler(2),
           progress,
           [&](const Ensemble& reached, const FlowRecord& record) {
             records.push_back(record);
             EXPECT_EQ(reached.flow.step, record.step);
           });

  ASSERT_EQ(records.size(), 2U);
  EXPECT_EQ(records[0].step, 1);
  const Eigen::MatrixXd apart = start().coordinates.colwise() - well.centre;
  const Eigen::MatrixXd pull = well.stiffness.asDiagonal() * apart;
  EXPECT_NEAR(
      records[0].objective, 0.5 * (apart.cwiseProduct(pull) * start().weights).sum(), 1e-14);
  EXPECT_LT(records[1].objective, records[0].objective);
  EXPECT_NEAR(records[0].effective_sample_size, 1 / (0.04 + 0.09 + 0.25), 1e-14);
  EXPECT_NEAR(records[0].velocity_rms, std::sqrt(pull.squaredNorm() / 6), 1e-14);
}

TEST(Flow, InPartsThroughItsFileGivesTheSameBitsAsInOne) {
  FlowOptions options;
  options.steps = 30;
  Ensemble at_once = start();
  QuadraticWell well;
  run(at_once, well, options);

  Ensemble in_parts = start();
  options.schedule_steps = 30;
  for (const std::int64_t steps : {10, 1, 19}) {
    options.steps = steps;
    QuadraticWell another;
    run(in_parts, another, options);
    in_parts = through_text(in_parts);
  }

  EXPECT_EQ(in_parts.coordinates, at_once.coordinates);
  EXPECT_EQ(text_of(in_parts), text_of(at_once));
}

TEST(Flow, TakesNoStepsBeyondItsSchedule) {
  Ensemble ensemble = start();
  QuadraticWell well;
  FlowOptions options;
  options.schedule_steps = 5;
  options.steps = 3;

  EXPECT_EQ(run(ensemble, well, options).steps_done, 3);
  EXPECT_TRUE(schedule_under_way(ensemble, "well"));
  EXPECT_EQ(run(ensemble, well, options).steps_done, 2);
  EXPECT_FALSE(schedule_under_way(ensemble, "well"));
  EXPECT_EQ(ensemble.flow.step, 5);
  EXPECT_EQ(ensemble.flow.schedule_end, 5);
}

TEST(Flow, BeginsANewScheduleWhenTheLastHasEnded) {
  Ensemble ensemble = start();
  QuadraticWell well;
  FlowOptions options;
  options.steps = 3;
  run(ensemble, well, options);
  run(ensemble, well, options);

  EXPECT_EQ(ensemble.flow.step, 6);
  EXPECT_EQ(ensemble.flow.schedule_begin, 3);
  EXPECT_EQ(well.moments[3].step, 3);
  EXPECT_EQ(well.moments[3].fraction, 0);
}

TEST(Flow, BeginsANewScheduleForAnotherObjectiveWithoutTheOldMomentum) {
  FlowOptions options;
  options.steps = 3;
  options.schedule_steps = 10;
  QuadraticWell first("first");
  QuadraticWell second("second");
  Ensemble ensemble = start();
  run(ensemble, first, options);
  Ensemble fresh = start();
  fresh.coordinates = ensemble.coordinates;

  run(ensemble, second, options);
  run(fresh, second, options);

  EXPECT_EQ(ensemble.objective, "second");
  EXPECT_EQ(ensemble.flow.step, 6);
  EXPECT_EQ(ensemble.flow.schedule_begin, 3);
  EXPECT_EQ(ensemble.flow.schedule_end, 13);
  EXPECT_EQ(ensemble.coordinates, fresh.coordinates);
}

TEST(Flow, CancelledKeepsTheLastWholeStepAndGoesOnWithTheSameBits) {
  FlowOptions options;
  options.steps = 12;
  Ensemble uninterrupted = start();
  QuadraticWell well;
  run(uninterrupted, well, options);

  Ensemble ensemble = start();
  StopsAfter progress(5);
  const FlowResult result = run_flow(ensemble, well, options, progress, nullptr);
  EXPECT_EQ(result.termination, Termination::Cancelled);
  EXPECT_EQ(result.steps_done, 5);
  EXPECT_EQ(ensemble.flow.step, 5);

  ensemble = through_text(ensemble);
  EXPECT_EQ(run(ensemble, well, options).steps_done, 7);
  EXPECT_EQ(ensemble.coordinates, uninterrupted.coordinates);
}

TEST(Flow, CancelledAtItsLastStepIsDone) {
  FlowOptions options;
  options.steps = 5;
  Ensemble ensemble = start();
  QuadraticWell well;
  StopsAfter progress(5);

  EXPECT_EQ(run_flow(ensemble, well, options, progress, nullptr).termination, Termination::Done);
}

TEST(Flow, RefusesAVelocityThatIsNotFiniteAndLeavesTheEnsembleOfTheStepBefore) {
  Ensemble ensemble = start();
  QuadraticWell well;
  well.fails_at = 3;
  try {
    run(ensemble, well, forward_euler(5));
    FAIL() << "taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Numerical);
    EXPECT_NE(std::string(error.what()).find("step 3"), std::string::npos) << error.what();
  }
  EXPECT_EQ(ensemble.flow.step, 2);
  EXPECT_TRUE(ensemble.coordinates.allFinite());
}

TEST(Flow, OfNoStepsChangesNoCoordinate) {
  Ensemble ensemble = start();
  QuadraticWell well;

  EXPECT_EQ(run(ensemble, well, forward_euler(0)).steps_done, 0);
  EXPECT_EQ(ensemble.coordinates, start().coordinates);
}

TEST(Flow, RefusesOptionsOutOfRange) {
  const auto expect_refused = [](const auto& change) {
    Ensemble ensemble = start();
    QuadraticWell well;
    FlowOptions options;
    change(options);
    EXPECT_THROW(run(ensemble, well, options), Error);
  };
  expect_refused([](FlowOptions& o) { o.steps = -1; });
  expect_refused([](FlowOptions& o) { o.schedule_steps = -1; });
  expect_refused([](FlowOptions& o) { o.integrator.step_size = 0; });

  Ensemble nobody;
  QuadraticWell well;
  EXPECT_THROW(run(nobody, well, {}), Error);
}

TEST(Annealed, GoesGeometricallyAndThenStays) {
  EXPECT_DOUBLE_EQ(annealed(8, 2, 0.5, 0), 8);
  EXPECT_DOUBLE_EQ(annealed(8, 2, 0.5, 0.25), 4);
  EXPECT_DOUBLE_EQ(annealed(8, 2, 0.5, 0.5), 2);
  EXPECT_DOUBLE_EQ(annealed(8, 2, 0.5, 0.9), 2);
}

}  // namespace
}  // namespace cryosip

#include "libcryosip/flow/integrator.hpp"

#include <cmath>
#include <functional>
#include <limits>
#include <sstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/flow/flow.hpp"

namespace cryosip {
namespace {

// Half the squared MMD, Gaussian kernel, of a one-dimensional ensemble to two wells at -4 and 4
// whose points stand for a mixture of narrow Gaussians.  Its kernel does not reach across.
class TwoWells final : public FlowObjective {
 public:
  explicit TwoWells(double right) {
    constexpr Eigen::Index kPoints = 20;
    targets_.resize(2 * kPoints);
    shares_.resize(2 * kPoints);
    RandomStream stream(1, StreamPurpose::Test, 1);
    for (Eigen::Index j = 0; j < 2 * kPoints; ++j) {
      const bool is_right = j < kPoints;
      targets_(j) = (is_right ? 4 : -4) + 0.2 * stream.normal();
      shares_(j) = (is_right ? right : 1 - right) / kPoints;
    }
  }

  [[nodiscard]] std::string description() const override { return "two wells"; }
  [[nodiscard]] FlowEvaluation evaluate(const Ensemble& ensemble,
                                        const Eigen::MatrixXd& points,
                                        const FlowMoment& moment) override {
    moments.push_back(moment);
    points_seen.push_back(points);
    ensembles_seen.push_back(ensemble.coordinates);
    FlowEvaluation result;
    result.velocity = Eigen::MatrixXd::Zero(1, points.cols());
    result.first_variation = Eigen::VectorXd::Zero(points.cols());
    const auto add = [&](Eigen::Index i, double other, double weight) {
      const double apart = points(0, i) - other;
      const double term = weight * kernel(apart);
      result.first_variation(i) += term;
      result.velocity(0, i) += term * apart / (kWidth * kWidth);
    };
    for (Eigen::Index i = 0; i < points.cols(); ++i) {
      for (Eigen::Index j = 0; j < ensemble.size(); ++j) {
        add(i, ensemble.coordinates(0, j), ensemble.weights(j));
      }
      for (Eigen::Index j = 0; j < targets_.size(); ++j) {
        add(i, targets_(j), -shares_(j));
      }
    }
    for (Eigen::Index i = 0; i < ensemble.size(); ++i) {
      const double theta = ensemble.coordinates(0, i);
      for (Eigen::Index j = 0; j < ensemble.size(); ++j) {
        result.objective += 0.5 * ensemble.weights(i) * ensemble.weights(j) *
                            kernel(theta - ensemble.coordinates(0, j));
      }
      for (Eigen::Index j = 0; j < targets_.size(); ++j) {
        result.objective -= ensemble.weights(i) * shares_(j) * kernel(theta - targets_(j));
      }
    }
    return result;
  }

  std::vector<FlowMoment> moments;
  std::vector<Eigen::MatrixXd> points_seen;
  std::vector<Eigen::MatrixXd> ensembles_seen;

 private:
  static constexpr double kWidth = 0.4;
  static double kernel(double apart) { return std::exp(-apart * apart / (2 * kWidth * kWidth)); }

  Eigen::VectorXd targets_;
  Eigen::VectorXd shares_;
};

// What an evaluation says is what the test says.
class Given final : public FlowObjective {
 public:
  explicit Given(FlowEvaluation evaluation) : evaluation_(std::move(evaluation)) {}
  [[nodiscard]] std::string description() const override { return "given"; }
  [[nodiscard]] FlowEvaluation evaluate(const Ensemble& /*ensemble*/,
                                        const Eigen::MatrixXd& /*points*/,
                                        const FlowMoment& /*moment*/) override {
    return evaluation_;
  }

 private:
  FlowEvaluation evaluation_;
};

// Half of 40 conformations in each well.
Ensemble in_two_wells() {
  constexpr Eigen::Index kCount = 40;
  Ensemble ensemble;
  ensemble.model = "none";
  ensemble.coordinates.resize(1, kCount);
  ensemble.weights = Eigen::VectorXd::Constant(kCount, 1 / static_cast<double>(kCount));
  RandomStream stream(1, StreamPurpose::Test, 2);
  for (Eigen::Index i = 0; i < kCount; ++i) {
    ensemble.coordinates(0, i) = (i % 2 == 0 ? 4 : -4) + 0.3 * stream.normal();
  }
  return ensemble;
}

double weight_on_the_right(const Ensemble& ensemble) {
  return (ensemble.coordinates.row(0).transpose().array() > 0)
      .select(ensemble.weights.array(), 0)
      .sum();
}

Ensemble through_text(const Ensemble& ensemble) {
  std::ostringstream out;
  formats::write_star(out, to_star(ensemble, {}));
  std::istringstream in(out.str());
  return read_ensemble(formats::read_star(in, "ensemble.star"));
}

std::vector<FlowRecord> run(Ensemble& ensemble,
                            FlowObjective& objective,
                            const FlowOptions& options) {
  std::vector<FlowRecord> records;
  SilentProgress progress;
  run_flow(ensemble, objective, options, progress, [&](const Ensemble&, const FlowRecord& record) {
    records.push_back(record);
  });
  return records;
}

void expect_usage_error(const std::function<void()>& call) {
  try {
    call();
    ADD_FAILURE() << "taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Usage) << error.what();
  }
}

TEST(Integrator, HasTheNumbersOfItsKindWhereNoneAreGiven) {
  EXPECT_EQ(momentum_of({}), 0.9);
  EXPECT_EQ(final_step_share_of({}), 0.02);
  EXPECT_EQ(momentum_of({.kind = IntegratorKind::Momentum}), 0.9);
  EXPECT_EQ(momentum_of({.kind = IntegratorKind::Euler}), 0);
  EXPECT_EQ(final_step_share_of({.kind = IntegratorKind::Euler}), 1);
  for (const double fraction : {0.0, 0.3, 0.9}) {
    EXPECT_EQ(step_size_at({.kind = IntegratorKind::Euler, .step_size = 0.3}, fraction), 0.3);
  }
  EXPECT_DOUBLE_EQ(step_size_at({.step_size = 0.3, .final_step_share = 0.2}, 0.5), 0.3 * 0.6);
}

TEST(Integrator, RefusesOptionsOutOfRangeOrOfAnotherKind) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  for (const IntegratorOptions& options :
       {IntegratorOptions{.step_size = 0},
        IntegratorOptions{.step_size = nan},
        IntegratorOptions{.step_size = std::numeric_limits<double>::infinity()},
        IntegratorOptions{.momentum = 1},
        IntegratorOptions{.momentum = -0.1},
        IntegratorOptions{.velocity_memory = 1},
        IntegratorOptions{.final_step_share = 1.5},
        IntegratorOptions{.final_step_share = nan},
        IntegratorOptions{.injection = -1},
        IntegratorOptions{.injection = nan},
        IntegratorOptions{.weight_rate = -1},
        IntegratorOptions{.weight_rate = nan},
        IntegratorOptions{.min_effective_share = -0.1},
        IntegratorOptions{.min_effective_share = 1.1},
        IntegratorOptions{.kind = IntegratorKind::Euler, .momentum = 0.5},
        IntegratorOptions{.kind = IntegratorKind::Momentum, .momentum = 0}}) {
    expect_usage_error([&] { check(options); });
    expect_usage_error([&] {
      Ensemble ensemble = in_two_wells();
      TwoWells wells(0.5);
      run(ensemble, wells, {.integrator = options});
    });
  }
  EXPECT_NO_THROW(check({.momentum = 0}));  // normalised by the running RMS alone
  EXPECT_NO_THROW(check({.kind = IntegratorKind::Euler, .final_step_share = 0.1}));
}

TEST(Integrator, AsksForVelocitiesAtTheConformationsThemselvesWithoutInjection) {
  Ensemble ensemble = in_two_wells();
  TwoWells wells(0.5);
  run(ensemble, wells, {.steps = 3});

  for (std::size_t s = 0; s < 3; ++s) {
    EXPECT_EQ(wells.points_seen[s], wells.ensembles_seen[s]);
  }
}

TEST(Injection, AsksForVelocitiesAtPointsOfNormalNoiseThatFallsAsACosine) {
  constexpr double kBeta = 0.5;
  constexpr int kSteps = 400;
  Ensemble ensemble = in_two_wells();
  TwoWells wells(0.5);
  run(ensemble, wells, {.steps = kSteps, .integrator = {.injection = kBeta}});

  double sum = 0;
  double squares = 0;
  double fourths = 0;
  for (std::size_t s = 0; s < kSteps; ++s) {
    const double fraction = static_cast<double>(s) / kSteps;
    const Eigen::ArrayXXd noise = (wells.points_seen[s] - wells.ensembles_seen[s]).array() /
                                  (kBeta * 0.5 * (1 + std::cos(kPi * fraction)));
    sum += noise.sum();
    squares += noise.square().sum();
    fourths += noise.pow(4).sum();
    // At the end a trace of it: beta (pi / 2 n)^2.
    if (s + 1 == kSteps) {
      EXPECT_LT((wells.points_seen[s] - wells.ensembles_seen[s]).cwiseAbs().maxCoeff(), 1e-4);
    }
  }
  // Moments of a standard normal within four standard errors; their variances are 1, 2 and 96.
  const double draws = 40 * kSteps;
  EXPECT_NEAR(sum / draws, 0, 4 * std::sqrt(1 / draws));
  EXPECT_NEAR(squares / draws, 1, 4 * std::sqrt(2 / draws));
  EXPECT_NEAR(fourths / draws, 3, 4 * std::sqrt(96 / draws));
}

TEST(Injection, MovesTheUnperturbedEnsembleByTheVelocityAtItsPoints) {
  Ensemble ensemble = in_two_wells();
  const Eigen::MatrixXd before = ensemble.coordinates;
  TwoWells wells(0.5);
  run(ensemble,
      wells,
      {.steps = 1,
       .integrator = {.kind = IntegratorKind::Euler, .step_size = 0.1, .injection = 0.3}});

  const Ensemble old = in_two_wells();
  const Eigen::MatrixXd points = wells.points_seen[0];
  const FlowEvaluation there = wells.evaluate(old, points, {});
  EXPECT_EQ(ensemble.coordinates, before + 0.1 * there.velocity);
  const FlowEvaluation here = wells.evaluate(old, before, {});
  EXPECT_GT((there.velocity - here.velocity).norm(), 0.1 * here.velocity.norm());
}

TEST(Injection, DependsOnSeedStepAndConformationAlone) {
  const auto points = [](std::uint64_t seed) {
    Ensemble ensemble = in_two_wells();
    TwoWells wells(0.5);
    run(ensemble, wells, {.steps = 2, .integrator = {.injection = 0.3}, .seed = seed});
    return wells.points_seen;
  };
  const std::vector<Eigen::MatrixXd> once = points(1);
  EXPECT_EQ(once, points(1));
  EXPECT_NE(once[0], points(2)[0]);

  RandomStream stream(1, StreamPurpose::FlowInjection, 0, 7);
  EXPECT_EQ(once[0](0, 7), in_two_wells().coordinates(0, 7) + 0.3 * stream.normal());
}

TEST(MassExchange, AloneRepairsTheWeightsOfTwoWells) {
  constexpr double kRight = 0.8;
  for (const IntegratorOptions& integrator :
       {IntegratorOptions{.step_size = 0.01, .weight_rate = 0.05},
        IntegratorOptions{.kind = IntegratorKind::Momentum, .step_size = 0.05, .weight_rate = 0.2},
        IntegratorOptions{.kind = IntegratorKind::Euler, .step_size = 0.05, .weight_rate = 0.2}}) {
    FlowOptions options{.steps = 300, .integrator = integrator};
    Ensemble ensemble = in_two_wells();
    TwoWells wells(kRight);
    const std::vector<FlowRecord> with = run(ensemble, wells, options);
    EXPECT_NEAR(weight_on_the_right(ensemble), kRight, 0.01);

    options.integrator.weight_rate = 0;
    Ensemble transported = in_two_wells();
    const std::vector<FlowRecord> without = run(transported, wells, options);
    EXPECT_NEAR(weight_on_the_right(transported), 0.5, 1e-12);
    EXPECT_EQ(transported.weights, in_two_wells().weights);
    EXPECT_LT(with.back().objective, without.back().objective);
  }
}

TEST(MassExchange, IsTheFormula) {
  const Ensemble start = [] {
    Ensemble ensemble = in_two_wells();
    ensemble.coordinates.conservativeResize(1, 3);
    ensemble.weights = Eigen::Vector3d(0.2, 0.3, 0.5);
    return ensemble;
  }();
  FlowEvaluation evaluation;
  evaluation.velocity = Eigen::MatrixXd::Zero(1, 3);
  evaluation.first_variation = Eigen::Vector3d(7, 8, 10);
  Given objective(evaluation);

  // Neither the mean of phi nor any other constant matters.
  const auto expect_weights = [&](const IntegratorOptions& integrator, double rate) {
    Ensemble ensemble = start;
    const std::vector<FlowRecord> records =
        run(ensemble, objective, {.steps = 1, .integrator = integrator});
    // Of -1.8, -0.8 and 1.2.
    Eigen::Vector3d expected(
        0.2 * (1 + 1.8 * rate), 0.3 * (1 + 0.8 * rate), 0.5 * std::exp(-1.2 * rate));
    expected /= expected.sum();
    EXPECT_LT((ensemble.weights - expected).cwiseAbs().maxCoeff(), 1e-15);
    EXPECT_EQ(records[0].diagnostics.at(0).first, "sipWeightChange");
    EXPECT_NEAR(
        records[0].diagnostics.at(0).second, (expected - start.weights).cwiseMax(0).sum(), 1e-15);
    EXPECT_NEAR(records[0].effective_sample_size, 1 / expected.squaredNorm(), 1e-14);
  };
  expect_weights({.kind = IntegratorKind::Euler, .weight_rate = 0.1}, 0.1);
  expect_weights({.kind = IntegratorKind::Momentum, .weight_rate = 0.1}, 0.1);
  // <phi> = 8.8, and the mean square of phi - <phi> is 0.2 * 3.24 + 0.3 * 0.64 + 0.5 * 1.44.
  expect_weights({.weight_rate = 0.1}, 0.1 / std::sqrt(1.56));
}

TEST(MassExchange, DecaysAsTheStepSizeDoes) {
  FlowEvaluation evaluation;
  evaluation.velocity = Eigen::MatrixXd::Zero(1, 40);
  evaluation.first_variation = Eigen::VectorXd::LinSpaced(40, -1, 1);
  Given objective(evaluation);
  Ensemble ensemble = in_two_wells();
  const std::vector<FlowRecord> records = run(
      ensemble,
      objective,
      {.steps = 100,
       .integrator = {.kind = IntegratorKind::Euler, .final_step_share = 0, .weight_rate = 0.02}});

  Eigen::ArrayXd expected = in_two_wells().weights.array();
  for (const FlowRecord& record : records) {
    const double rate = 0.02 * record.step_size / records[0].step_size;
    const Eigen::ArrayXd above =
        evaluation.first_variation.array() - (expected * evaluation.first_variation.array()).sum();
    expected *= (above < 0).select(1 - rate * above, (-rate * above).exp());
    expected /= expected.sum();
  }
  EXPECT_LT((ensemble.weights.array() - expected).abs().maxCoeff(), 1e-14);
}

TEST(MassExchange, KeepsWeightsPositiveWithUnitSumWhateverTheFirstVariation) {
  RandomStream stream(1, StreamPurpose::Test, 3);
  for (const double scale : {1e-100, 1.0, 1e6, 1e150}) {
    for (const double share : {0.0, 0.3, 0.5, 1.0}) {
      for (const IntegratorKind kind : {IntegratorKind::Euler, IntegratorKind::Normalised}) {
        Ensemble ensemble = in_two_wells();
        ensemble.weights(3) = 0;  // dead ones included
        ensemble.weights /= ensemble.weights.sum();
        const double count = static_cast<double>(ensemble.size());
        for (int step = 0; step < 20; ++step) {
          FlowEvaluation evaluation;
          evaluation.velocity = Eigen::MatrixXd::Zero(1, ensemble.size());
          evaluation.first_variation = Eigen::VectorXd::NullaryExpr(
              ensemble.size(), [&] { return scale * stream.normal(); });
          Given objective(evaluation);
          run(ensemble,
              objective,
              {.steps = 1,
               .integrator = {.kind = kind, .weight_rate = 1, .min_effective_share = share}});
          ASSERT_TRUE(ensemble.weights.allFinite());
          ASSERT_GE(ensemble.weights.minCoeff(), 0.99e-3 / count);
          ASSERT_NEAR(ensemble.weights.sum(), 1, 1e-14);
          ASSERT_GE(1 / ensemble.weights.squaredNorm(), share * count * (1 - 1e-12));
        }
      }
    }
  }
}

TEST(MassExchange, CopiesTheHeavyAndDropsTheLightBelowTheLeastEffectiveSampleSize) {
  FlowEvaluation evaluation;
  evaluation.velocity = Eigen::MatrixXd::Zero(1, 40);
  evaluation.first_variation = Eigen::VectorXd::Zero(40);
  evaluation.first_variation.head(4).setConstant(-10);
  Given objective(evaluation);
  Ensemble ensemble = in_two_wells();
  const Eigen::MatrixXd before = ensemble.coordinates;
  const std::vector<FlowRecord> records =
      run(ensemble,
          objective,
          {.steps = 1, .integrator = {.kind = IntegratorKind::Euler, .weight_rate = 0.5}});
  // <phi> = -1: four times 1 + 0.5 * 9, and 36 times exp(-0.5).
  const double heavy = 5.5 / (4 * 5.5 + 36 * std::exp(-0.5));
  EXPECT_NEAR(records[0].effective_sample_size, 40, 1e-12);
  EXPECT_TRUE((ensemble.weights.array() == 1.0 / 40).all());
  const double spread = std::sqrt((before.array() - before.mean()).square().mean());
  int unmoved = 0;
  int near = 0;
  for (Eigen::Index i = 0; i < 40; ++i) {
    unmoved += (before.array() == ensemble.coordinates(0, i)).any() ? 1 : 0;
    for (Eigen::Index heavy_one = 0; heavy_one < 4; ++heavy_one) {
      if (std::abs(ensemble.coordinates(0, i) - before(0, heavy_one)) < 1e-12) {
        ++near;
        break;
      }
    }
  }
  EXPECT_GE(unmoved, 4);
  EXPECT_EQ(near, 4) << "of every heavy one the first stays where it was";
  EXPECT_NEAR(static_cast<double>(40 - unmoved), 40 * 4 * heavy - 4, 4);
  EXPECT_LT((ensemble.coordinates.array().abs().maxCoeff() - before.array().abs().maxCoeff()),
            0.5 * spread);
}

TEST(MassExchange, SamplesSystematically) {
  const Eigen::Vector4d weights(0.1, 0.5, 0, 0.4);
  EXPECT_THAT(systematic_sample(weights, 0), testing::ElementsAre(0, 1, 1, 3));
  EXPECT_THAT(systematic_sample(weights, 0.5), testing::ElementsAre(1, 1, 3, 3));
  // On average as often as the weights say.
  RandomStream stream(1, StreamPurpose::Test, 4);
  Eigen::VectorXd shares = Eigen::VectorXd::NullaryExpr(97, [&] { return stream.uniform(); });
  shares /= shares.sum();
  Eigen::VectorXd counts = Eigen::VectorXd::Zero(97);
  constexpr int kOffsets = 200;
  for (int k = 0; k < kOffsets; ++k) {
    const std::vector<Eigen::Index> sample = systematic_sample(shares, (k + 0.5) / kOffsets);
    ASSERT_EQ(sample.size(), 97);
    for (const Eigen::Index i : sample) {
      ++counts(i);
    }
  }
  EXPECT_LT((counts / (97.0 * kOffsets) - shares).cwiseAbs().maxCoeff(), 1.01 / (97 * kOffsets));
}

TEST(MassExchange, CountsInTheObjectivesOwnUnit) {
  FlowEvaluation evaluation;
  evaluation.velocity = Eigen::MatrixXd::Zero(1, 40);
  evaluation.first_variation = Eigen::VectorXd::LinSpaced(40, -1, 1);
  evaluation.variation_unit = 2;
  Given objective(evaluation);
  for (const IntegratorKind kind : {IntegratorKind::Euler, IntegratorKind::Normalised}) {
    Ensemble ensemble = in_two_wells();
    run(ensemble, objective, {.steps = 1, .integrator = {.kind = kind, .weight_rate = 0.2}});
    Eigen::ArrayXd expected = evaluation.first_variation.array().unaryExpr(
        [](double a) { return a < 0 ? 1 - 0.1 * a : std::exp(-0.1 * a); });
    expected /= expected.sum();
    EXPECT_LT((ensemble.weights.array() - expected).abs().maxCoeff(), 1e-15);
  }
}

TEST(MassExchange, DoesNothingWhereTheFirstVariationIsTheSameEverywhere) {
  FlowEvaluation evaluation;
  evaluation.velocity = Eigen::MatrixXd::Zero(1, 40);
  evaluation.first_variation = Eigen::VectorXd::Constant(40, 3);
  Given objective(evaluation);
  for (const IntegratorKind kind : {IntegratorKind::Euler, IntegratorKind::Normalised}) {
    Ensemble ensemble = in_two_wells();
    run(ensemble, objective, {.steps = 5, .integrator = {.kind = kind, .weight_rate = 0.1}});
    EXPECT_LT((ensemble.weights - in_two_wells().weights).cwiseAbs().maxCoeff(), 1e-15);
  }
}

TEST(MassExchange, NeedsAFirstVariationThatIsFinite) {
  FlowEvaluation evaluation;
  evaluation.velocity = Eigen::MatrixXd::Zero(1, 40);
  const FlowOptions options{.steps = 1, .integrator = {.weight_rate = 0.1}};
  Ensemble ensemble = in_two_wells();
  Given none(evaluation);
  expect_usage_error([&] { run(ensemble, none, options); });

  evaluation.first_variation = Eigen::VectorXd::Zero(40);
  evaluation.first_variation(2) = std::numeric_limits<double>::infinity();
  Given infinite(evaluation);
  try {
    run(ensemble, infinite, options);
    FAIL() << "taken";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Numerical);
  }
  EXPECT_EQ(ensemble.weights, in_two_wells().weights);
  EXPECT_EQ(ensemble.coordinates, in_two_wells().coordinates);

  // Where weights stay, nobody asks.
  EXPECT_NO_THROW(run(ensemble, none, {.steps = 1}));
}

TEST(Integrator, InPartsThroughItsFileGivesTheSameBitsAsInOneWithEverythingOn) {
  for (const IntegratorKind kind :
       {IntegratorKind::Euler, IntegratorKind::Momentum, IntegratorKind::Normalised}) {
    const IntegratorOptions integrator{
        .kind = kind, .step_size = 0.05, .injection = 0.3, .weight_rate = 0.05};
    Ensemble at_once = in_two_wells();
    TwoWells wells(0.8);
    run(at_once, wells, {.steps = 60, .integrator = integrator});

    Ensemble in_parts = in_two_wells();
    for (const std::int64_t steps : {20, 1, 39}) {
      TwoWells another(0.8);
      run(in_parts, another, {.steps = steps, .schedule_steps = 60, .integrator = integrator});
      in_parts = through_text(in_parts);
    }
    EXPECT_NE(at_once.weights, in_two_wells().weights);
    EXPECT_EQ(in_parts.coordinates, at_once.coordinates);
    EXPECT_EQ(in_parts.weights, at_once.weights);
    EXPECT_EQ(in_parts.flow.momentum, at_once.flow.momentum);
    EXPECT_EQ(in_parts.flow.values, at_once.flow.values);
  }
}

TEST(Integrator, MayChangeWithinASchedule) {
  // Running means that begin late are made up for as those that begin early: the first normalised
  // step has the RMS of the step size.
  Ensemble ensemble = in_two_wells();
  TwoWells wells(0.5);
  run(ensemble,
      wells,
      {.steps = 50,
       .schedule_steps = 100,
       .integrator = {.kind = IntegratorKind::Euler, .step_size = 0.01}});
  const Eigen::MatrixXd before = ensemble.coordinates;
  const IntegratorOptions normalised{.step_size = 0.02, .momentum = 0, .final_step_share = 1};
  run(ensemble, wells, {.steps = 1, .integrator = normalised});

  EXPECT_EQ(ensemble.flow.schedule_end, 100);
  EXPECT_NEAR(std::sqrt((ensemble.coordinates - before).squaredNorm() / 40), 0.02, 1e-14);
}

}  // namespace
}  // namespace cryosip

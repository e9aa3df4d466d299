// Maximum a posteriori on data sets: closed forms and an independent EM in one dimension, and the
// whole run.
#include "libcryosip/map/image_map.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <set>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/dataset/simulation.hpp"
#include "libcryosip/flow/image_scale.hpp"
#include "libcryosip/forward/identity_model.hpp"
#include "tests/support/simulated_set.hpp"
#include "tests/support/stacks.hpp"
#include "tests/support/temporary_folder.hpp"

namespace cryosip {
namespace {

constexpr double kNoise = 0.3;

Ensemble points(const std::vector<double>& coordinates) {
  Ensemble ensemble;
  ensemble.model = "identity";
  const auto count = static_cast<Eigen::Index>(coordinates.size());
  ensemble.coordinates = Eigen::Map<const Eigen::RowVectorXd>(coordinates.data(), count);
  ensemble.weights = Eigen::VectorXd::Constant(count, 1 / static_cast<double>(count));
  return ensemble;
}

// paper section 4.1, its wells of unequal weight: an image is one number.
class OneDimensionalMap : public ::testing::Test {
 protected:
  OneDimensionalMap() {
    Mixture law;
    law.weights = Eigen::Vector2d(0.3, 0.7);
    law.means.resize(1, 2);
    law.means << -1.2, 1.2;
    law.sigmas = Eigen::MatrixXd::Constant(1, 2, 0.45);
    SimulationOptions options;
    options.count = 300;
    options.grid = *model_.own_grid();
    options.poses = SimulationOptions::Poses::Fixed;
    options.optics = SimulationOptions::Optics::None;
    options.noise_sigma = kNoise;
    SimulationResult simulated =
        simulate(model_, law, options, folder_.path("particles.mrcs"), progress_);
    simulated.particles.where.assign(options.count, "simulated");
    images_ = std::make_unique<ImageSet>(simulated.particles, ImageSetOptions());
    observed_.resize(static_cast<Eigen::Index>(options.count));
    const auto pixels = testing::read_stack(folder_.path("particles.mrcs"));
    for (std::size_t j = 0; j < pixels.size(); ++j) {
      observed_(static_cast<Eigen::Index>(j)) = pixels[j].at(0);
    }
    options_.noise_sigma = kNoise;
    options_.minimiser.tolerance = 1e-12;
  }

  MapResult solve(const Ensemble& start) {
    options_.structures = start.size();
    return map_on_images(start, model_, *images_, options_, progress_);
  }

  testing::TemporaryFolder folder_;
  IdentityModel model_;
  SilentProgress progress_;
  std::unique_ptr<const ImageSet> images_;
  Eigen::VectorXd observed_;
  MapOptions options_;
};

TEST_F(OneDimensionalMap, OfOneStructureIsTheMeanOfTheImages) {
  const MapResult result = solve(points({0.7}));

  EXPECT_EQ(result.termination, MapTermination::Converged);
  EXPECT_NEAR(result.ensemble.coordinates(0, 0), observed_.mean(), 1e-6);
  EXPECT_EQ(result.ensemble.weights(0), 1);
  // The objective is half the variance around it, but for the images' own squares.
  const double expected = -observed_.mean() * observed_.mean() / (2 * kNoise * kNoise);
  EXPECT_NEAR(result.objective, expected, 1e-6 * std::abs(expected));
}

TEST_F(OneDimensionalMap, IsShrunkByThePriorAsTheFormulaSays) {
  constexpr double kPrior = 0.02;
  options_.prior_sigma = kPrior;
  const auto images = static_cast<double>(observed_.size());
  const double expected = observed_.mean() / (1 + kNoise * kNoise / (images * kPrior * kPrior));

  const MapResult result = solve(points({0.7}));

  EXPECT_LT(std::abs(expected), 0.6 * std::abs(observed_.mean()));
  EXPECT_NEAR(result.ensemble.coordinates(0, 0), expected, 1e-6);
}

// EM for a Gaussian mixture of known variance, as any textbook has it.
struct Fitted {
  Eigen::VectorXd means;
  Eigen::VectorXd fractions;
};
Fitted textbook_em(const Eigen::VectorXd& y, Eigen::VectorXd means, bool estimates_fractions) {
  const Eigen::Index count = means.size();
  Eigen::VectorXd fractions = Eigen::VectorXd::Constant(count, 1 / static_cast<double>(count));
  for (int iteration = 0; iteration < 20000; ++iteration) {
    Eigen::VectorXd mass = Eigen::VectorXd::Zero(count);
    Eigen::VectorXd first = Eigen::VectorXd::Zero(count);
    for (const double value : y) {
      Eigen::VectorXd density = fractions;
      for (Eigen::Index k = 0; k < count; ++k) {
        density(k) *= std::exp(-std::pow(value - means(k), 2) / (2 * kNoise * kNoise));
      }
      density /= density.sum();
      mass += density;
      first += value * density;
    }
    means = first.cwiseQuotient(mass);
    if (estimates_fractions) {
      fractions = mass / static_cast<double>(y.size());
    }
  }
  return {means, fractions};
}

TEST_F(OneDimensionalMap, IsTheFixedPointOfEm) {
  for (const FractionLaw law : {FractionLaw::Equal, FractionLaw::Estimated}) {
    for (const std::vector<double>& start :
         {std::vector<double>{-0.5, 0.5}, std::vector<double>{-1, 0, 1.5}}) {
      options_.fractions = law;
      const Ensemble begin = points(start);
      const MapResult result = solve(begin);
      const Fitted expected =
          textbook_em(observed_, begin.coordinates.transpose(), law == FractionLaw::Estimated);

      EXPECT_EQ(result.termination, MapTermination::Converged);
      // The value, in single precision, is flat to 1e-7 within these distances.
      EXPECT_LT((result.ensemble.coordinates.transpose() - expected.means).cwiseAbs().maxCoeff(),
                1e-3);
      EXPECT_LT((result.ensemble.weights - expected.fractions).cwiseAbs().maxCoeff(), 1e-3);
    }
  }
}

TEST_F(OneDimensionalMap, GivesEachImageTheStructureThatExplainsIt) {
  const MapResult result = solve(points({-1, 1}));
  const formats::StarTable table = assignments(result, *images_);

  ASSERT_EQ(table.name(), "sip_assignments");
  ASSERT_EQ(table.rows(), images_->size());
  double sum = 0;
  for (std::size_t j = 0; j < table.rows(); ++j) {
    const double y = observed_(static_cast<Eigen::Index>(j));
    const auto explained = [&](Eigen::Index k) {
      return result.ensemble.weights(k) *
             std::exp(-std::pow(y - result.ensemble.coordinates(0, k), 2) / (2 * kNoise * kNoise));
    };
    const double first = explained(0) / (explained(0) + explained(1));
    EXPECT_EQ(table.integer(j, table.column("sipStructure")), first > 0.5 ? 1 : 2);
    EXPECT_NEAR(
        table.number(j, table.column("sipResponsibility")), std::max(first, 1 - first), 1e-5);
    sum += table.number(j, table.column("sipLogLikelihood"));
  }
  EXPECT_EQ(table.text(1, table.column("rlnImageName")).substr(0, 7), "000002@");
  EXPECT_NEAR(-sum / static_cast<double>(table.rows()), result.objective, 1e-12);
}

TEST_F(OneDimensionalMap, GoesOnFromItsOwnAnswerWithoutMoving) {
  options_.minimiser.tolerance = 1e-6;
  const MapResult first = solve(points({-1, 1}));
  const MapResult second = solve(first.ensemble);

  EXPECT_LE(second.objective, first.objective);
  EXPECT_NEAR(second.objective, first.objective, 1e-6);
  EXPECT_LT((second.ensemble.weights - first.ensemble.weights).norm(), 1e-3);
}

TEST_F(OneDimensionalMap, BeginsWithConformationsDrawnByTheirWeights) {
  options_.structures = 2;
  options_.minimiser.iterations = 0;
  Ensemble start = points({0, 1, 2, 3, 4, 5});
  start.weights << 0, 0.45, 0.45, 0, 0.05, 0.05;
  int heavy = 0;
  std::set<std::string> seen;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    options_.seed = seed;
    const MapResult result = map_on_images(start, model_, *images_, options_, progress_);
    const Eigen::VectorXd chosen = result.ensemble.coordinates.transpose();
    EXPECT_EQ(result.termination, MapTermination::Iterations);
    EXPECT_LT(chosen(0), chosen(1));
    EXPECT_NE(chosen(0), 0);
    EXPECT_NE(chosen(1), 3);
    EXPECT_EQ(result.ensemble.weights, Eigen::Vector2d::Constant(0.5));
    heavy += chosen(0) == 1 && chosen(1) == 2 ? 1 : 0;
    seen.insert(std::to_string(chosen(0)) + " " + std::to_string(chosen(1)));
  }
  // Both heavy ones: 2 * 0.45 * 0.45 / 0.55 = 0.736 of the draws, +- 0.031.
  EXPECT_NEAR(heavy / 200.0, 0.736, 0.125);
  EXPECT_GE(seen.size(), 4U);
}

TEST_F(OneDimensionalMap, KeepsTheLowestOfItsRestarts) {
  options_.structures = 3;
  options_.restarts = 6;
  const Ensemble start = points({-1.2, -1.1, -1, 1, 1.1, 1.2, 6});
  const MapResult best = map_on_images(start, model_, *images_, options_, progress_);

  std::vector<double> ends(7, std::numeric_limits<double>::infinity());
  for (const MapRecord& record : best.log) {
    ends.at(record.restart) = record.objective;
  }
  EXPECT_EQ(*std::min_element(ends.begin(), ends.end()), best.objective);
  EXPECT_EQ(ends.at(best.restart), best.objective);
  EXPECT_GT(*std::max_element(ends.begin() + 1, ends.end()), best.objective + 1e-4);
}

TEST_F(OneDimensionalMap, RefusesStartsThatMakeNoSense) {
  const auto refuses = [&](const Ensemble& start, const std::string& why) {
    try {
      map_on_images(start, model_, *images_, options_, progress_);
      ADD_FAILURE() << "expected: " << why;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Usage);
      EXPECT_THAT(error.what(), ::testing::HasSubstr(why));
    }
  };
  options_.structures = 3;
  refuses(points({1, 2}), "has 2 conformations to start from");
  options_.restarts = 2;
  refuses(points({1, 2, 3}), "every restart would begin alike");
  options_.restarts = 0;
  refuses(points({1, 2, 3}), "at least one structure and one restart");
  options_.restarts = 1;
  Ensemble flat = points({1, 2, 3});
  flat.coordinates.conservativeResizeLike(Eigen::MatrixXd::Zero(2, 3));
  refuses(flat, "the ensemble has 2 coordinates, the model 1");
  options_.poses = PoseLaw::Uniform;
  refuses(points({1, 2, 3}), "seen from one side only");
}

class MapOnViews : public ::testing::Test {
 protected:
  MapOnViews() {
    start_.coordinates.resize(2, 5);
    start_.coordinates << -1, -0.5, 0, 0.5, 1, 0.4, -0.3, 0.2, -0.1, 0.3;
    start_.weights = Eigen::VectorXd::Constant(5, 0.2);
    options_.structures = 2;
    options_.noise_sigma = 0.005;
    options_.resolution_angstrom = 10;
  }
  MapResult solve(Progress& progress) {
    return map_on_images(start_, data_.model(), *images_, options_, progress);
  }

  testing::SimulatedSet data_{150};
  std::unique_ptr<const ImageSet> images_ = data_.images();
  Ensemble start_;
  MapOptions options_;
  SilentProgress progress_;
};

TEST_F(MapOnViews, FallsInEveryIteration) {
  for (const PoseLaw poses : {PoseLaw::Given, PoseLaw::Uniform}) {
    options_.poses = poses;
    options_.nuisances = 30;
    options_.minimiser.iterations = 15;
    const MapResult result = solve(progress_);

    ASSERT_GT(result.log.size(), 3U);
    for (std::size_t i = 1; i < result.log.size(); ++i) {
      EXPECT_LT(result.log[i].objective, result.log[i - 1].objective);
      EXPECT_EQ(result.log[i].iteration, result.log[i - 1].iteration + 1);
    }
    EXPECT_EQ(result.log.back().objective, result.objective);
    EXPECT_EQ(result.log.back().contrast, result.contrast);
    EXPECT_EQ(result.log.back().iteration, result.iterations);
  }
}

TEST_F(MapOnViews, FindsTwoConformationsAsWellAsTheImagesTell) {
  constexpr double kSingleConformations = 1e-6;
  options_.noise_sigma = 0.001;
  const testing::SimulatedSet data(150, *options_.noise_sigma, kSingleConformations);
  const auto images = data.images();
  const MapResult result = map_on_images(start_, data.model(), *images, options_, progress_);

  MapPoint truth;
  truth.coordinates = (Eigen::Matrix2d() << -0.6, 0.6, 0, 0.3).finished();
  const auto model = data.model().image_model(images->grid(), options_.resolution_angstrom, {});
  const ImageCoefficients coefficients(*images, *model, progress_);
  // Standard errors by the Fisher information of some 75 images each.
  const Eigen::VectorXd error =
      (75 *
       MapObjective(coefficients, {0, 20, 40, 60, 80, 100, 120, 140}, *options_.noise_sigma, {})
           .information(truth))
          .cwiseInverse()
          .cwiseSqrt();
  Eigen::MatrixXd found = result.ensemble.coordinates;
  if (found(0, 0) > found(0, 1)) {
    found.col(0).swap(found.col(1));
  }
  EXPECT_EQ(result.termination, MapTermination::Converged);
  EXPECT_LT(error.maxCoeff(), 0.03);
  for (Eigen::Index k = 0; k < 2; ++k) {
    EXPECT_LT(((found - truth.coordinates).col(k).cwiseAbs().cwiseQuotient(error)).maxCoeff(), 4);
  }
  EXPECT_NEAR(result.contrast, 1, 0.05);
  EXPECT_NEAR(result.ensemble.weights(0), 0.5, 4 * std::sqrt(0.25 / 150));
}

TEST_F(MapOnViews, GivesTheSameBitsOnAnyNumberOfThreads) {
  options_.restarts = 2;
  const auto on = [&](std::size_t threads) {
    const ThreadLimit limit(threads);
    return solve(progress_);
  };
  const MapResult one = on(1);
  const MapResult three = on(3);

  EXPECT_EQ(one.ensemble.coordinates, three.ensemble.coordinates);
  EXPECT_EQ(one.ensemble.weights, three.ensemble.weights);
  EXPECT_EQ(one.contrast, three.contrast);
  EXPECT_EQ(one.objective, three.objective);
}

TEST_F(MapOnViews, OfAFewImagesFirstEndsWhereThatOfAllDoes) {
  const MapResult at_once = solve(progress_);
  options_.first_images = 40;
  const MapResult in_stages = solve(progress_);

  EXPECT_EQ(in_stages.log.front().images, 40U);
  EXPECT_EQ(in_stages.log.back().images, 150U);
  EXPECT_NEAR(in_stages.objective, at_once.objective, 1e-4);
}

// Asks to stop behind a number of iterations.
class StopsAfter final : public Progress {
 public:
  void begin(std::string_view, std::size_t) override {}
  void advance(std::size_t) override { ++iterations_; }
  void end() override {}
  void note(std::string_view) override {}
  void warn(std::string_view) override {}
  [[nodiscard]] bool cancelled() const override { return iterations_ > 3; }

 private:
  std::size_t iterations_ = 0;
};

TEST_F(MapOnViews, HandsBackWhatItHasWhenToldToStop) {
  StopsAfter progress;
  options_.restarts = 3;
  const MapResult result = solve(progress);

  EXPECT_EQ(result.termination, MapTermination::Cancelled);
  EXPECT_GE(result.iterations, 1);
  EXPECT_EQ(result.log.back().objective, result.objective);
  EXPECT_EQ(result.restart, 1U);
}

TEST_F(MapOnViews, SaysHowItEndedInItsFile) {
  options_.contrast = 1;
  options_.minimiser.iterations = 2;
  const MapResult result = solve(progress_);
  const formats::StarFile file = to_star(result, {});

  const formats::StarTable& pairs = file.table("sip_map");
  EXPECT_EQ(pairs.text("sipTermination"), "iterations");
  EXPECT_EQ(pairs.integer("sipIterations"), 2);
  EXPECT_EQ(pairs.number("sipFinalObjective"), result.objective);
  const Ensemble read = read_ensemble(file);
  EXPECT_EQ(read.flow.carried(kContrastLabel), 1);
  EXPECT_EQ(read.flow.carried(kNoiseLabel), result.noise_sigma);
  EXPECT_EQ(read.coordinates, result.ensemble.coordinates);
  EXPECT_EQ(read.objective, "map structures=2 fractions=estimated poses=given");
  EXPECT_EQ(to_star(result.log).rows(), 2U);
}

TEST_F(MapOnViews, NeedsPosesToTakeThemFromTheImages) {
  images_ = data_.images_without_poses();
  options_.poses = PoseLaw::Given;
  EXPECT_THROW(solve(progress_), Error);
}

}  // namespace
}  // namespace cryosip

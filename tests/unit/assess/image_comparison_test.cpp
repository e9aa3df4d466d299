// Images of ensembles against observed ones, on small simulated data sets.
#include "libcryosip/assess/image_comparison.hpp"

#include <cmath>
#include <map>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/assess/image_distance.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/dataset/image_coefficients.hpp"
#include "libcryosip/discrepancy/kernel.hpp"
#include "libcryosip/forward/identity_model.hpp"
#include "tests/support/simulated_set.hpp"

namespace cryosip {
namespace {

constexpr double kNoiseSigma = 0.002;

class ImageComparisonOfASimulatedSet : public ::testing::Test {
 protected:
  static constexpr std::size_t kImages = 600;

  ImageComparisonOfASimulatedSet() {
    options_.resolution_angstrom = 10;
    options_.noise_sigma = kNoiseSigma;
    options_.contrast = 1;
    elsewhere_ = data_.truth().truth;
    elsewhere_.coordinates.array() += 3;
  }
  [[nodiscard]] const Ensemble& truth() const { return data_.truth().truth; }
  ImageComparison compare(const ImageSet& images,
                          const Ensemble* initial,
                          const Ensemble& ensemble) {
    return compare_images(data_.model(), images, truth(), initial, ensemble, options_, progress_);
  }
  // By metric.
  static std::map<std::string, EvaluationRow> by_name(const ImageComparison& comparison) {
    std::map<std::string, EvaluationRow> rows;
    for (const EvaluationRow& row : comparison.rows) {
      EXPECT_EQ(row.coordinate, 0);
      EXPECT_TRUE(rows.emplace(row.metric, row).second) << row.metric;
    }
    return rows;
  }

  // Centred, as PoseLaw::Uniform takes them to be.
  testing::SimulatedSet data_{kImages, kNoiseSigma, 0.2, 0};
  std::unique_ptr<const ImageSet> images_ = data_.images();
  Ensemble elsewhere_;
  ImageComparisonOptions options_;
  SilentProgress progress_;
};

TEST_F(ImageComparisonOfASimulatedSet, TellsTheTruthFromAnotherEnsemble) {
  for (const PoseLaw poses : {PoseLaw::Given, PoseLaw::Uniform}) {
    options_.poses = poses;
    const auto rows = by_name(compare(*images_, &elsewhere_, truth()));
    ASSERT_EQ(rows.size(), 26);
    for (const std::string metric : {"image_energy_distance",
                                     "image_mmd2",
                                     "weighted_image_energy_distance",
                                     "weighted_image_mmd2"}) {
      const EvaluationRow& row = rows.at(metric);
      const EvaluationRow& error = rows.at(metric + "_error");
      EXPECT_LT(std::abs(row.final_value), 4 * error.final_value) << metric;
      EXPECT_GT(*row.initial, 5 * *error.initial) << metric;
      // The truth is drawn with the same numbers as any ensemble.
      EXPECT_EQ(rows.at(metric + "_truth").final_value, row.final_value);
      EXPECT_EQ(rows.at(metric + "_truth").initial, row.final_value);
      EXPECT_LT(std::abs(rows.at(metric + "_floor").final_value),
                4 * rows.at(metric + "_floor_error").final_value);
      EXPECT_NE(rows.at(metric + "_floor").final_value, 0);
    }
    EXPECT_GT(rows.at("image_mmd2_bandwidth").final_value, 0);
  }
}

// Without noise every coefficient weighs the same: only the unit of lengths is another.
TEST_F(ImageComparisonOfASimulatedSet, WeightsAllAlikeWithoutNoise) {
  options_.poses = PoseLaw::Given;
  options_.noise_sigma = 1e-12;
  const auto rows = by_name(compare(*images_, nullptr, elsewhere_));
  const double unit = rows.at("weighted_image_mmd2_bandwidth").final_value /
                      rows.at("image_mmd2_bandwidth").final_value;
  EXPECT_NEAR(rows.at("weighted_image_energy_distance").final_value,
              unit * rows.at("image_energy_distance").final_value,
              1e-4 * unit * rows.at("image_energy_distance").final_value);
  EXPECT_NEAR(rows.at("weighted_image_mmd2").final_value,
              rows.at("image_mmd2").final_value,
              1e-4 * rows.at("image_mmd2").final_value);
}

// Where noise drowns single coefficients, weights bring out what differs.
TEST_F(ImageComparisonOfASimulatedSet, WeightsBringOutADifferenceUnderNoise) {
  constexpr double kMuchNoise = 0.01;
  const testing::SimulatedSet noisy(kImages, kMuchNoise);
  const auto images = noisy.images();
  options_.poses = PoseLaw::Given;
  options_.noise_sigma = kMuchNoise;
  options_.permutations = 99;
  const auto rows = by_name(compare(*images, &elsewhere_, noisy.truth().truth));
  const auto score = [&](const std::string& metric) {
    return *rows.at(metric).initial / *rows.at(metric + "_error").initial;
  };
  EXPECT_GT(score("weighted_image_mmd2"), 1.1 * score("image_mmd2"));
  EXPECT_GT(score("weighted_image_energy_distance"), 1.1 * score("image_energy_distance"));
  EXPECT_LE(*rows.at("weighted_image_mmd2_p").initial, 0.02);
  EXPECT_GT(rows.at("weighted_image_mmd2_p").final_value, 0.02);
}

TEST_F(ImageComparisonOfASimulatedSet, IsUnbiasedAtTheTruth) {
  // Data sets that share nothing; the shared poses of each must not show.
  constexpr int kSets = 30;
  double sum = 0;
  double squares = 0;
  for (int set = 0; set < kSets; ++set) {
    options_.image_count = kImages / kSets;
    ParticleTable part = data_.truth().particles;
    const auto first = part.records.begin() + std::ptrdiff_t{20} * set;
    part.records = std::vector<ParticleRecord>(first, first + 20);
    part.where.resize(20);
    const ImageSet images(part, {});
    options_.seed = static_cast<std::uint64_t>(set) + 1;
    const double value =
        by_name(compare(images, nullptr, truth())).at("image_energy_distance").final_value;
    sum += value;
    squares += value * value;
  }
  const double mean = sum / kSets;
  EXPECT_LT(std::abs(mean), 4 * std::sqrt((squares / kSets - mean * mean) / kSets));
}

TEST_F(ImageComparisonOfASimulatedSet, GivesEqualEnsemblesEqualNumbersOnAnyNumberOfThreads) {
  options_.components = 2;
  const ImageComparison on_all = compare(*images_, &elsewhere_, elsewhere_);
  const ThreadLimit one(1);
  const ImageComparison on_one = compare(*images_, &elsewhere_, elsewhere_);
  ASSERT_EQ(on_all.rows.size(), on_one.rows.size());
  for (std::size_t row = 0; row < on_all.rows.size(); ++row) {
    EXPECT_EQ(on_all.rows[row].initial, on_all.rows[row].final_value);
    EXPECT_EQ(on_all.rows[row].final_value, on_one.rows[row].final_value);
  }
  ASSERT_TRUE(on_all.projections);
  const auto& sets = on_all.projections->sets;
  ASSERT_EQ(sets.size(), 4);
  EXPECT_EQ(sets[0].first, "observed");
  EXPECT_EQ(sets[1].first, "truth");
  EXPECT_EQ(sets[2].first, "initial");
  EXPECT_EQ(sets[3].first, "final");
  EXPECT_EQ(sets[2].second, sets[3].second);
  EXPECT_NE(sets[1].second, sets[3].second);
  for (std::size_t set = 0; set < sets.size(); ++set) {
    EXPECT_EQ(sets[set].second, on_one.projections->sets[set].second);
  }
}

TEST_F(ImageComparisonOfASimulatedSet, ProjectsTheObservedImagesOnTheirOwnComponents) {
  options_.components = 3;
  const ImageComparison comparison = compare(*images_, nullptr, truth());
  const auto model = data_.model().image_model(images_->grid(), options_.resolution_angstrom, {});
  const ImageCoefficients coefficients(*images_, *model, progress_);
  Eigen::MatrixXf observed(model->size(), static_cast<Eigen::Index>(kImages));
  for (std::size_t i = 0; i < kImages; ++i) {
    observed.col(static_cast<Eigen::Index>(i)) = coefficients.read(i);
  }
  ASSERT_TRUE(comparison.projections);
  const PrincipalComponents components = principal_components(observed, 3);
  EXPECT_EQ(comparison.projections->sets[0].second, components.project(observed));
  EXPECT_EQ(by_name(comparison).at("image_mmd2_bandwidth").final_value, median_distance(observed));
  // As many images of the truth spread as far.
  const Eigen::MatrixXd& of_truth = comparison.projections->sets[1].second;
  EXPECT_NEAR(of_truth.row(0).squaredNorm() / (kImages - 1.0) / components.variances(0), 1, 0.3);

  const auto tables = to_star(*comparison.projections);
  ASSERT_EQ(tables.size(), 2);
  EXPECT_EQ(tables[0].name(), "sip_explained_variance");
  EXPECT_EQ(tables[0].integer("sipImages"), static_cast<std::int64_t>(kImages));
  EXPECT_EQ(tables[0].number("sipExplainedVariance3"), components.variances(2));
  EXPECT_EQ(tables[0].number("sipTotalVariance"), components.total_variance);
  EXPECT_EQ(tables[1].name(), "sip_principal_components");
  ASSERT_EQ(tables[1].rows(), 3 * kImages);
  EXPECT_EQ(tables[1].text(0, 0), "observed");
  EXPECT_EQ(tables[1].text(kImages, 0), "truth");
  EXPECT_EQ(tables[1].text(2 * kImages, 0), "final");
  EXPECT_EQ(tables[1].number(kImages, 3), of_truth(2, 0));
}

TEST_F(ImageComparisonOfASimulatedSet, EstimatesNoiseAndContrast) {
  // So much that the corners hold more of it than of delocalised signal.
  constexpr double kNoise = 0.02;
  const testing::SimulatedSet data(kImages, kNoise, 0.2, 0);
  data.scale_pixels(-3);
  const auto scaled = data.images();
  options_.noise_sigma = std::nullopt;
  options_.contrast = std::nullopt;
  const auto estimated = by_name(compare(*scaled, nullptr, data.truth().truth));
  options_.noise_sigma = 3 * kNoise;
  options_.contrast = -3;
  const auto given = by_name(compare(*scaled, nullptr, data.truth().truth));

  const double error = given.at("image_energy_distance_error").final_value;
  EXPECT_LT(std::abs(given.at("image_energy_distance").final_value), 4 * error);
  EXPECT_NEAR(estimated.at("image_energy_distance").final_value,
              given.at("image_energy_distance").final_value,
              4 * error);
  options_.contrast = 3;
  EXPECT_GT(by_name(compare(*scaled, nullptr, data.truth().truth))
                .at("image_energy_distance")
                .final_value,
            10 * error);
}

TEST_F(ImageComparisonOfASimulatedSet, ChoosesAsManyImagesAsAskedFor) {
  options_.image_count = 50;
  options_.components = 1;
  const ImageComparison fifty = compare(*images_, nullptr, truth());
  ASSERT_TRUE(fifty.projections);
  EXPECT_EQ(fifty.projections->images, 50);
  EXPECT_EQ(fifty.projections->sets[1].second.cols(), 50);
  options_.seed = 2;
  EXPECT_NE(compare(*images_, nullptr, truth()).rows[0].final_value, fifty.rows[0].final_value);
}

TEST_F(ImageComparisonOfASimulatedSet, RefusesWhatCannotBeCompared) {
  Ensemble other = truth();
  other.coordinates.conservativeResize(1, Eigen::NoChange);
  EXPECT_THROW(compare(*images_, nullptr, other), Error);
  EXPECT_THROW(compare(*images_, &other, truth()), Error);
  options_.image_count = 3;
  EXPECT_THROW(compare(*images_, nullptr, truth()), Error);
  options_.image_count = 20;
  options_.poses = PoseLaw::Given;
  EXPECT_THROW(compare(*data_.images_without_poses(), nullptr, truth()), Error);
  options_.poses = std::nullopt;
  EXPECT_NO_THROW(compare(*data_.images_without_poses(), nullptr, truth()));
  options_.noise_sigma = -1;
  EXPECT_THROW(compare(*images_, nullptr, truth()), Error);
  options_.noise_sigma = 0;
  EXPECT_NO_THROW(compare(*images_, nullptr, truth()));
  options_.contrast = 0;
  EXPECT_THROW(compare(*images_, nullptr, truth()), Error);
}

// The paper's one-dimensional system: an image is its coordinate and noise.
TEST(ImageComparison, OfThePapersOneDimensionalSystemIsThatOfItsCoordinates) {
  const testing::TemporaryFolder folder;
  const IdentityModel model;
  Mixture law;
  law.weights = Eigen::VectorXd::Ones(1);
  law.means = Eigen::MatrixXd::Zero(1, 1);
  law.sigmas = Eigen::MatrixXd::Ones(1, 1);
  SimulationOptions simulation;
  simulation.count = 3000;
  simulation.grid = *model.own_grid();
  simulation.poses = SimulationOptions::Poses::Fixed;
  simulation.optics = SimulationOptions::Optics::None;
  simulation.noise_sigma = 0.5;
  SilentProgress progress;
  SimulationResult simulated =
      simulate(model, law, simulation, folder.path("pixels.mrcs"), progress);
  simulated.particles.where.assign(simulation.count, "simulated");
  const ImageSet images(simulated.particles, {});

  Ensemble shifted = simulated.truth;
  shifted.coordinates.array() += 0.7;
  ImageComparisonOptions options;
  options.noise_sigma = 0.5;
  options.components = 2;
  const ImageComparison comparison =
      compare_images(model, images, simulated.truth, nullptr, shifted, options, progress);
  // Between N(0, 1.25) and N(0.7, 1.25): 2 E|N(0.7, 2.5)| - 2 E|N(0, 2.5)|.
  const auto mean_distance = [](double m) {
    const double s = std::sqrt(2.5);
    return s * std::sqrt(2 / std::acos(-1.0)) * std::exp(-m * m / (2 * s * s)) +
           m * std::erf(m / (s * std::sqrt(2.0)));
  };
  const double expected = 2 * mean_distance(0.7) - 2 * mean_distance(0);
  EXPECT_NEAR(comparison.rows[0].final_value, expected, 4 * comparison.rows[1].final_value);
  EXPECT_LT(comparison.rows[1].final_value, expected / 5);
  // One pixel has one component.
  EXPECT_EQ(comparison.projections->observed_components.variances.size(), 1);

  options.noise_sigma = std::nullopt;
  EXPECT_THROW(compare_images(model, images, simulated.truth, nullptr, shifted, options, progress),
               Error);
}

}  // namespace
}  // namespace cryosip

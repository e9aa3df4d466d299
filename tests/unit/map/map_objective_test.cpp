// The objective of K structures against its formula in double precision and central differences.
#include "libcryosip/map/map_objective.hpp"

#include <cmath>
#include <functional>
#include <memory>
#include <numeric>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/flow/likelihood_objective.hpp"
#include "libcryosip/forward/forward_model.hpp"
#include "tests/support/simulated_set.hpp"

namespace cryosip {
namespace {

constexpr double kResolution = 10;
constexpr double kNoise = 0.02;

class MapObjectives : public ::testing::Test {
 protected:
  // Noise-free coefficients in double precision, times contrast and CTF, the mean left out.
  [[nodiscard]] Eigen::VectorXd seen(const Eigen::VectorXd& coordinates,
                                     const ImagingCondition& condition,
                                     double contrast) const {
    const auto basis = std::make_shared<FourierDisc>(images_->grid(), kResolution);
    const ForwardModel forward(data_.model(),
                               std::make_shared<FourierRenderer<double>>(
                                   basis, data_.model().scattering({}), PixelModel::Bandlimited));
    Eigen::VectorXd image = contrast * forward.image(coordinates, condition);
    image(0) = 0;
    image(basis->frequencies()) = 0;
    return image;
  }

  // Equation 22, word by word, but for the term of the images alone.
  [[nodiscard]] double formula(const MapPoint& point, const MapObjectiveOptions& options) const {
    const NuisanceLaw law(*images_, options.poses, options.seed);
    const bool given = options.poses == PoseLaw::Given;
    const std::size_t nuisances = given ? 1 : options.nuisances;
    double sum = 0;
    for (const std::size_t j : indices_) {
      const Eigen::VectorXd y = coefficients_.read(j).cast<double>();
      double evidence = 0;
      for (Eigen::Index k = 0; k < point.coordinates.cols(); ++k) {
        for (std::size_t n = 0; n < nuisances; ++n) {
          ImagingCondition condition = images_->condition(j);
          if (!given) {
            condition.pose = law.sample(0, n).pose;
          }
          const Eigen::VectorXd x = seen(point.coordinates.col(k), condition, point.contrast);
          const double l = -((x - y).squaredNorm() - y.squaredNorm()) / (2 * kNoise * kNoise);
          evidence += point.fractions(k) * std::exp(l) / static_cast<double>(nuisances);
        }
      }
      sum -= std::log(evidence);
    }
    if (options.prior_sigma) {
      sum += point.coordinates.squaredNorm() / (2 * *options.prior_sigma * *options.prior_sigma);
    }
    return sum / static_cast<double>(indices_.size());
  }

  static MapPoint weighted(MapPoint point, const Eigen::VectorXd& logs) {
    point.fractions = logs.array().exp();
    point.fractions /= point.fractions.sum();
    return point;
  }

  testing::SimulatedSet data_;
  std::unique_ptr<const ImageSet> images_ = data_.images();
  std::unique_ptr<const ImageModel> model_ =
      data_.model().image_model(images_->grid(), kResolution, {});
  SilentProgress progress_;
  ImageCoefficients coefficients_{*images_, *model_, progress_};
  std::vector<std::size_t> indices_ = {0, 1, 2, 3, 4, 5, 6, 7, 9, 11};
  MapPoint point_ = [] {
    MapPoint point;
    point.coordinates.resize(2, 3);
    point.coordinates << -0.5, 0.4, 0.9, 0.2, -0.3, 0.5;
    point.fractions = Eigen::Vector3d(0.2, 0.5, 0.3);
    point.contrast = 0.9;
    return point;
  }();
  std::vector<MapObjectiveOptions> laws_ = {
      {.poses = PoseLaw::Given},
      {.poses = PoseLaw::Given, .prior_sigma = 0.3},
      {.poses = PoseLaw::Uniform, .nuisances = 7, .prior_sigma = 0.3, .seed = 5}};
};

TEST_F(MapObjectives, AreTheFormulaAndTheirGradientsItsDifferences) {
  constexpr double kStep = 1e-4;
  for (const MapObjectiveOptions& options : laws_) {
    const MapObjective objective(coefficients_, indices_, kNoise, options);
    const MapEvaluation result = objective.evaluate(point_);
    const auto difference = [&](const std::function<MapPoint(double)>& moved) {
      return (formula(moved(kStep), options) - formula(moved(-kStep), options)) / (2 * kStep);
    };

    // Single precision of the drawings and of sums over hundreds of coefficients.
    const double expected = formula(point_, options);
    EXPECT_NEAR(result.objective, expected, 1e-5 * std::abs(expected));

    Eigen::MatrixXd gradient = point_.coordinates;
    for (Eigen::Index k = 0; k < gradient.cols(); ++k) {
      for (Eigen::Index c = 0; c < gradient.rows(); ++c) {
        gradient(c, k) = difference([&](double step) {
          MapPoint moved = point_;
          moved.coordinates(c, k) += step;
          return moved;
        });
      }
    }
    EXPECT_LT((result.gradient - gradient).norm(), 1e-4 * gradient.norm());

    const double by_contrast = difference([&](double step) {
      MapPoint moved = point_;
      moved.contrast += step;
      return moved;
    });
    EXPECT_NEAR(result.contrast_gradient, by_contrast, 1e-4 * std::abs(by_contrast));

    // By the logarithms of fractions that sum to 1: c - posterior.
    for (Eigen::Index k = 0; k < point_.fractions.size(); ++k) {
      const double by_fraction = difference([&](double step) {
        return weighted(point_,
                        point_.fractions.array().log().matrix() +
                            step * Eigen::VectorXd::Unit(point_.fractions.size(), k));
      });
      EXPECT_NEAR(point_.fractions(k) - result.posteriors(k), by_fraction, 1e-5);
    }
  }
}

TEST_F(MapObjectives, OfGivenPosesIsWhatTheLikelihoodFlowDescends) {
  std::vector<std::size_t> all(images_->size());
  std::iota(all.begin(), all.end(), std::size_t{0});
  const MapEvaluation result = MapObjective(coefficients_, all, kNoise, {}).evaluate(point_);

  LikelihoodOptions options;
  options.images_per_step = images_->size();
  options.negligible_responsibility = 0;
  Ensemble ensemble;
  ensemble.coordinates = point_.coordinates;
  ensemble.weights = point_.fractions;
  const FlowEvaluation flow =
      LikelihoodObjective(
          coefficients_, {.noise_sigma = kNoise, .contrast = point_.contrast}, options, 1)
          .evaluate(ensemble, ensemble.coordinates, {});

  EXPECT_NEAR(result.objective, flow.objective, 1e-12 * std::abs(flow.objective));
  const Eigen::MatrixXd velocity =
      -(result.gradient.array().rowwise() / point_.fractions.transpose().array());
  EXPECT_LT((velocity - flow.velocity).norm(), 1e-5 * flow.velocity.norm());
}

TEST_F(MapObjectives, GiveEachImagesLikelihoodsAndHowSureItIs) {
  for (const MapObjectiveOptions& options : laws_) {
    const MapEvaluation result =
        MapObjective(coefficients_, indices_, kNoise, options).evaluate(point_);
    for (std::size_t j = 0; j < indices_.size(); ++j) {
      // One image, one structure: minus its log likelihood is the objective.
      MapObjectiveOptions flat = options;
      flat.prior_sigma.reset();
      for (Eigen::Index k = 0; k < 3; ++k) {
        MapPoint one = point_;
        one.coordinates = point_.coordinates.col(k);
        one.fractions = Eigen::VectorXd::Ones(1);
        const double alone =
            MapObjective(coefficients_, {indices_[j]}, kNoise, flat).evaluate(one).objective;
        EXPECT_NEAR(result.log_likelihoods(k, static_cast<Eigen::Index>(j)),
                    -alone,
                    1e-5 * std::abs(alone));
      }
    }
    EXPECT_GE(result.structures_per_image, 1);
    EXPECT_LE(result.structures_per_image, 3);
    EXPECT_GE(result.nuisances_per_image, 1 - 1e-6);
    EXPECT_LE(result.nuisances_per_image, options.poses == PoseLaw::Given ? 1 : 7);
  }
  // Where noise drowns everything an image says nothing.
  const MapEvaluation drowned =
      MapObjective(coefficients_, indices_, 1e4, laws_.back()).evaluate(point_);
  EXPECT_NEAR(drowned.nuisances_per_image, 7, 1e-4);
  EXPECT_NEAR(drowned.structures_per_image, 1 / point_.fractions.squaredNorm(), 1e-4);
}

TEST_F(MapObjectives, InformationIsTheExpectedSquareOfTheGradient) {
  // Two images, so that every one is looked at; dx/dtheta by differences in double precision.
  const std::vector<std::size_t> few = {2, 6};
  Eigen::Vector2d expected = Eigen::Vector2d::Zero();
  constexpr double kStep = 1e-5;
  for (const std::size_t j : few) {
    for (Eigen::Index k = 0; k < 3; ++k) {
      for (Eigen::Index c = 0; c < 2; ++c) {
        const Eigen::VectorXd step = kStep * Eigen::VectorXd::Unit(2, c);
        const auto at = [&](const Eigen::VectorXd& coordinates) {
          return seen(coordinates, images_->condition(j), point_.contrast);
        };
        expected(c) += (at(point_.coordinates.col(k) + step) - at(point_.coordinates.col(k) - step))
                           .squaredNorm() /
                       (4 * kStep * kStep * kNoise * kNoise * 6);
      }
    }
  }
  const Eigen::VectorXd information =
      MapObjective(coefficients_, few, kNoise, {}).information(point_);

  // A scale for the minimiser: differences over 0.01 and single precision are good enough.
  EXPECT_LT((information - expected).norm(), 0.01 * expected.norm());
}

TEST_F(MapObjectives, GiveTheSameBitsOnAnyNumberOfThreads) {
  for (const MapObjectiveOptions& options : laws_) {
    const MapObjective objective(coefficients_, indices_, kNoise, options);
    const auto on = [&](std::size_t threads) {
      const ThreadLimit limit(threads);
      return objective.evaluate(point_);
    };
    const MapEvaluation one = on(1);
    const MapEvaluation three = on(3);
    EXPECT_EQ(one.objective, three.objective);
    EXPECT_EQ(one.gradient, three.gradient);
    EXPECT_EQ(one.posteriors, three.posteriors);
    EXPECT_EQ(one.contrast_gradient, three.contrast_gradient);
  }
}

TEST_F(MapObjectives, OfManyImagesAndDrawingsFillMoreThanOneTile) {
  // 300 images and 3 * 50 drawings: several tiles and blocks, each the same images over again.
  std::vector<std::size_t> repeated;
  for (std::size_t i = 0; i < 30; ++i) {
    repeated.insert(repeated.end(), indices_.begin(), indices_.end());
  }
  MapObjectiveOptions options{.poses = PoseLaw::Uniform, .nuisances = 50};
  const MapEvaluation once =
      MapObjective(coefficients_, indices_, kNoise, options).evaluate(point_);
  const MapEvaluation often =
      MapObjective(coefficients_, repeated, kNoise, options).evaluate(point_);

  EXPECT_NEAR(often.objective, once.objective, 1e-6 * std::abs(once.objective));
  EXPECT_LT((often.gradient - once.gradient).norm(), 1e-5 * once.gradient.norm());
  EXPECT_NEAR(
      often.contrast_gradient, once.contrast_gradient, 1e-5 * std::abs(once.contrast_gradient));
}

TEST_F(MapObjectives, RefuseOptionsThatMakeNoSense) {
  EXPECT_THROW(MapObjective(coefficients_, {}, kNoise, {}), Error);
  EXPECT_THROW(MapObjective(coefficients_, indices_, 0, {}), Error);
  EXPECT_THROW(MapObjective(coefficients_, indices_, kNoise, {.prior_sigma = 0}), Error);
  EXPECT_THROW(MapObjective(coefficients_, indices_, kNoise, {.nuisances = 0}), Error);
}

}  // namespace
}  // namespace cryosip

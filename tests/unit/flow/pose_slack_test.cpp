// Poses with errors: the closed form, linear in the pose near the image's own, against the integral
// over drawn poses with nothing linear about it.
#include "libcryosip/flow/pose_slack.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <gtest/gtest.h>

#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/flow/likelihood_objective.hpp"
#include "tests/support/objectives.hpp"

namespace cryosip {
namespace {

class PoseErrors : public testing::Objectives {
 protected:
  static constexpr PoseError kError{4, 2};  // degrees, angstrom
  static constexpr double kNoise = 0.008;   // a wrong pose costs ten units of log likelihood

  [[nodiscard]] ObservedImage observed_image(std::size_t index, double size = 1) const {
    // As if the pose in the table were one with an error: the true one is displaced.
    const Pose wrong = displaced(images_->condition(index).pose,
                                 size * Eigen::Vector3d(3, -5, 4) * kRadianPerDegree,
                                 size * Eigen::Vector2d(2.5, -1.5));
    return {coefficients_.read(index),
            static_cast<float>(scale_.contrast) * coefficients_.transfer(index),
            wrong,
            kNoise * kNoise};
  }

  // log of the mean over poses drawn from the law of errors.
  [[nodiscard]] double by_drawing(const ObservedImage& image,
                                  const PoseError& error,
                                  const Eigen::VectorXd& coordinates) const {
    constexpr std::size_t kDraws = 40000;
    const ImageLikelihood at_pose(image.coefficients, image.transfer, image.noise_variance);
    std::vector<double> logs(kDraws);
    parallel_for(40, [&](std::size_t portion) {
      const auto workspace = model_->workspace();
      Eigen::VectorXf drawn(model_->size());
      for (std::size_t d = portion; d < kDraws; d += 40) {
        RandomStream stream(3, StreamPurpose::Test, d);
        Eigen::Vector3d turn;
        for (double& angle : turn) {
          angle = error.angle_degree * kRadianPerDegree * stream.normal();
        }
        const Eigen::Vector2d shift(error.shift_angstrom * stream.normal(),
                                    error.shift_angstrom * stream.normal());
        model_->draw(coordinates, displaced(image.pose, turn, shift), *workspace, drawn);
        logs[d] = at_pose.log_likelihood(drawn);
      }
    });
    double peak = logs.front();
    for (const double value : logs) {
      peak = std::max(peak, value);
    }
    double sum = 0;
    for (const double value : logs) {
      sum += std::exp(value - peak);
    }
    return peak + std::log(sum / kDraws);
  }
};

TEST_F(PoseErrors, AreIntegratedOut) {
  std::vector<double> ignored;  // what the given pose gives, less what it should
  for (const double size : {1.0, 0.3}) {
    const PoseError error{4 * size, 2 * size};
    for (const std::size_t index : {0U, 5U}) {
      const ObservedImage image = observed_image(index, size);
      const ImageView view = view_of(*model_, ensemble_, image, error, 1, 0);
      const ImageLikelihood at_given(image.coefficients, image.transfer, image.noise_variance);
      const auto workspace = model_->workspace();
      Eigen::VectorXf drawn(model_->size());
      for (Eigen::Index i = 0; i < ensemble_.size(); ++i) {
        const double expected = by_drawing(image, error, ensemble_.coordinates.col(i));
        model_->draw(ensemble_.coordinates.col(i), view.pose, *workspace, drawn);
        const double found = view.likelihood.log_likelihood(drawn);
        model_->draw(ensemble_.coordinates.col(i), image.pose, *workspace, drawn);
        // What is left is of second order in the error, and of the 40 000 draws.
        EXPECT_NEAR(found, expected, 0.35 * size);
        ignored.push_back(at_given.log_likelihood(drawn) - expected);
      }
    }
  }
  EXPECT_LT(*std::min_element(ignored.begin(), ignored.end()), -4);
}

TEST_F(PoseErrors, OfZeroChangeNoBit) {
  ObservedImage image = observed_image(2);
  const ImageView view = view_of(*model_, ensemble_, image, {}, 1, 0);
  const ImageLikelihood exact(image.coefficients, image.transfer, image.noise_variance);
  const auto workspace = model_->workspace();
  Eigen::VectorXf drawn(model_->size());
  model_->draw(ensemble_.coordinates.col(0), view.pose, *workspace, drawn);

  EXPECT_EQ(view.pose.rotation, image.pose.rotation);
  EXPECT_EQ(view.likelihood.log_likelihood(drawn), exact.log_likelihood(drawn));
}

TEST_F(PoseErrors, GiveTheSameBitsOnAnyNumberOfThreads) {
  LikelihoodOptions options;
  options.images_per_step = images_->size();
  options.pose_error = kError;
  const auto evaluate = [&](std::size_t threads) {
    const ThreadLimit limit(threads);
    LikelihoodObjective objective(coefficients_, scale_, options, 2);
    return objective.evaluate(ensemble_, ensemble_.coordinates, {});
  };
  const FlowEvaluation one = evaluate(1);
  const FlowEvaluation two = evaluate(2);

  EXPECT_EQ(one.velocity, two.velocity);
  EXPECT_EQ(one.objective, two.objective);
}

}  // namespace
}  // namespace cryosip

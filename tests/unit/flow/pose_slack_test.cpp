// Poses with errors: the closed form, linear in the pose near the image's own, against the integral
// over drawn poses with nothing linear about it.
#include "libcryosip/flow/pose_slack.hpp"

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

  [[nodiscard]] ObservedImage observed_image(std::size_t index) const {
    // As if the pose in the table were one with an error: the true one is displaced.
    const Pose wrong = displaced(images_->condition(index).pose,
                                 Eigen::Vector3d(3, -5, 4) * kRadianPerDegree,
                                 Eigen::Vector2d(2.5, -1.5));
    return {coefficients_.read(index),
            static_cast<float>(scale_.contrast) * coefficients_.transfer(index),
            wrong,
            scale_.noise_sigma * scale_.noise_sigma};
  }

  // log of the mean over poses drawn from the law of errors.
  [[nodiscard]] double by_drawing(const ObservedImage& image,
                                  const Eigen::VectorXd& coordinates) const {
    constexpr std::size_t kDraws = 40000;
    const ImageLikelihood at_pose(image.coefficients, image.transfer, image.noise_variance);
    const double largest = at_pose.log_likelihood(
        Eigen::VectorXf::Zero(image.coefficients.size()));  // 0, kept for the scale
    std::vector<double> logs(kDraws);
    parallel_for(40, [&](std::size_t portion) {
      const auto workspace = model_->workspace();
      Eigen::VectorXf drawn(model_->size());
      for (std::size_t d = portion; d < kDraws; d += 40) {
        RandomStream stream(3, StreamPurpose::Test, d);
        Eigen::Vector3d turn;
        for (double& angle : turn) {
          angle = kError.angle_degree * kRadianPerDegree * stream.normal();
        }
        const Eigen::Vector2d shift(kError.shift_angstrom * stream.normal(),
                                    kError.shift_angstrom * stream.normal());
        model_->draw(coordinates, displaced(image.pose, turn, shift), *workspace, drawn);
        logs[d] = at_pose.log_likelihood(drawn);
      }
    });
    double peak = largest;
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
  for (const std::size_t index : {0U, 5U}) {
    const ObservedImage image = observed_image(index);
    const ImageView view = view_of(*model_, ensemble_, image, kError, 1, 0);
    const auto workspace = model_->workspace();
    Eigen::VectorXf drawn(model_->size());
    for (Eigen::Index i = 0; i < ensemble_.size(); ++i) {
      model_->draw(ensemble_.coordinates.col(i), view.pose, *workspace, drawn);
      const double expected = by_drawing(image, ensemble_.coordinates.col(i));
      const double found = view.likelihood.log_likelihood(drawn);
      std::printf("%zu %d: %.3f %.3f\n", index, int(i), found, expected);
    }
  }
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

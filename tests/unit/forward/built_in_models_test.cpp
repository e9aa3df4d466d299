// The paper's one-dimensional system and its nanocluster, against their formulas.
#include <cmath>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "libcryosip/forward/identity_model.hpp"

namespace cryosip {
namespace {

TEST(IdentityModel, SeesTheCoordinateAsTheOnePixel) {
  const IdentityModel model;
  const auto images = model.image_model(*model.own_grid(), 0, {});
  const auto workspace = images->workspace();
  Eigen::VectorXf image(1);
  images->draw(Eigen::VectorXd::Constant(1, -1.25), {}, *workspace, image);

  EXPECT_EQ(image(0), -1.25F);
  EXPECT_EQ(images->pull_back(*workspace, Eigen::VectorXf::Constant(1, 3))(0), 3);
  EXPECT_EQ(images->transfer({})(0), 1);
  EXPECT_EQ(model.pixel_simulator(*model.own_grid(), {})->image(Eigen::VectorXd::Ones(1), {})(0),
            1);
}

TEST(IdentityModel, RefusesMorePixelsAndACtf) {
  const IdentityModel model;

  EXPECT_THROW((void)model.image_model({16, 1}, 0, {}), Error);
  EXPECT_THROW((void)model.pixel_simulator({16, 1}, {}), Error);
  EXPECT_THROW((void)model.image_model({1, 1}, 0, {})->transfer(Ctf(CtfParameters())), Error);
}

const Eigen::Vector2d kTall(1.0, 1.8);

// Paper section 4.2: I(u) = sum over (+-w/2, +-h/2) of exp(-|u - a|^2 / 2 s^2).
Eigen::VectorXd formula(const Eigen::Vector2d& size) {
  constexpr int kBox = 32;
  Eigen::VectorXd image(kBox * kBox);
  for (int y = 0; y < kBox; ++y) {
    for (int x = 0; x < kBox; ++x) {
      const Eigen::Vector2d u((x - 16) * 0.125, (y - 16) * 0.125);
      double sum = 0;
      for (const double across : {-0.5, 0.5}) {
        for (const double along : {-0.5, 0.5}) {
          const Eigen::Vector2d atom(across * size.x(), along * size.y());
          sum += std::exp(-(u - atom).squaredNorm() / (2 * 0.2 * 0.2));
        }
      }
      image(y * kBox + x) = sum;
    }
  }
  return image;
}

TEST(NanoclusterModel, PixelsAreTheFormula) {
  const NanoclusterModel model;
  ImagingOptions options;
  options.pixel = PixelModel::Point;
  const Eigen::VectorXd sampled =
      model.pixel_simulator(*model.own_grid(), options)->image(kTall, {});
  options.pixel = PixelModel::Bandlimited;
  const Eigen::VectorXd bandlimited =
      model.pixel_simulator(*model.own_grid(), options)->image(kTall, {});

  EXPECT_LT((sampled - formula(kTall)).cwiseAbs().maxCoeff(), 1e-12);
  // The Gaussian's spectrum at Nyquist, 4 cycles a unit, is 3e-6 of its value at 0.
  EXPECT_LT((bandlimited - formula(kTall)).cwiseAbs().maxCoeff(), 1e-4);
}

TEST(NanoclusterModel, CoefficientsAreThoseOfTheFormulaAndItsGradientOfItsDifferences) {
  const NanoclusterModel model;
  const auto images = model.image_model(*model.own_grid(), 0, {});
  const auto coefficients = [&](const Eigen::Vector2d& size) {
    const Eigen::VectorXf pixels = formula(size).cast<float>();
    return images->basis()
        .analyse({pixels.data(), static_cast<std::size_t>(pixels.size())})
        .cwiseProduct(images->transfer({}).cast<double>())
        .eval();
  };
  const auto workspace = images->workspace();
  Eigen::VectorXf drawn(images->size());
  images->draw(kTall, {}, *workspace, drawn);
  const Eigen::VectorXd expected = coefficients(kTall);

  EXPECT_LT((drawn.cast<double>() - expected).norm(), 1e-5 * expected.norm());

  const Eigen::VectorXf adjoint = coefficients({1.5, 1.3}).cast<float>();
  const Eigen::VectorXd gradient = images->pull_back(*workspace, adjoint);
  constexpr double kStep = 1e-3;
  for (Eigen::Index k = 0; k < 2; ++k) {
    const Eigen::Vector2d step = kStep * Eigen::Vector2d::Unit(k);
    const double difference =
        (coefficients(kTall + step) - coefficients(kTall - step)).dot(adjoint.cast<double>()) /
        (2 * kStep);
    EXPECT_NEAR(gradient(k), difference, 1e-4 * std::abs(difference));
  }
}

TEST(ConformationModels, GoByTheirNames) {
  EXPECT_EQ(load_conformation_model("identity")->dimension(), 1);
  EXPECT_EQ(load_conformation_model("nanocluster")->dimension(), 2);
  EXPECT_FALSE(load_conformation_model("nanocluster")->has_views());
  EXPECT_THROW((void)load_conformation_model("unheard-of"), Error);
}

}  // namespace
}  // namespace cryosip

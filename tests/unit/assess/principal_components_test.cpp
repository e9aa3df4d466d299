// Principal components against a direct decomposition, and the laws of reconstruction.
#include "libcryosip/assess/principal_components.hpp"

#include <cmath>

#include <Eigen/SVD>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// Noise about a few strong directions, far from the origin.
Eigen::MatrixXf images_of(Index coefficients, Index count) {
  RandomStream stream(4, StreamPurpose::Test, static_cast<std::uint64_t>(coefficients), 18);
  const auto normal = [&] { return static_cast<float>(stream.normal()); };
  const Eigen::MatrixXf directions = Eigen::MatrixXf::NullaryExpr(coefficients, 3, normal);
  const Eigen::Vector3f widths(3, 2, 1);
  return ((directions * widths.asDiagonal() * Eigen::MatrixXf::NullaryExpr(3, count, normal) +
           0.3F * Eigen::MatrixXf::NullaryExpr(coefficients, count, normal))
              .array() +
          5.0F)
      .matrix();
}

// Fewer images than coefficients, more, and enough of both for the iterative solver.
class PrincipalComponentsOf : public ::testing::TestWithParam<std::pair<Index, Index>> {};

TEST_P(PrincipalComponentsOf, AreTheSingularVectorsOfTheCentredImages) {
  const auto [coefficients, count] = GetParam();
  constexpr Index kWanted = 4;
  const Eigen::MatrixXf images = images_of(coefficients, count);
  const PrincipalComponents found = principal_components(images, kWanted);

  const Eigen::MatrixXd centred =
      images.cast<double>().colwise() - images.cast<double>().rowwise().mean();
  const Eigen::BDCSVD<Eigen::MatrixXd> direct(centred, Eigen::ComputeThinU);
  ASSERT_EQ(found.variances.size(), kWanted);
  for (Index p = 0; p < kWanted; ++p) {
    const double variance =
        std::pow(direct.singularValues()(p), 2) / static_cast<double>(count - 1);
    EXPECT_NEAR(found.variances(p) / variance, 1, 1e-10) << p;
    EXPECT_NEAR(std::abs(found.components.col(p).dot(direct.matrixU().col(p))), 1, 1e-6) << p;
    EXPECT_GT(found.components.col(p).maxCoeff(), -found.components.col(p).minCoeff());
  }
  EXPECT_TRUE((found.components.transpose() * found.components)
                  .isApprox(Eigen::MatrixXd::Identity(kWanted, kWanted), 1e-9));

  // What is left of the variance is what the components do not reconstruct.
  const Eigen::MatrixXd projected = found.project(images);
  EXPECT_LT(projected.rowwise().mean().cwiseAbs().maxCoeff(), 1e-9);
  const double residual = (centred - found.components * projected).squaredNorm();
  EXPECT_NEAR(residual / static_cast<double>(count - 1),
              found.total_variance - found.variances.sum(),
              1e-8 * found.total_variance);
}

INSTANTIATE_TEST_SUITE_P(Shapes,
                         PrincipalComponentsOf,
                         ::testing::Values(std::pair(Index{50}, Index{20}),
                                           std::pair(Index{20}, Index{50}),
                                           std::pair(Index{450}, Index{430}),
                                           std::pair(Index{430}, Index{450})));

TEST(PrincipalComponents, AreAsManyAsThereAreDirections) {
  Eigen::MatrixXf images = Eigen::MatrixXf::Zero(6, 9);
  images.row(2) = Eigen::RowVectorXf::LinSpaced(9, 0, 1);
  images.row(4).setConstant(3);
  const PrincipalComponents found = principal_components(images, 4);

  ASSERT_EQ(found.variances.size(), 1);
  EXPECT_NEAR(found.components(2, 0), 1, 1e-12);
  EXPECT_NEAR(found.variances(0), found.total_variance, 1e-12);
  EXPECT_EQ(principal_components(Eigen::MatrixXf::Ones(3, 5), 2).variances.size(), 0);
  // Together they reconstruct the images.
  const Eigen::MatrixXd rebuilt = (found.components * found.project(images)).colwise() + found.mean;
  EXPECT_TRUE(rebuilt.isApprox(images.cast<double>(), 1e-6));
}

TEST(PrincipalComponents, HaveTheSameBitsOnAnyNumberOfThreads) {
  const Eigen::MatrixXf images = images_of(450, 600);
  const PrincipalComponents on_all = principal_components(images, 3);
  const Eigen::MatrixXd projected = on_all.project(images);
  const ThreadLimit one(1);
  const PrincipalComponents on_one = principal_components(images, 3);
  EXPECT_EQ(on_all.components, on_one.components);
  EXPECT_EQ(on_all.variances, on_one.variances);
  EXPECT_EQ(projected, on_one.project(images));
}

TEST(PrincipalComponents, NeedTwoImagesAndAComponent) {
  EXPECT_THROW(principal_components(Eigen::MatrixXf::Ones(3, 1), 1), Error);
  EXPECT_THROW(principal_components(Eigen::MatrixXf::Ones(3, 5), 0), Error);
}

}  // namespace
}  // namespace cryosip

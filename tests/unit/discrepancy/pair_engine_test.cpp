#include "libcryosip/discrepancy/pair_engine.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "tests/support/random_images.hpp"

namespace cryosip {
namespace {

using ::cryosip::testing::random_images;
using ::cryosip::testing::random_weights;

// Groups of a few, as sampling methods B and C make them.
std::vector<int> labels(Eigen::Index count, int period, bool in_runs) {
  std::vector<int> result;
  result.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    result.push_back(in_runs ? i / period : i % period);
  }
  return result;
}

struct Images {
  Eigen::MatrixXd points;
  Eigen::MatrixXd partners;
  Eigen::VectorXd weights;
  std::vector<int> origin;
  std::vector<int> conformation;
  std::vector<int> nuisance;

  // One weight is 0 where there are several.
  Images(Eigen::Index size, Eigen::Index point_count, Eigen::Index partner_count)
      : points(random_images(size, point_count, 1)),
        partners(random_images(size, partner_count, 2).array() + 0.2),
        weights(random_weights(partner_count, 3)) {
    if (partner_count > 2) {
      weights(partner_count / 2) = 0;
      weights /= weights.sum();
    }
  }
};

template <typename Scalar>
constexpr double kTolerance = std::is_same_v<Scalar, float> ? 1e-5 : 1e-10;

// The fast engine against the other, on the same numbers.
template <typename Scalar>
class Engines : public ::testing::Test {
 protected:
  using Matrix = Eigen::MatrixX<Scalar>;

  static void expect_equal(const PairSums& fast, const PairSums& slow) {
    EXPECT_LT((fast.value - slow.value).norm(), kTolerance<Scalar> * slow.value.norm());
    EXPECT_LT((fast.gradient - slow.gradient).norm(), kTolerance<Scalar> * slow.gradient.norm());
    EXPECT_TRUE(fast.value.allFinite() && fast.gradient.allFinite());
  }

  void expect_engines_agree(const Images& images) const {
    const Matrix points = images.points.cast<Scalar>();
    const Matrix partners = images.partners.cast<Scalar>();
    const PairProblem<Scalar> problem{
        points, partners, images.weights, {images.origin, images.conformation, images.nuisance}};
    const auto size = static_cast<double>(points.rows());
    const Kernel kernel = parse_kernel("gaussian+2*laplace+imq:0.7+imq:1:2+energy+riesz:1.5");
    std::vector<PairFunction> kernels = {
        PairFunction(energy_kernel(), 0, 0),
        PairFunction(with_common_bandwidth(kernel, std::sqrt(size)), 0, 0),
        PairFunction(parse_kernel("gaussian"), 0.3, size, -size / 2)};
    // Each pair costs the reference a thousand exponentials.
    if (points.cols() * partners.cols() < 10000) {
      kernels.emplace_back(with_common_bandwidth(kernel, std::sqrt(size)), 0.3, size);
    }
    for (const PairFunction& k : kernels) {
      expect_equal(fast_.kernel_sums(problem, k, true), slow_.kernel_sums(problem, k, true));
    }
    EXPECT_EQ(fast_.kernel_sums(problem, kernels[1], false).value,
              fast_.kernel_sums(problem, kernels[1], true).value);
    expect_equal(fast_.log_gaussian_sums(problem, size / 4),
                 slow_.log_gaussian_sums(problem, size / 4));
  }

  BlockedPairEngine<Scalar> fast_;
  ReferencePairEngine<Scalar> slow_;
};

using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(Engines, Scalars);

TYPED_TEST(Engines, AgreeOnBlocksFullAndInPart) {
  this->expect_engines_agree(Images(1, 2, 1));
  this->expect_engines_agree(Images(1, 65, 513));
  this->expect_engines_agree(Images(8, 10, 20));
  this->expect_engines_agree(Images(9, 64, 512));
  this->expect_engines_agree(Images(9, 10, 520));
  this->expect_engines_agree(Images(40, 65, 513));
}

TYPED_TEST(Engines, AgreeOnPairsLeftOut) {
  for (const Eigen::Index size : {2, 30}) {
    Images images(size, 72, 72);
    images.points = images.partners;
    images.origin = own_origins(72);
    this->expect_engines_agree(images);
    images.conformation = labels(72, 8, true);
    this->expect_engines_agree(images);
    images.nuisance = labels(72, 8, false);
    this->expect_engines_agree(images);
    images.conformation.clear();
    images.origin[4] = -1;
    images.origin[5] = 70;
    this->expect_engines_agree(images);
  }
}

TYPED_TEST(Engines, AgreeOnMoreThanABlockLeftOut) {
  // All partners of the first matrix product, and all at once.
  Images images(20, 3, 600);
  images.origin = {0, 599, -1};
  images.conformation = labels(600, 560, true);
  this->expect_engines_agree(images);
}

TYPED_TEST(Engines, KeepTheirDigitsBesideALargeCommonOffset) {
  Images images(30, 70, 90);
  const Eigen::VectorXd offset = (random_images(30, 1, 4) * 4).array().round() * 64;
  // Multiples of 1/256, which single precision holds exactly beside the offset.
  const auto moved = [&](const Eigen::MatrixXd& near) -> Eigen::MatrixXd {
    return ((near * 256).array().round().matrix() / 256).colwise() + offset;
  };
  images.points = moved(images.points);
  images.partners = moved(images.partners);
  this->expect_engines_agree(images);
}

TYPED_TEST(Engines, KeepTheDistanceOfImagesThatAreAlmostEqual) {
  Images images(30, 20, 25);
  for (const double apart : {1e-1, 1e-2, 1e-3, 1e-6}) {
    images.points.col(3) = images.partners.col(2);
    images.points(0, 3) += apart;
    this->expect_engines_agree(images);
  }
}

TYPED_TEST(Engines, AgreeOnTightClustersFarApart) {
  Images images(30, 40, 50);
  images.points = 1e-3 * images.points;
  images.partners = 1e-3 * images.partners;
  images.points.leftCols(20).array() += 1;
  images.partners.leftCols(25).array() += 1;
  this->expect_engines_agree(images);
}

TYPED_TEST(Engines, AgreeWhereOnePointSitsOnAPartner) {
  Images images(12, 5, 6);
  images.points.col(1) = images.partners.col(4);
  this->expect_engines_agree(images);
}

TYPED_TEST(Engines, AgreeBelowTheRangeOfSinglePrecision) {
  // exp(-t / 2) around 1e-130.
  const Images images(300, 10, 20);
  const typename TestFixture::Matrix points = images.points.cast<TypeParam>();
  const typename TestFixture::Matrix partners = images.partners.cast<TypeParam>();
  const PairProblem<TypeParam> problem{points, partners, images.weights, {}};
  const PairFunction k(parse_kernel("gaussian"), 0, 0);

  const PairSums fast = this->fast_.kernel_sums(problem, k, true);
  const PairSums slow = this->slow_.kernel_sums(problem, k, true);

  // Single precision of an exponent of 300.
  const double tolerance = 20 * kTolerance<TypeParam>;
  EXPECT_LT((fast.value - slow.value).norm(), tolerance * slow.value.norm());
  EXPECT_LT((fast.gradient - slow.gradient).norm(), tolerance * slow.gradient.norm());
  EXPECT_GT(slow.gradient.norm(), 0);
}

TYPED_TEST(Engines, LogarithmsStayFiniteWhereTheirSumsUnderflow) {
  Images images(4, 10, 600);
  images.points.array() += 50;
  const typename TestFixture::Matrix points = images.points.cast<TypeParam>();
  const typename TestFixture::Matrix partners = images.partners.cast<TypeParam>();
  const PairProblem<TypeParam> problem{points, partners, images.weights, {}};

  TestFixture::expect_equal(this->fast_.log_gaussian_sums(problem, 0.1),
                            this->slow_.log_gaussian_sums(problem, 0.1));
}

TYPED_TEST(Engines, LogarithmOfNothingIsMinusInfinity) {
  Images images(4, 2, 6);
  images.origin = {0, -1};
  images.conformation = {1, 1, 1, 1, 1, 1};
  const typename TestFixture::Matrix points = images.points.cast<TypeParam>();
  const typename TestFixture::Matrix partners = images.partners.cast<TypeParam>();
  const PairProblem<TypeParam> problem{
      points, partners, images.weights, {images.origin, images.conformation, images.nuisance}};

  for (const PairEngine<TypeParam>* engine :
       {static_cast<const PairEngine<TypeParam>*>(&this->fast_),
        static_cast<const PairEngine<TypeParam>*>(&this->slow_)}) {
    const PairSums sums = engine->log_gaussian_sums(problem, 1);
    EXPECT_EQ(sums.value(0), -std::numeric_limits<double>::infinity());
    EXPECT_EQ(sums.gradient.col(0), Eigen::VectorXd::Zero(4));
    EXPECT_TRUE(std::isfinite(sums.value(1)));
  }
}

TYPED_TEST(Engines, AgreeOnTheLikelihood) {
  for (const Eigen::Index images : {1, 70, 600}) {
    const typename TestFixture::Matrix x = random_images(20, images, 5).cast<TypeParam>();
    const typename TestFixture::Matrix y = random_images(20, 530, 6).cast<TypeParam>();
    const typename TestFixture::Matrix c = random_images(20, 530, 7).cast<TypeParam>();
    Eigen::VectorXd weights = random_weights(images, 8);
    if (images > 1) {
      weights(1) = 0;
      weights(2) = 1e-60;
    }

    const LikelihoodSums fast = this->fast_.likelihood(x, weights, y, c, 2);
    const LikelihoodSums slow = this->slow_.likelihood(x, weights, y, c, 2);

    EXPECT_LT((fast.log_evidence - slow.log_evidence).norm(),
              kTolerance<TypeParam> * slow.log_evidence.norm());
    const auto expect_columns_near = [](const Eigen::MatrixXd& one, const Eigen::MatrixXd& other) {
      for (Eigen::Index i = 0; i < one.cols(); ++i) {
        ASSERT_LE((one.col(i) - other.col(i)).norm(), kTolerance<TypeParam> * other.col(i).norm());
      }
    };
    expect_columns_near(fast.share.transpose(), slow.share.transpose());
    expect_columns_near(fast.pull, slow.pull);
  }
}

TYPED_TEST(Engines, RefuseImagesThatAreNotFinite) {
  for (const Eigen::Index size : {2, 20}) {
    Images images(size, 5, 6);
    images.points(1, 2) = std::numeric_limits<double>::quiet_NaN();
    const typename TestFixture::Matrix points = images.points.cast<TypeParam>();
    const typename TestFixture::Matrix partners = images.partners.cast<TypeParam>();
    const PairProblem<TypeParam> problem{points, partners, images.weights, {}};
    const PairFunction k(energy_kernel(), 0.1, 3);

    EXPECT_THROW(static_cast<void>(this->fast_.kernel_sums(problem, k, true)), Error);
    EXPECT_THROW(static_cast<void>(this->fast_.log_gaussian_sums(problem, 1)), Error);
  }
}

TYPED_TEST(Engines, GiveTheSameBitsOnAnyNumberOfThreads) {
  for (const Eigen::Index size : {1, 20}) {
    const Images images(size, 300, 600);
    const typename TestFixture::Matrix points = images.points.cast<TypeParam>();
    const typename TestFixture::Matrix partners = images.partners.cast<TypeParam>();
    const typename TestFixture::Matrix transfer = random_images(size, 600, 9).cast<TypeParam>();
    const PairProblem<TypeParam> problem{points, partners, images.weights, {}};
    const PairFunction k(parse_kernel("gaussian+laplace+energy"), 0.3, static_cast<double>(size));
    const Eigen::VectorXd weights = random_weights(300, 10);
    const auto everything = [&](std::size_t threads) {
      const ThreadLimit limit(threads);
      const PairSums sums = this->fast_.kernel_sums(problem, k, true);
      const PairSums logs = this->fast_.log_gaussian_sums(problem, 2);
      const LikelihoodSums likelihood =
          this->fast_.likelihood(points, weights, partners, transfer, 2);
      return std::array<Eigen::MatrixXd, 7>{sums.value,
                                            sums.gradient,
                                            logs.value,
                                            logs.gradient,
                                            likelihood.log_evidence,
                                            likelihood.share,
                                            likelihood.pull};
    };

    EXPECT_EQ(everything(1), everything(2));
  }
}

TEST(ReferencePairEngine, HasTheWorkedValueOfOneAgainstTwo) {
  const Eigen::MatrixXd point = Eigen::MatrixXd::Constant(1, 1, 1);
  Eigen::MatrixXd partners(1, 2);
  partners << 0, 3;
  const Eigen::VectorXd weights = Eigen::Vector2d(0.25, 0.75);
  const PairProblem<double> problem{point, partners, weights, {}};

  const PairSums energy =
      ReferencePairEngine<double>().kernel_sums(problem, PairFunction(energy_kernel(), 0, 0), true);
  const PairSums logs = ReferencePairEngine<double>().log_gaussian_sums(problem, 2);

  EXPECT_DOUBLE_EQ(energy.value(0), -(0.25 * 1 + 0.75 * 2));
  EXPECT_DOUBLE_EQ(energy.gradient(0), -0.25 + 0.75);
  EXPECT_DOUBLE_EQ(logs.value(0), std::log(0.25 * std::exp(-0.25) + 0.75 * std::exp(-1.0)));
}

TEST(ReferencePairEngine, GradientsAgreeWithCentralDifferences) {
  const Images images(3, 4, 5);
  const ReferencePairEngine<double> engine;
  const PairFunction k(parse_kernel("gaussian+laplace+energy"), 0.2, 3);
  const auto sums_at = [&](const Eigen::MatrixXd& points, bool logs) {
    const PairProblem<double> problem{points, images.partners, images.weights, {}};
    return logs ? engine.log_gaussian_sums(problem, 0.7) : engine.kernel_sums(problem, k, true);
  };
  for (const bool logs : {false, true}) {
    const PairSums sums = sums_at(images.points, logs);
    constexpr double kStep = 1e-5;
    for (Eigen::Index row = 0; row < 3; ++row) {
      Eigen::MatrixXd up = images.points;
      Eigen::MatrixXd down = images.points;
      up.row(row).array() += kStep;
      down.row(row).array() -= kStep;
      const Eigen::VectorXd difference =
          (sums_at(up, logs).value - sums_at(down, logs).value) / (2 * kStep);
      EXPECT_LT((sums.gradient.row(row).transpose() - difference).norm(), 1e-8);
    }
  }
}

}  // namespace
}  // namespace cryosip

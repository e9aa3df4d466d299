#include "libcryosip/assess/ensemble_distance.hpp"

#include <chrono>
#include <cmath>
#include <numbers>
#include <random>
#include <string>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "tests/support/for_all.hpp"

namespace cryosip {
namespace {

struct Points {
  Eigen::MatrixXd at;
  Eigen::VectorXd weights;
};

Points random_points(int dimension, int count, std::mt19937_64& rng) {
  std::normal_distribution<double> normal;
  std::uniform_real_distribution<double> uniform(0.1, 1);
  return {Eigen::MatrixXd::NullaryExpr(dimension, count, [&] { return normal(rng); }),
          Eigen::VectorXd::NullaryExpr(count, [&] { return uniform(rng); })};
}

double w(const Points& a, const Points& b, double order) {
  return wasserstein_1d(a.at.row(0), a.weights, b.at.row(0), b.weights, order);
}

double energy(const Points& a, const Points& b) {
  return energy_distance(a.at, a.weights, b.at, b.weights);
}

// The quantile points (i + 1/2) / n of a standard normal, by bisection of erf.
Points normal_quantiles(double mean, double sigma, int count) {
  Points points{Eigen::MatrixXd(1, count), Eigen::VectorXd::Ones(count)};
  for (int i = 0; i < count; ++i) {
    const double t = (i + 0.5) / count;
    double low = -10;
    double high = 10;
    for (int step = 0; step < 60; ++step) {
      const double middle = 0.5 * (low + high);
      (std::erfc(-middle / std::numbers::sqrt2) / 2 < t ? low : high) = middle;
    }
    points.at(0, i) = mean + sigma * low;
  }
  return points;
}

// Of normals of one variance every W_p is the shift; W_2^2 = (m - m')^2 + (s - s')^2; concentric,
// W_1 = |s - s'| E|z|.
TEST(Wasserstein, OfNormalsHasClosedForms) {
  const Points a = normal_quantiles(0.3, 0.5, 20000);
  const Points shifted = normal_quantiles(1.1, 0.5, 20000);
  const Points both = normal_quantiles(1.1, 0.9, 20000);
  const Points wider = normal_quantiles(0.3, 0.9, 20000);

  EXPECT_NEAR(w(a, shifted, 1), 0.8, 1e-10);
  EXPECT_NEAR(w(a, shifted, 2), 0.8, 1e-10);
  EXPECT_NEAR(w(a, both, 2), std::sqrt(0.64 + 0.16), 1e-4);
  EXPECT_NEAR(w(a, wider, 1), 0.4 * std::sqrt(2 / std::numbers::pi), 1e-4);
}

// Of N(m, s^2) and N(m', s'^2) on the line, with mu(d, v) = E|N(d, v)|:
// 2 mu(m - m', s^2 + s'^2) - mu(0, 2 s^2) - mu(0, 2 s'^2).
TEST(EnergyDistance, OfNormalsHasAClosedForm) {
  const auto mu = [](double d, double variance) {
    const double s = std::sqrt(variance);
    return s * std::sqrt(2 / std::numbers::pi) * std::exp(-d * d / (2 * variance)) +
           d * std::erf(d / (s * std::numbers::sqrt2));
  };

  const double distance = energy(normal_quantiles(0, 0.5, 700), normal_quantiles(1, 0.8, 700));

  EXPECT_NEAR(distance, 2 * mu(1, 0.89) - mu(0, 0.5) - mu(0, 1.28), 2e-3);
}

// python3: import numpy, scipy.stats as s
//   a, u, b, v = [0.5, -1.25, 3, 2], [1, 2, 0.5, 4], [1, -2, 0.75], [3, 1, 2.5]
//   s.wasserstein_distance(a, b, u, v), s.energy_distance(a, b, u, v) ** 2
//   import ot; ot.wasserstein_1d(numpy.array(a), numpy.array(b), numpy.array(u) / 7.5,
//                                numpy.array(v) / 6.5, p=2) ** 0.5
// (scipy's energy distance is the square root of ours.)
TEST(EnsembleDistance, AgreesWithScipyAndPot) {
  Points a{Eigen::MatrixXd(1, 4), Eigen::VectorXd(4)};
  a.at << 0.5, -1.25, 3, 2;
  a.weights << 1, 2, 0.5, 4;
  Points b{Eigen::MatrixXd(1, 3), Eigen::VectorXd(3)};
  b.at << 1, -2, 0.75;
  b.weights << 3, 1, 2.5;

  EXPECT_NEAR(w(a, b, 1), 1.0756410256410256, 1e-14);
  EXPECT_NEAR(w(a, b, 2), 1.1933308265265177, 1e-14);
  EXPECT_NEAR(energy(a, b), 0.8488231426692964, 1e-14);
}

// python3: import numpy, scipy.spatial.distance as d
//   i = numpy.arange(30); a = numpy.c_[numpy.sin(i), numpy.cos(2 * i), numpy.sin(3 * i + 1)]
//   j = numpy.arange(20); b = numpy.c_[numpy.cos(j), numpy.sin(j * j), 0.5 + numpy.cos(5 * j)]
//   u = (1 + i % 4) / (1 + i % 4).sum(); v = numpy.full(20, 1 / 20)
//   2 * u @ d.cdist(a, b) @ v - u @ d.cdist(a, a) @ u - v @ d.cdist(b, b) @ v
TEST(EnsembleDistance, AgreesWithScipyInThreeDimensions) {
  Points a{Eigen::MatrixXd(3, 30), Eigen::VectorXd(30)};
  for (int i = 0; i < 30; ++i) {
    a.at.col(i) << std::sin(i), std::cos(2 * i), std::sin(3 * i + 1);
    a.weights(i) = 1 + i % 4;
  }
  Points b{Eigen::MatrixXd(3, 20), Eigen::VectorXd::Ones(20)};
  for (int j = 0; j < 20; ++j) {
    b.at.col(j) << std::cos(j), std::sin(j * j), 0.5 + std::cos(5 * j);
  }

  EXPECT_NEAR(energy(a, b), 0.15554347308537797, 1e-13);
}

TEST(EnsembleDistance, IsZeroForEqualMeasures) {
  testing::for_all(20, [](std::mt19937_64& rng) {
    const Points a = random_points(3, 20, rng);
    // The same measure: in reverse order, its first point split in two.
    Points b{Eigen::MatrixXd(3, 21), Eigen::VectorXd(21)};
    b.at << a.at.rowwise().reverse(), a.at.col(0);
    b.weights << a.weights.reverse(), 0.25 * a.weights(0);
    b.weights(19) *= 0.75;

    EXPECT_NEAR(w(a, b, 1), 0, 1e-14);
    EXPECT_NEAR(energy(a, b), 0, 1e-14);
    EXPECT_EQ(energy(a, a), 0);
  });
}

TEST(EnsembleDistance, IsSymmetricAndPositive) {
  testing::for_all(20, [](std::mt19937_64& rng) {
    const Points a = random_points(2, 15, rng);
    const Points b = random_points(2, 22, rng);

    EXPECT_NEAR(w(a, b, 1), w(b, a, 1), 1e-14);
    EXPECT_NEAR(w(a, b, 2), w(b, a, 2), 1e-14);
    EXPECT_LE(w(a, b, 1), w(a, b, 2) + 1e-14);
    EXPECT_NEAR(energy(a, b), energy(b, a), 1e-14);
    EXPECT_GT(energy(a, b), 0);
  });
}

TEST(EnsembleDistance, WassersteinOfAShiftIsTheShift) {
  testing::for_all(20, [](std::mt19937_64& rng) {
    const Points a = random_points(1, 40, rng);
    Points b = a;
    b.at.array() += 0.7;

    EXPECT_NEAR(w(a, b, 1), 0.7, 1e-13);
    EXPECT_NEAR(w(a, b, 2), 0.7, 1e-13);
  });
}

TEST(EnsembleDistance, IgnoresTheScaleOfWeights) {
  std::mt19937_64 rng(1);
  const Points a = random_points(2, 15, rng);
  const Points b = random_points(2, 22, rng);
  Points heavier = a;
  heavier.weights *= 16;

  EXPECT_EQ(w(a, b, 1), w(heavier, b, 1));
  EXPECT_EQ(energy(a, b), energy(heavier, b));
}

TEST(EnsembleDistance, EnergyHasTheSameBitsOnAnyNumberOfThreads) {
  std::mt19937_64 rng(2);
  const Points a = random_points(4, 150, rng);
  const Points b = random_points(4, 170, rng);
  const double all = energy(a, b);
  const ThreadLimit one(1);

  EXPECT_EQ(energy(a, b), all);
}

TEST(WassersteinInSpace, SplitsIntoThatOfAxesForProducts) {
  // Of products of equal weights W2^2 is the sum over the axes where transport can go along each.
  std::mt19937_64 rng(8);
  const Points x = random_points(1, 6, rng);
  const Points y = random_points(1, 5, rng);
  const auto product = [&](double shift, double factor) {
    Points points{Eigen::MatrixXd(2, 30), Eigen::VectorXd::Ones(30)};
    for (int i = 0; i < 30; ++i) {
      points.at.col(i) << x.at(0, i % 6), shift + factor * y.at(0, i / 6);
    }
    return points;
  };
  const Points a = product(0, 1);
  const Points b = product(0.3, 1.5);
  const Eigen::VectorXd of_y = Eigen::VectorXd::Ones(5);
  const double along_y = wasserstein_1d(y.at.row(0).transpose(),
                                        of_y,
                                        (0.3 + 1.5 * y.at.row(0).array()).matrix().transpose(),
                                        of_y,
                                        2);

  EXPECT_NEAR(wasserstein(a.at, a.weights, b.at, b.weights, 2), along_y, 1e-12);
  EXPECT_EQ(wasserstein(x.at, x.weights, y.at, y.weights, 2), w(x, y, 2));
  EXPECT_NEAR(wasserstein(a.at, a.weights, a.at, a.weights, 2), 0, 1e-6);
}

// 5 s are allowed for this; it takes about one.
TEST(WassersteinInSpace, IsFastForAThousandConformations) {
  std::mt19937_64 rng(9);
  const Points a = random_points(4, 1000, rng);
  Points b = random_points(4, 1000, rng);
  b.at = 1.2 * b.at.array() + 0.3;
  const auto start = std::chrono::steady_clock::now();
  const double exact = wasserstein(a.at, a.weights, b.at, b.weights, 2);
  const std::chrono::duration<double> taken = std::chrono::steady_clock::now() - start;
  RecordProperty("seconds", std::to_string(taken.count()));

  EXPECT_GT(exact, 0.6);  // the means alone are 0.3 * 2 apart
  const Eigen::MatrixXd directions = slice_directions(4, 200, 1);
  const double sliced = sliced_wasserstein(a.at, a.weights, b.at, b.weights, directions, 2);
  EXPECT_LT(sliced, exact / 2 * 1.05);  // at most 1 / sqrt(4) of it, but for chance
  EXPECT_GT(sliced, 0.3);
}

// Of a shift by d along one axis: |d| times the mean of |cos| for order 1, |d| / sqrt K for
// order 2.
TEST(SlicedWasserstein, OfAShiftHasAClosedForm) {
  std::mt19937_64 rng(10);
  const Points a = random_points(3, 50, rng);
  Points b = a;
  b.at.row(1).array() += 2;
  const Eigen::MatrixXd directions = slice_directions(3, 4000, 1);

  EXPECT_NEAR(directions.colwise().norm().maxCoeff(), 1, 1e-14);
  EXPECT_NEAR(directions.rowwise().mean().norm(), 0, 0.03);
  EXPECT_NEAR(sliced_wasserstein(a.at, a.weights, b.at, b.weights, directions, 1), 1, 0.03);
  EXPECT_NEAR(
      sliced_wasserstein(a.at, a.weights, b.at, b.weights, directions, 2), 2 / std::sqrt(3), 0.03);
  // Seeded, and the same on any number of threads.
  EXPECT_EQ(slice_directions(3, 4000, 1), directions);
  EXPECT_NE(slice_directions(3, 4000, 2), directions);
  const double all = sliced_wasserstein(a.at, a.weights, b.at, b.weights, directions, 1);
  const ThreadLimit one(1);
  EXPECT_EQ(sliced_wasserstein(a.at, a.weights, b.at, b.weights, directions, 1), all);
}

// Means over pairs, term by term.
TEST(EnsembleDistance, LeavesOutSelfPairsOfSamples) {
  std::mt19937_64 rng(11);
  for (const int dimension : {1, 3}) {
    const Points a = random_points(dimension, 9, rng);
    const Points b = random_points(dimension, 7, rng);
    constexpr double kBandwidth = 0.8;
    const auto mean = [](const Points& x, const Points& y, bool same, const auto& value) {
      double sum = 0;
      double weights = 0;
      for (Eigen::Index i = 0; i < x.at.cols(); ++i) {
        for (Eigen::Index j = 0; j < y.at.cols(); ++j) {
          if (!same || i != j) {
            const double weight = x.weights(i) * y.weights(j);
            sum += weight * value((x.at.col(i) - y.at.col(j)).norm());
            weights += weight;
          }
        }
      }
      return sum / weights;
    };
    const auto distance = [](double r) { return r; };
    const auto kernel = [](double r) { return std::exp(-r * r / (2 * kBandwidth * kBandwidth)); };

    EXPECT_NEAR(
        energy_distance(a.at, a.weights, b.at, b.weights, SelfPairs::LeftOut),
        2 * mean(a, b, false, distance) - mean(a, a, true, distance) - mean(b, b, true, distance),
        1e-13);
    EXPECT_NEAR(mmd2(a.at, a.weights, b.at, b.weights, kBandwidth, SelfPairs::LeftOut),
                mean(a, a, true, kernel) + mean(b, b, true, kernel) - 2 * mean(a, b, false, kernel),
                1e-13);
    EXPECT_NEAR(
        mmd2(a.at, a.weights, b.at, b.weights, kBandwidth),
        mean(a, a, false, kernel) + mean(b, b, false, kernel) - 2 * mean(a, b, false, kernel),
        1e-13);
  }
  const Points point{Eigen::MatrixXd::Zero(1, 1), Eigen::VectorXd::Ones(1)};
  EXPECT_THROW(
      energy_distance(point.at, point.weights, point.at, point.weights, SelfPairs::LeftOut), Error);
  EXPECT_THROW(mmd2(point.at, point.weights, point.at, point.weights, 0), Error);
}

TEST(EnsembleDistance, NonsenseIsWrongUsage) {
  std::mt19937_64 rng(3);
  const Points a = random_points(2, 3, rng);
  Points negative = a;
  negative.weights(1) = -1;
  Points weightless = a;
  weightless.weights.setZero();
  const Points empty{Eigen::MatrixXd(2, 0), Eigen::VectorXd(0)};
  Points short_weights = a;
  short_weights.weights.conservativeResize(2);

  for (const Points& bad : {negative, weightless, empty, short_weights}) {
    EXPECT_THROW(energy(a, bad), Error);
    EXPECT_THROW(w(bad, a, 1), Error);
  }
  EXPECT_THROW(energy(a, random_points(3, 3, rng)), Error);
  EXPECT_THROW(w(a, a, 0.5), Error);
}

}  // namespace
}  // namespace cryosip

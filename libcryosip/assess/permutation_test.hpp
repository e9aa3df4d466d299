// Whether two samples may come from one law: permutation tests.
#pragma once

#include <cstdint>

#include <Eigen/Core>

namespace cryosip {

/// Of what permutations left of a statistic.
struct TestResult {
  double statistic = 0;
  /// (1 + permutations whose statistic is as large) / (1 + permutations): under the null hypothesis
  /// at most p with probability p, whatever the law.
  double p_value = 1;
};

struct TwoSampleTests {
  TestResult energy_distance;
  TestResult mmd2;
};

/// Points of equal weight that stand for weighted ones: themselves where the weights are equal,
/// else as many as the effective sample size, drawn by weight.
/// @param set  which drawing of that seed
Eigen::MatrixXd equally_weighted(const Eigen::MatrixXd& points,
                                 const Eigen::VectorXd& weights,
                                 std::uint64_t seed,
                                 std::uint64_t set);

/// Energy distance and squared MMD (Gaussian kernel) of two samples, as measures
/// (SelfPairs::Kept), and the same with points changing sides at random.  The p-values hold where
/// the points of each sample are independent draws: not of particles of a flow, which repel each
/// other, nor of a mixture laid out as points.
/// Cost: 2 (m + n)^2 permutations flops for each statistic, threaded; the same bits on any number
/// of threads.  Memory: 8 (m + n)^2 bytes.
/// @param a,b           (K, points), at least two each
/// @param bandwidth     > 0, of the MMD's kernel
/// @param permutations  > 0
/// @throws Error(Usage) shapes that disagree, a number out of range
TwoSampleTests permutation_tests(const Eigen::MatrixXd& a,
                                 const Eigen::MatrixXd& b,
                                 double bandwidth,
                                 Eigen::Index permutations,
                                 std::uint64_t seed);

}  // namespace cryosip

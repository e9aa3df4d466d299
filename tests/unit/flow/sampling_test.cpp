#include "libcryosip/flow/sampling.hpp"

#include <set>

#include <gtest/gtest.h>

#include "formats/error.hpp"

namespace cryosip {
namespace {

TEST(SamplingPlan, OfAGivesEveryConformationANuisanceOfItsOwn) {
  const SamplingPlan plan = sampling_plan({}, 5);

  ASSERT_EQ(plan.pairs.size(), 5U);
  EXPECT_EQ(plan.distinct_nuisances, 5U);
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(plan.pairs[i].conformation, i);
    EXPECT_EQ(plan.pairs[i].nuisance, i);
  }
}

TEST(SamplingPlan, OfBSharesItsNuisancesAmongAllConformations) {
  const SamplingPlan plan = sampling_plan({SamplingMethod::B, 3}, 4);

  ASSERT_EQ(plan.pairs.size(), 12U);
  EXPECT_EQ(plan.distinct_nuisances, 3U);
  for (std::size_t p = 0; p < 12; ++p) {
    EXPECT_EQ(plan.pairs[p].conformation, p / 3);
    EXPECT_EQ(plan.pairs[p].nuisance, p % 3);
  }
}

TEST(SamplingPlan, OfCGivesEveryConformationNuisancesThatNoOtherHas) {
  const SamplingPlan plan = sampling_plan({SamplingMethod::C, 3}, 4);

  ASSERT_EQ(plan.pairs.size(), 12U);
  EXPECT_EQ(plan.distinct_nuisances, 12U);
  std::set<std::size_t> seen;
  for (std::size_t p = 0; p < 12; ++p) {
    EXPECT_EQ(plan.pairs[p].conformation, p / 3);
    EXPECT_LT(plan.pairs[p].nuisance, plan.distinct_nuisances);
    EXPECT_TRUE(seen.insert(plan.pairs[p].nuisance).second);
  }
}

TEST(SamplingPlan, DividesAConformationsWeightAmongItsImages) {
  const Eigen::Vector3d weights(0.2, 0.3, 0.5);
  for (const SamplingOptions& options : {SamplingOptions{},
                                         SamplingOptions{SamplingMethod::B, 4},
                                         SamplingOptions{SamplingMethod::C, 4}}) {
    const SamplingPlan plan = sampling_plan(options, 3);
    const Eigen::VectorXd of_images = plan.weights(weights);

    ASSERT_EQ(of_images.size(), static_cast<Eigen::Index>(3 * options.nuisances));
    for (std::size_t p = 0; p < plan.pairs.size(); ++p) {
      EXPECT_EQ(of_images(static_cast<Eigen::Index>(p)),
                weights(static_cast<Eigen::Index>(plan.pairs[p].conformation)) /
                    static_cast<double>(options.nuisances));
    }
  }
  EXPECT_THROW(static_cast<void>(sampling_plan({}, 2).weights(weights)), Error);
}

TEST(SamplingPlan, RefusesNumbersOfNuisancesThatMakeNoSense) {
  EXPECT_THROW(sampling_plan({SamplingMethod::A, 2}, 5), Error);
  EXPECT_THROW(sampling_plan({SamplingMethod::A, 0}, 5), Error);
  EXPECT_THROW(sampling_plan({SamplingMethod::B, 0}, 5), Error);
  EXPECT_THROW(sampling_plan({SamplingMethod::C, 0}, 5), Error);
  EXPECT_THROW(sampling_plan({SamplingMethod::C, 1U << 20U}, 1U << 20U), Error);
}

}  // namespace
}  // namespace cryosip

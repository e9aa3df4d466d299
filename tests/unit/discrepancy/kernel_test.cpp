#include "libcryosip/discrepancy/kernel.hpp"

#include <cmath>
#include <limits>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "tests/support/random_images.hpp"

namespace cryosip {
namespace {

using ::testing::HasSubstr;

TEST(Kernel, IsReadFromText) {
  const Kernel kernel =
      parse_kernel("gaussian+laplace:2+imq:3:0.25+0.1*riesz:1.5+energy+riesz+imq");

  EXPECT_EQ(kernel,
            (Kernel{{.kind = KernelKind::Gaussian},
                    {.kind = KernelKind::Laplace, .bandwidth = 2},
                    {.kind = KernelKind::InverseMultiquadric, .bandwidth = 3, .exponent = 0.25},
                    {.kind = KernelKind::Riesz, .exponent = 1.5, .weight = 0.1},
                    {.kind = KernelKind::Riesz, .exponent = 1},
                    {.kind = KernelKind::Riesz, .exponent = 1},
                    {.kind = KernelKind::InverseMultiquadric, .exponent = 0.5}}));
}

TEST(Kernel, IsReadBackAsItWasWritten) {
  EXPECT_EQ(to_string(parse_kernel("gaussian+0.1*laplace:2+imq:1:0.3+energy")),
            "gaussian+0.1*laplace:2+imq:1:0.3+riesz:1");
  const Kernel kernel = {{.kind = KernelKind::Gaussian, .bandwidth = 1.0 / 3, .weight = 1e+30},
                         {.kind = KernelKind::Laplace, .bandwidth = 1e+25},
                         {.kind = KernelKind::InverseMultiquadric, .bandwidth = 0.7, .exponent = 2},
                         {.kind = KernelKind::Riesz, .exponent = 0.1, .weight = 2.5e-9}};
  EXPECT_EQ(parse_kernel(to_string(kernel)), kernel);
}

TEST(Kernel, RefusesTextThatIsNone) {
  for (const char* text :
       {"",           "+",           "gaussian+",    "gauss",        "gaussian:",
        "gaussian:0", "gaussian:-1", "gaussian:1:2", "gaussian:one", "laplace:nan",
        "energy:1",   "riesz:0",     "riesz:2",      "riesz:1:1",    "imq:1:0",
        "imq:1:1:1",  "0*gaussian",  "*gaussian",    "2*",           "2*3*gaussian"}) {
    try {
      static_cast<void>(parse_kernel(text));
      ADD_FAILURE() << "accepted " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::Usage);
      EXPECT_THAT(error.what(), HasSubstr("expected"));
    }
  }
}

TEST(Kernel, SaysWhichTermIsWrongAndWhatWasExpected) {
  try {
    static_cast<void>(parse_kernel("gaussian+gauss:2"));
    FAIL();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), HasSubstr("'gauss:2'"));
    EXPECT_THAT(error.what(), HasSubstr("gaussian, laplace, imq, riesz, energy"));
  }
}

TEST(Kernel, TakesACommonBandwidth) {
  const Kernel kernel = with_common_bandwidth(parse_kernel("gaussian+laplace:2"), 3);

  EXPECT_EQ(kernel[0].bandwidth, 3);
  EXPECT_EQ(kernel[1].bandwidth, 6);
  EXPECT_EQ(with_common_bandwidth(energy_kernel(), 3), energy_kernel());
  EXPECT_TRUE(has_bandwidth(parse_kernel("energy+imq")));
  EXPECT_FALSE(has_bandwidth(parse_kernel("energy+riesz:1.5")));
  EXPECT_THROW(static_cast<void>(with_common_bandwidth(kernel, 0)), Error);
}

TEST(Kernel, OutOfRangeIsRefused) {
  EXPECT_THROW(check_kernel({}), Error);
  EXPECT_THROW(check_kernel({{.bandwidth = 0}}), Error);
  EXPECT_THROW(check_kernel({{.weight = -1}}), Error);
  EXPECT_THROW(check_kernel({{.kind = KernelKind::Riesz, .exponent = 2}}), Error);
  EXPECT_THROW(check_kernel({{.kind = KernelKind::InverseMultiquadric, .exponent = 0}}), Error);
  EXPECT_NO_THROW(check_kernel(energy_kernel()));
}

TEST(KernelLogScale, IsTheLargestHeightOfTheGaussiansAlone) {
  const PixelNoise noise{.variance = 0.5, .degrees_of_freedom = 30, .integrated = true};

  // (h^2 / (h^2 + v))^(m/2) at h = 2.
  EXPECT_NEAR(
      kernel_log_scale(parse_kernel("gaussian+gaussian:2"), noise), 15 * std::log(4 / 4.5), 1e-13);
  EXPECT_EQ(kernel_log_scale(parse_kernel("gaussian+laplace"), noise), 0);
  EXPECT_EQ(kernel_log_scale(parse_kernel("gaussian"), {0.5, 30, false}), 0);
}

TEST(MedianDistance, IsThatOfAllPairsOfAFewImages) {
  Eigen::MatrixXd images(1, 3);
  images << 0, 1, 5;  // distances 1, 4, 5

  EXPECT_DOUBLE_EQ(median_distance(images), 4);
}

TEST(MedianDistance, OfManyNormalImagesIsNearItsLimit) {
  // |x - y|^2 / 2 is chi-squared of 50 degrees of freedom, whose median is 49.335.
  const Eigen::MatrixXf images = testing::random_images(50, 2500, 1).cast<float>();

  EXPECT_NEAR(median_distance(images), std::sqrt(2 * 49.335), 0.05);
}

TEST(MedianDistance, RefusesWhatHasNone) {
  EXPECT_THROW(static_cast<void>(median_distance(Eigen::MatrixXd(3, 1))), Error);
  EXPECT_THROW(static_cast<void>(median_distance(Eigen::MatrixXd(Eigen::MatrixXd::Ones(3, 4)))),
               Error);
  Eigen::MatrixXd bad = Eigen::MatrixXd::Random(2, 4);
  bad(0) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_THROW(static_cast<void>(median_distance(bad)), Error);
}

}  // namespace
}  // namespace cryosip

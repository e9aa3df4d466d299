#include "libcryosip/core/bessel.hpp"

#include <cmath>
#include <vector>

#include <gtest/gtest.h>

namespace cryosip {
namespace {

TEST(BesselJ, AgreesWithTheStandardLibraryForSmallAndLargeArguments) {
  for (const double x : {1e-3, 0.5, 3.0, 17.0, 60.0, 300.0}) {
    for (const std::size_t orders : {1U, 2U, 40U, 120U}) {
      std::vector<double> values(orders);
      bessel_j(x, values);
      for (std::size_t m = 0; m < orders; ++m) {
        EXPECT_NEAR(values[m], std::cyl_bessel_j(static_cast<double>(m), x), 1e-12)
            << "J_" << m << "(" << x << ")";
      }
    }
  }
}

TEST(BesselJ, IsOneAtZeroForOrderZeroOnly) {
  std::vector<double> values(3, 7.0);
  bessel_j(0, values);
  EXPECT_EQ(values, (std::vector<double>{1, 0, 0}));
}

}  // namespace
}  // namespace cryosip

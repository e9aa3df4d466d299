#include "libcryosip/core/fourier.hpp"

#include <complex>
#include <vector>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

TEST(LineTransform, IsTheSumThatDefinesIt) {
  for (const int n : {1, 6, 15}) {
    RandomStream stream(5, StreamPurpose::Test, static_cast<std::uint64_t>(n));
    std::vector<std::complex<double>> line;
    for (int j = 0; j < n; ++j) {
      line.emplace_back(stream.normal(), stream.normal());
    }
    std::vector<std::complex<double>> found = line;
    LineTransform(n).forward(found);
    for (int k = 0; k < n; ++k) {
      std::complex<double> expected = 0;
      for (int j = 0; j < n; ++j) {
        expected += line[static_cast<std::size_t>(j)] * std::polar(1.0, -2 * kPi * j * k / n);
      }
      EXPECT_LT(std::abs(found[static_cast<std::size_t>(k)] - expected), 1e-12) << n << ", " << k;
    }
  }
}

TEST(LineTransform, RefusesOtherLengths) {
  EXPECT_THROW(LineTransform(0), Error);
  std::vector<std::complex<double>> line(5);
  EXPECT_THROW(LineTransform(4).forward(line), Error);
}

}  // namespace
}  // namespace cryosip

#include "libcryosip/structure/mixture.hpp"

#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"

namespace cryosip {
namespace {

using ::testing::HasSubstr;

Mixture parse(const std::string& text) {
  std::istringstream in(text);
  return read_mixture(formats::read_star(in, "x.star"));
}

std::string message_of(const std::string& rows) {
  try {
    parse("data_sip_mixture\n\nloop_\n_sipWeight\n_sipMean1\n_sipSigma1\n" + rows);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Input);
    return error.what();
  }
  return "no error";
}

Mixture two_wells() {
  Mixture mixture;
  mixture.weights = Eigen::Vector2d(0.25, 0.75);
  mixture.means = (Eigen::Matrix2d() << -1, 1, 0.5, 2).finished();
  mixture.sigmas = (Eigen::Matrix2d() << 0.1, 0.2, 0.3, 0).finished();
  return mixture;
}

TEST(Mixture, ReadsBackToTheSameBits) {
  const Mixture mixture = two_wells();
  formats::StarFile file;
  file.tables = {to_star(mixture)};
  std::stringstream stream;
  formats::write_star(stream, file);

  const Mixture again = read_mixture(formats::read_star(stream, "stream"));

  EXPECT_EQ(again.weights, mixture.weights);
  EXPECT_EQ(again.means, mixture.means);
  EXPECT_EQ(again.sigmas, mixture.sigmas);
}

TEST(Mixture, SamplesHaveItsMeanAndVariance) {
  const Mixture mixture = two_wells();
  constexpr int kDraws = 20000;
  Eigen::MatrixXd draws(2, kDraws);
  for (int i = 0; i < kDraws; ++i) {
    RandomStream stream(1, StreamPurpose::Test, static_cast<std::uint64_t>(i));
    draws.col(i) = mixture.sample(stream);
  }

  const Eigen::Vector2d mean = draws.rowwise().mean();
  const Eigen::Vector2d variance = (draws.colwise() - mean).rowwise().squaredNorm() / kDraws;
  // Means 0.25 (-1) + 0.75 (1) and 0.25 (0.5) + 0.75 (2); variances within plus between components.
  // Bounds: five standard errors.
  EXPECT_NEAR(mean(0), 0.5, 0.032);
  EXPECT_NEAR(mean(1), 1.625, 0.025);
  EXPECT_NEAR(variance(0), 0.25 * 0.01 + 0.75 * 0.04 + 0.75, 0.04);
  EXPECT_NEAR(variance(1), 0.25 * 0.09 + 0.1875 * 2.25, 0.03);
}

TEST(Mixture, ComponentsOfNoWeightAreNeverDrawn) {
  Mixture mixture = two_wells();
  mixture.weights = Eigen::Vector2d(1, 0);
  mixture.sigmas.setZero();
  for (std::uint64_t i = 0; i < 1000; ++i) {
    RandomStream stream(1, StreamPurpose::Test, i);
    ASSERT_EQ(mixture.sample(stream), mixture.means.col(0));
  }
}

TEST(Mixture, SaysWhatIsWrongWithAFile) {
  EXPECT_THAT(message_of("1 0 -1\n"), HasSubstr("x.star:7"));
  EXPECT_THAT(message_of("1 0 inf\n"), HasSubstr("x.star:7"));
  EXPECT_THAT(message_of("0 0 1\n"), HasSubstr("sum to 0"));
  EXPECT_THAT(message_of(""), HasSubstr("no rows"));
  EXPECT_THROW(parse("data_other\n\n_a 1\n"), Error);
  EXPECT_THROW(parse("data_sip_mixture\n\nloop_\n_sipWeight\n_sipMean1\n1 0\n"), Error);
}

}  // namespace
}  // namespace cryosip

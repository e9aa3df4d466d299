// The noise's spectrum, measured in the corners of images that hold nothing but noise of a known
// spectrum.
#include "libcryosip/dataset/noise_spectrum.hpp"

#include <cmath>
#include <memory>
#include <numeric>
#include <vector>

#include <gtest/gtest.h>

#include "libcryosip/dataset/background.hpp"
#include "libcryosip/dataset/image_coefficients.hpp"
#include "libcryosip/dataset/polar_coefficients.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "libcryosip/forward/noise.hpp"
#include "tests/support/small_molecule.hpp"
#include "tests/support/stacks.hpp"
#include "tests/support/temporary_folder.hpp"

namespace cryosip {
namespace {

constexpr ImageGrid kGrid{32, 3.0};
constexpr std::size_t kCount = 600;
constexpr double kSigma = 0.8;
constexpr double kBFactor = 60;

// Images of two optics groups in turn, the second of which has the B-factor; molecules none.
class NoiseOnly : public ::testing::Test {
 protected:
  [[nodiscard]] std::unique_ptr<const ImageSet> images(double first_b_factor,
                                                       double second_b_factor) const {
    const ColouredNoise first(kGrid, first_b_factor);
    const ColouredNoise second(kGrid, second_b_factor);
    std::vector<testing::Pixels> stack;
    ParticleTable table;
    table.optics_groups = {{"one", kGrid.pixel_size_angstrom, kGrid.box},
                           {"two", kGrid.pixel_size_angstrom, kGrid.box}};
    for (std::size_t i = 0; i < kCount; ++i) {
      std::vector<double> pixels(static_cast<std::size_t>(kGrid.pixels()), 3.0);
      (i % 2 == 0 ? first : second).add(1, i, kSigma, pixels);
      stack.emplace_back(pixels.begin(), pixels.end());
      ParticleRecord record;
      record.image = {i, folder_.path("noise.mrcs")};
      record.optics_group = i % 2;
      table.records.push_back(record);
    }
    table.where.assign(kCount, "here");
    testing::write_stack(
        folder_.path("noise.mrcs"), stack, static_cast<std::size_t>(kGrid.box), 3.0);
    return std::make_unique<ImageSet>(table, ImageSetOptions());
  }

  // Power of the B-factor's noise, as ColouredNoise scales it.
  [[nodiscard]] static double power(double cycles) {
    double mean = 0;
    const auto at = [](double k) {
      const double q = k / kGrid.edge_angstrom();
      return std::exp(-kBFactor * q * q / 2);
    };
    for (int y = -kGrid.box / 2; y < kGrid.box / 2; ++y) {
      for (int x = -kGrid.box / 2; x < kGrid.box / 2; ++x) {
        mean += at(std::hypot(x, y)) / static_cast<double>(kGrid.pixels());
      }
    }
    return kSigma * kSigma * at(cycles) / mean;
  }

  testing::TemporaryFolder folder_;
};

TEST_F(NoiseOnly, WhiteNoiseIsFoundWhite) {
  const std::vector<NoiseSpectrum> spectra = estimate_noise_spectra(*images(0, 0));

  for (const NoiseSpectrum& spectrum : spectra) {
    EXPECT_EQ(spectrum.power.size(), 0);
    EXPECT_NEAR(spectrum.sigma, kSigma, 0.01 * kSigma);
    EXPECT_EQ(spectrum.at(3), spectrum.sigma * spectrum.sigma);
  }
}

TEST_F(NoiseOnly, EachOpticsGroupHasItsOwnSpectrum) {
  const std::vector<NoiseSpectrum> spectra = estimate_noise_spectra(*images(0, kBFactor));

  ASSERT_EQ(spectra.size(), 2U);
  EXPECT_EQ(spectra[0].power.size(), 0);
  ASSERT_GT(spectra[1].power.size(), 16);
  EXPECT_NEAR(spectra[1].sigma, kSigma, 0.02 * kSigma);
  for (const double cycles : {2.0, 5.0, 8.5, 12.0, 15.0}) {
    // The taper averages over some three frequencies, which takes 6 % off the top of this spectrum.
    EXPECT_NEAR(spectra[1].at(cycles), power(cycles), 0.07 * power(cycles)) << cycles;
  }
}

TEST_F(NoiseOnly, CoefficientsAreWhitenedInBothBases) {
  const auto set = images(0, kBFactor);
  const Whitening whitening(estimate_noise_spectra(*set), kSigma);
  const NormalModeModel model(testing::small_molecule(false, 12, 2));
  const auto disc_model = model.image_model(kGrid, 8, {});
  const auto polar_model = model.polar_image_model(kGrid, 8, 24, {});
  SilentProgress progress;
  const ImageCoefficients disc(*set, *disc_model, progress, 0, whitening);
  const PolarCoefficients polar(*set, *polar_model, 1, true, progress, 0, whitening);

  for (const std::size_t group : {0U, 1U}) {
    std::vector<std::size_t> members(kCount / 2);
    for (std::size_t i = 0; i < members.size(); ++i) {
      members[i] = 2 * i + group;
    }
    const Eigen::ArrayXd on_disc =
        disc.read(members).cast<double>().array().square().rowwise().mean();
    const Eigen::MatrixXf plain = polar.read(members, PolarCoefficients::Kind::Plain);
    const Eigen::ArrayXd on_rings = plain.cast<double>().array().square().rowwise().mean() /
                                    polar_model->basis().noise_variance().array().max(1e-3);
    const Eigen::VectorXd cycles = disc_model->basis().cycles();
    for (const auto& [low, high] :
         {std::pair(1.0, 5.0), std::pair(5.0, 9.0), std::pair(9.0, 12.0)}) {
      double sum = 0;
      double count = 0;
      for (Eigen::Index k = 0; k < cycles.size(); ++k) {
        if (cycles(k) >= low && cycles(k) < high) {
          sum += on_disc(k);
          ++count;
        }
      }
      // Some 100 numbers of each of 300 images; the spectrum is known to a few percent.
      EXPECT_NEAR(sum / count, kSigma * kSigma, 0.06 * kSigma * kSigma) << group << ' ' << low;
    }
    // m = 0, whose imaginary parts are none.
    const Eigen::Index rings = polar_model->basis().rings();
    EXPECT_NEAR(on_rings.head(rings).mean(), kSigma * kSigma, 0.06 * kSigma * kSigma) << group;
    // The signal's factor is the noise's.
    EXPECT_TRUE(
        disc.transfer(group).isApprox(whitening.factors(group, cycles)
                                          .cast<float>()
                                          .cwiseProduct(disc_model->transfer(std::nullopt))));
    const std::vector<std::size_t> one{group};
    const Eigen::MatrixXf filtered = polar.read(one, PolarCoefficients::Kind::Filtered);
    const Eigen::MatrixXd transfers = polar.ring_transfers_squared(one);
    const Eigen::MatrixXf expected =
        plain.col(0).head(rings).cwiseProduct(transfers.col(0).cwiseSqrt().cast<float>());
    EXPECT_TRUE(filtered.col(0).head(rings).isApprox(expected, 1e-5F));
  }
}

TEST_F(NoiseOnly, OneWhiteGroupIsLeftAsItIs) {
  EXPECT_FALSE(Whitening().any());
  EXPECT_FALSE(Whitening({{0.7, {}}}, 0.7).any());
  EXPECT_TRUE(Whitening({{0.7, {}}, {0.9, {}}}, 0.7).any());
}

}  // namespace
}  // namespace cryosip

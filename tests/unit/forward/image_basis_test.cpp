#include "libcryosip/forward/image_basis.hpp"

#include <cmath>
#include <complex>
#include <vector>

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

constexpr ImageGrid kGrid = {16, 3.0};

Eigen::VectorXd random_vector(Eigen::Index size, std::uint64_t index) {
  RandomStream stream(5, StreamPurpose::Test, index);
  return Eigen::VectorXd::NullaryExpr(size, [&] { return stream.normal(); });
}

Eigen::VectorXd analyse(const ImageBasis& basis, const Eigen::VectorXd& pixels) {
  const Eigen::VectorXf rounded = pixels.cast<float>();
  return basis.analyse({rounded.data(), static_cast<std::size_t>(rounded.size())});
}

CtfParameters astigmatic() {
  CtfParameters optics;
  optics.defocus_u_angstrom = 15000;
  optics.defocus_v_angstrom = 12000;
  optics.defocus_angle_degree = 25;
  return optics;
}

TEST(FourierDisc, CoefficientsAreTheDefinitionInDoublePrecision) {
  const FourierDisc disc(kGrid, 8.0);
  const Eigen::VectorXd image = random_vector(256, 1).cast<float>().cast<double>();
  const Eigen::VectorXd found = analyse(disc, image);

  for (Eigen::Index i = 0; i < disc.frequencies(); ++i) {
    std::complex<double> sum = 0;
    for (int y = 0; y < 16; ++y) {
      for (int x = 0; x < 16; ++x) {
        const double turns =
            (disc.frequency(i).x() * (x - 8) + disc.frequency(i).y() * (y - 8)) / 16.0;
        sum += image(y * 16 + x) * std::polar(1.0, -2 * kPi * turns);
      }
    }
    sum *= (i == 0 ? 1 : std::sqrt(2.0)) / 16;
    EXPECT_NEAR(found(i), sum.real(), 1e-12);
    EXPECT_NEAR(found(disc.frequencies() + i), sum.imag(), 1e-12);
  }
}

TEST(FourierDisc, IsIsometricOnItsBand) {
  const FourierDisc disc(kGrid, 0);
  // Two images in the band: any coefficients will do, but for the imaginary part at zero.
  Eigen::VectorXd a = random_vector(disc.size(), 1);
  Eigen::VectorXd b = random_vector(disc.size(), 2);
  a(disc.frequencies()) = b(disc.frequencies()) = 0;

  const Eigen::VectorXd image_a = disc.synthesise(a);
  const Eigen::VectorXd image_b = disc.synthesise(b);

  EXPECT_NEAR((image_a - image_b).norm(), (a - b).norm(), 1e-12 * (a - b).norm());
  EXPECT_LT((analyse(disc, image_a) - a).norm(), 1e-6 * a.norm());
}

TEST(FourierDisc, SynthesisIsTheTransposeOfAnalysis) {
  const FourierDisc disc(kGrid, 7.0);
  const Eigen::VectorXd image = random_vector(256, 3).cast<float>().cast<double>();
  const Eigen::VectorXd coefficients = random_vector(disc.size(), 4);

  EXPECT_NEAR(
      analyse(disc, image).dot(coefficients), image.dot(disc.synthesise(coefficients)), 1e-10);
}

TEST(FourierDisc, AppliesTheCtfAsThePixelBasisDoes) {
  const FourierDisc disc(kGrid, 0);
  const PixelBasis pixels(kGrid);
  Eigen::VectorXd coefficients = random_vector(disc.size(), 5);
  coefficients(disc.frequencies()) = 0;
  const Ctf ctf(astigmatic());

  const Eigen::VectorXd by_disc = disc.synthesise(disc.apply_ctf(ctf, coefficients));
  const Eigen::VectorXd by_pixels = pixels.apply_ctf(ctf, disc.synthesise(coefficients));

  EXPECT_LT((by_disc - by_pixels).norm(), 1e-12 * by_pixels.norm());
}

TEST(PixelBasis, TheCtfIsItsOwnAdjoint) {
  const PixelBasis pixels(kGrid);
  const Eigen::VectorXd a = random_vector(256, 6);
  const Eigen::VectorXd b = random_vector(256, 7);
  const Ctf ctf(astigmatic());

  EXPECT_NEAR(a.dot(pixels.apply_ctf(ctf, b)), b.dot(pixels.apply_ctf(ctf, a)), 1e-11);
}

TEST(FourierDisc, KeepsToItsResolutionAndLeavesNyquistOut) {
  EXPECT_EQ(FourierDisc(kGrid, 12.0).radius(), 4);
  EXPECT_EQ(FourierDisc(kGrid, 0).radius(), 7);
  EXPECT_DOUBLE_EQ(FourierDisc(kGrid, 12.0).resolution_angstrom(), 12.0);
}

TEST(ImageBasis, RefusesGridsRelionMishandles) {
  EXPECT_THROW(FourierDisc({15, 3.0}, 0), Error);
  EXPECT_THROW(FourierDisc({16, 0.0}, 0), Error);
  EXPECT_THROW(PixelBasis({-2, 1.0}), Error);
  EXPECT_THROW(FourierDisc(kGrid, 100.0), Error);
}

}  // namespace
}  // namespace cryosip

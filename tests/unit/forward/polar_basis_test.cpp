#include "libcryosip/forward/polar_basis.hpp"

#include <cmath>
#include <complex>
#include <memory>
#include <vector>

#include <Eigen/Cholesky>
#include <Eigen/Geometry>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/forward/forward_model.hpp"
#include "tests/support/small_molecule.hpp"

namespace cryosip {
namespace {

// A molecule of 24 angstrom in a box of 80: its diameter is 3/5 of the edge.
constexpr ImageGrid kGrid = {32, 2.5};
constexpr double kResolution = 9;

CtfParameters optics(double astigmatism_angstrom = 600) {
  CtfParameters parameters;
  parameters.defocus_u_angstrom = 15000 + astigmatism_angstrom / 2;
  parameters.defocus_v_angstrom = 15000 - astigmatism_angstrom / 2;
  parameters.defocus_angle_degree = 35;
  parameters.phase_shift_degree = 10;
  parameters.b_factor_angstrom2 = 40;
  parameters.scale = 0.9;
  return parameters;
}

PolarInput input(const Eigen::VectorXf& pixels) {
  return {{pixels.data(), static_cast<std::size_t>(pixels.size())}};
}

Eigen::VectorXf random_pixels(Eigen::Index count, std::uint64_t index) {
  RandomStream stream(9, StreamPurpose::Test, index);
  return Eigen::VectorXf::NullaryExpr(count, [&] { return static_cast<float>(stream.normal()); });
}

// Residues in pixels, with whatever they have below the Nyquist circle.
class Molecule {
 public:
  explicit Molecule(const ImageGrid& grid = kGrid)
      : forward_(model_,
                 std::make_shared<FourierRenderer<double>>(std::make_shared<FourierDisc>(grid, 0.0),
                                                           scattering_of(model_.atoms(), {}),
                                                           PixelModel::Bandlimited)) {}

  [[nodiscard]] double radius() const {
    return model_.radius_angstrom(Eigen::MatrixXd::Zero(3, 1)) + 4;
  }
  [[nodiscard]] Eigen::VectorXf pixels(const Eigen::Vector3d& coordinates,
                                       const EulerAngles& angles,
                                       const std::optional<Ctf>& ctf = std::nullopt,
                                       const Eigen::Vector2d& shift_angstrom = {0, 0}) const {
    const Pose pose{rotation_matrix(angles), shift_angstrom};
    return forward_.basis().synthesise(forward_.image(coordinates, {pose, ctf})).cast<float>();
  }

 private:
  NormalModeModel model_{testing::small_molecule(false, 200)};
  ForwardModel forward_;
};

TEST(PolarLayout, HoldsRealThenImaginaryPartsOfTheRingsOfEveryAngularFrequency) {
  const PolarLayout layout(4, {1, 1, 3});
  EXPECT_EQ(layout.angular_frequencies(), 3);
  EXPECT_EQ(layout.size(), 8 + 8 + 4);
  EXPECT_EQ(layout.offset(2), 16);
  EXPECT_EQ(layout.count(2), 2);
  EXPECT_EQ(layout.first_ring(2), 3);
  EXPECT_THROW(PolarLayout(4, {1, 5}), Error);
  EXPECT_THROW(PolarLayout(4, {}), Error);
}

TEST(PolarBasis, CoefficientsAreTheDefinitionInDoublePrecision) {
  constexpr ImageGrid kSmall = {16, 3.0};
  const PolarBasis basis(kSmall, 7, 30);
  const PolarLayout& layout = basis.layout();
  const Eigen::VectorXf pixels = random_pixels(256, 1);
  const Eigen::VectorXf found = basis.analyse(input(pixels));

  constexpr int kAngles = 128;
  for (int ring = 1; ring <= layout.rings(); ++ring) {
    std::vector<std::complex<double>> transform;
    for (int i = 0; i < kAngles; ++i) {
      const double angle = 2 * kPi * i / kAngles;
      std::complex<double> sum = 0;
      for (int y = 0; y < 16; ++y) {
        for (int x = 0; x < 16; ++x) {
          const double turns =
              ring * ((x - 8) * std::cos(angle) + (y - 8) * std::sin(angle)) / 16.0;
          sum += static_cast<double>(pixels(y * 16 + x)) * std::polar(1.0, -2 * kPi * turns);
        }
      }
      transform.push_back(sum / 16.0);
    }
    for (int m = 0; m < layout.angular_frequencies() && layout.first_ring(m) <= ring; ++m) {
      std::complex<double> expected = 0;
      for (int i = 0; i < kAngles; ++i) {
        expected += transform[static_cast<std::size_t>(i)] *
                    std::polar(1.0 / kAngles, -2 * kPi * m * i / kAngles);
      }
      expected *= std::sqrt(basis.ring_weights()(ring - 1) * (m == 0 ? 1 : 2));
      const Eigen::Index at = layout.offset(m) + ring - layout.first_ring(m);
      EXPECT_NEAR(found(at), expected.real(), 1e-5) << "m " << m << ", ring " << ring;
      EXPECT_NEAR(found(at + layout.count(m)), expected.imag(), 1e-5);
    }
  }
}

// At 9 angstrom the signal does not quite fade within the band, at 7 it does.
TEST(PolarBasis, DistancesOfMoleculesAreThoseInTheDisc) {
  // Wide enough for what the microscope carries off.
  constexpr ImageGrid kWide = {48, 2.5};
  const Molecule molecule(kWide);
  const std::vector<std::pair<Eigen::Vector3d, EulerAngles>> seen = {{{0, 0, 0}, {10, 50, 20}},
                                                                     {{0.3, 0, 0}, {10, 50, 20}},
                                                                     {{0.3, 0.8, 0}, {10, 50, 20}},
                                                                     {{0, -1, 1}, {15, 52, 20}},
                                                                     {{0, 0, 0}, {80, 120, 200}}};
  for (const auto& [resolution, tolerance] : {std::pair{9.0, 1e-3}, {7.0, 5e-5}}) {
    const PolarBasis basis(kWide, resolution, molecule.radius());
    const FourierDisc disc(kWide, resolution);
    for (const auto& ctf : {std::optional<Ctf>(), std::optional<Ctf>(optics())}) {
      std::vector<Eigen::VectorXd> in_disc;
      std::vector<Eigen::VectorXf> in_rings;
      for (const auto& [coordinates, angles] : seen) {
        const Eigen::VectorXf pixels = molecule.pixels(coordinates, angles, ctf);
        in_rings.push_back(basis.analyse(input(pixels)));
        in_disc.push_back(disc.analyse(input(pixels).pixels));
      }
      for (std::size_t i = 0; i < seen.size(); ++i) {
        for (std::size_t j = 0; j < i; ++j) {
          const double expected = (in_disc[i] - in_disc[j]).norm();
          EXPECT_NEAR((in_rings[i] - in_rings[j]).norm(), expected, tolerance * expected)
              << "images " << i << " and " << j << (ctf ? " with a CTF" : "");
        }
      }
    }
  }
}

TEST(PolarBasis, MoleculesLoseLittleToAngularFrequenciesLeftOut) {
  const Molecule molecule;
  const PolarBasis basis(kGrid, kResolution, molecule.radius());
  const PolarBasis everything(kGrid, kResolution, molecule.radius(), 1e-14);
  ASSERT_LT(basis.size(), 0.9 * static_cast<double>(everything.size()));
  for (const EulerAngles& angles : {EulerAngles{0, 0, 0}, {10, 50, 20}, {80, 120, 200}}) {
    const Eigen::VectorXf pixels = molecule.pixels({1, 1, 0}, angles);
    const Eigen::VectorXd all = everything.analyse(input(pixels)).cast<double>();
    double lost = 0;
    for (int m = 0; m < everything.layout().angular_frequencies(); ++m) {
      const Eigen::Index kept =
          m < basis.layout().angular_frequencies() ? basis.layout().count(m) : 0;
      const Eigen::Index count = everything.layout().count(m);
      lost += all.segment(everything.layout().offset(m), count - kept).squaredNorm() +
              all.segment(everything.layout().offset(m) + count, count - kept).squaredNorm();
    }
    EXPECT_LT(lost, 1e-7 * all.squaredNorm());
  }
}

TEST(PolarBasis, TurningTheMoleculeInThePlaneTurnsPhases) {
  const Molecule molecule;
  const PolarBasis basis(kGrid, kResolution, molecule.radius());
  const Eigen::VectorXd before =
      basis.analyse(input(molecule.pixels({0.5, 0, 0}, {25, 70, 40}))).cast<double>();
  for (const double turn_degree : {1.0, 33.0, -120.0}) {
    const Eigen::VectorXd after =
        basis.analyse(input(molecule.pixels({0.5, 0, 0}, {25, 70, 40 + turn_degree})))
            .cast<double>();
    EXPECT_LT((basis.turned(before, turn_degree * kRadianPerDegree) - after).norm(),
              1e-4 * after.norm());
  }
}

// Both where the box is cut in Fourier space and where it is not.
TEST(PolarBasis, TheCtfIsAppliedOnTheImagesOwnFourierGrid) {
  for (const ImageGrid& grid : {kGrid, ImageGrid{64, 1.25}}) {
    const Molecule molecule(grid);
    const PolarBasis basis(grid, kResolution, molecule.radius());
    const PixelBasis in_pixels(grid);
    const Ctf ctf(optics(3000));
    const Eigen::VectorXf pixels =
        molecule.pixels({0.5, 0, 0}, {25, 70, 40}, ctf) + 0.01F * random_pixels(grid.pixels(), 2);
    const Eigen::VectorXf multiplied =
        in_pixels.apply_ctf(ctf, pixels.cast<double>()).cast<float>();
    PolarInput observed = input(pixels);
    observed.times = ctf;

    const Eigen::VectorXf expected = basis.analyse(input(multiplied));
    EXPECT_LT((basis.analyse(observed) - expected).norm(), 1e-5F * expected.norm());
  }
}

TEST(PolarBasis, CuttingTheBoxChangesNoMoleculeAndLittleOfTheNoise) {
  // The same field of view: what a box of 32 holds uncut is cut out of a box of 64.
  constexpr ImageGrid kFine = {64, 1.25};
  const Molecule coarse(kGrid);
  const Molecule fine(kFine);
  const PolarBasis uncut(kGrid, kResolution, coarse.radius());
  const PolarBasis cut(kFine, kResolution, fine.radius());
  ASSERT_EQ(uncut.layout(), cut.layout());
  const Eigen::VectorXf expected = uncut.analyse(input(coarse.pixels({1, 0, 0}, {25, 70, 40})));
  // A unitary transform of half the sampling step has twice the pixels along an edge.
  const Eigen::VectorXf found = cut.analyse(input(fine.pixels({1, 0, 0}, {25, 70, 40}))) / 2;
  EXPECT_LT((found - expected).norm(), 1e-5F * expected.norm());
  EXPECT_LT((cut.noise_variance() - uncut.noise_variance()).norm(),
            0.01 * uncut.noise_variance().norm());
}

TEST(PolarBasis, AGivenPixelSumTakesTheBackgroundOut) {
  const Molecule molecule;
  const PolarBasis basis(kGrid, kResolution, molecule.radius());
  const Eigen::VectorXf pixels = molecule.pixels({1, 0, 0}, {25, 70, 40});
  const Eigen::VectorXf on_background = pixels.array() + pixels.maxCoeff();
  PolarInput observed = input(on_background);
  observed.pixel_sum = pixels.cast<double>().sum();

  const Eigen::VectorXf expected = basis.analyse(input(pixels));
  EXPECT_LT((basis.analyse(observed) - expected).norm(), 1e-5F * expected.norm());
}

TEST(PolarBasis, AShiftIsUndoneExactlyWholeOrCutWithACtfOrWithout) {
  constexpr ImageGrid kFine = {64, 1.25};
  const Eigen::Vector2d shift(3.1, -5.7);
  for (const ImageGrid& grid : {kGrid, kFine}) {
    const Molecule molecule(grid);
    const PolarBasis basis(grid, kResolution, molecule.radius());
    for (const bool has_ctf : {false, true}) {
      const std::optional<Ctf> ctf = has_ctf ? std::optional(Ctf(optics())) : std::nullopt;
      const Eigen::VectorXf centred = molecule.pixels({1, 0, 0}, {25, 70, 40}, ctf);
      const Eigen::VectorXf shifted = molecule.pixels({1, 0, 0}, {25, 70, 40}, ctf, shift);
      PolarInput observed = input(shifted);
      observed.times = ctf;
      observed.shift_angstrom = shift;
      PolarInput reference = input(centred);
      reference.times = ctf;

      const Eigen::VectorXf expected = basis.analyse(reference);
      EXPECT_LT((basis.analyse(observed) - expected).norm(), 1e-5F * expected.norm());
    }
  }
  // Back and forth, Nyquist lines and all: a whole pixel is a cyclic move.
  const PolarBasis basis(kGrid, kResolution, 25);
  const Eigen::VectorXf pixels = random_pixels(kGrid.pixels(), 4);
  Eigen::VectorXf moved(pixels.size());
  for (int y = 0; y < kGrid.box; ++y) {
    for (int x = 0; x < kGrid.box; ++x) {
      moved(y * kGrid.box + x) =
          pixels((y + 3) % kGrid.box * kGrid.box + (x + kGrid.box - 2) % kGrid.box);
    }
  }
  PolarInput observed = input(pixels);
  observed.shift_angstrom =
      Eigen::Vector2d(-2, 3) * kGrid.pixel_size_angstrom;  // what lies there comes to the centre
  const Eigen::VectorXf expected = basis.analyse(input(moved));
  EXPECT_LT((basis.analyse(observed) - expected).norm(), 1e-5F * expected.norm());
}

TEST(PolarBasis, ManyImagesAtOnceAreTheSameAsOneByOne) {
  const PolarBasis basis(kGrid, kResolution, 25);
  const Eigen::VectorXf first = random_pixels(kGrid.pixels(), 3);
  const Eigen::VectorXf second = random_pixels(kGrid.pixels(), 4);
  const std::vector<PolarInput> both = {input(first), input(second)};
  const Eigen::MatrixXf found = basis.analyse(both);
  EXPECT_LT((found.col(0) - basis.analyse(input(first))).norm(), 1e-5F * found.norm());
  EXPECT_LT((found.col(1) - basis.analyse(input(second))).norm(), 1e-5F * found.norm());
}

// The analysis as a matrix, column by column, of images times a CTF.
Eigen::MatrixXd analysis_matrix(const PolarBasis& basis, const std::optional<Ctf>& ctf) {
  const Eigen::Index pixels = basis.grid().pixels();
  const Eigen::MatrixXf points = Eigen::MatrixXf::Identity(pixels, pixels);
  std::vector<PolarInput> images;
  for (Eigen::Index i = 0; i < pixels; ++i) {
    images.push_back({{points.col(i).data(), static_cast<std::size_t>(pixels)}, ctf});
  }
  return basis.analyse(images).cast<double>();
}

// ln E exp(-1/2 sum a |noise|^2) from a covariance.
double log_mean_kernel(const Eigen::VectorXd& a, const Eigen::MatrixXd& covariance) {
  const Eigen::VectorXd root = a.cwiseSqrt();
  const Eigen::MatrixXd matrix = Eigen::MatrixXd::Identity(a.size(), a.size()) +
                                 root.asDiagonal() * covariance * root.asDiagonal();
  return -Eigen::MatrixXd(matrix.llt().matrixL()).diagonal().array().log().sum();
}

TEST(PolarBasis, NoiseVarianceIsExactAndTheCovarianceNearlyDiagonal) {
  const PolarBasis basis(kGrid, kResolution, 25);
  const Eigen::MatrixXd matrix = analysis_matrix(basis, std::nullopt);
  const Eigen::MatrixXd covariance = matrix * matrix.transpose();
  const Eigen::VectorXd& variance = basis.noise_variance();

  EXPECT_LT((covariance.diagonal() - variance).cwiseAbs().maxCoeff(), 1e-5);
  EXPECT_EQ(variance.segment(basis.layout().count(0), basis.layout().count(0)).norm(), 0);
  EXPECT_NEAR(variance(1), 1, 0.2);  // as in the disc, on the inner rings
  // Off the diagonal lie 7.5 % of the covariance's square.
  const double square = covariance.squaredNorm();
  EXPECT_LT(square - covariance.diagonal().squaredNorm(), 0.08 * square);
  // What that does to kernels whose log weights the noise scatters by about 1: 3 % at most.
  for (const double strength : {0.02, 0.1}) {
    const Eigen::VectorXd a = Eigen::VectorXd::Constant(basis.size(), strength);
    const double exact = log_mean_kernel(a, covariance);
    const double diagonal = log_mean_kernel(a, variance.asDiagonal());
    EXPECT_NEAR(diagonal, exact, 0.04);
  }
}

TEST(PolarBasis, ColouredNoiseHasTheVarianceOfItsRing) {
  const PolarBasis basis(kGrid, kResolution, 25);
  const Ctf ctf(optics());
  const Eigen::VectorXd exact = analysis_matrix(basis, ctf).rowwise().squaredNorm();
  const Eigen::VectorXd found = basis.noise_variance(basis.ring_transfer_squared(ctf));
  EXPECT_LT((found - exact).norm(), 0.2 * exact.norm());
  EXPECT_NEAR(found.sum(), exact.sum(), 0.02 * exact.sum());
}

TEST(PolarBasis, RingMeansOfTheCtfBoundWhatAstigmatismDoes) {
  constexpr ImageGrid kWide = {64, 2.5};
  const Molecule molecule(kWide);
  const PolarBasis basis(kWide, kResolution, molecule.radius());
  const PolarLayout& layout = basis.layout();
  const auto error = [&](double astigmatism_angstrom) {
    const Ctf ctf(optics(astigmatism_angstrom));
    const Eigen::VectorXd mean_square = basis.ring_transfer_squared(ctf);
    double worst = 0;
    for (const EulerAngles& angles : {EulerAngles{0, 0, 0}, {10, 50, 20}, {80, 120, 200}}) {
      // Two conformations, whose difference is less alike on all sides than an image.
      const auto difference = [&](const std::optional<Ctf>& through) {
        const Eigen::VectorXf pixels = molecule.pixels({1, 1, 0}, angles, through) -
                                       molecule.pixels({0, 0, 0}, angles, through);
        return basis.analyse(input(pixels));
      };
      const Eigen::VectorXf plain = difference(std::nullopt);
      const Eigen::VectorXf seen = difference(ctf);
      double found = 0;
      for (int m = 0; m < layout.angular_frequencies(); ++m) {
        for (Eigen::Index part = 0; part < 2; ++part) {
          found += plain.segment(layout.offset(m) + part * layout.count(m), layout.count(m))
                       .cast<double>()
                       .cwiseAbs2()
                       .dot(mean_square.tail(layout.count(m)));
        }
      }
      const double exact = seen.cast<double>().squaredNorm();
      worst = std::max(worst, std::abs(found - exact) / exact);
    }
    return worst;
  };
  EXPECT_LT(error(0), 1e-5);
  EXPECT_LT(error(500), 5e-3);
  EXPECT_LT(error(2000), 2e-2);
}

TEST(PolarBasis, RefusesWhatMakesNoSense) {
  EXPECT_THROW(PolarBasis({15, 2.0}, 8, 10), Error);
  EXPECT_THROW(PolarBasis(kGrid, 1000, 10), Error);
  EXPECT_THROW(PolarBasis(kGrid, 9, 0), Error);
  EXPECT_THROW(PolarBasis(kGrid, 9, 10, 0), Error);
  const PolarBasis basis(kGrid, 9, 10);
  EXPECT_THROW((void)basis.analyse(input(Eigen::VectorXf::Zero(7))), Error);
  EXPECT_THROW((void)basis.noise_variance(Eigen::VectorXd::Ones(1)), Error);
  EXPECT_THROW((void)basis.turned(Eigen::VectorXd::Ones(1), 0), Error);
}

}  // namespace
}  // namespace cryosip

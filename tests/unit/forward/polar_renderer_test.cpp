#include "libcryosip/forward/polar_renderer.hpp"

#include <cmath>
#include <complex>
#include <functional>
#include <limits>
#include <memory>

#include <Eigen/Geometry>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/bessel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "libcryosip/forward/identity_model.hpp"
#include "tests/support/small_molecule.hpp"

namespace cryosip {
namespace {

constexpr ImageGrid kGrid = {32, 2.5};
constexpr double kResolution = 7;
constexpr double kRadius = 32;

Pose oblique_pose() {
  Pose pose;
  pose.rotation = rotation_matrix({37, 62, -115});
  pose.shift_angstrom = {3.1, -4.7};
  return pose;
}

std::shared_ptr<const PolarBasis> make_basis() {
  return std::make_shared<const PolarBasis>(kGrid, kResolution, kRadius);
}

Eigen::VectorXd random_vector(Eigen::Index size, std::uint64_t index) {
  RandomStream stream(3, StreamPurpose::Test, index);
  return Eigen::VectorXd::NullaryExpr(size, [&] { return stream.normal(); });
}

template <typename Scalar>
Eigen::VectorXd drawn(const PolarRenderer<Scalar>& renderer,
                      const Eigen::Matrix3Xd& positions,
                      const Pose& pose) {
  Eigen::Matrix<Scalar, Eigen::Dynamic, 1> image(renderer.basis().size());
  renderer.render(positions, pose, *renderer.workspace(), image);
  return image.template cast<double>();
}

// The definition, in double precision and without any grid.
Eigen::VectorXd direct_sum(const PolarBasis& basis,
                           const Scattering& scattering,
                           const Eigen::Matrix3Xd& positions,
                           const Pose& pose) {
  const PolarLayout& layout = basis.layout();
  const ImageGrid& grid = basis.grid();
  const double edge = grid.edge_angstrom();
  Eigen::VectorXd image = Eigen::VectorXd::Zero(layout.size());
  std::vector<double> bessel(static_cast<std::size_t>(layout.angular_frequencies()));
  for (Eigen::Index i = 0; i < positions.cols(); ++i) {
    const Eigen::Vector3d view = pose.rotation * positions.col(i);
    const Eigen::Vector2d at = view.head<2>() + pose.shift_angstrom;
    const auto type =
        static_cast<std::size_t>(scattering.type_of_atom[static_cast<std::size_t>(i)]);
    for (int ring = 1; ring <= layout.rings(); ++ring) {
      const double r = ring / edge;
      const double amplitude = form_factor(scattering.types[type], r) *
                               std::exp(-scattering.b_factors_angstrom2(i) * r * r / 4) *
                               std::sqrt(basis.ring_weights()(ring - 1)) /
                               (grid.box * grid.pixel_size_angstrom * grid.pixel_size_angstrom);
      bessel_j(2 * kPi * r * at.norm(), bessel);
      for (int m = 0; m < layout.angular_frequencies() && layout.first_ring(m) <= ring; ++m) {
        const std::complex<double> value =
            std::polar(amplitude * std::sqrt(m == 0 ? 1 : 2) * bessel[static_cast<std::size_t>(m)],
                       -m * (std::atan2(at.y(), at.x()) + kPi / 2));
        const Eigen::Index to = layout.offset(m) + ring - layout.first_ring(m);
        image(to) += value.real();
        image(to + layout.count(m)) += m == 0 ? 0 : value.imag();
      }
    }
  }
  return image;
}

double relative_error(const Eigen::VectorXd& found, const Eigen::VectorXd& expected) {
  return (found - expected).norm() / expected.norm();
}

TEST(PolarRenderer, DrawsTheDefinitionInBothPrecisionsAndBoxesOfAnySize) {
  for (const bool all_atom : {false, true}) {
    const NormalModeModel model(testing::small_molecule(all_atom, 150));
    const Scattering scattering = scattering_of(model.atoms(), {});
    for (const ImageGrid grid : {ImageGrid{16, 4}, kGrid, ImageGrid{96, 1.5}}) {
      const auto basis =
          std::make_shared<const PolarBasis>(grid, 4.5 * grid.pixel_size_angstrom, kRadius);
      // Fills the box, corners and all, and more.
      const Eigen::Matrix3Xd positions =
          model.atoms().positions_angstrom * (0.03 * grid.edge_angstrom());
      const Eigen::VectorXd expected = direct_sum(*basis, scattering, positions, oblique_pose());
      EXPECT_LT(
          relative_error(drawn(PolarRenderer<double>(basis, scattering, PixelModel::Bandlimited),
                               positions,
                               oblique_pose()),
                         expected),
          1e-12);
      EXPECT_LT(
          relative_error(drawn(PolarRenderer<float>(basis, scattering, PixelModel::Bandlimited),
                               positions,
                               oblique_pose()),
                         expected),
          2e-6);
    }
  }
}

TEST(PolarRenderer, AtomsFarOutsideTheBoxLeaveNothingAndFeelNothing) {
  const NormalModeModel model(testing::small_molecule(false, 20));
  const Scattering scattering = scattering_of(model.atoms(), {});
  const auto basis = make_basis();
  const PolarRenderer<double> renderer(basis, scattering, PixelModel::Bandlimited);
  Eigen::Matrix3Xd positions = model.atoms().positions_angstrom;
  const double reach = PolarRenderer<double>::kReach * kGrid.edge_angstrom();
  const Pose pose;
  positions.col(7) = Eigen::Vector3d(0.8, 0.6, 0) * (0.999 * reach);
  EXPECT_LT(relative_error(drawn(renderer, positions, pose),
                           direct_sum(*basis, scattering, positions, pose)),
            1e-12);

  for (const double distance : {1.001 * reach, 1e100}) {
    positions.col(7) = Eigen::Vector3d(0.8, 0.6, 0) * distance;
    const auto workspace = renderer.workspace();
    Eigen::VectorXd image(basis->size());
    renderer.render(positions, pose, *workspace, image);
    Scattering without = scattering;
    without.types.push_back({{0.0, 1.0}});
    without.type_of_atom[7] = 1;
    EXPECT_LT(
        relative_error(image, direct_sum(*basis, without, model.atoms().positions_angstrom, pose)),
        1e-12);
    RenderGradient gradient;
    renderer.pull_back(random_vector(basis->size(), 8), *workspace, gradient);
    EXPECT_EQ(gradient.positions.col(7).norm(), 0);
    EXPECT_GT(gradient.positions.col(8).norm(), 0);
  }
  positions.colwise() += Eigen::Vector3d(2 * reach, 0, 0);
  EXPECT_EQ(drawn(renderer, positions, pose).norm(), 0);
}

TEST(PolarRenderer, AnAtomWithoutAPlaceSpoilsTheImage) {
  const NormalModeModel model(testing::small_molecule(false, 20));
  const PolarRenderer<float> renderer(
      make_basis(), scattering_of(model.atoms(), {}), PixelModel::Bandlimited);
  Eigen::Matrix3Xd positions = model.atoms().positions_angstrom;
  positions(1, 3) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_TRUE(std::isnan(drawn(renderer, positions, oblique_pose()).sum()));
  // And not the next one with the same workspace.
  const auto workspace = renderer.workspace();
  Eigen::VectorXf image(renderer.basis().size());
  renderer.render(positions, oblique_pose(), *workspace, image);
  renderer.render(model.atoms().positions_angstrom, oblique_pose(), *workspace, image);
  EXPECT_EQ(image.cast<double>(),
            drawn(renderer, model.atoms().positions_angstrom, oblique_pose()));
}

TEST(PolarRenderer, GradientsAtTheBoxsCentreAreThoseBesideIt) {
  const NormalModeModel model(testing::small_molecule(false, 3));
  const auto basis = make_basis();
  const PolarRenderer<double> renderer(
      basis, scattering_of(model.atoms(), {}), PixelModel::Bandlimited);
  const Eigen::VectorXd adjoint = random_vector(basis->size(), 9);
  Eigen::Matrix3Xd positions = Eigen::Matrix3Xd::Zero(3, 3);
  positions.col(1) << 1e-9, -3e-10, 0;
  positions.col(2) << 1e-3, 1e-3, 0;
  const auto workspace = renderer.workspace();
  RenderGradient gradient;
  renderer.place(positions, {}, *workspace);
  renderer.pull_back(adjoint, *workspace, gradient);
  for (Eigen::Index axis = 0; axis < 2; ++axis) {
    constexpr double kStep = 1e-3;
    const auto at = [&](double step) {
      Eigen::Matrix3Xd moved = positions;
      moved(axis, 0) += step;
      return adjoint.dot(drawn(renderer, moved, {}));
    };
    const double expected = (at(kStep) - at(-kStep)) / (2 * kStep);
    const double size = gradient.positions.norm();
    EXPECT_NEAR(gradient.positions(axis, 0), expected, 1e-5 * size);
    EXPECT_NEAR(gradient.positions(axis, 1), gradient.positions(axis, 0), 1e-8 * size);
    EXPECT_NEAR(gradient.positions(axis, 2), gradient.positions(axis, 0), 1e-2 * size);
  }
}

TEST(PolarRenderer, CoefficientsAreBesselFunctionsSummedOverAtomsAndGaussians) {
  const NormalModeModel model(testing::small_molecule(true, 70));
  const Scattering scattering = scattering_of(model.atoms(), {});
  const auto basis = make_basis();
  const PolarRenderer<double> renderer(basis, scattering, PixelModel::Bandlimited);
  const Pose pose = oblique_pose();
  const Eigen::VectorXd image = drawn(renderer, model.atoms().positions_angstrom, pose);
  const PolarLayout& layout = basis->layout();
  const double edge = kGrid.edge_angstrom();
  for (int m = 0; m < layout.angular_frequencies(); m += m < 4 ? 1 : 5) {
    for (int ring = layout.first_ring(m); ring <= layout.rings(); ring += 3) {
      std::complex<double> expected = 0;
      for (Eigen::Index i = 0; i < model.atoms().count(); ++i) {
        const Eigen::Vector3d view = pose.rotation * model.atoms().positions_angstrom.col(i);
        const Eigen::Vector2d at = view.head<2>() + pose.shift_angstrom;
        double form = 0;
        for (const ScatteringGaussian& g : scattering.types[static_cast<std::size_t>(
                 scattering.type_of_atom[static_cast<std::size_t>(i)])]) {
          const double b = g.b_angstrom2 + scattering.b_factors_angstrom2(i);
          form += g.amplitude * std::exp(-b * ring * ring / (4 * edge * edge));
        }
        expected += form *
                    std::cyl_bessel_j(static_cast<double>(m), 2 * kPi * ring * at.norm() / edge) *
                    std::polar(1.0, -m * (std::atan2(at.y(), at.x()) + kPi / 2));
      }
      expected *= std::sqrt(basis->ring_weights()(ring - 1) * (m == 0 ? 1 : 2)) /
                  (kGrid.box * kGrid.pixel_size_angstrom * kGrid.pixel_size_angstrom);
      const Eigen::Index at = layout.offset(m) + ring - layout.first_ring(m);
      EXPECT_NEAR(image(at), expected.real(), 1e-6 * image.norm()) << "m " << m;
      EXPECT_NEAR(image(at + layout.count(m)), expected.imag(), 1e-6 * image.norm());
    }
  }
}

TEST(PolarRenderer, AgreesWithAnalysedPixelsOfEitherKind) {
  const NormalModeModel model(testing::small_molecule(false, 200));
  const Scattering scattering = scattering_of(model.atoms(), {});
  const auto basis = make_basis();
  const auto pixel_basis = std::make_shared<PixelBasis>(kGrid);
  for (const PixelModel pixel : {PixelModel::Bandlimited, PixelModel::Average}) {
    Eigen::VectorXd pixels(kGrid.pixels());
    // Residues do not alias: sampled and band-limited pixels are the same.
    const PixelRenderer in_pixels(
        pixel_basis, scattering, pixel == PixelModel::Average ? pixel : PixelModel::Point);
    in_pixels.render(
        model.atoms().positions_angstrom, oblique_pose(), *in_pixels.workspace(), pixels);
    const Eigen::VectorXf rounded = pixels.cast<float>();
    const Eigen::VectorXd expected =
        basis->analyse({{rounded.data(), static_cast<std::size_t>(rounded.size())}}).cast<double>();
    const Eigen::VectorXd found = drawn(PolarRenderer<double>(basis, scattering, pixel),
                                        model.atoms().positions_angstrom,
                                        oblique_pose());
    EXPECT_LT((found - expected).norm(), 1e-5 * expected.norm());
  }
}

TEST(PolarRenderer, APoseTurnedInThePlaneIsAPhase) {
  const NormalModeModel model(testing::small_molecule(true, 70));
  const auto basis = make_basis();
  const PolarRenderer<float> renderer(
      basis, scattering_of(model.atoms(), {}), PixelModel::Bandlimited);
  Pose pose;
  pose.rotation = rotation_matrix({37, 62, -115});
  const Eigen::VectorXd before = drawn(renderer, model.atoms().positions_angstrom, pose);
  pose.rotation = rotation_matrix({37, 62, -115 + 50});
  const Eigen::VectorXd after = drawn(renderer, model.atoms().positions_angstrom, pose);
  EXPECT_LT((basis->turned(before, 50 * kRadianPerDegree) - after).norm(), 1e-4 * after.norm());
}

// Residues alike; several elements, each atom with its own B-factor.
class PolarAdjointTest : public ::testing::TestWithParam<bool> {};

TEST_P(PolarAdjointTest, AgreesWithCentralDifferencesInEveryArgument) {
  const NormalModeModel model(testing::small_molecule(GetParam(), 40));
  const PolarRenderer<double> renderer(
      make_basis(), scattering_of(model.atoms(), {}), PixelModel::Average);
  const Eigen::Matrix3Xd positions = model.atoms().positions_angstrom;
  const Pose pose = oblique_pose();
  const Eigen::VectorXd adjoint = random_vector(renderer.basis().size(), 5);
  const auto value = [&](const Eigen::Matrix3Xd& at, const Pose& from) {
    return adjoint.dot(drawn(renderer, at, from));
  };
  const auto difference = [](double step, const std::function<double(double)>& f) {
    // Fourth order, so that the step's own error stays far below the tolerance.
    return (8 * (f(step) - f(-step)) - (f(2 * step) - f(-2 * step))) / (12 * step);
  };
  const auto workspace = renderer.workspace();
  Eigen::VectorXd image(renderer.basis().size());
  RenderGradient gradient;
  renderer.render(positions, pose, *workspace, image);
  renderer.pull_back(adjoint, *workspace, gradient);

  for (const Eigen::Index atom : {0, 1, 2, 17, 39}) {
    for (Eigen::Index axis = 0; axis < 3; ++axis) {
      const double expected = difference(1e-3, [&](double step) {
        Eigen::Matrix3Xd moved = positions;
        moved(axis, atom) += step;
        return value(moved, pose);
      });
      EXPECT_NEAR(gradient.positions(axis, atom),
                  expected,
                  1e-6 * gradient.positions.cwiseAbs().maxCoeff());
    }
  }
  for (Eigen::Index axis = 0; axis < 3; ++axis) {
    const double expected = difference(1e-4, [&](double step) {
      Pose turned = pose;
      turned.rotation =
          Eigen::AngleAxisd(step, Eigen::Vector3d::Unit(axis)).toRotationMatrix() * pose.rotation;
      return value(positions, turned);
    });
    EXPECT_NEAR(gradient.rotation_radian(axis), expected, 1e-6 * gradient.rotation_radian.norm());
  }
  for (Eigen::Index axis = 0; axis < 2; ++axis) {
    const double expected = difference(1e-3, [&](double step) {
      Pose moved = pose;
      moved.shift_angstrom(axis) += step;
      return value(positions, moved);
    });
    EXPECT_NEAR(gradient.shift(axis), expected, 1e-6 * gradient.shift.norm());
  }
}

INSTANTIATE_TEST_SUITE_P(BothResolutions, PolarAdjointTest, ::testing::Bool());

TEST(PolarRenderer, FloatAgreesWithDoubleInImageAndGradient) {
  const NormalModeModel model(testing::small_molecule(true, 200));
  const Scattering scattering = scattering_of(model.atoms(), {});
  const auto basis = make_basis();
  const PolarRenderer<double> exact(basis, scattering, PixelModel::Bandlimited);
  const PolarRenderer<float> fast(basis, scattering, PixelModel::Bandlimited);
  const auto exact_space = exact.workspace();
  const auto fast_space = fast.workspace();
  Eigen::VectorXd expected(basis->size());
  Eigen::VectorXf found(basis->size());
  const Eigen::VectorXd adjoint = random_vector(basis->size(), 6);
  RenderGradient expected_gradient;
  RenderGradient found_gradient;

  exact.render(model.atoms().positions_angstrom, oblique_pose(), *exact_space, expected);
  exact.pull_back(adjoint, *exact_space, expected_gradient);
  fast.render(model.atoms().positions_angstrom, oblique_pose(), *fast_space, found);
  fast.pull_back(adjoint.cast<float>(), *fast_space, found_gradient);

  EXPECT_LT((found.cast<double>() - expected).norm(), 1e-5 * expected.norm());
  EXPECT_LT((found_gradient.positions - expected_gradient.positions).norm(),
            1e-5 * expected_gradient.positions.norm());
}

TEST(PolarImageModel, DrawsConformationsAndPullsBackToTheirCoordinates) {
  const NormalModeModel model(testing::small_molecule(false, 60));
  Eigen::MatrixXd ensemble(3, 2);
  ensemble << 0, 1.5, 0, -1, 0, 1;
  const double radius = model.radius_angstrom(ensemble);
  Eigen::Matrix3Xd positions;
  model.positions(ensemble.col(1), positions);
  EXPECT_GE(radius, positions.colwise().norm().maxCoeff());
  EXPECT_GE(radius, model.atoms().positions_angstrom.colwise().norm().maxCoeff());

  const auto images = model.polar_image_model(kGrid, 0, radius, {});
  EXPECT_EQ(images->dimension(), 3);
  const Pose pose = oblique_pose();
  const auto workspace = images->workspace();
  const Eigen::VectorXd adjoint = random_vector(images->size(), 7);
  Eigen::VectorXf image(images->size());
  const Eigen::VectorXd theta = ensemble.col(1);
  images->draw(theta, pose, *workspace, image);
  const Eigen::VectorXd gradient = images->pull_back(*workspace, adjoint.cast<float>());
  const auto placed = images->workspace();
  images->place(theta, pose, *placed);
  EXPECT_EQ(images->pull_back(*placed, adjoint.cast<float>()), gradient);

  const PolarRenderer<double> same(
      std::make_shared<const PolarBasis>(kGrid, images->basis().resolution_angstrom(), radius),
      model.scattering({}),
      PixelModel::Bandlimited);
  const auto value = [&](const Eigen::VectorXd& coordinates) {
    model.positions(coordinates, positions);
    return adjoint.dot(drawn(same, positions, pose));
  };
  model.positions(theta, positions);
  EXPECT_LT((image.cast<double>() - drawn(same, positions, pose)).norm(), 1e-5 * image.norm());
  for (Eigen::Index k = 0; k < 3; ++k) {
    constexpr double kStep = 1e-4;
    const Eigen::VectorXd step = kStep * Eigen::VectorXd::Unit(3, k);
    EXPECT_NEAR(gradient(k),
                (value(theta + step) - value(theta - step)) / (2 * kStep),
                1e-4 * gradient.norm());
  }
}

TEST(PolarImageModel, PixelSumIsThatOfASimulatedImage) {
  const NormalModeModel model(testing::small_molecule(true, 60));
  const Eigen::VectorXd theta = Eigen::Vector3d(0.5, 0, -0.5);
  const Eigen::VectorXd pixels =
      model.pixel_simulator(kGrid, {})->image(theta, {oblique_pose(), std::nullopt});
  const double expected = pixels.sum();
  EXPECT_NEAR(
      model.polar_image_model(kGrid, 0, kRadius, {})->pixel_sum(), expected, 1e-9 * expected);
}

TEST(PolarImageModel, IsRefusedByModelsWithoutViews) {
  EXPECT_THROW((void)IdentityModel().polar_image_model({1, 1.0}, 0, 1, {}), Error);
  const NanoclusterModel nanocluster;
  EXPECT_THROW((void)nanocluster.polar_image_model(*nanocluster.own_grid(), 0, 1, {}), Error);
  EXPECT_THROW((void)nanocluster.radius_angstrom(Eigen::MatrixXd::Zero(2, 1)), Error);
}

TEST(PolarRenderer, PointSamplingIsNotForRings) {
  const NormalModeModel model(testing::small_molecule(false));
  EXPECT_THROW(
      PolarRenderer<float>(make_basis(), scattering_of(model.atoms(), {}), PixelModel::Point),
      Error);
}

}  // namespace
}  // namespace cryosip

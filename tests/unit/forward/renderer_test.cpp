#include "libcryosip/forward/renderer.hpp"

#include <cmath>
#include <functional>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include <Eigen/Geometry>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/forward/forward_model.hpp"
#include "tests/support/small_molecule.hpp"

namespace cryosip {
namespace {

constexpr ImageGrid kGrid = {24, 2.5};

CtfParameters astigmatic_optics() {
  CtfParameters optics;
  optics.defocus_u_angstrom = 9000;
  optics.defocus_v_angstrom = 7500;
  optics.defocus_angle_degree = 35;
  optics.phase_shift_degree = 20;
  optics.b_factor_angstrom2 = 30;
  optics.scale = 0.8;
  return optics;
}

Pose oblique_pose() {
  Pose pose;
  pose.rotation = rotation_matrix({37, 62, -115});
  pose.shift_angstrom = {3.1, -4.7};
  return pose;
}

std::shared_ptr<const Renderer<double>> make_renderer(const Atoms& atoms,
                                                      PixelModel pixel,
                                                      double resolution_angstrom = 0) {
  const Scattering scattering = scattering_of(atoms, {});
  if (pixel == PixelModel::Bandlimited) {
    return std::make_shared<FourierRenderer<double>>(
        std::make_shared<FourierDisc>(kGrid, resolution_angstrom), scattering, pixel);
  }
  return std::make_shared<PixelRenderer>(std::make_shared<PixelBasis>(kGrid), scattering, pixel);
}

Eigen::VectorXd random_vector(Eigen::Index size, std::uint64_t index) {
  RandomStream stream(3, StreamPurpose::Test, index);
  return Eigen::VectorXd::NullaryExpr(size, [&] { return stream.normal(); });
}

// Both resolutions of atoms, every way of making pixels, with and without a CTF.
class AdjointTest : public ::testing::TestWithParam<std::tuple<bool, PixelModel, bool>> {};

TEST_P(AdjointTest, AgreesWithCentralDifferencesInEveryArgument) {
  const auto [all_atom, pixel, with_ctf] = GetParam();
  const NormalModeModel model(testing::small_molecule(all_atom));
  const ForwardModel forward(model, make_renderer(model.atoms(), pixel));
  const Eigen::VectorXd coordinates = Eigen::Vector3d(0.7, -0.4, 0.2);
  const Eigen::VectorXd adjoint = random_vector(forward.basis().size(), 5);
  const Pose pose = oblique_pose();
  CtfParameters optics = astigmatic_optics();

  const auto condition = [&, with = with_ctf](const Pose& at, const CtfParameters& parameters) {
    return ImagingCondition{at, with ? std::optional<Ctf>(Ctf(parameters)) : std::nullopt};
  };
  const auto value = [&](const Eigen::VectorXd& theta, const Pose& at, const CtfParameters& ctf) {
    return adjoint.dot(forward.image(theta, condition(at, ctf)));
  };
  const auto difference = [](double step, const std::function<double(double)>& f) {
    // Fourth order, so that the step's own error stays far below the tolerance.
    return (8 * (f(step) - f(-step)) - (f(2 * step) - f(-2 * step))) / (12 * step);
  };
  const ForwardModel::Gradient gradient =
      forward.pull_back(coordinates, condition(pose, optics), adjoint);
  const double scale = gradient.coordinates.norm();
  ASSERT_GT(scale, 0);

  for (Eigen::Index k = 0; k < coordinates.size(); ++k) {
    const double expected = difference(1e-3, [&](double step) {
      return value(coordinates + step * Eigen::VectorXd::Unit(3, k), pose, optics);
    });
    EXPECT_NEAR(gradient.coordinates(k), expected, 1e-5 * scale) << "coordinate " << k;
  }
  for (Eigen::Index axis = 0; axis < 3; ++axis) {
    const double expected = difference(1e-4, [&](double step) {
      Pose turned = pose;
      turned.rotation =
          Eigen::AngleAxisd(step, Eigen::Vector3d::Unit(axis)).toRotationMatrix() * pose.rotation;
      return value(coordinates, turned, optics);
    });
    EXPECT_NEAR(gradient.rotation_radian(axis), expected, 1e-5 * gradient.rotation_radian.norm())
        << "rotation about axis " << axis;
  }
  for (Eigen::Index axis = 0; axis < 2; ++axis) {
    const double expected = difference(1e-3, [&](double step) {
      Pose moved = pose;
      moved.shift_angstrom(axis) += step;
      return value(coordinates, moved, optics);
    });
    EXPECT_NEAR(gradient.shift(axis), expected, 1e-5 * gradient.shift.norm()) << "shift " << axis;
  }
  if (with_ctf) {
    const std::vector<std::tuple<Ctf::Parameter, double*, double>> parameters = {
        {Ctf::DefocusU, &optics.defocus_u_angstrom, 1},
        {Ctf::DefocusV, &optics.defocus_v_angstrom, 1},
        {Ctf::DefocusAngle, &optics.defocus_angle_degree, 0.01},
        {Ctf::PhaseShift, &optics.phase_shift_degree, 0.01},
        {Ctf::BFactor, &optics.b_factor_angstrom2, 0.01},
        {Ctf::Scale, &optics.scale, 1e-3}};
    for (const auto& [parameter, place, step] : parameters) {
      const double here = *place;
      const double expected = difference(step, [&, at = place](double change) {
        *at = here + change;
        const double result = value(coordinates, pose, optics);
        *at = here;
        return result;
      });
      EXPECT_NEAR(gradient.ctf(parameter), expected, 1e-5 * std::abs(expected))
          << "CTF parameter " << parameter;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AllWaysOfDrawing,
                         AdjointTest,
                         ::testing::Combine(::testing::Bool(),
                                            ::testing::Values(PixelModel::Bandlimited,
                                                              PixelModel::Average,
                                                              PixelModel::Point),
                                            ::testing::Bool()));

TEST(Renderer, PixelsAreTheFormulaSummedOverAtomsAndGaussians) {
  const NormalModeModel model(testing::small_molecule(true));
  const Scattering scattering = scattering_of(model.atoms(), {});
  const Pose pose = oblique_pose();
  for (const PixelModel pixel : {PixelModel::Point, PixelModel::Average}) {
    const ForwardModel forward(model, make_renderer(model.atoms(), pixel));
    const Eigen::VectorXd image = forward.image(Eigen::Vector3d::Zero(), {pose, std::nullopt});
    for (const auto& [ix, iy] : {std::pair{12, 12}, {3, 17}, {20, 9}}) {
      const double u = (ix - 12) * kGrid.pixel_size_angstrom;
      const double v = (iy - 12) * kGrid.pixel_size_angstrom;
      double expected = 0;
      for (Eigen::Index i = 0; i < model.atoms().count(); ++i) {
        const Eigen::Vector3d at = pose.rotation * model.atoms().positions_angstrom.col(i);
        const double dx = u - at.x() - pose.shift_angstrom.x();
        const double dy = v - at.y() - pose.shift_angstrom.y();
        for (const ScatteringGaussian& g : scattering.types[static_cast<std::size_t>(
                 scattering.type_of_atom[static_cast<std::size_t>(i)])]) {
          const double b = g.b_angstrom2 + scattering.b_factors_angstrom2(i);
          if (pixel == PixelModel::Point) {
            expected +=
                g.amplitude * 4 * kPi / b * std::exp(-4 * kPi * kPi * (dx * dx + dy * dy) / b);
          } else {
            const double half = kGrid.pixel_size_angstrom / 2;
            const double s = 2 * kPi / std::sqrt(b);
            expected += g.amplitude / std::pow(2 * kGrid.pixel_size_angstrom, 2) *
                        (std::erf(s * (dx + half)) - std::erf(s * (dx - half))) *
                        (std::erf(s * (dy + half)) - std::erf(s * (dy - half)));
          }
        }
      }
      EXPECT_NEAR(image(iy * 24 + ix), expected, 1e-12 * image.cwiseAbs().maxCoeff());
    }
  }
}

TEST(Renderer, TheFourierRendererAgreesWithPixelsWhereNothingAliases) {
  // A box wide enough that no Gaussian's tail is cut off, where the Fourier renderer wraps it
  // round.
  constexpr ImageGrid kWide = {44, 2.5};
  const NormalModeModel model(testing::small_molecule(false));
  const Eigen::VectorXd theta = Eigen::Vector3d(0.5, 0.5, -0.5);
  const ImagingCondition condition = {oblique_pose(), Ctf(astigmatic_optics())};
  const Scattering scattering = scattering_of(model.atoms(), {});
  const auto disc = std::make_shared<FourierDisc>(kWide, 6.0);
  for (const PixelModel pixel : {PixelModel::Point, PixelModel::Average}) {
    const ForwardModel by_pixels(
        model,
        std::make_shared<PixelRenderer>(std::make_shared<PixelBasis>(kWide), scattering, pixel));
    const Eigen::VectorXf image = by_pixels.image(theta, condition).cast<float>();
    const PixelModel band =
        pixel == PixelModel::Point ? PixelModel::Bandlimited : PixelModel::Average;
    const ForwardModel by_waves(model,
                                std::make_shared<FourierRenderer<double>>(disc, scattering, band));

    const Eigen::VectorXd expected =
        disc->analyse({image.data(), static_cast<std::size_t>(image.size())});
    const Eigen::VectorXd found = by_waves.image(theta, condition);

    // Single-precision pixels; aliasing of 4 A Gaussians at 2.5 A pixels is far below.
    EXPECT_LT((found - expected).norm(), 1e-6 * expected.norm());
  }
}

TEST(Renderer, FloatAgreesWithDoubleInImageAndGradient) {
  const NormalModeModel model(testing::small_molecule(true, 200));
  const Scattering scattering = scattering_of(model.atoms(), {});
  const auto disc = std::make_shared<FourierDisc>(kGrid, 6.0);
  const FourierRenderer<double> exact(disc, scattering, PixelModel::Bandlimited);
  const FourierRenderer<float> fast(disc, scattering, PixelModel::Bandlimited);
  const auto exact_space = exact.workspace();
  const auto fast_space = fast.workspace();
  Eigen::VectorXd expected(disc->size());
  Eigen::VectorXf found(disc->size());
  const Eigen::VectorXd adjoint = random_vector(disc->size(), 6);
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

TEST(Renderer, PointSamplingIsNotForTheFourierDisc) {
  const NormalModeModel model(testing::small_molecule(false));
  EXPECT_THROW(FourierRenderer<float>(std::make_shared<FourierDisc>(kGrid, 6.0),
                                      scattering_of(model.atoms(), {}),
                                      PixelModel::Point),
               Error);
}

}  // namespace
}  // namespace cryosip

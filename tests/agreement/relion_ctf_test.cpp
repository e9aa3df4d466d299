// The CTF against RELION's own formula (src/ctf.cpp CTF::initialise and src/ctf.h CTF::getCTF of
// 3.1.3), written out here as it stands there: the defocus as a quadratic form, every sign
// reversed.
#include <cmath>
#include <random>

#include <gtest/gtest.h>

#include "libcryosip/forward/ctf.hpp"
#include "tests/support/for_all.hpp"

namespace cryosip {
namespace {

double relion_ctf(const CtfParameters& p, double x, double y) {
  const double pi = 3.14159265358979323846;
  const double local_cs = p.spherical_aberration_mm * 1e7;
  const double local_kv = p.voltage_kv * 1e3;
  const double azimuth = p.defocus_angle_degree * pi / 180;
  const double lambda = 12.2643247 / std::sqrt(local_kv * (1. + local_kv * 0.978466e-6));
  const double k1 = pi / 2 * 2 * lambda;
  const double k2 = pi / 2 * local_cs * lambda * lambda * lambda;
  const double k3 =
      std::atan(p.amplitude_contrast / std::sqrt(1 - p.amplitude_contrast * p.amplitude_contrast));
  const double k4 = -p.b_factor_angstrom2 / 4.;
  const double k5 = p.phase_shift_degree * pi / 180;
  const double c = std::cos(azimuth);
  const double s = std::sin(azimuth);
  const double axx = -(c * c * p.defocus_u_angstrom + s * s * p.defocus_v_angstrom);
  const double axy = -(c * s * p.defocus_u_angstrom - c * s * p.defocus_v_angstrom);
  const double ayy = -(s * s * p.defocus_u_angstrom + c * c * p.defocus_v_angstrom);
  const double u2 = x * x + y * y;
  const double u4 = u2 * u2;
  const double gamma = k1 * (axx * x * x + 2.0 * axy * x * y + ayy * y * y) + k2 * u4 - k5 - k3;
  return p.scale * -std::sin(gamma) * std::exp(k4 * u2);
}

TEST(CtfAgreement, EqualsRelionsFormulaForAnyParameters) {
  testing::for_all(200, [](std::mt19937_64& rng) {
    const auto uniform = [&](double low, double high) {
      return std::uniform_real_distribution<double>(low, high)(rng);
    };
    CtfParameters p;
    p.defocus_u_angstrom = uniform(-5000, 40000);
    p.defocus_v_angstrom = p.defocus_u_angstrom + uniform(-3000, 3000);
    p.defocus_angle_degree = uniform(-180, 180);
    p.voltage_kv = uniform(80, 300);
    p.spherical_aberration_mm = uniform(0, 3);
    p.amplitude_contrast = uniform(0, 0.9);
    p.phase_shift_degree = uniform(0, 180);
    p.b_factor_angstrom2 = uniform(-20, 200);
    p.scale = uniform(0.5, 1.5);
    const Ctf ctf(p);
    for (int i = 0; i < 20; ++i) {
      const double x = uniform(-0.3, 0.3);
      const double y = uniform(-0.3, 0.3);
      // The phase reaches 10^4 radian, where rounding is 10^4 * 1e-16 and a few operations more;
      // exp(20 * 0.18 / 4) = 2.5 multiplies it.
      EXPECT_NEAR(ctf(x, y), relion_ctf(p, x, y), 1e-10);
    }
  });
}

}  // namespace
}  // namespace cryosip

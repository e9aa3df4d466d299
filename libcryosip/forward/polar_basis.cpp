#include "libcryosip/forward/polar_basis.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <complex>
#include <string>
#include <utility>

#include "formats/error.hpp"
#include "libcryosip/core/bessel.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

// Parity of a function of pixels in x and in y.
enum Parity { EvenEven, OddEven, EvenOdd, OddOdd, kParities };

// exp(-i m theta) has a cosine and a sine; (-i)^m swaps them for odd m.
Parity parity(int m, bool imaginary) {
  if (m % 2 == 0) {
    return imaginary ? OddOdd : EvenEven;
  }
  return imaginary ? OddEven : EvenOdd;
}

PolarLayout make_layout(const ImageGrid& grid,
                        double resolution_angstrom,
                        double molecule_radius_angstrom,
                        double rim_loss) {
  const int rings = band_radius(grid, resolution_angstrom);
  if (!(molecule_radius_angstrom > 0) || !(rim_loss > 0)) {
    throw Error(ErrorKind::Usage,
                "polar basis: the molecule's radius and its loss must be positive");
  }
  const double radius = std::min(molecule_radius_angstrom / grid.edge_angstrom(), 0.5);
  // An atom at this radius has the energies J_0^2, 2 J_1^2, 2 J_2^2, .. of 1 on a ring.
  std::vector<int> first_ring = {1};
  for (int ring = 1; ring <= rings; ++ring) {
    const double argument = 2 * kPi * ring * radius;
    constexpr double kBeyond = 40;  // orders above the argument have died out by then
    std::vector<double> bessel(static_cast<std::size_t>(2 * argument + kBeyond));
    bessel_j(argument, bessel);
    double lost = 0;
    std::size_t kept = bessel.size();
    while (kept > 1) {
      lost += 2 * bessel[kept - 1] * bessel[kept - 1];
      if (lost > rim_loss) {
        break;
      }
      --kept;
    }
    while (first_ring.size() < kept) {
      first_ring.push_back(ring);
    }
  }
  return {rings, std::move(first_ring)};
}

// The integral over the disc from its rings: 2 pi n inside; at the edge, where the integral ends on
// a ring, Gregory's rule of first order.
Eigen::VectorXd make_ring_weights(int rings) {
  Eigen::VectorXd weights = Eigen::VectorXd::LinSpaced(rings, 1, rings) * (2 * kPi);
  if (rings == 1) {
    return weights / 2;
  }
  weights(rings - 1) *= 5.0 / 12;
  weights(rings - 2) *= 13.0 / 12;
  return weights;
}

}  // namespace

PolarBasis::PolarBasis(const ImageGrid& grid,
                       double resolution_angstrom,
                       double molecule_radius_angstrom,
                       double rim_loss)
    : grid_(grid),
      layout_(make_layout(grid, resolution_angstrom, molecule_radius_angstrom, rim_loss)),
      band_box_(std::min(grid.box, 2 * (layout_.rings() + kMargin))),
      transform_(grid.box),
      band_transform_(band_box_),
      ring_weights_(make_ring_weights(layout_.rings())) {
  const int half = band_box_ / 2;
  const Eigen::Index quarter_edge = Eigen::Index{half} + 1;
  matrix_.resize(size(), quarter_edge * quarter_edge);
  noise_variance_ = Eigen::VectorXd::Zero(size());
  const int orders = layout_.angular_frequencies();
  std::vector<double> bessel(static_cast<std::size_t>(orders));
  std::vector<std::complex<double>> direction(static_cast<std::size_t>(orders));
  Eigen::VectorXd row(size());
  for (int y = 0; y <= half; ++y) {
    for (int x = 0; x <= half; ++x) {
      // F(k) = 1/b sum_p y(p) exp(-2 pi i k.p), and exp(-i z cos(phi - theta)) has the Fourier
      // coefficients (-i)^m J_m(z) exp(-i m theta).
      const double distance = std::hypot(x, y) / band_box_;
      const double theta = std::atan2(y, x);
      for (int m = 0; m < orders; ++m) {
        direction[static_cast<std::size_t>(m)] =
            std::polar((m == 0 ? 1 : std::numbers::sqrt2) / band_box_, -m * (theta + kPi / 2));
      }
      for (int ring = 1; ring <= rings(); ++ring) {
        bessel_j(2 * kPi * ring * distance, bessel);
        const double weight = std::sqrt(ring_weights_(ring - 1));
        for (int m = 0; m < orders && layout_.first_ring(m) <= ring; ++m) {
          const std::complex<double> value =
              weight * bessel[static_cast<std::size_t>(m)] * direction[static_cast<std::size_t>(m)];
          const Eigen::Index at = layout_.offset(m) + ring - layout_.first_ring(m);
          row(at) = value.real();
          row(at + layout_.count(m)) = m == 0 ? 0 : value.imag();
        }
      }
      matrix_.col(y * quarter_edge + x) = row.cast<float>();
      // Pixels with this |x| and |y|; there is none at x or y = +b/2.
      const double alike = (x == 0 || x == half ? 1 : 2) * (y == 0 || y == half ? 1 : 2);
      noise_variance_ += alike * row.cwiseAbs2();
    }
  }
}

std::vector<double> PolarBasis::band_pixels(const PolarInput& image) const {
  if (static_cast<Eigen::Index>(image.pixels.size()) != grid_.pixels()) {
    throw Error(ErrorKind::Usage,
                "polar basis: image has " + std::to_string(image.pixels.size()) +
                    " values, expected " + std::to_string(grid_.pixels()));
  }
  std::vector<double> pixels(image.pixels.begin(), image.pixels.end());
  Eigen::Map<Eigen::ArrayXd> values(pixels.data(), grid_.pixels());
  if (image.pixel_sum) {
    values += (*image.pixel_sum - values.sum()) / static_cast<double>(grid_.pixels());
  }
  const bool is_cut = band_box_ < grid_.box;
  const bool is_shifted = !image.shift_angstrom.isZero(0);
  if (!image.times && !is_cut && !is_shifted) {
    return pixels;
  }
  std::vector<std::complex<double>> spectrum(transform_.spectrum_size());
  transform_.forward(pixels, spectrum);
  std::vector<std::complex<double>> band(band_transform_.spectrum_size());
  const int half = band_box_ / 2;
  // A cut box is left without its Nyquist lines, which one cannot tell apart.
  const int last = is_cut ? half - 1 : half;
  const double step = 1 / grid_.edge_angstrom();
  // Unitary on both sides.  Both origins are at the box's centre: the signs cancel.
  const double scale = static_cast<double>(band_box_) / grid_.box;
  // exp(2 pi i k shift) along one axis; on a Nyquist line, where k and -k are one, their mean.
  const auto phase = [&](int k, double shift_angstrom) {
    const std::complex<double> value = std::polar(1.0, 2 * kPi * k * step * shift_angstrom);
    return k == half && !is_cut ? value.real() : value;
  };
  std::vector<std::complex<double>> phases;  // along x
  for (int kx = 0; kx <= last; ++kx) {
    phases.push_back(phase(kx, image.shift_angstrom.x()));
  }
  for (int row = 0; row < band_box_; ++row) {
    const int ky = row <= half ? row : row - band_box_;
    if (std::abs(ky) > last) {
      continue;
    }
    const int source_row = ky < 0 ? ky + grid_.box : ky;
    const std::complex<double> row_phase = phase(ky, image.shift_angstrom.y());
    for (int kx = 0; kx <= last; ++kx) {
      const auto from =
          static_cast<std::size_t>(Eigen::Index{source_row} * (grid_.box / 2 + 1) + kx);
      const double transfer = image.times ? (*image.times)(kx * step, ky * step) : 1;
      std::complex<double> value = scale * transfer * spectrum[from];
      if (is_shifted) {
        value *= row_phase * phases[static_cast<std::size_t>(kx)];
      }
      band[static_cast<std::size_t>(Eigen::Index{row} * (half + 1) + kx)] = value;
    }
  }
  pixels.resize(band_transform_.pixels());
  band_transform_.inverse(band, pixels);
  return pixels;
}

Eigen::MatrixXf PolarBasis::analyse(std::span<const PolarInput> images) const {
  const auto count = static_cast<Eigen::Index>(images.size());
  const int half = band_box_ / 2;
  std::array<Eigen::MatrixXf, kParities> folded;
  for (Eigen::MatrixXf& of_parity : folded) {
    of_parity.resize(matrix_.cols(), count);
  }
  for (Eigen::Index i = 0; i < count; ++i) {
    const std::vector<double> pixels = band_pixels(images[static_cast<std::size_t>(i)]);
    // By coordinates from the centre, 0 where there is no pixel.
    const auto at = [&](int x, int y) {
      return x < half && y < half
                 ? pixels[static_cast<std::size_t>(Eigen::Index{y + half} * band_box_ + x + half)]
                 : 0;
    };
    Eigen::Index next = 0;
    for (int y = 0; y <= half; ++y) {
      for (int x = 0; x <= half; ++x, ++next) {
        const double here = at(x, y);
        const double left = x > 0 ? at(-x, y) : 0;
        const double below = y > 0 ? at(x, -y) : 0;
        const double opposite = x > 0 && y > 0 ? at(-x, -y) : 0;
        folded[EvenEven](next, i) = static_cast<float>(here + left + below + opposite);
        folded[OddEven](next, i) = static_cast<float>(here - left + below - opposite);
        folded[EvenOdd](next, i) = static_cast<float>(here + left - below - opposite);
        folded[OddOdd](next, i) = static_cast<float>(here - left - below + opposite);
      }
    }
  }
  Eigen::MatrixXf coefficients(size(), count);
  for (int m = 0; m < layout_.angular_frequencies(); ++m) {
    for (const bool imaginary : {false, true}) {
      const Eigen::Index first = layout_.offset(m) + (imaginary ? layout_.count(m) : 0);
      coefficients.middleRows(first, layout_.count(m)).noalias() =
          matrix_.middleRows(first, layout_.count(m)) * folded[parity(m, imaginary)];
    }
  }
  return coefficients;
}

Eigen::VectorXd PolarBasis::noise_variance(const Eigen::VectorXd& power) const {
  if (power.size() != rings()) {
    throw Error(ErrorKind::Usage,
                "polar basis: a noise spectrum of " + std::to_string(power.size()) +
                    " values, expected " + std::to_string(rings()));
  }
  Eigen::VectorXd variance = noise_variance_;
  for (int m = 0; m < layout_.angular_frequencies(); ++m) {
    const Eigen::Index count = layout_.count(m);
    for (const Eigen::Index first : {layout_.offset(m), layout_.offset(m) + count}) {
      variance.segment(first, count).array() *= power.tail(count).array();
    }
  }
  return variance;
}

Eigen::VectorXd PolarBasis::ring_transfer_squared(const Ctf& ctf) const {
  // C^2 has the period pi, and changes along the ring by cos(angle) of a phase of a few turns at
  // the very most: this many points are exact to rounding.
  constexpr int kAngles = 64;
  Eigen::VectorXd means = Eigen::VectorXd::Zero(rings());
  for (int ring = 1; ring <= rings(); ++ring) {
    const double radius = ring / grid_.edge_angstrom();
    for (int i = 0; i < kAngles; ++i) {
      const double angle = kPi * i / kAngles;
      const double value = ctf(radius * std::cos(angle), radius * std::sin(angle));
      means(ring - 1) += value * value / kAngles;
    }
  }
  return means;
}

Eigen::VectorXd PolarBasis::turned(const Eigen::VectorXd& coefficients, double turn_radian) const {
  if (coefficients.size() != size()) {
    throw Error(ErrorKind::Usage,
                "polar basis: " + std::to_string(coefficients.size()) + " coefficients, expected " +
                    std::to_string(size()));
  }
  Eigen::VectorXd result(size());
  for (int m = 0; m < layout_.angular_frequencies(); ++m) {
    const Eigen::Index count = layout_.count(m);
    const auto real = coefficients.segment(layout_.offset(m), count);
    const auto imaginary = coefficients.segment(layout_.offset(m) + count, count);
    const double c = std::cos(m * turn_radian);
    const double s = std::sin(m * turn_radian);
    result.segment(layout_.offset(m), count) = c * real - s * imaginary;
    result.segment(layout_.offset(m) + count, count) = s * real + c * imaginary;
  }
  return result;
}

}  // namespace cryosip

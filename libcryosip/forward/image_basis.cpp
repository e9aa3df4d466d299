#include "libcryosip/forward/image_basis.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <functional>
#include <numbers>
#include <string>

#include "formats/error.hpp"

namespace cryosip {
namespace {

using Spectrum = std::vector<std::complex<double>>;

void require_size(Eigen::Index found, Eigen::Index expected, const char* what) {
  if (found != expected) {
    throw Error(ErrorKind::Usage,
                std::string("image basis: ") + what + " has " + std::to_string(found) +
                    " values, expected " + std::to_string(expected));
  }
}

Spectrum forward(const ImageTransform& transform, std::span<const double> image) {
  Spectrum spectrum(transform.spectrum_size());
  transform.forward(image, spectrum);
  return spectrum;
}

std::vector<double> to_double(std::span<const float> pixels) {
  return {pixels.begin(), pixels.end()};
}

// Calls visit(index, kx, ky) for every value of a half-plane spectrum; frequencies in 1/angstrom.
// The row of ky = n/2 counts as +n/2, as in RELION.
void for_each_frequency(const ImageGrid& grid,
                        const std::function<void(std::size_t, double, double)>& visit) {
  const int half = grid.box / 2;
  const double step = 1 / grid.edge_angstrom();
  std::size_t index = 0;
  for (int row = 0; row < grid.box; ++row) {
    const int ky = row <= half ? row : row - grid.box;
    for (int kx = 0; kx <= half; ++kx) {
      visit(index++, kx * step, ky * step);
    }
  }
}

}  // namespace

void check_grid(const ImageGrid& grid) {
  if (!is_usable_box(grid.box)) {
    throw Error(ErrorKind::Usage,
                "box of " + std::to_string(grid.box) +
                    " pixels: expected a positive even number (RELION mishandles odd boxes)");
  }
  if (!(grid.pixel_size_angstrom > 0) || !std::isfinite(grid.pixel_size_angstrom)) {
    throw Error(ErrorKind::Usage, "the pixel size must be a positive number of angstrom");
  }
}

int band_radius(const ImageGrid& grid, double resolution_angstrom) {
  check_grid(grid);
  const double wanted =
      resolution_angstrom > 0 ? grid.edge_angstrom() / resolution_angstrom : grid.box;
  // A resolution that is a whole number of cycles must not fall to the one below by rounding.
  constexpr double kRounding = 1e-9;
  const int radius = static_cast<int>(std::min(std::floor(wanted + kRounding), grid.box / 2.0 - 1));
  if (radius < 1) {
    throw Error(ErrorKind::Usage,
                "resolution limit of " + std::to_string(resolution_angstrom) +
                    " angstrom: coarser than the box of " + std::to_string(grid.edge_angstrom()) +
                    " angstrom");
  }
  return radius;
}

PixelBasis::PixelBasis(const ImageGrid& grid) : grid_(grid), transform_(std::max(1, grid.box)) {
  check_grid(grid);
}

Eigen::VectorXd PixelBasis::analyse(std::span<const float> pixels) const {
  require_size(static_cast<Eigen::Index>(pixels.size()), size(), "image");
  return Eigen::Map<const Eigen::VectorXf>(pixels.data(), size()).cast<double>();
}

Eigen::VectorXd PixelBasis::synthesise(const Eigen::VectorXd& coefficients) const {
  require_size(coefficients.size(), size(), "image");
  return coefficients;
}

Eigen::VectorXd PixelBasis::apply_ctf(const Ctf& ctf, const Eigen::VectorXd& coefficients) const {
  require_size(coefficients.size(), size(), "image");
  Spectrum spectrum = forward(transform_, {coefficients.data(), transform_.pixels()});
  for_each_frequency(
      grid_, [&](std::size_t index, double kx, double ky) { spectrum[index] *= ctf(kx, ky); });
  Eigen::VectorXd image(size());
  transform_.inverse(spectrum, {image.data(), transform_.pixels()});
  return image;
}

Ctf::Gradient PixelBasis::ctf_gradient(const Ctf& ctf,
                                       const Eigen::VectorXd& coefficients,
                                       const Eigen::VectorXd& adjoint) const {
  require_size(coefficients.size(), size(), "image");
  require_size(adjoint.size(), size(), "adjoint");
  const Spectrum image = forward(transform_, {coefficients.data(), transform_.pixels()});
  const Spectrum other = forward(transform_, {adjoint.data(), transform_.pixels()});
  Ctf::Gradient gradient = Ctf::Gradient::Zero();
  const double nyquist = grid_.box / 2.0 / grid_.edge_angstrom();
  for_each_frequency(grid_, [&](std::size_t index, double kx, double ky) {
    // Columns between 0 and the Nyquist column stand for their mirror images too.
    const double times = kx > 0 && kx < nyquist ? 2 : 1;
    gradient += times * (std::conj(other[index]) * image[index]).real() * ctf.gradient(kx, ky);
  });
  return gradient / static_cast<double>(transform_.pixels());
}

FourierDisc::FourierDisc(const ImageGrid& grid, double resolution_angstrom)
    : grid_(grid), radius_(band_radius(grid, resolution_angstrom)), transform_(grid.box) {
  for (int kx = 0; kx <= radius_; ++kx) {
    int top = 0;
    while ((top + 1) * (top + 1) + kx * kx <= radius_ * radius_) {
      ++top;
    }
    top_.push_back(top);
    for (int ky = 0; ky <= top; ++ky) {
      frequency_.emplace_back(kx, ky);
    }
    for (int ky = 1; kx > 0 && ky <= top; ++ky) {
      frequency_.emplace_back(kx, -ky);
    }
  }
}

Eigen::VectorXd FourierDisc::analyse(std::span<const float> pixels) const {
  require_size(static_cast<Eigen::Index>(pixels.size()), grid_.pixels(), "image");
  const Spectrum spectrum = forward(transform_, to_double(pixels));
  const auto row_length = static_cast<std::size_t>(grid_.box / 2) + 1;
  Eigen::VectorXd coefficients(size());
  for (Eigen::Index i = 0; i < frequencies(); ++i) {
    const int kx = frequency(i).x();
    const int ky = frequency(i).y();
    const auto row = static_cast<std::size_t>(ky < 0 ? ky + grid_.box : ky);
    // The origin moved to pixel box/2 is a factor exp(+pi i (kx + ky)).
    const double sign = (kx + ky) % 2 == 0 ? 1 : -1;
    const double scale = sign * (i == 0 ? 1 : std::numbers::sqrt2) / grid_.box;
    const std::complex<double> value =
        scale * spectrum[row * row_length + static_cast<std::size_t>(kx)];
    coefficients(i) = value.real();
    coefficients(frequencies() + i) = value.imag();
  }
  return coefficients;
}

Eigen::VectorXd FourierDisc::synthesise(const Eigen::VectorXd& coefficients) const {
  require_size(coefficients.size(), size(), "coefficient vector");
  Spectrum spectrum(transform_.spectrum_size());
  const auto row_length = static_cast<std::size_t>(grid_.box / 2) + 1;
  for (Eigen::Index i = 0; i < frequencies(); ++i) {
    const int kx = frequency(i).x();
    const int ky = frequency(i).y();
    const auto row = static_cast<std::size_t>(ky < 0 ? ky + grid_.box : ky);
    const double sign = (kx + ky) % 2 == 0 ? 1 : -1;
    const double scale = sign * grid_.box / (i == 0 ? 1 : std::numbers::sqrt2);
    const std::complex<double> value =
        i == 0 ? std::complex<double>(coefficients(0))
               : std::complex<double>(coefficients(i), coefficients(frequencies() + i));
    spectrum[row * row_length + static_cast<std::size_t>(kx)] = scale * value;
    if (kx == 0 && ky > 0) {
      // The half plane is stored without the lower half of its first column.
      spectrum[static_cast<std::size_t>(grid_.box - ky) * row_length] = scale * std::conj(value);
    }
  }
  Eigen::VectorXd image(grid_.pixels());
  transform_.inverse(spectrum, {image.data(), transform_.pixels()});
  return image;
}

Eigen::VectorXd FourierDisc::cycles() const {
  Eigen::VectorXd result(size());
  for (Eigen::Index i = 0; i < frequencies(); ++i) {
    result(i) = result(frequencies() + i) = frequency(i).cast<double>().norm();
  }
  return result;
}

Eigen::VectorXd FourierDisc::transfer(const Ctf& ctf) const {
  Eigen::VectorXd values(frequencies());
  const double step = 1 / grid_.edge_angstrom();
  for (Eigen::Index i = 0; i < frequencies(); ++i) {
    values(i) = ctf(frequency(i).x() * step, frequency(i).y() * step);
  }
  return values;
}

Eigen::VectorXf FourierDisc::compared_transfer(const std::optional<Ctf>& ctf) const {
  Eigen::VectorXf factors = Eigen::VectorXf::Ones(size());
  if (ctf) {
    const Eigen::VectorXf half = transfer(*ctf).cast<float>();
    factors << half, half;
  }
  clear_mean(factors);
  return factors;
}

Eigen::VectorXd FourierDisc::apply_ctf(const Ctf& ctf, const Eigen::VectorXd& coefficients) const {
  require_size(coefficients.size(), size(), "coefficient vector");
  const Eigen::VectorXd values = transfer(ctf);
  Eigen::VectorXd result(size());
  result.head(frequencies()) = values.cwiseProduct(coefficients.head(frequencies()));
  result.tail(frequencies()) = values.cwiseProduct(coefficients.tail(frequencies()));
  return result;
}

Ctf::Gradient FourierDisc::ctf_gradient(const Ctf& ctf,
                                        const Eigen::VectorXd& coefficients,
                                        const Eigen::VectorXd& adjoint) const {
  require_size(coefficients.size(), size(), "coefficient vector");
  require_size(adjoint.size(), size(), "adjoint");
  Ctf::Gradient gradient = Ctf::Gradient::Zero();
  const double step = 1 / grid_.edge_angstrom();
  const Eigen::Index n = frequencies();
  for (Eigen::Index i = 0; i < n; ++i) {
    const double overlap = coefficients(i) * adjoint(i) + coefficients(n + i) * adjoint(n + i);
    gradient += overlap * ctf.gradient(frequency(i).x() * step, frequency(i).y() * step);
  }
  return gradient;
}

}  // namespace cryosip

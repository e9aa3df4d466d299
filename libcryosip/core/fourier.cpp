#include "libcryosip/core/fourier.hpp"

#include <mutex>
#include <vector>

#include <fftw3.h>

#include "formats/error.hpp"

namespace cryosip {
namespace {

// FFTW's planner, unlike its execution, is not thread-safe.
std::mutex& planner_mutex() {
  static std::mutex mutex;
  return mutex;
}

// The caller's arrays may be aligned in any way.
constexpr unsigned kPlanning = FFTW_ESTIMATE | FFTW_UNALIGNED;

fftw_complex* as_fftw(std::complex<double>* values) {
  return reinterpret_cast<fftw_complex*>(values);
}

}  // namespace

struct ImageTransform::Plans {
  fftw_plan forward = nullptr;
  fftw_plan inverse = nullptr;
};

ImageTransform::ImageTransform(int n) : n_(n) {
  if (n < 1) {
    throw Error(ErrorKind::Usage, "Fourier transform: the image must have at least one pixel");
  }
  plans_ = std::make_unique<Plans>();
  std::vector<double> image(pixels());
  std::vector<std::complex<double>> spectrum(spectrum_size());
  const std::lock_guard<std::mutex> lock(planner_mutex());
  plans_->forward = fftw_plan_dft_r2c_2d(n, n, image.data(), as_fftw(spectrum.data()), kPlanning);
  plans_->inverse = fftw_plan_dft_c2r_2d(n, n, as_fftw(spectrum.data()), image.data(), kPlanning);
}

ImageTransform::~ImageTransform() {
  const std::lock_guard<std::mutex> lock(planner_mutex());
  fftw_destroy_plan(plans_->forward);
  fftw_destroy_plan(plans_->inverse);
}

std::size_t ImageTransform::pixels() const noexcept {
  return static_cast<std::size_t>(n_) * static_cast<std::size_t>(n_);
}

std::size_t ImageTransform::spectrum_size() const noexcept {
  return static_cast<std::size_t>(n_) * static_cast<std::size_t>(n_ / 2 + 1);
}

void ImageTransform::forward(std::span<const double> image,
                             std::span<std::complex<double>> spectrum) const {
  if (image.size() != pixels() || spectrum.size() != spectrum_size()) {
    throw Error(ErrorKind::Usage, "Fourier transform: array of the wrong size");
  }
  // An out-of-place real-to-complex transform keeps its input, whatever the signature says.
  fftw_execute_dft_r2c(
      plans_->forward, const_cast<double*>(image.data()), as_fftw(spectrum.data()));
}

void ImageTransform::inverse(std::span<const std::complex<double>> spectrum,
                             std::span<double> image) const {
  if (image.size() != pixels() || spectrum.size() != spectrum_size()) {
    throw Error(ErrorKind::Usage, "Fourier transform: array of the wrong size");
  }
  // The complex-to-real transform destroys its input.
  std::vector<std::complex<double>> scratch(spectrum.begin(), spectrum.end());
  fftw_execute_dft_c2r(plans_->inverse, as_fftw(scratch.data()), image.data());
  const double scale = 1.0 / static_cast<double>(pixels());
  for (double& value : image) {
    value *= scale;
  }
}

struct LineTransform::Plan {
  fftw_plan forward = nullptr;
};

LineTransform::LineTransform(int n) : n_(n) {
  if (n < 1) {
    throw Error(ErrorKind::Usage, "Fourier transform: the line must have at least one value");
  }
  plan_ = std::make_unique<Plan>();
  std::vector<std::complex<double>> line(static_cast<std::size_t>(n));
  const std::lock_guard<std::mutex> lock(planner_mutex());
  plan_->forward =
      fftw_plan_dft_1d(n, as_fftw(line.data()), as_fftw(line.data()), FFTW_FORWARD, kPlanning);
}

LineTransform::~LineTransform() {
  const std::lock_guard<std::mutex> lock(planner_mutex());
  fftw_destroy_plan(plan_->forward);
}

void LineTransform::forward(std::span<std::complex<double>> line) const {
  if (line.size() != static_cast<std::size_t>(n_)) {
    throw Error(ErrorKind::Usage, "Fourier transform: array of the wrong size");
  }
  fftw_execute_dft(plan_->forward, as_fftw(line.data()), as_fftw(line.data()));
}

struct VolumeTransform::Plans {
  fftw_plan forward = nullptr;
  fftw_plan inverse = nullptr;
};

VolumeTransform::VolumeTransform(int n) : n_(n) {
  if (n < 1) {
    throw Error(ErrorKind::Usage, "Fourier transform: the volume must have at least one voxel");
  }
  plans_ = std::make_unique<Plans>();
  std::vector<double> volume(voxels());
  std::vector<std::complex<double>> spectrum(spectrum_size());
  const std::lock_guard<std::mutex> lock(planner_mutex());
  plans_->forward = fftw_plan_dft_r2c_3d(
      n, n, n, volume.data(), as_fftw(spectrum.data()), FFTW_ESTIMATE | FFTW_UNALIGNED);
  plans_->inverse = fftw_plan_dft_c2r_3d(
      n, n, n, as_fftw(spectrum.data()), volume.data(), FFTW_ESTIMATE | FFTW_UNALIGNED);
}

VolumeTransform::~VolumeTransform() {
  const std::lock_guard<std::mutex> lock(planner_mutex());
  fftw_destroy_plan(plans_->forward);
  fftw_destroy_plan(plans_->inverse);
}

std::size_t VolumeTransform::voxels() const noexcept {
  const auto n = static_cast<std::size_t>(n_);
  return n * n * n;
}

std::size_t VolumeTransform::spectrum_size() const noexcept {
  const auto n = static_cast<std::size_t>(n_);
  return n * n * (n / 2 + 1);
}

void VolumeTransform::forward(std::span<const double> volume,
                              std::span<std::complex<double>> spectrum) const {
  if (volume.size() != voxels() || spectrum.size() != spectrum_size()) {
    throw Error(ErrorKind::Usage, "Fourier transform: array of the wrong size");
  }
  fftw_execute_dft_r2c(
      plans_->forward, const_cast<double*>(volume.data()), as_fftw(spectrum.data()));
}

void VolumeTransform::inverse(std::span<std::complex<double>> spectrum,
                              std::span<double> volume) const {
  if (volume.size() != voxels() || spectrum.size() != spectrum_size()) {
    throw Error(ErrorKind::Usage, "Fourier transform: array of the wrong size");
  }
  fftw_execute_dft_c2r(plans_->inverse, as_fftw(spectrum.data()), volume.data());
  for (double& value : volume) {
    value /= static_cast<double>(voxels());
  }
}

}  // namespace cryosip

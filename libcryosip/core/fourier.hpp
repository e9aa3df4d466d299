// Fourier transforms of square images, of lines and of cubic volumes: the one owner of FFTW plans.
#pragma once

#include <complex>
#include <memory>
#include <span>

namespace cryosip {

/// Real-to-complex transform of an n x n image and its inverse, in double precision.
///
/// Real side: image[y * n + x].  Complex side: half plane, spectrum[ky * (n/2 + 1) + kx] with
/// kx = 0 .. n/2 and ky = 0 .. n-1 (ky > n/2 stands for ky - n), origin at pixel (0, 0).
/// Plans are made once (FFTW_ESTIMATE: the same bits on every run); execution is thread-safe.
class ImageTransform {
 public:
  /// @param n  pixels along an edge  @throws Error(Usage) n < 1
  explicit ImageTransform(int n);
  ImageTransform(const ImageTransform&) = delete;
  ImageTransform& operator=(const ImageTransform&) = delete;
  ~ImageTransform();

  [[nodiscard]] int edge() const noexcept { return n_; }
  [[nodiscard]] std::size_t pixels() const noexcept;
  [[nodiscard]] std::size_t spectrum_size() const noexcept;

  /// spectrum(k) = sum_p image(p) exp(-2 pi i k.p / n).
  void forward(std::span<const double> image, std::span<std::complex<double>> spectrum) const;
  /// image(p) = 1/n^2 sum_k spectrum(k) exp(+2 pi i k.p / n).  Overwrites nothing but image.
  void inverse(std::span<const std::complex<double>> spectrum, std::span<double> image) const;

 private:
  struct Plans;
  int n_;
  std::unique_ptr<Plans> plans_;
};

/// Complex transform of a line of n values, in double precision.
class LineTransform {
 public:
  /// @throws Error(Usage) n < 1
  explicit LineTransform(int n);
  LineTransform(const LineTransform&) = delete;
  LineTransform& operator=(const LineTransform&) = delete;
  ~LineTransform();

  [[nodiscard]] int length() const noexcept { return n_; }
  /// In place: line(k) <- sum_j line(j) exp(-2 pi i j k / n).  Thread-safe.
  void forward(std::span<std::complex<double>> line) const;

 private:
  struct Plan;
  int n_;
  std::unique_ptr<Plan> plan_;
};

/// Real-to-complex transform of an n x n x n volume and its inverse, in double precision.
///
/// Real side: volume[(z * n + y) * n + x].  Complex side: half space,
/// spectrum[(kz * n + ky) * (n/2 + 1) + kx] with kx = 0 .. n/2 and ky, kz as in ImageTransform.
/// Plans are made once (FFTW_ESTIMATE: the same bits on every run); execution is thread-safe.
class VolumeTransform {
 public:
  /// @param n  voxels along an edge  @throws Error(Usage) n < 1
  explicit VolumeTransform(int n);
  VolumeTransform(const VolumeTransform&) = delete;
  VolumeTransform& operator=(const VolumeTransform&) = delete;
  ~VolumeTransform();

  [[nodiscard]] std::size_t voxels() const noexcept;
  [[nodiscard]] std::size_t spectrum_size() const noexcept;

  /// spectrum(k) = sum_r volume(r) exp(-2 pi i k.r / n).
  void forward(std::span<const double> volume, std::span<std::complex<double>> spectrum) const;
  /// Inverse of forward(), over n^3.
  /// @param spectrum  destroyed
  void inverse(std::span<std::complex<double>> spectrum, std::span<double> volume) const;

 private:
  struct Plans;
  int n_;
  std::unique_ptr<Plans> plans_;
};

}  // namespace cryosip

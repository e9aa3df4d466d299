#include "libcryosip/dataset/noise_spectrum.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <iomanip>
#include <map>
#include <numbers>
#include <sstream>
#include <utility>

#include "libcryosip/core/fourier.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/dataset/background.hpp"

namespace cryosip {
namespace {

// Sums over pairs of pixels of the background, by lag: those of pixels, and their number.
class LagSums {
 public:
  explicit LagSums(int box)
      : box_(box), padded_(2 * box), transform_(padded_), mask_(transform_.pixels(), 0.0) {
    for (int y = 0; y < box; ++y) {
      for (int x = 0; x < box; ++x) {
        mask_[at(x, y)] = lies_in_background(x, y, box) ? 1 : 0;
      }
    }
    power_of_mask_ = power(mask_);
  }

  [[nodiscard]] std::size_t spectrum_size() const { return transform_.spectrum_size(); }
  /// |transform|^2 of an image outside the circle, less its mean there: (spectrum_size()).
  [[nodiscard]] std::vector<double> power_of(std::span<const float> pixels) const {
    const double mean = background_of(pixels, box_).mean;
    std::vector<double> padded(transform_.pixels(), 0.0);
    for (int y = 0; y < box_; ++y) {
      for (int x = 0; x < box_; ++x) {
        padded[at(x, y)] =
            mask_[at(x, y)] * (pixels[static_cast<std::size_t>(y * box_ + x)] - mean);
      }
    }
    return power(padded);
  }
  [[nodiscard]] const std::vector<double>& power_of_mask() const { return power_of_mask_; }
  /// From such a power to sums over pairs, for the lag (x, y), |x|, |y| < box.
  [[nodiscard]] std::vector<double> by_lag(const std::vector<double>& power) const {
    const std::vector<std::complex<double>> spectrum(power.begin(), power.end());
    std::vector<double> sums(transform_.pixels());
    transform_.inverse(spectrum, sums);
    return sums;
  }
  [[nodiscard]] std::size_t at(int x, int y) const {
    const auto wrapped = [&](int value) {
      return static_cast<std::size_t>(value < 0 ? value + padded_ : value);
    };
    return wrapped(y) * static_cast<std::size_t>(padded_) + wrapped(x);
  }

 private:
  [[nodiscard]] std::vector<double> power(const std::vector<double>& padded) const {
    std::vector<std::complex<double>> spectrum(transform_.spectrum_size());
    transform_.forward(padded, spectrum);
    std::vector<double> result(spectrum.size());
    std::transform(spectrum.begin(), spectrum.end(), result.begin(), [](const auto& value) {
      return std::norm(value);
    });
    return result;
  }

  int box_;
  int padded_;
  ImageTransform transform_;
  std::vector<double> mask_;
  std::vector<double> power_of_mask_;
};

// Covariance of pixels that lie so far apart.
struct Lag {
  double sum = 0;
  double pairs = 0;  // each counted in both directions
  [[nodiscard]] double covariance() const { return sum / pairs; }
};

// By the square of the distance, up to a quarter of the box.
std::map<int, Lag> covariances(const LagSums& lags,
                               const std::vector<double>& power,
                               double images,
                               int box) {
  const std::vector<double> sums = lags.by_lag(power);
  const std::vector<double> pairs = lags.by_lag(lags.power_of_mask());
  const int reach = box / 4;
  std::map<int, Lag> result;
  for (int y = -reach; y <= reach; ++y) {
    for (int x = -reach; x <= reach; ++x) {
      const int squared = x * x + y * y;
      const double count = std::round(pairs[lags.at(x, y)]);
      if (squared < reach * reach && count > 0) {
        result[squared].sum += sums[lags.at(x, y)];
        result[squared].pairs += images * count;
      }
    }
  }
  // Taking an image's mean away took that mean's variance from every lag.  It is the sum of all
  // covariances over pairs, those further apart taken for 0.
  const double pixels = pairs[lags.at(0, 0)];
  double sum = 0;
  double share = 0;  // of all pairs
  for (const auto& [squared, lag] : result) {
    sum += lag.sum / (images * pixels * pixels);
    share += lag.pairs / (images * pixels * pixels);
  }
  const double lost = sum / (1 - share);
  for (auto& [squared, lag] : result) {
    lag.sum += lost * lag.pairs;
  }
  return result;
}

bool is_white(const std::map<int, Lag>& lags) {
  const double variance = lags.at(0).covariance();
  double chi_squared = 0;
  double count = 0;
  for (const auto& [squared, lag] : lags) {
    if (squared > 0) {
      const double relative = lag.covariance() / variance;
      chi_squared += relative * relative * lag.pairs / 2;
      ++count;
    }
  }
  constexpr double kDeviations = 5;
  return !(chi_squared > count + kDeviations * std::sqrt(2 * count));
}

// Mean power over all directions, by whole |k|.
Eigen::VectorXd radial_power(const std::map<int, Lag>& lags, int box) {
  // The lags of one length together have the transform sum of cos(2 pi k.d / box), whose mean over
  // the directions of k on the lattice is taken below.
  std::vector<double> tapered(static_cast<std::size_t>(box) * static_cast<std::size_t>(box), 0.0);
  const int reach = box / 4;
  for (int y = -reach; y <= reach; ++y) {
    for (int x = -reach; x <= reach; ++x) {
      const auto lag = lags.find(x * x + y * y);
      if (lag == lags.end()) {
        continue;
      }
      const double taper = std::cos(kPi / 2 * std::sqrt(x * x + y * y) / reach);
      tapered[static_cast<std::size_t>(((y + box) % box) * box + (x + box) % box)] =
          taper * taper * lag->second.covariance();
    }
  }
  const ImageTransform transform(box);
  std::vector<std::complex<double>> spectrum(transform.spectrum_size());
  transform.forward(tapered, spectrum);
  const int half = box / 2;
  const auto radii = static_cast<Eigen::Index>(std::ceil(half * std::numbers::sqrt2)) + 1;
  Eigen::VectorXd sum = Eigen::VectorXd::Zero(radii);
  Eigen::VectorXd count = Eigen::VectorXd::Zero(radii);
  for (int ky = 0; ky < box; ++ky) {
    for (int kx = 0; kx <= half; ++kx) {
      const double cycles = std::hypot(kx, ky > half ? ky - box : ky);
      const auto radius = Eigen::Index{std::lround(cycles)};
      sum(radius) += spectrum[static_cast<std::size_t>(ky * (half + 1) + kx)].real();
      ++count(radius);
    }
  }
  // A taper's side lobes may undershoot where the power falls steeply.
  constexpr double kLeastShare = 1e-3;
  const double least = kLeastShare * lags.at(0).covariance();
  for (Eigen::Index radius = 0; radius < radii; ++radius) {
    sum(radius) = count(radius) > 0 ? std::max(least, sum(radius) / count(radius))
                                    : sum(std::max<Eigen::Index>(0, radius - 1));
  }
  return sum;
}

}  // namespace

double NoiseSpectrum::at(double cycles) const {
  if (power.size() == 0) {
    return sigma * sigma;
  }
  const auto last = static_cast<double>(power.size() - 1);
  const double place = std::clamp(cycles, 0.0, last);
  const auto below = static_cast<Eigen::Index>(std::min(place, last - 1));
  const double share = place - static_cast<double>(below);
  return (1 - share) * power(below) + share * power(below + 1);
}

std::vector<NoiseSpectrum> estimate_noise_spectra(const ImageSet& images, std::size_t max_images) {
  const int box = images.grid().box;
  const LagSums lags(box);
  std::vector<std::vector<std::size_t>> members(images.table().optics_groups.size());
  for (std::size_t i = 0; i < images.size(); ++i) {
    members[images.table().records[i].optics_group].push_back(i);
  }
  std::vector<NoiseSpectrum> spectra(members.size());
  for (std::size_t g = 0; g < members.size(); ++g) {
    const std::size_t used = std::min(members[g].size(), max_images);
    std::vector<double> power(lags.spectrum_size(), 0.0);
    constexpr std::size_t kPortion = 64;
    for (std::size_t first = 0; first < used; first += kPortion) {
      std::vector<std::vector<double>> own(std::min(kPortion, used - first));
      parallel_for(own.size(), [&](std::size_t u) {
        std::vector<float> pixels(static_cast<std::size_t>(images.grid().pixels()));
        images.read(members[g][(first + u) * members[g].size() / used], pixels);
        own[u] = lags.power_of(pixels);
      });
      for (const std::vector<double>& one : own) {
        std::transform(power.begin(), power.end(), one.begin(), power.begin(), std::plus<>());
      }
    }
    if (used == 0) {
      continue;
    }
    const std::map<int, Lag> by_distance = covariances(lags, power, static_cast<double>(used), box);
    spectra[g].sigma = std::sqrt(std::max(0.0, by_distance.at(0).covariance()));
    if (!is_white(by_distance)) {
      spectra[g].power = radial_power(by_distance, box);
    }
  }
  return spectra;
}

Whitening::Whitening(std::vector<NoiseSpectrum> spectra, double sigma) : sigma_(sigma) {
  const bool is_needed = spectra.size() > 1 || (!spectra.empty() && spectra[0].power.size() > 0);
  if (is_needed) {
    spectra_ = std::move(spectra);
  }
}

Eigen::VectorXd Whitening::factors(std::size_t optics_group, const Eigen::VectorXd& cycles) const {
  if (!any() || !(spectra_[optics_group].sigma > 0)) {
    return Eigen::VectorXd::Ones(cycles.size());
  }
  return cycles.unaryExpr(
      [&](double k) { return sigma_ / std::sqrt(spectra_[optics_group].at(k)); });
}

std::string describe(const NoiseSpectrum& spectrum,
                     const std::string& group,
                     const ImageGrid& grid) {
  std::ostringstream text;
  text << std::setprecision(4) << "noise of optics group " << group << ": sigma " << spectrum.sigma;
  if (spectrum.power.size() == 0) {
    text << ", white (estimated)";
    return text.str();
  }
  text << std::setprecision(3) << ", coloured: power over that of white noise";
  for (const double share : {0.125, 0.25, 0.5, 1.0}) {
    const double cycles = share * grid.box / 2;
    text << ' ' << spectrum.at(cycles) / (spectrum.sigma * spectrum.sigma) << " at "
         << grid.edge_angstrom() / cycles << " A";
  }
  text << " (estimated)";
  return text.str();
}

}  // namespace cryosip

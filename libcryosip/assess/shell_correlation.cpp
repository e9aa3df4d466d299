#include "libcryosip/assess/shell_correlation.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <cstddef>
#include <string>

#include "formats/error.hpp"
#include "libcryosip/core/fourier.hpp"
#include "libcryosip/core/parallel.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// Rows that are turned into double precision at once.
constexpr Index kBlock = 4096;

struct Coefficient {
  int squared_radius;
  std::size_t place;  // in the half space
  bool has_mirror_image;
};

// Those of |q| < n/2 + 1/2, by |q|, then by place.
std::vector<Coefficient> coefficients_by_radius(int n) {
  std::vector<Coefficient> coefficients;
  const int half = n / 2;
  const int largest = half * half + half;  // (n/2 + 1/2)^2 rounded down
  const auto frequency = [n, half](int index) { return index < half ? index : index - n; };
  std::size_t place = 0;
  for (int z = 0; z < n; ++z) {
    for (int y = 0; y < n; ++y) {
      for (int x = 0; x <= half; ++x, ++place) {
        const int squared = frequency(z) * frequency(z) + frequency(y) * frequency(y) + x * x;
        if (squared <= largest) {
          coefficients.push_back({squared, place, x != 0 && x != half});
        }
      }
    }
  }
  std::stable_sort(
      coefficients.begin(), coefficients.end(), [](const Coefficient& a, const Coefficient& b) {
        return a.squared_radius < b.squared_radius;
      });
  return coefficients;
}

// The squared radii of a convention's point: first <= |q|^2 < end, both whole numbers.
struct SquaredRadii {
  int first;
  int end;
};

SquaredRadii squared_radii(ShellConvention shells, int point) {
  if (shells == ShellConvention::CryoBench) {
    return {(point - 1) * (point - 1), point * point};
  }
  // (k -+ 1/2)^2 = k^2 -+ k + 1/4, k = point + 1.
  return {point * (point + 1) + 1, (point + 1) * (point + 2) + 1};
}

}  // namespace

ShellSpectra::ShellSpectra(const VolumeSet& maps,
                           const Eigen::VectorXf& mask,
                           const Eigen::VectorXd& offsets)
    : box_(maps.box) {
  const std::vector<Coefficient> coefficients = coefficients_by_radius(box_);
  const int largest = coefficients.back().squared_radius;
  row_of_squared_radius_.assign(static_cast<std::size_t>(largest) + 2, 0);
  for (const Coefficient& coefficient : coefficients) {
    row_of_squared_radius_[static_cast<std::size_t>(coefficient.squared_radius) + 1] += 2;
  }
  for (std::size_t r = 1; r < row_of_squared_radius_.size(); ++r) {
    row_of_squared_radius_[r] += row_of_squared_radius_[r - 1];
  }
  const VolumeTransform transform(box_);
  parts_.resize(2 * static_cast<Index>(coefficients.size()), maps.size());
  parallel_for(static_cast<std::size_t>(maps.size()), [&](std::size_t index) {
    const auto map = static_cast<Index>(index);
    Eigen::VectorXd volume = maps.values.col(map).cast<double>();
    if (offsets.size() > 0) {
      volume.array() -= offsets(map);
    }
    if (mask.size() > 0) {
      volume.array() *= mask.array().cast<double>();
    }
    std::vector<std::complex<double>> spectrum(transform.spectrum_size());
    transform.forward({volume.data(), static_cast<std::size_t>(volume.size())}, spectrum);
    for (std::size_t c = 0; c < coefficients.size(); ++c) {
      const std::complex<double> value =
          spectrum[coefficients[c].place] * (coefficients[c].has_mirror_image ? std::sqrt(2.0) : 1);
      parts_(2 * static_cast<Index>(c), map) = static_cast<float>(value.real());
      parts_(2 * static_cast<Index>(c) + 1, map) = static_cast<float>(value.imag());
    }
  });
}

std::vector<Eigen::MatrixXd> shell_correlations(const ShellSpectra& a,
                                                const ShellSpectra& b,
                                                ShellConvention shells) {
  if (a.box() != b.box()) {
    throw Error(ErrorKind::Usage,
                "maps of " + std::to_string(a.box()) + " and of " + std::to_string(b.box()) +
                    " voxels along an edge cannot be compared");
  }
  const bool of_cryobench = shells == ShellConvention::CryoBench;
  std::vector<Eigen::MatrixXd> correlations(
      static_cast<std::size_t>(a.box() / 2),
      Eigen::MatrixXd::Ones(a.parts_.cols(), b.parts_.cols()));
  const std::size_t first_point = of_cryobench ? 1 : 0;
  parallel_for(correlations.size() - first_point, [&](std::size_t task) {
    // The largest shells first, so that the last thread to finish has little to do.
    const std::size_t point = correlations.size() - 1 - task;
    const SquaredRadii radii = squared_radii(shells, static_cast<int>(point));
    const Index begin = a.row_of_squared_radius_[static_cast<std::size_t>(radii.first)];
    const Index end = a.row_of_squared_radius_[static_cast<std::size_t>(radii.end)];
    Eigen::MatrixXd cross = Eigen::MatrixXd::Zero(a.parts_.cols(), b.parts_.cols());
    Eigen::VectorXd power_a = Eigen::VectorXd::Zero(a.parts_.cols());
    Eigen::VectorXd power_b = Eigen::VectorXd::Zero(b.parts_.cols());
    for (Index row = begin; row < end; row += kBlock) {
      const Index rows = std::min(kBlock, end - row);
      const Eigen::MatrixXd of_a = a.parts_.middleRows(row, rows).cast<double>();
      const Eigen::MatrixXd of_b = b.parts_.middleRows(row, rows).cast<double>();
      cross.noalias() += of_a.transpose() * of_b;
      power_a += of_a.colwise().squaredNorm().transpose();
      power_b += of_b.colwise().squaredNorm().transpose();
    }
    for (Index j = 0; j < cross.cols(); ++j) {
      for (Index i = 0; i < cross.rows(); ++i) {
        const double norms = std::sqrt(power_a(i)) * std::sqrt(power_b(j));
        correlations[point](i, j) = norms > 0 ? cross(i, j) / norms : (of_cryobench ? 1.0 : 0.0);
      }
    }
  });
  return correlations;
}

Eigen::VectorXd cryobench_frequencies(int box) {
  return Eigen::VectorXd::LinSpaced(box / 2, 0, static_cast<double>(box / 2 - 1)) / box;
}

double cryobench_area(const Eigen::VectorXd& curve) {
  // Points are 1 / n apart, n twice their number.
  const Eigen::VectorXd height = curve.cwiseAbs();
  const Index last = height.size() - 1;
  return (height.sum() - (height(0) + height(last)) / 2) / static_cast<double>(2 * height.size());
}

double cryobench_clipped_area(const Eigen::VectorXd& curve) {
  return cryobench_area(curve.cwiseMax(0.0).cwiseMin(1.0));
}

double cryobench_resolution_voxels(const Eigen::VectorXd& curve, double threshold) {
  for (Index i = 0; i < curve.size(); ++i) {
    if (curve(i) < threshold) {
      return static_cast<double>(2 * curve.size()) / static_cast<double>(i);
    }
  }
  return 2;
}

double flatiron_cost(const Eigen::VectorXd& curve) {
  return 1 - curve.mean();
}

double flatiron_resolution_voxels(const Eigen::VectorXd& curve, double threshold) {
  Index first = 0;
  while (first < curve.size() && curve(first) > threshold) {
    ++first;
  }
  return static_cast<double>(2 * curve.size()) /
         static_cast<double>(first == curve.size() ? 1 : first + 1);
}

}  // namespace cryosip

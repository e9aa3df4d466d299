#include "libcryosip/forward/volume_spectra.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <string>

#include "formats/error.hpp"
#include "libcryosip/core/fourier.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

constexpr int kPadding = 2;
constexpr int kTaps = VolumeSpectra::kTaps;
constexpr double kHalfWidth = kTaps / 2.0;
// The paper's choice for a padding of 2.
constexpr double kBeta = 2.30 * kTaps;
// A frequency at the limit must not fall beyond it.
constexpr double kRounding = 1 + 1e-9;

// Distance in frequencies of the padded box, at most kHalfWidth.
double kernel(double distance) {
  const double z = distance / kHalfWidth;
  return std::exp(kBeta * (std::sqrt(std::max(0.0, 1 - z * z)) - 1));
}

// The kernel's Fourier transform at a voxel: its integral against cos(2 pi u voxel / padded edge).
double kernel_transform(int voxel, int padded) {
  // u = kHalfWidth sin t takes the kernel's steep ends away; Simpson's rule is exact to rounding.
  constexpr int kSteps = 400;
  const double omega = 2 * kPi * voxel * kHalfWidth / padded;
  double sum = 0;
  for (int i = 0; i <= kSteps; ++i) {
    const double t = kPi * (static_cast<double>(i) / kSteps - 0.5);
    const double weight = i == 0 || i == kSteps ? 1 : (i % 2 == 1 ? 4 : 2);
    sum +=
        weight * std::exp(kBeta * (std::cos(t) - 1)) * std::cos(omega * std::sin(t)) * std::cos(t);
  }
  return kHalfWidth * sum * kPi / (3 * kSteps);
}

int wrapped(int index, int length) {
  return ((index % length) + length) % length;
}

using Line = std::vector<std::complex<double>>;

}  // namespace

VolumeSpectra::VolumeSpectra(const Volumes& volumes, double highest)
    : padded_edge_angstrom_(kPadding * volumes.edge_angstrom()),
      highest_(std::min(highest, 1 / (2 * volumes.voxel_size_angstrom))) {
  const int edge = volumes.edge;
  const Eigen::Index section = Eigen::Index{edge} * edge;
  if (edge < 2 || edge % 2 != 0 || !(volumes.voxel_size_angstrom > 0) ||
      volumes.values.rows() != section * edge) {
    throw Error(ErrorKind::Usage,
                "volumes: an edge of " + std::to_string(edge) + " with " +
                    std::to_string(volumes.values.rows()) +
                    " values, expected an even edge and a cube of voxels");
  }
  reach_ = static_cast<int>(highest_ * padded_edge_angstrom_ * kRounding) + kTaps / 2 + 1;
  row_ = reach_ + kTaps / 2 + 1;
  const Eigen::Index column = 2 * Eigen::Index{reach_} + 1;
  const int padded = kPadding * edge;
  const LineTransform transform(padded);
  std::vector<double> correction(static_cast<std::size_t>(edge));
  for (int i = 0; i < edge; ++i) {
    correction[static_cast<std::size_t>(i)] = 1 / kernel_transform(volumes.from_origin(i), padded);
  }
  // The transform along one axis: from voxels read(i) to frequencies write(k), first .. reach.
  const auto along = [&](Line& line, int first, const auto& read, const auto& write) {
    std::fill(line.begin(), line.end(), 0);
    for (int i = 0; i < edge; ++i) {
      line[static_cast<std::size_t>(wrapped(volumes.from_origin(i), padded))] =
          correction[static_cast<std::size_t>(i)] * std::complex<double>(read(i));
    }
    transform.forward(line);
    for (int k = first; k <= reach_; ++k) {
      write(k - first,
            static_cast<std::complex<float>>(line[static_cast<std::size_t>(wrapped(k, padded))]));
    }
  };

  spectra_.resize(volumes.values.cols(), row_ * column * column);
  Eigen::VectorXcf by_x(row_ * section);                       // [z][y][kx]
  Eigen::VectorXcf by_xy(row_ * column * Eigen::Index{edge});  // [z][ky][kx]
  for (Eigen::Index v = 0; v < count(); ++v) {
    const auto values = volumes.values.col(v);
    parallel_for(static_cast<std::size_t>(edge), [&](std::size_t z) {
      Line line(static_cast<std::size_t>(padded));
      const auto at = static_cast<Eigen::Index>(z);
      for (Eigen::Index y = 0; y < edge; ++y) {
        along(
            line,
            -kTaps / 2,
            [&](int x) { return values((at * edge + y) * edge + x); },
            [&](int k, std::complex<float> value) { by_x((at * edge + y) * row_ + k) = value; });
      }
      for (Eigen::Index kx = 0; kx < row_; ++kx) {
        along(
            line,
            -reach_,
            [&](int y) { return by_x((at * edge + y) * row_ + kx); },
            [&](int k, std::complex<float> value) {
              by_xy((at * column + k) * row_ + kx) = value;
            });
      }
    });
    parallel_for(static_cast<std::size_t>(column), [&](std::size_t ky) {
      Line line(static_cast<std::size_t>(padded));
      const auto at = static_cast<Eigen::Index>(ky);
      for (Eigen::Index kx = 0; kx < row_; ++kx) {
        along(
            line,
            -reach_,
            [&](int z) { return by_xy((z * column + at) * row_ + kx); },
            [&](int k, std::complex<float> value) {
              spectra_(v, (k * column + at) * row_ + kx) = value;
            });
      }
    });
  }
}

void VolumeSpectra::read(const Eigen::Vector3d& frequency,
                         Eigen::Ref<Eigen::VectorXcf> values) const {
  values.setZero();
  if (frequency.norm() > highest_ * kRounding) {
    return;
  }
  // A real volume's spectrum at -q is the conjugate of that at q: half of them are kept.
  const bool is_mirrored = frequency.x() < 0;
  const Eigen::Vector3d at = (is_mirrored ? -frequency : frequency) * padded_edge_angstrom_;
  std::array<int, 3> first{};
  std::array<std::array<float, kTaps>, 3> weight{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const double centre = at(static_cast<Eigen::Index>(axis));
    first[axis] = static_cast<int>(std::floor(centre)) - kTaps / 2 + 1;
    for (std::size_t tap = 0; tap < kTaps; ++tap) {
      weight[axis][tap] =
          static_cast<float>(kernel(first[axis] + static_cast<double>(tap) - centre));
    }
  }
  for (int z = 0; z < kTaps; ++z) {
    for (int y = 0; y < kTaps; ++y) {
      const float outer =
          weight[2][static_cast<std::size_t>(z)] * weight[1][static_cast<std::size_t>(y)];
      const Eigen::Index row = place(first[0], first[1] + y, first[2] + z);
      for (int x = 0; x < kTaps; ++x) {
        values += outer * weight[0][static_cast<std::size_t>(x)] * spectra_.col(row + x);
      }
    }
  }
  if (is_mirrored) {
    values = values.conjugate().eval();
  }
}

}  // namespace cryosip

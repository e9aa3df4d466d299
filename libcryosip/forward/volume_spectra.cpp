#include "libcryosip/forward/volume_spectra.hpp"

#include <algorithm>
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

// Two volumes' complex values: a register's worth.
using Lanes = Eigen::Array<float, 4, 1>;

// The kernel at the kTaps frequencies around one that lies `fraction` behind the middle one, and
// two more for a full register.
using Taps = Eigen::Array<float, kTaps + 2, 1>;
Taps kernel(double fraction) {
  constexpr int kFirst = 1 - kTaps / 2;
  const auto first = static_cast<float>(kFirst - fraction);
  const Taps z = (Taps::LinSpaced(0, kTaps + 1) + first) / static_cast<float>(kHalfWidth);
  return (static_cast<float>(kBeta) * ((1 - z.square()).max(0.0F).sqrt() - 1)).exp();
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
    : count_(volumes.values.cols()),
      padded_edge_angstrom_(kPadding * volumes.edge_angstrom()),
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

  spectra_ = Eigen::MatrixXf::Zero(4 * ((count_ + 1) / 2), row_ * column * column);
  Eigen::VectorXcf by_x(row_ * section);                       // [z][y][kx]
  Eigen::VectorXcf by_xy(row_ * column * Eigen::Index{edge});  // [z][ky][kx]
  for (Eigen::Index v = 0; v < count_; ++v) {
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
              spectra_.col((k * column + at) * row_ + kx).segment<2>(2 * v) << value.real(),
                  value.imag();
            });
      }
    });
  }
}

void VolumeSpectra::read(const Eigen::Vector3d& frequency,
                         Eigen::Ref<Eigen::VectorXcf> values) const {
  if (frequency.norm() > highest_ * kRounding) {
    values.setZero();
    return;
  }
  // A real volume's spectrum at -q is the conjugate of that at q: half of them are kept.
  const bool is_mirrored = frequency.x() < 0;
  const Eigen::Array3d at =
      (is_mirrored ? -padded_edge_angstrom_ : padded_edge_angstrom_) * frequency.array();
  const Eigen::Array3d below = at.floor();
  const Eigen::Array3i first = below.cast<int>() - (kTaps / 2 - 1);
  const Taps by_x = kernel(at.x() - below.x());
  const Taps by_y = kernel(at.y() - below.y());
  const Taps by_z = kernel(at.z() - below.z());
  const Eigen::Index stride = spectra_.rows();
  const float sign = is_mirrored ? -1 : 1;
  for (Eigen::Index pair = 0; 2 * pair < count_; ++pair) {
    Lanes sum = Lanes::Zero();
    for (int z = 0; z < kTaps; ++z) {
      for (int y = 0; y < kTaps; ++y) {
        const float* from =
            spectra_.data() + place(first.x(), first.y() + y, first.z() + z) * stride + 4 * pair;
        Lanes row = Lanes::Zero();
        for (int x = 0; x < kTaps; ++x, from += stride) {
          row += by_x(x) * Eigen::Map<const Lanes>(from);
        }
        sum += by_z(z) * by_y(y) * row;
      }
    }
    values(2 * pair) = {sum(0), sign * sum(1)};
    if (2 * pair + 1 < count_) {
      values(2 * pair + 1) = {sum(2), sign * sum(3)};
    }
  }
}

}  // namespace cryosip

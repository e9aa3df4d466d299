#include "libcryosip/forward/density.hpp"

#include <cmath>
#include <complex>
#include <vector>

#include "formats/error.hpp"
#include "libcryosip/core/fourier.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;
using Complex = std::complex<float>;
using Matrix = Eigen::MatrixXcf;

// exp(-2 pi i k x / L - B k^2 / 4 L^2) of some atoms at k = first, first + 1, ..: (atoms, count).
Matrix waves(const Eigen::VectorXd& places,
             const Eigen::VectorXd& b_factors,
             double edge,
             Index first,
             Index count) {
  Matrix result(places.size(), count);
  for (Index i = 0; i < count; ++i) {
    const double q = static_cast<double>(first + i) / edge;
    for (Index atom = 0; atom < places.size(); ++atom) {
      result(atom, i) = static_cast<Complex>(
          std::polar(std::exp(-b_factors(atom) * q * q / 4), -2 * kPi * q * places(atom)));
    }
  }
  return result;
}

}  // namespace

formats::Volume density_of_atoms(const Scattering& scattering,
                                 const Eigen::Matrix3Xd& positions,
                                 const ImageGrid& grid,
                                 double resolution_angstrom) {
  const Index radius = band_radius(grid, resolution_angstrom);
  const double edge = grid.edge_angstrom();
  if (positions.size() > 0 && positions.cwiseAbs().maxCoeff() > edge / 2) {
    throw Error(ErrorKind::Usage,
                "the molecule reaches beyond a box of " + std::to_string(edge) + " angstrom");
  }
  // kx = 0 .. radius; ky and kz from -radius.
  const Index half = radius + 1;
  const Index whole = 2 * radius + 1;
  Matrix spectrum = Matrix::Zero(half * whole, whole);  // (kx, then ky; kz)
  for (const Scattering::TypeMembers& members : scattering.members_of_types()) {
    const auto count = static_cast<Index>(members.atoms.size());
    Eigen::MatrixXd places(count, 3);
    Eigen::VectorXd b_factors(count);
    for (Index i = 0; i < count; ++i) {
      const Index atom = members.atoms[static_cast<std::size_t>(i)];
      places.row(i) = positions.col(atom).transpose();
      b_factors(i) = scattering.b_factors_angstrom2(atom);
    }
    const Matrix x = waves(places.col(0), b_factors, edge, 0, half);
    const Matrix y = waves(places.col(1), b_factors, edge, -radius, whole);
    const Matrix z = waves(places.col(2), b_factors, edge, -radius, whole);
    const auto& gaussians = scattering.types[members.type];
    parallel_for(static_cast<std::size_t>(whole), [&](std::size_t plane) {
      const auto kz = static_cast<Index>(plane) - radius;
      const Matrix slab =
          x.transpose() * (z.col(static_cast<Index>(plane)).asDiagonal() * y);  // (kx, ky)
      for (Index j = 0; j < whole; ++j) {
        const Index ky = j - radius;
        for (Index kx = 0; kx < half; ++kx) {
          const auto squared = static_cast<double>(kx * kx + ky * ky + kz * kz);
          if (squared > static_cast<double>(radius * radius)) {
            continue;
          }
          // The origin is voxel box/2: half a period along each axis.
          const double sign = (kx + ky + kz) % 2 == 0 ? 1 : -1;
          spectrum(j * half + kx, static_cast<Index>(plane)) +=
              static_cast<float>(sign * form_factor(gaussians, std::sqrt(squared) / edge)) *
              slab(kx, j);
        }
      }
    });
  }

  const auto n = static_cast<Index>(grid.box);
  const auto edge_voxels = static_cast<std::size_t>(grid.box);
  formats::Volume volume{{edge_voxels, edge_voxels, edge_voxels},
                         grid.pixel_size_angstrom,
                         std::vector<float>(edge_voxels * edge_voxels * edge_voxels)};
  const ImageTransform transform(grid.box);
  // The inverse divides by n^2; the series of a density by the volume.
  const double scale =
      static_cast<double>(grid.pixels()) * grid.pixel_size_angstrom / (edge * edge * edge);
  parallel_for(edge_voxels, [&](std::size_t slice) {
    Eigen::VectorXcf along_z(whole);
    for (Index k = 0; k < whole; ++k) {
      const double turns = static_cast<double>((k - radius) * static_cast<Index>(slice) % n) /
                           static_cast<double>(n);
      along_z(k) = static_cast<Complex>(std::polar(scale, 2 * kPi * turns));
    }
    const Eigen::VectorXcf plane = spectrum * along_z;
    std::vector<std::complex<double>> half_plane(transform.spectrum_size());
    for (Index j = 0; j < whole; ++j) {
      const Index ky = j - radius;
      const Index row = (ky < 0 ? ky + n : ky) * (n / 2 + 1);
      for (Index kx = 0; kx < half; ++kx) {
        half_plane[static_cast<std::size_t>(row + kx)] =
            static_cast<std::complex<double>>(plane(j * half + kx));
      }
    }
    std::vector<double> values(transform.pixels());
    transform.inverse(half_plane, values);
    for (std::size_t i = 0; i < values.size(); ++i) {
      volume.values[slice * values.size() + i] = static_cast<float>(values[i]);
    }
  });
  return volume;
}

}  // namespace cryosip

// map_correlation MODEL MAP.mrc LEAST: does a map show the model at rest, or another map?
//
// Prints the correlation, over the sphere inscribed in the box, of the map with the model's own
// density (scattering.hpp, default options), or with MODEL.mrc, and fails below LEAST.
#include <cmath>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <numbers>
#include <stdexcept>
#include <string>

#include "formats/mrc.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "libcryosip/forward/scattering.hpp"

namespace {

using namespace cryosip;

// exp(-(grid - centre)^2 / 2v) at the grid points of one axis; the origin is point n/2.
Eigen::VectorXd gaussian(Eigen::Index n, double spacing, double centre, double variance) {
  Eigen::VectorXd values(n);
  const Eigen::Index origin = n / 2;
  for (Eigen::Index i = 0; i < n; ++i) {
    const double distance = static_cast<double>(i - origin) * spacing - centre;
    values(i) = std::exp(-distance * distance / (2 * variance));
  }
  return values;
}

// [z][y][x], x fastest, as a matrix of columns x for each (y, z).
Eigen::MatrixXd density(const AtomicModel& model, Eigen::Index n, double spacing) {
  const Scattering scattering = scattering_of(model.atoms(), {});
  Eigen::Matrix3Xd positions;
  model.positions(Eigen::VectorXd::Zero(model.dimension()), positions);
  Eigen::MatrixXd values = Eigen::MatrixXd::Zero(n, n * n);
  for (Eigen::Index atom = 0; atom < positions.cols(); ++atom) {
    const auto type =
        static_cast<std::size_t>(scattering.type_of_atom[static_cast<std::size_t>(atom)]);
    for (const ScatteringGaussian& g : scattering.types[type]) {
      const double variance = (g.b_angstrom2 + scattering.b_factors_angstrom2(atom)) /
                              (8 * std::numbers::pi * std::numbers::pi);
      const Eigen::VectorXd x = gaussian(n, spacing, positions(0, atom), variance);
      const Eigen::VectorXd y = gaussian(n, spacing, positions(1, atom), variance);
      const Eigen::VectorXd z = gaussian(n, spacing, positions(2, atom), variance);
      const double height = g.amplitude / std::pow(2 * std::numbers::pi * variance, 1.5);
      for (Eigen::Index k = 0; k < n; ++k) {
        for (Eigen::Index j = 0; j < n; ++j) {
          values.col(k * n + j) += height * y(j) * z(k) * x;
        }
      }
    }
  }
  return values;
}

// Of a structure, or as it stands in a map of the same size.
Eigen::MatrixXd expected(const std::string& name, Eigen::Index n, double spacing) {
  if (!name.ends_with(".mrc")) {
    const auto model = load_conformation_model(name);
    return density(dynamic_cast<const AtomicModel&>(*model), n, spacing);
  }
  const formats::Volume map = formats::read_volume(name);
  if (static_cast<Eigen::Index>(map.values.size()) != n * n * n) {
    throw std::runtime_error(name + " has another size");
  }
  return Eigen::Map<const Eigen::MatrixXf>(map.values.data(), n, n * n).cast<double>();
}

double correlation(const Eigen::MatrixXd& model, const formats::Volume& map) {
  const auto n = model.rows();
  const double radius = static_cast<double>(n) / 2;
  double count = 0;
  double sum_a = 0;
  double sum_b = 0;
  double sum_aa = 0;
  double sum_bb = 0;
  double sum_ab = 0;
  for (Eigen::Index k = 0; k < n; ++k) {
    for (Eigen::Index j = 0; j < n; ++j) {
      for (Eigen::Index i = 0; i < n; ++i) {
        const double from_centre = std::hypot(static_cast<double>(i) - radius,
                                              static_cast<double>(j) - radius,
                                              static_cast<double>(k) - radius);
        if (from_centre < radius) {
          const double a = model(i, k * n + j);
          const double b = map.values[static_cast<std::size_t>((k * n + j) * n + i)];
          count += 1;
          sum_a += a;
          sum_b += b;
          sum_aa += a * a;
          sum_bb += b * b;
          sum_ab += a * b;
        }
      }
    }
  }
  return (sum_ab - sum_a * sum_b / count) /
         std::sqrt((sum_aa - sum_a * sum_a / count) * (sum_bb - sum_b * sum_b / count));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 4) {
      std::cerr << "usage: map_correlation MODEL MAP.mrc LEAST\n";
      return 2;
    }
    const formats::Volume map = formats::read_volume(argv[2]);
    const double value = correlation(
        expected(argv[1], static_cast<Eigen::Index>(map.size[0]), map.pixel_size_angstrom), map);
    std::cout << argv[2] << ": correlation with " << argv[1] << ": " << value << '\n';
    return value >= std::atof(argv[3]) ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "map_correlation: " << error.what() << '\n';
    return 1;
  }
}

#include "libcryosip/forward/scattering.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <string>

#include <gemmi/c4322.hpp>
#include <gemmi/elem.hpp>

#include "formats/error.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

std::vector<ScatteringGaussian> element_gaussians(const Atoms& atoms, Eigen::Index atom) {
  using Table = gemmi::C4322<double>;
  const auto index = static_cast<std::size_t>(atom);
  const auto element = static_cast<gemmi::El>(atoms.atomic_numbers[index]);
  if (element == gemmi::El::X || !Table::has(element)) {
    throw Error(ErrorKind::Input,
                "atom " + atoms.chains[index] + "/" + atoms.residue_names[index] + " " +
                    std::to_string(atoms.residue_numbers[index]) + "/" + atoms.names[index] +
                    ": no electron scattering factors for its element");
  }
  const auto& factors = Table::get(element);
  std::vector<ScatteringGaussian> gaussians;
  gaussians.reserve(5);
  for (int i = 0; i < 5; ++i) {
    // gemmi tabulates exp(-b stol^2) with stol = sin(theta)/lambda = q/2, which is exp(-b q^2 / 4).
    gaussians.push_back({factors.a(i), factors.b(i)});
  }
  return gaussians;
}

}  // namespace

double form_factor(std::span<const ScatteringGaussian> gaussians, double q) {
  double sum = 0;
  for (const ScatteringGaussian& gaussian : gaussians) {
    sum += gaussian.amplitude * std::exp(-gaussian.b_angstrom2 * q * q / 4);
  }
  return sum;
}

std::vector<Scattering::TypeMembers> Scattering::members_of_types() const {
  std::vector<TypeMembers> members(types.size());
  for (std::size_t type = 0; type < types.size(); ++type) {
    members[type].type = type;
  }
  for (Eigen::Index atom = 0; atom < count(); ++atom) {
    const int type = type_of_atom[static_cast<std::size_t>(atom)];
    members[static_cast<std::size_t>(type)].atoms.push_back(atom);
  }
  std::erase_if(members, [](const TypeMembers& of_type) { return of_type.atoms.empty(); });
  return members;
}

double Scattering::narrowest_variance_angstrom2() const {
  double narrowest = std::numeric_limits<double>::infinity();
  for (Eigen::Index atom = 0; atom < count(); ++atom) {
    const auto& gaussians =
        types[static_cast<std::size_t>(type_of_atom[static_cast<std::size_t>(atom)])];
    for (const ScatteringGaussian& gaussian : gaussians) {
      narrowest = std::min(narrowest, gaussian.b_angstrom2 + b_factors_angstrom2(atom));
    }
  }
  return narrowest / (8 * kPi * kPi);
}

Scattering scattering_of(const Atoms& atoms, const ScatteringOptions& options) {
  if (!(options.residue_sigma_angstrom > 0) || !(options.extra_b_factor_angstrom2 >= 0)) {
    throw Error(ErrorKind::Usage,
                "scattering: the residue's sigma must be positive and the extra B-factor not "
                "negative");
  }
  const bool only_nodes = std::all_of(
      atoms.names.begin(), atoms.names.end(), [](const std::string& name) { return name == "CA"; });
  const bool residue = options.resolution == AtomResolution::Residue ||
                       (options.resolution == AtomResolution::Auto && only_nodes);
  const auto count = static_cast<std::size_t>(atoms.count());
  Scattering scattering;
  scattering.type_of_atom.assign(count, 0);
  scattering.b_factors_angstrom2 = Eigen::VectorXd::Zero(atoms.count());
  if (residue) {
    const double variance = options.residue_sigma_angstrom * options.residue_sigma_angstrom;
    scattering.types = {{{1.0, 8 * kPi * kPi * variance}}};
    return scattering;
  }
  std::map<int, int> type_of_element;
  for (std::size_t i = 0; i < count; ++i) {
    const auto atom = static_cast<Eigen::Index>(i);
    const auto [entry, is_new] = type_of_element.try_emplace(
        atoms.atomic_numbers[i], static_cast<int>(scattering.types.size()));
    if (is_new) {
      scattering.types.push_back(element_gaussians(atoms, atom));
    }
    scattering.type_of_atom[i] = entry->second;
    const double own = options.use_b_factors ? std::max(0.0, atoms.b_factors_angstrom2(atom)) : 0;
    scattering.b_factors_angstrom2(atom) = own + options.extra_b_factor_angstrom2;
  }
  return scattering;
}

}  // namespace cryosip

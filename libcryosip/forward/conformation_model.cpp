#include "libcryosip/forward/conformation_model.hpp"

#include <algorithm>
#include <cctype>
#include <utility>

#include <gemmi/elem.hpp>

#include "formats/error.hpp"
#include "formats/pdb.hpp"

namespace cryosip {
namespace {

void centre(Atoms& atoms) {
  const Eigen::Vector3d mean = atoms.positions_angstrom.rowwise().mean();
  atoms.positions_angstrom.colwise() -= mean;
}

// The NMD's list, or that many empty values where it has none.
template <typename Value>
std::vector<Value> list_of(const std::vector<Value>& list, std::size_t count, Value fallback) {
  return list.empty() ? std::vector<Value>(count, std::move(fallback)) : list;
}

Atoms atoms_of(const formats::Nmd& nmd) {
  const std::size_t count = nmd.coordinates_angstrom.size() / 3;
  Atoms atoms;
  atoms.positions_angstrom = Eigen::Map<const Eigen::Matrix3Xd>(
      nmd.coordinates_angstrom.data(), 3, static_cast<Eigen::Index>(count));
  // A node without a name is taken for a C-alpha, as NMWiz does.
  atoms.names = list_of<std::string>(nmd.atom_names, count, "CA");
  atoms.residue_names = list_of<std::string>(nmd.residue_names, count, "UNK");
  atoms.chains = list_of<std::string>(nmd.chains, count, "A");
  atoms.residue_numbers = list_of(nmd.residue_numbers, count, 0);
  atoms.insertion_codes.assign(count, ' ');
  const std::vector<double> b_factors = list_of(nmd.b_factors, count, 0.0);
  atoms.b_factors_angstrom2 =
      Eigen::Map<const Eigen::VectorXd>(b_factors.data(), static_cast<Eigen::Index>(count));
  for (std::size_t i = 0; i < count; ++i) {
    atoms.atomic_numbers.push_back(atomic_number_of(atoms.names[i], atoms.residue_names[i]));
  }
  return atoms;
}

}  // namespace

NormalModeModel::NormalModeModel(const formats::Nmd& nmd) : atoms_(atoms_of(nmd)) {
  if (nmd.modes.empty()) {
    throw Error(ErrorKind::Input, "the NMD file '" + nmd.title + "' has no modes");
  }
  centre(atoms_);
  displacements_.resize(3 * atoms_.count(), static_cast<Eigen::Index>(nmd.modes.size()));
  for (Eigen::Index k = 0; k < displacements_.cols(); ++k) {
    const formats::NmdMode& mode = nmd.modes[static_cast<std::size_t>(k)];
    displacements_.col(k) =
        mode.scale * Eigen::Map<const Eigen::VectorXd>(mode.vector.data(), displacements_.rows());
  }
}

void NormalModeModel::positions(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                                Eigen::Matrix3Xd& positions) const {
  positions = atoms_.positions_angstrom;
  positions.reshaped().noalias() += displacements_ * coordinates;
}

Eigen::VectorXd NormalModeModel::pull_back(const Eigen::Ref<const Eigen::VectorXd>& /*coordinates*/,
                                           const Eigen::Matrix3Xd& position_gradient) const {
  return displacements_.transpose() * position_gradient.reshaped();
}

RigidModel::RigidModel(Atoms atoms) : atoms_(std::move(atoms)) {
  centre(atoms_);
}

void RigidModel::positions(const Eigen::Ref<const Eigen::VectorXd>& /*coordinates*/,
                           Eigen::Matrix3Xd& positions) const {
  positions = atoms_.positions_angstrom;
}

Eigen::VectorXd RigidModel::pull_back(const Eigen::Ref<const Eigen::VectorXd>& /*coordinates*/,
                                      const Eigen::Matrix3Xd& /*position_gradient*/) const {
  return {};
}

std::unique_ptr<ConformationModel> load_conformation_model(const std::string& path) {
  if (path.ends_with(".nmd")) {
    return std::make_unique<NormalModeModel>(formats::read_nmd(path));
  }
  return std::make_unique<RigidModel>(select_atoms(formats::read_atomic_model(path), "all"));
}

int atomic_number_of(const std::string& atom_name, const std::string& residue_name) {
  std::string letters;
  for (const char c : atom_name) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      letters += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
  }
  if (letters.empty()) {
    return 0;
  }
  // A monatomic residue carries its element's name (ZN, MG, CA, CL); selenium sits in MSE and SEC,
  // and FE is the iron of haems and clusters.
  const bool is_ion = letters == residue_name;
  const bool is_selenium = letters == "SE" && (residue_name == "MSE" || residue_name == "SEC");
  const bool is_whole = is_ion || is_selenium || letters == "FE";
  const std::string symbol = is_whole ? letters : letters.substr(0, 1);
  return gemmi::Element(symbol).atomic_number();
}

}  // namespace cryosip

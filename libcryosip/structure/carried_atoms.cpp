#include "libcryosip/structure/carried_atoms.hpp"

#include <cmath>
#include <map>
#include <string>
#include <tuple>
#include <utility>

#include "formats/error.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;
using ResidueKey = std::tuple<std::string, int, char>;
using NodeName = std::pair<ResidueKey, std::string>;

}  // namespace

CarriedAtoms::CarriedAtoms(formats::AtomicModel structure, const Atoms& nodes)
    : structure_(std::move(structure)),
      nodes_at_rest_(nodes.positions_angstrom),
      at_rest_(3, static_cast<Index>(structure_.atoms.size())),
      node_of_(structure_.atoms.size(), -1) {
  std::map<ResidueKey, Index> first_of_residue;
  std::map<NodeName, Index> by_name;
  for (Index node = 0; node < nodes.count(); ++node) {
    const auto i = static_cast<std::size_t>(node);
    const ResidueKey residue{nodes.chains[i], nodes.residue_numbers[i], nodes.insertion_codes[i]};
    first_of_residue.emplace(residue, node);
    by_name.emplace(NodeName{residue, nodes.names[i]}, node);
  }

  Eigen::Vector3d offset = Eigen::Vector3d::Zero();  // of the structure's frame from the nodes'
  double squares = 0;
  Index common = 0;
  for (std::size_t a = 0; a < structure_.atoms.size(); ++a) {
    const formats::AtomRecord& atom = structure_.atoms[a];
    const auto& [x, y, z] = atom.position_angstrom;
    at_rest_.col(static_cast<Index>(a)) = Eigen::Vector3d(x, y, z);
    const ResidueKey residue{atom.chain, atom.residue_number, atom.insertion_code};
    const auto same = by_name.find({residue, atom.name});
    const auto first = first_of_residue.find(residue);
    if (same != by_name.end()) {
      node_of_[a] = same->second;
      const Eigen::Vector3d apart =
          at_rest_.col(static_cast<Index>(a)) - nodes_at_rest_.col(same->second);
      offset += apart;
      squares += apart.squaredNorm();
      ++common;
    } else if (first != first_of_residue.end()) {
      node_of_[a] = first->second;
    }
  }
  if (2 * common < nodes.count()) {
    throw Error(ErrorKind::Input,
                structure_.source + ": found " + std::to_string(common) + " of the model's " +
                    std::to_string(nodes.count()) +
                    " atoms by chain, residue and name, expected the structure that the model was "
                    "made of");
  }
  constexpr double kFarthest = 0.5;
  offset /= static_cast<double>(common);
  const double rms =
      std::sqrt(std::max(0.0, squares / static_cast<double>(common) - offset.squaredNorm()));
  if (rms > kFarthest) {
    throw Error(ErrorKind::Input,
                structure_.source + ": its atoms lie " + std::to_string(rms) +
                    " angstrom from the model's, expected the structure that the model was made "
                    "of, not turned");
  }
  at_rest_.colwise() -= offset;
  for (std::size_t a = 0; a < node_of_.size(); ++a) {
    if (node_of_[a] < 0) {
      (nodes_at_rest_.colwise() - at_rest_.col(static_cast<Index>(a)))
          .colwise()
          .squaredNorm()
          .minCoeff(&node_of_[a]);
    }
  }
}

Eigen::Matrix3Xd CarriedAtoms::positions(const Eigen::Matrix3Xd& nodes) const {
  Eigen::Matrix3Xd moved = at_rest_;
  for (std::size_t a = 0; a < node_of_.size(); ++a) {
    moved.col(static_cast<Index>(a)) += nodes.col(node_of_[a]) - nodes_at_rest_.col(node_of_[a]);
  }
  return moved;
}

}  // namespace cryosip

#include "plugins/relion/output_nodes.hpp"

#include <istream>

namespace cryosip::relion {
namespace {

std::int64_t type_number(NodeKind kind) {
  return kind == NodeKind::Particles ? 3 : 6;
}

const char* type_label(NodeKind kind, RelionVersion version) {
  if (kind == NodeKind::Map) {
    return "DensityMap.mrc";
  }
  return version == RelionVersion::V4 ? "ParticlesData.star.relion"
                                      : "ParticleGroupMetadata.star.relion";
}

}  // namespace

RelionVersion version_of_job(std::istream& job_star) {
  // The version is in a comment, which a reader of STAR files leaves out.
  bool label = false;
  bool number = false;
  bool fifth = false;
  for (std::string line; std::getline(job_star, line);) {
    label = label || line.starts_with("_rlnJobTypeLabel");
    number = number || line.starts_with("_rlnJobType ");
    fifth = fifth || line.starts_with("# version 5");
  }
  if (label) {
    return fifth ? RelionVersion::V5 : RelionVersion::V4;
  }
  return number ? RelionVersion::V3 : RelionVersion::Unknown;
}

formats::StarTable output_nodes(const std::vector<OutputNode>& nodes, RelionVersion version) {
  formats::StarTable table("output_nodes", {"rlnPipeLineNodeName"});
  const bool numbers = version == RelionVersion::V3 || version == RelionVersion::Unknown;
  const std::size_t number = numbers ? table.add_column("rlnPipeLineNodeType") : 0;
  const bool labels = version != RelionVersion::V3;
  const std::size_t label = labels ? table.add_column("rlnPipeLineNodeTypeLabel") : 0;
  for (const OutputNode& node : nodes) {
    const std::size_t row = table.add_row();
    table.set(row, 0, node.file);
    if (numbers) {
      table.set_integer(row, number, type_number(node.kind));
    }
    if (labels) {
      table.set(row, label, std::string_view(type_label(node.kind, version)));
    }
  }
  return table;
}

}  // namespace cryosip::relion

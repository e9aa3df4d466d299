// RELION_OUTPUT_NODES.star: which files of a job RELION offers to the jobs that follow.
#pragma once

#include <iosfwd>
#include <string>
#include <vector>

#include "formats/star.hpp"

namespace cryosip::relion {

/// As far as it matters for the form of this file.
enum class RelionVersion {
  Unknown,  ///< run by hand
  V3,       ///< 3.1: types are numbers
  V4,       ///< types are labels
  V5,       ///< another label for particles
};

/// Tells the versions apart by the job.star that RELION writes into the folder of a job.
RelionVersion version_of_job(std::istream& job_star);

enum class NodeKind { Particles, Map };

struct OutputNode {
  std::string file;  ///< relative to the project
  NodeKind kind;
};

/// Block output_nodes, a loop of rlnPipeLineNodeName and the type: rlnPipeLineNodeType (3.1),
/// rlnPipeLineNodeTypeLabel (4, 5), or both (Unknown), of which each takes its own.
formats::StarTable output_nodes(const std::vector<OutputNode>& nodes, RelionVersion version);

}  // namespace cryosip::relion

// Tables as JSON, for programs that read no STAR.
#pragma once

#include <string>
#include <vector>

#include "formats/star.hpp"

namespace cryosip {

/// {"sip_block": [{"metric": "w1", "final": 0.25}, ..], ..}: a list of rows for each table, one
/// object for a table of pairs.  Of a label "sip" falls away and words are joined by underscores
/// (sipStandardDeviation: "standard_deviation"); RELION's stay.  Cells that are finite numbers are
/// numbers, None is null, the rest text.
std::string to_json(const std::vector<formats::StarTable>& tables);

}  // namespace cryosip

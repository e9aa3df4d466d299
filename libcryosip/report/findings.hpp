// What a reader must know before believing a result, in words.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "libcryosip/report/image_panels.hpp"
#include "libcryosip/report/representative_structures.hpp"
#include "libcryosip/report/run_folder.hpp"

namespace cryosip {

struct Finding {
  enum class Weight {
    Warning,  ///< the result may be wrong, or not what it seems
    Note,     ///< what the report cannot say
  };
  Weight weight = Weight::Warning;
  std::string what;    ///< one sentence
  std::string advice;  ///< what it means and what to do
};

/// The objective over two stretches at the end of the log, after the last change of temperature and
/// bandwidth: its mean in the last half less that in the half before, and the standard error of
/// that difference, from means over blocks of steps (neighbouring steps are not independent).
struct ObjectiveDrift {
  double change = 0;
  double standard_error = 0;
  std::size_t steps = 0;  ///< compared, both halves
  [[nodiscard]] bool moving() const { return std::abs(change) > 3 * standard_error; }
};
/// Nothing where fewer than 20 steps are left to compare.
std::optional<ObjectiveDrift> objective_drift(const formats::StarTable& log);
/// The last step at which temperature or bandwidth differed from the end's by more than a
/// hundredth; 0: none.
std::int64_t annealed_until(const formats::StarTable& log);

/// Warnings first.  Each is explained, with its threshold, in docs/report.md.
std::vector<Finding> findings(const RunData& run,
                              const RepresentativeStructures* representatives,
                              const ImagePanels* images);

}  // namespace cryosip

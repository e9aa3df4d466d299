// What a run has left: the files that a report is made of.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <Eigen/Core>

#include "formats/star.hpp"
#include "libcryosip/assess/evaluation.hpp"
#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/image_set.hpp"
#include "libcryosip/forward/conformation_model.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

/// A folder with files of known names; an empty path is looked for under its name.
struct RunPaths {
  std::string folder;
  std::string ensemble;    ///< ensemble.star
  std::string start;       ///< start.star
  std::string truth;       ///< truth.star, else particles_truth.star
  std::string log;         ///< log.star
  std::string particles;   ///< particles.star
  std::string evaluation;  ///< evaluation.star
  std::string model;       ///< what the ensemble names, from here or from the folder
};

struct RunFile {
  std::string role;                  ///< "the distribution found"
  std::string path;                  ///< of the file, or the name that was looked for
  bool used = false;                 ///< there, and read
  std::string problem;               ///< why it is not used although it is there, or empty
  std::vector<std::string> made_by;  ///< what its first comments say: version and command
};

struct RunData {
  std::string molecule;  ///< what the model is of
  std::vector<RunFile> files;
  Ensemble ensemble;
  std::optional<Ensemble> start;
  std::optional<Ensemble> truth;
  std::optional<formats::StarTable> log;  ///< block sip_flow_log, one row at least
  std::vector<EvaluationRow> evaluation;  ///< as the file has it, else of what is there, or none
  std::unique_ptr<const ConformationModel> model;
  std::unique_ptr<const ImageSet> images;

  [[nodiscard]] const Ensemble* start_or_null() const { return start ? &*start : nullptr; }
};

/// Reads what is there.  A file under a default name that is missing or of no use is noted in
/// files; one that was named must be good.
/// @throws Error(Input) no folder, no ensemble, a named file that cannot be used
RunData read_run(const RunPaths& paths, const ImageSetOptions& data);

}  // namespace cryosip

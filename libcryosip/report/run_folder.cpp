#include "libcryosip/report/run_folder.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <limits>
#include <system_error>
#include <utility>

#include "formats/error.hpp"
#include "formats/nmd.hpp"
#include "libcryosip/assess/truth.hpp"

namespace cryosip {
namespace {

namespace fs = std::filesystem;

bool exists(const std::string& path) {
  std::error_code unknown;
  return fs::exists(path, unknown);
}

// How the file came about: comments before a STAR's first block but RELION's version, or what an
// NMD's title has behind the name.
std::vector<std::string> made_by(const std::string& path) {
  std::vector<std::string> lines;
  std::ifstream in(path);
  std::string line;
  while (std::getline(in, line) && (line.empty() || line.starts_with("#"))) {
    if (line.starts_with("# ") && !line.starts_with("# version ")) {
      lines.push_back(line.substr(2));
    }
  }
  if (line.starts_with("name ")) {
    for (std::size_t at = line.find("; "); at != std::string::npos;) {
      const std::size_t next = line.find("; ", at + 2);
      lines.push_back(line.substr(at + 2, next == std::string::npos ? next : next - at - 2));
      at = next;
    }
  }
  return lines;
}

// "None" where there is no number.
std::optional<double> number_if_any(const formats::StarTable& table,
                                    std::size_t row,
                                    std::size_t column) {
  return table.text(row, column) == "None" ? std::nullopt
                                           : std::optional(table.number(row, column));
}

std::vector<EvaluationRow> read_evaluation(const formats::StarFile& file) {
  const formats::StarTable& table = file.table("sip_evaluation");
  const std::size_t metric = table.column("sipMetric");
  const std::size_t coordinate = table.column("sipCoordinate");
  const std::size_t initial = table.column("sipInitial");
  const std::size_t final_value = table.column("sipFinal");
  const auto lower = table.find("sipFinalLower");
  const auto upper = table.find("sipFinalUpper");
  std::vector<EvaluationRow> rows;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    EvaluationRow& read = rows.emplace_back();
    read.metric = table.text(row, metric);
    read.coordinate = table.integer(row, coordinate);
    read.initial = number_if_any(table, row, initial);
    read.final_value =
        number_if_any(table, row, final_value).value_or(std::numeric_limits<double>::quiet_NaN());
    if (lower && upper) {
      const std::optional<double> from = number_if_any(table, row, *lower);
      const std::optional<double> to = number_if_any(table, row, *upper);
      if (from && to) {
        read.band = Band{*from, *to};
      }
    }
  }
  return rows;
}

class Reader {
 public:
  explicit Reader(const RunPaths& paths) : paths_(paths) {}

  // One file: named, or under the first of the names that is there.
  void read(const std::string& role,
            const std::string& named,
            const std::vector<std::string>& names,
            const std::function<void(const std::string& path)>& use) {
    RunFile file{role, named.empty() ? names.front() : named, false, "", {}};
    if (named.empty()) {
      bool there = false;
      for (const std::string& name : names) {
        const std::string path = (fs::path(paths_.folder) / name).lexically_normal().string();
        if (exists(path)) {
          file.path = path;
          there = true;
          break;
        }
      }
      if (!there) {
        files_.push_back(std::move(file));
        return;
      }
    }
    try {
      use(file.path);
      file.used = true;
      file.made_by = made_by(file.path);
    } catch (const Error& error) {
      if (!named.empty() || error.kind() == ErrorKind::Cancelled) {
        throw;
      }
      file.problem = error.what();
    }
    files_.push_back(std::move(file));
  }

  [[nodiscard]] std::vector<RunFile> files() const { return files_; }

 private:
  const RunPaths& paths_;
  std::vector<RunFile> files_;
};

}  // namespace

RunData read_run(const RunPaths& paths, const ImageSetOptions& data) {
  std::error_code unknown;
  if (!fs::is_directory(paths.folder, unknown)) {
    throw Error(ErrorKind::Input, paths.folder + ": expected a folder with the files of a run");
  }
  const std::string ensemble_path =
      paths.ensemble.empty()
          ? (fs::path(paths.folder) / "ensemble.star").lexically_normal().string()
          : paths.ensemble;
  if (!exists(ensemble_path)) {
    throw Error(ErrorKind::Input,
                ensemble_path +
                    ": no such file; a report needs an ensemble, as cryosip-flow-step "
                    "writes it (--ensemble names another)");
  }
  RunData run;
  Reader reader(paths);
  reader.read("the distribution found", ensemble_path, {}, [&](const std::string& path) {
    run.ensemble = read_ensemble(formats::read_star(path));
  });
  const auto fits = [&](const Ensemble& other, const std::string& path) {
    if (other.dimension() != run.ensemble.dimension()) {
      throw Error(ErrorKind::Input,
                  path + ": " + std::to_string(other.dimension()) +
                      " coordinates found, the ensemble has " +
                      std::to_string(run.ensemble.dimension()));
    }
  };
  reader.read(
      "the distribution begun with", paths.start, {"start.star"}, [&](const std::string& path) {
        Ensemble start = read_ensemble(formats::read_star(path));
        fits(start, path);
        run.start = std::move(start);
      });
  reader.read("the truth",
              paths.truth,
              {"truth.star", "particles_truth.star"},
              [&](const std::string& path) {
                Ensemble truth = read_truth(formats::read_star(path));
                fits(truth, path);
                run.truth = std::move(truth);
              });
  reader.read("the flow's log", paths.log, {"log.star"}, [&](const std::string& path) {
    const formats::StarFile file = formats::read_star(path);
    evaluate_log(file);  // has the block, its columns and rows
    run.log = file.table("sip_flow_log");
  });
  std::vector<std::string> models = {run.ensemble.model};
  models.push_back(fs::path(run.ensemble.model).filename().string());
  // As the ensemble names it, from here, goes before the folder's own.
  const bool built_in_or_here = paths.model.empty() && !run.ensemble.model.empty() &&
                                (run.ensemble.model == "identity" ||
                                 run.ensemble.model == "nanocluster" || exists(run.ensemble.model));
  const auto use_model = [&](const std::string& path) {
    auto model = load_conformation_model(path);
    require_dimension(*model, run.ensemble);
    run.model = std::move(model);
    run.molecule = fs::path(path).stem().string();
    if (path.ends_with(".nmd")) {
      const std::string title = formats::read_nmd(path).title;  // "hinge_dimer; cryosip 0.1.0; .."
      run.molecule = title.empty() ? run.molecule : title.substr(0, title.find(';'));
    }
  };
  if (built_in_or_here) {
    reader.read("the model of the motion", run.ensemble.model, {}, use_model);
  } else {
    reader.read("the model of the motion", paths.model, models, use_model);
  }
  reader.read("the images", paths.particles, {"particles.star"}, [&](const std::string& path) {
    run.images = std::make_unique<const ImageSet>(ImageSet::open(path, data));
  });
  reader.read(
      "distances to the truth",
      paths.evaluation,
      {"evaluation.star"},
      [&](const std::string& path) { run.evaluation = read_evaluation(formats::read_star(path)); });
  if (run.evaluation.empty() && run.truth) {
    run.evaluation = evaluate_ensemble(&*run.truth, run.start_or_null(), run.ensemble);
  }
  run.files = reader.files();
  return run;
}

}  // namespace cryosip

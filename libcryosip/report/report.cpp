#include "libcryosip/report/report.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <filesystem>
#include <optional>
#include <utility>

#include "formats/error.hpp"
#include "libcryosip/assess/free_energy.hpp"
#include "libcryosip/report/findings.hpp"
#include "libcryosip/report/image_figures.hpp"
#include "libcryosip/report/markup.hpp"
#include "libcryosip/report/page.hpp"
#include "libcryosip/report/report_figures.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// Of "/data/run1/" or "." too.
std::string name_of_folder(const std::string& folder) {
  const std::filesystem::path path = std::filesystem::absolute(folder).lexically_normal();
  const std::string name = (path.has_filename() ? path : path.parent_path()).filename().string();
  return name.empty() ? folder : name;
}

struct Known {
  std::string_view label;
  std::string_view name;
};

// Pairs of an ensemble's file that people ask for.
constexpr std::array kCarried = {
    Known{"sipNoiseSigma", "noise sigma of a pixel"},
    Known{"sipContrast", "contrast of the drawings in the images"},
    Known{"sipInitialTemperature", "temperature at the start"},
    Known{"sipInPlaneAngles", "in-plane angles of the integral"},
    Known{"sipNoiseInflation", "noise added to tell views apart less"}};

constexpr std::array kMetrics = {
    Known{"w1", "Wasserstein distance W\u2081"},
    Known{"w2", "Wasserstein distance W\u2082"},
    Known{"sliced_w1", "W\u2081, sliced"},
    Known{"sliced_w2", "W\u2082, sliced"},
    Known{"rmsd_w1", "W\u2081 of structures, \u00c5 RMSD"},
    Known{"rmsd_w2", "W\u2082 of structures, \u00c5 RMSD"},
    Known{"energy_distance", "energy distance"},
    Known{"energy_distance_unbiased", "energy distance, unbiased"},
    Known{"mmd2", "squared MMD"},
    Known{"mmd2_unbiased", "squared MMD, unbiased"},
    Known{"mmd2_bandwidth", "bandwidth of the MMD"},
    Known{"total_variation", "total variation"},
    Known{"kl", "Kullback\u2013Leibler divergence from the truth"},
    Known{"reverse_kl", "Kullback\u2013Leibler divergence of the truth"},
    Known{"perturbation_l1", "change by a perturbation of 0.2 %"},
    Known{"effective_sample_size", "effective sample size"},
    Known{"flow_steps", "steps of the log, first and last"},
    Known{"flow_objective", "objective, first and last"},
    Known{"flow_effective_sample_size", "effective sample size, first and last"},
    Known{"image_energy_distance", "energy distance of images"},
    Known{"image_mmd2", "squared MMD of images"},
    Known{"image_mmd2_bandwidth", "bandwidth of the MMD of images"},
};

// "weighted_image_mmd2_floor_error" as words; a name that is not known stays as it is.
std::string metric_name(std::string metric) {
  std::string remarks;
  const auto cut = [&](bool found, std::size_t begin, std::size_t length, const char* remark) {
    if (found) {
      metric.erase(begin, length);
      remarks += remark;
    }
  };
  cut(metric.starts_with("weighted_"), 0, 9, ", weighted");
  const std::string whole = metric;
  const auto cut_end = [&](std::string_view suffix, const char* remark) {
    cut(metric.ends_with(suffix),
        metric.size() - std::min(metric.size(), suffix.size()),
        suffix.size(),
        remark);
  };
  const bool is_error = metric.ends_with("_error");
  cut_end("_error", "");
  cut_end("_truth", ", of the truth");
  cut_end("_floor", ", of two sets of the truth");
  cut_end("_p", ", p-value");
  const auto* const found = std::find_if(std::begin(kMetrics),
                                         std::end(kMetrics),
                                         [&](const Known& known) { return known.label == metric; });
  return (found == std::end(kMetrics) ? whole : std::string(found->name)) + remarks +
         (is_error ? ": standard error" : "");
}

std::string shown_band(const Band& band) {
  return shown_number(band.lower) + " to " + shown_number(band.upper);
}

class Writer {
 public:
  Writer(const ReportOptions& options, Progress& progress)
      : options_(options),
        run_(read_run(options.paths, options.data)),
        atoms_(dynamic_cast<const AtomicModel*>(run_.model.get())),
        in_angstrom_(run_.model == nullptr || run_.model->has_views()),
        page_(options.title.empty() ? "Conformations of " + name_of_folder(options.paths.folder)
                                    : options.title,
              "What a cryosip run found, and how far to trust it") {
    if (atoms_ != nullptr && in_angstrom_) {
      units_ = unit_displacements(*atoms_);
    }
    if (atoms_ != nullptr) {
      representatives_ = representative_structures(
          *atoms_, run_.ensemble, options.states, options.images.drawing.seed);
    }
    if (run_.model != nullptr && run_.images != nullptr) {
      look_at_images(progress);
    }
  }

  Report write(const std::string& footer) {
    summary();
    marginals();
    structures();
    landscape();
    free_energies();
    images();
    distances();
    convergence();
    what_was_run();
    return {page_.html(footer), std::move(figures_)};
  }

 private:
  void look_at_images(Progress& progress) {
    ImagePanelOptions options = options_.images;
    const FlowProgress& flow = run_.ensemble.flow;
    options.drawing.noise_sigma = given_noise(options.drawing.noise_sigma, run_.ensemble);
    if (!options.drawing.contrast) {
      options.drawing.contrast = flow.carried(kContrastLabel);
    }
    try {
      images_ = image_panels(*run_.model, *run_.images, run_.ensemble, options, progress);
    } catch (const Error& error) {
      if (error.kind() == ErrorKind::Cancelled) {
        throw;
      }
      image_problem_ = error.what();
    }
  }

  void show(const std::vector<Figure>& figures, bool toggles = false) {
    page_.figures(figures, toggles);
    figures_.insert(figures_.end(), figures.begin(), figures.end());
  }

  [[nodiscard]] const RunFile& file_of(std::string_view role) const {
    return *std::find_if(run_.files.begin(), run_.files.end(), [&](const RunFile& file) {
      return file.role == role;
    });
  }

  // "There is no log.star: ..." or what is wrong with it.
  void missing(std::string_view role, const std::string& what) {
    const RunFile& file = file_of(role);
    page_.paragraph(file.problem.empty()
                        ? "There is no " + file.path + " in the folder: " + what
                        : "The file could not be used (" + file.problem + "): " + what);
  }

  void summary() {
    page_.section("summary", "In short");
    const auto conformations = static_cast<double>(run_.ensemble.size());
    std::string text = shown_count(conformations) + " weighted conformations" +
                       (run_.molecule.empty() ? std::string() : " of " + run_.molecule) + ", in " +
                       counted(static_cast<double>(run_.ensemble.dimension()), "coordinate");
    if (run_.images != nullptr) {
      text += ", were fitted to " + counted(static_cast<double>(run_.images->size()), "image");
    }
    if (run_.ensemble.flow.step > 0) {
      text += " in " + counted(static_cast<double>(run_.ensemble.flow.step), "step");
    }
    page_.paragraph(text + ".");
    if (representatives_) {
      const Eigen::VectorXd& populations = representatives_->groups.populations;
      std::string states = "Parted into " +
                           counted(static_cast<double>(populations.size()), "group") +
                           " of similar conformations:";
      for (Index m = 0; m < populations.size(); ++m) {
        states += (m == 0 ? " " : ", ") + group_name(static_cast<std::size_t>(m)) + " " +
                  shown_percent(populations(m));
      }
      page_.paragraph(states + ".");
    }
    const auto [before, after] = mean_w1();
    if (after) {
      page_.paragraph(
          (before ? "The distance to the truth (W\u2081, mean over coordinates) went from " +
                        shown_number(*before) + " to " + shown_number(*after)
                  : "The distance to the truth (W\u2081, mean over coordinates) is " +
                        shown_number(*after)) +
          ".");
    }
    std::vector<std::pair<std::string, std::string>> tiles;
    if (run_.images != nullptr) {
      tiles.emplace_back("images", shown_count(static_cast<double>(run_.images->size())));
    }
    tiles.emplace_back("conformations", shown_count(conformations));
    tiles.emplace_back("of them effective", shown_number(1 / run_.ensemble.weights.squaredNorm()));
    if (run_.ensemble.flow.step > 0) {
      tiles.emplace_back("steps", shown_count(static_cast<double>(run_.ensemble.flow.step)));
    }
    if (images_ && in_angstrom_) {
      tiles.emplace_back("detail compared",
                         shown_number(images_->resolution_angstrom, 2) + " \u00c5");
    }
    page_.tiles(tiles);

    const std::vector<Finding> all = findings(
        run_, representatives_ ? &*representatives_ : nullptr, images_ ? &*images_ : nullptr);
    page_.subheading("Before you believe it");
    const bool warned = std::any_of(all.begin(), all.end(), [](const Finding& finding) {
      return finding.weight == Finding::Weight::Warning;
    });
    if (!warned) {
      page_.paragraph("Nothing that this report checks looks wrong.");
    }
    for (const Finding& finding : all) {
      page_.finding(finding.weight == Finding::Weight::Warning ? "warning" : "note",
                    finding.what,
                    finding.advice);
    }
  }

  [[nodiscard]] std::pair<std::optional<double>, std::optional<double>> mean_w1() const {
    double before = 0;
    double after = 0;
    int count = 0;
    bool all_before = true;
    for (const EvaluationRow& row : run_.evaluation) {
      if (row.metric == "w1" && row.coordinate > 0) {
        before += row.initial.value_or(0);
        all_before = all_before && row.initial.has_value();
        after += row.final_value;
        ++count;
      }
    }
    if (count == 0) {
      return {};
    }
    return {all_before ? std::optional(before / count) : std::nullopt, after / count};
  }

  void marginals() {
    page_.section("distribution", "The distribution, coordinate by coordinate");
    page_.hint(
        "Each curve says how common each value of one coordinate is; the area under it is 1. Peaks "
        "are states that the molecule prefers, the valley between two of them is what it rarely "
        "does." +
        std::string(
            run_.ensemble.refits.empty()
                ? ""
                : " The shaded band is where chance may have put the curve, nine times in ten: a "
                  "bump that fits into it need not be there."));
    if (run_.ensemble.dimension() == 0) {
      page_.paragraph("The model is rigid: it has no coordinates.");
      return;
    }
    show(marginal_figures(run_, units_), true);
  }

  void structures() {
    page_.section("structures", "Representative structures");
    if (!representatives_) {
      missing("the model of the motion", "structures cannot be drawn.");
      return;
    }
    page_.hint(
        "The ensemble parted into groups of similar conformations; each picture is the "
        "conformation nearest to its group's mean. The number of groups was chosen beforehand, so "
        "that states may "
        "be one group or several: look at the densities before calling a group a state." +
        std::string(representatives_->trace.is_chain ? " Thin grey: the mean structure." : ""));
    show(structure_figures(*representatives_, run_.ensemble, in_angstrom_ ? " \u00c5" : ""));
    std::vector<std::string> head = {"group", "population"};
    if (run_.images != nullptr) {
      head.emplace_back("in images");
    }
    head.emplace_back(in_angstrom_ ? "from the mean, \u00c5 RMSD" : "from the mean, RMSD");
    std::vector<std::vector<std::string>> rows;
    for (std::size_t m = 0; m < representatives_->structures.size(); ++m) {
      const auto at = static_cast<Index>(m);
      const double share = representatives_->groups.populations(at);
      std::vector<std::string>& row = rows.emplace_back();
      row = {group_name(m), shown_percent(share)};
      if (run_.images != nullptr) {
        row.push_back("about " + shown_count(share * static_cast<double>(run_.images->size())));
      }
      row.push_back(shown_number(representatives_->rmsd_to_mean(at), 3));
    }
    page_.table("Populations are shares of the weight", head, rows);
  }

  void landscape() {
    if (run_.ensemble.dimension() < 2) {
      return;
    }
    page_.section("landscape", "Pairs of coordinates");
    page_.hint(
        "The stronger the colour, the denser. Lines enclose half and nine tenths of the "
        "distribution. Two islands "
        "mean "
        "two states; a bridge between them means that the molecule is seen on the way." +
        std::string(run_.ensemble.dimension() > 4 ? " The first four coordinates are shown." : ""));
    show(plane_figures(run_, units_), true);
  }

  void free_energies() {
    const Index dimension = run_.ensemble.dimension();
    if (dimension == 0) {
      return;
    }
    page_.section("free-energy", "Free energies");
    page_.hint(
        "\u2212kT times the logarithm of the density: valleys are states, the crest between two of "
        "them is what the molecule must climb, in units of the thermal energy kT (0.6 kcal/mol at "
        "room temperature). Blur of the densities lowers crests; read them as lower bounds. They "
        "hold for the molecules as they were frozen." +
        std::string(
            run_.ensemble.refits.empty()
                ? " Here nothing tells which of the small wells are chance: there are no bands."
                : ""));
    std::vector<FreeEnergy> energies;
    for (Index k = 0; k < dimension; ++k) {
      energies.push_back(free_energy(density_with_refits(run_.ensemble, {k}, 256), run_.ensemble));
    }
    show(free_energy_figures(energies, units_));
    std::vector<std::vector<std::string>> basins;
    std::vector<std::vector<std::string>> barriers;
    for (const FreeEnergy& energy : energies) {
      const std::string coordinate = std::to_string(energy.coordinates.front() + 1);
      for (const Basin& basin : energy.basins) {
        const std::optional<Band>& band = basin.population_band;
        basins.push_back(
            {coordinate,
             shown_number(basin.minimum(0), 2),
             shown_percent(basin.population) +
                 (band ? "\n" + shown_percent(band->lower) + " to " + shown_percent(band->upper)
                       : ""),
             shown_number(basin.free_energy, 2)});
      }
      for (const Barrier& barrier : energy.barriers) {
        barriers.push_back(
            {coordinate,
             shown_number(energy.basins[barrier.from].minimum(0), 2) + " to " +
                 shown_number(energy.basins[barrier.to].minimum(0), 2),
             shown_number(barrier.height, 2) +
                 (barrier.height_band ? "\n" + shown_band(*barrier.height_band) : ""),
             shown_number(barrier.height_back, 2)});
      }
    }
    const std::string band = run_.ensemble.refits.empty() ? "" : "\n90 % band";
    page_.table(
        "Basins", {"coordinate", "minimum at", "population" + band, "kT above lowest"}, basins);
    if (!barriers.empty()) {
      page_.table(
          "Barriers", {"coordinate", "between", "kT to climb" + band, "on the way back"}, barriers);
    }
  }

  void images() {
    page_.section("images", "Observed and simulated images");
    if (run_.images == nullptr) {
      missing("the images", "nothing can be said about them.");
      return;
    }
    if (run_.model == nullptr) {
      missing("the model of the motion", "images cannot be simulated.");
      return;
    }
    if (!images_) {
      page_.paragraph("Images could not be compared: " + image_problem_ + ".");
      return;
    }
    page_.paragraph(
        shown_count(static_cast<double>(images_->compared)) + " images of " +
        std::to_string(images_->grid.box) + " \u00d7 " + std::to_string(images_->grid.box) +
        " pixels were compared" +
        (in_angstrom_
             ? ", down to " + shown_number(images_->resolution_angstrom, 2) + " \u00c5 of detail"
             : "") +
        ". For each one the result gives an image " +
        (images_->poses == PoseLaw::Given ? "in the same pose and optics"
                                          : "in a view at random, with the same optics") +
        ", with noise of the same level (sigma " + shown_number(images_->noise_sigma) +
        ", contrast " + shown_number(images_->contrast) + ").");
    page_.hint(
        "If the distribution and the model of the images are right, nobody can tell the two sets "
        "apart: same mean, same spectrum, same principal components. What the observed ones have "
        "and the simulated ones lack is not explained by the result.");
    show(image_set_figures(*images_, in_angstrom_));
    const std::vector<Figure> examples = example_figures(*images_);
    if (!examples.empty()) {
      page_.subheading("Some images");
      show(examples);
    }
  }

  void distances() {
    page_.section("distances", "Distances to the truth");
    if (run_.evaluation.empty()) {
      page_.paragraph(
          "There is neither a truth (truth.star) nor a table of distances (evaluation.star) in the "
          "folder, as is usual for real data.");
      return;
    }
    page_.hint(
        "W\u2081 is how far the distribution would have to be carried, on average, to become the "
        "true one, "
        "in units of the coordinate; 0 is perfect. Smaller is better for every distance.");
    bool any_start = false;
    bool any_band = false;
    for (const EvaluationRow& row : run_.evaluation) {
      any_start = any_start || row.initial.has_value();
      any_band = any_band || row.band.has_value();
    }
    std::vector<std::string> head = {"what", "coordinate"};
    if (any_start) {
      head.emplace_back("start");
    }
    head.emplace_back(any_band ? "result\n90 % band" : "result");
    std::vector<std::vector<std::string>> rows;
    for (const EvaluationRow& row : run_.evaluation) {
      std::vector<std::string>& cells = rows.emplace_back();
      cells = {metric_name(row.metric),
               row.coordinate == 0 ? "all" : std::to_string(row.coordinate)};
      if (any_start) {
        cells.push_back(row.initial ? shown_number(*row.initial) : "\u2013");
      }
      cells.push_back(shown_number(row.final_value) +
                      (row.band ? "\n" + shown_band(*row.band) : ""));
    }
    page_.table(file_of("distances to the truth").used
                    ? "From " + file_of("distances to the truth").path
                    : "Computed for this report",
                head,
                rows);
  }

  void convergence() {
    page_.section("convergence", "Did the run arrive?");
    if (!run_.log) {
      missing("the flow's log",
              "convergence cannot be judged. cryosip-flow-step --log writes one.");
      return;
    }
    page_.hint(
        "The objective should have levelled off; it jumps from step to step because each step sees "
        "other images. The effective sample size should stay a good part of the number of "
        "conformations. While annealing, objectives of different steps do not compare.");
    show(convergence_figures(*run_.log, run_.ensemble.size()));
    const std::optional<ObjectiveDrift> drift = objective_drift(*run_.log);
    if (drift) {
      page_.paragraph("Over the last " + std::to_string(drift->steps) +
                      " steps the objective changed by " + shown_number(drift->change) +
                      " \u00b1 " + shown_number(drift->standard_error, 2) +
                      (drift->moving() ? ": it had not settled." : ": no more than chance."));
    }
  }

  void what_was_run() {
    page_.section("run", "What was run");
    std::vector<std::vector<std::string>> rows;
    for (const RunFile& file : run_.files) {
      rows.push_back({file.role,
                      file.path,
                      file.used              ? "used"
                      : file.problem.empty() ? "not there"
                                             : "not usable"});
    }
    page_.table("Files", {"what", "file", ""}, rows, 3);
    page_.subheading("Commands and versions");
    bool any = false;
    for (const RunFile& file : run_.files) {
      if (!file.made_by.empty()) {
        any = true;
        std::vector<std::string> lines = {"# " + file.role + " (" + file.path + ")"};
        lines.insert(lines.end(), file.made_by.begin(), file.made_by.end());
        page_.commands(lines);
      }
    }
    if (!any) {
      page_.paragraph("The files do not say how they were made.");
    }
    parameters();
    data();
  }

  void parameters() {
    const FlowProgress& flow = run_.ensemble.flow;
    std::vector<std::vector<std::string>> rows = {
        {"model", run_.ensemble.model.empty() ? "not said" : run_.ensemble.model},
        {"seed", std::to_string(run_.ensemble.seed)}};
    if (!run_.ensemble.objective.empty()) {
      rows.push_back({"objective and its parameters", run_.ensemble.objective});
    }
    if (flow.step > 0) {
      rows.push_back({"steps", std::to_string(flow.step)});
      rows.push_back(
          {"schedule",
           std::to_string(flow.schedule_begin) + " to " + std::to_string(flow.schedule_end)});
    }
    for (const Known& known : kCarried) {
      if (const auto value = flow.carried(known.label)) {
        rows.push_back({std::string(known.name), shown_number(*value, 4)});
      }
    }
    for (Index k = 0; k < units_.size(); ++k) {
      rows.push_back({"a unit of coordinate " + std::to_string(k + 1),
                      shown_number(units_(k)) + " \u00c5 RMSD"});
    }
    page_.table("Parameters of the result", {"parameter", "value"}, rows, 2);
  }

  void data() {
    if (run_.images == nullptr) {
      return;
    }
    const ParticleTable& table = run_.images->table();
    const ImageGrid& grid = run_.images->grid();
    std::vector<std::vector<std::string>> rows = {
        {"images", shown_count(static_cast<double>(table.records.size()))},
        {"box",
         std::to_string(grid.box) + " pixels of " + shown_number(grid.pixel_size_angstrom, 4) +
             (in_angstrom_ ? " \u00c5" : "")},
        {"poses", table.has_poses ? "given" : "none"},
        {"CTF", table.has_ctf ? "given" : "none"}};
    if (table.optics_groups.size() > 1) {
      rows.push_back({"optics groups", std::to_string(table.optics_groups.size())});
    }
    if (table.has_ctf) {
      const auto [least, most] = std::minmax_element(
          table.records.begin(), table.records.end(), [](const auto& a, const auto& b) {
            return a.ctf.defocus_u_angstrom < b.ctf.defocus_u_angstrom;
          });
      rows.push_back({"defocus",
                      shown_number(least->ctf.defocus_u_angstrom * 1e-4) + " to " +
                          shown_number(most->ctf.defocus_u_angstrom * 1e-4) + " \u00b5m"});
      rows.push_back({"voltage", shown_number(table.records.front().ctf.voltage_kv) + " kV"});
    }
    page_.table("The images", {"property", "value"}, rows, 2);
  }

  const ReportOptions& options_;
  RunData run_;
  const AtomicModel* atoms_;
  bool in_angstrom_;
  Page page_;
  Eigen::VectorXd units_;
  std::optional<RepresentativeStructures> representatives_;
  std::optional<ImagePanels> images_;
  std::string image_problem_;
  std::vector<Figure> figures_;
};

}  // namespace

Report make_report(const ReportOptions& options, const std::string& footer, Progress& progress) {
  if (options.states < 1) {
    throw Error(ErrorKind::Usage,
                std::to_string(options.states) + " representative structures, expected 1 or more");
  }
  return Writer(options, progress).write(footer);
}

}  // namespace cryosip

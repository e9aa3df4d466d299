// cryosip-evaluate: how near an ensemble is to the truth.
#include <algorithm>
#include <array>
#include <istream>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "formats/star.hpp"
#include "libcryosip/assess/bands.hpp"
#include "libcryosip/assess/class3d.hpp"
#include "libcryosip/assess/density.hpp"
#include "libcryosip/assess/evaluation.hpp"
#include "libcryosip/assess/free_energy.hpp"
#include "libcryosip/assess/image_comparison.hpp"
#include "libcryosip/assess/table_json.hpp"
#include "libcryosip/assess/truth.hpp"
#include "tools/cli/data_options.hpp"
#include "tools/cli/imaging_options.hpp"
#include "tools/cli/meaning_options.hpp"
#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip {
namespace {

formats::StarFile load_star(const std::string& path) {
  formats::StarFile file;
  cli::with_input(path, [&](std::istream& in, const std::string& source) {
    file = formats::read_star(in, source);
  });
  return file;
}

// Everything about images but --images, which they need.
std::vector<cli::po::options_description> image_option_groups() {
  namespace po = cli::po;
  const ImageComparisonOptions defaults;
  po::options_description comparison("Comparison of images");
  comparison.add_options()  //
      ("image-count",
       po::value<std::int64_t>()
           ->default_value(static_cast<std::int64_t>(defaults.image_count))
           ->value_name("N"),
       "most observed images that are compared, with as many drawn")  //
      ("principal-components",
       po::value<std::string>()->value_name("FILE"),
       "STAR file with every image along the principal components of the observed ones")  //
      ("components",
       po::value<std::int64_t>()->default_value(2)->value_name("P"),
       "how many principal components");
  return {comparison,
          cli::data_option_group(),
          cli::meaning_option_group(),
          cli::imaging_option_group()};
}

void refuse_image_options_without_images(const cli::Invocation& invocation) {
  if (invocation.has("images")) {
    return;
  }
  for (const auto& group : image_option_groups()) {
    for (const auto& option : group.options()) {
      const std::string& name = option->long_name();
      if (invocation.has(name) && !invocation.options[name].defaulted()) {
        throw Error(ErrorKind::Usage, "--" + name + " is about images: give --images too");
      }
    }
  }
}

cli::po::options_description class3d_option_group() {
  cli::po::options_description group("Comparison with a classification");
  group.add_options()  //
      ("class3d",
       cli::po::value<std::string>()->value_name("OPTIMISER.star"),
       "RELION's Class3D, run_itNNN_optimiser.star: adds its classes beside states")  //
      ("states",
       cli::po::value<std::string>()->value_name("S.star"),
       "the states, as cryosip-export writes them; by default those of --truth")  //
      ("assigned",
       cli::po::value<std::string>()->value_name("P.star"),
       "images with their conformations or states, for the confusion matrix")  //
      ("mask",
       cli::po::value<std::string>()->value_name("FILE.mrc"),
       "compare maps inside this mask");
  return group;
}

// The blocks about classes, of --class3d.
std::vector<formats::StarTable> class3d_tables(const std::optional<formats::StarFile>& truth,
                                               const Ensemble& ensemble,
                                               const cli::Invocation& invocation) {
  if (!invocation.has("states") && !truth) {
    throw Error(ErrorKind::Usage, "--class3d is held against states: give --states or --truth too");
  }
  const Class3d class3d = read_class3d(invocation.text("class3d"));
  const States states =
      read_states(invocation.has("states") ? load_star(invocation.text("states")) : *truth);
  std::optional<ImageStates> image_states;
  if (invocation.has("assigned")) {
    image_states = read_image_states(load_star(invocation.text("assigned")), states, ensemble);
  }
  return to_star(compare_with_class3d(class3d,
                                      states,
                                      ensemble,
                                      image_states ? &*image_states : nullptr,
                                      invocation.has("mask") ? invocation.text("mask") : "",
                                      invocation.progress),
                 class3d,
                 states);
}

ImageComparisonOptions comparison_options(const cli::Invocation& invocation) {
  ImageComparisonOptions options;
  cli::set_meaning(invocation, options);
  options.image_count = invocation.count("image-count");
  if (invocation.has("principal-components")) {
    options.components = static_cast<Eigen::Index>(invocation.count("components"));
    if (options.components == 0) {
      throw Error(ErrorKind::Usage, "--components: 0 found, expected 1 or more");
    }
  } else if (!invocation.options["components"].defaulted()) {
    throw Error(ErrorKind::Usage,
                "--components counts those of --principal-components: give that too");
  }
  options.permutations = static_cast<Eigen::Index>(invocation.count("permutations"));
  options.seed = invocation.seed;
  return options;
}

// An ensemble with its refits, those of --refits too.
Ensemble load_final(const cli::Invocation& invocation) {
  Ensemble ensemble = read_ensemble(load_star(invocation.text("E.star")));
  if (invocation.has("refits")) {
    for (const std::string& path : invocation.options["refits"].as<std::vector<std::string>>()) {
      const Ensemble refit = read_ensemble(load_star(path));
      if (refit.dimension() != ensemble.dimension()) {
        throw Error(ErrorKind::Usage,
                    path + ": " + std::to_string(refit.dimension()) +
                        " coordinates found, expected the ensemble's " +
                        std::to_string(ensemble.dimension()));
      }
      ensemble.refits.push_back({refit.coordinates, refit.weights});
    }
  }
  return ensemble;
}

// Of every coordinate, and of the first two together.
std::vector<FreeEnergy> free_energies(const std::vector<DensityWithRefits>& densities,
                                      const Ensemble& ensemble,
                                      const cli::Invocation& invocation) {
  FreeEnergyOptions options;
  options.kt = invocation.options["kt"].as<double>();
  std::vector<FreeEnergy> energies;
  energies.reserve(densities.size());
  for (const DensityWithRefits& density : densities) {
    energies.push_back(free_energy(density, ensemble, options));
  }
  return energies;
}

void write_tables(const std::string& path,
                  std::vector<formats::StarTable> tables,
                  const cli::Invocation& invocation) {
  formats::StarFile file;
  file.comments = invocation.provenance;
  file.tables = std::move(tables);
  cli::with_output(path, [&](std::ostream& out) { formats::write_star(out, file); });
}

cli::ExitStatus run(const cli::Invocation& invocation) {
  refuse_image_options_without_images(invocation);
  for (const char* option : {"states", "assigned", "mask"}) {
    if (invocation.has(option) && !invocation.has("class3d")) {
      throw Error(ErrorKind::Usage,
                  std::string("--") + option + " is about classes: give --class3d too");
    }
  }
  const std::string truth_path = invocation.has("truth") ? invocation.text("truth") : "";
  const std::string initial_path = invocation.has("initial") ? invocation.text("initial") : "";
  const std::string& final_path = invocation.text("E.star");
  const std::array<std::string_view, 3> paths = {truth_path, initial_path, final_path};
  if (std::count(paths.begin(), paths.end(), "-") > 1) {
    throw Error(ErrorKind::Usage, "only one ensemble can come from standard input");
  }
  if (truth_path.empty()) {
    for (const char* option : {"images", "densities", "rmsd"}) {
      if (invocation.has(option)) {
        throw Error(ErrorKind::Usage,
                    "--" + std::string(option) + " compares with the truth: give --truth too");
      }
    }
  }

  std::optional<formats::StarFile> truth_file;
  std::optional<Ensemble> truth;
  if (!truth_path.empty()) {
    truth_file = load_star(truth_path);
    truth = read_truth(*truth_file);
  }
  std::optional<Ensemble> initial;
  if (!initial_path.empty()) {
    initial = read_ensemble(load_star(initial_path));
  }
  const Ensemble ensemble = load_final(invocation);
  for (const char* file : {"output", "densities", "bands", "free-energy", "principal-components"}) {
    if (invocation.has(file)) {
      cli::check_writable(invocation.text(file));
    }
  }
  std::unique_ptr<ConformationModel> model;
  if (invocation.has("images") || invocation.has("rmsd")) {
    model = load_conformation_model(invocation.has("model") ? invocation.text("model")
                                                            : ensemble.model);
  } else if (invocation.has("model")) {
    throw Error(ErrorKind::Usage,
                "--model is what images or atoms are of: give --images or --rmsd");
  }

  const Ensemble* const start = initial ? &*initial : nullptr;
  EvaluationOptions options;
  options.permutations = static_cast<Eigen::Index>(invocation.count("permutations"));
  options.seed = invocation.seed;
  if (invocation.has("rmsd")) {
    options.atoms = dynamic_cast<const AtomicModel*>(model.get());
    if (options.atoms == nullptr) {
      throw Error(ErrorKind::Usage, "--rmsd: the model has no atoms");
    }
  }
  auto rows = evaluate_ensemble(truth ? &*truth : nullptr, start, ensemble, options);
  if (invocation.has("log")) {
    const auto of_log = evaluate_log(load_star(invocation.text("log")));
    rows.insert(rows.end(), of_log.begin(), of_log.end());
  }
  const std::vector<formats::StarTable> of_classes =
      invocation.has("class3d") ? class3d_tables(truth_file, ensemble, invocation)
                                : std::vector<formats::StarTable>();
  std::optional<ImageProjections> projections;
  if (invocation.has("images")) {
    const ImageComparisonOptions comparing = comparison_options(invocation);
    const ImageSet images =
        ImageSet::open(invocation.text("images"), cli::image_set_options(invocation));
    for (const std::string& warning : images.table().warnings) {
      invocation.progress.warn(warning);
    }
    ImageComparison comparison =
        compare_images(*model, images, *truth, start, ensemble, comparing, invocation.progress);
    rows.insert(rows.end(), comparison.rows.begin(), comparison.rows.end());
    projections = std::move(comparison.projections);
  }

  std::vector<formats::StarTable> tables = {to_star(rows)};
  tables.insert(tables.end(), of_classes.begin(), of_classes.end());
  if (invocation.has("densities")) {
    write_tables(invocation.text("densities"),
                 to_star(ensemble_densities(*truth, start, ensemble)),
                 invocation);
  }
  if (invocation.has("bands") || invocation.has("free-energy")) {
    const std::vector<DensityWithRefits> densities = all_densities_with_refits(ensemble);
    if (invocation.has("bands")) {
      write_tables(invocation.text("bands"), to_star(densities), invocation);
    }
    if (invocation.has("free-energy")) {
      write_tables(invocation.text("free-energy"),
                   to_star(free_energies(densities, ensemble, invocation)),
                   invocation);
    }
  }
  if (projections) {
    write_tables(invocation.text("principal-components"), to_star(*projections), invocation);
  }
  if (invocation.has("json")) {
    cli::with_output(invocation.text("output"), [&](std::ostream& out) { out << to_json(tables); });
  } else {
    write_tables(invocation.text("output"), std::move(tables), invocation);
  }
  return cli::ExitStatus::Success;
}

cli::Tool tool() {
  namespace po = cli::po;
  cli::Tool tool;
  tool.name = "cryosip-evaluate";
  tool.summary = "distances of an ensemble to the truth";
  tool.description =
      "Prints a table of distances between the ensemble E.star and the truth: for each coordinate, "
      "of its marginal, Wasserstein distances of order 1 (w1) and 2 (w2), energy distance, and of "
      "density estimates total variation and Kullback-Leibler divergences; then, as coordinate 0, "
      "of "
      "all coordinates together Wasserstein distances, energy distance and squared maximum mean "
      "discrepancy (mmd2), and the effective sample size of the weights. docs/evaluation.md "
      "defines "
      "each and says when to use which.\n"
      "\n"
      "The truth is an ensemble, as cryosip-simulate writes it, or a mixture of Gaussians (block "
      "sip_mixture), which is laid out as about 2000 points, always the same: distances to it are "
      "good to about a thousandth of its widths. Without --truth only what needs none is printed.\n"
      "\n"
      "The column _sipInitial holds the same of --initial, or None without it. Where the ensemble "
      "has refits (cryosip-flow-step --bands), _sipFinalLower and _sipFinalUpper hold 90 % bands.\n"
      "\n"
      "With --images, rows about images follow: an image of the ensemble is drawn for each "
      "observed one, with its optics, its pose where poses are given, and noise as large; the "
      "energy "
      "distance and the squared maximum mean discrepancy of the two sets are estimated without "
      "bias, so that values of a perfect ensemble scatter about 0, as they are and (weighted_) "
      "with "
      "each coefficient weighted by its signal and noise. Rows ending in _error are standard "
      "errors; "
      "_truth is the truth in the ensemble's place, _floor two independent sets of its images.\n"
      "\n"
      "With --class3d, the blocks sip_class3d_general and sip_class3d follow: RELION's classes "
      "beside states, which are a few conformations or components of a mixture. Classes and states "
      "are matched one to one: by maps where the states have a column _sipMap, else by the images "
      "of --assigned. The ensemble's population of a state is the weight of the conformations "
      "nearest to it.";
  tool.positionals = {{"E.star", "the ensemble; - is standard input", "-"}};
  tool.options.add_options()  //
      ("truth",
       po::value<std::string>()->value_name("T.star"),
       "the truth: an ensemble or a mixture; - is standard input")  //
      ("initial",
       po::value<std::string>()->value_name("E0.star"),
       "the ensemble that the flow began with")  //
      ("output,o",
       po::value<std::string>()->default_value("-")->value_name("FILE"),
       "where to write the table; - is standard output")   //
      ("json", "write the table as JSON instead of STAR")  //
      ("log",
       po::value<std::string>()->value_name("L.star"),
       "the flow's log: adds its steps, objective and effective sample size, first and last")  //
      ("densities",
       po::value<std::string>()->value_name("FILE"),
       "STAR file with density estimates of the coordinates, truth and start beside them")  //
      ("bands",
       po::value<std::string>()->value_name("FILE"),
       "STAR file with the ensemble's own densities at the resolution that its refits tell, and "
       "their 90 % bands")  //
      ("free-energy",
       po::value<std::string>()->value_name("FILE"),
       "STAR file with free energies -kT ln(density), basins, populations and barriers, with "
       "bands")  //
      ("kt",
       po::value<double>()->default_value(FreeEnergyOptions().kt)->value_name("E"),
       "of --free-energy: kT in the unit wanted, 0.593 for kcal/mol and 2.48 for kJ/mol at 298 "
       "K")  //
      ("refits",
       po::value<std::vector<std::string>>()->multitoken()->value_name("R.star"),
       "refits made elsewhere (cryosip-flow-step --bootstrap), beside those that E.star holds")  //
      ("permutations",
       po::value<std::int64_t>()->default_value(0)->value_name("B"),
       "two-sample tests by so many permutations: p-values, of conformations for independent draws "
       "alone; 0: none")  //
      ("rmsd",
       "transport between atoms too: rmsd_w1 and rmsd_w2, in angstrom after superposition")  //
      ("model",
       po::value<std::string>()->value_name("FILE"),
       (std::string("of --images and --rmsd: ") + cli::kOwnModelHelp).c_str())  //
      ("images",
       po::value<std::string>()->value_name("P.star"),
       "compare images too: particle file, RELION's STAR or cryoSPARC's .cs");
  tool.groups.push_back(class3d_option_group());
  for (const auto& group : image_option_groups()) {
    tool.groups.push_back(group);
  }
  tool.uses_randomness = true;
  tool.examples = {
      {"What a flow has gained",
       "cryosip-evaluate --truth sim_truth.star --initial start.star final.star"},
      {"Free energies with bands, without a truth",
       "cryosip-evaluate --bands densities.star --free-energy energies.star final.star"},
      {"In the space of images too, with principal components to plot",
       "cryosip-evaluate --truth sim_truth.star --initial start.star final.star "
       "--images sim.star --principal-components components.star"},
      {"Beside RELION's classes of the same images",
       "cryosip-evaluate --class3d Class3D/job005/run_it025_optimiser.star --states states.star "
       "--assigned particles_assigned.star final.star"}};
  tool.see_also = {"cryosip-flow-step(1)", "cryosip-simulate(1)"};
  tool.run = run;
  return tool;
}

}  // namespace
}  // namespace cryosip

int main(int argc, char** argv) {
  return cryosip::cli::run_tool(cryosip::tool(), argc, argv);
}

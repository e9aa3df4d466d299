// cryosip-map: the K structures that explain the images best, the baseline of the flow.
#include <istream>
#include <ostream>

#include "formats/star.hpp"
#include "libcryosip/map/image_map.hpp"
#include "tools/cli/data_options.hpp"
#include "tools/cli/imaging_options.hpp"
#include "tools/cli/meaning_options.hpp"
#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip {
namespace {

MapOptions map_options(const cli::Invocation& invocation, const Ensemble& start) {
  const auto number = [&](const char* name) { return invocation.options[name].as<double>(); };
  MapOptions options;
  options.structures = static_cast<Eigen::Index>(invocation.count("structures"));
  options.fractions = cli::word_option<FractionLaw>(
      invocation,
      "fractions",
      {{"equal", FractionLaw::Equal}, {"estimated", FractionLaw::Estimated}});
  cli::set_meaning(invocation, options);
  options.nuisances = invocation.count("nuisances");
  options.prior_sigma = cli::optional_number(invocation, "prior-sigma");
  options.first_images = invocation.count("first-images");
  options.minimiser.iterations = static_cast<std::int64_t>(invocation.count("steps"));
  options.minimiser.tolerance = number("tolerance");
  options.restarts = invocation.count("restarts");
  // Another seed than the ensemble's own only where one is asked for.
  options.seed = invocation.options["seed"].defaulted() ? start.seed : invocation.seed;
  return options;
}

void write(const std::string& path, const formats::StarFile& file) {
  cli::with_output(path, [&](std::ostream& out) { formats::write_star(out, file); });
}

// A table on its own, where the option that names its file was given.
void write_extra(const char* option,
                 const formats::StarTable& table,
                 const cli::Invocation& invocation) {
  formats::StarFile file;
  file.comments = invocation.provenance;
  file.tables = {table};
  write(invocation.text(option), file);
}

cli::ExitStatus run(const cli::Invocation& invocation) {
  Ensemble start;
  cli::with_input(invocation.text("ENSEMBLE"), [&](std::istream& in, const std::string& source) {
    start = read_ensemble(formats::read_star(in, source));
  });
  if (invocation.has("model")) {
    start.model = invocation.text("model");
  }
  const MapOptions options = map_options(invocation, start);
  const auto model = load_conformation_model(start.model);
  const ImageSet images =
      ImageSet::open(invocation.text("images"), cli::image_set_options(invocation));
  for (const std::string& warning : images.table().warnings) {
    invocation.progress.warn(warning);
  }
  const std::string& output = invocation.text("output");
  cli::check_writable(output);
  for (const char* extra : {"log", "assignments"}) {
    if (invocation.has(extra)) {
      cli::check_writable(invocation.text(extra));
    }
  }

  const MapResult result = map_on_images(start, *model, images, options, invocation.progress);

  if (invocation.has("log")) {
    write_extra("log", to_star(result.log), invocation);
  }
  const formats::StarFile file = to_star(result, invocation.provenance);
  if (result.termination == MapTermination::Cancelled) {
    const std::string checkpoint =
        output == "-" ? "cryosip-map.checkpoint" : output + ".checkpoint";
    write(checkpoint, file);
    invocation.progress.warn("stopped after " + std::to_string(result.iterations) +
                             " iterations; go on with cryosip-map " + checkpoint +
                             " and one restart");
    return cli::ExitStatus::Interrupted;
  }
  write(output, file);
  if (invocation.has("assignments")) {
    write_extra("assignments", assignments(result, images), invocation);
  }
  return cli::ExitStatus::Success;
}

cli::Tool tool() {
  namespace po = cli::po;
  const MapOptions defaults;
  cli::Tool tool;
  tool.name = "cryosip-map";
  tool.summary = "find the K structures that explain the images best";
  tool.description =
      "Maximum a posteriori with K structures: first make the distribution discrete, then "
      "optimise, "
      "as a K-class refinement does. It minimises what the likelihood flow descends, in the same "
      "coordinates, so that the two answers can be put side by side.\n"
      "\n"
      "The structures begin as K conformations of ENSEMBLE, drawn by their weights. Coordinates, "
      "class fractions and contrast are minimised over together. There are local minima: "
      "--restarts runs from other conformations and keeps the lowest.\n"
      "\n"
      "With given poses each image is compared in its own pose, shift and CTF. With uniform poses "
      "the likelihood is averaged over rotations drawn at random, the molecule centred; these must "
      "lie closer than the images can tell views apart, which for anything but small molecules at "
      "low resolution and high noise takes very many. The tool warns where they do not.\n"
      "\n"
      "The ensemble written holds the structures, weights the class fractions, and a block sip_map "
      "with objective, iterations and how the run ended. When interrupted the lowest that was "
      "reached is written to OUTPUT.checkpoint (cryosip-map.checkpoint beside standard output); "
      "give it as ENSEMBLE to go on.";
  tool.positionals = {
      {"ENSEMBLE", "STAR file with conformations to start from; - is standard input", "-"}};
  tool.options.add_options()  //
      ("images",
       po::value<std::string>()->required()->value_name("FILE"),
       "particle file: RELION's STAR or cryoSPARC's .cs")  //
      ("structures",
       po::value<std::int64_t>()->default_value(defaults.structures)->value_name("K"),
       "how many")  //
      ("output,o",
       po::value<std::string>()->default_value("-")->value_name("FILE"),
       "ensemble to write; - is standard output")  //
      ("assignments",
       po::value<std::string>()->value_name("FILE"),
       "STAR file with each image's most probable structure")  //
      ("log",
       po::value<std::string>()->value_name("FILE"),
       "STAR file with a row for each iteration")  //
      ("model", po::value<std::string>()->value_name("FILE"), cli::kOwnModelHelp);
  po::options_description objective("Objective");
  objective.add_options()  //
      ("nuisances",
       po::value<std::int64_t>()
           ->default_value(static_cast<std::int64_t>(defaults.nuisances))
           ->value_name("M"),
       "rotations that stand for all of them with uniform poses")  //
      ("fractions",
       po::value<std::string>()->default_value("estimated")->value_name("WORD"),
       "equal (1/K each) or estimated, as in Class3D")  //
      ("prior-sigma",
       po::value<double>()->value_name("S"),
       "Gaussian prior of each coordinate, centred at 0; by default there is none");
  po::options_description pace("Pace");
  pace.add_options()  //
      ("steps",
       po::value<std::int64_t>()->default_value(defaults.minimiser.iterations)->value_name("T"),
       "iterations at most, of each stage of each restart")  //
      ("tolerance",
       po::value<double>()->default_value(defaults.minimiser.tolerance)->value_name("D"),
       "converged where two iterations each lower the objective by less, in nats an image")  //
      ("restarts",
       po::value<std::int64_t>()
           ->default_value(static_cast<std::int64_t>(defaults.restarts))
           ->value_name("R"),
       "runs from different conformations, of which the lowest is kept")  //
      ("first-images",
       po::value<std::int64_t>()
           ->default_value(static_cast<std::int64_t>(defaults.first_images))
           ->value_name("B"),
       "a larger data set is first minimised on this many of its images; 0: whole at once");
  for (const po::options_description& group : {cli::data_option_group(),
                                               cli::meaning_option_group(),
                                               objective,
                                               pace,
                                               cli::imaging_option_group()}) {
    tool.groups.push_back(group);
  }
  tool.uses_randomness = true;
  tool.examples = {
      {"Four structures, the best of five runs, and which image belongs to which",
       "cryosip-map start.star --images run_data.star --structures 4 --restarts 5 -o map.star "
       "--assignments assigned.star"},
      {"Beside the flow's answer",
       "cryosip-map start.star --images particles.star --structures 4 | cryosip-evaluate --truth "
       "truth.star --initial ensemble.star"}};
  tool.see_also = {"cryosip-init-particles(1)", "cryosip-flow-step(1)", "cryosip-evaluate(1)"};
  tool.run = run;
  return tool;
}

}  // namespace
}  // namespace cryosip

int main(int argc, char** argv) {
  return cryosip::cli::run_tool(cryosip::tool(), argc, argv);
}

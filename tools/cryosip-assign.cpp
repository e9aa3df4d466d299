// cryosip-assign: each image's own conformation, as columns on the particles' STAR file.
#include <algorithm>
#include <istream>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "formats/star.hpp"
#include "libcryosip/assess/assignment.hpp"
#include "tools/cli/data_options.hpp"
#include "tools/cli/imaging_options.hpp"
#include "tools/cli/meaning_options.hpp"
#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip {
namespace {

// "COLUMN=LABEL,..."
std::vector<std::pair<std::string, std::string>> copies(const cli::Invocation& invocation) {
  std::vector<std::pair<std::string, std::string>> result;
  const std::string& text = invocation.text("copy");
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    const std::string one = text.substr(begin, end - begin);
    const std::size_t equals = one.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == one.size()) {
      throw Error(ErrorKind::Usage,
                  "--copy: '" + one +
                      "' found, expected COLUMN=LABEL, e.g. sipMean1=rlnParticleFigureOfMerit");
    }
    const auto without_underscore = [](const std::string& label) {
      return label.front() == '_' ? label.substr(1) : label;
    };
    result.emplace_back(without_underscore(one.substr(0, equals)),
                        without_underscore(one.substr(equals + 1)));
    begin = end + 1;
  }
  return result;
}

AssignmentOptions assignment_options(const cli::Invocation& invocation, const Ensemble& ensemble) {
  AssignmentOptions options;
  cli::set_meaning(invocation, options);
  options.views = invocation.count("views");
  options.angles = invocation.options["angles"].as<int>();
  options.shift_sigma_angstrom = invocation.options["shift-sigma"].as<double>();
  // Another seed than the ensemble's own only where one is asked for.
  options.seed = invocation.options["seed"].defaulted() ? ensemble.seed : invocation.seed;
  return options;
}

cli::ExitStatus run(const cli::Invocation& invocation) {
  Ensemble ensemble;
  cli::with_input(invocation.text("ENSEMBLE"), [&](std::istream& in, const std::string& source) {
    ensemble = read_ensemble(formats::read_star(in, source));
  });
  const AssignmentOptions options = assignment_options(invocation, ensemble);
  const auto wanted_copies = copies(invocation);
  const auto model =
      load_conformation_model(invocation.has("model") ? invocation.text("model") : ensemble.model);
  const ImageSetOptions of_images = cli::image_set_options(invocation);
  formats::StarFile particles = formats::read_star(invocation.text("images"));
  const ImageSet images(read_particles(particles, of_images.pixel_size_angstrom), of_images);
  for (const std::string& warning : images.table().warnings) {
    invocation.progress.warn(warning);
  }
  const std::string& output = invocation.text("output");
  cli::check_writable(output);

  const Assignments assignments =
      assign_images(ensemble, *model, images, options, invocation.progress);

  add_assignments(particles, assignments, images, wanted_copies);
  particles.comments = invocation.provenance;
  cli::with_output(output, [&](std::ostream& out) { formats::write_star(out, particles); });
  return cli::ExitStatus::Success;
}

cli::Tool tool() {
  namespace po = cli::po;
  const AssignmentOptions defaults;
  cli::Tool tool;
  tool.name = "cryosip-assign";
  tool.summary = "find each image's own conformation";
  tool.description =
      "Computes each image's posterior over the conformations of ENSEMBLE, weight times "
      "likelihood, "
      "and writes the particles' STAR file again with columns added: the posterior's mean and "
      "standard deviation of each coordinate (_sipMean, _sipSigma), correlations between them "
      "(_sipCorrelation1_2 ..), the number of conformations it spreads over "
      "(_sipEffectiveConformations), the most probable conformation, counted from 1, and its "
      "probability (_sipConformation, _sipConformationProbability), and how much better the "
      "ensemble explains the image than noise alone does (_sipLogEvidence, a natural logarithm). "
      "Everything else in the file stays as it is, row by row and digit by digit.\n"
      "\n"
      "With given poses every conformation is drawn in the image's own pose, shift and CTF. With "
      "in-plane poses the same, but for the in-plane angle, which is integrated out. With "
      "uniform poses the likelihood is averaged over views spread evenly over the sphere and all "
      "in-plane angles; a warning says where an image can tell views apart that lie closer than "
      "those.\n"
      "\n"
      "Noise and contrast are those the flow recorded in the ensemble; where it did not, they are "
      "measured. RELION keeps columns it does not know but selects only by labels of its own: "
      "--copy gives a column such a label.";
  tool.positionals = {{"ENSEMBLE", "STAR file with the ensemble; - is standard input", "-"}};
  tool.options.add_options()  //
      ("images",
       po::value<std::string>()->required()->value_name("FILE"),
       "RELION particle STAR file")  //
      ("output,o",
       po::value<std::string>()->default_value("-")->value_name("FILE"),
       "where to write it with the columns added; - is standard output")  //
      ("copy",
       po::value<std::string>()->default_value("")->value_name("COLUMN=LABEL,.."),
       "write columns a second time under other labels, e.g. sipMean1=rlnParticleFigureOfMerit")  //
      ("model",
       po::value<std::string>()->value_name("FILE"),
       "by default the ensemble's own; else normal modes (NMD) or a built-in model");
  po::options_description poses("Unknown poses");
  poses.add_options()  //
      ("views",
       po::value<std::int64_t>()
           ->default_value(static_cast<std::int64_t>(defaults.views))
           ->value_name("V"),
       "views of each conformation; 0: as many as the images can tell apart, at most 10000")  //
      ("angles",
       po::value<int>()->default_value(defaults.angles)->value_name("N"),
       "in-plane angles of the integral, a multiple of 8; 0: 72 with uniform poses, with in-plane "
       "ones as many as images tell apart")  //
      ("shift-sigma",
       po::value<double>()->default_value(defaults.shift_sigma_angstrom)->value_name("A"),
       "standard deviation of unknown shifts along x and y, in angstrom");
  for (const po::options_description& group : {cli::data_option_group(),
                                               cli::meaning_option_group(),
                                               poses,
                                               cli::imaging_option_group()}) {
    tool.groups.push_back(group);
  }
  tool.uses_randomness = true;
  tool.examples = {{"Columns on a refinement's particles",
                    "cryosip-assign ensemble.star --images run_data.star -o assigned.star"},
                   {"Images on one side of the first coordinate, for RELION to reconstruct",
                    "cryosip-assign ensemble.star --images run_data.star --copy "
                    "sipMean1=rlnParticleFigureOfMerit -o assigned.star && relion_star_handler --i "
                    "assigned.star --o open.star --select rlnParticleFigureOfMerit --minval 0.5"}};
  tool.see_also = {"cryosip-flow-step(1)", "cryosip-export(1)"};
  tool.run = run;
  return tool;
}

}  // namespace
}  // namespace cryosip

int main(int argc, char** argv) {
  return cryosip::cli::run_tool(cryosip::tool(), argc, argv);
}

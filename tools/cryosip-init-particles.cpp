// cryosip-init-particles: the ensemble that a flow begins with.
#include <istream>
#include <ostream>

#include "formats/star.hpp"
#include "libcryosip/forward/conformation_model.hpp"
#include "libcryosip/structure/initial_ensemble.hpp"
#include "tools/cli/imaging_options.hpp"
#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip {
namespace {

Ensemble from_mixture(const std::string& path,
                      Eigen::Index dimension,
                      const InitialEnsembleOptions& options) {
  Mixture mixture;
  std::string where;
  cli::with_input(path, [&](std::istream& in, const std::string& source) {
    mixture = read_mixture(formats::read_star(in, source));
    where = source;
  });
  if (mixture.dimension() != dimension) {
    throw Error(ErrorKind::Input,
                where + ": a mixture of " + std::to_string(mixture.dimension()) +
                    " coordinates, expected the model's " + std::to_string(dimension));
  }
  return initial_ensemble(mixture, options);
}

cli::ExitStatus run(const cli::Invocation& invocation) {
  InitialEnsembleOptions options;
  options.count = invocation.options["count"].as<Eigen::Index>();
  options.scale = invocation.options["scale"].as<double>();
  options.seed = invocation.seed;
  const std::string& distribution = invocation.text("distribution");
  const bool named = distribution == "uniform" || distribution == "gaussian";
  options.law = distribution == "gaussian" ? InitialLaw::Gaussian : InitialLaw::Uniform;
  if (!named && !invocation.options["scale"].defaulted()) {
    throw Error(ErrorKind::Usage, "--scale has no meaning for a mixture");
  }

  const std::string& path = invocation.text("model");
  const Eigen::Index dimension = load_conformation_model(path)->dimension();
  if (dimension == 0) {
    throw Error(ErrorKind::Usage,
                path +
                    ": a rigid structure, expected a model that moves; cryosip-normal-modes "
                    "makes one of it");
  }
  Ensemble ensemble =
      named ? initial_ensemble(dimension, options) : from_mixture(distribution, dimension, options);
  ensemble.model = path;

  cli::with_output(invocation.text("output"), [&](std::ostream& out) {
    formats::write_star(out, to_star(ensemble, invocation.provenance));
  });
  return cli::ExitStatus::Success;
}

cli::Tool tool() {
  namespace po = cli::po;
  const InitialEnsembleOptions defaults;
  cli::Tool tool;
  tool.name = "cryosip-init-particles";
  tool.summary = "draw the ensemble that a flow begins with";
  tool.description =
      "Draws conformations of a model and writes them as an ensemble (a STAR file), all with the\n"
      "same weight.  Conformation i depends on --seed and i alone: a larger ensemble begins with "
      "the\n"
      "smaller one.";
  tool.options.add_options()  //
      ("model",
       po::value<std::string>()->required()->value_name("FILE"),
       cli::kModelHelp)  //
      ("output,o",
       po::value<std::string>()->default_value("-")->value_name("FILE"),
       "ensemble to write; - is standard output")  //
      ("count",
       po::value<Eigen::Index>()->default_value(defaults.count)->value_name("N"),
       "how many conformations")  //
      ("distribution",
       po::value<std::string>()->default_value("uniform")->value_name("LAW"),
       "uniform, gaussian, or a STAR file with a mixture (block sip_mixture)")  //
      ("scale",
       po::value<double>()->default_value(defaults.scale)->value_name("S"),
       "half width of uniform or standard deviation of gaussian, in units of the coordinates");
  tool.uses_randomness = true;
  tool.examples = {
      {"800 conformations, each coordinate between -2 and 2",
       "cryosip-init-particles --model modes.nmd --count 800 -o start.star"},
      {"The same in a pipe",
       "cryosip-init-particles --model modes.nmd | cryosip-flow-step --images particles.star"}};
  tool.see_also = {"cryosip-normal-modes(1)", "cryosip-flow-step(1)"};
  tool.run = run;
  return tool;
}

}  // namespace
}  // namespace cryosip

int main(int argc, char** argv) {
  return cryosip::cli::run_tool(cryosip::tool(), argc, argv);
}

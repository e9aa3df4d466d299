// cryosip-evaluate: how near an ensemble is to the truth.
#include <algorithm>
#include <array>
#include <istream>
#include <optional>
#include <ostream>
#include <string_view>

#include "formats/star.hpp"
#include "libcryosip/assess/evaluation.hpp"
#include "libcryosip/assess/truth.hpp"
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

cli::ExitStatus run(const cli::Invocation& invocation) {
  const std::string& truth_path = invocation.text("truth");
  const std::string initial_path = invocation.has("initial") ? invocation.text("initial") : "";
  const std::string& final_path = invocation.text("E.star");
  const std::array<std::string_view, 3> paths = {truth_path, initial_path, final_path};
  if (std::count(paths.begin(), paths.end(), "-") > 1) {
    throw Error(ErrorKind::Usage, "only one ensemble can come from standard input");
  }

  const Ensemble truth = read_truth(load_star(truth_path));
  std::optional<Ensemble> initial;
  if (!initial_path.empty()) {
    initial = read_ensemble(load_star(initial_path));
  }
  const Ensemble ensemble = read_ensemble(load_star(final_path));

  const auto rows = evaluate_ensemble(truth, initial ? &*initial : nullptr, ensemble);

  cli::with_output(invocation.text("output"), [&](std::ostream& out) {
    if (invocation.has("json")) {
      out << to_json(rows);
      return;
    }
    formats::StarFile file;
    file.comments = invocation.provenance;
    file.tables = {to_star(rows)};
    formats::write_star(out, file);
  });
  return cli::ExitStatus::Success;
}

cli::Tool tool() {
  namespace po = cli::po;
  cli::Tool tool;
  tool.name = "cryosip-evaluate";
  tool.summary = "distances of an ensemble to the truth";
  tool.description =
      "Prints a table of distances between the ensemble E.star and the truth, in units of the "
      "coordinates: for each coordinate the Wasserstein distances of order 1 (w1) and 2 (w2) and "
      "the energy distance, each of the marginal; then, as coordinate 0, the energy distance of "
      "all coordinates together and the effective sample size of the weights.\n"
      "\n"
      "The truth is an ensemble, as cryosip-simulate writes it, or a mixture of Gaussians (block "
      "sip_mixture), which is laid out as about 2000 points, always the same: distances to it are "
      "good to about a thousandth of its widths.\n"
      "\n"
      "The column _sipInitial holds the same of --initial, or None without it.";
  tool.positionals = {{"E.star", "the ensemble; - is standard input", "-"}};
  tool.options.add_options()  //
      ("truth",
       po::value<std::string>()->required()->value_name("T.star"),
       "the truth: an ensemble or a mixture; - is standard input")  //
      ("initial",
       po::value<std::string>()->value_name("E0.star"),
       "the ensemble that the flow began with")  //
      ("output,o",
       po::value<std::string>()->default_value("-")->value_name("FILE"),
       "where to write the table; - is standard output")  //
      ("json", "write JSON instead of STAR");
  tool.examples = {{"What a flow has gained",
                    "cryosip-evaluate --truth sim_truth.star --initial start.star final.star"}};
  tool.see_also = {"cryosip-flow-step(1)", "cryosip-simulate(1)"};
  tool.run = run;
  return tool;
}

}  // namespace
}  // namespace cryosip

int main(int argc, char** argv) {
  return cryosip::cli::run_tool(cryosip::tool(), argc, argv);
}

// cryosip-compare-volumes: how near maps and their populations are to the true ones.
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "formats/star.hpp"
#include "libcryosip/assess/table_json.hpp"
#include "libcryosip/assess/volume_comparison.hpp"
#include "tools/cli/imaging_options.hpp"
#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip {
namespace {

VolumeComparisonOptions comparison_options(const cli::Invocation& invocation) {
  VolumeComparisonOptions options;
  options.pairing = cli::word_option<MapPairing>(
      invocation,
      "pairs",
      {{"one-to-one", MapPairing::OneToOne}, {"in-order", MapPairing::InOrder}});
  options.populations.replicates = static_cast<Eigen::Index>(invocation.count("replicates"));
  options.populations.fraction = invocation.options["fraction"].as<double>();
  options.populations.pool = static_cast<Eigen::Index>(invocation.count("pool"));
  return options;
}

VolumeSet load(const std::string& path, const cli::Invocation& invocation) {
  VolumeSet set = load_volumes(read_volume_list(path));
  if (invocation.has("angpix")) {
    set.pixel_size_angstrom = invocation.options["angpix"].as<double>();
  }
  if (!(set.pixel_size_angstrom > 0)) {
    throw Error(ErrorKind::Input, path + ": the maps do not say their pixel size: give --angpix");
  }
  return set;
}

void write_table(const std::string& path,
                 formats::StarTable table,
                 const cli::Invocation& invocation) {
  formats::StarFile file;
  file.comments = invocation.provenance;
  file.tables = {std::move(table)};
  cli::with_output(path, [&](std::ostream& out) { formats::write_star(out, file); });
}

cli::ExitStatus run(const cli::Invocation& invocation) {
  const VolumeComparisonOptions options = comparison_options(invocation);
  for (const char* file : {"output", "distances", "curves"}) {
    if (invocation.has(file)) {
      cli::check_writable(invocation.text(file));
    }
  }
  const VolumeSet truth = load(invocation.text("truth"), invocation);
  const VolumeSet maps = load(invocation.text("MAPS"), invocation);
  const Eigen::VectorXf mask =
      invocation.has("mask") ? load_mask(invocation.text("mask"), truth) : Eigen::VectorXf();
  const VolumeComparison comparison =
      compare_volumes(truth, maps, mask, options, invocation.progress);
  if (comparison.populations.empty()) {
    invocation.progress.warn("too few true maps for emd and kl: a replicate must hold " +
                             std::to_string(options.populations.pool) + " (--pool)");
  }

  if (invocation.has("distances")) {
    write_table(invocation.text("distances"), distances_to_star(comparison), invocation);
  }
  if (invocation.has("curves")) {
    write_table(invocation.text("curves"),
                curves_to_star(comparison, truth.pixel_size_angstrom),
                invocation);
  }
  formats::StarTable table = to_star(summary_rows(comparison, truth.pixel_size_angstrom));
  if (invocation.has("json")) {
    const std::string json = to_json({table});
    cli::with_output(invocation.text("output"), [&](std::ostream& out) { out << json; });
  } else {
    write_table(invocation.text("output"), std::move(table), invocation);
  }
  return cli::ExitStatus::Success;
}

cli::Tool tool() {
  namespace po = cli::po;
  const PopulationOptions defaults;
  cli::Tool tool;
  tool.name = "cryosip-compare-volumes";
  tool.summary = "maps and their populations against the true ones";
  tool.description =
      "Prints a table of how near a set of maps is to the true set, in the numbers of CryoBench "
      "and of the Flatiron Institute's heterogeneity challenge: areas under Fourier shell "
      "correlation curves and resolutions (angstrom) over pairs of maps; the cost of moving the "
      "true populations to the maps' and Kullback-Leibler divergences, over replicates, for each "
      "map-to-map distance; the variance that each set captures of the other.\n"
      "\n"
      "MAPS and the truth are each a folder of .mrc files (ordered by name, numbers by value; "
      "equal populations), a STAR file with columns _sipMap and _sipPopulation or _sipWeight (as "
      "cryosip-export writes it), the model.star or "
      "optimiser.star of a RELION Class3D, or one map. All maps must be cubes on one grid, aligned "
      "and of one hand: nothing is moved.\n"
      "\n"
      "The order of the true maps matters to populations: runs of --pool maps count as one state, "
      "so neighbours should be alike.";
  tool.positionals = {{"MAPS", "the maps: a folder, a STAR file or one map"}};
  tool.options.add_options()  //
      ("truth",
       po::value<std::string>()->required()->value_name("MAPS"),
       "the true maps, in the same forms")  //
      ("output,o",
       po::value<std::string>()->default_value("-")->value_name("FILE"),
       "where to write the table; - is standard output")   //
      ("json", "write the table as JSON instead of STAR")  //
      ("distances",
       po::value<std::string>()->value_name("FILE"),
       "STAR file with the distances between every true map and every map")  //
      ("curves",
       po::value<std::string>()->value_name("FILE"),
       "STAR file with the Fourier shell correlations of each pair");
  po::options_description maps("Maps");
  maps.add_options()  //
      ("pairs",
       po::value<std::string>()->default_value("one-to-one")->value_name("WORD"),
       "which map belongs to which true one: one-to-one (largest sum of correlations) or "
       "in-order")  //
      ("mask",
       po::value<std::string>()->value_name("FILE.mrc"),
       "compare inside this mask")  //
      ("angpix",
       po::value<double>()->value_name("A"),
       "voxel size, in angstrom; by default the maps' own");
  po::options_description populations("Populations");
  populations.add_options()  //
      ("replicates",
       po::value<std::int64_t>()
           ->default_value(static_cast<std::int64_t>(defaults.replicates))
           ->value_name("N"),
       "how many times a part of the true maps is drawn")  //
      ("fraction",
       po::value<double>()->default_value(defaults.fraction)->value_name("F"),
       "the part of the true maps that a replicate keeps")  //
      ("pool",
       po::value<std::int64_t>()
           ->default_value(static_cast<std::int64_t>(defaults.pool))
           ->value_name("N"),
       "true maps that count as one state");
  tool.groups.push_back(maps);
  tool.groups.push_back(populations);
  tool.examples = {{"What a submission to the challenge scores",
                    "cryosip-compare-volumes --truth truth.star submission.star"},
                   {"CryoBench's areas, volumes generated for the images of their true maps",
                    "cryosip-compare-volumes --pairs in-order --truth truth/ generated/"}};
  tool.see_also = {"cryosip-evaluate(1)", "cryosip-export(1)"};
  tool.run = run;
  return tool;
}

}  // namespace
}  // namespace cryosip

int main(int argc, char** argv) {
  return cryosip::cli::run_tool(cryosip::tool(), argc, argv);
}

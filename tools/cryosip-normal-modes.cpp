// cryosip-normal-modes: normal modes of a structure, by the anisotropic network model.
#include <filesystem>
#include <iomanip>
#include <ostream>
#include <sstream>

#include "formats/error.hpp"
#include "formats/nmd.hpp"
#include "formats/pdb.hpp"
#include "libcryosip/structure/normal_modes.hpp"
#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip {
namespace {

bool asks_for_all_atoms(const std::string& atoms) {
  if (atoms != "nodes" && atoms != "all") {
    throw Error(ErrorKind::Usage, "--atoms " + atoms + ": expected nodes or all");
  }
  return atoms == "all";
}

// The molecule, and how its modes were made: an NMD has no other place for it.
std::string title_of(const cli::Invocation& invocation) {
  std::string title = std::filesystem::path(invocation.text("MODEL")).stem().string();
  for (const std::string& line : invocation.provenance) {
    title += "; " + line;
  }
  return title;
}

// Four digits are enough to look at.
std::string brief(double value) {
  std::ostringstream text;
  text << std::setprecision(4) << value;
  return text.str();
}

// Of what is wrong with a network, the file comes first.
NormalModes modes_of(const Atoms& nodes,
                     const NormalModeOptions& options,
                     const std::string& path) {
  try {
    return normal_modes(nodes.positions_angstrom, options);
  } catch (const Error& error) {
    throw Error(error.kind(), path + ": " + error.what());
  }
}

void report(const NormalModes& modes, const NormalModeOptions& options, Progress& progress) {
  for (Eigen::Index k = 0; k < modes.eigenvalues.size(); ++k) {
    const double rmsd_angstrom = options.amplitude_angstrom * modes.scales(k) / modes.scales(0);
    progress.note("mode " + std::to_string(k + 1) + ": eigenvalue " + brief(modes.eigenvalues(k)) +
                  ", RMSD at coordinate 1 " + brief(rmsd_angstrom) + " A");
  }
}

cli::ExitStatus run(const cli::Invocation& invocation) {
  NormalModeOptions options;
  options.modes = invocation.options["modes"].as<int>();
  options.cutoff_angstrom = invocation.options["cutoff"].as<double>();
  options.amplitude_angstrom = invocation.options["amplitude"].as<double>();
  const bool all_atoms = asks_for_all_atoms(invocation.text("atoms"));

  const formats::AtomicModel model = formats::read_atomic_model(invocation.text("MODEL"));
  const Atoms nodes = select_atoms(model, invocation.text("select"));

  const NormalModes modes = modes_of(nodes, options, invocation.text("MODEL"));
  report(modes, options, invocation.progress);

  const Atoms atoms = all_atoms ? select_atoms(model, "all") : nodes;
  const formats::Nmd nmd =
      to_nmd(atoms, all_atoms ? extend_to_atoms(modes, nodes, atoms) : modes, title_of(invocation));
  cli::with_output(invocation.text("output"),
                   [&](std::ostream& out) { formats::write_nmd(out, nmd); });
  return cli::ExitStatus::Success;
}

cli::Tool tool() {
  namespace po = cli::po;
  const NormalModeOptions defaults;
  cli::Tool tool;
  tool.name = "cryosip-normal-modes";
  tool.summary = "normal modes of a structure, the coordinates of a flow";
  tool.description =
      "Joins the atoms selected (the nodes) by equal springs where they are near, and writes the\n"
      "softest modes of that network, rigid motions left out, as an NMD file, which ProDy and "
      "NMWiz\n"
      "read and the other tools take as --model.\n"
      "\n"
      "A coordinate of 1 displaces the molecule by the mode's scale times its vector.  The scale "
      "of\n"
      "mode 1 makes that --amplitude in RMSD over the nodes; stiffer modes move less, as the "
      "inverse\n"
      "square root of their eigenvalues.\n"
      "\n"
      "A network that falls apart, or that has parts which turn freely, ends with status 5.";
  tool.positionals = {{"MODEL", "PDB or mmCIF file, plain or gzipped"}};
  tool.options.add_options()  //
      ("output,o",
       po::value<std::string>()->default_value("-")->value_name("FILE"),
       "NMD file to write; - is standard output")  //
      ("modes",
       po::value<int>()->default_value(defaults.modes)->value_name("N"),
       "how many modes")  //
      ("cutoff",
       po::value<double>()->default_value(defaults.cutoff_angstrom)->value_name("A"),
       "nodes at most this far apart (angstrom) are joined")  //
      ("amplitude",
       po::value<double>()->default_value(defaults.amplitude_angstrom)->value_name("A"),
       "RMSD of mode 1 at coordinate 1 (angstrom)")  //
      ("select",
       po::value<std::string>()->default_value("ca")->value_name("ATOMS"),
       "nodes of the network: ca, backbone, all, or atom names such as CA,P")  //
      ("atoms",
       po::value<std::string>()->default_value("nodes")->value_name("ATOMS"),
       "atoms to write: nodes, or all, each moving with its residue's node");
  tool.examples = {{"Four modes of the C-alphas", "cryosip-normal-modes molecule.pdb -o modes.nmd"},
                   {"The same motions for every atom",
                    "cryosip-normal-modes molecule.cif --atoms all -o modes.nmd"}};
  tool.see_also = {"cryosip-init-particles(1)", "cryosip-simulate(1)"};
  tool.run = run;
  return tool;
}

}  // namespace
}  // namespace cryosip

int main(int argc, char** argv) {
  return cryosip::cli::run_tool(cryosip::tool(), argc, argv);
}

// cryosip-export: an ensemble as structures, maps and a ChimeraX script.
#include <cmath>
#include <filesystem>
#include <istream>
#include <memory>
#include <optional>
#include <ostream>
#include <string>
#include <vector>

#include "formats/mrc.hpp"
#include "formats/star.hpp"
#include "libcryosip/assess/ensemble_export.hpp"
#include "libcryosip/assess/representatives.hpp"
#include "libcryosip/flow/image_scale.hpp"
#include "tools/cli/data_options.hpp"
#include "tools/cli/imaging_options.hpp"
#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip {
namespace {

namespace fs = std::filesystem;

// A file for each of more conformations than these is not what anybody wants.
constexpr std::size_t kMostFiles = 100;
constexpr std::size_t kFewestOfBundle = 10;

// "model_007"
std::string numbered(const std::string& stem, std::size_t index) {
  const std::string digits = std::to_string(index + 1);
  return stem + '_' + std::string(digits.size() < 3 ? 3 - digits.size() : 0, '0') + digits;
}

fs::path make_folder(const std::string& name) {
  std::error_code failure;
  fs::create_directories(name, failure);
  if (failure) {
    throw Error(ErrorKind::Output, name + ": cannot be made: " + failure.message());
  }
  return name;
}

bool is_mmcif(const std::string& path) {
  return path.ends_with(".cif") || path.ends_with(".mmcif");
}

// What --volumes is to be sampled on: of the images, as said, or the model's own.
ImageGrid grid_of(const cli::Invocation& invocation, const ConformationModel& model) {
  if (invocation.has("images")) {
    return ImageSet::open(invocation.text("images"), cli::image_set_options(invocation)).grid();
  }
  const ImageGrid grid{invocation.options["box"].as<int>(),
                       invocation.options["angpix"].as<double>()};
  if (grid.box == 0 && grid.pixel_size_angstrom == 0 && model.own_grid()) {
    return *model.own_grid();
  }
  if (grid.box == 0 || !(grid.pixel_size_angstrom > 0)) {
    throw Error(ErrorKind::Usage,
                "--volumes: give --images, or --box and --angpix, for the size of the maps");
  }
  return grid;
}

Representatives representatives_of(const cli::Invocation& invocation,
                                   const Ensemble& ensemble,
                                   const ConformationModel& model) {
  const std::size_t clusters = invocation.count("clusters");
  return clusters == 0 ? all_conformations(ensemble)
                       : choose_representatives(model.embedding(ensemble.coordinates),
                                                ensemble.weights,
                                                clusters,
                                                invocation.seed);
}

// Before anything is written.
void check_counts(const cli::Invocation& invocation, std::size_t count) {
  for (const char* option : {"volumes", "bundle", "chimerax"}) {
    if (invocation.has(option) && count > kMostFiles) {
      throw Error(ErrorKind::Usage,
                  "--" + std::string(option) + ": " + std::to_string(count) +
                      " conformations, expected at most 100: give --clusters");
    }
  }
  if (invocation.has("bundle") && count < kFewestOfBundle) {
    throw Error(ErrorKind::Usage,
                "--bundle: " + std::to_string(count) + " conformations, expected 10 to 100");
  }
}

std::vector<std::string> write_maps(const cli::Invocation& invocation,
                                    const Ensemble& ensemble,
                                    const ConformationModel& model,
                                    const Representatives& representatives,
                                    const ImageGrid& grid) {
  const ImagingOptions imaging = cli::imaging_options(invocation);
  const double resolution = invocation.options["resolution"].as<double>();
  // On the scale of the images, where the flow has recorded it; positive inside all the same.
  const double contrast = std::abs(ensemble.flow.carried(kContrastLabel).value_or(1));
  const std::string& folder = invocation.text("volumes");
  std::vector<std::string> maps;
  const ProgressStage stage(
      invocation.progress, "drawing maps", representatives.conformations.size());
  for (std::size_t m = 0; m < representatives.conformations.size(); ++m) {
    if (invocation.progress.cancelled()) {
      throw Error(ErrorKind::Cancelled, "interrupted while drawing maps");
    }
    formats::Volume volume = model.density(
        ensemble.coordinates.col(representatives.conformations[m]), grid, resolution, imaging);
    for (float& value : volume.values) {
      value *= static_cast<float>(contrast);
    }
    // Once there is a map to go into it.
    maps.push_back((make_folder(folder) / (numbered("map", m) + ".mrc")).string());
    formats::write_volume(maps.back(), volume);
    invocation.progress.advance(m + 1);
  }
  return maps;
}

void write_bundle(const std::string& name,
                  const formats::WeightedModels& models,
                  Progress& progress) {
  const fs::path folder = make_folder(name);
  std::string table = "model,population\n";
  for (std::size_t m = 0; m < models.populations.size(); ++m) {
    const std::string file = numbered("model", m) + ".cif";
    cli::with_output((folder / file).string(), [&](std::ostream& out) {
      formats::write_mmcif(out, single_model(models, m));
    });
    table += file + ',' + formats::format_number(models.populations[m]) + '\n';
  }
  cli::with_output((folder / "populations.csv").string(), [&](std::ostream& out) { out << table; });
  progress.note("bundle: " + std::to_string(models.populations.size()) + " models of " +
                std::to_string(models.atoms.size()) + " atoms in " + name);
}

// Relative to the script's folder, where ChimeraX goes.
std::string seen_from(const std::string& script, const std::string& path) {
  return fs::proximate(fs::absolute(path), fs::absolute(script).parent_path()).string();
}

void write_script(const cli::Invocation& invocation,
                  const Representatives& representatives,
                  const std::vector<std::string>& maps,
                  int box) {
  const std::string& script = invocation.text("chimerax");
  ChimeraxScene scene;
  scene.populations.assign(representatives.populations.begin(), representatives.populations.end());
  scene.box = box;
  if (invocation.has("pdb")) {
    scene.models = seen_from(script, invocation.text("pdb"));
  }
  for (const std::string& map : maps) {
    scene.maps.push_back(seen_from(script, map));
  }
  cli::with_output(
      script, [&](std::ostream& out) { out << chimerax_commands(scene, invocation.provenance); });
}

cli::ExitStatus run(const cli::Invocation& invocation) {
  Ensemble ensemble;
  cli::with_input(invocation.text("ENSEMBLE"), [&](std::istream& in, const std::string& source) {
    ensemble = read_ensemble(formats::read_star(in, source));
  });
  if (invocation.has("model")) {
    ensemble.model = invocation.text("model");
  }
  const auto model = load_conformation_model(ensemble.model);
  require_dimension(*model, ensemble);
  const auto* const atomic = dynamic_cast<const AtomicModel*>(model.get());
  for (const char* option : {"pdb", "bundle", "structure"}) {
    if (invocation.has(option) && atomic == nullptr) {
      throw Error(ErrorKind::Usage,
                  "--" + std::string(option) + ": the model '" + ensemble.model + "' has no atoms");
    }
  }
  if (invocation.has("chimerax") && !invocation.has("pdb") && !invocation.has("volumes")) {
    throw Error(ErrorKind::Usage, "--chimerax shows what is written: give --pdb or --volumes too");
  }
  const Representatives representatives = representatives_of(invocation, ensemble, *model);
  check_counts(invocation, representatives.conformations.size());
  for (const char* option : {"pdb", "chimerax", "output"}) {
    if (invocation.has(option)) {
      cli::check_writable(invocation.text(option));
    }
  }
  std::optional<CarriedAtoms> carried;
  if (invocation.has("structure")) {
    carried.emplace(formats::read_atomic_model(invocation.text("structure")), atomic->atoms());
  }
  const auto models_in = [&](ModelFrame frame) {
    return weighted_models(
        *atomic, ensemble, representatives, carried ? &*carried : nullptr, frame);
  };

  ImageGrid grid;
  std::vector<std::string> maps;
  if (invocation.has("volumes")) {
    grid = grid_of(invocation, *model);
    maps = write_maps(invocation, ensemble, *model, representatives, grid);
  }
  if (invocation.has("pdb")) {
    const std::string& path = invocation.text("pdb");
    cli::with_output(path, [&](std::ostream& out) {
      const formats::WeightedModels models = models_in(ModelFrame::Images);
      is_mmcif(path) ? formats::write_mmcif(out, models) : formats::write_pdb(out, models);
    });
  }
  if (invocation.has("bundle")) {
    write_bundle(invocation.text("bundle"), models_in(ModelFrame::Aligned), invocation.progress);
  }
  if (invocation.has("chimerax")) {
    write_script(invocation, representatives, maps, grid.box);
  }
  formats::StarFile table;
  table.comments = invocation.provenance;
  table.tables = {to_star(representatives, ensemble, maps)};
  cli::with_output(invocation.text("output"),
                   [&](std::ostream& out) { formats::write_star(out, table); });
  return cli::ExitStatus::Success;
}

cli::Tool tool() {
  namespace po = cli::po;
  cli::Tool tool;
  tool.name = "cryosip-export";
  tool.summary = "write an ensemble as structures, maps and a ChimeraX script";
  tool.description =
      "Writes all conformations of ENSEMBLE, or K that stand for it (--clusters), with their "
      "populations: as models of one mmCIF or PDB file, as a folder of mmCIF files, as density "
      "maps that RELION takes, and a script with which ChimeraX opens them, colours them by "
      "population and plays a morph through them. The table says which conformation each model "
      "is and which share of the population it stands for.\n"
      "\n"
      "Clusters are found by k-means, weighted, on the root mean square distance of the atoms "
      "(without atoms, of the coordinates); the conformation nearest to each cluster's mean stands "
      "for it. They are numbered along the ensemble's largest variance.\n"
      "\n"
      "Structures and maps are in the frame of the images: the origin is the centre of the box, "
      "voxel n/2, positive inside. Models of a --bundle are superposed on the most populated one "
      "instead.";
  tool.positionals = {{"ENSEMBLE", "STAR file with the ensemble; - is standard input", "-"}};
  tool.options.add_options()  //
      ("clusters",
       po::value<std::int64_t>()->default_value(0)->value_name("K"),
       "conformations that stand for all; 0: every one of positive weight")  //
      ("pdb",
       po::value<std::string>()->value_name("FILE"),
       "models as mmCIF (.cif, .mmcif) or else PDB")  //
      ("volumes",
       po::value<std::string>()->value_name("DIR"),
       "folder for maps, map_001.mrc ..")  //
      ("bundle",
       po::value<std::string>()->value_name("DIR"),
       "folder for 10 to 100 superposed models, model_001.cif .., and populations.csv")  //
      ("chimerax",
       po::value<std::string>()->value_name("FILE.cxc"),
       "ChimeraX script for what --pdb and --volumes write")  //
      ("output,o",
       po::value<std::string>()->default_value("-")->value_name("FILE"),
       "where to write the table of models; - is standard output")  //
      ("structure",
       po::value<std::string>()->value_name("FILE"),
       "PDB or mmCIF file that the model was made of: all its atoms go with their residues")  //
      ("model",
       po::value<std::string>()->value_name("FILE"),
       "by default the ensemble's own; else normal modes (NMD) or a built-in model");
  po::options_description maps("Maps");
  maps.add_options()  //
      ("images",
       po::value<std::string>()->value_name("FILE"),
       "RELION particle STAR file whose box and pixel size maps get")  //
      ("box",
       po::value<int>()->default_value(0)->value_name("N"),
       "edge of the maps in voxels, without --images; with neither, that of a model of volumes")  //
      ("resolution",
       po::value<double>()->default_value(0)->value_name("A"),
       "finest detail kept, in angstrom; 0: to Nyquist");
  for (const po::options_description& group :
       {maps, cli::data_option_group(), cli::imaging_option_group()}) {
    tool.groups.push_back(group);
  }
  tool.uses_randomness = true;
  tool.examples = {
      {"Five states to look at in ChimeraX",
       "cryosip-export ensemble.star --clusters 5 --pdb states.cif --volumes maps --images "
       "run_data.star --chimerax states.cxc -o states.star"},
      {"Fifty whole models with their populations",
       "cryosip-export ensemble.star --clusters 50 --structure model.cif --bundle submission -o "
       "submission.star"}};
  tool.see_also = {"cryosip-flow-step(1)", "cryosip-assign(1)"};
  tool.run = run;
  return tool;
}

}  // namespace
}  // namespace cryosip

int main(int argc, char** argv) {
  return cryosip::cli::run_tool(cryosip::tool(), argc, argv);
}

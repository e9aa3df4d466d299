// cryosip-simulate: particle images of an ensemble, with their truth.
#include <istream>
#include <ostream>

#include "formats/star.hpp"
#include "libcryosip/dataset/particle_file.hpp"
#include "libcryosip/dataset/simulation.hpp"
#include "tools/cli/imaging_options.hpp"
#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip {
namespace {

formats::StarFile read_file(const std::string& path) {
  formats::StarFile file;
  cli::with_input(path, [&](std::istream& in, const std::string& source) {
    file = formats::read_star(in, source);
  });
  return file;
}

ParticleTable read_particle_table(const std::string& path) {
  return path == "-" ? read_particles(read_file(path)) : particle_table(read_particle_file(path));
}

ConformationLaw conformation_law(const cli::Invocation& invocation) {
  if (invocation.has("ensemble") == invocation.has("mixture")) {
    throw Error(ErrorKind::Usage, "give either --ensemble or --mixture");
  }
  if (invocation.has("ensemble")) {
    return read_ensemble(read_file(invocation.text("ensemble")));
  }
  return read_mixture(read_file(invocation.text("mixture")));
}

// Models say themselves how they are imaged, where they know and the command line does not.
void ask_model(const ConformationModel& model,
               const cli::Invocation& invocation,
               SimulationOptions& options) {
  const auto left_to_us = [&](const char* name) { return invocation.options[name].defaulted(); };
  if (const auto grid = model.own_grid()) {
    options.grid.box = left_to_us("box") ? grid->box : options.grid.box;
    if (left_to_us("angpix")) {
      options.grid.pixel_size_angstrom = grid->pixel_size_angstrom;
    }
  }
  if (!model.has_views() && left_to_us("poses")) {
    options.poses = SimulationOptions::Poses::Fixed;
  }
  if (!model.has_views() && left_to_us("ctf")) {
    options.optics = SimulationOptions::Optics::None;
  }
}

SimulationOptions simulation_options(const cli::Invocation& invocation) {
  const auto number = [&](const char* name) { return invocation.options[name].as<double>(); };
  SimulationOptions options;
  options.count = invocation.count("count");
  options.grid = {invocation.options["box"].as<int>(), number("angpix")};
  options.imaging = cli::imaging_options(invocation);
  if (const std::string& poses = invocation.text("poses"); poses == "fixed") {
    options.poses = SimulationOptions::Poses::Fixed;
  } else if (poses != "uniform") {
    options.poses = SimulationOptions::Poses::Table;
    options.pose_table = read_particle_table(poses);
  }
  const std::string& ctf = invocation.text("ctf");
  if (ctf == "none") {
    options.optics = SimulationOptions::Optics::None;
  } else if (ctf != "uniform") {
    options.optics = SimulationOptions::Optics::Table;
    options.optics_table = read_particle_table(ctf);
  }
  options.defocus_min_angstrom = number("defocus-min");
  options.defocus_max_angstrom = number("defocus-max");
  options.astigmatism_max_angstrom = number("astigmatism-max");
  options.common_optics.voltage_kv = number("voltage");
  options.common_optics.spherical_aberration_mm = number("cs");
  options.common_optics.amplitude_contrast = number("amplitude-contrast");
  options.common_optics.phase_shift_degree = number("phase-shift");
  options.common_optics.b_factor_angstrom2 = number("ctf-b-factor");
  options.shift_sigma_angstrom = number("shift-sigma");
  options.pose_error = {number("angle-error"), number("shift-error")};
  if (invocation.has("snr") && invocation.has("noise-sigma")) {
    throw Error(ErrorKind::Usage, "give either --snr or --noise-sigma");
  }
  options.snr = invocation.has("snr") ? number("snr") : 0;
  options.noise_b_factor_angstrom2 = number("noise-b-factor");
  options.noise_sigma = invocation.has("noise-sigma") ? number("noise-sigma") : 0;
  if (invocation.has("snr") && !(options.snr > 0)) {
    throw Error(ErrorKind::Usage, "--snr: expected a positive number");
  }
  options.seed = invocation.seed;
  return options;
}

cli::ExitStatus run(const cli::Invocation& invocation) {
  const std::string& prefix = invocation.text("output");
  SimulationOptions options = simulation_options(invocation);
  const ConformationLaw law = conformation_law(invocation);
  const std::string& model_path = invocation.text("model");
  const auto model = load_conformation_model(model_path);
  ask_model(*model, invocation, options);

  SimulationResult result = simulate(*model, law, options, prefix + ".mrcs", invocation.progress);

  result.truth.model = model_path;
  cli::with_output(prefix + "_truth.star", [&](std::ostream& out) {
    formats::write_star(out, to_star(result.truth, invocation.provenance));
  });
  cli::with_output(prefix + ".star", [&](std::ostream& out) {
    formats::write_star(out, to_star(result.particles, invocation.provenance));
  });
  invocation.progress.note("noise sigma of a pixel: " + formats::format_number(result.noise_sigma));
  return cli::ExitStatus::Success;
}

cli::Tool tool() {
  namespace po = cli::po;
  const SimulationOptions defaults;
  cli::Tool tool;
  tool.name = "cryosip-simulate";
  tool.summary = "particle images of an ensemble, with their truth";
  tool.description =
      "Draws a conformation, a view, optics and noise for each image and writes PREFIX.mrcs, "
      "PREFIX.star (RELION 3.1 form, with the true poses, shifts and CTF) and PREFIX_truth.star "
      "(an "
      "ensemble: each image's own conformation, in the images' order).\n"
      "\n"
      "Images are bright molecules on a dark background, in units of the scattering amplitude per "
      "square angstrom. The signal-to-noise ratio is the ratio of variances over the whole box "
      "after the CTF.\n"
      "\n"
      "Everything about image i is drawn from streams named by --seed and i: the same images on "
      "any "
      "number of threads.";
  tool.options.add_options()  //
      ("model",
       po::value<std::string>()->required()->value_name("FILE"),
       cli::kModelHelp)                                                                      //
      ("ensemble", po::value<std::string>()->value_name("FILE"), "draw from this ensemble")  //
      ("mixture", po::value<std::string>()->value_name("FILE"), "draw from this mixture")    //
      ("output,o",
       po::value<std::string>()->required()->value_name("PREFIX"),
       "beginning of the names of the files to write");
  po::options_description images("Images");
  images.add_options()  //
      ("count",
       po::value<std::int64_t>()
           ->default_value(static_cast<std::int64_t>(defaults.count))
           ->value_name("N"),
       "how many images")  //
      ("box",
       po::value<int>()->default_value(defaults.grid.box)->value_name("D"),
       "pixels along an edge, even; built-in models and volumes have their own")  //
      ("angpix",
       po::value<double>()->default_value(defaults.grid.pixel_size_angstrom)->value_name("A"),
       "pixel size in angstrom; the same")  //
      ("poses",
       po::value<std::string>()->default_value("uniform")->value_name("WORD"),
       "uniform, fixed (all from the same side, centred), or a particle file (STAR, .cs) whose "
       "poses and "
       "shifts are taken row by row; a model without views: fixed")  //
      ("shift-sigma",
       po::value<double>()->default_value(defaults.shift_sigma_angstrom)->value_name("A"),
       "standard deviation of the shifts along x and y, in angstrom (uniform poses)")  //
      ("angle-error",
       po::value<double>()->default_value(defaults.pose_error.angle_degree)->value_name("DEG"),
       "standard deviation of the written pose's turn about each axis of the view, in degrees; "
       "images are drawn in the true poses")  //
      ("shift-error",
       po::value<double>()->default_value(defaults.pose_error.shift_angstrom)->value_name("A"),
       "standard deviation of the written shift's error along x and y, in angstrom")       //
      ("snr", po::value<double>()->value_name("S"), "signal-to-noise ratio of variances")  //
      ("noise-sigma",
       po::value<double>()->value_name("SIGMA"),
       "standard deviation of the noise instead; without either there is none")  //
      ("noise-b-factor",
       po::value<double>()->default_value(defaults.noise_b_factor_angstrom2)->value_name("B"),
       "colours the noise: its power is multiplied by exp(-B s^2 / 2), its standard deviation "
       "stays, in square angstrom");
  po::options_description optics("Optics");
  optics.add_options()  //
      ("ctf",
       po::value<std::string>()->default_value("uniform")->value_name("WORD"),
       "none, uniform (defocus drawn uniformly), or a particle file (STAR, .cs) whose optics are "
       "taken "
       "row by row; a model without views: none")  //
      ("defocus-min",
       po::value<double>()->default_value(defaults.defocus_min_angstrom)->value_name("A"),
       "smallest underfocus in angstrom")  //
      ("defocus-max",
       po::value<double>()->default_value(defaults.defocus_max_angstrom)->value_name("A"),
       "largest underfocus in angstrom")  //
      ("astigmatism-max",
       po::value<double>()->default_value(defaults.astigmatism_max_angstrom)->value_name("A"),
       "largest difference of the two defoci in angstrom")  //
      ("voltage",
       po::value<double>()->default_value(defaults.common_optics.voltage_kv)->value_name("KV"),
       "acceleration voltage in kilovolt")  //
      ("cs",
       po::value<double>()
           ->default_value(defaults.common_optics.spherical_aberration_mm)
           ->value_name("MM"),
       "spherical aberration in millimetre")  //
      ("amplitude-contrast",
       po::value<double>()
           ->default_value(defaults.common_optics.amplitude_contrast)
           ->value_name("Q"),
       "share of amplitude contrast")  //
      ("phase-shift",
       po::value<double>()
           ->default_value(defaults.common_optics.phase_shift_degree)
           ->value_name("DEG"),
       "phase plate's shift in degrees")  //
      ("ctf-b-factor",
       po::value<double>()
           ->default_value(defaults.common_optics.b_factor_angstrom2)
           ->value_name("B"),
       "envelope exp(-B s^2 / 4), in square angstrom (written as rlnCtfBfactor)");
  for (const po::options_description& group : {images, optics, cli::imaging_option_group()}) {
    tool.groups.push_back(group);
  }
  tool.uses_randomness = true;
  tool.examples = {
      {"4000 images of a mixture at SNR 0.1",
       "cryosip-simulate --model modes.nmd --mixture truth.star --count 4000 --snr 0.1 -o "
       "particles"},
      {"Noise-free, with the poses and optics of a refinement",
       "cryosip-simulate --model model.pdb --ensemble one.star --poses run_data.star --ctf "
       "run_data.star -o clean"}};
  tool.see_also = {"cryosip-flow-step(1)", "cryosip-evaluate(1)"};
  tool.run = run;
  return tool;
}

}  // namespace
}  // namespace cryosip

int main(int argc, char** argv) {
  return cryosip::cli::run_tool(cryosip::tool(), argc, argv);
}

// cryosip-flow-step: moves an ensemble towards the distribution behind the images.
#include <chrono>
#include <cstdio>
#include <istream>
#include <ostream>
#include <vector>

#include "formats/star.hpp"
#include "libcryosip/flow/image_flow.hpp"
#include "libcryosip/flow/refits.hpp"
#include "tools/cli/data_options.hpp"
#include "tools/cli/imaging_options.hpp"
#include "tools/cli/meaning_options.hpp"
#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip {
namespace {

constexpr std::int64_t kDefaultSteps = 150;
constexpr auto kCheckpointEvery = std::chrono::minutes(5);

IntegratorOptions integrator_options(const cli::Invocation& invocation) {
  const auto number = [&](const char* name) { return invocation.options[name].as<double>(); };
  const auto number_if_given = [&](const char* name) {
    return invocation.has(name) ? std::optional(number(name)) : std::nullopt;
  };
  IntegratorOptions options;
  options.kind = cli::word_option<IntegratorKind>(invocation,
                                                  "integrator",
                                                  {{"normalised", IntegratorKind::Normalised},
                                                   {"momentum", IntegratorKind::Momentum},
                                                   {"euler", IntegratorKind::Euler}});
  options.step_size = number("step-size");
  options.momentum = number_if_given("momentum");
  options.final_step_share = number_if_given("final-step-share");
  options.injection = number("injection");
  if (invocation.has("weight-rate")) {
    options.weight_rate = number("weight-rate");
  }
  options.min_effective_share = number("min-effective-share");
  return options;
}

// One word says both what kind of discrepancy and, of densities, which.
void choose_objective(const cli::Invocation& invocation, ImageFlowOptions& options) {
  options.objective = cli::word_option<ObjectiveKind>(invocation,
                                                      "objective",
                                                      {{"auto", ObjectiveKind::Auto},
                                                       {"likelihood", ObjectiveKind::Likelihood},
                                                       {"mmd", ObjectiveKind::Mmd},
                                                       {"energy", ObjectiveKind::Energy},
                                                       {"kl", ObjectiveKind::Density},
                                                       {"reverse-kl", ObjectiveKind::Density},
                                                       {"chi-squared", ObjectiveKind::Density},
                                                       {"hellinger", ObjectiveKind::Density},
                                                       {"jensen-shannon", ObjectiveKind::Density}});
  if (options.objective == ObjectiveKind::Density) {
    options.samples.divergence = invocation.text("objective");
  }
  if (options.objective != ObjectiveKind::Mmd && options.objective != ObjectiveKind::Auto &&
      !invocation.options["kernel"].defaulted()) {
    throw Error(ErrorKind::Usage, "--kernel: only the objective mmd has one to choose");
  }
}

SampleObjectiveOptions sample_options(const cli::Invocation& invocation,
                                      SampleObjectiveOptions options) {
  const auto number = [&](const char* name) { return invocation.options[name].as<double>(); };
  options.kernel = parse_kernel(invocation.text("kernel"));
  options.integrate_noise =
      cli::word_option<bool>(invocation, "noise", {{"integrated", true}, {"drawn", false}});
  options.sampling.method = cli::word_option<SamplingMethod>(
      invocation,
      "sampling",
      {{"A", SamplingMethod::A}, {"B", SamplingMethod::B}, {"C", SamplingMethod::C}});
  options.sampling.nuisances = invocation.count("nuisances");
  options.bandwidth_unit = cli::word_option<BandwidthUnit>(
      invocation,
      "bandwidth-unit",
      {{"rms", BandwidthUnit::SignalRms}, {"median", BandwidthUnit::MedianDistance}});
  const bool median = options.bandwidth_unit == BandwidthUnit::MedianDistance;
  const auto bandwidth = [&](const char* name) {
    return median && invocation.options[name].defaulted() ? 1 : number(name);
  };
  options.initial_bandwidth = bandwidth("bandwidth-start");
  options.final_bandwidth = bandwidth("bandwidth-end");
  if (invocation.has("anneal-share")) {
    options.annealing_share = number("anneal-share");
  }
  if (invocation.has("density-bandwidth")) {
    options.density_bandwidth = number("density-bandwidth");
  }
  return options;
}

SteeredObjectiveOptions steered_options(const cli::Invocation& invocation,
                                        SteeredObjectiveOptions options) {
  options.views = invocation.count("views");
  if (const int angles = invocation.options["angles"].as<int>(); angles != 0) {
    options.angles = angles;
  }
  options.shift_sigma_angstrom = invocation.options["shift-sigma"].as<double>();
  return options;
}

ImageFlowOptions flow_options(const cli::Invocation& invocation, const Ensemble& ensemble) {
  const auto number = [&](const char* name) { return invocation.options[name].as<double>(); };
  ImageFlowOptions options;
  choose_objective(invocation, options);
  cli::set_meaning(invocation, options);
  options.images_per_step = invocation.count("images-per-step");
  options.likelihood.initial_temperature = number("temperature");
  if (invocation.has("anneal-share")) {
    options.likelihood.cooling_share = number("anneal-share");
  }
  options.likelihood.pose_error = {number("angle-error"), number("shift-error")};
  options.samples = sample_options(invocation, options.samples);
  options.steered = steered_options(invocation, options.steered);
  options.known_views.angles = invocation.options["angles"].as<int>();
  options.known_views.shift_sigma_angstrom = options.steered.shift_sigma_angstrom;
  options.prior_images = cli::optional_number(invocation, "prior-images");
  options.in_plane = cli::word_option<InPlane>(
      invocation,
      "in-plane",
      {{"auto", InPlane::Auto}, {"integrated", InPlane::Integrated}, {"drawn", InPlane::Drawn}});
  options.flow.schedule_steps = static_cast<std::int64_t>(invocation.count("schedule-steps"));
  if (invocation.has("steps")) {
    options.flow.steps = static_cast<std::int64_t>(invocation.count("steps"));
  } else {
    const std::int64_t left = ensemble.flow.schedule_end - ensemble.flow.step;
    options.flow.steps = left > 0 ? left : kDefaultSteps;
  }
  options.flow.integrator = integrator_options(invocation);
  // Another seed than the ensemble's own only where one is asked for.
  options.seed = invocation.options["seed"].defaulted() ? ensemble.seed : invocation.seed;
  return options;
}

void write_ensemble(const std::string& path,
                    const Ensemble& ensemble,
                    const cli::Invocation& invocation) {
  cli::with_output(path, [&](std::ostream& out) {
    formats::write_star(out, to_star(ensemble, invocation.provenance));
  });
}

void write_log(const std::vector<FlowRecord>& log, const cli::Invocation& invocation) {
  if (!invocation.has("log")) {
    return;
  }
  formats::StarFile file;
  file.comments = invocation.provenance;
  file.tables = {to_star(log)};
  cli::with_output(invocation.text("log"),
                   [&](std::ostream& out) { formats::write_star(out, file); });
}

// 0: no bootstrap sample.
std::size_t bootstrap_number(const cli::Invocation& invocation) {
  if (!invocation.has("bootstrap")) {
    return 0;
  }
  if (invocation.has("bands")) {
    throw Error(ErrorKind::Usage, "--bootstrap is one of the refits of --bands: give one of them");
  }
  const std::size_t number = invocation.count("bootstrap");
  if (number == 0) {
    throw Error(ErrorKind::Usage, "--bootstrap: 0 found, expected 1 or more");
  }
  return number;
}

std::size_t refit_count(const cli::Invocation& invocation) {
  const std::size_t count = invocation.has("bands") ? invocation.count("bands") : 0;
  if (invocation.has("bands") && count < 2) {
    throw Error(ErrorKind::Usage,
                "--bands: " + std::to_string(count) + " refits have no spread, expected 2 or more");
  }
  return count;
}

cli::ExitStatus run(const cli::Invocation& invocation) {
  const std::size_t bootstrap = bootstrap_number(invocation);
  const std::size_t refits = refit_count(invocation);
  Ensemble ensemble;
  cli::with_input(invocation.text("ENSEMBLE"), [&](std::istream& in, const std::string& source) {
    ensemble = read_ensemble(formats::read_star(in, source));
  });
  if (invocation.has("model")) {
    ensemble.model = invocation.text("model");
  }
  const ImageFlowOptions options = flow_options(invocation, ensemble);
  ensemble.seed = options.seed;
  // They are of where it was.
  ensemble.refits.clear();
  ensemble.perturbed.reset();
  if (refits > 0 && ensemble.flow.step > 0) {
    invocation.progress.warn("the ensemble has taken " + std::to_string(ensemble.flow.step) +
                             " steps before: its bands will tell of the steps from here on");
  }
  const Ensemble start = ensemble;
  const auto model = load_conformation_model(ensemble.model);
  const ImageSet images =
      ImageSet::open(invocation.text("images"), cli::image_set_options(invocation));
  for (const std::string& warning : images.table().warnings) {
    invocation.progress.warn(warning);
  }

  const std::string& output = invocation.text("output");
  const bool keeps_checkpoint = !invocation.text("checkpoint").empty();
  const std::string checkpoint = keeps_checkpoint ? invocation.text("checkpoint")
                                 : output == "-"  ? "cryosip-flow-step.checkpoint"
                                                  : output + ".checkpoint";
  bool has_checkpoint = false;
  cli::check_writable(output);
  if (invocation.has("log")) {
    cli::check_writable(invocation.text("log"));
  }
  std::vector<FlowRecord> log;
  auto last_checkpoint = std::chrono::steady_clock::now();
  const auto after_step = [&](const Ensemble& reached, const FlowRecord& record) {
    log.push_back(record);
    const auto now = std::chrono::steady_clock::now();
    if (now - last_checkpoint > kCheckpointEvery) {
      write_ensemble(checkpoint, reached, invocation);
      has_checkpoint = true;
      last_checkpoint = now;
    }
  };
  const FlowResult result =
      bootstrap > 0
          ? refit_to_resampled(
                ensemble, *model, images, options, bootstrap, invocation.progress, after_step)
          : flow_on_images(ensemble, *model, images, options, invocation.progress, after_step);

  if (result.termination == Termination::Cancelled) {
    write_ensemble(checkpoint, ensemble, invocation);
    invocation.progress.warn("stopped after step " + std::to_string(ensemble.flow.step) +
                             "; go on with cryosip-flow-step " + checkpoint);
    write_log(log, invocation);
    return cli::ExitStatus::Interrupted;
  }
  if (refits > 0 &&
      add_refits(ensemble, start, *model, images, options, refits, invocation.progress) ==
          Termination::Cancelled) {
    write_ensemble(checkpoint, ensemble, invocation);
    invocation.progress.warn("stopped after refit " + std::to_string(ensemble.refits.size()) +
                             " of " + std::to_string(refits) + "; the ensemble and they are in " +
                             checkpoint);
    write_log(log, invocation);
    return cli::ExitStatus::Interrupted;
  }
  write_ensemble(output, ensemble, invocation);
  write_log(log, invocation);
  if (has_checkpoint && !keeps_checkpoint) {
    std::remove(checkpoint.c_str());
  }
  return cli::ExitStatus::Success;
}

cli::Tool tool() {
  namespace po = cli::po;
  const ImageFlowOptions defaults;
  const IntegratorOptions& integrator = defaults.flow.integrator;
  const IntegratorOptions euler{.kind = IntegratorKind::Euler};
  const auto shown = [](double value) { return formats::format_number(value); };
  cli::Tool tool;
  tool.name = "cryosip-flow-step";
  tool.summary = "move an ensemble towards the distribution behind the images";
  tool.description =
      "Takes steps of the Wasserstein gradient flow: every conformation follows the gradient of a "
      "discrepancy between the images the ensemble would give and the images observed.\n"
      "\n"
      "By default the discrepancy is the likelihood's. With given poses each step looks at a few "
      "images and draws every conformation in each one's own pose, shift and CTF; with in-plane "
      "poses the same but for the in-plane angle psi, which is integrated out; with unknown poses "
      "it draws every conformation in a few views and integrates over the angle. The other "
      "discrepancies compare the images of the ensemble, in poses drawn at random or given, with "
      "all images: a maximum mean discrepancy, the energy distance, or, where images have a few "
      "pixels, a divergence of densities.\n"
      "\n"
      "What the images do not say is estimated and reported: the noise outside the particles' "
      "circle, the contrast of the drawings in the images.\n"
      "\n"
      "The ensemble written carries the state of the flow, so that the next call goes on with the "
      "same bits: --steps 100 --schedule-steps 300, three times over, equals --steps 300. When "
      "interrupted, the state is written as the checkpoint; give it as ENSEMBLE to go on.";
  tool.positionals = {
      {"ENSEMBLE", "STAR file with the ensemble to move; - is standard input", "-"}};
  tool.options.add_options()  //
      ("images",
       po::value<std::string>()->required()->value_name("FILE"),
       "particle file: RELION's STAR or cryoSPARC's .cs")  //
      ("output,o",
       po::value<std::string>()->default_value("-")->value_name("FILE"),
       "ensemble to write; - is standard output")  //
      ("steps",
       po::value<std::int64_t>()->value_name("T"),
       "steps to take now; by default what is left of a schedule under way, else 150")  //
      ("log",
       po::value<std::string>()->value_name("FILE"),
       "STAR file with a row for each step")  //
      ("checkpoint",
       po::value<std::string>()->default_value("")->value_name("FILE"),
       "where the state goes every five minutes and when interrupted; by default OUTPUT.checkpoint "
       "(cryosip-flow-step.checkpoint beside standard output), removed when all is done")  //
      ("model", po::value<std::string>()->value_name("FILE"), cli::kOwnModelHelp);
  po::options_description objective("Objective");
  objective.add_options()  //
      ("objective",
       po::value<std::string>()->default_value("auto")->value_name("WORD"),
       "likelihood; mmd; energy (distance); of kernel density estimates, for images of a few "
       "pixels: kl, reverse-kl, chi-squared, hellinger, jensen-shannon; auto: likelihood")  //
      ("in-plane",
       po::value<std::string>()->default_value("auto")->value_name("WORD"),
       "the in-plane angle where it is unknown: integrated (exactly) or drawn, as in the paper; "
       "auto: integrated for the likelihood and, with uniform poses, mmd with a Gaussian kernel")  //
      ("views",
       po::value<std::int64_t>()
           ->default_value(static_cast<std::int64_t>(defaults.steered.views))
           ->value_name("V"),
       "likelihood with uniform poses: views drawn for each conformation and step, 0: as many as "
       "make 6400 drawings; too few stretch the ensemble")  //
      ("shift-sigma",
       po::value<double>()->default_value(defaults.steered.shift_sigma_angstrom)->value_name("A"),
       "standard deviation of unknown shifts along x and y, in angstrom (in-plane integrated); "
       "with "
       "in-plane poses beside those that are given")  //
      ("angle-error",
       po::value<double>()
           ->default_value(defaults.likelihood.pose_error.angle_degree)
           ->value_name("DEG"),
       "likelihood with given poses: standard deviation of their turn about each axis of the view, "
       "in degrees, integrated out")  //
      ("shift-error",
       po::value<double>()
           ->default_value(defaults.likelihood.pose_error.shift_angstrom)
           ->value_name("A"),
       "the same: of their shift along x and y, in angstrom")  //
      ("prior-images",
       po::value<double>()->value_name("N"),
       "a normal prior with the initial ensemble's mean and spread counts for as much as so many "
       "images, 0: no prior; by default for the likelihood with uniform poses as for a sixteenth "
       "of them, with known views a 64th, and else 0")  //
      ("angles",
       po::value<int>()->default_value(0)->value_name("N"),
       ("in-plane angles of the integral, a multiple of 8; 0: " +
        std::to_string(defaults.steered.angles) +
        " with uniform poses, with in-plane ones as many as images tell apart")
           .c_str())  //
      ("images-per-step",
       po::value<std::int64_t>()->default_value(0)->value_name("B"),
       "images a step looks at; 0: 48 for the likelihood with given or in-plane poses, 512 with "
       "uniform ones, 4000 otherwise")  //
      ("kernel",
       po::value<std::string>()->default_value("gaussian")->value_name("TERMS"),
       "of mmd: terms joined by +, each [WEIGHT*]NAME[:FACTOR] with gaussian, laplace, imq "
       "(inverse "
       "multiquadric), FACTOR times the bandwidth wide, or riesz:EXPONENT")  //
      ("noise",
       po::value<std::string>()->default_value("integrated")->value_name("WORD"),
       "the simulated images' pixel noise: integrated (exactly) or drawn, as in the paper; not of "
       "the likelihood")  //
      ("sampling",
       po::value<std::string>()->default_value("A")->value_name("WORD"),
       "how poses, optics and noise are drawn: A: one for each conformation; B: --nuisances of "
       "them, "
       "shared by all conformations; C: --nuisances for each conformation")  //
      ("nuisances",
       po::value<std::int64_t>()->default_value(1)->value_name("M"),
       "draws of poses, optics and noise for a conformation and step (B, C)")  //
      ("temperature",
       po::value<double>()->default_value(defaults.likelihood.initial_temperature)->value_name("T"),
       "first temperature of the likelihood, cooled to 1; 0: where an image's posterior spreads "
       "over a "
       "fifth of the ensemble")  //
      ("bandwidth-start",
       po::value<double>()->default_value(defaults.samples.initial_bandwidth)->value_name("H"),
       "first bandwidth of the kernel, in --bandwidth-unit")  //
      ("bandwidth-end",
       po::value<double>()->default_value(defaults.samples.final_bandwidth)->value_name("H"),
       "last bandwidth")  //
      ("bandwidth-unit",
       po::value<std::string>()->default_value("rms")->value_name("WORD"),
       "rms: root mean square norm of the noise-free images; median: median distance of the "
       "observed images, once throughout unless bandwidths are given")  //
      ("density-bandwidth",
       po::value<double>()->value_name("H"),
       "of kernel density estimates, in units of the pixels; by default Silverman's rule")  //
      ("anneal-share",
       po::value<double>()->value_name("F"),
       ("share of the schedule over which temperature or bandwidth changes; by default " +
        shown(defaults.samples.annealing_share) + ", of the likelihood " +
        shown(defaults.likelihood.cooling_share))
           .c_str());
  po::options_description pace("Pace");
  pace.add_options()  //
      ("integrator",
       po::value<std::string>()->default_value("normalised")->value_name("WORD"),
       "euler: the velocity times the step size, as in Algorithm 1 of the paper; momentum: along a "
       "running mean of velocities; normalised: the same, each coordinate divided by its running "
       "RMS velocity")  //
      ("step-size",
       po::value<double>()->default_value(integrator.step_size)->value_name("TAU"),
       "normalised: mean move of a coordinate in an early step; else the time step")  //
      ("schedule-steps",
       po::value<std::int64_t>()->default_value(defaults.flow.schedule_steps)->value_name("T"),
       "length of the schedule that begins; 0: that of --steps")  //
      ("momentum",
       po::value<double>()->value_name("F"),
       ("share of the last direction kept; by default " + shown(momentum_of(integrator)) +
        "; euler has none")
           .c_str())  //
      ("final-step-share",
       po::value<double>()->value_name("F"),
       ("cosine decay of the step down to this share, 1: no decay; by default " +
        shown(final_step_share_of(integrator)) + ", of euler " + shown(final_step_share_of(euler)))
           .c_str())  //
      ("injection",
       po::value<double>()->default_value(integrator.injection)->value_name("BETA"),
       "noise added to a conformation's coordinates where its velocity is asked for; falls to 0 as "
       "a cosine over the schedule")  //
      ("weight-rate",
       po::value<double>()->value_name("L"),
       "mass exchange: of the likelihood the share of the way, in an early step, to the weights "
       "of expectation maximisation, by default 0.1; else normalised: mean change of a log "
       "weight; others: rate times time step; by default 0: weights stay")  //
      ("min-effective-share",
       po::value<double>()->default_value(integrator.min_effective_share)->value_name("F"),
       "with mass exchange: at an effective sample size below this share of the conformations "
       "heavy ones are copied and light ones dropped");
  po::options_description certainty("Certainty");
  certainty.add_options()  //
      ("bands",
       po::value<std::int64_t>()->value_name("B"),
       "do it all again B times, each from a bootstrap sample of the images and with a seed of its "
       "own, and once with images changed by 0.2 %; the refits go into the ensemble, and "
       "cryosip-evaluate makes bands of them (20 or more)")  //
      ("bootstrap",
       po::value<std::int64_t>()->value_name("R"),
       "instead: refit R of --bands alone, for machines side by side; give the results to "
       "cryosip-evaluate --refits");
  for (const po::options_description& group : {cli::data_option_group(),
                                               cli::meaning_option_group(),
                                               objective,
                                               pace,
                                               certainty,
                                               cli::imaging_option_group()}) {
    tool.groups.push_back(group);
  }
  tool.uses_randomness = true;
  tool.examples = {
      {"150 steps with the poses of a refinement",
       "cryosip-flow-step start.star --images run_data.star --steps 150 -o ensemble.star"},
      {"In a pipe, with unknown poses",
       "cryosip-init-particles --model modes.nmd | cryosip-flow-step --images particles.star "
       "--poses uniform --steps 300 | cryosip-evaluate --truth truth.star"}};
  tool.see_also = {"cryosip-init-particles(1)", "cryosip-evaluate(1)", "cryosip-check(1)"};
  tool.run = run;
  return tool;
}

}  // namespace
}  // namespace cryosip

int main(int argc, char** argv) {
  return cryosip::cli::run_tool(cryosip::tool(), argc, argv);
}

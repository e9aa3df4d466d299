// cryosip-relion-job: the whole of cryosip as a job of RELION's.
//
// Runs the tools beside itself one after the other, in the folder of an External job.
#include <algorithm>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <limits>
#include <optional>
#include <string>
#include <vector>

#include "formats/star.hpp"
#include "libcryosip/forward/conformation_model.hpp"
#include "libcryosip/structure/initial_ensemble.hpp"
#include "libcryosip/structure/normal_modes.hpp"
#include "plugins/relion/child_process.hpp"
#include "plugins/relion/job_folder.hpp"
#include "plugins/relion/map_files.hpp"
#include "plugins/relion/output_nodes.hpp"
#include "plugins/relion/relion_bar.hpp"
#include "plugins/relion/step_record.hpp"
#include "tools/cli/progress_bar.hpp"
#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip::relion {
namespace {

constexpr const char* kName = "cryosip-relion-job";
constexpr std::int64_t kDefaultSteps = 150;
constexpr std::int64_t kMostRepresentatives = 100;  // as many files as cryosip-export writes
constexpr double kLeastCorrelation = 0.2;
// Selecting in RELION goes by labels of RELION's own; this one it looks at nowhere unasked.
constexpr const char* kSelectable = "rlnParticleFigureOfMerit";
constexpr std::int64_t kDefaultRepresentatives = 4;

// A file that holds coordinates of its own, unlike a structure.
bool brings_coordinates(const std::string& model) {
  const std::string extension = std::filesystem::path(model).extension();
  return extension == ".nmd" || extension == ".star";
}

std::string value_text(const cli::Invocation& invocation, const std::string& name) {
  const boost::any& value = invocation.options[name].value();
  if (const auto* number = boost::any_cast<double>(&value)) {
    return formats::format_number(*number);
  }
  if (const auto* count = boost::any_cast<std::int64_t>(&value)) {
    return std::to_string(*count);
  }
  return invocation.text(name);
}

// The tools in turn: what ends badly ends the job.
class Job {
 public:
  Job(JobFolder& folder, const cli::Invocation& invocation)
      : folder_(folder),
        invocation_(invocation),
        images_(invocation.text("in_parts")),
        start_(folder.file("start.star")),
        report_(folder.file("check.star")),
        ensemble_(folder.file("ensemble.star")),
        representatives_(folder.file("representatives.star")),
        record_(folder.file("cryosip_steps.star")),
        bar_(std::cout) {}

  cli::ExitStatus run();

 private:
  using Words = std::vector<std::string>;

  [[nodiscard]] std::string option(const std::string& name) const {
    return value_text(invocation_, name);
  }
  [[nodiscard]] bool stopping() const { return cli::interrupted() || folder_.abort_requested(); }
  void check_options() const;
  cli::ExitStatus make_modes();
  cli::ExitStatus draw_start();
  cli::ExitStatus check_particles();
  cli::ExitStatus compare_with_reference();
  cli::ExitStatus flow();
  cli::ExitStatus assign();
  cli::ExitStatus export_structures();
  cli::ExitStatus step(const Step& step, const std::string& title);
  cli::ExitStatus run_tool(const Words& command, const std::string& title);
  void show(std::string_view tool, std::string_view line);
  void write_output_nodes();

  JobFolder& folder_;
  const cli::Invocation& invocation_;
  std::string images_;
  std::string start_;
  std::string report_;
  std::string ensemble_;
  std::string representatives_;
  std::string model_;  // what the coordinates belong to
  StepRecord record_;
  RelionBar bar_;
};

cli::ExitStatus Job::run() {
  check_options();
  using Part = cli::ExitStatus (Job::*)();
  for (const Part part : std::initializer_list<Part>{&Job::make_modes,
                                                     &Job::draw_start,
                                                     &Job::check_particles,
                                                     &Job::compare_with_reference,
                                                     &Job::flow,
                                                     &Job::assign,
                                                     &Job::export_structures}) {
    if (const cli::ExitStatus status = (this->*part)(); status != cli::ExitStatus::Success) {
      return status;
    }
  }
  write_output_nodes();
  std::cout << " Done\n";
  cli::flush_standard_output();
  folder_.leave(JobEnd::Success);
  return cli::ExitStatus::Success;
}

// What would otherwise be found out after hours.
void Job::check_options() const {
  const std::string& model = invocation_.text("model");
  for (const char* const name : {"modes", "amplitude"}) {
    if (brings_coordinates(model) && !invocation_.options[name].defaulted()) {
      throw Error(ErrorKind::Usage,
                  std::string("--") + name + " has no meaning for " + model +
                      ", which brings its own coordinates");
    }
  }
  if (invocation_.has("in_mask") && !invocation_.has("in_3dref")) {
    throw Error(ErrorKind::Usage, "--in_mask has no meaning without --in_3dref");
  }
  const auto check_count = [&](const char* name, std::int64_t most) {
    const auto count = invocation_.options[name].as<std::int64_t>();
    if (count < 1 || count > most) {
      throw Error(ErrorKind::Usage,
                  std::string("--") + name + ": " + std::to_string(count) +
                      " found, expected 1 to " + std::to_string(most));
    }
    return count;
  };
  const auto conformations = check_count("conformations", std::numeric_limits<std::int32_t>::max());
  check_count("representatives", std::min(conformations, kMostRepresentatives));
}

cli::ExitStatus Job::make_modes() {
  model_ = invocation_.text("model");
  if (brings_coordinates(model_)) {
    return cli::ExitStatus::Success;
  }
  const std::string structure = model_;
  model_ = folder_.file("modes.nmd");
  return step({"modes",
               {"cryosip-normal-modes",
                structure,
                "--modes",
                option("modes"),
                "--amplitude",
                option("amplitude"),
                "-o",
                model_},
               {structure},
               {model_}},
              "Normal modes of the structure");
}

cli::ExitStatus Job::draw_start() {
  return step({"start",
               {"cryosip-init-particles",
                "--model",
                model_,
                "--count",
                option("conformations"),
                "--seed",
                std::to_string(invocation_.seed),
                "-o",
                start_},
               {model_},
               {start_}},
              "Conformations to start from");
}

cli::ExitStatus Job::check_particles() {
  return step({"check", {"cryosip-check", images_, "-o", report_}, {images_}, {report_}},
              "Check of all images");
}

// Before hours of work: a model that does not lie in the map gives no sensible ensemble.
cli::ExitStatus Job::compare_with_reference() {
  if (!invocation_.has("in_3dref")) {
    return cli::ExitStatus::Success;
  }
  const formats::StarFile report = formats::read_star(report_);
  const formats::StarTable& check = report.table("sip_check");
  const ImageGrid grid{static_cast<int>(check.integer("sipBox")), check.number("sipPixelSize")};
  const std::string& path = invocation_.text("in_3dref");
  const formats::Volume reference = read_map(path, grid);
  const formats::Volume mask =
      invocation_.has("in_mask") ? read_map(invocation_.text("in_mask"), grid) : formats::Volume{};
  const auto model = load_conformation_model(model_);
  const formats::Volume drawn =
      model->density(Eigen::VectorXd::Zero(model->dimension()), grid, 0, {});
  const double value = correlation(drawn, reference, mask);
  std::cout << " Correlation of the model with " << path << ": " << value << std::endl;
  if (value < kLeastCorrelation) {
    std::cerr << kName << ": warning: the model does not seem to lie in " << path
              << ": correlation " << value << std::endl;
  }
  return cli::ExitStatus::Success;
}

cli::ExitStatus Job::flow() {
  const std::string checkpoint = folder_.file("ensemble_unfinished.star");
  const auto command = [&](const std::string& from, const std::string& log) {
    return Words{"cryosip-flow-step",
                 from,
                 "--images",
                 images_,
                 "--objective",
                 invocation_.text("objective"),
                 "--poses",
                 invocation_.text("poses"),
                 "--resolution",
                 option("resolution"),
                 "--seed",
                 std::to_string(invocation_.seed),
                 "--checkpoint",
                 checkpoint,
                 "--log",
                 folder_.file(log),
                 "-o",
                 ensemble_};
  };
  Step step{.name = "flow",
            .command = command(start_, "flow_log.star"),
            .reads = {start_, images_},
            .writes = {ensemble_}};
  step.command.insert(step.command.end(), {"--steps", option("steps")});
  const std::string title = "Flow of " + option("conformations") + " conformations";
  if (record_.done(step)) {
    return this->step(step, title);
  }
  Words words = step.command;
  if (record_.begun(step) && std::filesystem::exists(checkpoint)) {
    const std::int64_t reached =
        formats::read_star(checkpoint).table("sip_ensemble").integer("sipStep");
    std::cout << " Going on after step " << reached << "\n";
    // Without --steps: what is left.
    words = command(checkpoint, "flow_log_from_step" + std::to_string(reached) + ".star");
  } else {
    std::filesystem::remove(checkpoint);
  }
  record_.begin(step);
  if (const auto status = run_tool(words, title); status != cli::ExitStatus::Success) {
    return status;
  }
  record_.finish(step);
  std::filesystem::remove(checkpoint);
  return cli::ExitStatus::Success;
}

cli::ExitStatus Job::assign() {
  const std::string particles = folder_.file("particles.star");
  Step step{.name = "assign",
            .command = {"cryosip-assign",
                        ensemble_,
                        "--images",
                        images_,
                        "--poses",
                        invocation_.text("poses"),
                        "--resolution",
                        option("resolution"),
                        "-o",
                        particles},
            .reads = {ensemble_, images_},
            .writes = {particles}};
  const formats::StarFile input = formats::read_star(images_);
  if (std::none_of(input.tables.begin(), input.tables.end(), [](const formats::StarTable& table) {
        return table.has(kSelectable);
      })) {
    step.command.insert(step.command.end(), {"--copy", std::string("sipMean1=") + kSelectable});
  }
  return this->step(step, "Conformations of each image");
}

cli::ExitStatus Job::export_structures() {
  const std::string maps = folder_.file("maps");
  const std::string script = folder_.file("open.cxc");
  Step step{.name = "export",
            .command = {"cryosip-export",
                        ensemble_,
                        "--clusters",
                        option("representatives"),
                        "--images",
                        images_,
                        "--volumes",
                        maps,
                        "--chimerax",
                        script,
                        "--seed",
                        std::to_string(invocation_.seed),
                        "-o",
                        representatives_},
            .reads = {ensemble_, images_},
            .writes = {maps, script, representatives_}};
  const std::string& model = invocation_.text("model");
  if (!model.ends_with(".star")) {  // it is made of atoms
    const std::string structures = folder_.file("representatives.cif");
    step.command.insert(step.command.end(), {"--pdb", structures});
    step.writes.push_back(structures);
  }
  if (!brings_coordinates(model)) {  // all its atoms go with the nodes of the network
    step.command.insert(step.command.end(), {"--structure", model});
    step.reads.push_back(model);
  }
  if (!record_.done(step)) {
    std::filesystem::remove_all(maps);  // there may have been more
  }
  const cli::ExitStatus status = this->step(step, "Structures and maps");
  if (status == cli::ExitStatus::Success) {
    formats::write_volume(folder_.file("map.mrc"), mean_map(representatives_));
  }
  return status;
}

cli::ExitStatus Job::step(const Step& step, const std::string& title) {
  if (stopping()) {
    return cli::ExitStatus::Interrupted;
  }
  if (record_.done(step)) {
    std::cout << ' ' << title << ": done before" << std::endl;
    return cli::ExitStatus::Success;
  }
  record_.begin(step);
  const cli::ExitStatus status = run_tool(step.command, title);
  if (status == cli::ExitStatus::Success) {
    record_.finish(step);
  }
  return status;
}

cli::ExitStatus Job::run_tool(const Words& command, const std::string& title) {
  std::cout << ' ' << title << " ...\n";
  for (const std::string& word : command) {
    std::cout << ' ' << word;
  }
  std::cout << std::endl;

  Words words = command;
  words[0] = std::filesystem::read_symlink("/proc/self/exe").parent_path() / command[0];
  const char* const threads = invocation_.has("j") ? "j" : "threads";
  words.insert(words.end(), {"--verbose", "--threads", option(threads)});
  if (invocation_.has("no-provenance")) {
    words.emplace_back("--no-provenance");
  }
  const ChildEnd end = run_child(
      words, [&](std::string_view line) { show(command[0], line); }, [&] { return stopping(); });
  bar_.end();
  if (stopping()) {
    return cli::ExitStatus::Interrupted;
  }
  if (end.signal != 0) {
    throw Error(ErrorKind::Numerical,
                command[0] + " was killed: " + strsignal(end.signal) +
                    (end.signal == SIGKILL ? "; was there memory enough?" : ""));
  }
  return static_cast<cli::ExitStatus>(end.exit_status);
}

// Its progress becomes RELION's bar, what it notes stays beside it; warnings and the error are for
// run.err.
void Job::show(std::string_view tool, std::string_view line) {
  const std::string prefix = std::string(tool) + ": ";
  std::string_view message = line;
  if (message.starts_with(prefix)) {
    message.remove_prefix(prefix.size());
  }
  if (const auto state = cli::parse_progress(message)) {
    if (state->total > 0) {
      bar_.show(state->done, state->total, state->elapsed_seconds);
    }
    return;
  }
  bar_.end();
  if (message.starts_with("warning: ") || message.starts_with("error: ")) {
    std::cerr << line << std::endl;
  } else {
    std::cout << "   " << message << std::endl;
  }
}

void Job::write_output_nodes() {
  std::ifstream job_star(folder_.file("job.star"));
  std::vector<OutputNode> nodes = {{folder_.file("particles.star"), NodeKind::Particles},
                                   {folder_.file("map.mrc"), NodeKind::Map}};
  const formats::StarFile representatives = formats::read_star(representatives_);
  const formats::StarTable& maps = representatives.table("sip_representatives");
  for (std::size_t row = 0; row < maps.rows(); ++row) {
    nodes.push_back({std::string(maps.text(row, maps.column("sipMap"))), NodeKind::Map});
  }
  formats::StarFile file;
  file.tables.push_back(output_nodes(nodes, version_of_job(job_star)));
  cli::with_output(folder_.file("RELION_OUTPUT_NODES.star"),
                   [&](std::ostream& out) { formats::write_star(out, file); });
}

cli::Tool tool(JobFolder* folder) {
  namespace po = cli::po;
  const NormalModeOptions modes;
  const InitialEnsembleOptions start;
  cli::Tool tool;
  tool.name = kName;
  tool.summary = "a RELION External job: from particles and a model to conformations";
  tool.description =
      "Give this program to RELION's job type External as the external executable, particles as "
      "its input, and the parameters below as the form's label and value. It makes normal "
      "modes where the model is a structure, draws conformations to start from, checks the "
      "particles, flows, and leaves in the job's folder the ensemble, the particles with their "
      "conformations, maps and structures; particles and map are offered to the jobs that follow.\n"
      "\n"
      "Run again in the same folder, it goes on where it was: what was made with the same "
      "parameters from the same files is kept. It stops when RELION's Abort is pressed.\n"
      "\n"
      "Without RELION it runs in the same way, from the folder that the paths in the particle STAR "
      "file are relative to.";
  po::options_description relion("What RELION's form fills in");
  relion.add_options()                                                                     //
      ("o", po::value<std::string>()->required()->value_name("DIR"), "folder of the job")  //
      ("in_parts",
       po::value<std::string>()->required()->value_name("FILE"),
       "Input particles: RELION particle STAR file")  //
      ("in_3dref",
       po::value<std::string>()->value_name("FILE"),
       "3D reference: map that the model should lie in; compared before the flow")  //
      ("in_mask",
       po::value<std::string>()->value_name("FILE"),
       "3D mask: where model and reference are compared")  //
      ("pipeline_control",
       po::value<std::string>()->value_name("DIR"),
       "given by RELION at times; the folder of --o is what counts");
  po::options_description parameters("Parameters, for the tab Params");
  parameters.add_options()  //
      ("model",
       po::value<std::string>()->required()->value_name("FILE"),
       "structure (PDB, mmCIF), turned as in the particles' consensus map; or a model with "
       "coordinates of its own: normal modes (.nmd), a volume model (.star)")  //
      ("modes",
       po::value<std::int64_t>()->default_value(modes.modes)->value_name("N"),
       "normal modes of a structure")  //
      ("amplitude",
       po::value<double>()->default_value(modes.amplitude_angstrom)->value_name("A"),
       "RMSD of mode 1 at coordinate 1, in angstrom")  //
      ("conformations",
       po::value<std::int64_t>()->default_value(start.count)->value_name("N"),
       "how many conformations the ensemble has")  //
      ("steps",
       po::value<std::int64_t>()->default_value(kDefaultSteps)->value_name("T"),
       "steps of the flow")  //
      ("objective",
       po::value<std::string>()->default_value("auto")->value_name("WORD"),
       "what is compared: likelihood, mmd or energy; auto: likelihood")  //
      ("poses",
       po::value<std::string>()->default_value("auto")->value_name("WORD"),
       "given (by the particles), in-plane (given but for psi) or uniform (unknown); auto: given "
       "where they have them")  //
      ("resolution",
       po::value<double>()->default_value(0)->value_name("A"),
       "finest detail compared, in angstrom; 0: where the model's image fades, at most 6")  //
      ("representatives",
       po::value<std::int64_t>()->default_value(kDefaultRepresentatives)->value_name("K"),
       "conformations that stand for the ensemble, each with its population, as structures and "
       "maps");
  tool.groups.push_back(relion);
  tool.groups.push_back(parameters);
  tool.uses_randomness = true;
  tool.examples = {
      {"What RELION runs",
       "cryosip-relion-job --o External/job012/ --in_parts Refine3D/job010/run_data.star "
       "--model model.pdb --modes 6 --j 8"}};
  tool.see_also = {"cryosip-flow-step(1)", "cryosip-check(1)"};
  tool.run = [folder](const cli::Invocation& invocation) { return Job(*folder, invocation).run(); };
  return tool;
}

// Wanted before anything else is looked at: RELION must be told of a wrong command line too.
std::optional<std::string> folder_argument(int argc, const char* const* argv) {
  const std::string_view assigned = "--o=";
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--o" && i + 1 < argc) {
      return argv[i + 1];
    }
    if (argument.starts_with(assigned)) {
      return std::string(argument.substr(assigned.size()));
    }
  }
  return std::nullopt;
}

// A label without a value in RELION's form becomes an option without one, and the parser would take
// the next option for it.
void check_values(const cli::Tool& tool, int argc, const char* const* argv) {
  for (const cli::po::options_description& group : tool.groups) {
    for (const auto& option : group.options()) {
      for (int i = 1; i + 1 < argc; ++i) {
        if (argv[i] == "--" + option->long_name() &&
            std::string_view(argv[i + 1]).starts_with("--")) {
          throw Error(ErrorKind::Usage, std::string(argv[i]) + ": its value is missing");
        }
      }
    }
  }
}

int run(int argc, const char* const* argv) {
  // A full disk, or a limit on the size of files, is an error like any other, for the tools too.
  std::signal(SIGXFSZ, SIG_IGN);
  std::optional<JobFolder> folder;
  if (const auto path = folder_argument(argc, argv)) {
    folder.emplace(*path);
  }
  const cli::Tool definition = tool(folder ? &*folder : nullptr);
  check_values(definition, argc, argv);
  const int status = cli::run_tool(definition, argc, argv);
  if (folder) {
    if (folder->abort_requested()) {
      std::cout << " Stopped as asked; run again to go on" << std::endl;
    }
    folder->leave(folder->abort_requested() ? JobEnd::Aborted : JobEnd::Failure);
  }
  return status;
}

}  // namespace
}  // namespace cryosip::relion

int main(int argc, char** argv) {
  try {
    return cryosip::relion::run(argc, argv);
  } catch (const cryosip::Error& error) {
    std::cerr << "cryosip-relion-job: error: " << error.what() << '\n';
    return static_cast<int>(cryosip::cli::exit_status(error.kind()));
  }
}

// cryosip-relion-job: the whole of cryosip as a job of RELION's.
//
// Runs the tools beside itself one after the other, in the folder of an External job.
#include <chrono>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "formats/star.hpp"
#include "libcryosip/structure/initial_ensemble.hpp"
#include "libcryosip/structure/normal_modes.hpp"
#include "plugins/relion/child_process.hpp"
#include "plugins/relion/job_folder.hpp"
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
        record_(folder.file("cryosip_steps.star")),
        bar_(std::cout) {}

  cli::ExitStatus run();

 private:
  using Words = std::vector<std::string>;

  [[nodiscard]] std::string option(const std::string& name) const {
    return value_text(invocation_, name);
  }
  [[nodiscard]] bool stopping() const { return cli::interrupted() || folder_.abort_requested(); }
  void check_model() const;
  cli::ExitStatus make_modes();
  cli::ExitStatus flow();
  cli::ExitStatus assign();
  cli::ExitStatus export_structures();
  cli::ExitStatus step(const Step& step, const std::string& title);
  cli::ExitStatus run_tool(const Words& command, const std::string& title);
  void show(std::string_view tool, std::string_view line);
  void write_output_nodes();

  JobFolder& folder_;
  const cli::Invocation& invocation_;
  StepRecord record_;
  RelionBar bar_;
  std::string model_;
};

cli::ExitStatus Job::run() {
  check_model();
  const std::string& images = invocation_.text("in_parts");
  model_ = invocation_.text("model");

  const auto check = [&] {
    const std::string report = folder_.file("check.star");
    return step({"check", {"cryosip-check", images, "-o", report}, {images}, {report}},
                "Reading all images");
  };
  const auto start = [&] {
    const std::string ensemble = folder_.file("start.star");
    return step({"start",
                 {"cryosip-init-particles",
                  "--model",
                  model_,
                  "--count",
                  option("conformations"),
                  "--seed",
                  std::to_string(invocation_.seed),
                  "-o",
                  ensemble},
                 {model_},
                 {ensemble}},
                "Drawing conformations to start from");
  };
  for (const std::function<cli::ExitStatus()>& part :
       std::initializer_list<std::function<cli::ExitStatus()>>{
           [&] { return make_modes(); },
           start,
           check,
           [&] { return flow(); },
           [&] { return assign(); },
           [&] { return export_structures(); }}) {
    if (const cli::ExitStatus status = part(); status != cli::ExitStatus::Success) {
      return status;
    }
  }
  write_output_nodes();
  std::cout << " Done\n";
  cli::flush_standard_output();
  folder_.leave(JobEnd::Success);
  return cli::ExitStatus::Success;
}

void Job::check_model() const {
  for (const char* const name : {"modes", "amplitude"}) {
    if (brings_coordinates(invocation_.text("model")) && !invocation_.options[name].defaulted()) {
      throw Error(ErrorKind::Usage,
                  std::string("--") + name + " has no meaning for " + invocation_.text("model") +
                      ", which brings its own coordinates");
    }
  }
}

cli::ExitStatus Job::make_modes() {
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

cli::ExitStatus Job::flow() {
  const std::string start = folder_.file("start.star");
  const std::string ensemble = folder_.file("ensemble.star");
  const std::string checkpoint = folder_.file("ensemble_unfinished.star");
  const auto command = [&](const std::string& from, const std::string& log) {
    return Words{"cryosip-flow-step",
                 from,
                 "--images",
                 invocation_.text("in_parts"),
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
                 ensemble};
  };
  Step step{.name = "flow",
            .command = command(start, "flow_log.star"),
            .reads = {start, invocation_.text("in_parts")},
            .writes = {ensemble}};
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
  const std::string& images = invocation_.text("in_parts");
  const std::string ensemble = folder_.file("ensemble.star");
  const std::string particles = folder_.file("particles.star");
  return step({"assign",
               {"cryosip-assign", ensemble, "--images", images, "-o", particles},
               {ensemble, images},
               {particles}},
              "Each image's own conformations");
}

cli::ExitStatus Job::export_structures() {
  const std::string ensemble = folder_.file("ensemble.star");
  return step({"export",
               {"cryosip-export",
                ensemble,
                "--clusters",
                option("representatives"),
                "--volumes",
                folder_.file("maps"),
                "--chimerax",
                folder_.file("open.cxc")},
               {ensemble},
               {folder_.file("maps"), folder_.file("open.cxc")}},
              "Maps and structures");
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
  formats::StarFile file;
  file.tables.push_back(output_nodes({{folder_.file("particles.star"), NodeKind::Particles},
                                      {folder_.file("map.mrc"), NodeKind::Map}},
                                     version_of_job(job_star)));
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
      ("pipeline_control",
       po::value<std::string>()->value_name("DIR"),
       "given by RELION at times; the folder of --o is what counts");
  po::options_description parameters("Parameters, for the tab Params");
  parameters.add_options()  //
      ("model",
       po::value<std::string>()->required()->value_name("FILE"),
       "structure (PDB, mmCIF), in the frame of the particles' consensus map; or a model with "
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
       "given (by the particles) or uniform (unknown); auto: given where they have them")  //
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

// A tool that computes nothing, for the tests of what every tool shares (tests/cli/check_cli.sh).
#include <chrono>
#include <iterator>
#include <map>
#include <new>
#include <ostream>
#include <stdexcept>
#include <string>
#include <thread>

#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace {

using namespace cryosip;
namespace po = cryosip::cli::po;

void throw_on_demand(const std::string& kind) {
  static const std::map<std::string, ErrorKind> kinds = {{"usage", ErrorKind::Usage},
                                                         {"input", ErrorKind::Input},
                                                         {"output", ErrorKind::Output},
                                                         {"numerical", ErrorKind::Numerical},
                                                         {"unavailable", ErrorKind::Unavailable}};
  if (const auto found = kinds.find(kind); found != kinds.end()) {
    throw Error(found->second, "here:1: a thing found,\nexpected another");
  }
  if (kind == "memory") {
    throw std::bad_alloc();
  }
  if (kind == "bug") {
    throw std::logic_error("surprise");
  }
}

cli::ExitStatus run(const cli::Invocation& invocation) {
  std::string text;
  cli::with_input(invocation.text("IN.star"), [&](std::istream& in, const std::string&) {
    text.assign(std::istreambuf_iterator<char>(in), {});
  });
  throw_on_demand(invocation.text("fail"));
  const auto steps = invocation.options["steps"].as<std::size_t>();
  std::size_t done = 0;
  if (steps > 0) {
    const ProgressStage stage(invocation.progress, "idling", steps);
    while (done < steps && !invocation.progress.cancelled()) {
      std::this_thread::sleep_for(std::chrono::milliseconds(20));
      invocation.progress.advance(++done);
    }
    invocation.progress.note("a note");
    invocation.progress.warn("a warning");
  }
  cli::with_output(invocation.text("output"), [&](std::ostream& out) {
    for (const std::string& line : invocation.provenance) {
      out << "# " << line << '\n';
    }
    out << "seed " << invocation.seed << "\nsteps " << (done < steps ? "fewer" : "all") << '\n'
        << text;
  });
  return cli::ExitStatus::Success;
}

cli::Tool tool() {
  cli::Tool tool;
  tool.name = "cryosip-fake";
  tool.summary = "copy text, slowly or not at all";
  tool.description =
      "Copies IN.star to the output.\n\nIts texts hold what a manual must escape: -1 \xC3\x85, "
      "'quoted', \\back, and\n.a dot at the start of a line.";
  tool.positionals = {{"IN.star", "what to copy", "-"}};
  tool.options.add_options()  //
      ("output,o",
       po::value<std::string>()->default_value("-")->value_name("FILE"),
       "where to write");
  po::options_description pace("Pace");
  pace.add_options()  //
      ("steps",
       po::value<std::size_t>()->default_value(0)->value_name("N"),
       "steps of 20 ms to idle")                                                                  //
      ("step-size", po::value<double>()->default_value(0.1)->value_name("\xC3\x85"), "not used")  //
      ("fail", po::value<std::string>()->default_value(""), "fail with an error of this kind");
  tool.groups.push_back(pace);
  tool.examples = {{"Copy a file", "cryosip-fake in.star -o out.star"}};
  tool.see_also = {"cryosip(1)"};
  tool.uses_randomness = true;
  tool.run = run;
  return tool;
}

}  // namespace

int main(int argc, char** argv) {
  return cryosip::cli::run_tool(tool(), argc, argv);
}

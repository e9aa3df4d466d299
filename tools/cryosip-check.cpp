// cryosip-check: reads a data set whole and says what is wrong with it.
#include <iostream>

#include "formats/star.hpp"
#include "libcryosip/dataset/data_check.hpp"
#include "tools/cli/data_options.hpp"
#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip {
namespace {

std::string_view contrast_word(Contrast contrast) {
  switch (contrast) {
    case Contrast::Bright:
      return "bright";
    case Contrast::Dark:
      return "dark";
    default:
      return "unclear";
  }
}

formats::StarFile report(const DataCheck& check, std::vector<std::string> comments) {
  const DataInspection& data = check.inspection;
  formats::StarFile file;
  file.comments = std::move(comments);
  formats::StarTable summary("sip_check", {}, formats::StarTable::Form::Pairs);
  const auto count = [](std::size_t number) { return static_cast<std::int64_t>(number); };
  summary.add_pair("sipFile", check.table.source);
  summary.add_pair_integer("sipImages", count(check.table.records.size()));
  summary.add_pair_integer("sipBox", data.grid.box);
  summary.add_pair("sipPixelSize", data.grid.pixel_size_angstrom);
  summary.add_pair("sipPoses", std::string_view(check.table.has_poses ? "given" : "none"));
  summary.add_pair("sipCtf", std::string_view(check.table.has_ctf ? "given" : "none"));
  summary.add_pair("sipBackgroundSigma", check.mean_background_sigma);
  summary.add_pair("sipContrast", contrast_word(check.contrast));

  formats::StarTable optics("sip_optics_groups",
                            {"sipName", "sipPixelSize", "sipBox", "sipImages"});
  std::vector<std::size_t> members(check.table.optics_groups.size());
  for (const ParticleRecord& record : check.table.records) {
    ++members[record.optics_group];
  }
  for (std::size_t group = 0; group < members.size(); ++group) {
    const std::size_t row = optics.add_row();
    optics.set(row, 0, check.table.optics_groups[group].name);
    optics.set(row, 1, check.table.optics_groups[group].pixel_size_angstrom);
    optics.set_integer(row, 2, check.table.optics_groups[group].box);
    optics.set_integer(row, 3, count(members[group]));
  }

  formats::StarTable stacks("sip_stacks", {"sipStack", "sipResolvedPath", "sipStackImages"});
  for (const StackFile& stack : data.stacks) {
    const std::size_t row = stacks.add_row();
    stacks.set(row, 0, stack.name);
    stacks.set(row, 1, stack.resolved.empty() ? std::string_view("None") : stack.resolved);
    stacks.set_integer(row, 2, stack.file == nullptr ? 0 : count(stack.file->sections()));
  }

  formats::StarTable faults("sip_faults", {"sipSeverity", "sipCount", "sipFirst"});
  for (const DataFault& fault : data.faults) {
    const std::size_t row = faults.add_row();
    faults.set(row, 0, std::string_view(fault.fatal() ? "error" : "warning"));
    faults.set_integer(row, 1, count(fault.count));
    faults.set(row, 2, fault.first);
  }
  for (const std::string& warning : check.table.warnings) {
    const std::size_t row = faults.add_row();
    faults.set(row, 0, std::string_view("warning"));
    faults.set_integer(row, 1, 1);
    faults.set(row, 2, warning);
  }
  file.tables = {std::move(summary), std::move(optics), std::move(stacks), std::move(faults)};
  return file;
}

cli::ExitStatus run(const cli::Invocation& invocation) {
  const DataCheck check = check_data_set(
      invocation.text("PARTICLES"), cli::image_set_options(invocation), invocation.progress);
  if (check.cancelled) {
    return cli::ExitStatus::Interrupted;
  }
  cli::with_output(invocation.text("output"), [&](std::ostream& out) {
    formats::write_star(out, report(check, invocation.provenance));
  });
  for (const std::string& warning : check.table.warnings) {
    invocation.progress.warn(warning);
  }
  std::size_t fatal = 0;
  const std::string* first = nullptr;
  for (const DataFault& fault : check.inspection.faults) {
    if (fault.fatal()) {
      ++fatal;
      first = first == nullptr ? &fault.first : first;
    } else {
      invocation.progress.warn(fault.first + " (" + std::to_string(fault.count) + " such)");
    }
  }
  if (first != nullptr) {
    throw Error(
        ErrorKind::Input,
        *first +
            (fatal > 1 ? " (and " + std::to_string(fatal - 1) + " other kinds of error)" : ""));
  }
  return cli::ExitStatus::Success;
}

cli::Tool tool() {
  namespace po = cli::po;
  cli::Tool tool;
  tool.name = "cryosip-check";
  tool.summary = "read a data set whole and say what is wrong with it";
  tool.description =
      "Reads a particle file, RELION's STAR or cryoSPARC's .cs, finds and opens every stack it "
      "names, "
      "reads every pixel, and writes what it found: box, pixel size, optics groups, the path of "
      "each "
      "stack, whether molecules are bright or dark, and of each kind of fault the first, with how "
      "many there are.\n"
      "\n"
      "The exit status is 3 when the images cannot be used as they are; warnings leave it 0.";
  tool.positionals = {{"PARTICLES", "RELION particle STAR file or cryoSPARC .cs file"}};
  tool.options.add_options()  //
      ("output,o",
       po::value<std::string>()->default_value("-")->value_name("FILE"),
       "where to write the report; - is standard output");
  tool.groups.push_back(cli::data_option_group());
  tool.examples = {
      {"Before hours of work", "cryosip-check run_data.star"},
      {"What cryoSPARC exported",
       "cryosip-check J42_particles.cs --passthrough J42_passthrough_particles.cs --datadir "
       "/data/P3"}};
  tool.see_also = {"cryosip-flow-step(1)"};
  tool.run = run;
  return tool;
}

}  // namespace
}  // namespace cryosip

int main(int argc, char** argv) {
  return cryosip::cli::run_tool(cryosip::tool(), argc, argv);
}

// cryosip-report: one self-contained HTML page about a run.
#include <filesystem>
#include <ostream>
#include <string>
#include <system_error>

#include "formats/error.hpp"
#include "libcryosip/report/png.hpp"
#include "libcryosip/report/report.hpp"
#include "libcryosip/report/svg.hpp"
#include "tools/cli/data_options.hpp"
#include "tools/cli/imaging_options.hpp"
#include "tools/cli/meaning_options.hpp"
#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip {
namespace {

ReportOptions report_options(const cli::Invocation& invocation) {
  const auto text = [&](const char* name) {
    return invocation.has(name) ? invocation.text(name) : std::string();
  };
  ReportOptions options;
  options.paths = {invocation.text("RUN_DIR"),
                   text("ensemble"),
                   text("start"),
                   text("truth"),
                   text("log"),
                   text("particles"),
                   text("evaluation"),
                   text("model")};
  options.data = cli::image_set_options(invocation);
  cli::set_meaning(invocation, options.images.drawing);
  options.images.drawing.image_count = invocation.count("image-count");
  options.images.drawing.seed = invocation.seed;
  options.images.examples = invocation.count("examples");
  options.states = static_cast<Eigen::Index>(invocation.count("clusters"));
  options.title = text("title");
  return options;
}

void write_figures(const std::string& folder, const std::vector<Figure>& figures) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) {
    throw Error(ErrorKind::Output, folder + ": cannot be created: " + error.message());
  }
  for (const Figure& figure : figures) {
    const std::string stem = (std::filesystem::path(folder) / figure.name).string();
    cli::with_output(stem + ".svg", [&](std::ostream& out) { out << to_svg_file(figure); });
    cli::with_output(stem + ".png", [&](std::ostream& out) { out << to_png(figure); });
  }
}

cli::ExitStatus run(const cli::Invocation& invocation) {
  const ReportOptions options = report_options(invocation);
  cli::check_writable(invocation.text("output"));
  std::string footer;
  for (const std::string& line : invocation.provenance) {
    footer += (footer.empty() ? "" : ": ") + line;
  }
  const Report report = make_report(options, footer, invocation.progress);
  if (invocation.has("figures")) {
    write_figures(invocation.text("figures"), report.figures);
  }
  cli::with_output(invocation.text("output"), [&](std::ostream& out) { out << report.html; });
  return cli::ExitStatus::Success;
}

cli::Tool tool() {
  namespace po = cli::po;
  const ReportOptions defaults;
  cli::Tool tool;
  tool.name = "cryosip-report";
  tool.summary = "one self-contained HTML page about a run";
  tool.description =
      "Makes one HTML file of what a run has left in a folder: the distribution against start and "
      "truth, representative structures, observed against simulated images, distances, "
      "convergence, "
      "commands and versions, and warnings in plain words. The file needs nothing but itself: no "
      "network, no fonts, no script.\n"
      "\n"
      "Files are known by their names: ensemble.star (which there must be), start.star, truth.star "
      "or particles_truth.star, log.star, particles.star, evaluation.star, and the model that the "
      "ensemble names. Of the others the page says what is missing. An option names a file that is "
      "called otherwise or lies elsewhere.";
  tool.positionals = {{"RUN_DIR", "folder with the files of a run"}};
  tool.options.add_options()  //
      ("output,o",
       po::value<std::string>()->default_value("-")->value_name("FILE"),
       "where to write the page; - is standard output")  //
      ("figures",
       po::value<std::string>()->value_name("FOLDER"),
       "also write each figure there, as SVG and as PNG")  //
      ("title",
       po::value<std::string>()->value_name("TEXT"),
       "heading of the page; by default from the folder's name")  //
      ("clusters",
       po::value<std::int64_t>()->default_value(defaults.states)->value_name("K"),
       "most representative structures")  //
      ("image-count",
       po::value<std::int64_t>()
           ->default_value(static_cast<std::int64_t>(defaults.images.drawing.image_count))
           ->value_name("N"),
       "most observed images that are compared")  //
      ("examples",
       po::value<std::int64_t>()
           ->default_value(static_cast<std::int64_t>(defaults.images.examples))
           ->value_name("N"),
       "how many single images are shown");
  po::options_description files("Files, where they have other names");
  files.add_options()                                                                       //
      ("ensemble", po::value<std::string>()->value_name("FILE"), "the distribution found")  //
      ("start", po::value<std::string>()->value_name("FILE"), "the ensemble begun with")    //
      ("truth", po::value<std::string>()->value_name("FILE"), "an ensemble or a mixture")   //
      ("log", po::value<std::string>()->value_name("FILE"), "log of cryosip-flow-step")     //
      ("particles",
       po::value<std::string>()->value_name("FILE"),
       "the images: RELION particle STAR file")                                                  //
      ("evaluation", po::value<std::string>()->value_name("FILE"), "table of cryosip-evaluate")  //
      ("model",
       po::value<std::string>()->value_name("FILE"),
       "by default the ensemble's own; else normal modes (NMD) or a built-in model");
  tool.groups.push_back(files);
  tool.groups.push_back(cli::data_option_group());
  tool.groups.push_back(cli::meaning_option_group());
  tool.groups.push_back(cli::imaging_option_group());
  tool.uses_randomness = true;
  tool.examples = {
      {"A page about the run in this folder", "cryosip-report . -o report.html"},
      {"Its figures for a talk", "cryosip-report run1 --figures run1/figures -o run1/report.html"}};
  tool.see_also = {"cryosip-evaluate(1)", "cryosip-flow-step(1)"};
  tool.run = run;
  return tool;
}

}  // namespace
}  // namespace cryosip

int main(int argc, char** argv) {
  return cryosip::cli::run_tool(cryosip::tool(), argc, argv);
}

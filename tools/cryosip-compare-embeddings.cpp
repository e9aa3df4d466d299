// cryosip-compare-embeddings: whether two embeddings of images agree on who is near whom.
#include <algorithm>
#include <ostream>
#include <string>
#include <utility>
#include <vector>

#include "formats/star.hpp"
#include "libcryosip/assess/embedding.hpp"
#include "libcryosip/assess/embedding_comparison.hpp"
#include "libcryosip/assess/table_json.hpp"
#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip {
namespace {

cli::ExitStatus run(const cli::Invocation& invocation) {
  EmbeddingComparisonOptions options;
  options.neighbours = static_cast<Eigen::Index>(invocation.count("neighbours"));
  options.image_count = static_cast<Eigen::Index>(invocation.count("image-count"));
  options.seed = invocation.seed;
  const std::string stem = invocation.has("columns") ? invocation.text("columns") : "";
  const std::string truth_stem =
      invocation.has("truth-columns") ? invocation.text("truth-columns") : "";
  const EmbeddingPair pair =
      joined(read_embedding(formats::read_star(invocation.text("truth")), truth_stem),
             read_embedding(formats::read_star(invocation.text("E.star")), stem));
  formats::StarFile file;
  file.comments = invocation.provenance;
  file.tables = {to_star(compare_embeddings(pair, options))};
  cli::with_output(invocation.text("output"), [&](std::ostream& out) {
    if (invocation.has("json")) {
      out << to_json(file.tables);
    } else {
      formats::write_star(out, file);
    }
  });
  return cli::ExitStatus::Success;
}

cli::Tool tool() {
  namespace po = cli::po;
  const EmbeddingComparisonOptions defaults;
  cli::Tool tool;
  tool.name = "cryosip-compare-embeddings";
  tool.summary = "whether two embeddings of images agree on who is near whom";
  tool.description =
      "Prints a table of how well the places of images in one embedding tell their places in the "
      "other, whatever the coordinates of either: CryoBench's neighbourhood similarity and the "
      "information imbalance.\n"
      "\n"
      "An embedding is a STAR file with a row for each image and numbered columns: _sipMean1.. "
      "(as cryosip-assign writes them), _sipCoordinate1.. (the conformation behind each image, as "
      "cryosip-simulate writes it), or those that --columns names. Where both files have "
      "_rlnImageName, rows are joined by it; else they must be of the same images in the same "
      "order.";
  tool.positionals = {{"E.star", "the embedding"}};
  tool.options.add_options()                                                                    //
      ("truth", po::value<std::string>()->required()->value_name("T.star"), "the true places")  //
      ("output,o",
       po::value<std::string>()->default_value("-")->value_name("FILE"),
       "where to write the table; - is standard output")   //
      ("json", "write the table as JSON instead of STAR")  //
      ("columns",
       po::value<std::string>()->value_name("STEM"),
       "what the embedding's columns are called, without their numbers, such as rlnAngle")      //
      ("truth-columns", po::value<std::string>()->value_name("STEM"), "the same of the truth")  //
      ("neighbours",
       po::value<std::int64_t>()
           ->default_value(static_cast<std::int64_t>(defaults.neighbours))
           ->value_name("K"),
       "largest neighbourhood of the similarity; 0: 4000, or a quarter of every fifth image")  //
      ("image-count",
       po::value<std::int64_t>()
           ->default_value(static_cast<std::int64_t>(defaults.image_count))
           ->value_name("N"),
       "most images of the information imbalance, drawn at random");
  tool.uses_randomness = true;
  tool.examples = {{"Posteriors of simulated images against the truth",
                    "cryosip-compare-embeddings --truth sim_truth.star sim_assigned.star"}};
  tool.see_also = {"cryosip-assign(1)", "cryosip-evaluate(1)"};
  tool.run = run;
  return tool;
}

}  // namespace
}  // namespace cryosip

int main(int argc, char** argv) {
  return cryosip::cli::run_tool(cryosip::tool(), argc, argv);
}

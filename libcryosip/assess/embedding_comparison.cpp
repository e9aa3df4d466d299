#include "libcryosip/assess/embedding_comparison.hpp"

#include <algorithm>
#include <cstddef>
#include <unordered_map>
#include <utility>

#include "formats/error.hpp"
#include "formats/image_name.hpp"
#include "libcryosip/assess/embedding.hpp"
#include "libcryosip/core/choose.hpp"
#include "libcryosip/structure/numbered_columns.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

std::vector<std::string> image_names(const formats::StarTable& table, std::size_t column) {
  std::vector<std::string> names;
  std::unordered_map<std::string, std::size_t> seen;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const formats::ImageName name = formats::parse_image_name(table.text(row, column));
    names.push_back(formats::format_image_name(name.index, name.path));
    if (!seen.emplace(names.back(), row).second) {
      table.fail(row, column, "image '" + names.back() + "' stands twice");
    }
  }
  return names;
}

// A twentieth of the largest, two, .., as whole numbers.
std::vector<Index> neighbourhoods(Index largest) {
  std::vector<Index> sizes;
  for (Index step = 1; step <= 20; ++step) {
    const Index size = largest * step / 20;
    if (size > 0 && (sizes.empty() || size != sizes.back())) {
      sizes.push_back(size);
    }
  }
  return sizes;
}

}  // namespace

Embedding read_embedding(const formats::StarFile& file, std::string_view stem) {
  const std::vector<std::string> stems = stem.empty()
                                             ? std::vector<std::string>{"sipMean", "sipCoordinate"}
                                             : std::vector<std::string>{std::string(stem)};
  for (const std::string& candidate : stems) {
    for (const formats::StarTable& table : file.tables) {
      const auto columns = numbered_columns(table, candidate);
      if (columns.empty()) {
        continue;
      }
      Embedding embedding{file.source, transposed_numbers(table, columns), {}};
      if (const auto names = table.find("rlnImageName")) {
        embedding.images = image_names(table, *names);
      }
      return embedding;
    }
  }
  throw Error(ErrorKind::Input,
              file.source + ": no columns _" + stems.front() + "1.." +
                  (stems.size() > 1 ? " or _" + stems.back() + "1.." : ""));
}

EmbeddingPair joined(const Embedding& truth, const Embedding& embedding) {
  if (truth.images.empty() || embedding.images.empty()) {
    if (truth.places.cols() != embedding.places.cols()) {
      throw Error(ErrorKind::Input,
                  embedding.source + ": " + std::to_string(embedding.places.cols()) +
                      " images found, expected " + std::to_string(truth.places.cols()) + " as in " +
                      truth.source + " (no names to join them by)");
    }
    return {truth.places, embedding.places};
  }
  std::unordered_map<std::string_view, Index> column_of;
  for (std::size_t i = 0; i < truth.images.size(); ++i) {
    column_of.emplace(truth.images[i], static_cast<Index>(i));
  }
  std::vector<Index> of_truth;
  std::vector<Index> of_embedding;
  for (std::size_t i = 0; i < embedding.images.size(); ++i) {
    const auto found = column_of.find(embedding.images[i]);
    if (found != column_of.end()) {
      of_truth.push_back(found->second);
      of_embedding.push_back(static_cast<Index>(i));
    }
  }
  if (of_truth.empty()) {
    throw Error(ErrorKind::Input, embedding.source + ": no image that " + truth.source + " names");
  }
  return {truth.places(Eigen::all, of_truth), embedding.places(Eigen::all, of_embedding)};
}

std::vector<EmbeddingRow> compare_embeddings(const EmbeddingPair& pair,
                                             const EmbeddingComparisonOptions& options) {
  const Index images = pair.truth.cols();
  const Index subset = images / 5;
  const Index largest =
      options.neighbours > 0 ? options.neighbours : std::min<Index>(4000, subset / 4);
  if (largest < 1) {
    throw Error(ErrorKind::Usage,
                std::to_string(images) + " images to compare, expected at least 20");
  }
  const NeighbourhoodSimilarity similarity =
      neighbourhood_similarity(pair.truth, pair.embedding, neighbourhoods(largest));
  std::vector<EmbeddingRow> rows;
  const auto add_similarity = [&](const char* metric, bool as_share) {
    for (Index i = 0; i < similarity.hits.size(); ++i) {
      const Index k = similarity.neighbours[static_cast<std::size_t>(i)];
      const double scale = as_share ? 1.0 / static_cast<double>(k + 1) : 1.0;
      rows.push_back(
          {metric, k, images, scale * similarity.hits(i), scale * similarity.hits_deviation(i)});
    }
  };
  add_similarity("neighbourhood_hits", false);
  add_similarity("neighbourhood_similarity", true);

  // The choice of observed images is stream 0.
  const std::vector<std::size_t> chosen = choose({options.seed, StreamPurpose::ComparisonChoice, 1},
                                                 static_cast<std::size_t>(images),
                                                 static_cast<std::size_t>(options.image_count));
  const Eigen::MatrixXd truth = pair.truth(Eigen::all, chosen);
  const Eigen::MatrixXd embedding = pair.embedding(Eigen::all, chosen);
  for (const Index k : {Index{1}, Index{3}}) {
    const InformationImbalance imbalance = information_imbalance(truth, embedding, k);
    rows.push_back(
        {"information_imbalance_from_truth", k, imbalance.images, imbalance.a_to_b, std::nullopt});
    rows.push_back(
        {"information_imbalance_to_truth", k, imbalance.images, imbalance.b_to_a, std::nullopt});
  }
  return rows;
}

formats::StarTable to_star(const std::vector<EmbeddingRow>& rows) {
  formats::StarTable table(
      "sip_embedding_comparison",
      {"sipMetric", "sipNeighbours", "sipImages", "sipValue", "sipStandardDeviation"});
  for (const EmbeddingRow& row : rows) {
    const std::size_t at = table.add_row();
    table.set(at, 0, row.metric);
    table.set_integer(at, 1, row.neighbours);
    table.set_integer(at, 2, row.images);
    table.set(at, 3, row.value);
    if (row.deviation) {
      table.set(at, 4, *row.deviation);
    } else {
      table.set(at, 4, std::string_view("None"));
    }
  }
  return table;
}

}  // namespace cryosip

// Two embeddings of the same images, as files have them, side by side: the table that
// cryosip-compare-embeddings prints.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <Eigen/Core>

#include "formats/star.hpp"

namespace cryosip {

struct Embedding {
  std::string source;               ///< file name, for messages
  Eigen::MatrixXd places;           ///< (coordinates, images)
  std::vector<std::string> images;  ///< (images): rlnImageName in one spelling, or empty
};

/// Columns STEM1..K of the first block that has STEM1.
/// @param stem  empty: sipMean, else sipCoordinate
/// @throws Error(Input) naming file and line: no such columns, an image named twice
Embedding read_embedding(const formats::StarFile& file, std::string_view stem);

struct EmbeddingPair {
  Eigen::MatrixXd truth;      ///< (coordinates, images)
  Eigen::MatrixXd embedding;  ///< (coordinates, images)
};

/// The images that both name; all of them, in order, where one of them names none.
/// @throws Error(Input) none in common; numbers of unnamed images that differ
EmbeddingPair joined(const Embedding& truth, const Embedding& embedding);

struct EmbeddingComparisonOptions {
  /// Largest number of neighbours for neighbourhood_similarity(), which is asked for a twentieth,
  /// two, .. of it.  0: CryoBench's 4000, or a quarter of its subsets' images where that is less.
  Eigen::Index neighbours = 0;
  Eigen::Index image_count = 2000;  ///< most images for information_imbalance(), as CryoBench
  std::uint64_t seed = 1;           ///< which ones
};

/// A number of neighbours' row.
struct EmbeddingRow {
  std::string metric;
  Eigen::Index neighbours = 0;
  Eigen::Index images = 0;
  double value = 0;
  std::optional<double> deviation;  ///< over the five subsets
};

/// neighbourhood_hits (counts) and neighbourhood_similarity (hits / (k + 1): 1 where the embeddings
/// agree, (k + 1) / images of a subset where they have nothing in common); for k = 1 and 3
/// information_imbalance_from_truth and information_imbalance_to_truth.
/// @throws Error(Usage) fewer images than the neighbours need
std::vector<EmbeddingRow> compare_embeddings(const EmbeddingPair& pair,
                                             const EmbeddingComparisonOptions& options);

/// Block sip_embedding_comparison: sipMetric, sipNeighbours, sipImages, sipValue,
/// sipStandardDeviation ("None": none).
formats::StarTable to_star(const std::vector<EmbeddingRow>& rows);

}  // namespace cryosip

// Neighbourhoods of embeddings: closed forms; the originals' numbers in agreement/volume_metrics.
#include "libcryosip/assess/embedding.hpp"

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/assess/embedding_comparison.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "tests/support/temporary_folder.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

Eigen::MatrixXd normals(Index coordinates, Index images, std::uint64_t name) {
  RandomStream stream(7, StreamPurpose::Test, name, 23);
  return Eigen::MatrixXd::NullaryExpr(coordinates, images, [&] { return stream.normal(); });
}

TEST(NeighbourhoodSimilarity, OfAnEmbeddingWithItselfCountsThePointToo) {
  const Eigen::MatrixXd points = normals(2, 203, 1);
  // Turned, moved and scaled: the same neighbours.
  Eigen::Matrix2d turn;
  turn << 0, -3, 3, 0;
  const auto similarity = neighbourhood_similarity(points, (turn * points).array() + 4, {1, 7, 39});
  EXPECT_EQ(similarity.hits, Eigen::Vector3d(2, 8, 40));
  EXPECT_EQ(similarity.hits_deviation, Eigen::Vector3d::Zero());
}

TEST(NeighbourhoodSimilarity, OfUnrelatedEmbeddingsIsChance) {
  const auto similarity = neighbourhood_similarity(normals(2, 1000, 2), normals(2, 1000, 3), {50});
  // The point itself, and 50 of 199 others of which each is near with probability 50/199.
  EXPECT_NEAR(similarity.hits(0), 1 + 50.0 * 50 / 199, 0.4);
}

TEST(InformationImbalance, IsNearZeroOneWayForAFunctionThatForgets) {
  // The second coordinate is lost: the plane tells the line, not the other way round.
  const Eigen::MatrixXd plane = normals(2, 600, 4);
  const Eigen::MatrixXd line = plane.topRows(1);
  const InformationImbalance imbalance = information_imbalance(plane, line, 1);
  EXPECT_LT(imbalance.a_to_b, 0.1);
  EXPECT_GT(imbalance.b_to_a, 0.4);
  EXPECT_EQ(imbalance.images, 600);
  // The same embedding: the nearest is the nearest, rank 1.
  EXPECT_NEAR(information_imbalance(plane, plane, 1).a_to_b, 2.0 / 600, 1e-12);
  EXPECT_NEAR(information_imbalance(plane, plane, 3).b_to_a, 2 * 2.0 / 600, 1e-12);
  EXPECT_NEAR(information_imbalance(plane, normals(2, 600, 5), 1).a_to_b, 1, 0.1);
}

TEST(InformationImbalance, LeavesOutImagesThatCoincide) {
  Eigen::MatrixXd a = normals(2, 30, 6);
  Eigen::MatrixXd b = normals(3, 30, 7);
  a.col(3) = a.col(2);
  b.col(9) = b.col(4);
  const InformationImbalance imbalance = information_imbalance(a, b, 2);
  EXPECT_EQ(imbalance.images, 28);
  std::vector<Index> kept;
  for (Index i = 0; i < 30; ++i) {
    if (i != 3 && i != 9) {
      kept.push_back(i);
    }
  }
  const InformationImbalance of_kept =
      information_imbalance(a(Eigen::all, kept), b(Eigen::all, kept), 2);
  EXPECT_EQ(of_kept.a_to_b, imbalance.a_to_b);
  EXPECT_EQ(of_kept.b_to_a, imbalance.b_to_a);
}

TEST(Embeddings, AreTheSameOnAnyNumberOfThreads) {
  const Eigen::MatrixXd a = normals(2, 200, 8);
  const Eigen::MatrixXd b = normals(3, 200, 9);
  const auto on = [&](std::size_t threads) {
    const ThreadLimit limit(threads);
    return std::pair(information_imbalance(a, b, 1).a_to_b,
                     neighbourhood_similarity(a, b, {5}).hits(0));
  };
  EXPECT_EQ(on(1), on(2));
}

TEST(Embeddings, RefuseWhatCannotBe) {
  EXPECT_THROW(neighbourhood_similarity(normals(2, 50, 1), normals(2, 51, 1), {1}), Error);
  EXPECT_THROW(neighbourhood_similarity(normals(2, 50, 1), normals(2, 50, 1), {10}), Error);
  EXPECT_THROW(neighbourhood_similarity(normals(2, 50, 1), normals(2, 50, 1), {0}), Error);
  EXPECT_THROW(information_imbalance(normals(2, 5, 1), normals(2, 5, 1), 5), Error);
  EXPECT_THROW(information_imbalance(normals(2, 5, 1), normals(2, 5, 1), 0), Error);
  EXPECT_THROW(compare_embeddings({normals(2, 10, 1), normals(2, 10, 1)}, {}), Error);
}

TEST(Embeddings, AreJoinedByImage) {
  const testing::TemporaryFolder folder;
  const auto read = [&](const char* text, const char* stem) {
    return read_embedding(formats::read_star(folder.write("e.star", text)), stem);
  };
  const Embedding truth = read(
      "data_x\nloop_\n_rlnImageName\n_sipCoordinate1\n1@a.mrcs 1\n2@a.mrcs 2\n3@a.mrcs 3\n\n", "");
  const Embedding other = read(
      "data_optics\n_rlnOpticsGroup 1\n\ndata_particles\nloop_\n_sipMean2\n_sipMean1\n"
      "_rlnImageName\n7 -3 000003@a.mrcs\n8 -1 000001@a.mrcs\n9 -4 000004@a.mrcs\n\n",
      "");
  const EmbeddingPair pair = joined(truth, other);
  EXPECT_EQ(pair.truth, Eigen::RowVector2d(3, 1));
  EXPECT_EQ(pair.embedding.row(0), Eigen::RowVector2d(-3, -1));
  EXPECT_EQ(pair.embedding.row(1), Eigen::RowVector2d(7, 8));

  const Embedding unnamed = read("data_x\nloop_\n_z1\n5\n6\n7\n\n", "z");
  EXPECT_EQ(joined(truth, unnamed).embedding, Eigen::RowVector3d(5, 6, 7));
  EXPECT_THROW(joined(unnamed, read("data_x\nloop_\n_z1\n5\n6\n\n", "z")), Error);
  EXPECT_THROW(read("data_x\nloop_\n_z1\n5\n\n", ""), Error);
  EXPECT_THROW(read("data_x\nloop_\n_rlnImageName\n_z1\n1@a 5\n01@a 6\n\n", "z"), Error);
  EXPECT_THROW(joined(truth, read("data_x\nloop_\n_rlnImageName\n_z1\n1@b.mrcs 5\n\n", "z")),
               Error);
}

}  // namespace
}  // namespace cryosip

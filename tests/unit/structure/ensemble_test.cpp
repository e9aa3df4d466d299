#include "libcryosip/structure/ensemble.hpp"

#include <limits>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "tests/support/for_all.hpp"

namespace cryosip {
namespace {

using ::testing::HasSubstr;

constexpr const char* kHead = "data_sip_ensemble\n\n_sipModel modes.nmd\n_sipSeed 7\n\n";

Ensemble parse(const std::string& text) {
  std::istringstream in(text);
  return read_ensemble(formats::read_star(in, "e.star"));
}

std::string message_of(const std::string& text) {
  try {
    parse(text);
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Input);
    return error.what();
  }
  return "no error";
}

std::string with_rows(const std::string& rows) {
  return kHead + std::string("data_sip_conformations\n\nloop_\n_sipWeight\n_sipCoordinate1\n") +
         "_sipCoordinate2\n" + rows;
}

Ensemble written_and_read(const Ensemble& ensemble) {
  std::stringstream stream;
  write_star(stream, to_star(ensemble, {"version 1", "some command"}));
  return read_ensemble(formats::read_star(stream, "stream"));
}

TEST(Ensemble, ReadsBackToTheSameBits) {
  testing::for_all(20, [](std::mt19937_64& rng) {
    std::normal_distribution<double> normal;
    Ensemble ensemble;
    ensemble.model = "a model's path.nmd";
    ensemble.seed = std::numeric_limits<std::uint64_t>::max();
    ensemble.objective = "mmd bandwidth=0.1";
    ensemble.coordinates = Eigen::MatrixXd::NullaryExpr(3, 9, [&] { return normal(rng); });
    ensemble.weights = Eigen::VectorXd::NullaryExpr(9, [&] { return std::abs(normal(rng)); });
    ensemble.weights /= ensemble.weights.sum();
    ensemble.flow.step = 12;
    ensemble.flow.schedule_begin = 10;
    ensemble.flow.schedule_end = 300;
    ensemble.flow.momentum = Eigen::MatrixXd::NullaryExpr(3, 9, [&] { return normal(rng); });
    ensemble.flow.values = {{"sipVelocityScale1", normal(rng)}, {"sipVelocityScale2", 1e-300}};

    const Ensemble again = written_and_read(ensemble);

    EXPECT_EQ(again.model, ensemble.model);
    EXPECT_EQ(again.seed, ensemble.seed);
    EXPECT_EQ(again.objective, ensemble.objective);
    EXPECT_EQ(again.coordinates, ensemble.coordinates);
    EXPECT_EQ(again.weights, ensemble.weights);
    EXPECT_EQ(again.flow.step, ensemble.flow.step);
    EXPECT_EQ(again.flow.schedule_begin, ensemble.flow.schedule_begin);
    EXPECT_EQ(again.flow.schedule_end, ensemble.flow.schedule_end);
    EXPECT_EQ(again.flow.momentum, ensemble.flow.momentum);
    EXPECT_EQ(again.flow.values, ensemble.flow.values);
  });
}

TEST(Ensemble, MayHaveNoMomentumNorObjective) {
  Ensemble ensemble;
  ensemble.model = "identity";
  ensemble.coordinates = Eigen::MatrixXd::Constant(1, 2, 0.5);
  ensemble.weights = Eigen::VectorXd::Constant(2, 0.5);

  const Ensemble again = written_and_read(ensemble);

  EXPECT_EQ(again.objective, "");
  EXPECT_EQ(again.flow.momentum.size(), 0);
  EXPECT_TRUE(again.flow.values.empty());
}

TEST(Ensemble, NormalisesWeights) {
  const Ensemble ensemble = parse(with_rows("1 0.5 0\n3 -0.5 1\n"));

  EXPECT_EQ(ensemble.weights, Eigen::Vector2d(0.25, 0.75));
  EXPECT_EQ(ensemble.coordinates, (Eigen::Matrix2d() << 0.5, -0.5, 0, 1).finished());
}

TEST(Ensemble, SaysWhatIsWrongWithAFile) {
  EXPECT_THAT(message_of(with_rows("1 0.5 0\n-3 -0.5 1\n")), HasSubstr("e.star:13"));
  EXPECT_THAT(message_of(with_rows("1 0.5 nan\n")), HasSubstr("e.star:12"));
  EXPECT_THAT(message_of(with_rows("0 0.5 1\n")), HasSubstr("sum to 0"));
  EXPECT_THAT(message_of(with_rows("")), HasSubstr("no rows"));
  EXPECT_THAT(message_of(kHead), HasSubstr("sip_conformations"));
  EXPECT_THAT(message_of("data_sip_conformations\n\nloop_\n_sipWeight\n1\n"),
              HasSubstr("sip_ensemble"));
  EXPECT_THAT(message_of(kHead + std::string("data_sip_conformations\n\nloop_\n_sipWeight\n"
                                             "_sipOther\n1 2\n")),
              HasSubstr("sipCoordinate1"));
  EXPECT_THAT(message_of(kHead + std::string("data_sip_conformations\n\nloop_\n_sipWeight\n"
                                             "_sipCoordinate1\n_sipCoordinate3\n1 1 1\n")),
              HasSubstr("sipCoordinate2"));
  EXPECT_THAT(message_of("data_sip_ensemble\n_sipModel m\n_sipSeed -1\n"), HasSubstr("'-1'"));
}

TEST(Ensemble, OfARigidModelHasWeightsAlone) {
  std::istringstream in(kHead + std::string("data_sip_conformations\n\nloop_\n_sipWeight\n2\n6\n"));
  const Ensemble ensemble = read_ensemble(formats::read_star(in, "e.star"));
  EXPECT_EQ(ensemble.dimension(), 0);
  EXPECT_EQ(ensemble.weights, Eigen::Vector2d(0.25, 0.75));
}

TEST(Ensemble, MomentumHasAsManyColumnsAsThereAreCoordinates) {
  EXPECT_THAT(
      message_of(kHead + std::string("data_sip_conformations\n\nloop_\n_sipWeight\n"
                                     "_sipCoordinate1\n_sipCoordinate2\n_sipMomentum1\n1 1 1 1\n")),
      HasSubstr("momentum"));
}

TEST(Ensemble, RefusesToWriteShapesThatDisagree) {
  Ensemble ensemble;
  ensemble.coordinates = Eigen::MatrixXd::Zero(2, 3);
  ensemble.weights = Eigen::VectorXd::Constant(2, 0.5);

  EXPECT_THROW(to_star(ensemble, {}), Error);
}

TEST(Ensemble, KeepsItsRefitsToTheBit) {
  Ensemble ensemble = parse(with_rows("0.5 1 2\n0.5 3 4\n"));
  EXPECT_TRUE(ensemble.refits.empty());
  EXPECT_FALSE(ensemble.perturbed);
  ensemble.refits.push_back(
      {(Eigen::Matrix2d() << 0.1, 0.2, 1.0 / 3, 4).finished(), Eigen::Vector2d(0.25, 0.75)});
  // As many conformations as it likes.
  ensemble.refits.push_back(
      {Eigen::MatrixXd::Constant(2, 3, 0.7), Eigen::Vector3d::Constant(1.0 / 3)});
  ensemble.perturbed = Refit{Eigen::MatrixXd::Constant(2, 1, -1), Eigen::VectorXd::Ones(1)};

  const Ensemble again = written_and_read(ensemble);

  ASSERT_EQ(again.refits.size(), 2U);
  for (std::size_t b = 0; b < 2; ++b) {
    EXPECT_EQ(again.refits[b].coordinates, ensemble.refits[b].coordinates);
    EXPECT_EQ(again.refits[b].weights, ensemble.refits[b].weights);
  }
  ASSERT_TRUE(again.perturbed);
  EXPECT_EQ(again.perturbed->coordinates, ensemble.perturbed->coordinates);
}

TEST(Ensemble, RefusesRefitsThatDoNotFit) {
  const std::string good =
      with_rows("0.5 1 2\n0.5 3 4\n") + "\ndata_sip_refits\n\nloop_\n_sipRefit\n";
  const std::string two = good + "_sipWeight\n_sipCoordinate1\n_sipCoordinate2\n";
  EXPECT_EQ(parse(two + "1 1 0 0\n2 2 0 0\n2 2 1 1\n").refits.at(1).weights,
            Eigen::Vector2d(0.5, 0.5));
  EXPECT_THAT(message_of(two + "2 1 0 0\n"), HasSubstr("expected 1: refits in order"));
  EXPECT_THAT(message_of(two + "1 1 0 0\n3 1 0 0\n"), HasSubstr("expected 2: refits in order"));
  EXPECT_THAT(message_of(two + "1 -1 0 0\n"), HasSubstr("a weight below 0"));
  EXPECT_THAT(message_of(two + "1 0 0 0\n"), HasSubstr("weights that sum to 0"));
  EXPECT_THAT(message_of(good + "_sipWeight\n_sipCoordinate1\n1 1 0\n"),
              HasSubstr("1 coordinates found, expected the ensemble's 2"));
}

}  // namespace
}  // namespace cryosip

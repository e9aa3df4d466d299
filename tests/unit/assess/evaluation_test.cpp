#include "libcryosip/assess/evaluation.hpp"

#include <gtest/gtest.h>

#include "formats/error.hpp"

namespace cryosip {
namespace {

Ensemble points(const Eigen::MatrixXd& coordinates) {
  Ensemble ensemble;
  ensemble.model = "identity";
  ensemble.coordinates = coordinates;
  ensemble.weights =
      Eigen::VectorXd::Constant(coordinates.cols(), 1.0 / static_cast<double>(coordinates.cols()));
  return ensemble;
}

const Ensemble kTruth = points((Eigen::Matrix2d() << 0, 1, 0, 1).finished());
const Ensemble kFinal = points((Eigen::Matrix2d() << 0, 1, 2, 3).finished());

TEST(Evaluation, HasARowForEachMetricAndCoordinate) {
  const auto rows = evaluate_ensemble(kTruth, &kTruth, kFinal);

  ASSERT_EQ(rows.size(), 8);
  EXPECT_EQ(rows[0].metric, "w1");
  EXPECT_EQ(rows[0].coordinate, 1);
  EXPECT_EQ(rows[0].final_value, 0);
  EXPECT_EQ(rows[3].metric, "w1");
  EXPECT_EQ(rows[3].coordinate, 2);
  EXPECT_EQ(rows[3].initial, 0);
  EXPECT_EQ(rows[3].final_value, 2);
  EXPECT_EQ(rows[4].final_value, 2);
  // Marginals {0, 1} and {2, 3}: 2 * 2 - 1/2 - 1/2.
  EXPECT_DOUBLE_EQ(rows[5].final_value, 3);
  EXPECT_EQ(rows[6].coordinate, 0);
  EXPECT_EQ(rows[7].metric, "effective_sample_size");
  EXPECT_DOUBLE_EQ(rows[7].final_value, 2);
}

TEST(Evaluation, TableSaysNoneWhereThereIsNoInitialEnsemble) {
  const formats::StarTable table = to_star(evaluate_ensemble(kTruth, nullptr, kFinal));

  EXPECT_EQ(table.name(), "sip_evaluation");
  EXPECT_EQ(table.text(0, table.column("sipInitial")), "None");
  EXPECT_EQ(table.number(3, table.column("sipFinal")), 2);
}

TEST(Evaluation, JsonHoldsTheSame) {
  EXPECT_EQ(to_json({{"w1", 1, std::nullopt, 0.5}, {"w2", 1, 2.0, 0.25}}),
            "{\"sip_evaluation\": [\n"
            "  {\"metric\": \"w1\", \"coordinate\": 1, \"initial\": null, \"final\": 0.5},\n"
            "  {\"metric\": \"w2\", \"coordinate\": 1, \"initial\": 2, \"final\": 0.25}\n"
            "]}\n");
}

TEST(Evaluation, RefusesEnsemblesOfOtherDimensions) {
  EXPECT_THROW(evaluate_ensemble(kTruth, nullptr, points(Eigen::MatrixXd::Zero(3, 2))), Error);
  const Ensemble initial = points(Eigen::MatrixXd::Zero(1, 2));
  EXPECT_THROW(evaluate_ensemble(kTruth, &initial, kFinal), Error);
}

}  // namespace
}  // namespace cryosip

#include "libcryosip/assess/evaluation.hpp"

#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/assess/table_json.hpp"

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

const Ensemble the_truth = points((Eigen::Matrix2d() << 0, 1, 0, 1).finished());
const Ensemble the_end = points((Eigen::Matrix2d() << 0, 1, 2, 3).finished());

TEST(Evaluation, HasARowForEachMetricAndCoordinate) {
  const auto rows = evaluate_ensemble(the_truth, &the_truth, the_end);

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
  const formats::StarTable table = to_star(evaluate_ensemble(the_truth, nullptr, the_end));

  EXPECT_EQ(table.name(), "sip_evaluation");
  EXPECT_EQ(table.text(0, table.column("sipInitial")), "None");
  EXPECT_EQ(table.number(3, table.column("sipFinal")), 2);
}

TEST(Evaluation, JsonHoldsTheSame) {
  const std::vector<EvaluationRow> rows = {{"w1", 1, std::nullopt, 0.5}, {"w2", 1, 2.0, 0.25}};
  formats::StarTable pairs("sip_x", {}, formats::StarTable::Form::Pairs);
  pairs.add_pair("sipLongName", std::string_view("a \"b\""));
  pairs.add_pair("rlnVoltage", std::string_view("300.000"));
  EXPECT_EQ(to_json({to_star(rows), pairs, formats::StarTable("sip_none", {"sipA"})}),
            "{\"sip_evaluation\": [\n"
            "  {\"metric\": \"w1\", \"coordinate\": 1, \"initial\": null, \"final\": 0.5},\n"
            "  {\"metric\": \"w2\", \"coordinate\": 1, \"initial\": 2, \"final\": 0.25}\n"
            "],\n"
            "\"sip_x\": {\"long_name\": \"a \\\"b\\\"\", \"rlnVoltage\": 300},\n"
            "\"sip_none\": [\n"
            "]}\n");
}

TEST(Evaluation, RefusesEnsemblesOfOtherDimensions) {
  EXPECT_THROW(evaluate_ensemble(the_truth, nullptr, points(Eigen::MatrixXd::Zero(3, 2))), Error);
  const Ensemble initial = points(Eigen::MatrixXd::Zero(1, 2));
  EXPECT_THROW(evaluate_ensemble(the_truth, &initial, the_end), Error);
}

TEST(EvaluationOfALog, TakesItsFirstAndItsLastStep) {
  formats::StarTable table("sip_flow_log", {"sipObjective", "sipStep", "sipEffectiveSampleSize"});
  for (int step = 1; step <= 3; ++step) {
    const std::size_t row = table.add_row();
    table.set(row, 0, -1.5 * step);
    table.set_integer(row, 1, step);
    table.set(row, 2, 100.0 - step);
  }
  formats::StarFile log;
  log.tables = {table};

  const auto rows = evaluate_log(log);

  ASSERT_EQ(rows.size(), 3U);
  EXPECT_EQ(rows[0].metric, "flow_steps");
  EXPECT_EQ(rows[0].final_value, 3);
  EXPECT_EQ(rows[1].metric, "flow_objective");
  EXPECT_EQ(rows[1].initial, -1.5);
  EXPECT_EQ(rows[1].final_value, -4.5);
  EXPECT_EQ(rows[2].final_value, 97);
  EXPECT_THROW((void)evaluate_log(formats::StarFile()), Error);
}

}  // namespace
}  // namespace cryosip

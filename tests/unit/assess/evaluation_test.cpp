#include "libcryosip/assess/evaluation.hpp"

#include <algorithm>
#include <cmath>
#include <numbers>
#include <string>
#include <vector>

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

const EvaluationRow& row_of(const std::vector<EvaluationRow>& rows,
                            const std::string& metric,
                            Eigen::Index coordinate) {
  const auto found = std::find_if(rows.begin(), rows.end(), [&](const EvaluationRow& row) {
    return row.metric == metric && row.coordinate == coordinate;
  });
  EXPECT_NE(found, rows.end()) << metric << " " << coordinate;
  return *found;
}

TEST(Evaluation, HasARowForEachMetricAndCoordinate) {
  const auto rows = evaluate_ensemble(&the_truth, &the_truth, the_end);

  // Six for each coordinate, nine for both, and the bandwidth.
  ASSERT_EQ(rows.size(), 22U);
  EXPECT_EQ(rows[0].metric, "w1");
  EXPECT_EQ(rows[0].coordinate, 1);
  EXPECT_EQ(rows[0].final_value, 0);
  EXPECT_EQ(row_of(rows, "w1", 2).initial, 0);
  EXPECT_EQ(row_of(rows, "w1", 2).final_value, 2);
  EXPECT_EQ(row_of(rows, "w2", 2).final_value, 2);
  // Marginals {0, 1} and {2, 3}: 2 * 2 - 1/2 - 1/2.
  EXPECT_DOUBLE_EQ(row_of(rows, "energy_distance", 2).final_value, 3);
  // Together (0, 0), (1, 1) go to (0, 2), (1, 3).
  EXPECT_NEAR(row_of(rows, "w1", 0).final_value, 2, 1e-12);
  EXPECT_NEAR(row_of(rows, "w2", 0).final_value, 2, 1e-12);
  EXPECT_DOUBLE_EQ(row_of(rows, "mmd2_bandwidth", 0).final_value, std::sqrt(2));
  EXPECT_DOUBLE_EQ(row_of(rows, "effective_sample_size", 0).final_value, 2);
  EXPECT_FALSE(rows[0].band);
}

TEST(Evaluation, SlicesWhereThereAreTooManyPairs) {
  EvaluationOptions options;
  options.most_pairs = 3;
  const auto rows = evaluate_ensemble(&the_truth, nullptr, the_end, options);
  // A shift by 2 along one of two axes: the mean of |2 cos| is 4 / pi, of (2 cos)^2 2.
  EXPECT_NEAR(row_of(rows, "sliced_w1", 0).final_value, 4 / std::numbers::pi, 0.1);
  EXPECT_NEAR(row_of(rows, "sliced_w2", 0).final_value, std::sqrt(2), 0.1);
  EXPECT_EQ(rows.size(), 22U);
}

TEST(Evaluation, HasBandsAndStabilityWhereThereAreRefits) {
  Ensemble end = the_end;
  for (const double shift : {-0.5, 0.0, 0.5}) {
    end.refits.push_back({the_end.coordinates.array() + shift, the_end.weights});
  }
  end.perturbed = Refit{the_end.coordinates, the_end.weights};
  const auto rows = evaluate_ensemble(&the_truth, nullptr, end);

  // w1 of coordinate 2: 1.5, 2 and 2.5 about 2; t of two degrees of freedom is 2.91998558.
  const EvaluationRow& w1 = row_of(rows, "w1", 2);
  ASSERT_TRUE(w1.band);
  EXPECT_NEAR(w1.band->lower, 2 - 0.5 * 2.91998558, 1e-7);
  EXPECT_NEAR(w1.band->upper, 2 + 0.5 * 2.91998558, 1e-7);
  EXPECT_EQ(row_of(rows, "w1", 1).band->lower, 0);
  EXPECT_FALSE(row_of(rows, "mmd2_bandwidth", 0).band);
  for (const Eigen::Index coordinate : {0, 1, 2}) {
    EXPECT_EQ(row_of(rows, "perturbation_l1", coordinate).final_value, 0);
  }
  const formats::StarTable table = to_star(rows);
  EXPECT_DOUBLE_EQ(table.number(0, table.column("sipFinalUpper")),
                   w1.band ? rows[0].band->upper : 0);
  EXPECT_EQ(table.text(table.rows() - 1, table.column("sipFinalLower")), "None");
  EXPECT_NE(to_json({to_star(rows)}).find("\"final_lower\": 0, \"final_upper\": "),
            std::string::npos);
}

TEST(Evaluation, WithoutATruthHasWhatNeedsNone) {
  const auto rows = evaluate_ensemble(nullptr, nullptr, the_end);
  ASSERT_EQ(rows.size(), 1U);
  EXPECT_EQ(rows[0].metric, "effective_sample_size");
}

TEST(Evaluation, HasNoNumberOfDensitiesOfAPoint) {
  const Ensemble point = points(Eigen::MatrixXd::Zero(1, 3));
  const auto rows = evaluate_ensemble(&point, nullptr, point);
  EXPECT_TRUE(std::isnan(row_of(rows, "kl", 1).final_value));
  EXPECT_TRUE(std::isnan(row_of(rows, "mmd2", 0).final_value));
  EXPECT_EQ(row_of(rows, "w2", 1).final_value, 0);
  const formats::StarTable table = to_star(rows);
  EXPECT_EQ(table.text(4, 3), "None");
  EXPECT_NE(to_json({to_star(rows)}).find("\"final\": null"), std::string::npos);
}

TEST(Evaluation, TestsByPermutationsWhereAsked) {
  EvaluationOptions options;
  options.permutations = 19;
  const auto rows = evaluate_ensemble(&the_truth, &the_truth, the_end, options);
  EXPECT_EQ(row_of(rows, "energy_distance_p", 0).initial, 1);
  EXPECT_GT(row_of(rows, "mmd2_p", 0).final_value, 0.05 - 1e-12);
}

TEST(Evaluation, TableSaysNoneWhereThereIsNoInitialEnsemble) {
  const formats::StarTable table = to_star(evaluate_ensemble(&the_truth, nullptr, the_end));

  EXPECT_EQ(table.name(), "sip_evaluation");
  EXPECT_EQ(table.text(0, table.column("sipInitial")), "None");
  EXPECT_EQ(table.number(6, table.column("sipFinal")), 2);
  EXPECT_FALSE(table.has("sipFinalLower"));
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
  EXPECT_THROW(evaluate_ensemble(&the_truth, nullptr, points(Eigen::MatrixXd::Zero(3, 2))), Error);
  const Ensemble initial = points(Eigen::MatrixXd::Zero(1, 2));
  EXPECT_THROW(evaluate_ensemble(&the_truth, &initial, the_end), Error);
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

// Kernel sums over pairs averaged over the in-plane angle: 800 simulated against 4000 observed
// images.
#include <array>
#include <cmath>
#include <cstdio>

#include "benchmarks/molecule.hpp"
#include "benchmarks/rates.hpp"
#include "libcryosip/discrepancy/steered_engine.hpp"

namespace cryosip::benchmarks {
namespace {

constexpr Eigen::Index kSimulated = 800;
constexpr Eigen::Index kObserved = 4000;

// Drawn once.
struct Images {
  Images() {
    const auto model = polar_model();
    layout = model->basis().layout();
    simulated = draw(*model, kSimulated, 3);
    observed = draw(*model, kObserved, 4);
    power = simulated.cast<double>().colwise().squaredNorm().mean();
    // Signal-to-noise ratio 1: variances of pixels over the whole box.
    const Eigen::VectorXd variance =
        power / static_cast<double>(kGrid.pixels()) * model->basis().noise_variance();
    noise = variance.sum();
    for (Eigen::Index j = 0; j < kObserved; ++j) {
      RandomStream stream(5, StreamPurpose::Test, static_cast<std::uint64_t>(j));
      for (Eigen::Index k = 0; k < observed.rows(); ++k) {
        observed(k, j) += static_cast<float>(std::sqrt(variance(k)) * stream.normal());
      }
    }
  }
  PolarLayout layout{1, {1}};
  Eigen::MatrixXf simulated;
  Eigen::MatrixXf observed;
  double power = 0;  // mean square norm of the simulated ones
  double noise = 0;  // mean square norm of the noise
};

// E = -(|x - R y|^2 - noise) / 2 h^2.
struct Problem {
  // @param bandwidth  h, in units of the images' root mean square norm
  // @param factors    numbers beside the images, such as ring powers against ring transfers
  Problem(double bandwidth, Eigen::Index factors) {
    static const Images images;
    const double h2 = bandwidth * bandwidth * images.power;
    const auto operand = [&](const Eigen::MatrixXf& drawn, double noise) {
      SteeredOperand side;
      side.images = drawn / static_cast<float>(std::sqrt(h2));
      side.factors = Eigen::MatrixXf::Zero(factors, drawn.cols());
      side.offsets = (noise / h2 - side.images.cast<double>().colwise().squaredNorm().array())
                         .transpose()
                         .matrix() /
                     2;
      return side;
    };
    layout = images.layout;
    simulated = operand(images.simulated, 0);
    observed = operand(images.observed, images.noise);
  }
  PolarLayout layout{1, {1}};
  SteeredOperand simulated;
  SteeredOperand observed;
};

SteeredResult evaluate(benchmark::State& state,
                       const Problem& problem,
                       const SteeredOptions& options) {
  const ThreadLimit limit(threads_of(state));
  SteeredResult result;
  for ([[maybe_unused]] const auto _ : state) {
    result = BlockedSteeredEngine().evaluate(
        problem.layout, problem.simulated, problem.observed, options);
  }
  return result;
}

void evaluate_all(benchmark::State& state, const Problem& problem) {
  const SteeredWork work = evaluate(state, problem, {.angles = 72}).work;
  report(state,
         {.flops = work.useful_flops, .items = static_cast<double>(work.asked), .unit = "pairs"});
}
void steered_pairs(benchmark::State& state) {
  evaluate_all(state, Problem(0.1, 0));
}
void steered_pairs_with_factors(benchmark::State& state) {
  evaluate_all(state, Problem(0.1, 20));
}
BENCHMARK(steered_pairs)->Apply(on_one_thread_and_all);
BENCHMARK(steered_pairs_with_factors)->Apply(on_one_thread_and_all);

// The same where pairs below exp(-10) may be left out; h in thousandths.
void steered_pairs_pruned(benchmark::State& state) {
  const Problem problem(static_cast<double>(state.range(1)) / 1000, 0);
  const SteeredResult some = evaluate(state, problem, {.angles = 72, .negligible_log = -10});
  const SteeredResult all = BlockedSteeredEngine().evaluate(
      problem.layout, problem.simulated, problem.observed, {.angles = 72});
  const auto percent = [&](std::int64_t pairs) {
    return 100 * static_cast<double>(pairs) / static_cast<double>(some.work.asked);
  };
  std::array<char, 100> unit{};
  static_cast<void>(std::snprintf(
      unit.data(),
      unit.size(),
      "pairs; left out by norms %.0f %% by low m %.0f %%; gradient %.0e off",
      percent(some.work.skipped_by_norms),
      percent(some.work.skipped_by_low_frequencies),
      (some.images_gradient - all.images_gradient).norm() / all.images_gradient.norm()));
  report(state, {.items = static_cast<double>(some.work.asked), .unit = unit.data()});
}
BENCHMARK(steered_pairs_pruned)
    ->ArgNames({"threads", "h"})
    ->ArgsProduct({{1}, {300, 200, 100, 70, 50, 30}})
    ->MeasureProcessCPUTime()
    ->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace cryosip::benchmarks

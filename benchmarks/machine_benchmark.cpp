// The machine's own rates: a large matrix product, and copying more than the caches hold.
#include <cstring>
#include <vector>

#include <Eigen/Core>

#include "benchmarks/rates.hpp"

namespace cryosip::benchmarks {
namespace {

// Eigen's single-precision product of square matrices, one on each thread.
void machine_sgemm(benchmark::State& state) {
  constexpr Eigen::Index kSize = 1024;
  const std::size_t threads = threads_of(state);
  const ThreadLimit limit(threads);
  const Eigen::MatrixXf left = Eigen::MatrixXf::Random(kSize, kSize);
  const Eigen::MatrixXf right = Eigen::MatrixXf::Random(kSize, kSize);
  std::vector<Eigen::MatrixXf> products(threads, Eigen::MatrixXf(kSize, kSize));
  for ([[maybe_unused]] const auto _ : state) {
    parallel_for(threads, [&](std::size_t i) { products[i].noalias() = left * right; });
    benchmark::ClobberMemory();
  }
  const auto count = static_cast<double>(threads);
  report(state, {.flops = 2 * count * kSize * kSize * kSize, .items = count, .unit = "products"});
}
BENCHMARK(machine_sgemm)->Apply(on_one_thread_and_all);

// Bytes read and bytes written.
void machine_memcpy(benchmark::State& state) {
  constexpr std::size_t kBytes = std::size_t{64} << 20;
  const std::size_t threads = threads_of(state);
  const ThreadLimit limit(threads);
  const std::vector<std::vector<char>> from(threads, std::vector<char>(kBytes, 1));
  std::vector<std::vector<char>> to = from;
  for ([[maybe_unused]] const auto _ : state) {
    parallel_for(threads,
                 [&](std::size_t i) { std::memcpy(to[i].data(), from[i].data(), kBytes); });
    benchmark::ClobberMemory();
  }
  const auto count = static_cast<double>(threads);
  report(state, {.bytes = 2 * count * kBytes, .items = count, .unit = "copies"});
}
BENCHMARK(machine_memcpy)->Apply(on_one_thread_and_all);

}  // namespace
}  // namespace cryosip::benchmarks

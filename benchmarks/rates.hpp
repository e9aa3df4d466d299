// How a benchmark reports: operations, bytes and items for each second of a core's time, so that
// scripts/bench can set them beside the machine's own rates, measured in the same run.
//
// Time is the process's CPU time, on one thread or on all: what other programs take does not count.
#pragma once

#include <cstddef>
#include <string>
#include <thread>

#include <benchmark/benchmark.h>

#include "libcryosip/core/parallel.hpp"

namespace cryosip::benchmarks {

/// Of one iteration.
struct Work {
  double flops = 0;  ///< useful ones, a multiply-add being two
  double bytes = 0;  ///< that must come from memory or go there
  double items = 0;
  std::string unit;  ///< of the items
};

inline void report(benchmark::State& state, const Work& work) {
  using benchmark::Counter;
  // All three every time: the columns of the table.
  state.counters["flops"] = Counter(work.flops, Counter::kIsIterationInvariantRate);
  state.counters["bytes"] = Counter(work.bytes, Counter::kIsIterationInvariantRate);
  state.counters["items"] = Counter(work.items, Counter::kIsIterationInvariantRate);
  state.SetLabel(work.unit);
}

/// The argument "threads": 1, or 0 for all.
inline std::size_t threads_of(const benchmark::State& state) {
  const std::int64_t threads = state.range(0);
  return threads > 0 ? static_cast<std::size_t>(threads) : std::thread::hardware_concurrency();
}

inline void on_one_thread_and_all(benchmark::internal::Benchmark* benchmark) {
  benchmark->ArgName("threads")->Arg(1)->MeasureProcessCPUTime()->Unit(benchmark::kMillisecond);
  if (std::thread::hardware_concurrency() > 1) {
    benchmark->Arg(0);
  }
}

}  // namespace cryosip::benchmarks

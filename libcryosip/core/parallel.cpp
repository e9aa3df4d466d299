#include "libcryosip/core/parallel.hpp"

#include <vector>

#include <tbb/global_control.h>
#include <tbb/parallel_for.h>

namespace cryosip {

struct ThreadLimit::Control {
  explicit Control(std::size_t threads)
      : limit(tbb::global_control::max_allowed_parallelism, threads) {}
  tbb::global_control limit;
};

ThreadLimit::ThreadLimit(std::size_t threads) {
  if (threads > 0) {
    control_ = std::make_unique<Control>(threads);
  }
}

ThreadLimit::~ThreadLimit() = default;

void parallel_for(std::size_t count, const std::function<void(std::size_t)>& body) {
  tbb::parallel_for(std::size_t{0}, count, [&](std::size_t i) { body(i); });
}

double parallel_sum(std::size_t count, const std::function<double(std::size_t)>& term) {
  std::vector<double> terms(count);
  parallel_for(count, [&](std::size_t i) { terms[i] = term(i); });
  double sum = 0;
  for (const double value : terms) {
    sum += value;
  }
  return sum;
}

}  // namespace cryosip

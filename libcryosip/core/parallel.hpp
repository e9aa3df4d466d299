// Threads: the one place that uses TBB.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

namespace cryosip {

/// Bounds the number of threads for as long as it lives.  0: as many as the machine has.
class ThreadLimit {
 public:
  explicit ThreadLimit(std::size_t threads);
  ThreadLimit(const ThreadLimit&) = delete;
  ThreadLimit& operator=(const ThreadLimit&) = delete;
  ~ThreadLimit();

 private:
  struct Control;
  std::unique_ptr<Control> control_;
};

/// Calls body(i) for i in [0, count), in any order and on any thread.  Results must go to places
/// that depend on i alone; sums across i are the caller's, in a fixed order, so that the same bits
/// come out on any number of threads.  Exceptions of body reach the caller.
void parallel_for(std::size_t count, const std::function<void(std::size_t)>& body);

/// Sum over i of term(i), added in the order of i.
double parallel_sum(std::size_t count, const std::function<double(std::size_t)>& term);

}  // namespace cryosip

#include "libcryosip/core/choose.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

namespace cryosip {

std::vector<std::size_t> choose(RandomStream stream, std::size_t total, std::size_t wanted) {
  std::vector<std::size_t> numbers(total);
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  if (wanted < total) {
    for (std::size_t i = 0; i < wanted; ++i) {
      std::swap(numbers[i], numbers[i + stream.below(total - i)]);
    }
    numbers.resize(wanted);
    std::sort(numbers.begin(), numbers.end());
  }
  return numbers;
}

}  // namespace cryosip

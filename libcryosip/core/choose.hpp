// Choosing some of many at random.
#pragma once

#include <cstddef>
#include <vector>

#include "libcryosip/core/random.hpp"

namespace cryosip {

/// @p wanted of the numbers 0 .. total-1, ascending; all of them where wanted >= total.
std::vector<std::size_t> choose(RandomStream stream, std::size_t total, std::size_t wanted);

}  // namespace cryosip

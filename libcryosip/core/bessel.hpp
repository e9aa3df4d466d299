// Bessel functions of the first kind, of whole order.
#pragma once

#include <span>

namespace cryosip {

/// values[m] = J_m(x) for m = 0 .. values.size() - 1, to about 1e-14.  @param x  >= 0
/// Miller's downward recurrence, normalised by J_0 + 2 (J_2 + J_4 + ..) = 1.
void bessel_j(double x, std::span<double> values);

}  // namespace cryosip

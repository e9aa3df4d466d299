#include "libcryosip/discrepancy/discrepancy.hpp"

#include <algorithm>

#include "formats/error.hpp"

namespace cryosip {

template <typename Scalar>
void Discrepancy<Scalar>::check_points(const SimulatedImages<Scalar>& simulated,
                                       const Eigen::MatrixX<Scalar>& points,
                                       const std::vector<int>& origin) {
  const auto known = [&](int image) { return image >= -1 && image < simulated.images.cols(); };
  if (points.rows() != simulated.images.rows() || points.cols() < 1 ||
      (!origin.empty() && origin.size() != static_cast<std::size_t>(points.cols())) ||
      !std::all_of(origin.begin(), origin.end(), known)) {
    throw Error(
        ErrorKind::Usage,
        "discrepancy: expected points with as many coefficients as the images, and for each "
        "the simulated image it belongs to, or none for all");
  }
}

template class Discrepancy<float>;
template class Discrepancy<double>;

}  // namespace cryosip

#include "libcryosip/forward/renderer.hpp"

#include <cmath>

#include "formats/error.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

double sinc(double x) {
  return x == 0 ? 1 : std::sin(kPi * x) / (kPi * x);
}

}  // namespace

double pixel_transfer(PixelModel pixel, double kx, double ky) {
  if (pixel == PixelModel::Point) {
    throw Error(ErrorKind::Usage, "point sampling aliases and needs the pixel renderer");
  }
  return pixel == PixelModel::Average ? sinc(kx) * sinc(ky) : 1;
}

void pull_back_view(const Pose& pose,
                    std::span<const Eigen::Index> order,
                    const Eigen::MatrixX3d& view,
                    const Eigen::VectorXd& by_x,
                    const Eigen::VectorXd& by_y,
                    RenderGradient& gradient) {
  gradient.positions.resize(3, view.rows());
  const Eigen::Vector3d row_x = pose.rotation.row(0);
  const Eigen::Vector3d row_y = pose.rotation.row(1);
  for (Eigen::Index i = 0; i < view.rows(); ++i) {
    gradient.positions.col(order[static_cast<std::size_t>(i)]) = by_x(i) * row_x + by_y(i) * row_y;
  }
  gradient.shift = {by_x.sum(), by_y.sum()};
  // dv = w x v: the torque of the in-plane forces.
  gradient.rotation_radian = {
      -view.col(2).dot(by_y), view.col(2).dot(by_x), view.col(0).dot(by_y) - view.col(1).dot(by_x)};
}

}  // namespace cryosip

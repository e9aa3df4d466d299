#include <cmath>

#include <Eigen/Geometry>

#include "formats/error.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/forward/renderer.hpp"

namespace cryosip {
namespace {

// A normal density of the given variance along one axis of pixels, sampled or averaged, and its
// derivative by the centre.
struct Profile {
  Eigen::ArrayXd value;
  Eigen::ArrayXd by_centre;
};

Eigen::ArrayXd normal_density(const Eigen::ArrayXd& x, double variance) {
  return (-x.square() / (2 * variance)).exp() / std::sqrt(2 * kPi * variance);
}

Profile profile(const ImageGrid& grid, double centre, double variance, PixelModel pixel) {
  const double size = grid.pixel_size_angstrom;
  // Pixel box/2 is the origin.
  const Eigen::ArrayXd distance =
      (Eigen::ArrayXd::LinSpaced(grid.box, 0, grid.box - 1) - grid.box / 2.0) * size - centre;
  if (pixel == PixelModel::Point) {
    const Eigen::ArrayXd density = normal_density(distance, variance);
    return {density, density * distance / variance};
  }
  const double scale = 1 / std::sqrt(2 * variance);
  const auto cumulative = [&](double x) { return 0.5 * std::erf(x * scale); };
  Profile result;
  result.value =
      (distance + size / 2).unaryExpr(cumulative) - (distance - size / 2).unaryExpr(cumulative);
  result.value /= size;
  result.by_centre = (normal_density(distance - size / 2, variance) -
                      normal_density(distance + size / 2, variance)) /
                     size;
  return result;
}

}  // namespace

struct PixelRenderer::Scratch final : Workspace {
  Pose pose;
  Eigen::Matrix3Xd view;  // (3, atoms), rotated; not shifted
};

PixelRenderer::PixelRenderer(std::shared_ptr<const PixelBasis> basis,
                             const Scattering& scattering,
                             PixelModel pixel)
    : basis_(std::move(basis)), pixel_(pixel) {
  if (pixel == PixelModel::Bandlimited) {
    throw Error(ErrorKind::Usage, "band-limited pixels need the Fourier renderer");
  }
  for (Eigen::Index atom = 0; atom < scattering.count(); ++atom) {
    const int type = scattering.type_of_atom[static_cast<std::size_t>(atom)];
    for (const ScatteringGaussian& gaussian : scattering.types[static_cast<std::size_t>(type)]) {
      const double b = gaussian.b_angstrom2 + scattering.b_factors_angstrom2(atom);
      gaussians_.push_back({atom, gaussian.amplitude, b / (8 * kPi * kPi)});
    }
  }
}

std::unique_ptr<Renderer<double>::Workspace> PixelRenderer::workspace() const {
  return std::make_unique<Scratch>();
}

void PixelRenderer::render(const Eigen::Matrix3Xd& positions,
                           const Pose& pose,
                           Workspace& workspace,
                           Eigen::Ref<Vector> image) const {
  auto& scratch = static_cast<Scratch&>(workspace);
  scratch.pose = pose;
  scratch.view = pose.rotation * positions;
  const ImageGrid& grid = basis_->grid();
  Eigen::Map<Eigen::MatrixXd> pixels(image.data(), grid.box, grid.box);  // column y, row x
  pixels.setZero();
  for (const Drawn& drawn : gaussians_) {
    const double x = scratch.view(0, drawn.atom) + pose.shift_angstrom.x();
    const double y = scratch.view(1, drawn.atom) + pose.shift_angstrom.y();
    const Profile along_x = profile(grid, x, drawn.variance_angstrom2, pixel_);
    const Profile along_y = profile(grid, y, drawn.variance_angstrom2, pixel_);
    pixels.noalias() +=
        (drawn.amplitude * along_x.value).matrix() * along_y.value.matrix().transpose();
  }
}

void PixelRenderer::pull_back(const Eigen::Ref<const Vector>& adjoint,
                              Workspace& workspace,
                              RenderGradient& gradient) const {
  auto& scratch = static_cast<Scratch&>(workspace);
  const ImageGrid& grid = basis_->grid();
  const Eigen::Map<const Eigen::MatrixXd> weights(adjoint.data(), grid.box, grid.box);
  gradient.positions = Eigen::Matrix3Xd::Zero(3, scratch.view.cols());
  gradient.shift.setZero();
  gradient.rotation_radian.setZero();
  for (const Drawn& drawn : gaussians_) {
    const double x = scratch.view(0, drawn.atom) + scratch.pose.shift_angstrom.x();
    const double y = scratch.view(1, drawn.atom) + scratch.pose.shift_angstrom.y();
    const Profile along_x = profile(grid, x, drawn.variance_angstrom2, pixel_);
    const Profile along_y = profile(grid, y, drawn.variance_angstrom2, pixel_);
    const Eigen::VectorXd summed = weights * along_y.value.matrix();
    const double by_x = drawn.amplitude * along_x.by_centre.matrix().dot(summed);
    const double by_y =
        drawn.amplitude * along_x.value.matrix().dot(weights * along_y.by_centre.matrix());
    gradient.positions.col(drawn.atom) += by_x * scratch.pose.rotation.row(0).transpose() +
                                          by_y * scratch.pose.rotation.row(1).transpose();
    gradient.shift += Eigen::Vector2d(by_x, by_y);
    const Eigen::Vector3d force(by_x, by_y, 0);
    gradient.rotation_radian += scratch.view.col(drawn.atom).cross(force);
  }
}

}  // namespace cryosip

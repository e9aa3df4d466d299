#include "libcryosip/forward/forward_model.hpp"

#include <utility>

namespace cryosip {

ForwardModel::ForwardModel(const ConformationModel& model,
                           std::shared_ptr<const Renderer<double>> renderer)
    : model_(model), renderer_(std::move(renderer)) {}

Eigen::VectorXd ForwardModel::image(const Eigen::VectorXd& coordinates,
                                    const ImagingCondition& condition) const {
  const auto workspace = renderer_->workspace();
  Eigen::Matrix3Xd positions;
  model_.positions(coordinates, positions);
  Eigen::VectorXd drawn(basis().size());
  renderer_->render(positions, condition.pose, *workspace, drawn);
  return condition.ctf ? basis().apply_ctf(*condition.ctf, drawn) : drawn;
}

ForwardModel::Gradient ForwardModel::pull_back(const Eigen::VectorXd& coordinates,
                                               const ImagingCondition& condition,
                                               const Eigen::VectorXd& adjoint) const {
  const auto workspace = renderer_->workspace();
  Eigen::Matrix3Xd positions;
  model_.positions(coordinates, positions);
  Eigen::VectorXd drawn(basis().size());
  renderer_->render(positions, condition.pose, *workspace, drawn);
  RenderGradient by_drawing;
  renderer_->pull_back(
      condition.ctf ? basis().apply_ctf(*condition.ctf, adjoint) : adjoint, *workspace, by_drawing);
  return {model_.pull_back(coordinates, by_drawing.positions),
          by_drawing.rotation_radian,
          by_drawing.shift,
          condition.ctf ? basis().ctf_gradient(*condition.ctf, drawn, adjoint)
                        : Ctf::Gradient(Ctf::Gradient::Zero())};
}

PixelSimulator::PixelSimulator(const ConformationModel& model,
                               const ImageGrid& grid,
                               const ImagingOptions& options) {
  const Scattering scattering = scattering_of(model.atoms(), options.scattering);
  std::shared_ptr<const Renderer<double>> renderer;
  if (options.pixel == PixelModel::Bandlimited) {
    constexpr double kToNyquist = 0;
    renderer = std::make_shared<FourierRenderer<double>>(
        std::make_shared<FourierDisc>(grid, kToNyquist), scattering, options.pixel);
  } else {
    renderer = std::make_shared<PixelRenderer>(
        std::make_shared<PixelBasis>(grid), scattering, options.pixel);
  }
  forward_ = std::make_unique<ForwardModel>(model, std::move(renderer));
}

Eigen::VectorXd PixelSimulator::image(const Eigen::VectorXd& coordinates,
                                      const ImagingCondition& condition) const {
  return forward_->basis().synthesise(forward_->image(coordinates, condition));
}

}  // namespace cryosip

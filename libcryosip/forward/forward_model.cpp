#include "libcryosip/forward/forward_model.hpp"

#include <utility>

namespace cryosip {

ForwardModel::ForwardModel(const AtomicModel& model,
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

}  // namespace cryosip

// A small simulated data set with an ensemble, and formulas in double precision to hold objectives
// against.
#pragma once

#include <functional>
#include <memory>

#include <gtest/gtest.h>

#include "libcryosip/dataset/image_coefficients.hpp"
#include "libcryosip/flow/image_scale.hpp"
#include "libcryosip/forward/forward_model.hpp"
#include "tests/support/simulated_set.hpp"

namespace cryosip::testing {

class Objectives : public ::testing::Test {
 protected:
  static constexpr double kResolution = 10;

  // Noise-free coefficients in double precision, times contrast and CTF, the mean left out.
  [[nodiscard]] Eigen::VectorXd seen(const Eigen::VectorXd& coordinates,
                                     const ImagingCondition& condition) const {
    const auto basis = std::make_shared<FourierDisc>(images_->grid(), kResolution);
    const ForwardModel forward(data_.model(),
                               std::make_shared<FourierRenderer<double>>(
                                   basis, data_.model().scattering({}), PixelModel::Bandlimited));
    Eigen::VectorXd image = scale_.contrast * forward.image(coordinates, condition);
    image(0) = 0;
    image(basis->frequencies()) = 0;
    return image;
  }
  [[nodiscard]] Eigen::VectorXd observed(std::size_t index) const {
    return coefficients_.read(index).cast<double>();
  }

  // Minus the central differences of value(), divided by each conformation's weight.
  [[nodiscard]] Eigen::MatrixXd descent(
      const std::function<double(const Eigen::MatrixXd&)>& value) const {
    constexpr double kStep = 1e-4;
    Eigen::MatrixXd result(ensemble_.dimension(), ensemble_.size());
    for (Eigen::Index i = 0; i < ensemble_.size(); ++i) {
      for (Eigen::Index k = 0; k < ensemble_.dimension(); ++k) {
        Eigen::MatrixXd up = ensemble_.coordinates;
        Eigen::MatrixXd down = ensemble_.coordinates;
        up(k, i) += kStep;
        down(k, i) -= kStep;
        result(k, i) = -(value(up) - value(down)) / (2 * kStep) / ensemble_.weights(i);
      }
    }
    return result;
  }

  SimulatedSet data_;
  std::unique_ptr<const ImageSet> images_ = data_.images();
  std::unique_ptr<const ImageModel> model_ =
      data_.model().image_model(images_->grid(), kResolution, {});
  SilentProgress progress_;
  ImageCoefficients coefficients_{*images_, *model_, progress_};
  ImageScale scale_{.noise_sigma = 0.02, .contrast = 0.9};
  Ensemble ensemble_ = [] {
    Ensemble ensemble;
    ensemble.coordinates.resize(2, 4);
    ensemble.coordinates << -0.5, 0.4, 0.9, -1.1, 0.2, -0.3, 0.5, 0.1;
    ensemble.weights = Eigen::Vector4d(0.1, 0.2, 0.3, 0.4);
    return ensemble;
  }();
};

}  // namespace cryosip::testing

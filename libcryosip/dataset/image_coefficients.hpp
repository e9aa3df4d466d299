// Observed images as the coefficients that a model's images have, their noise made white, kept in
// memory as long as they fit.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/image_set.hpp"
#include "libcryosip/dataset/noise_spectrum.hpp"
#include "libcryosip/forward/image_model.hpp"

namespace cryosip {

class ImageCoefficients {
 public:
  static constexpr std::size_t kDefaultBudgetBytes = std::size_t{1} << 30U;

  /// Transforms all images at once when they fit into the budget; otherwise each at every read.
  /// @param images     must outlive this object, as must the model
  /// @param whitening  both images and transfers are multiplied by its factors, where the basis
  ///                   consists of frequencies
  /// @throws Error(Input) a pixel that is not finite (at once, or when read)
  ImageCoefficients(const ImageSet& images,
                    const ImageModel& model,
                    Progress& progress,
                    std::size_t budget_bytes = kDefaultBudgetBytes,
                    const Whitening& whitening = {});

  [[nodiscard]] const ImageSet& images() const { return images_; }
  [[nodiscard]] const ImageModel& model() const { return model_; }
  /// (model().size()); 0 where the model compares nothing.  Thread-safe.
  [[nodiscard]] Eigen::VectorXf read(std::size_t index) const;
  /// Several of them side by side: (model().size(), indices).
  [[nodiscard]] Eigen::MatrixXf read(std::span<const std::size_t> indices) const;

  /// The factor of every coefficient of an image (size): ImageModel::transfer() in its own CTF,
  /// whitened.
  [[nodiscard]] Eigen::VectorXf transfer(std::size_t index) const;

 private:
  [[nodiscard]] Eigen::VectorXf transform(std::size_t index) const;

  const ImageSet& images_;
  const ImageModel& model_;
  [[nodiscard]] Eigen::VectorXf whitened(std::size_t index, Eigen::VectorXf coefficients) const;

  Eigen::VectorXf compared_;                // (size): 1, or 0 where nothing is compared
  std::vector<Eigen::VectorXf> whitening_;  // (optics groups) of (size), or empty
  Eigen::MatrixXf cache_;                   // (size, images), or empty
};

}  // namespace cryosip

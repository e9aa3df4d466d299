// Observed images as the coefficients that a model's images have, kept in memory as long as they
// fit.
#pragma once

#include <cstddef>
#include <span>

#include <Eigen/Core>

#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/image_set.hpp"
#include "libcryosip/forward/image_model.hpp"

namespace cryosip {

class ImageCoefficients {
 public:
  static constexpr std::size_t kDefaultBudgetBytes = std::size_t{1} << 30U;

  /// Transforms all images at once when they fit into the budget; otherwise each at every read.
  /// @param images  must outlive this object, as must the model
  /// @throws Error(Input) a pixel that is not finite (at once, or when read)
  ImageCoefficients(const ImageSet& images,
                    const ImageModel& model,
                    Progress& progress,
                    std::size_t budget_bytes = kDefaultBudgetBytes);

  [[nodiscard]] const ImageSet& images() const { return images_; }
  [[nodiscard]] const ImageModel& model() const { return model_; }
  /// (model().size()); 0 where the model compares nothing.  Thread-safe.
  [[nodiscard]] Eigen::VectorXf read(std::size_t index) const;
  /// Several of them side by side: (model().size(), indices).
  [[nodiscard]] Eigen::MatrixXf read(std::span<const std::size_t> indices) const;

 private:
  [[nodiscard]] Eigen::VectorXf transform(std::size_t index) const;

  const ImageSet& images_;
  const ImageModel& model_;
  Eigen::VectorXf compared_;  // (size): 1, or 0 where nothing is compared
  Eigen::MatrixXf cache_;     // (size, images), or empty
};

}  // namespace cryosip

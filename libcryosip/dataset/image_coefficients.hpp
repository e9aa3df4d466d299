// Observed images as coefficients in a Fourier disc, kept in memory as long as they fit.
#pragma once

#include <cstddef>
#include <memory>

#include <Eigen/Core>

#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/image_set.hpp"
#include "libcryosip/forward/image_basis.hpp"

namespace cryosip {

class ImageCoefficients {
 public:
  static constexpr std::size_t kDefaultBudgetBytes = std::size_t{1} << 30U;

  /// Transforms all images at once when they fit into the budget; otherwise each at every read.
  /// @param images  must outlive this object
  /// @throws Error(Input) a pixel that is not finite (at once, or when read)
  ImageCoefficients(const ImageSet& images,
                    std::shared_ptr<const FourierDisc> basis,
                    Progress& progress,
                    std::size_t budget_bytes = kDefaultBudgetBytes);

  [[nodiscard]] const ImageSet& images() const { return images_; }
  [[nodiscard]] const FourierDisc& basis() const { return *basis_; }
  /// (basis().size()).  Thread-safe.
  [[nodiscard]] Eigen::VectorXf read(std::size_t index) const;

 private:
  [[nodiscard]] Eigen::VectorXf transform(std::size_t index) const;

  const ImageSet& images_;
  std::shared_ptr<const FourierDisc> basis_;
  Eigen::MatrixXf cache_;  // (size, images), or empty
};

}  // namespace cryosip

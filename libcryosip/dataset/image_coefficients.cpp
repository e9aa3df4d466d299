#include "libcryosip/dataset/image_coefficients.hpp"

#include <utility>
#include <vector>

#include "libcryosip/core/parallel.hpp"

namespace cryosip {

ImageCoefficients::ImageCoefficients(const ImageSet& images,
                                     std::shared_ptr<const FourierDisc> basis,
                                     Progress& progress,
                                     std::size_t budget_bytes)
    : images_(images), basis_(std::move(basis)) {
  const auto size = static_cast<std::size_t>(basis_->size());
  if (images.size() * size * sizeof(float) > budget_bytes) {
    return;
  }
  const ProgressStage stage(progress, "transforming images", images.size());
  cache_.resize(basis_->size(), static_cast<Eigen::Index>(images.size()));
  // In portions, so that the bar moves.
  constexpr std::size_t kPortion = 256;
  for (std::size_t first = 0; first < images.size(); first += kPortion) {
    const std::size_t count = std::min(kPortion, images.size() - first);
    parallel_for(count, [&](std::size_t i) {
      cache_.col(static_cast<Eigen::Index>(first + i)) = transform(first + i);
    });
    progress.advance(first + count);
  }
}

Eigen::VectorXf ImageCoefficients::transform(std::size_t index) const {
  std::vector<float> pixels(static_cast<std::size_t>(images_.grid().pixels()));
  images_.read(index, pixels);
  return basis_->analyse(pixels).cast<float>();
}

Eigen::VectorXf ImageCoefficients::read(std::size_t index) const {
  if (cache_.size() == 0) {
    return transform(index);
  }
  return cache_.col(static_cast<Eigen::Index>(index));
}

}  // namespace cryosip

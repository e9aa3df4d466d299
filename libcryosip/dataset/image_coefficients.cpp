#include "libcryosip/dataset/image_coefficients.hpp"

#include <algorithm>
#include <optional>
#include <vector>

#include "libcryosip/core/parallel.hpp"

namespace cryosip {

ImageCoefficients::ImageCoefficients(const ImageSet& images,
                                     const ImageModel& model,
                                     Progress& progress,
                                     std::size_t budget_bytes,
                                     const Whitening& whitening)
    : images_(images), model_(model), compared_(model.transfer(std::nullopt)) {
  if (const Eigen::VectorXd cycles = model.basis().cycles(); whitening.any() && cycles.size() > 0) {
    for (std::size_t group = 0; group < images.table().optics_groups.size(); ++group) {
      whitening_.emplace_back(whitening.factors(group, cycles).cast<float>());
    }
  }
  const auto size = static_cast<std::size_t>(model.size());
  if (images.size() * size * sizeof(float) > budget_bytes) {
    return;
  }
  const ProgressStage stage(progress, "transforming images", images.size());
  cache_.resize(model.size(), static_cast<Eigen::Index>(images.size()));
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
  return whitened(index, model_.basis().analyse(pixels).cast<float>().cwiseProduct(compared_));
}

Eigen::VectorXf ImageCoefficients::whitened(std::size_t index, Eigen::VectorXf coefficients) const {
  if (!whitening_.empty()) {
    coefficients.array() *= whitening_[images_.table().records[index].optics_group].array();
  }
  return coefficients;
}

Eigen::VectorXf ImageCoefficients::read(std::size_t index) const {
  if (cache_.size() == 0) {
    return transform(index);
  }
  return cache_.col(static_cast<Eigen::Index>(index));
}

Eigen::MatrixXf ImageCoefficients::read(std::span<const std::size_t> indices) const {
  Eigen::MatrixXf images(model_.size(), static_cast<Eigen::Index>(indices.size()));
  parallel_for(indices.size(),
               [&](std::size_t b) { images.col(static_cast<Eigen::Index>(b)) = read(indices[b]); });
  return images;
}

Eigen::VectorXf ImageCoefficients::transfer(std::size_t index) const {
  return whitened(index, model_.transfer(images_.condition(index).ctf));
}

}  // namespace cryosip

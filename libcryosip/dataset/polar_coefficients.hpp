// Observed images as the coefficients that polar drawings have, their noise made white, kept in
// memory as long as they fit.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/image_set.hpp"
#include "libcryosip/dataset/noise_spectrum.hpp"
#include "libcryosip/forward/polar_image_model.hpp"

namespace cryosip {

class PolarCoefficients {
 public:
  static constexpr std::size_t kDefaultBudgetBytes = std::size_t{1} << 30U;

  /// What of an image y is asked for.
  enum class Kind {
    Filtered,  ///< C y, the CTF applied on the image's own Fourier grid: y where it has none
    Plain,     ///< y
  };

  /// Transforms all images at once when they fit into the budget; otherwise each at every read.
  /// @param images    must outlive this object, as must the model
  /// @param contrast  image = contrast * drawing + noise: tells what an image's sum is without its
  ///                  background, see PolarInput::pixel_sum
  /// @param plain     whether Kind::Plain will be asked for
  /// @param whitening  both images y and CTFs C are multiplied by its factors, ring by ring
  /// @throws Error(Input) a pixel that is not finite (at once, or when read)
  PolarCoefficients(const ImageSet& images,
                    const PolarImageModel& model,
                    double contrast,
                    bool plain,
                    Progress& progress,
                    std::size_t budget_bytes = kDefaultBudgetBytes,
                    const Whitening& whitening = {});

  [[nodiscard]] const ImageSet& images() const { return images_; }
  [[nodiscard]] const PolarImageModel& model() const { return model_; }
  /// Several images side by side: (model().size(), indices).
  [[nodiscard]] Eigen::MatrixXf read(std::span<const std::size_t> indices, Kind kind) const;
  /// One image as Kind::Filtered, each time with another point of it at the box's centre:
  /// (model().size(), points).  Not kept in memory.  Thread-safe.
  /// @param points_angstrom  from the box's centre, as Pose::shift_angstrom
  [[nodiscard]] Eigen::MatrixXf read_centred(
      std::size_t index, std::span<const Eigen::Vector2d> points_angstrom) const;
  /// Mean of C^2 on every ring of several images: (rings, indices); 1 without CTFs.
  [[nodiscard]] Eigen::MatrixXd ring_transfers_squared(std::span<const std::size_t> indices) const;

 private:
  [[nodiscard]] Eigen::MatrixXf transform(std::span<const std::size_t> indices, Kind kind) const;
  // How an image is to be analysed; its pixels are read into `pixels`.
  [[nodiscard]] PolarInput input(std::size_t index, Kind kind, std::span<float> pixels) const;
  void whiten(std::size_t index, Kind kind, Eigen::Ref<Eigen::VectorXf> image) const;
  [[nodiscard]] bool kinds_differ() const { return images_.has_ctf() || !whitening_.empty(); }
  [[nodiscard]] std::size_t group_of(std::size_t index) const;
  [[nodiscard]] Eigen::MatrixXf transform_all(Kind kind, Progress& progress) const;

  const ImageSet& images_;
  const PolarImageModel& model_;
  double contrast_;
  std::vector<Eigen::VectorXd> whitening_;  // (optics groups) of (rings), or empty
  Eigen::MatrixXf filtered_;                // (size, images), or empty
  Eigen::MatrixXf plain_;                   // the same
};

}  // namespace cryosip

#include "libcryosip/dataset/polar_coefficients.hpp"

#include <algorithm>
#include <numeric>
#include <optional>
#include <vector>

#include "libcryosip/core/parallel.hpp"

namespace cryosip {
namespace {

constexpr std::size_t kPortion = 64;  // images whose pixels are in memory at a time

}  // namespace

PolarCoefficients::PolarCoefficients(const ImageSet& images,
                                     const PolarImageModel& model,
                                     double contrast,
                                     bool plain,
                                     Progress& progress,
                                     std::size_t budget_bytes,
                                     const Whitening& whitening)
    : images_(images), model_(model), contrast_(contrast) {
  if (whitening.any()) {
    const int rings = model.basis().rings();
    const Eigen::VectorXd cycles = Eigen::VectorXd::LinSpaced(rings, 1, rings);
    for (std::size_t group = 0; group < images.table().optics_groups.size(); ++group) {
      whitening_.push_back(whitening.factors(group, cycles));
    }
  }
  const bool twice = plain && kinds_differ();
  const std::size_t bytes =
      images.size() * static_cast<std::size_t>(model.size()) * sizeof(float) * (twice ? 2 : 1);
  if (bytes > budget_bytes) {
    return;
  }
  filtered_ = transform_all(Kind::Filtered, progress);
  if (twice) {
    plain_ = transform_all(Kind::Plain, progress);
  }
}

Eigen::MatrixXf PolarCoefficients::transform_all(Kind kind, Progress& progress) const {
  const ProgressStage stage(progress, "transforming images", images_.size());
  Eigen::MatrixXf all(model_.size(), static_cast<Eigen::Index>(images_.size()));
  // A few portions at a time, so that the bar moves.
  constexpr std::size_t kStride = 16 * kPortion;
  for (std::size_t first = 0; first < images_.size(); first += kStride) {
    std::vector<std::size_t> indices(std::min(kStride, images_.size() - first));
    std::iota(indices.begin(), indices.end(), first);
    all.middleCols(static_cast<Eigen::Index>(first), static_cast<Eigen::Index>(indices.size())) =
        transform(indices, kind);
    progress.advance(first + indices.size());
  }
  return all;
}

Eigen::MatrixXf PolarCoefficients::transform(std::span<const std::size_t> indices,
                                             Kind kind) const {
  const auto pixels_each = static_cast<std::size_t>(images_.grid().pixels());
  Eigen::MatrixXf coefficients(model_.size(), static_cast<Eigen::Index>(indices.size()));
  parallel_for((indices.size() + kPortion - 1) / kPortion, [&](std::size_t portion) {
    const std::size_t first = portion * kPortion;
    const std::size_t count = std::min(kPortion, indices.size() - first);
    std::vector<float> pixels(count * pixels_each);
    std::vector<PolarInput> inputs(count);
    for (std::size_t i = 0; i < count; ++i) {
      inputs[i] = input(indices[first + i], kind, {pixels.data() + i * pixels_each, pixels_each});
    }
    coefficients.middleCols(static_cast<Eigen::Index>(first), static_cast<Eigen::Index>(count)) =
        model_.basis().analyse(inputs);
    for (std::size_t i = 0; i < count; ++i) {
      whiten(indices[first + i], kind, coefficients.col(static_cast<Eigen::Index>(first + i)));
    }
  });
  return coefficients;
}

PolarInput PolarCoefficients::input(std::size_t index, Kind kind, std::span<float> pixels) const {
  images_.read(index, pixels);
  const ImagingCondition condition = images_.condition(index);
  PolarInput input{.pixels = pixels};
  if (kind == Kind::Filtered) {
    input.times = condition.ctf;
  }
  if (model_.pixel_sum() != 0) {
    input.pixel_sum = contrast_ * model_.pixel_sum() * (condition.ctf ? (*condition.ctf)(0, 0) : 1);
  }
  return input;
}

Eigen::MatrixXf PolarCoefficients::read_centred(
    std::size_t index, std::span<const Eigen::Vector2d> points_angstrom) const {
  std::vector<float> pixels(static_cast<std::size_t>(images_.grid().pixels()));
  std::vector<PolarInput> inputs(points_angstrom.size(), input(index, Kind::Filtered, pixels));
  for (std::size_t i = 0; i < inputs.size(); ++i) {
    inputs[i].shift_angstrom = points_angstrom[i];
  }
  Eigen::MatrixXf coefficients = model_.basis().analyse(inputs);
  for (auto image : coefficients.colwise()) {
    whiten(index, Kind::Filtered, image);
  }
  return coefficients;
}

Eigen::MatrixXf PolarCoefficients::read(std::span<const std::size_t> indices, Kind kind) const {
  const Eigen::MatrixXf& kept = kind == Kind::Plain && kinds_differ() ? plain_ : filtered_;
  if (kept.size() == 0) {
    return transform(indices, kind);
  }
  Eigen::MatrixXf columns(kept.rows(), static_cast<Eigen::Index>(indices.size()));
  for (std::size_t i = 0; i < indices.size(); ++i) {
    columns.col(static_cast<Eigen::Index>(i)) = kept.col(static_cast<Eigen::Index>(indices[i]));
  }
  return columns;
}

Eigen::MatrixXd PolarCoefficients::ring_transfers_squared(
    std::span<const std::size_t> indices) const {
  Eigen::MatrixXd transfers =
      Eigen::MatrixXd::Ones(model_.basis().rings(), static_cast<Eigen::Index>(indices.size()));
  if (images_.has_ctf()) {
    parallel_for(indices.size(), [&](std::size_t i) {
      transfers.col(static_cast<Eigen::Index>(i)) =
          model_.basis().ring_transfer_squared(*images_.condition(indices[i]).ctf);
    });
  }
  for (std::size_t i = 0; i < indices.size() && !whitening_.empty(); ++i) {
    transfers.col(static_cast<Eigen::Index>(i)).array() *=
        whitening_[group_of(indices[i])].array().square();
  }
  return transfers;
}

std::size_t PolarCoefficients::group_of(std::size_t index) const {
  return images_.table().records[index].optics_group;
}

void PolarCoefficients::whiten(std::size_t index,
                               Kind kind,
                               Eigen::Ref<Eigen::VectorXf> image) const {
  if (whitening_.empty()) {
    return;
  }
  // C y takes those of both.
  const Eigen::VectorXd& of_image = whitening_[group_of(index)];
  const Eigen::VectorXd factors = kind == Kind::Filtered ? of_image.cwiseAbs2().eval() : of_image;
  const PolarLayout& layout = model_.basis().layout();
  for (int m = 0; m < layout.angular_frequencies(); ++m) {
    const Eigen::Index count = layout.count(m);
    for (const Eigen::Index part : {layout.offset(m), layout.offset(m) + count}) {
      image.segment(part, count).array() *= factors.tail(count).cast<float>().array();
    }
  }
}

}  // namespace cryosip

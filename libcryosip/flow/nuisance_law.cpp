#include "libcryosip/flow/nuisance_law.hpp"

#include <algorithm>
#include <numeric>
#include <utility>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {

std::string to_string(PoseLaw poses) {
  switch (poses) {
    case PoseLaw::Uniform:
      return "uniform";
    case PoseLaw::Given:
      return "given";
    case PoseLaw::InPlane:
      return "in-plane";
  }
  return {};
}

NuisanceLaw::NuisanceLaw(const ImageSet& images, PoseLaw poses, std::uint64_t seed)
    : images_(images), poses_(poses), seed_(seed) {
  if (poses == PoseLaw::Given && !images.has_poses()) {
    throw Error(ErrorKind::Usage,
                images.table().source +
                    ": poses are to be taken from the images, which have none (rlnAngleRot, "
                    "rlnAngleTilt, rlnAnglePsi)");
  }
  if (poses == PoseLaw::InPlane && !images.has_views()) {
    throw Error(ErrorKind::Usage,
                images.table().source +
                    ": all of the poses but the in-plane angle is to be taken from the images, "
                    "which have none (rlnAngleRot, rlnAngleTilt)");
  }
}

ImagingCondition NuisanceLaw::sample(std::int64_t step, std::size_t conformation) const {
  const auto at_step = static_cast<std::uint64_t>(step);
  ImagingCondition condition = images_.condition(image(step, conformation));
  if (poses_ == PoseLaw::Uniform) {
    RandomStream pose(seed_, StreamPurpose::FlowPose, at_step, conformation);
    condition.pose = {pose.rotation(), Eigen::Vector2d::Zero()};
  } else if (poses_ == PoseLaw::InPlane) {
    RandomStream pose(seed_, StreamPurpose::FlowPose, at_step, conformation);
    condition.pose = turned_in_plane(condition.pose, pose.uniform(0, 2 * kPi));
  }
  return condition;
}

std::size_t NuisanceLaw::image(std::int64_t step, std::size_t conformation) const {
  RandomStream optics(
      seed_, StreamPurpose::FlowOptics, static_cast<std::uint64_t>(step), conformation);
  return optics.below(images_.size());
}

BatchSchedule::BatchSchedule(std::size_t images, std::size_t batch, std::uint64_t seed)
    : batch_(std::min(images, batch)), seed_(seed), order_(images) {
  if (batch_ == 0) {
    throw Error(ErrorKind::Usage, "a step must look at one image at least");
  }
}

std::vector<std::size_t> BatchSchedule::batch(std::int64_t step) {
  std::vector<std::size_t> indices;
  const std::uint64_t first = static_cast<std::uint64_t>(step) * batch_;
  for (std::uint64_t draw = first; draw < first + batch_; ++draw) {
    shuffle_for(draw / order_.size());
    indices.push_back(order_[draw % order_.size()]);
  }
  return indices;
}

void BatchSchedule::shuffle_for(std::uint64_t epoch) {
  if (shuffled_ && epoch == epoch_) {
    return;
  }
  std::iota(order_.begin(), order_.end(), std::size_t{0});
  RandomStream stream(seed_, StreamPurpose::FlowBatch, epoch);
  for (std::size_t i = order_.size(); i > 1; --i) {
    std::swap(order_[i - 1], order_[stream.below(i)]);
  }
  epoch_ = epoch;
  shuffled_ = true;
}

}  // namespace cryosip

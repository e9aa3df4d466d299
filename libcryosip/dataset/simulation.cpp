#include "libcryosip/dataset/simulation.hpp"

#include <algorithm>
#include <cmath>
#include <memory>
#include <utility>

#include "formats/error.hpp"
#include "formats/mrc.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/forward/noise.hpp"

namespace cryosip {
namespace {

constexpr std::size_t kImagesForVariance = 10000;
constexpr std::size_t kPortion = 256;  // images in memory at a time

void require(bool holds, const std::string& message) {
  if (!holds) {
    throw Error(ErrorKind::Usage, "simulation: " + message);
  }
}

void check(const SimulationOptions& options,
           const ConformationModel& model,
           const ConformationLaw& law) {
  require(options.count > 0, "the number of images must be positive");
  check_grid(options.grid);
  require(model.has_views() || (options.poses == SimulationOptions::Poses::Fixed &&
                                options.optics == SimulationOptions::Optics::None),
          "the model is seen from one side without a microscope, expected fixed poses and no CTF");
  require(options.snr >= 0 && options.noise_sigma >= 0, "SNR and noise must not be negative");
  require(options.noise_b_factor_angstrom2 >= 0, "the noise's B-factor must not be negative");
  require(options.snr == 0 || options.noise_sigma == 0, "give either an SNR or a noise sigma");
  require(options.defocus_min_angstrom <= options.defocus_max_angstrom,
          "the smallest defocus must not exceed the largest");
  require(options.shift_sigma_angstrom >= 0 && options.astigmatism_max_angstrom >= 0,
          "shifts and astigmatism must not be negative");
  require(options.pose_error.angle_degree >= 0 && options.pose_error.shift_angstrom >= 0,
          "errors of poses must not be negative");
  require(!options.pose_error.any() || options.poses != SimulationOptions::Poses::Fixed,
          "fixed poses have no error");
  const Eigen::Index dimension = std::visit([](const auto& any) { return any.dimension(); }, law);
  require(dimension == model.dimension(),
          "the distribution has " + std::to_string(dimension) + " coordinates, the model " +
              std::to_string(model.dimension()));
  if (options.poses == SimulationOptions::Poses::Table) {
    require(options.pose_table && options.pose_table->has_poses, "the pose file has no poses");
  }
  if (options.optics == SimulationOptions::Optics::Table) {
    require(options.optics_table && options.optics_table->has_ctf, "the CTF file has no CTF");
    const auto& records = options.optics_table->records;
    for (const ParticleRecord& record : records) {
      // What is written is one optics group.
      require(
          record.ctf.voltage_kv == records.front().ctf.voltage_kv &&
              record.ctf.spherical_aberration_mm == records.front().ctf.spherical_aberration_mm &&
              record.ctf.amplitude_contrast == records.front().ctf.amplitude_contrast,
          "the CTF file mixes voltages, aberrations or amplitude contrasts, expected one of each");
    }
  }
}

Eigen::VectorXd draw_conformation(const ConformationLaw& law, std::uint64_t seed, std::size_t i) {
  RandomStream stream(seed, StreamPurpose::Conformation, i);
  if (const auto* const mixture = std::get_if<Mixture>(&law)) {
    return mixture->sample(stream);
  }
  const auto& ensemble = std::get<Ensemble>(law);
  const double level = stream.uniform();
  double sum = 0;
  Eigen::Index chosen = 0;
  for (Eigen::Index c = 0; c < ensemble.size() && sum < level; ++c) {
    sum += ensemble.weights(c);
    chosen = c;
  }
  return ensemble.coordinates.col(chosen);
}

Pose draw_pose(const SimulationOptions& options, std::size_t i) {
  if (options.poses == SimulationOptions::Poses::Table) {
    const auto& records = options.pose_table->records;
    return records[i % records.size()].pose;
  }
  Pose pose;
  if (options.poses == SimulationOptions::Poses::Fixed) {
    return pose;
  }
  RandomStream stream(options.seed, StreamPurpose::Pose, i);
  pose.rotation = stream.rotation();
  pose.shift_angstrom.x() = options.shift_sigma_angstrom * stream.normal();
  pose.shift_angstrom.y() = options.shift_sigma_angstrom * stream.normal();
  return pose;
}

Pose with_error(const Pose& pose, const PoseError& error, std::uint64_t seed, std::size_t i) {
  RandomStream stream(seed, StreamPurpose::PoseError, i);
  Eigen::Vector3d turn;
  Eigen::Vector2d shift;
  for (double& angle : turn) {
    angle = error.angle_degree * kRadianPerDegree * stream.normal();
  }
  for (double& along : shift) {
    along = error.shift_angstrom * stream.normal();
  }
  return displaced(pose, turn, shift);
}

CtfParameters draw_optics(const SimulationOptions& options, std::size_t i) {
  if (options.optics == SimulationOptions::Optics::Table) {
    const auto& records = options.optics_table->records;
    return records[i % records.size()].ctf;
  }
  CtfParameters optics = options.common_optics;
  if (options.optics == SimulationOptions::Optics::Uniform) {
    RandomStream stream(options.seed, StreamPurpose::Optics, i);
    const double mean = stream.uniform(options.defocus_min_angstrom, options.defocus_max_angstrom);
    const double half = options.astigmatism_max_angstrom * stream.uniform() / 2;
    optics.defocus_u_angstrom = mean + half;
    optics.defocus_v_angstrom = mean - half;
    optics.defocus_angle_degree = options.astigmatism_max_angstrom > 0 ? stream.uniform(0, 180) : 0;
  }
  return optics;
}

// The noise-free images first, first + 1, ...
std::vector<Eigen::VectorXd> draw_images(const PixelSimulator& simulator,
                                         const SimulationResult& result,
                                         std::size_t first,
                                         std::size_t count) {
  std::vector<Eigen::VectorXd> images(count);
  parallel_for(count, [&](std::size_t offset) {
    const std::size_t i = first + offset;
    const ParticleRecord& record = result.particles.records[i];
    ImagingCondition condition{record.pose, std::nullopt};
    if (result.particles.has_ctf) {
      condition.ctf.emplace(record.ctf);
    }
    images[offset] =
        simulator.image(result.truth.coordinates.col(static_cast<Eigen::Index>(i)), condition);
  });
  return images;
}

double signal_variance(const PixelSimulator& simulator,
                       const SimulationResult& result,
                       Progress& progress) {
  const std::size_t count = std::min(result.particles.records.size(), kImagesForVariance);
  const ProgressStage stage(progress, "measuring the signal", count);
  double sum = 0;
  double sum_of_squares = 0;
  for (std::size_t first = 0; first < count; first += kPortion) {
    const std::size_t portion = std::min(kPortion, count - first);
    for (const Eigen::VectorXd& image : draw_images(simulator, result, first, portion)) {
      sum += image.sum();
      sum_of_squares += image.squaredNorm();
    }
    progress.advance(first + portion);
  }
  const double pixels = static_cast<double>(count) * static_cast<double>(simulator.grid().pixels());
  return sum_of_squares / pixels - (sum / pixels) * (sum / pixels);
}

}  // namespace

SimulationResult simulate(const ConformationModel& model,
                          const ConformationLaw& law,
                          const SimulationOptions& options,
                          const std::string& stack_path,
                          Progress& progress) {
  check(options, model, law);
  const std::unique_ptr<const PixelSimulator> simulator =
      model.pixel_simulator(options.grid, options.imaging);

  SimulationResult result;
  result.particles.has_poses = result.particles.has_views = true;
  result.particles.has_ctf = options.optics != SimulationOptions::Optics::None;
  result.particles.optics_groups = {
      {"opticsGroup1", options.grid.pixel_size_angstrom, options.grid.box}};
  const auto count = static_cast<Eigen::Index>(options.count);
  result.truth.seed = options.seed;
  result.truth.coordinates.resize(model.dimension(), count);
  result.truth.weights = Eigen::VectorXd::Constant(count, 1 / static_cast<double>(count));
  for (std::size_t i = 0; i < options.count; ++i) {
    ParticleRecord record;
    record.image = {i, stack_path};
    record.pose = draw_pose(options, i);
    record.ctf = draw_optics(options, i);
    result.particles.records.push_back(std::move(record));
    result.truth.coordinates.col(static_cast<Eigen::Index>(i)) =
        draw_conformation(law, options.seed, i);
  }
  result.noise_sigma = options.noise_sigma;
  if (options.snr > 0) {
    result.signal_variance = signal_variance(*simulator, result, progress);
    result.noise_sigma = std::sqrt(result.signal_variance / options.snr);
  }

  const ColouredNoise noise(options.grid, options.noise_b_factor_angstrom2);
  const auto box = static_cast<std::size_t>(options.grid.box);
  formats::MrcStackWriter stack(stack_path, box, box, options.grid.pixel_size_angstrom);
  const ProgressStage stage(progress, "simulating images", options.count);
  for (std::size_t first = 0; first < options.count; first += kPortion) {
    const std::size_t portion = std::min(kPortion, options.count - first);
    std::vector<Eigen::VectorXd> images = draw_images(*simulator, result, first, portion);
    parallel_for(portion, [&](std::size_t offset) {
      Eigen::VectorXd& image = images[offset];
      if (result.noise_sigma > 0) {
        noise.add(options.seed,
                  first + offset,
                  result.noise_sigma,
                  {image.data(), static_cast<std::size_t>(image.size())});
      }
    });
    for (const Eigen::VectorXd& image : images) {
      const Eigen::VectorXf pixels = image.cast<float>();
      stack.append({pixels.data(), static_cast<std::size_t>(pixels.size())});
    }
    progress.advance(first + portion);
    if (progress.cancelled()) {
      throw Error(ErrorKind::Cancelled, "simulation: cancelled, nothing was written");
    }
  }
  stack.commit();
  if (options.pose_error.any()) {
    for (std::size_t i = 0; i < options.count; ++i) {
      Pose& pose = result.particles.records[i].pose;
      pose = with_error(pose, options.pose_error, options.seed, i);
    }
  }
  return result;
}

}  // namespace cryosip

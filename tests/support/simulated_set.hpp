// A small simulated data set on disk, with its truth.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "libcryosip/dataset/image_set.hpp"
#include "libcryosip/dataset/simulation.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "tests/support/small_molecule.hpp"
#include "tests/support/stacks.hpp"
#include "tests/support/temporary_folder.hpp"

namespace cryosip::testing {

class SimulatedSet {
 public:
  /// @param width  standard deviation of each well
  explicit SimulatedSet(std::size_t count = 12,
                        double noise_sigma = 0.005,
                        double width = 0.2,
                        double shift_sigma_angstrom = 2) {
    Mixture law;
    law.weights = Eigen::Vector2d(0.5, 0.5);
    law.means.resize(2, 2);
    law.means << -0.6, 0.6, 0, 0.3;
    law.sigmas = Eigen::MatrixXd::Constant(2, 2, width);
    SimulationOptions options;
    options.count = count;
    options.grid = {16, 4.0};
    options.noise_sigma = noise_sigma;
    options.shift_sigma_angstrom = shift_sigma_angstrom;
    options.astigmatism_max_angstrom = 1000;
    SilentProgress progress;
    truth_ = simulate(model_, law, options, stack_path(), progress);
    truth_.particles.where.assign(count, "simulated");
  }

  [[nodiscard]] const NormalModeModel& model() const { return model_; }
  [[nodiscard]] const SimulationResult& truth() const { return truth_; }
  [[nodiscard]] std::string stack_path() const { return folder_.path("particles.mrcs"); }
  [[nodiscard]] std::unique_ptr<const ImageSet> images() const {
    return std::make_unique<ImageSet>(truth_.particles, ImageSetOptions());
  }
  [[nodiscard]] std::unique_ptr<const ImageSet> images_without_poses() const {
    ParticleTable table = truth_.particles;
    table.has_poses = false;
    return std::make_unique<ImageSet>(table, ImageSetOptions());
  }
  /// Multiplies every pixel on disk.
  void scale_pixels(float factor) const {
    std::vector<Pixels> images = read_stack(stack_path());
    for (Pixels& image : images) {
      for (float& pixel : image) {
        pixel *= factor;
      }
    }
    write_stack(stack_path(), images, 16);
  }

 private:
  TemporaryFolder folder_;
  NormalModeModel model_{small_molecule(false, 12, 2)};
  SimulationResult truth_;
};

}  // namespace cryosip::testing

#include "libcryosip/dataset/simulation.hpp"

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "tests/support/small_molecule.hpp"
#include "tests/support/stacks.hpp"
#include "tests/support/temporary_folder.hpp"

namespace cryosip {
namespace {

using testing::Pixels;
using testing::read_stack;
using testing::TemporaryFolder;

Mixture two_states() {
  Mixture mixture;
  mixture.weights = Eigen::Vector2d(0.5, 0.5);
  mixture.means.resize(2, 2);
  mixture.means << -1, 1, 0, 0.5;
  mixture.sigmas = Eigen::MatrixXd::Constant(2, 2, 0.2);
  return mixture;
}

class Simulation : public ::testing::Test {
 protected:
  SimulationResult run(const SimulationOptions& options, const std::string& name = "a.mrcs") {
    return run(options, two_states(), name);
  }
  SimulationResult run(const SimulationOptions& options,
                       const ConformationLaw& law,
                       const std::string& name) {
    SilentProgress progress;
    return simulate(model_, law, options, folder_.path(name), progress);
  }
  std::vector<Pixels> stack(const std::string& name = "a.mrcs") {
    return read_stack(folder_.path(name));
  }

  TemporaryFolder folder_;
  NormalModeModel model_{testing::small_molecule(false, 12, 2)};
  SimulationOptions options_ = [] {
    SimulationOptions options;
    options.count = 40;
    options.grid = {16, 4.0};
    return options;
  }();
};

TEST_F(Simulation, GivesTheRatioOfVariancesOverTheWholeBoxAfterTheCtf) {
  options_.shift_sigma_angstrom = 2;
  run(options_, "clean.mrcs");
  options_.snr = 0.5;
  const SimulationResult noisy = run(options_, "noisy.mrcs");
  const std::vector<Pixels> clean_images = stack("clean.mrcs");
  const std::vector<Pixels> noisy_images = stack("noisy.mrcs");

  double sum = 0;
  double squares = 0;
  double noise_squares = 0;
  for (std::size_t i = 0; i < clean_images.size(); ++i) {
    for (std::size_t p = 0; p < 256; ++p) {
      const double signal = clean_images[i][p];
      const double noise = static_cast<double>(noisy_images[i][p]) - signal;
      sum += signal;
      squares += signal * signal;
      noise_squares += noise * noise;
    }
  }
  const double count = 40 * 256;
  const double signal_variance = squares / count - sum / count * (sum / count);
  const double noise_variance = noise_squares / count;

  // Single precision in the stacks; 10 240 draws, of which five standard errors are 7 %.
  EXPECT_NEAR(signal_variance / (noisy.noise_sigma * noisy.noise_sigma), 0.5, 1e-6);
  EXPECT_NEAR(signal_variance / noise_variance, 0.5, 0.035);
  EXPECT_NEAR(noisy.signal_variance / signal_variance, 1, 1e-6);
}

TEST_F(Simulation, WithoutNoiseSaysSo) {
  EXPECT_EQ(run(options_).noise_sigma, 0);
}

TEST_F(Simulation, GivesImageIWhateverTheCount) {
  options_.noise_sigma = 0.3;
  options_.count = 300;  // more than one portion
  const SimulationResult many = run(options_, "many.mrcs");
  options_.count = 7;
  const SimulationResult few = run(options_, "few.mrcs");
  const std::vector<Pixels> all = stack("many.mrcs");

  EXPECT_EQ(stack("few.mrcs"), std::vector<Pixels>(all.begin(), all.begin() + 7));
  EXPECT_EQ(few.truth.coordinates, many.truth.coordinates.leftCols(7));
  EXPECT_EQ(few.particles.records[6].pose.rotation, many.particles.records[6].pose.rotation);
}

TEST_F(Simulation, GivesTheSameBitsOnAnyNumberOfThreads) {
  options_.snr = 0.1;
  {
    const ThreadLimit one(1);
    run(options_, "one.mrcs");
  }
  const ThreadLimit two(2);
  run(options_, "two.mrcs");

  EXPECT_EQ(stack("one.mrcs"), stack("two.mrcs"));
}

TEST_F(Simulation, OfAnotherSeedIsAnother) {
  run(options_, "one.mrcs");
  options_.seed = 2;
  run(options_, "two.mrcs");

  EXPECT_NE(stack("one.mrcs")[0], stack("two.mrcs")[0]);
}

TEST_F(Simulation, WritesThePosesShiftsAndOpticsAndTheConformationsItDrewWith) {
  options_.shift_sigma_angstrom = 3;
  options_.astigmatism_max_angstrom = 2000;
  options_.common_optics.phase_shift_degree = 20;
  options_.common_optics.b_factor_angstrom2 = 40;
  const SimulationResult result = run(options_);
  std::ostringstream particles;
  formats::write_star(particles, to_star(result.particles, {}));
  std::ostringstream truth;
  formats::write_star(truth, to_star(result.truth, {}));
  std::istringstream particles_back(particles.str());
  const ParticleTable table = read_particles(formats::read_star(particles_back, "p.star"));
  std::istringstream truth_back(truth.str());
  const Ensemble conformations = read_ensemble(formats::read_star(truth_back, "t.star"));

  const auto simulator = model_.pixel_simulator(options_.grid, options_.imaging);
  const std::vector<Pixels> images = stack();
  ASSERT_EQ(images.size(), 40U);
  for (std::size_t i = 0; i < images.size(); ++i) {
    const ParticleRecord& record = table.records[i];
    const Eigen::VectorXd again =
        simulator->image(conformations.coordinates.col(static_cast<Eigen::Index>(i)),
                         {record.pose, Ctf(record.ctf)});
    const double largest = again.cwiseAbs().maxCoeff();
    for (Eigen::Index p = 0; p < again.size(); ++p) {
      // Single precision in the stack.
      ASSERT_NEAR(images[i][static_cast<std::size_t>(p)], again(p), 1e-6 * largest) << i;
    }
    EXPECT_EQ(record.image.index, i);
    EXPECT_EQ(record.image.path, folder_.path("a.mrcs"));
  }
}

TEST_F(Simulation, DrawsShiftsAndOpticsAsAsked) {
  options_.count = 2000;
  options_.grid = {4, 16.0};
  options_.shift_sigma_angstrom = 3;
  options_.astigmatism_max_angstrom = 1000;
  options_.defocus_min_angstrom = 9000;
  options_.defocus_max_angstrom = 12000;
  const SimulationResult result = run(options_);

  double shift_square = 0;
  double mean_defocus = 0;
  Eigen::Matrix3d mean_rotation = Eigen::Matrix3d::Zero();
  for (const ParticleRecord& record : result.particles.records) {
    shift_square += record.pose.shift_angstrom.squaredNorm() / 4000;
    mean_rotation += record.pose.rotation / 2000;
    const double mean = (record.ctf.defocus_u_angstrom + record.ctf.defocus_v_angstrom) / 2;
    const double apart = record.ctf.defocus_u_angstrom - record.ctf.defocus_v_angstrom;
    mean_defocus += mean / 2000;
    EXPECT_GE(mean, 9000);
    EXPECT_LE(mean, 12000);
    EXPECT_GE(apart, 0);
    EXPECT_LE(apart, 1000);
  }
  // Five standard errors: 9 sqrt(2 / 4000); 3000 / sqrt(12 * 2000); sqrt(1 / 3 / 2000).
  EXPECT_NEAR(shift_square, 9, 1.0);
  EXPECT_NEAR(mean_defocus, 10500, 97);
  EXPECT_LT(mean_rotation.cwiseAbs().maxCoeff(), 0.065);
}

TEST_F(Simulation, TakesPosesAndOpticsFromTablesRowByRowAndRoundAgain) {
  options_.count = 3;
  options_.shift_sigma_angstrom = 3;
  const SimulationResult first = run(options_);
  SimulationOptions again = options_;
  again.count = 7;
  again.seed = 9;
  again.poses = SimulationOptions::Poses::Table;
  again.pose_table = first.particles;
  again.optics = SimulationOptions::Optics::Table;
  again.optics_table = first.particles;

  const SimulationResult result = run(again, "b.mrcs");

  for (std::size_t i = 0; i < 7; ++i) {
    const ParticleRecord& expected = first.particles.records[i % 3];
    const ParticleRecord& found = result.particles.records[i];
    EXPECT_EQ(found.pose.rotation, expected.pose.rotation);
    EXPECT_EQ(found.pose.shift_angstrom, expected.pose.shift_angstrom);
    EXPECT_EQ(found.ctf.defocus_u_angstrom, expected.ctf.defocus_u_angstrom);
    EXPECT_EQ(found.image.index, i);
    EXPECT_EQ(found.image.path, folder_.path("b.mrcs"));
  }
}

TEST_F(Simulation, RefusesTablesWithoutWhatIsAskedOfThem) {
  options_.count = 2;
  options_.optics = SimulationOptions::Optics::None;
  const SimulationResult no_optics = run(options_);
  EXPECT_FALSE(no_optics.particles.has_ctf);

  options_.optics = SimulationOptions::Optics::Table;
  options_.optics_table = no_optics.particles;
  EXPECT_THROW(run(options_), Error);
  options_.optics = SimulationOptions::Optics::None;
  options_.poses = SimulationOptions::Poses::Table;
  EXPECT_THROW(run(options_), Error);
}

TEST_F(Simulation, DrawsFromAnEnsembleByItsWeights) {
  Ensemble law;
  law.coordinates.resize(2, 4);
  law.coordinates << 9, 0, 1, 2, 9, 0, 0, 0;
  law.weights = Eigen::Vector4d(0, 0.2, 0, 0.8);
  options_.count = 2000;
  options_.grid = {4, 16.0};

  const SimulationResult result = run(options_, law, "a.mrcs");

  int first = 0;
  for (Eigen::Index i = 0; i < 2000; ++i) {
    const double coordinate = result.truth.coordinates(0, i);
    ASSERT_TRUE(coordinate == 0 || coordinate == 2) << "a conformation of weight 0 was drawn";
    first += coordinate == 0 ? 1 : 0;
  }
  EXPECT_NEAR(first, 400, 90);  // five times sqrt(2000 * 0.2 * 0.8)
  EXPECT_EQ(result.truth.weights, Eigen::VectorXd::Constant(2000, 1.0 / 2000));
}

TEST_F(Simulation, RefusesOptionsOutOfRangeAndWritesNothing) {
  const auto expect_refused = [&](const auto& change) {
    SimulationOptions options = options_;
    change(options);
    EXPECT_THROW(run(options), Error);
    EXPECT_FALSE(std::filesystem::exists(folder_.path("a.mrcs")));
  };
  expect_refused([](SimulationOptions& o) { o.count = 0; });
  expect_refused([](SimulationOptions& o) { o.grid.box = 15; });
  expect_refused([](SimulationOptions& o) { o.grid.pixel_size_angstrom = 0; });
  expect_refused([](SimulationOptions& o) { o.snr = -1; });
  expect_refused([](SimulationOptions& o) { o.snr = std::nan(""); });
  expect_refused([](SimulationOptions& o) { o.noise_sigma = -1; });
  expect_refused([](SimulationOptions& o) { o.snr = o.noise_sigma = 1; });
  expect_refused([](SimulationOptions& o) { o.defocus_min_angstrom = 30000; });
  expect_refused([](SimulationOptions& o) { o.shift_sigma_angstrom = -1; });
  expect_refused([](SimulationOptions& o) { o.common_optics.voltage_kv = 0; });
}

TEST_F(Simulation, RefusesALawOfAnotherDimensionThanTheModels) {
  Mixture mixture = two_states();
  mixture.means.conservativeResize(1, 2);
  mixture.sigmas.conservativeResize(1, 2);

  EXPECT_THROW(run(options_, mixture, "a.mrcs"), Error);
}

TEST_F(Simulation, LeavesNoStackWhenCancelled) {
  class Impatient final : public Progress {
   public:
    void begin(std::string_view, std::size_t) override {}
    void advance(std::size_t) override {}
    void end() override {}
    void note(std::string_view) override {}
    void warn(std::string_view) override {}
    [[nodiscard]] bool cancelled() const override { return true; }
  } impatient;

  try {
    simulate(model_, two_states(), options_, folder_.path("a.mrcs"), impatient);
    FAIL() << "not cancelled";
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Cancelled);
  }
  EXPECT_FALSE(std::filesystem::exists(folder_.path("a.mrcs")));
}

}  // namespace
}  // namespace cryosip

#include "libcryosip/report/image_panels.hpp"

#include <cmath>
#include <complex>

#include <gtest/gtest.h>

#include "libcryosip/core/units.hpp"
#include "tests/support/simulated_set.hpp"

namespace cryosip {
namespace {

class ImagePanelsOfASet : public ::testing::Test {
 protected:
  ImagePanelsOfASet() : set_(40, kNoise), images_(set_.images()) {
    options_.drawing.noise_sigma = kNoise;
    options_.examples = 3;
    options_.components = 2;
  }

  [[nodiscard]] ImagePanels panels() const {
    SilentProgress progress;
    return image_panels(set_.model(), *images_, set_.truth().truth, options_, progress);
  }

  static constexpr double kNoise = 0.001;
  testing::SimulatedSet set_;
  std::unique_ptr<const ImageSet> images_;
  ImagePanelOptions options_;
};

// Mean power in rings of whole frequencies, from the pixels that are compared, by the definition of
// the Fourier transform.
TEST_F(ImagePanelsOfASet, HavePowerSpectraOfTheComparedImages) {
  const ImagePanels panels = this->panels();
  const auto model = set_.model().image_model(images_->grid(), 0, options_.drawing.imaging);
  const Eigen::VectorXf compared = model->transfer(std::nullopt);
  const int box = images_->grid().box;
  const Eigen::Index rings = panels.frequencies.size();
  Eigen::VectorXd power = Eigen::VectorXd::Zero(rings + 1);
  Eigen::VectorXd members = Eigen::VectorXd::Zero(rings + 1);
  for (std::size_t image = 0; image < images_->size(); ++image) {
    std::vector<float> read(static_cast<std::size_t>(images_->grid().pixels()));
    images_->read(image, read);
    const Eigen::VectorXd coefficients =
        model->basis().analyse(read).cwiseProduct(compared.cast<double>());
    const Eigen::VectorXd pixels = model->basis().synthesise(coefficients);
    for (int ky = -box / 2; ky < box / 2; ++ky) {
      for (int kx = -box / 2; kx < box / 2; ++kx) {
        const double radius = std::hypot(kx, ky);
        if (radius > static_cast<double>(rings)) {
          continue;
        }
        std::complex<double> sum = 0;
        for (int y = 0; y < box; ++y) {
          for (int x = 0; x < box; ++x) {
            sum += pixels(static_cast<Eigen::Index>(y) * box + x) *
                   std::polar(1.0, -2 * kPi * (kx * x + ky * y) / box);
          }
        }
        power(std::lround(radius)) += std::norm(sum) / (box * box);
        members(std::lround(radius)) += 1;
      }
    }
  }
  const Eigen::VectorXd expected = power.cwiseQuotient(members).tail(rings);
  EXPECT_LT((panels.observed_power - expected).cwiseAbs().maxCoeff(), 1e-5 * expected.maxCoeff());
  EXPECT_NEAR(panels.frequencies(0), 1 / images_->grid().edge_angstrom(), 1e-12);
}

TEST_F(ImagePanelsOfASet, OfTheTruthAgreeWithTheObservedImages) {
  const ImagePanels panels = this->panels();
  EXPECT_EQ(panels.compared, 40U);
  EXPECT_EQ(panels.poses, PoseLaw::Given);
  EXPECT_NEAR(panels.contrast, 1, 0.1);
  EXPECT_LT((panels.observed_mean - panels.simulated_mean).norm(),
            0.3 * panels.observed_mean.norm());
  ASSERT_EQ(panels.examples.size(), 3U);
  for (const ImagePanels::Example& example : panels.examples) {
    EXPECT_GT(example.correlation, 0.8);  // among 40 conformations is the image's own
    EXPECT_LT((example.observed - example.clear).norm(), 0.8 * example.observed.norm());
  }
}

TEST_F(ImagePanelsOfASet, WithoutPosesShowNoPairs) {
  options_.drawing.poses = PoseLaw::Uniform;
  const ImagePanels panels = this->panels();
  EXPECT_EQ(panels.poses, PoseLaw::Uniform);
  for (const ImagePanels::Example& example : panels.examples) {
    EXPECT_EQ(example.clear.size(), 0);
    EXPECT_EQ(example.simulated.size(), images_->grid().pixels());
  }
}

}  // namespace
}  // namespace cryosip

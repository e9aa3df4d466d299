// One set of 300 particles in three files: the 3.1 form that RELION wrote, the 3.0 form made from
// it, and RELION's conversion of that.  All must mean the same images, seen the same way.
#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "libcryosip/dataset/image_set.hpp"

namespace cryosip {
namespace {

class RelionParticleForms : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* const shared = std::getenv("CRYOSIP_SHARED_DATA");
    fixtures_ = shared == nullptr ? "" : std::string(shared) + "/fixtures/";
    if (!std::filesystem::exists(fixtures_ + "a_stack31/particles.star")) {
      GTEST_SKIP() << "needs fixtures/a_stack31 and b_stack30 in CRYOSIP_SHARED_DATA";
    }
  }
  [[nodiscard]] ImageSet open(const std::string& star) const {
    ImageSetOptions options;
    options.image_directory = fixtures_ + "a_stack31";
    return ImageSet::open(fixtures_ + star, options);
  }

  std::string fixtures_;
};

void expect_same(const ImageSet& a, const ImageSet& b, double shift_tolerance_angstrom) {
  ASSERT_EQ(a.size(), 300U);
  ASSERT_EQ(b.size(), 300U);
  EXPECT_TRUE(b.has_poses());
  EXPECT_TRUE(b.has_ctf());
  EXPECT_EQ(b.grid().box, a.grid().box);
  EXPECT_NEAR(b.grid().pixel_size_angstrom, a.grid().pixel_size_angstrom, 1e-12);
  constexpr std::size_t kPixels = std::size_t{48} * 48;
  std::vector<float> pixels_of_a(kPixels);
  std::vector<float> pixels_of_b(kPixels);
  for (std::size_t i = 0; i < a.size(); ++i) {
    const ParticleRecord& x = a.table().records[i];
    const ParticleRecord& y = b.table().records[i];
    EXPECT_LT((x.pose.rotation - y.pose.rotation).norm(), 1e-12) << i;
    EXPECT_LT((x.pose.shift_angstrom - y.pose.shift_angstrom).cwiseAbs().maxCoeff(),
              shift_tolerance_angstrom)
        << i;
    EXPECT_EQ(x.ctf.defocus_u_angstrom, y.ctf.defocus_u_angstrom);
    EXPECT_EQ(x.ctf.defocus_v_angstrom, y.ctf.defocus_v_angstrom);
    EXPECT_EQ(x.ctf.defocus_angle_degree, y.ctf.defocus_angle_degree);
    EXPECT_EQ(x.ctf.phase_shift_degree, y.ctf.phase_shift_degree);
    EXPECT_EQ(x.ctf.voltage_kv, y.ctf.voltage_kv);
    EXPECT_EQ(x.ctf.spherical_aberration_mm, y.ctf.spherical_aberration_mm);
    EXPECT_EQ(x.ctf.amplitude_contrast, y.ctf.amplitude_contrast);
    EXPECT_EQ(x.ctf.b_factor_angstrom2, y.ctf.b_factor_angstrom2);
    EXPECT_EQ(x.ctf.scale, y.ctf.scale);
    a.read(i, pixels_of_a);
    b.read(i, pixels_of_b);
    EXPECT_EQ(pixels_of_a, pixels_of_b) << i;
  }
}

TEST_F(RelionParticleForms, WithAndWithoutOpticsMeanTheSame) {
  // Six decimals of a pixel of 4 angstrom.
  expect_same(open("a_stack31/particles.star"), open("b_stack30/particles30.star"), 2.01e-6);
}

TEST_F(RelionParticleForms, RelionsConversionMeansTheSame) {
  // The same, then five decimals of an angstrom, which is what RELION writes of negative numbers.
  expect_same(open("b_stack30/particles30.star"),
              open("b_stack30/particles30_converted_by_relion.star"),
              5.01e-6);
}

}  // namespace
}  // namespace cryosip

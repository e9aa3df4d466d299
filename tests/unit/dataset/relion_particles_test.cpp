#include "libcryosip/dataset/relion_particles.hpp"

#include <sstream>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "tests/support/temporary_file.hpp"

namespace cryosip {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

// Rounding of angles turned into matrices and back.
constexpr double kRounding = 1e-12;

ParticleTable read(const std::string& text) {
  std::istringstream in(text);
  return read_particles(formats::read_star(in, "p.star"));
}

std::string refusal(const std::string& text) {
  return testing::input_error_of([&] { static_cast<void>(read(text)); });
}

constexpr const char* kOptics = R"(
data_optics

loop_
_rlnOpticsGroup #1
_rlnOpticsGroupName #2
_rlnVoltage #3
_rlnSphericalAberration #4
_rlnAmplitudeContrast #5
_rlnImagePixelSize #6
_rlnImageSize #7
1 first 300 2.7 0.1 1.5 64
4 second 200 2.0 0.07 1.5 64

)";

constexpr const char* kParticles = R"(
data_particles

loop_
_rlnImageName #1
_rlnAngleRot #2
_rlnAngleTilt #3
_rlnAnglePsi #4
_rlnOriginXAngst #5
_rlnOriginYAngst #6
_rlnDefocusU #7
_rlnDefocusV #8
_rlnDefocusAngle #9
_rlnPhaseShift #10
_rlnCtfBfactor #11
_rlnCtfScalefactor #12
_rlnOpticsGroup #13
000001@a.mrcs 10 20 30 1.5 -2.5 12000 11000 45 5 30 0.9 1
000007@b.mrcs -10 120 -30 0 3 15000 15000 0 0 0 1 4

)";

std::string with(std::string text, const std::string& found, const std::string& replacement) {
  const std::size_t at = text.find(found);
  EXPECT_NE(at, std::string::npos) << found;
  return text.replace(at, found.size(), replacement);
}

void expect_both_particles(const ParticleTable& table) {
  ASSERT_EQ(table.records.size(), 2U);
  EXPECT_TRUE(table.has_poses);
  EXPECT_TRUE(table.has_ctf);
  const ParticleRecord& first = table.records[0];
  EXPECT_EQ(first.image.path, "a.mrcs");
  EXPECT_EQ(first.image.index, 0U);
  EXPECT_LT((first.pose.rotation - rotation_matrix({10, 20, 30})).norm(), kRounding);
  EXPECT_EQ(first.pose.shift_angstrom, Eigen::Vector2d(-1.5, 2.5));
  EXPECT_EQ(first.ctf.defocus_u_angstrom, 12000);
  EXPECT_EQ(first.ctf.defocus_v_angstrom, 11000);
  EXPECT_EQ(first.ctf.defocus_angle_degree, 45);
  EXPECT_EQ(first.ctf.phase_shift_degree, 5);
  EXPECT_EQ(first.ctf.b_factor_angstrom2, 30);
  EXPECT_EQ(first.ctf.scale, 0.9);
  EXPECT_EQ(first.ctf.voltage_kv, 300);
  EXPECT_EQ(first.ctf.spherical_aberration_mm, 2.7);
  EXPECT_EQ(first.ctf.amplitude_contrast, 0.1);
  const ParticleRecord& second = table.records[1];
  EXPECT_EQ(second.image.path, "b.mrcs");
  EXPECT_EQ(second.image.index, 6U);
  EXPECT_EQ(second.optics_group, 1U);
  EXPECT_EQ(second.pose.shift_angstrom, Eigen::Vector2d(0, -3));
  EXPECT_EQ(second.ctf.voltage_kv, 200);
  EXPECT_EQ(second.ctf.amplitude_contrast, 0.07);
}

TEST(RelionParticles, ReadsTheFormWithOptics) {
  const ParticleTable table = read(std::string(kOptics) + kParticles);

  expect_both_particles(table);
  ASSERT_EQ(table.optics_groups.size(), 2U);
  EXPECT_EQ(table.optics_groups[1].name, "second");
  EXPECT_EQ(table.optics_groups[1].pixel_size_angstrom, 1.5);
  EXPECT_EQ(table.optics_groups[1].box, 64);
  EXPECT_THAT(table.warnings, IsEmpty());
  EXPECT_EQ(table.where[0], "p.star:32");
}

TEST(RelionParticles, ReadsOpticsBehindTheParticles) {
  expect_both_particles(read(std::string(kParticles) + kOptics));
}

TEST(RelionParticles, ReadsColumnsInAnyOrder) {
  expect_both_particles(read(std::string(kOptics) + R"(
data_particles
loop_
_rlnOpticsGroup
_rlnCtfScalefactor
_rlnUnheardOf
_rlnDefocusAngle
_rlnDefocusV
_rlnDefocusU
_rlnOriginYAngst
_rlnOriginXAngst
_rlnAnglePsi
_rlnAngleTilt
_rlnAngleRot
_rlnCtfBfactor
_rlnPhaseShift
_rlnImageName
1 0.9 x 45 11000 12000 -2.5 1.5 30 20 10 30 5 1@a.mrcs
4 1 y 0 15000 15000 3 0 -30 120 -10 0 0 7@b.mrcs
)"));
}

TEST(RelionParticles, ReadsTheFormWithoutOptics) {
  const ParticleTable table = read(R"(
data_
loop_
_rlnImageName
_rlnAngleRot
_rlnAngleTilt
_rlnAnglePsi
_rlnOriginX
_rlnOriginY
_rlnDefocusU
_rlnVoltage
_rlnSphericalAberration
_rlnAmplitudeContrast
_rlnMagnification
_rlnDetectorPixelSize
1@a.mrcs 10 20 30 2 -3 12000 300 2.7 0.1 40000 5
)");

  ASSERT_EQ(table.optics_groups.size(), 1U);
  EXPECT_DOUBLE_EQ(table.optics_groups[0].pixel_size_angstrom, 1.25);
  const ParticleRecord& record = table.records[0];
  EXPECT_NEAR(record.pose.shift_angstrom.x(), -2.5, kRounding);
  EXPECT_NEAR(record.pose.shift_angstrom.y(), 3.75, kRounding);
  EXPECT_EQ(record.ctf.defocus_v_angstrom, 12000);  // as RELION, where there is no V
  EXPECT_THAT(table.warnings, IsEmpty());
}

TEST(RelionParticles, ReadsTheBlockNamesOfOlderFiles) {
  for (const char* name : {"", "images", "particles"}) {
    EXPECT_EQ(read("data_" + std::string(name) + "\nloop_\n_rlnImageName\n3@a.mrcs\n")
                  .records[0]
                  .image.index,
              2U);
  }
}

TEST(RelionParticles, AParticlesOwnValueGoesBeforeItsOpticsGroups) {
  std::string particles = with(kParticles, "_rlnOpticsGroup #13", "_rlnOpticsGroup\n_rlnVoltage");
  particles = with(particles, "0.9 1\n", "0.9 1 120\n");
  particles = with(particles, "0 0 1 4\n", "0 0 1 4 80\n");

  const ParticleTable table = read(kOptics + particles);

  EXPECT_EQ(table.records[0].ctf.voltage_kv, 120);
  EXPECT_EQ(table.records[1].ctf.voltage_kv, 80);
  EXPECT_EQ(table.records[1].ctf.spherical_aberration_mm, 2.0);
}

TEST(RelionParticles, UsesPixelOriginsBesideOpticsWithAWarning) {
  const std::string particles =
      with(with(kParticles, "OriginXAngst", "OriginX"), "OriginYAngst", "OriginY");

  const ParticleTable table = read(kOptics + particles);

  EXPECT_EQ(table.records[0].pose.shift_angstrom, Eigen::Vector2d(-2.25, 3.75));
  EXPECT_THAT(table.warnings, ElementsAre(HasSubstr("p.star: rlnOriginX/Y (pixels)")));
}

TEST(RelionParticles, HasNoPosesUnlessAllThreeAnglesAreThere) {
  const ParticleTable some = read(std::string(kOptics) + with(kParticles, "AngleTilt", "AngleOdd"));
  EXPECT_FALSE(some.has_poses);
  EXPECT_FALSE(some.has_views);
  EXPECT_EQ(some.records[0].pose.rotation, Eigen::Matrix3d::Identity());
  EXPECT_EQ(some.records[0].pose.shift_angstrom, Eigen::Vector2d::Zero());
  EXPECT_THAT(some.warnings, ElementsAre(HasSubstr("only some of rlnAngleRot")));

  // Views alone are kept, psi 0.
  const ParticleTable views = read(std::string(kOptics) + with(kParticles, "AnglePsi", "AngleOdd"));
  EXPECT_FALSE(views.has_poses);
  EXPECT_TRUE(views.has_views);
  EXPECT_NEAR(euler_angles(views.records[0].pose.rotation).psi_degree, 0, 1e-9);
  EXPECT_NE(views.records[0].pose.rotation, Eigen::Matrix3d::Identity());

  // In-plane angles alone are what 2D classification leaves: nothing to warn of.
  const ParticleTable none = read("data_\nloop_\n_rlnImageName\n_rlnAnglePsi\n1@a.mrcs 5\n");
  EXPECT_FALSE(none.has_poses);
  EXPECT_THAT(none.warnings, IsEmpty());
}

TEST(RelionParticles, HasNoCtfWithoutADefocus) {
  EXPECT_FALSE(read("data_\nloop_\n_rlnImageName\n1@a.mrcs\n").has_ctf);
}

TEST(RelionParticles, WarnsWhereAmplitudeContrastIsAssumed) {
  const ParticleTable table =
      read(with(kOptics, "AmplitudeContrast", "SomethingElse") + std::string(kParticles));

  EXPECT_EQ(table.records[0].ctf.amplitude_contrast, 0);
  EXPECT_THAT(table.warnings, ElementsAre(HasSubstr("no rlnAmplitudeContrast; 0 is assumed")));
}

TEST(RelionParticles, NeedsNoOpticsGroupColumnBesideOneGroup) {
  const std::string optics = with(kOptics, "4 second 200 2.0 0.07 1.5 64\n", "");

  EXPECT_EQ(
      read(optics + "data_particles\nloop_\n_rlnImageName\n2@a.mrcs\n").records[0].optics_group,
      0U);
  EXPECT_THAT(refusal(std::string(kOptics) + "data_particles\nloop_\n_rlnImageName\n2@a.mrcs\n"),
              HasSubstr("no column 'rlnOpticsGroup'"));
}

TEST(RelionParticles, RefusesAnOpticsGroupThatIsNotInTheTable) {
  EXPECT_THAT(refusal(std::string(kOptics) + with(kParticles, "1 4\n", "1 3\n")),
              ::testing::AllOf(HasSubstr("p.star:33: "), HasSubstr("'3' found, expected a group")));
}

TEST(RelionParticles, RefusesAnOpticsGroupThatStandsTwice) {
  EXPECT_THAT(refusal(with(kOptics, "4 second", "1 second") + std::string(kParticles)),
              ::testing::AllOf(HasSubstr("p.star:13: "), HasSubstr("stands twice")));
}

TEST(RelionParticles, RefusesPixelSizesThatAreNotPositive) {
  EXPECT_THAT(refusal(with(kOptics, "0.1 1.5", "0.1 0") + std::string(kParticles)),
              HasSubstr("p.star:12: "));
  const std::string old = "data_\nloop_\n_rlnImageName\n_rlnMagnification\n_rlnDetectorPixelSize\n";
  EXPECT_THAT(refusal(old + "1@a.mrcs 0 5\n"), HasSubstr("p.star:6: "));
}

TEST(RelionParticles, RefusesMixedMagnifications) {
  EXPECT_THAT(
      refusal("data_\nloop_\n_rlnImageName\n_rlnMagnification\n_rlnDetectorPixelSize\n"
              "1@a.mrcs 50000 5\n2@a.mrcs 40000 5\n"),
      ::testing::AllOf(HasSubstr("p.star:7: "), HasSubstr("pixel size 1.25 angstrom, expected 1")));
}

TEST(RelionParticles, RefusesPixelOriginsWithoutAPixelSize) {
  EXPECT_THAT(refusal("data_\nloop_\n_rlnImageName\n_rlnAngleRot\n_rlnAngleTilt\n_rlnAnglePsi\n"
                      "_rlnOriginX\n_rlnOriginY\n1@a.mrcs 0 0 0 2 3\n"),
              HasSubstr("p.star:9: rlnOriginX/Y are in pixels of unknown size"));
}

TEST(RelionParticles, TakesPixelOriginsInPixelsOfTheSizeGivenInstead) {
  std::istringstream in(
      "data_\nloop_\n_rlnImageName\n_rlnAngleRot\n_rlnAngleTilt\n_rlnAnglePsi\n"
      "_rlnOriginX\n_rlnOriginY\n1@a.mrcs 0 0 0 2 -3\n");

  const ParticleTable table = read_particles(formats::read_star(in, "p.star"), 1.5);

  EXPECT_EQ(table.records[0].pose.shift_angstrom, Eigen::Vector2d(-3, 4.5));
  EXPECT_EQ(table.optics_groups[0].pixel_size_angstrom, 1.5);
}

TEST(RelionParticles, NamesTheColumnThatIsMissing) {
  EXPECT_THAT(refusal(std::string(kOptics) + with(kParticles, "ImageName", "Image")),
              HasSubstr("p.star: block 'data_particles' has no column 'rlnImageName'"));
  EXPECT_THAT(refusal(with(kOptics, "Voltage", "Current") + std::string(kParticles)),
              HasSubstr("no column 'rlnVoltage', needed beside rlnDefocusU"));
  EXPECT_THAT(refusal(with(kOptics, "SphericalAberration", "Cs") + std::string(kParticles)),
              HasSubstr("no column 'rlnSphericalAberration'"));
  EXPECT_THAT(refusal("data_model\nloop_\n_rlnImageName\n1@a.mrcs\n"),
              HasSubstr("p.star: no block 'data_particles'"));
}

TEST(RelionParticles, RefusesImageNumberZero) {
  EXPECT_THAT(refusal(std::string(kOptics) + with(kParticles, "000007@", "000000@")),
              ::testing::AllOf(HasSubstr("p.star:33: "), HasSubstr("rlnImageName")));
}

TEST(RelionParticles, RefusesWhatIsNotAFiniteNumber) {
  for (const char* bad : {"nan", "None", "inf", "12000x"}) {
    EXPECT_THAT(refusal(std::string(kOptics) + with(kParticles, "12000", bad)),
                ::testing::AllOf(HasSubstr("p.star:32: "), HasSubstr("rlnDefocusU")))
        << bad;
  }
}

TEST(RelionParticles, RefusesOpticsOutOfRangeWithTheLine) {
  EXPECT_THAT(refusal(with(kOptics, "200 2.0", "-200 2.0") + std::string(kParticles)),
              ::testing::AllOf(HasSubstr("p.star:33: "), HasSubstr("voltage")));
}

TEST(RelionParticles, RefusesATableWithoutRows) {
  EXPECT_THAT(refusal(std::string(kOptics) + "data_particles\nloop_\n_rlnImageName\n\n"),
              HasSubstr("no particles, expected at least one row"));
}

TEST(RelionParticles, ComeBackFromTheFormThatIsWritten) {
  ParticleTable table = read(std::string(kOptics) + kParticles);
  table.records[1].ctf = table.records[0].ctf;
  table.records[1].ctf.defocus_u_angstrom = 12345.678901234567;
  table.records[1].optics_group = 0;
  table.optics_groups.pop_back();
  std::ostringstream out;
  formats::write_star(out, to_star(table, {"made by a test"}));

  const ParticleTable back = read(out.str());

  EXPECT_THAT(out.str(), HasSubstr("\n000007@b.mrcs "));
  ASSERT_EQ(back.records.size(), 2U);
  EXPECT_EQ(back.optics_groups[0].name, "first");
  EXPECT_EQ(back.optics_groups[0].pixel_size_angstrom, 1.5);
  EXPECT_EQ(back.optics_groups[0].box, 64);
  for (std::size_t i = 0; i < 2; ++i) {
    const ParticleRecord& was = table.records[i];
    const ParticleRecord& is = back.records[i];
    EXPECT_EQ(is.image.path, was.image.path);
    EXPECT_EQ(is.image.index, was.image.index);
    EXPECT_LT((is.pose.rotation - was.pose.rotation).norm(), kRounding);
    EXPECT_EQ(is.pose.shift_angstrom, was.pose.shift_angstrom);
    EXPECT_EQ(is.ctf.defocus_u_angstrom, was.ctf.defocus_u_angstrom);
    EXPECT_EQ(is.ctf.defocus_v_angstrom, was.ctf.defocus_v_angstrom);
    EXPECT_EQ(is.ctf.defocus_angle_degree, was.ctf.defocus_angle_degree);
    EXPECT_EQ(is.ctf.phase_shift_degree, was.ctf.phase_shift_degree);
    EXPECT_EQ(is.ctf.b_factor_angstrom2, was.ctf.b_factor_angstrom2);
    EXPECT_EQ(is.ctf.scale, was.ctf.scale);
    EXPECT_EQ(is.ctf.voltage_kv, was.ctf.voltage_kv);
    EXPECT_EQ(is.ctf.spherical_aberration_mm, was.ctf.spherical_aberration_mm);
    EXPECT_EQ(is.ctf.amplitude_contrast, was.ctf.amplitude_contrast);
  }
}

TEST(RelionParticles, WithoutPosesOrCtfAreWrittenWithoutTheirColumns) {
  const ParticleTable table = read("data_\nloop_\n_rlnImageName\n_rlnPixelSize\n3@a.mrcs 2\n");
  std::ostringstream out;
  formats::write_star(out, to_star(table, {}));

  const ParticleTable back = read(out.str());

  EXPECT_FALSE(back.has_poses);
  EXPECT_FALSE(back.has_ctf);
}

TEST(RelionParticles, OfUnequalOpticsAreNotWrittenAsOneGroup) {
  ParticleTable table = read(std::string(kOptics) + kParticles);
  EXPECT_THROW(static_cast<void>(to_star(table, {})), Error);  // two groups
  table.optics_groups.pop_back();
  EXPECT_THROW(static_cast<void>(to_star(table, {})), Error);  // two voltages
  table.records.clear();
  EXPECT_THROW(static_cast<void>(to_star(table, {})), Error);
}

}  // namespace
}  // namespace cryosip

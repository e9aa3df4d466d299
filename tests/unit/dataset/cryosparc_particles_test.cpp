#include "libcryosip/dataset/cryosparc_particles.hpp"

#include <cmath>
#include <limits>
#include <sstream>
#include <string>
#include <vector>

#include <Eigen/Dense>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/core/units.hpp"
#include "tests/support/cryosparc_records.hpp"
#include "tests/support/temporary_file.hpp"

namespace cryosip {
namespace {

using formats::NpyArray;
using formats::NpyField;
using formats::StarFile;
using formats::StarTable;
using ::testing::AllOf;
using testing::column;
using ::testing::ElementsAre;
using testing::fields_of;
using ::testing::HasSubstr;
using testing::images;
using testing::input_error_of;
using testing::kFirstUid;
using testing::kImages;
using testing::kPoses;
using testing::star_of;
using Writer = testing::CryosparcWriter;
using ::testing::IsEmpty;

void put_pose(Writer& w, const std::string& prefix, std::size_t i, double seed) {
  w.number(prefix + "/pose", i, {0.3 * seed, -1.1, 0.7 - seed});
  w.number(prefix + "/shift", i, {1.7 + seed, -2.9 * seed});
}

// Rodrigues' formula, transposed.
Eigen::Matrix3d rotation_of(const Eigen::Vector3d& v) {
  const double angle = v.norm();
  if (angle == 0) {
    return Eigen::Matrix3d::Identity();
  }
  Eigen::Matrix3d k;
  k << 0, -v.z(), v.y(), v.z(), 0, -v.x(), -v.y(), v.x(), 0;
  k /= angle;
  return (Eigen::Matrix3d::Identity() + std::sin(angle) * k + (1 - std::cos(angle)) * k * k)
      .transpose();
}

Eigen::Matrix3d rotation_of(const NpyArray& array, const std::string& name, std::size_t i) {
  const std::size_t field = array.find(name).value();
  return rotation_of(
      {array.number(i, field, 0), array.number(i, field, 1), array.number(i, field, 2)});
}

ConversionNotes notes_of(const NpyArray& array, const std::vector<NpyArray>& others = {}) {
  ConversionNotes notes;
  static_cast<void>(star_of_cryosparc(array, others, notes));
  return notes;
}

std::string refusal(const NpyArray& array, const std::vector<NpyArray>& others = {}) {
  return input_error_of([&] { static_cast<void>(star_of(array, others)); });
}

// Through the text of a file, as convert does.
StarFile written_and_read(const StarFile& star) {
  std::stringstream text;
  formats::write_star(text, star);
  return formats::read_star(text, "p.star");
}

NpyArray cryosparc_of(const StarFile& star, const std::vector<NpyArray>& originals = {}) {
  ConversionNotes notes;
  return cryosparc_of_star(star, read_particles(star), originals, notes);
}

TEST(CryosparcParticles, GiveImagesOpticsAndCtfs) {
  const Writer w = images(3);

  const StarFile star = star_of(w.array);
  const StarTable& optics = star.table("optics");
  const StarTable& particles = star.table("particles");

  EXPECT_THAT(column(optics, "rlnOpticsGroup"), ElementsAre("1", "2"));
  EXPECT_THAT(column(optics, "rlnOpticsGroupName"), ElementsAre("exp_group_7", "exp_group_23"));
  EXPECT_THAT(column(optics, "rlnVoltage"), ElementsAre("300", "300"));
  EXPECT_THAT(column(optics, "rlnSphericalAberration"), ElementsAre("2.7", "2.7"));
  EXPECT_THAT(column(optics, "rlnAmplitudeContrast"), ElementsAre("0.07", "0.07"));
  EXPECT_THAT(column(optics, "rlnImagePixelSize"), ElementsAre("1.31", "1.31"));
  EXPECT_THAT(column(optics, "rlnImageSize"), ElementsAre("64", "64"));
  EXPECT_THAT(column(optics, "rlnImageDimensionality"), ElementsAre("2", "2"));
  EXPECT_THAT(column(particles, "rlnOpticsGroup"), ElementsAre("2", "1", "2"));
  // RELION counts from 1, and refuses a stack called .mrc.
  EXPECT_THAT(column(particles, "rlnImageName"),
              ElementsAre("000001@J1/a.mrc:mrcs", "000001@J1/b.mrcs", "000002@J1/a.mrc:mrcs"));
  EXPECT_THAT(column(particles, "rlnMicrographName"), ElementsAre("m1.mrc", "m1.mrc", "m1.mrc"));
  EXPECT_THAT(column(particles, "ucsfUid"),
              ElementsAre("18446744073709551360", "18446744073709551361", "18446744073709551362"));
  EXPECT_THAT(column(particles, "rlnDefocusU"), ElementsAre("15301.1", "15308.4", "15315.7"));
  const ParticleTable table = read_particles(star);
  EXPECT_FALSE(table.has_poses);
  ASSERT_TRUE(table.has_ctf);
  const CtfParameters& ctf = table.records[1].ctf;
  EXPECT_EQ(ctf.defocus_v_angstrom, 14913.3);
  EXPECT_NEAR(ctf.defocus_angle_degree, 0.1021534 * kDegreePerRadian, 1e-6);
  EXPECT_NEAR(ctf.phase_shift_degree, 0.5 * kDegreePerRadian, 1e-12);
  EXPECT_EQ(ctf.scale, 0.98);
  EXPECT_EQ(ctf.b_factor_angstrom2, 12.5);
  EXPECT_EQ(table.records[2].image.path, "J1/a.mrc");
  EXPECT_EQ(table.records[2].image.index, 1U);
  EXPECT_EQ(table.where[2], "array made in memory: record 3");
}

TEST(CryosparcParticles, GivePosesAndShiftsInAngstrom) {
  Writer w = images(2, kPoses);
  for (std::size_t i = 0; i < 2; ++i) {
    put_pose(w, "alignments3D", i, static_cast<double>(i));
    w.number("alignments3D/psize_A", i, {2.62});  // aligned on images of half the size
    w.count("alignments3D/split", i, i);
    w.count("alignments3D/class", i, 3);
  }

  const StarFile star = star_of(w.array);
  const ParticleTable table = read_particles(star);

  ASSERT_TRUE(table.has_poses);
  for (std::size_t i = 0; i < 2; ++i) {
    EXPECT_LT(
        (table.records[i].pose.rotation - rotation_of(w.array, "alignments3D/pose", i)).norm(),
        1e-6);
  }
  const StarTable& particles = star.table("particles");
  EXPECT_NEAR(particles.number(1, particles.column("rlnOriginXAngst")), 2.7 * 2.62, 1e-12);
  EXPECT_NEAR(particles.number(1, particles.column("rlnOriginYAngst")), -2.9 * 2.62, 1e-12);
  EXPECT_THAT(column(particles, "sipAlignmentPixelSize"), ElementsAre("2.62", "2.62"));
  EXPECT_THAT(column(particles, "rlnRandomSubset"), ElementsAre("1", "2"));
  EXPECT_THAT(column(particles, "rlnClassNumber"), ElementsAre("4", "4"));
}

TEST(CryosparcParticles, SaySubsetsAndTheAlignmentsPixelSizeOnlyWhereTheyTellSomething) {
  Writer w = images(2, kPoses);
  for (std::size_t i = 0; i < 2; ++i) {
    w.number("alignments3D/psize_A", i, {1.31});
  }
  EXPECT_FALSE(star_of(w.array).table("particles").has("sipAlignmentPixelSize"));
  EXPECT_FALSE(star_of(w.array).table("particles").has("rlnRandomSubset"));
  w.count("alignments3D/split", 0, 1);
  w.count("alignments3D/split", 1, 1);  // the second half alone
  EXPECT_THAT(column(star_of(w.array).table("particles"), "rlnRandomSubset"),
              ElementsAre("2", "2"));
}

TEST(CryosparcParticles, MakeAnOpticsGroupOfEveryOptics) {
  Writer w = images(4);
  w.number("ctf/accel_kv", 2, {200});
  w.number("blob/psize_A", 3, {2});

  const StarFile star = star_of(w.array);

  EXPECT_THAT(column(star.table("optics"), "rlnOpticsGroupName"),
              ElementsAre("exp_group_7", "exp_group_7_2", "exp_group_23", "exp_group_23_2"));
  EXPECT_THAT(column(star.table("optics"), "rlnVoltage"), ElementsAre("300", "300", "200", "300"));
  EXPECT_THAT(column(star.table("particles"), "rlnOpticsGroup"), ElementsAre("4", "1", "3", "2"));
  const NpyArray back = cryosparc_of(star);
  for (std::size_t i = 0; i < 4; ++i) {
    EXPECT_EQ(back.count(i, back.find("ctf/exp_group_id").value()), i % 2 == 0 ? 23U : 7U);
  }
}

TEST(CryosparcParticles, KnowTheOlderNameOfAmplitudeContrast) {
  std::vector<NpyField> fields = kImages;
  fields[9].name = "ctf/ac";
  Writer w(fields, 1);
  w.text("blob/path", 0, "a.mrc");
  w.number("blob/psize_A", 0, {1.5});
  w.number("ctf/accel_kv", 0, {300});
  w.number("ctf/ac", 0, {0.08});

  EXPECT_THAT(column(star_of(w.array).table("optics"), "rlnAmplitudeContrast"),
              ElementsAre("0.08"));
}

TEST(CryosparcParticles, AreJoinedWithTheirOtherHalfOnUid) {
  const Writer w = images(3);
  Writer other(fields_of({{"uid", "<u8"}, {"blob/idx", "<u4"}}, kPoses), 4);
  for (std::size_t i = 0; i < 4; ++i) {
    other.count("uid", i, kFirstUid + 3 - i);
    other.count("blob/idx", i, 99);  // the particles' own goes before it
    put_pose(other, "alignments3D", i, static_cast<double>(i));
    other.number("alignments3D/psize_A", i, {1.31});
  }

  const ParticleTable table = read_particles(star_of(w.array, {other.array}));

  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_LT(
        (table.records[i].pose.rotation - rotation_of(other.array, "alignments3D/pose", 3 - i))
            .norm(),
        1e-6);
    EXPECT_EQ(table.records[i].image.index, i / 2);
  }

  other.count("uid", 2, 5);
  EXPECT_THAT(refusal(w.array, {other.array}),
              HasSubstr("record 2: uid 18446744073709551361 found, expected one of "));
  other.count("uid", 2, kFirstUid);
  EXPECT_THAT(refusal(w.array, {other.array}),
              AllOf(HasSubstr("record 4, field 'uid': "), HasSubstr("stands twice")));
  EXPECT_THAT(refusal(w.array, {NpyArray(kPoses, 3)}), HasSubstr("no field 'uid'"));
}

TEST(CryosparcParticles, TakeThePoseOfTheMostProbableClass) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::vector<std::vector<double>> posteriors = {
      {0.2, 0.7, 0.1}, {nan, 0.3, 0.6}, {nan, nan, nan}};
  const std::vector<std::size_t> best = {1, 2, 0};

  Writer newer = images(3,
                        {{"alignments3D_multi/pose", "<f4", {3, 3}},
                         {"alignments3D_multi/shift", "<f4", {3, 2}},
                         {"alignments3D_multi/psize_A", "<f4"},
                         {"alignments3D_multi/split", "<u4"},
                         {"alignments3D_multi/class", "<u4", {3}},
                         {"alignments3D_multi/class_posterior", "<f4", {3}}});
  std::vector<NpyField> fields;
  for (const char* const k : {"0", "1", "10"}) {
    const std::string prefix = std::string("alignments_class_") + k;
    fields.push_back({prefix + "/pose", "<f4", {3}});
    fields.push_back({prefix + "/shift", "<f4", {2}});
    fields.push_back({prefix + "/psize_A", "<f4"});
    fields.push_back({prefix + "/class_posterior", "<f4"});
  }
  Writer older = images(3, fields);
  std::vector<Eigen::Matrix3d> rotations;
  for (std::size_t i = 0; i < 3; ++i) {
    newer.number("alignments3D_multi/class_posterior", i, posteriors[i]);
    newer.number("alignments3D_multi/psize_A", i, {2});
    for (std::size_t k = 0; k < 3; ++k) {
      const std::vector<double> pose = {
          0.1 * static_cast<double>(i + 1), static_cast<double>(k), 0.5};
      const std::vector<double> shift = {static_cast<double>(k), static_cast<double>(i)};
      const std::string prefix = "alignments_class_" + std::to_string(k == 2 ? 10 : k);
      older.number(prefix + "/pose", i, pose);
      older.number(prefix + "/shift", i, shift);
      older.number(prefix + "/psize_A", i, {2});
      older.number(prefix + "/class_posterior", i, {posteriors[i][k]});
      for (std::size_t axis = 0; axis < 3; ++axis) {
        newer.array.set(i, newer.field("alignments3D_multi/pose"), 3 * k + axis, pose[axis]);
      }
      for (std::size_t axis = 0; axis < 2; ++axis) {
        newer.array.set(i, newer.field("alignments3D_multi/shift"), 2 * k + axis, shift[axis]);
      }
      newer.count("alignments3D_multi/class", i, 10 + k, k);
      if (k == best[i]) {
        rotations.push_back(rotation_of({pose[0], pose[1], pose[2]}));
      }
    }
  }

  for (const Writer* const w : {&newer, &older}) {
    const StarFile star = star_of(w->array);
    const ParticleTable table = read_particles(star);
    for (std::size_t i = 0; i < 3; ++i) {
      EXPECT_LT((table.records[i].pose.rotation - rotations[i]).norm(), 1e-6) << i;
      EXPECT_EQ(
          table.records[i].pose.shift_angstrom,
          Eigen::Vector2d(-2.0 * static_cast<double>(best[i]), -2.0 * static_cast<double>(i)));
    }
    EXPECT_THAT(notes_of(w->array).warnings,
                ElementsAre(HasSubstr("poses of 3 classes; each particle has that of its most")));
  }
  EXPECT_THAT(column(star_of(newer.array).table("particles"), "rlnClassNumber"),
              ElementsAre("12", "13", "11"));
  EXPECT_THAT(column(star_of(older.array).table("particles"), "rlnClassNumber"),
              ElementsAre("2", "11", "1"));
}

TEST(CryosparcParticles, TakeTheirOwnPosesBeforeThoseOfAnEarlierJob) {
  Writer w = images(
      1, {{"alignments3D_multi/pose", "<f4", {1, 3}}, {"alignments3D_multi/shift", "<f4", {1, 2}}});
  put_pose(w, "alignments3D_multi", 0, 1);
  Writer earlier(fields_of({{"uid", "<u8"}}, kPoses), 1);
  earlier.count("uid", 0, kFirstUid);
  put_pose(earlier, "alignments3D", 0, 2);

  const ParticleTable table = read_particles(star_of(w.array, {earlier.array}));

  EXPECT_LT(
      (table.records[0].pose.rotation - rotation_of(w.array, "alignments3D_multi/pose", 0)).norm(),
      1e-6);
}

TEST(CryosparcParticles, SayWhatWasAssumed) {
  std::vector<NpyField> poses = {{"alignments3D/shift", "<f4", {2}},
                                 {"alignments3D/pose", "<f4", {3}}};
  Writer w = images(1, poses);
  put_pose(w, "alignments3D", 0, 0);
  EXPECT_THAT(notes_of(w.array).warnings, ElementsAre(HasSubstr("no psize_A beside")));
  EXPECT_NEAR(
      read_particles(star_of(w.array)).records[0].pose.shift_angstrom.x(), -1.7 * 1.31, 1e-12);

  std::vector<NpyField> fields = fields_of(kImages, poses);
  fields[4].name = "blob/other";
  Writer unknown(fields, 1);
  unknown.text("blob/path", 0, "a.mrc");
  EXPECT_THAT(refusal(unknown.array), HasSubstr("in pixels of unknown size"));

  Writer no_shift = images(1, {{"alignments3D/pose", "<f4", {3}}});
  EXPECT_THAT(notes_of(no_shift.array).warnings, ElementsAre(HasSubstr("no shifts beside")));
}

TEST(CryosparcParticles, NameTheFieldsThatAreLeftOut) {
  Writer w = images(2, kPoses);
  for (std::size_t i = 0; i < 2; ++i) {
    w.number("alignments3D/psize_A", i, {1.31});
  }
  EXPECT_THAT(notes_of(w.array).left_out, ElementsAre("blob/sign"));
  w.number("ctf/tilt_A", 1, {0, 0.1});
  w.number("alignments3D/alpha", 0, {0.9});
  EXPECT_THAT(notes_of(w.array).left_out,
              ElementsAre("blob/sign", "ctf/tilt_A", "alignments3D/alpha"));
}

TEST(CryosparcParticles, NameTheRecordAndFieldThatIsWrong) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Writer w = images(2, kPoses);
  w.number("ctf/df1_A", 1, {nan});
  EXPECT_THAT(refusal(w.array),
              HasSubstr("record 2, field 'ctf/df1_A': found a number that is not"));
  w = images(2, kPoses);
  w.number("alignments3D/pose", 1, {0, nan, 0});
  EXPECT_THAT(refusal(w.array), HasSubstr("record 2, field 'alignments3D/pose': "));
  w = images(2);
  w.text("blob/path", 1, "");
  EXPECT_THAT(refusal(w.array), HasSubstr("record 2, field 'blob/path': found no path"));
  w = images(2);
  w.count("blob/shape", 1, 32, 1);
  EXPECT_THAT(refusal(w.array), HasSubstr("record 2, field 'blob/shape': found images of 32 x 64"));
  w = images(2);
  w.number("blob/psize_A", 0, {0});
  EXPECT_THAT(refusal(w.array), HasSubstr("record 1, field 'blob/psize_A': expected a positive"));
  EXPECT_THAT(refusal(NpyArray({{"uid", "<u8"}}, 1)), HasSubstr("no field 'blob/path'"));
  EXPECT_THAT(refusal(NpyArray(kImages, 0)), HasSubstr("found no records"));
  EXPECT_THAT(refusal(images(1, {{"alignments3D/pose", "<f4", {4}}}).array),
              HasSubstr("field 'alignments3D/pose' has 4 values a record, expected 3"));
  EXPECT_THAT(refusal(images(1,
                             {{"alignments3D_multi/pose", "<f4", {2, 3}},
                              {"alignments3D_multi/class_posterior", "<f4", {3}}})
                          .array),
              HasSubstr("has 3 values a record, expected 2"));
}

// Poses of every angle, from none to a half turn, and beyond.
Writer random_particles(std::size_t count) {
  Writer w = images(count, kPoses);
  for (std::size_t i = 0; i < count; ++i) {
    RandomStream stream(3, StreamPurpose::Test, 0, i);
    Eigen::Vector3d v(stream.normal(), stream.normal(), stream.normal());
    const double angle = i == 0   ? 0
                         : i == 1 ? kPi
                         : i == 2 ? 1e-4
                         : i == 3 ? 4.0
                                  : kPi * stream.uniform();
    v *= angle / v.norm();
    if (i == 4) {
      v = {0, 0, 0.4};  // seen along z: tilt 0
    } else if (i == 5) {
      v = {kPi, 0, 0};  // tilt 180
    }
    w.number("alignments3D/pose", i, {v.x(), v.y(), v.z()});
    w.number("alignments3D/shift", i, {7 * stream.normal(), 7 * stream.normal()});
    w.number("alignments3D/psize_A", i, {i % 3 == 0 ? 1.31 : 2.0961538});
    w.count("alignments3D/split", i, i % 2);
    w.count("alignments3D/class", i, i % 4);
  }
  return w;
}

TEST(CryosparcParticles, ComeBackFromAStarFileAsTheyWere) {
  constexpr std::size_t kCount = 500;
  const NpyArray before = random_particles(kCount).array;

  const NpyArray after = cryosparc_of(written_and_read(star_of(before)));

  ASSERT_EQ(after.records(), kCount);
  // To the bit: everything but poses, the path's mark and what a STAR file has no place for.
  for (const NpyField& field : before.fields()) {
    const auto j = after.find(field.name);
    ASSERT_TRUE(j) << field.name;
    if (field.name != "alignments3D/pose" && field.name != "blob/sign" &&
        field.name != "alignments3D/alpha" && field.name != "blob/path") {
      for (std::size_t i = 0; i < kCount; ++i) {
        ASSERT_EQ(
            before.bytes(i, before.find(field.name).value()).substr(0, after.bytes(i, *j).size()),
            after.bytes(i, *j))
            << field.name << " of record " << i;
      }
    }
  }
  EXPECT_EQ(after.text(0, after.find("blob/path").value()), "J1/a.mrc");
  double worst = 0;
  for (std::size_t i = 0; i < kCount; ++i) {
    worst = std::max(
        worst,
        (rotation_of(before, "alignments3D/pose", i) - rotation_of(after, "alignments3D/pose", i))
            .cwiseAbs()
            .maxCoeff());
  }
  EXPECT_LT(worst, 1e-6);
  RecordProperty("worst_rotation_difference", std::to_string(worst));
}

TEST(CryosparcParticles, KeepTheValuesOfAStarFile) {
  std::istringstream text(R"(
data_optics
loop_
_rlnOpticsGroup
_rlnOpticsGroupName
_rlnVoltage
_rlnSphericalAberration
_rlnAmplitudeContrast
_rlnImagePixelSize
_rlnImageSize
1 first 300 2.7 0.1 1.5 64
2 second 200 2.0 0.07 1.5 64

data_particles
loop_
_rlnImageName
_rlnMicrographName
_rlnCoordinateX
_rlnAngleRot
_rlnAngleTilt
_rlnAnglePsi
_rlnOriginXAngst
_rlnOriginYAngst
_rlnDefocusU
_rlnDefocusV
_rlnDefocusAngle
_rlnPhaseShift
_rlnCtfBfactor
_rlnCtfScalefactor
_rlnClassNumber
_rlnRandomSubset
_rlnOpticsGroup
000001@a.mrcs m1.mrc 17 10 20 30 1.5 -2.5 12000 11000 45 5 30 0.9 3 2 1
000007@b.mrc:mrcs m2.mrc 18 -10 120 -30 0 3 15000 15000 0 0 0 1 1 1 2
)");
  const StarFile star = formats::read_star(text, "p.star");
  ConversionNotes notes;

  const NpyArray array = cryosparc_of_star(star, read_particles(star), {}, notes);

  const auto number = [&](const std::string& name, std::size_t i, std::size_t k = 0) {
    return array.decimal(i, array.find(name).value(), k);
  };
  EXPECT_EQ(array.text(1, array.find("blob/path").value()), "b.mrc");
  EXPECT_EQ(number("blob/idx", 1), 6);
  EXPECT_EQ(number("blob/shape", 1, 1), 64);
  EXPECT_EQ(number("blob/psize_A", 0), 1.5);
  EXPECT_EQ(number("blob/sign", 0), 1);
  EXPECT_EQ(number("ctf/exp_group_id", 1), 1);
  EXPECT_EQ(number("ctf/accel_kv", 1), 200);
  EXPECT_EQ(number("ctf/amp_contrast", 1), 0.07);
  EXPECT_EQ(number("ctf/df2_A", 0), 11000);
  EXPECT_NEAR(number("ctf/df_angle_rad", 0), kPi / 4, 1e-7);
  EXPECT_EQ(number("ctf/scale", 0), 0.9);
  EXPECT_EQ(number("ctf/bfactor", 0), 30);
  EXPECT_EQ(number("alignments3D/shift", 0, 0), 1);  // pixels
  EXPECT_NEAR(number("alignments3D/shift", 0, 1), -2.5 / 1.5, 1e-7);
  EXPECT_EQ(number("alignments3D/split", 0), 1);
  EXPECT_EQ(number("alignments3D/class", 0), 2);
  EXPECT_EQ(array.text(1, array.find("location/micrograph_path").value()), "m2.mrc");
  EXPECT_NE(array.count(0, 0), array.count(1, 0));
  EXPECT_LT((rotation_of(array, "alignments3D/pose", 0) - rotation_matrix({10, 20, 30})).norm(),
            1e-6);
  EXPECT_LT((rotation_of(array, "alignments3D/pose", 1) - rotation_matrix({-10, 120, -30})).norm(),
            1e-6);
  EXPECT_THAT(notes.left_out, ElementsAre("rlnCoordinateX"));

  // A particle's uid is its image's.
  const StarFile twice = written_and_read(star);
  EXPECT_EQ(cryosparc_of(twice).count(1, 0), array.count(1, 0));
}

TEST(CryosparcParticles, KeepAllFieldsOfTheDataSetTheyCameFrom) {
  Writer w = random_particles(4);
  w.number("ctf/tilt_A", 2, {0.25, -0.5});
  w.number("alignments3D/alpha", 2, {0.75});
  StarFile star = written_and_read(star_of(w.array));
  // A selection in another order, one defocus refined.
  StarTable& particles = *star.find("particles");
  StarTable selected("particles", particles.labels());
  for (const std::size_t row : {2U, 0U}) {
    const std::size_t to = selected.add_row();
    for (std::size_t j = 0; j < particles.columns(); ++j) {
      selected.set(to, j, std::string(particles.text(row, j)));
    }
  }
  selected.set(0, selected.column("rlnDefocusU"), 20000.0);
  particles = selected;

  const NpyArray back = cryosparc_of(star, {w.array});

  ASSERT_EQ(back.records(), 2U);
  const auto bytes = [](const NpyArray& array, const std::string& name, std::size_t i) {
    return array.bytes(i, array.find(name).value());
  };
  for (const char* const name : {"uid",
                                 "blob/path",
                                 "blob/sign",
                                 "ctf/tilt_A",
                                 "alignments3D/alpha",
                                 "alignments3D/shift",
                                 "ctf/df2_A"}) {
    EXPECT_EQ(bytes(back, name, 0), bytes(w.array, name, 2)) << name;
    EXPECT_EQ(bytes(back, name, 1), bytes(w.array, name, 0)) << name;
  }
  EXPECT_EQ(back.number(0, back.find("ctf/df1_A").value()), 20000);

  w.count("uid", 2, 1);
  EXPECT_THAT(input_error_of([&] { static_cast<void>(cryosparc_of(star, {w.array})); }),
              HasSubstr("uid 18446744073709551362 found, expected one of"));
}

TEST(CryosparcParticles, NeedBoxAndPixelSizeToBeWritten) {
  std::istringstream text("data_\nloop_\n_rlnImageName\n1@a.mrcs\n");
  const StarFile star = formats::read_star(text, "p.star");
  EXPECT_THAT(input_error_of([&] { static_cast<void>(cryosparc_of(star)); }), HasSubstr("no box"));
  ParticleTable table = read_particles(star);
  table.optics_groups[0].box = 16;
  ConversionNotes notes;
  EXPECT_THAT(input_error_of([&] { static_cast<void>(cryosparc_of_star(star, table, {}, notes)); }),
              HasSubstr("no pixel size"));
}

}  // namespace
}  // namespace cryosip

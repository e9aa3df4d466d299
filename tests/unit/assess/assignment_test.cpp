// Posteriors of images over conformations: against Bayes' rule in double precision, against the
// truth of simulated images, and against how often they are right.
#include "libcryosip/assess/assignment.hpp"

#include <cmath>
#include <memory>
#include <numbers>
#include <numeric>
#include <sstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "formats/error.hpp"
#include "formats/image_name.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/dataset/polar_coefficients.hpp"
#include "libcryosip/flow/steered_likelihood.hpp"
#include "libcryosip/forward/even_views.hpp"
#include "libcryosip/forward/forward_model.hpp"
#include "tests/support/objectives.hpp"
#include "tests/support/temporary_file.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

constexpr double kResolution = 10;

// Everything that a table says of one image, from its log likelihoods.
struct Posterior {
  Eigen::VectorXd mean;
  Eigen::MatrixXd covariance;
  Eigen::VectorXd shares;
  double log_evidence = 0;
};

Posterior bayes(const Ensemble& ensemble, const Eigen::VectorXd& log_likelihoods) {
  Posterior posterior;
  const double largest = log_likelihoods.maxCoeff();
  posterior.shares = ensemble.weights.array() * (log_likelihoods.array() - largest).exp();
  const double sum = posterior.shares.sum();
  posterior.shares /= sum;
  posterior.log_evidence = largest + std::log(sum);
  const Index k = ensemble.dimension();
  posterior.mean = Eigen::VectorXd::Zero(k);
  posterior.covariance = Eigen::MatrixXd::Zero(k, k);
  for (Index i = 0; i < ensemble.size(); ++i) {
    posterior.mean += posterior.shares(i) * ensemble.coordinates.col(i);
  }
  for (Index i = 0; i < ensemble.size(); ++i) {
    const Eigen::VectorXd about = ensemble.coordinates.col(i) - posterior.mean;
    posterior.covariance += posterior.shares(i) * about * about.transpose();
  }
  return posterior;
}

void expect_equal(const Assignments& found,
                  Index image,
                  const Posterior& expected,
                  double tolerance) {
  EXPECT_LT((found.means.col(image) - expected.mean).norm(), tolerance);
  const Eigen::VectorXd sigma = expected.covariance.diagonal().cwiseSqrt();
  EXPECT_LT((found.sigmas.col(image) - sigma).norm(), tolerance);
  if (sigma.minCoeff() > 0.05) {
    EXPECT_NEAR(found.correlations(0, image),
                expected.covariance(0, 1) / (sigma(0) * sigma(1)),
                20 * tolerance);
  }
  EXPECT_NEAR(
      found.effective_conformations(image) * expected.shares.squaredNorm(), 1, 10 * tolerance);
  Index best = 0;
  const double largest = expected.shares.maxCoeff(&best);
  EXPECT_NEAR(found.best_probability(image), largest, tolerance);
  EXPECT_NEAR(expected.shares(found.best[static_cast<std::size_t>(image)]), largest, tolerance);
  EXPECT_NEAR(found.log_evidence(image),
              expected.log_evidence,
              tolerance * (1 + std::abs(expected.log_evidence)));
}

using Objectives = testing::Objectives;

TEST_F(Objectives, AssignmentIsBayesRuleAtGivenPoses) {
  // At this noise posteriors are neither one conformation's nor the prior.
  for (const double noise : {0.02, 0.1}) {
    AssignmentOptions options;
    options.resolution_angstrom = kResolution;
    options.noise_sigma = scale_.noise_sigma = noise;
    options.contrast = scale_.contrast;
    const Assignments found = assign_images(ensemble_, data_.model(), *images_, options, progress_);
    Eigen::VectorXd mean_posterior = Eigen::VectorXd::Zero(ensemble_.size());
    double largest_spread = 0;
    for (std::size_t j = 0; j < images_->size(); ++j) {
      Eigen::VectorXd logs(ensemble_.size());
      for (Index i = 0; i < ensemble_.size(); ++i) {
        const Eigen::VectorXd x = seen(ensemble_.coordinates.col(i), images_->condition(j));
        const Eigen::VectorXd y = observed(j);
        // Of pure noise the log density is -|y|^2 / 2 sigma^2.
        logs(i) = (y.squaredNorm() - (y - x).squaredNorm()) / (2 * noise * noise);
      }
      const Posterior expected = bayes(ensemble_, logs);
      expect_equal(found, static_cast<Index>(j), expected, 2e-4);
      mean_posterior += expected.shares / static_cast<double>(images_->size());
      largest_spread = std::max(largest_spread, 1 / expected.shares.squaredNorm());
    }
    EXPECT_LT((found.mean_posterior - mean_posterior).cwiseAbs().maxCoeff(), 1e-3);
    EXPECT_GT(largest_spread, 1.3);
  }
}

// A data set of a few known conformations.
struct States {
  testing::TemporaryFolder folder;
  NormalModeModel model{testing::small_molecule(false, 12, 2)};
  Ensemble ensemble;
  SimulationResult truth;

  States(std::size_t count,
         double noise,
         const Eigen::MatrixXd& coordinates,
         bool poses,
         int box = 16) {
    ensemble.coordinates = coordinates;
    ensemble.weights = Eigen::VectorXd::LinSpaced(coordinates.cols(), 1, 2);
    ensemble.weights /= ensemble.weights.sum();
    SimulationOptions options;
    options.count = count;
    options.grid = {box, 4.0};
    options.noise_sigma = noise;
    SilentProgress progress;
    truth = simulate(model, ensemble, options, folder.path("particles.mrcs"), progress);
    truth.particles.where.assign(count, "simulated");
    truth.particles.has_poses = poses;
  }
  [[nodiscard]] ImageSet images() const { return {truth.particles, {}}; }
  [[nodiscard]] Index true_state(std::size_t image) const {
    Index state = 0;
    (ensemble.coordinates.colwise() - truth.truth.coordinates.col(static_cast<Index>(image)))
        .colwise()
        .norm()
        .minCoeff(&state);
    return state;
  }
};

AssignmentOptions known_noise(double noise) {
  AssignmentOptions options;
  options.resolution_angstrom = kResolution;
  options.noise_sigma = noise;
  options.contrast = 1;
  return options;
}

// Images of four states at unknown poses, few enough to go through every pose one by one.
class UnknownPoses : public ::testing::Test {
 protected:
  static constexpr double kNoise = 0.012;

  static Eigen::MatrixXd four() {
    Eigen::MatrixXd four(2, 4);
    four << -0.8, 0, 0.9, 0.4, 0.3, -0.4, 0.2, 0.6;
    return four;
  }
  [[nodiscard]] double angle(int index) const { return 2 * std::numbers::pi * (index + 0.5) / 64; }
  static double log_mean_exp(const Eigen::ArrayXd& values) {
    return values.maxCoeff() + std::log((values - values.maxCoeff()).exp().mean());
  }

  States states_{8, kNoise, four(), false, 24};
  ImageSet images_ = states_.images();
  AssignmentOptions options_ = known_noise(kNoise);
  SilentProgress progress_;
  Assignments found_ = [this] {
    AssignmentOptions options = options_;
    options.views = 40;
    options.angles = 64;
    return assign_images(states_.ensemble, states_.model, images_, options, progress_);
  }();
  std::vector<Eigen::Matrix3d> views_ = even_views(40, options_.seed);
};

TEST_F(UnknownPoses, AreIntegratedOutByTheFormula) {
  const auto model = states_.model.polar_image_model(
      images_.grid(), kResolution, states_.model.radius_angstrom(four()), {});
  const PolarBasis& basis = model->basis();
  const PolarCoefficients coefficients(images_, *model, 1, false, progress_);
  const Eigen::VectorXd precision =
      noise_variance(basis, {.noise_sigma = kNoise, .contrast = 1}).unaryExpr([](double v) {
        return v > 0 ? 1 / v : 0;
      });
  const auto workspace = model->workspace();
  double largest_spread = 0;
  for (std::size_t j = 0; j < images_.size(); ++j) {
    const std::vector<std::size_t> one{j};
    const Eigen::VectorXd z =
        coefficients.read(one, PolarCoefficients::Kind::Filtered).col(0).cast<double>();
    const Eigen::VectorXd c2 =
        on_coefficients(basis.layout(), coefficients.ring_transfers_squared(one))
            .col(0)
            .cast<double>();
    Eigen::VectorXd logs(4);
    for (Index i = 0; i < 4; ++i) {
      Eigen::ArrayXd exponents(40 * 64);
      Index next = 0;
      for (const Eigen::Matrix3d& view : views_) {
        Eigen::VectorXf drawn(model->size());
        model->draw(four().col(i), {view, Eigen::Vector2d::Zero()}, *workspace, drawn);
        const Eigen::VectorXd x = drawn.cast<double>();
        for (int a = 0; a < 64; ++a) {
          exponents(next++) = precision.dot(x.cwiseProduct(basis.turned(z, angle(a))) -
                                            0.5 * c2.cwiseProduct(x.cwiseAbs2()));
        }
      }
      logs(i) = log_mean_exp(exponents);
    }
    const Posterior expected = bayes(states_.ensemble, logs);
    expect_equal(found_, static_cast<Index>(j), expected, 1e-3);
    largest_spread = std::max(largest_spread, 1 / expected.shares.squaredNorm());
  }
  EXPECT_GT(largest_spread, 1.3);
}

TEST_F(UnknownPoses, AreNearlyWhatTheImagesOwnFourierGridSays) {
  // In double precision, every view turned through every angle.  The noise of polar coefficients is
  // taken for uncorrelated, which costs some ten per cent of what an image tells (polar_basis.hpp).
  const auto basis = std::make_shared<FourierDisc>(images_.grid(), kResolution);
  const auto model = states_.model.image_model(images_.grid(), kResolution, {});
  const ImageCoefficients coefficients(images_, *model, progress_);
  const ForwardModel forward(states_.model,
                             std::make_shared<FourierRenderer<double>>(
                                 basis, states_.model.scattering({}), PixelModel::Bandlimited));
  std::vector<Eigen::MatrixXd> drawn;  // of every conformation, a column a pose
  for (Index i = 0; i < 4; ++i) {
    drawn.emplace_back(basis->size(), 40 * 64);
    Index next = 0;
    for (const Eigen::Matrix3d& view : views_) {
      for (int a = 0; a < 64; ++a) {
        const double psi = 180 / std::numbers::pi * angle(a);
        Eigen::VectorXd image = forward.image(
            four().col(i),
            {{rotation_matrix({.psi_degree = psi}) * view, Eigen::Vector2d::Zero()}, {}});
        image(0) = image(basis->frequencies()) = 0;
        drawn.back().col(next++) = image;
      }
    }
  }
  for (std::size_t j = 0; j < images_.size(); ++j) {
    const Eigen::VectorXd y = coefficients.read(j).cast<double>();
    Eigen::VectorXd transfer(basis->size());
    const Eigen::VectorXd half = basis->transfer(*images_.condition(j).ctf);
    transfer << half, half;
    Eigen::VectorXd logs(4);
    for (Index i = 0; i < 4; ++i) {
      const Eigen::MatrixXd seen = transfer.asDiagonal() * drawn[static_cast<std::size_t>(i)];
      logs(i) =
          log_mean_exp((seen.transpose() * y - 0.5 * seen.colwise().squaredNorm().transpose()) /
                       (kNoise * kNoise));
    }
    const Posterior expected = bayes(states_.ensemble, logs);
    const auto image = static_cast<Index>(j);
    EXPECT_LT((found_.means.col(image) - expected.mean).norm(), 0.05);
    EXPECT_LT((found_.sigmas.col(image) - expected.covariance.diagonal().cwiseSqrt()).norm(), 0.05);
    EXPECT_NEAR(found_.log_evidence(image) / expected.log_evidence, 1, 0.2);
  }
}

TEST(Assignment, FindsTheTrueStateOfClearImages) {
  Eigen::MatrixXd two(2, 2);
  two << -1, 1, 0.2, -0.2;
  for (const bool poses : {true, false}) {
    const double noise = poses ? 0.002 : 0.003;
    const States states(60, noise, two, poses);
    AssignmentOptions options = known_noise(noise);
    options.views = 1500;
    SilentProgress progress;
    const Assignments found =
        assign_images(states.ensemble, states.model, states.images(), options, progress);
    int right = 0;
    for (std::size_t j = 0; j < 60; ++j) {
      const bool is_right = found.best[j] == states.true_state(j);
      right += is_right ? 1 : 0;
      if (poses) {
        EXPECT_GT(found.best_probability(static_cast<Index>(j)), 0.999);
        EXPECT_LT((found.means.col(static_cast<Index>(j)) -
                   states.ensemble.coordinates.col(states.true_state(j)))
                      .norm(),
                  1e-2);
      }
    }
    EXPECT_GE(right, poses ? 60 : 57);
  }
}

TEST(Assignment, IsRightAsOftenAsItsProbabilitySays) {
  // Faint images of three states: shares of every size.  In each bin the number of images truly in
  // a state has the mean sum r and at most the variance sum r (1 - r).
  constexpr std::size_t kImages = 1500;
  Eigen::MatrixXd three(2, 3);
  three << -0.8, 0, 0.9, 0.3, -0.4, 0.2;
  for (const bool poses : {true, false}) {
    const double noise = poses ? 0.008 : 0.006;
    const States states(kImages, noise, three, poses);
    AssignmentOptions options = known_noise(noise);
    options.views = 150;
    SilentProgress progress;
    const Assignments found =
        assign_images(states.ensemble, states.model, states.images(), options, progress);
    constexpr std::size_t kBins = 5;
    std::vector<double> expected(kBins);
    std::vector<double> variance(kBins);
    std::vector<double> right(kBins);
    for (std::size_t j = 0; j < kImages; ++j) {
      const double r = found.best_probability(static_cast<Index>(j));
      const auto bin = std::min(kBins - 1, static_cast<std::size_t>((r - 1.0 / 3) * 1.5 * kBins));
      expected[bin] += r;
      variance[bin] += r * (1 - r);
      right[bin] += found.best[j] == states.true_state(j) ? 1 : 0;
    }
    int filled = 0;
    for (std::size_t bin = 0; bin < kBins; ++bin) {
      EXPECT_NEAR(right[bin], expected[bin], 4 * std::sqrt(variance[bin]) + 1) << poses << bin;
      filled += expected[bin] > 50 ? 1 : 0;
    }
    EXPECT_GE(filled, 3) << poses;
    // The fixed point of EM: the mean posterior is the weights, to the scatter of the states drawn.
    EXPECT_LT((found.mean_posterior - states.ensemble.weights).cwiseAbs().maxCoeff(),
              4 / (2 * std::sqrt(static_cast<double>(kImages))));
  }
}

TEST(Assignment, GivesTheSameBitsOnAnyNumberOfThreads) {
  Eigen::MatrixXd two(2, 2);
  two << -1, 1, 0, 0;
  for (const bool poses : {true, false}) {
    const States states(300, 0.1, two, poses);
    AssignmentOptions options = known_noise(0.1);
    options.views = 20;
    SilentProgress progress;
    const auto assigned = [&](std::size_t threads) {
      const ThreadLimit limit(threads);
      return assign_images(states.ensemble, states.model, states.images(), options, progress);
    };
    const Assignments one = assigned(1);
    const Assignments three = assigned(3);
    EXPECT_EQ(one.means, three.means);
    EXPECT_EQ(one.log_evidence, three.log_evidence);
    EXPECT_EQ(one.mean_posterior, three.mean_posterior);
  }
}

// Keeps what is said.
class Listener final : public Progress {
 public:
  void begin(std::string_view, std::size_t) override {}
  void advance(std::size_t) override {}
  void end() override {}
  void note(std::string_view message) override { notes.emplace_back(message); }
  void warn(std::string_view message) override { warnings.emplace_back(message); }
  [[nodiscard]] bool cancelled() const override { return is_cancelled; }

  std::vector<std::string> notes;
  std::vector<std::string> warnings;
  bool is_cancelled = false;
};

TEST(Assignment, TakesNoiseAndContrastFromTheEnsembleAndSaysSo) {
  Eigen::MatrixXd two(2, 2);
  two << -1, 1, 0, 0;
  States states(20, 0.1, two, true);
  SilentProgress progress;
  const Assignments given =
      assign_images(states.ensemble, states.model, states.images(), known_noise(0.15), progress);
  states.ensemble.flow.carry(kNoiseLabel, 0.15);
  states.ensemble.flow.carry(kContrastLabel, 1);
  AssignmentOptions options;
  options.resolution_angstrom = kResolution;
  Listener listener;
  const Assignments recorded =
      assign_images(states.ensemble, states.model, states.images(), options, listener);

  EXPECT_EQ(recorded.log_evidence, given.log_evidence);
  EXPECT_THAT(listener.notes,
              ::testing::Contains(::testing::HasSubstr("noise sigma as the flow recorded it")));

  // Neither said nor recorded: measured.
  states.ensemble.flow = {};
  Listener second;
  static_cast<void>(assign_images(states.ensemble, states.model, states.images(), options, second));
  EXPECT_THAT(second.notes, ::testing::Contains(::testing::HasSubstr("(estimated)")));
}

TEST(Assignment, WarnsOfTooFewViewsAndHeedsCancellation) {
  Eigen::MatrixXd two(2, 2);
  two << -1, 1, 0, 0;
  const States states(20, 0.002, two, false);
  AssignmentOptions options = known_noise(0.002);
  options.views = 10;
  Listener listener;
  static_cast<void>(
      assign_images(states.ensemble, states.model, states.images(), options, listener));
  EXPECT_THAT(listener.warnings, ::testing::Contains(::testing::HasSubstr("more --views")));

  Listener stopping;
  stopping.is_cancelled = true;
  EXPECT_THROW(static_cast<void>(assign_images(
                   states.ensemble, states.model, states.images(), options, stopping)),
               Error);
  options.poses = PoseLaw::Given;
  EXPECT_THROW(static_cast<void>(assign_images(
                   states.ensemble, states.model, states.images(), options, listener)),
               Error);
}

class Columns : public ::testing::Test {
 protected:
  static constexpr const char* kParticles =
      "\n# version 50001\n\ndata_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnImagePixelSize #2\n"
      "_rlnImageSize #3\n1 4.000000 16\n\n\n# version 50001\n\ndata_particles\n\nloop_\n"
      "_rlnRandomSubset #1\n_rlnImageName #2\n_rlnAnglePsi #3\n_rlnOpticsGroup #4\n_mine #5\n"
      "2 000002@s.mrcs -12.50000 1 \"a b\"\n1 000001@s.mrcs 1.000000e-05 1 c\n\n";

  Columns() {
    testing::write_stack(folder_.path("s.mrcs"), 2, 16);
    path_ = folder_.write("p.star", kParticles);
    assignments_.means = (Eigen::MatrixXd(2, 2) << 0.5, -1, 0.25, 2).finished();
    assignments_.sigmas = Eigen::MatrixXd::Constant(2, 2, 0.125);
    assignments_.correlations = Eigen::MatrixXd::Constant(1, 2, -0.5);
    assignments_.effective_conformations = Eigen::Vector2d(1, 2);
    assignments_.best = {0, 6};
    assignments_.best_probability = Eigen::Vector2d(1, 0.75);
    assignments_.log_evidence = Eigen::Vector2d(10, -3);
  }
  std::string added(const std::vector<std::pair<std::string, std::string>>& copies = {}) const {
    formats::StarFile file = formats::read_star(path_);
    add_assignments(file, assignments_, ImageSet::open(path_, {}), copies);
    std::ostringstream out;
    formats::write_star(out, file);
    return out.str();
  }

  testing::TemporaryFolder folder_;
  std::string path_;
  Assignments assignments_;
};

TEST_F(Columns, AreAddedAndAllElseStays) {
  const std::string expected =
      "\n# version 50001\n\ndata_optics\n\nloop_\n_rlnOpticsGroup #1\n_rlnImagePixelSize #2\n"
      "_rlnImageSize #3\n1 4.000000 16\n\n\n# version 50001\n\ndata_particles\n\nloop_\n"
      "_rlnRandomSubset #1\n_rlnImageName #2\n_rlnAnglePsi #3\n_rlnOpticsGroup #4\n_mine #5\n"
      "_sipMean1 #6\n_sipMean2 #7\n_sipSigma1 #8\n_sipSigma2 #9\n_sipCorrelation1_2 #10\n"
      "_sipEffectiveConformations #11\n_sipConformation #12\n_sipConformationProbability #13\n"
      "_sipLogEvidence #14\n_rlnParticleFigureOfMerit #15\n"
      "2 000002@s.mrcs -12.50000 1 \"a b\" 0.5 0.25 0.125 0.125 -0.5 1 1 1 10 0.25\n"
      "1 000001@s.mrcs 1.000000e-05 1 c -1 2 0.125 0.125 -0.5 2 7 0.75 -3 2\n\n";
  EXPECT_EQ(added({{"sipMean2", "rlnParticleFigureOfMerit"}}), expected);
}

TEST_F(Columns, AreRefusedWhereTheyWouldReplaceOthersOrBelongToOtherImages) {
  EXPECT_THROW(added({{"sipMean3", "rlnClassNumber"}}), Error);
  EXPECT_THAT(testing::input_error_of([&] {
                added({{"sipMean1", "rlnAnglePsi"}});
              }),
              ::testing::HasSubstr("has a column '_rlnAnglePsi' already"));
  formats::StarFile file = formats::read_star(path_);
  const ImageSet images = ImageSet::open(path_, {});
  add_assignments(file, assignments_, images, {});
  EXPECT_THAT(testing::input_error_of([&] { add_assignments(file, assignments_, images, {}); }),
              ::testing::HasSubstr("has a column '_sipMean1' already"));

  formats::StarFile other = formats::read_star(path_);
  other.find("particles")->set(1, 1, std::string_view("000003@s.mrcs"));
  EXPECT_THAT(testing::input_error_of([&] { add_assignments(other, assignments_, images, {}); }),
              ::testing::HasSubstr("another image"));
}

}  // namespace
}  // namespace cryosip

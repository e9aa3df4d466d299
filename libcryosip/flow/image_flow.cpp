#include "libcryosip/flow/image_flow.hpp"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "formats/error.hpp"
#include "libcryosip/flow/image_scale.hpp"
#include "libcryosip/flow/spread_prior.hpp"

namespace cryosip {
namespace {

constexpr const char* kTemperatureLabel = "sipInitialTemperature";
constexpr const char* kFirstContrastLabel = "sipFirstContrast";
constexpr const char* kInflationLabel = "sipNoiseInflation";
constexpr const char* kAnglesLabel = "sipInPlaneAngles";
constexpr const char* kRadiusLabel = "sipMoleculeRadius";

std::string prior_label(const char* what, Eigen::Index coordinate) {
  return std::string("sipPrior") + what + std::to_string(coordinate + 1);
}

// Of the likelihood: docs/decisions/0006.
constexpr double kWeightRate = 0.1;
// Of all images, what the prior counts for: it keeps conformations from following the noise of a
// few images each.  docs/decisions/0014.
constexpr double kPriorShareAtKnownViews = 1.0 / 64;
constexpr double kPriorShareAtUnknownViews = 1.0 / 16;

// Which of the four objectives of images, and with which poses.
struct Choice {
  enum class Class { OneByOne, InPlane, Sample, Steered };
  PoseLaw poses;
  ObjectiveKind objective;
  Class of = Class::Sample;
};

Choice choose(const ImageFlowOptions& options, const ImageSet& images) {
  Choice choice{options.poses.value_or(images.has_poses() ? PoseLaw::Given : PoseLaw::Uniform),
                options.objective};
  if (choice.objective == ObjectiveKind::Auto) {
    choice.objective = ObjectiveKind::Likelihood;
  }
  const bool is_likelihood = choice.objective == ObjectiveKind::Likelihood;
  if (options.likelihood.pose_error.any() && (choice.poses != PoseLaw::Given || !is_likelihood)) {
    throw Error(ErrorKind::Usage,
                "errors of poses are integrated out by the likelihood with given poses alone");
  }
  if (choice.poses == PoseLaw::Given) {
    if (options.in_plane == InPlane::Integrated) {
      throw Error(ErrorKind::Usage, "the in-plane angle is given: it cannot be integrated out");
    }
    choice.of = is_likelihood ? Choice::Class::OneByOne : Choice::Class::Sample;
    return choice;
  }
  if (choice.poses == PoseLaw::InPlane) {
    if (options.in_plane == InPlane::Integrated && !is_likelihood) {
      throw Error(ErrorKind::Usage,
                  "where views are known the in-plane angle can be integrated out for the "
                  "likelihood alone");
    }
    choice.of = is_likelihood && options.in_plane != InPlane::Drawn ? Choice::Class::InPlane
                                                                    : Choice::Class::Sample;
    return choice;
  }
  const Kernel& kernel = options.samples.kernel;
  const bool is_steerable =
      is_likelihood || (choice.objective == ObjectiveKind::Mmd && kernel == Kernel{KernelTerm{}} &&
                        options.samples.integrate_noise &&
                        options.samples.bandwidth_unit == BandwidthUnit::SignalRms);
  if (options.in_plane == InPlane::Integrated && !is_steerable) {
    throw Error(ErrorKind::Usage,
                "the in-plane angle can be integrated out for the likelihood, and for mmd with a "
                "plain Gaussian kernel, bandwidths in rms and the noise integrated out");
  }
  choice.of = is_steerable && options.in_plane != InPlane::Drawn ? Choice::Class::Steered
                                                                 : Choice::Class::Sample;
  return choice;
}

// Everything a data set's flow is made of, in the order in which it depends on each other.
class ImageFlow {
 public:
  ImageFlow(const ConformationModel& model,
            const ImageSet& images,
            const ImageFlowOptions& options,
            Progress& progress)
      : conformations_(model),
        images_(images),
        options_(options),
        choice_(choose(options, images)),
        given_contrast_(known_contrast(model, options.contrast)),
        model_(model.image_model(images.grid(), options.resolution_angstrom, options.imaging)) {
    progress.note(describe(images, *model_));
    whitening_ = estimate_whitening(model, images, options.noise_sigma, progress);
    // Images are worth keeping where a step looks at thousands of them; elsewhere they are few, and
    // memory then does not grow with the data set.
    const std::size_t budget =
        choice_.of == Choice::Class::Sample ? ImageCoefficients::kDefaultBudgetBytes : 0;
    coefficients_ =
        std::make_unique<ImageCoefficients>(images, *model_, progress, budget, whitening_);
    set_options();
  }

  FlowResult run(Ensemble& ensemble, Progress& progress, const AfterStep& after_step) {
    const bool goes_on = schedule_under_way(ensemble, description());
    ImageScale scale = scale_of_images(ensemble, goes_on, progress);
    const BlockedPairEngine<float> engine;
    const BlockedSteeredEngine steered_engine;
    Polar polar;
    std::unique_ptr<FlowObjective> objective;
    std::vector<std::pair<std::string, double>> chosen;  // beside the scale
    double inflation = 1;  // of the noise: by so much less does an image tell
    switch (choice_.of) {
      case Choice::Class::OneByOne: {
        const double temperature = initial_temperature(ensemble, goes_on, progress, [&] {
          return choose_initial_temperature(
              *coefficients_, scale, likelihood_.pose_error, ensemble, progress);
        });
        chosen = {{kTemperatureLabel, temperature}};
        objective =
            std::make_unique<LikelihoodObjective>(*coefficients_, scale, likelihood_, temperature);
        break;
      }
      case Choice::Class::InPlane: {
        polar = polar_images(ensemble, goes_on, scale, 0, chosen, progress);
        const auto likelihood = [&](int angles) {
          return InPlaneLikelihood(*polar.images,
                                   steered_engine,
                                   scale,
                                   {angles, known_views_.shift_sigma_angstrom, known_views_.seed});
        };
        const int angles = in_plane_angles(ensemble, goes_on, progress, [&] {
          return choose_angles(likelihood(0), ensemble, progress);
        });
        const double temperature = initial_temperature(ensemble, goes_on, progress, [&] {
          return choose_initial_temperature(likelihood(angles), ensemble, progress);
        });
        chosen.emplace_back(kAnglesLabel, angles);
        chosen.emplace_back(kTemperatureLabel, temperature);
        objective = std::make_unique<InPlaneObjective>(
            *polar.images, steered_engine, scale, known_views_, angles, temperature);
        break;
      }
      case Choice::Class::Sample:
        objective = std::make_unique<SampleObjective>(*coefficients_, scale, engine, samples_);
        break;
      case Choice::Class::Steered: {
        polar = polar_images(
            ensemble, goes_on, scale, 3 * steered_.shift_sigma_angstrom, chosen, progress);
        const EffectiveNoise noise =
            effective_noise(*polar.images, scale, steered_engine, ensemble, goes_on, progress);
        chosen.emplace_back(kInflationLabel, noise.inflation);
        inflation = noise.inflation;
        chosen.emplace_back(kTemperatureLabel, noise.temperature);
        if (steered_.discrepancy == SteeredDiscrepancy::Likelihood && scale.refine_contrast &&
            !goes_on) {
          scale.contrast = SteeredObjective(*polar.images, scale, steered_engine, steered_, noise)
                               .choose_contrast(ensemble, progress);
          progress.note("contrast: " + shown(scale.contrast) +
                        " (the likeliest given the initial ensemble)");
        }
        objective = std::make_unique<SteeredObjective>(
            *polar.images, scale, steered_engine, steered_, noise);
        break;
      }
    }
    if (prior_images_ > 0) {
      objective = std::make_unique<ObjectiveWithPrior>(
          std::move(objective),
          prior(ensemble, goes_on, chosen),
          prior_images_,
          prior_images_ / (static_cast<double>(images_.size()) * inflation));
    }
    progress.note("objective: " + objective->description());
    warn_of_trap(progress);
    FlowOptions flow = options_.flow;
    flow.seed = options_.seed;
    if (is_exact_likelihood() && !flow.integrator.weight_rate) {
      flow.integrator.weight_rate = kWeightRate;
    }
    begin_schedule(ensemble, *objective, flow);
    record_scale(scale, options_.noise_sigma.has_value(), ensemble);
    for (const auto& [label, value] : chosen) {
      ensemble.flow.carry(label, value);
    }
    return run_flow(ensemble, *objective, flow, progress, after_step);
  }

 private:
  void set_options() {
    likelihood_ = options_.likelihood;
    samples_ = options_.samples;
    steered_ = options_.steered;
    known_views_ = options_.known_views;
    likelihood_.seed = samples_.seed = steered_.seed = options_.seed;
    samples_.poses = choice_.poses;
    const bool is_likelihood = choice_.objective == ObjectiveKind::Likelihood;
    if (!is_likelihood) {
      steered_.discrepancy = SteeredDiscrepancy::MeanDiscrepancy;
      steered_.images_per_step = samples_.images_per_step;
      steered_.initial_bandwidth = samples_.initial_bandwidth;
      steered_.final_bandwidth = samples_.final_bandwidth;
    }
    steered_.initial_temperature = likelihood_.initial_temperature;
    steered_.annealing_share = is_likelihood ? likelihood_.cooling_share : samples_.annealing_share;
    prior_images_ = options_.prior_images.value_or(default_prior_images());
    if (!(prior_images_ >= 0)) {
      throw Error(ErrorKind::Usage, "flow: a prior cannot count for fewer than 0 images");
    }
    if (options_.images_per_step > 0) {
      likelihood_.images_per_step = samples_.images_per_step = steered_.images_per_step =
          options_.images_per_step;
    }
    static_cast<LikelihoodStepOptions&>(known_views_) = likelihood_;
    switch (choice_.objective) {
      case ObjectiveKind::Likelihood:
        samples_.discrepancy = SampleDiscrepancy::Likelihood;
        samples_.initial_temperature = std::max(1.0, likelihood_.initial_temperature);
        break;
      case ObjectiveKind::Energy:
        samples_.kernel = energy_kernel();
        break;
      case ObjectiveKind::Density:
        samples_.discrepancy = SampleDiscrepancy::Density;
        break;
      case ObjectiveKind::Auto:
      case ObjectiveKind::Mmd:
        break;
    }
  }

  // Not that of poses drawn at random, whose first variation is biased.
  [[nodiscard]] bool is_exact_likelihood() const {
    return choice_.objective == ObjectiveKind::Likelihood && choice_.of != Choice::Class::Sample;
  }
  [[nodiscard]] double default_prior_images() const {
    if (!is_exact_likelihood()) {
      return 0;
    }
    const double share =
        choice_.of == Choice::Class::Steered ? kPriorShareAtUnknownViews : kPriorShareAtKnownViews;
    return share * static_cast<double>(images_.size());
  }
  [[nodiscard]] std::string description() const {
    return description_of_images() + (prior_images_ > 0 ? prior_description(prior_images_) : "");
  }
  [[nodiscard]] std::string description_of_images() const {
    switch (choice_.of) {
      case Choice::Class::OneByOne:
        return describe(likelihood_);
      case Choice::Class::InPlane:
        return describe(known_views_);
      case Choice::Class::Sample:
        return describe(samples_);
      case Choice::Class::Steered:
        return describe(steered_);
    }
    return {};
  }

  void warn_of_trap(Progress& progress) const {
    if (choice_.of == Choice::Class::Sample && choice_.poses != PoseLaw::Given &&
        choice_.objective == ObjectiveKind::Likelihood) {
      progress.warn(
          "the likelihood with poses drawn at random is biased: an image has to be explained by "
          "the "
          "nearest pose drawn, and conformations stretch to make up for the rest; have the "
          "in-plane "
          "angle integrated out, or draw many poses (--sampling C --nuisances)");
    }
  }

  // Of what a run carries on: the value under way, or one made now.
  template <typename Make>
  static double carried_or(const Ensemble& ensemble,
                           bool goes_on,
                           const char* label,
                           const Make& make) {
    const auto known = ensemble.flow.carried(label);
    return goes_on && known ? *known : make();
  }

  // What objectives in the polar basis look at.
  struct Polar {
    std::unique_ptr<const PolarImageModel> model;
    std::unique_ptr<const PolarCoefficients> images;
  };
  // @param margin_angstrom  how far from the box's centre molecules may be drawn
  Polar polar_images(const Ensemble& ensemble,
                     bool goes_on,
                     const ImageScale& scale,
                     double margin_angstrom,
                     std::vector<std::pair<std::string, double>>& chosen,
                     Progress& progress) const {
    const double radius = carried_or(ensemble, goes_on, kRadiusLabel, [&] {
      return conformations_.radius_angstrom(ensemble.coordinates) + margin_angstrom;
    });
    chosen.emplace_back(kRadiusLabel, radius);
    // Tells the images' background: the same all along, though the contrast is refined.
    const double contrast =
        carried_or(ensemble, goes_on, kFirstContrastLabel, [&] { return scale.contrast; });
    chosen.emplace_back(kFirstContrastLabel, contrast);
    Polar polar;
    polar.model = conformations_.polar_image_model(
        images_.grid(), options_.resolution_angstrom, radius, options_.imaging);
    // The MMD looks at thousands of images a step; the others at few, and memory then does not grow
    // with the data set.
    const bool plain = choice_.of == Choice::Class::Steered &&
                       steered_.discrepancy == SteeredDiscrepancy::MeanDiscrepancy;
    polar.images =
        std::make_unique<PolarCoefficients>(images_,
                                            *polar.model,
                                            contrast,
                                            plain,
                                            progress,
                                            plain ? PolarCoefficients::kDefaultBudgetBytes : 0,
                                            whitening_);
    return polar;
  }

  template <typename Make>
  int in_plane_angles(const Ensemble& ensemble,
                      bool goes_on,
                      Progress& progress,
                      const Make& choose) const {
    if (known_views_.angles > 0) {
      return known_views_.angles;
    }
    return static_cast<int>(carried_or(ensemble, goes_on, kAnglesLabel, [&] {
      const int chosen = choose();
      progress.note("in-plane angles of the integral: " + std::to_string(chosen) + " (chosen)");
      return static_cast<double>(chosen);
    }));
  }

  static SpreadPrior prior(const Ensemble& ensemble,
                           bool goes_on,
                           std::vector<std::pair<std::string, double>>& chosen) {
    SpreadPrior prior = SpreadPrior::of(ensemble);
    for (Eigen::Index k = 0; k < ensemble.dimension(); ++k) {
      const auto carry = [&](const char* what, double& value) {
        const std::string label = prior_label(what, k);
        value = carried_or(ensemble, goes_on, label.c_str(), [&] { return value; });
        chosen.emplace_back(label, value);
      };
      carry("Mean", prior.mean(k));
      carry("Variance", prior.variance(k));
    }
    return prior;
  }

  template <typename Make>
  double initial_temperature(const Ensemble& ensemble,
                             bool goes_on,
                             Progress& progress,
                             const Make& choose) const {
    if (likelihood_.initial_temperature > 0) {
      return likelihood_.initial_temperature;
    }
    return carried_or(ensemble, goes_on, kTemperatureLabel, [&] {
      const double chosen = choose();
      progress.note("initial temperature: " + shown(chosen) + " (chosen)");
      return chosen;
    });
  }

  EffectiveNoise effective_noise(const PolarCoefficients& images,
                                 const ImageScale& scale,
                                 const SteeredEngine& engine,
                                 const Ensemble& ensemble,
                                 bool goes_on,
                                 Progress& progress) const {
    EffectiveNoise noise;
    if (steered_.discrepancy != SteeredDiscrepancy::Likelihood) {
      return noise;
    }
    const auto inflation = ensemble.flow.carried(kInflationLabel);
    const auto temperature = ensemble.flow.carried(kTemperatureLabel);
    if (goes_on && inflation && temperature) {
      return {*inflation, *temperature};
    }
    noise = SteeredObjective(images, scale, engine, steered_, {}).choose_noise(ensemble, progress);
    progress.note("noise variance the likelihood works with: " + shown(noise.inflation) +
                  " times the images' own (chosen)");
    if (steered_.initial_temperature > 0) {
      noise.temperature = steered_.initial_temperature;
    } else {
      progress.note("initial temperature: " + shown(noise.temperature) + " (chosen)");
    }
    return noise;
  }

  ImageScale scale_of_images(const Ensemble& ensemble, bool goes_on, Progress& progress) {
    const auto known = [&](const std::optional<double>& given, const char* label) {
      return given ? given : (goes_on ? ensemble.flow.carried(label) : std::nullopt);
    };
    ImageScale scale = image_scale(
        *coefficients_,
        ensemble,
        {known(options_.noise_sigma, kNoiseLabel), known(given_contrast_, kContrastLabel)},
        choice_.poses == PoseLaw::Given ? ContrastEstimate::AtGivenPoses
                                        : ContrastEstimate::FromEnergy,
        choice_.poses,
        options_.seed,
        progress);
    scale.refine_contrast = !given_contrast_;
    return scale;
  }

  const ConformationModel& conformations_;
  const ImageSet& images_;
  const ImageFlowOptions& options_;
  Choice choice_;
  std::optional<double> given_contrast_;
  Whitening whitening_;
  std::unique_ptr<const ImageModel> model_;
  std::unique_ptr<const ImageCoefficients> coefficients_;
  LikelihoodOptions likelihood_;
  SampleObjectiveOptions samples_;
  SteeredObjectiveOptions steered_;
  InPlaneOptions known_views_;
  double prior_images_ = 0;
};

}  // namespace

FlowResult flow_on_images(Ensemble& ensemble,
                          const ConformationModel& model,
                          const ImageSet& images,
                          const ImageFlowOptions& options,
                          Progress& progress,
                          const AfterStep& after_step) {
  require_dimension(model, ensemble);
  ImageFlow flow(model, images, options, progress);
  return flow.run(ensemble, progress, after_step);
}

formats::StarTable to_star(const std::vector<FlowRecord>& log) {
  std::vector<std::string> labels = {
      "sipStep", "sipObjective", "sipStepSize", "sipEffectiveSampleSize", "sipVelocityRms"};
  if (!log.empty()) {
    for (const auto& [label, value] : log.front().diagnostics) {
      labels.push_back(label);
    }
  }
  formats::StarTable table("sip_flow_log", labels);
  for (const FlowRecord& record : log) {
    const std::size_t row = table.add_row();
    std::size_t column = 0;
    table.set_integer(row, column++, record.step);
    table.set(row, column++, record.objective);
    table.set(row, column++, record.step_size);
    table.set(row, column++, record.effective_sample_size);
    table.set(row, column++, record.velocity_rms);
    for (const auto& [label, value] : record.diagnostics) {
      table.set(row, column++, value);
    }
  }
  return table;
}

}  // namespace cryosip

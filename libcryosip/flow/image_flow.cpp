#include "libcryosip/flow/image_flow.hpp"

#include <algorithm>
#include <memory>

#include "formats/error.hpp"
#include "libcryosip/flow/image_scale.hpp"

namespace cryosip {
namespace {

constexpr const char* kTemperatureLabel = "sipInitialTemperature";

struct Choice {
  PoseLaw poses;
  ObjectiveKind objective;
};

Choice choose(const ImageFlowOptions& options, const ImageSet& images) {
  Choice choice{options.poses.value_or(images.has_poses() ? PoseLaw::Given : PoseLaw::Uniform),
                options.objective};
  if (choice.objective == ObjectiveKind::Auto) {
    choice.objective =
        choice.poses == PoseLaw::Given ? ObjectiveKind::Likelihood : ObjectiveKind::Mmd;
  }
  return choice;
}

// Everything a data set's flow is made of, in the order in which it depends on each other.
class ImageFlow {
 public:
  ImageFlow(const ConformationModel& model,
            const ImageSet& images,
            const ImageFlowOptions& options,
            Progress& progress)
      : options_(options),
        choice_(choose(options, images)),
        given_contrast_(known_contrast(model, options.contrast)),
        model_(model.image_model(images.grid(), options.resolution_angstrom, options.imaging)) {
    progress.note(describe(images, *model_));
    coefficients_ = std::make_unique<ImageCoefficients>(images, *model_, progress);

    likelihood_ = options.likelihood;
    likelihood_.seed = options.seed;
    samples_ = options.samples;
    samples_.seed = options.seed;
    samples_.poses = choice_.poses;
    if (options.images_per_step > 0) {
      likelihood_.images_per_step = options.images_per_step;
      samples_.images_per_step = options.images_per_step;
    }
    switch (choice_.objective) {
      case ObjectiveKind::Likelihood:
        samples_.discrepancy = SampleDiscrepancy::Likelihood;
        samples_.initial_temperature = std::max(1.0, likelihood_.initial_temperature);
        samples_.annealing_share = likelihood_.cooling_share;
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

  FlowResult run(Ensemble& ensemble,
                 Progress& progress,
                 const std::function<void(const Ensemble&, const FlowRecord&)>& after_step) {
    const bool goes_on = schedule_under_way(
        ensemble, compares_one_by_one() ? describe(likelihood_) : describe(samples_));
    const ImageScale scale = scale_of_images(ensemble, goes_on, progress);
    const BlockedPairEngine<float> engine;
    std::unique_ptr<FlowObjective> objective;
    double temperature = 1;
    if (compares_one_by_one()) {
      temperature = initial_temperature(ensemble, goes_on, scale, progress);
      objective =
          std::make_unique<LikelihoodObjective>(*coefficients_, scale, likelihood_, temperature);
    } else {
      objective = std::make_unique<SampleObjective>(*coefficients_, scale, engine, samples_);
    }
    progress.note("objective: " + objective->description());
    if (choice_.objective == ObjectiveKind::Likelihood && choice_.poses == PoseLaw::Uniform) {
      progress.warn(
          "the likelihood with poses drawn at random is biased: an image has to be explained by "
          "the "
          "nearest pose drawn, and conformations stretch to make up for the rest; draw many "
          "(--sampling C --nuisances) or take mmd");
    }
    FlowOptions flow = options_.flow;
    flow.seed = options_.seed;
    begin_schedule(ensemble, *objective, flow);
    ensemble.flow.carry(kNoiseLabel, scale.noise_sigma);
    ensemble.flow.carry(kContrastLabel, scale.contrast);
    if (compares_one_by_one()) {
      ensemble.flow.carry(kTemperatureLabel, temperature);
    }
    return run_flow(ensemble, *objective, flow, progress, after_step);
  }

 private:
  // Each image with every conformation in the image's own pose.
  [[nodiscard]] bool compares_one_by_one() const {
    return choice_.objective == ObjectiveKind::Likelihood && choice_.poses == PoseLaw::Given;
  }

  double initial_temperature(const Ensemble& ensemble,
                             bool goes_on,
                             const ImageScale& scale,
                             Progress& progress) {
    if (likelihood_.initial_temperature > 0) {
      return likelihood_.initial_temperature;
    }
    if (const auto known = ensemble.flow.carried(kTemperatureLabel); goes_on && known) {
      return *known;
    }
    const double chosen = choose_initial_temperature(*coefficients_, scale, ensemble, progress);
    progress.note("initial temperature: " + shown(chosen) + " (chosen)");
    return chosen;
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

  const ImageFlowOptions& options_;
  Choice choice_;
  std::optional<double> given_contrast_;
  std::unique_ptr<const ImageModel> model_;
  std::unique_ptr<const ImageCoefficients> coefficients_;
  LikelihoodOptions likelihood_;
  SampleObjectiveOptions samples_;
};

}  // namespace

FlowResult flow_on_images(
    Ensemble& ensemble,
    const ConformationModel& model,
    const ImageSet& images,
    const ImageFlowOptions& options,
    Progress& progress,
    const std::function<void(const Ensemble&, const FlowRecord&)>& after_step) {
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

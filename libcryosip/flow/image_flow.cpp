#include "libcryosip/flow/image_flow.hpp"

#include <algorithm>
#include <cmath>
#include <memory>

#include "formats/error.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/dataset/background.hpp"

namespace cryosip {
namespace {

constexpr const char* kNoiseLabel = "sipNoiseSigma";
constexpr const char* kTemperatureLabel = "sipInitialTemperature";
constexpr double kFinestDefaultAngstrom = 6;

// Where the widest-drawn atoms still carry signal: exp(-b q^2 / 4) = 2 %.
double default_resolution(const Scattering& scattering) {
  constexpr double kFaint = 0.02;
  const double variance = scattering.narrowest_variance_angstrom2();
  const double q = std::sqrt(-std::log(kFaint) / (2 * kPi * kPi * variance));
  return std::max(kFinestDefaultAngstrom, 1 / q);
}

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
  if (choice.objective == ObjectiveKind::Likelihood && choice.poses != PoseLaw::Given) {
    throw Error(
        ErrorKind::Usage,
        "the likelihood objective is sound only with given poses: with poses drawn at random "
        "it diverges; take mmd or energy");
  }
  return choice;
}

std::string shown(double value) {
  // Four digits are enough for a note.
  std::string text = std::to_string(value);
  const double magnitude = std::abs(value);
  if (magnitude < 1e-3 || magnitude >= 1e6) {
    text = formats::format_number(value);
  }
  return text;
}

// Everything a data set's flow is made of, in the order in which it depends on each other.
class ImageFlow {
 public:
  ImageFlow(const ConformationModel& model,
            const ImageSet& images,
            const ImageFlowOptions& options,
            Progress& progress)
      : model_(model), images_(images), options_(options), choice_(choose(options, images)) {
    const Scattering scattering = scattering_of(model.atoms(), options.imaging.scattering);
    const double resolution = options.resolution_angstrom > 0 ? options.resolution_angstrom
                                                              : default_resolution(scattering);
    basis_ = std::make_shared<FourierDisc>(images.grid(), resolution);
    // Where nothing aliases, point sampling is the band-limited drawing.
    const PixelModel pixel = options.imaging.pixel == PixelModel::Point ? PixelModel::Bandlimited
                                                                        : options.imaging.pixel;
    renderer_ = std::make_unique<FourierRenderer<float>>(basis_, scattering, pixel);
    progress.note(std::to_string(images.size()) + " images of " +
                  std::to_string(images.grid().box) + " pixels at " +
                  shown(images.grid().pixel_size_angstrom) + " angstrom, compared to " +
                  shown(basis_->resolution_angstrom()) + " angstrom" +
                  (images.has_ctf() ? ", with CTF" : ", without CTF"));
    coefficients_ = std::make_unique<ImageCoefficients>(images, basis_, progress);

    likelihood_ = options.likelihood;
    likelihood_.seed = options.seed;
    pairs_ = options.pairs;
    pairs_.seed = options.seed;
    pairs_.poses = choice_.poses;
    pairs_.kernel =
        choice_.objective == ObjectiveKind::Energy ? KernelKind::Riesz : KernelKind::Gaussian;
    if (options.images_per_step > 0) {
      likelihood_.images_per_step = options.images_per_step;
      pairs_.images_per_step = options.images_per_step;
    }
  }

  FlowResult run(Ensemble& ensemble,
                 Progress& progress,
                 const std::function<void(const Ensemble&, const FlowRecord&)>& after_step) {
    const bool goes_on =
        schedule_under_way(ensemble, is_likelihood() ? describe(likelihood_) : describe(pairs_));
    const ImageScale scale = image_scale(ensemble, goes_on, progress);
    const double temperature =
        is_likelihood() ? initial_temperature(ensemble, goes_on, scale, progress) : 1;
    const BlockedPairEngine<float> engine;
    std::unique_ptr<FlowObjective> objective;
    if (is_likelihood()) {
      objective = std::make_unique<LikelihoodObjective>(
          model_, *renderer_, *coefficients_, scale, likelihood_, temperature);
    } else {
      objective = std::make_unique<PairObjective>(
          model_, *renderer_, *coefficients_, scale, engine, pairs_);
    }
    progress.note("objective: " + objective->description());
    begin_schedule(ensemble, *objective, options_.flow);
    ensemble.flow.carry(kNoiseLabel, scale.noise_sigma);
    ensemble.flow.carry(kContrastLabel, scale.contrast);
    if (is_likelihood()) {
      ensemble.flow.carry(kTemperatureLabel, temperature);
    }
    return run_flow(ensemble, *objective, options_.flow, progress, after_step);
  }

 private:
  [[nodiscard]] bool is_likelihood() const {
    return choice_.objective == ObjectiveKind::Likelihood;
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
    const double chosen =
        choose_initial_temperature(model_, *renderer_, *coefficients_, scale, ensemble, progress);
    progress.note("initial temperature: " + shown(chosen) + " (chosen)");
    return chosen;
  }

  ImageScale image_scale(const Ensemble& ensemble, bool goes_on, Progress& progress) {
    ImageScale scale;
    scale.refine_contrast = !options_.contrast;
    const auto known = [&](const std::optional<double>& given, const char* label) {
      return given ? given : (goes_on ? ensemble.flow.carried(label) : std::nullopt);
    };
    const auto say = [&](const char* what, double value, bool estimated) {
      progress.note(std::string(what) + ": " + shown(value) +
                    (estimated ? " (estimated)" : " (given)"));
    };
    const std::optional<double> noise = known(options_.noise_sigma, kNoiseLabel);
    scale.noise_sigma = noise ? *noise : estimate_noise_sigma(images_);
    say("noise sigma of a pixel", scale.noise_sigma, !noise);
    if (!noise && !(scale.noise_sigma > 0)) {
      throw Error(ErrorKind::Input,
                  images_.table().source +
                      ": the images have no noise outside the particles' circle; give its sigma");
    }
    const std::optional<double> contrast = known(options_.contrast, kContrastLabel);
    scale.contrast = contrast          ? *contrast
                     : is_likelihood() ? estimate_contrast_at_given_poses(
                                             model_, *renderer_, *coefficients_, ensemble, progress)
                                       : estimate_contrast_from_energy(model_,
                                                                       *renderer_,
                                                                       *coefficients_,
                                                                       ensemble,
                                                                       choice_.poses,
                                                                       scale.noise_sigma,
                                                                       options_.seed);
    say("contrast of the drawings in the images", scale.contrast, !contrast);
    if (scale.contrast < 0) {
      progress.warn(
          "the contrast is negative: molecules are darker than the background, where RELION wants "
          "them brighter, or poses and model do not belong to the images");
    }
    return scale;
  }

  const ConformationModel& model_;
  const ImageSet& images_;
  const ImageFlowOptions& options_;
  Choice choice_;
  std::shared_ptr<const FourierDisc> basis_;
  std::unique_ptr<const Renderer<float>> renderer_;
  std::unique_ptr<const ImageCoefficients> coefficients_;
  LikelihoodOptions likelihood_;
  PairObjectiveOptions pairs_;
};

}  // namespace

FlowResult flow_on_images(
    Ensemble& ensemble,
    const ConformationModel& model,
    const ImageSet& images,
    const ImageFlowOptions& options,
    Progress& progress,
    const std::function<void(const Ensemble&, const FlowRecord&)>& after_step) {
  if (ensemble.dimension() != model.dimension()) {
    throw Error(ErrorKind::Usage,
                "the ensemble has " + std::to_string(ensemble.dimension()) +
                    " coordinates, the model " + std::to_string(model.dimension()));
  }
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

#include "libcryosip/flow/refits.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "libcryosip/core/random.hpp"

namespace cryosip {
namespace {

// Says which refit is under way; what is noted and warned of has been said of the first flow.
class RefitProgress final : public Progress {
 public:
  RefitProgress(Progress& progress, std::string name)
      : progress_(progress), name_(std::move(name)) {}

  void begin(std::string_view stage, std::size_t total) override {
    progress_.begin(name_ + ": " + std::string(stage), total);
  }
  void advance(std::size_t steps_done) override { progress_.advance(steps_done); }
  void end() override { progress_.end(); }
  void note(std::string_view /*message*/) override {}
  void warn(std::string_view /*message*/) override {}
  [[nodiscard]] bool cancelled() const override { return progress_.cancelled(); }

 private:
  Progress& progress_;
  std::string name_;
};

}  // namespace

FlowResult refit_to_resampled(Ensemble& start,
                              const ConformationModel& model,
                              const ImageSet& images,
                              const ImageFlowOptions& options,
                              std::size_t number,
                              Progress& progress,
                              const AfterStep& after_step) {
  RandomStream stream(options.seed, StreamPurpose::BootstrapSeed, number);
  ImageFlowOptions own = options;
  const std::uint64_t high = stream.bits();
  own.seed = high << 32U | stream.bits();
  return flow_on_images(
      start, model, images.resampled(options.seed, number), own, progress, after_step);
}

Termination add_refits(Ensemble& ensemble,
                       const Ensemble& start,
                       const ConformationModel& model,
                       const ImageSet& images,
                       const ImageFlowOptions& options,
                       std::size_t count,
                       Progress& progress) {
  ensemble.refits.clear();
  ensemble.perturbed.reset();
  const auto no_log = [](const Ensemble&, const FlowRecord&) {};
  for (std::size_t number = 1; number <= count; ++number) {
    Ensemble moved = start;
    RefitProgress of_refit(progress,
                           "refit " + std::to_string(number) + " of " + std::to_string(count));
    const FlowResult result =
        refit_to_resampled(moved, model, images, options, number, of_refit, no_log);
    if (result.termination == Termination::Cancelled) {
      return result.termination;
    }
    ensemble.refits.push_back({moved.coordinates, moved.weights});
  }
  Ensemble moved = start;
  RefitProgress of_refit(progress, "refit to images changed a little");
  const FlowResult result = flow_on_images(moved,
                                           model,
                                           images.perturbed(kPerturbedCorrelation, options.seed),
                                           options,
                                           of_refit,
                                           no_log);
  if (result.termination == Termination::Done) {
    ensemble.perturbed = Refit{moved.coordinates, moved.weights};
  }
  return result.termination;
}

}  // namespace cryosip

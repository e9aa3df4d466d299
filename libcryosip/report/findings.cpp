#include "libcryosip/report/findings.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>

#include "libcryosip/assess/ensemble_distance.hpp"
#include "libcryosip/flow/image_scale.hpp"
#include "libcryosip/report/markup.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

double effective_size(const Ensemble& ensemble) {
  return 1 / ensemble.weights.squaredNorm();
}

double deviation(const Ensemble& ensemble, Index k) {
  const Eigen::VectorXd row = ensemble.coordinates.row(k);
  const double mean = row.dot(ensemble.weights);
  return std::sqrt((row.array() - mean).square().matrix().dot(ensemble.weights));
}

// "1", "1 and 3", "1, 2 and 3".
std::string listed(const std::vector<Index>& coordinates) {
  std::string text;
  for (std::size_t i = 0; i < coordinates.size(); ++i) {
    text += (i == 0 ? "" : i + 1 == coordinates.size() ? " and " : ", ");
    text += std::to_string(coordinates[i] + 1);
  }
  return text;
}

std::string coordinates_word(const std::vector<Index>& coordinates) {
  return (coordinates.size() == 1 ? "Coordinate " : "Coordinates ") + listed(coordinates);
}

class Collector {
 public:
  Collector(const RunData& run,
            const RepresentativeStructures* representatives,
            const ImagePanels* images)
      : run_(run), representatives_(representatives), images_(images) {}

  std::vector<Finding> collect() {
    files();
    sizes();
    convergence();
    coordinates();
    image_scale_and_fit();
    structures();
    against_truth();
    certainty();
    std::stable_sort(found_.begin(), found_.end(), [](const Finding& a, const Finding& b) {
      return a.weight < b.weight;
    });
    return found_;
  }

 private:
  void warn(std::string what, std::string advice) {
    found_.push_back({Finding::Weight::Warning, std::move(what), std::move(advice)});
  }
  void note(std::string what, std::string advice) {
    found_.push_back({Finding::Weight::Note, std::move(what), std::move(advice)});
  }

  void files() {
    for (const RunFile& file : run_.files) {
      if (!file.problem.empty()) {
        warn("The file of " + file.role + " could not be used.", file.problem + ".");
      }
    }
    if (run_.images != nullptr) {
      for (const std::string& warning : run_.images->table().warnings) {
        warn("Something had to be assumed about the images.", warning + ".");
      }
    }
  }

  void sizes() {
    const auto conformations = static_cast<double>(run_.ensemble.size());
    const double effective = effective_size(run_.ensemble);
    if (effective < 0.5 * conformations) {
      warn(
          "Few conformations carry the weight: " + shown_number(effective) + " of " +
              shown_count(conformations) + " count.",
          "The effective sample size is low, so fine structure in the densities rests on a handful "
          "of conformations. Run with a larger --min-effective-share, or more conformations.");
    }
    if (effective < 100) {
      warn("The distribution is drawn with few conformations (effectively " +
               shown_number(effective) + ").",
           "Curves are coarse and small states may be missing altogether. Start from more "
           "conformations (cryosip-init-particles --count).");
    }
    if (run_.images != nullptr && run_.images->size() < 1000) {
      warn("Few images: " + shown_count(static_cast<double>(run_.images->size())) + ".",
           "A state that holds 5 % of the molecules is seen in " +
               shown_count(0.05 * static_cast<double>(run_.images->size())) +
               " of them. Small peaks may be chance; do not read more out of the curves than their "
               "broad shape.");
    }
  }

  void convergence() {
    const FlowProgress& flow = run_.ensemble.flow;
    if (flow.step < flow.schedule_end) {
      warn("The run stopped early: step " + std::to_string(flow.step) + " of " +
               std::to_string(flow.schedule_end) + ".",
           "Its steps had not come down to their final size. Give the ensemble to "
           "cryosip-flow-step again with the same options: it goes on where it stopped.");
    }
    if (!run_.log) {
      return;
    }
    const std::optional<ObjectiveDrift> drift = objective_drift(*run_.log);
    if (drift && drift->moving()) {
      const std::string size = shown_number(std::abs(drift->change)) + " \u00b1 " +
                               shown_number(drift->standard_error, 2);
      if (drift->change < 0) {
        warn("The objective was still falling when the run ended (by " + size + " over the last " +
                 std::to_string(drift->steps) + " steps).",
             "The distribution has probably not arrived. Run more --steps.");
      } else {
        warn("The objective was rising when the run ended (by " + size + " over the last " +
                 std::to_string(drift->steps) + " steps).",
             "The run has not settled. Try a smaller --step-size, or more images a step.");
      }
    }
    const std::size_t column = run_.log->column("sipEffectiveSampleSize");
    double lowest = run_.log->number(0, column);
    for (std::size_t row = 0; row < run_.log->rows(); ++row) {
      lowest = std::min(lowest, run_.log->number(row, column));
    }
    const auto conformations = static_cast<double>(run_.ensemble.size());
    if (lowest < 0.25 * conformations && effective_size(run_.ensemble) >= 0.5 * conformations) {
      note("For a while few conformations carried the weight (" + shown_number(lowest) + " of " +
               shown_count(conformations) + " at the least).",
           "It recovered; states that had lost all their conformations by then cannot have come "
           "back.");
    }
  }

  void coordinates() {
    if (!run_.start) {
      return;
    }
    std::vector<Index> at_edge;
    std::vector<Index> collapsed;
    std::vector<Index> unmoved;
    for (Index k = 0; k < run_.ensemble.dimension(); ++k) {
      const Eigen::VectorXd start = run_.start->coordinates.row(k);
      const Eigen::VectorXd result = run_.ensemble.coordinates.row(k);
      const double low = start.minCoeff();
      const double high = start.maxCoeff();
      const double margin = 0.05 * (high - low);
      double outer = 0;
      for (Index i = 0; i < result.size(); ++i) {
        if (result(i) < low + margin || result(i) > high - margin) {
          outer += run_.ensemble.weights(i);
        }
      }
      const double start_deviation = deviation(*run_.start, k);
      const double shift =
          wasserstein_1d(result, run_.ensemble.weights, start, run_.start->weights);
      if (!(start_deviation > 0)) {
        continue;
      }
      if (shift < 0.05 * start_deviation) {
        unmoved.push_back(k);
      } else if (outer > 0.05) {
        at_edge.push_back(k);
      } else if (deviation(run_.ensemble, k) < 0.02 * start_deviation) {
        collapsed.push_back(k);
      }
    }
    if (!at_edge.empty()) {
      warn(coordinates_word(at_edge) + (at_edge.size() == 1 ? " reaches" : " reach") +
               " the edge of where the run began.",
           "More than 5 % of the weight lies in the outermost twentieth of the start's range, or "
           "beyond. The true spread may be wider than this run could find: begin wider "
           "(cryosip-init-particles --scale) and see whether the result follows.");
    }
    if (!collapsed.empty()) {
      warn(coordinates_word(collapsed) + (collapsed.size() == 1 ? " has" : " have") +
               " shrunk almost to a point.",
           "Real molecules are rarely that stiff. It happens when the noise is taken too large or "
           "the contrast too small, or when the flow ran at too high a temperature.");
    }
    if (!unmoved.empty()) {
      warn(coordinates_word(unmoved) + (unmoved.size() == 1 ? " is" : " are") +
               " still distributed as at the start.",
           "The images may say nothing about this motion at the detail compared, or the run was "
           "too short. Do not interpret its curve: it is what was put in.");
    }
  }

  void image_scale_and_fit() {
    const std::optional<double> contrast =
        images_ != nullptr ? images_->contrast : run_.ensemble.flow.carried(kContrastLabel);
    if (contrast && *contrast < 0) {
      warn("The contrast is negative: the molecule is dark in these images.",
           "cryosip fits the sign, so the result stands if that is how the images are. If it is "
           "not what you expect, the images were inverted somewhere, or the poses do not belong to "
           "them.");
    }
    if (images_ == nullptr) {
      return;
    }
    if (images_->frequencies.size() > 0) {
      const double observed = (images_->observed_power.array() - images_->noise_power).max(0).sum();
      const double simulated =
          (images_->simulated_power.array() - images_->noise_power).max(0).sum();
      if (observed > 0 && (simulated > 1.5 * observed || simulated < observed / 1.5)) {
        warn("The simulated images hold " + shown_number(simulated / observed, 2) +
                 " times the signal of the observed ones.",
             "Contrast, noise level, or the size of the atoms (--residue-sigma, --b-factor) do not "
             "fit the data; widths of states are then not to be trusted. See the power spectra.");
      }
    }
  }

  void structures() {
    if (representatives_ == nullptr) {
      return;
    }
    const double most = representatives_->stretched.maxCoeff();
    if (most > 0.05) {
      warn("In a representative structure " + shown_percent(most) +
               " of the chain's links are stretched or squeezed by more than a fifth.",
           "Normal modes move atoms along straight lines, which distorts a chain far from the "
           "model. Take such a structure as a direction of motion, not as an atomic model.");
    }
  }

  void against_truth() {
    std::vector<Index> worse;
    for (const EvaluationRow& row : run_.evaluation) {
      if (row.metric == "w1" && row.coordinate > 0 && row.initial &&
          row.final_value > *row.initial) {
        worse.push_back(row.coordinate - 1);
      }
    }
    if (!worse.empty()) {
      warn(coordinates_word(worse) + (worse.size() == 1 ? " is" : " are") +
               " farther from the truth than at the start.",
           "See the distances below.");
    }
    const auto value = [&](const std::string& metric) -> std::optional<double> {
      for (const EvaluationRow& row : run_.evaluation) {
        if (row.metric == metric) {
          return row.final_value;
        }
      }
      return std::nullopt;
    };
    const auto distance = value("image_energy_distance");
    const auto error = value("image_energy_distance_error");
    if (distance && error && *distance > 3 * *error) {
      warn("The observed images can be told from those that the result predicts.",
           "Their energy distance is " + shown_number(*distance) + " \u00b1 " +
               shown_number(*error, 2) +
               ", more than chance allows. Either the distribution is not right yet, or the images "
               "hold something that the model does not: wrong optics, poses, noise, other "
               "molecules.");
    }
  }

  void certainty() {
    std::vector<Index> unstable;
    for (const EvaluationRow& row : run_.evaluation) {
      if (row.metric == "perturbation_l1" && row.coordinate > 0 && row.final_value > 0.3) {
        unstable.push_back(row.coordinate - 1);
      }
    }
    if (!unstable.empty()) {
      warn(coordinates_word(unstable) + (unstable.size() == 1 ? " changes" : " change") +
               " much when the images change by a mere 0.2 %.",
           "More than 15 % of the molecules end elsewhere, although the data are as good as the "
           "same. Details of such a curve mean nothing.");
    }
    if (run_.ensemble.refits.empty()) {
      note("Nothing here says how far chance moves the curves.",
           "One data set gave one result. Bands need the run repeated on images drawn again "
           "(cryosip-flow-step --bands).");
    }
    if (!run_.truth) {
      note("There is no truth to compare with.",
           "On real data there never is. To see what this analysis can resolve, simulate images "
           "like yours from the result (cryosip-simulate --ensemble) and run the same commands on "
           "them.");
    }
  }

  const RunData& run_;
  const RepresentativeStructures* representatives_;
  const ImagePanels* images_;
  std::vector<Finding> found_;
};

}  // namespace

std::int64_t annealed_until(const formats::StarTable& log) {
  const std::size_t steps = log.column("sipStep");
  std::int64_t until = 0;
  for (const char* label : {"sipTemperature", "sipBandwidth"}) {
    const auto column = log.find(label);
    if (!column) {
      continue;
    }
    const double end = log.number(log.rows() - 1, *column);
    for (std::size_t row = 0; row < log.rows(); ++row) {
      if (std::abs(log.number(row, *column) - end) > 0.01 * std::abs(end)) {
        until = std::max(until, log.integer(row, steps));
      }
    }
  }
  return until;
}

std::optional<ObjectiveDrift> objective_drift(const formats::StarTable& log) {
  const std::size_t steps = log.column("sipStep");
  const std::size_t column = log.column("sipObjective");
  const std::int64_t annealed = annealed_until(log);
  std::vector<double> values;
  for (std::size_t row = 0; row < log.rows(); ++row) {
    if (log.integer(row, steps) > annealed) {
      values.push_back(log.number(row, column));
    }
  }
  // The last third of the run, or what there is after annealing.
  const std::size_t most = std::max<std::size_t>(20, log.rows() / 3);
  const std::size_t half = std::min(values.size(), most) / 2;
  if (half < 10) {
    return std::nullopt;
  }
  const auto mean_and_variance = [&](std::size_t first) {
    // Five blocks of neighbouring steps.
    constexpr std::size_t kBlocks = 5;
    Eigen::VectorXd means(static_cast<Index>(kBlocks));
    for (std::size_t b = 0; b < kBlocks; ++b) {
      const std::size_t begin = first + b * half / kBlocks;
      const std::size_t end = first + (b + 1) * half / kBlocks;
      means(static_cast<Index>(b)) =
          Eigen::Map<const Eigen::VectorXd>(values.data() + begin, static_cast<Index>(end - begin))
              .mean();
    }
    const double mean = means.mean();
    return std::pair(mean, (means.array() - mean).square().sum() / (kBlocks * (kBlocks - 1.0)));
  };
  const auto [before, before_variance] = mean_and_variance(values.size() - 2 * half);
  const auto [after, after_variance] = mean_and_variance(values.size() - half);
  return ObjectiveDrift{after - before, std::sqrt(before_variance + after_variance), 2 * half};
}

std::vector<Finding> findings(const RunData& run,
                              const RepresentativeStructures* representatives,
                              const ImagePanels* images) {
  return Collector(run, representatives, images).collect();
}

}  // namespace cryosip

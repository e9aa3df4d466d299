#include "libcryosip/flow/pair_objective.hpp"

#include <cmath>
#include <sstream>
#include <vector>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/flow/disc_transfer.hpp"

namespace cryosip {
namespace {

// Observed images side by side, their means left out.
Eigen::MatrixXf observed_matrix(const ImageCoefficients& images,
                                const std::vector<std::size_t>& indices) {
  const Eigen::Index frequencies = images.basis().frequencies();
  Eigen::MatrixXf matrix(images.basis().size(), static_cast<Eigen::Index>(indices.size()));
  parallel_for(indices.size(), [&](std::size_t b) {
    auto column = matrix.col(static_cast<Eigen::Index>(b));
    column = images.read(indices[b]);
    column(0) = 0;
    column(frequencies) = 0;
  });
  return matrix;
}

}  // namespace

PairObjective::PairObjective(const ConformationModel& model,
                             const Renderer<float>& renderer,
                             const ImageCoefficients& images,
                             const ImageScale& scale,
                             const PairEngine<float>& engine,
                             const PairObjectiveOptions& options)
    : model_(model),
      renderer_(renderer),
      images_(images),
      scale_(scale),
      engine_(engine),
      options_(options),
      law_(images.images(), options.poses, options.seed),
      batches_(images.images().size(), options.images_per_step, options.seed) {
  if (!(options.initial_bandwidth > 0) || !(options.final_bandwidth > 0) ||
      !(options.annealing_share > 0) || !(options.annealing_share <= 1) ||
      !(scale.noise_sigma >= 0) || !std::isfinite(scale.contrast) || scale.contrast == 0) {
    throw Error(
        ErrorKind::Usage,
        "pair objective: expected positive bandwidths, an annealing share in (0, 1], a noise "
        "sigma that is not negative and a contrast that is not zero");
  }
}

std::string describe(const PairObjectiveOptions& options) {
  std::ostringstream text;
  text << (options.kernel == KernelKind::Gaussian ? "mmd" : "energy")
       << " poses=" << (options.poses == PoseLaw::Uniform ? "uniform" : "given")
       << " images-per-step=" << options.images_per_step;
  if (options.kernel == KernelKind::Gaussian) {
    text << " bandwidth=" << options.initial_bandwidth << ".." << options.final_bandwidth;
  }
  return text.str();
}

FlowEvaluation PairObjective::evaluate(const Ensemble& ensemble, const FlowMoment& moment) {
  const Eigen::Index count = ensemble.size();
  const FourierDisc& basis = images_.basis();
  std::vector<ImagingCondition> conditions(static_cast<std::size_t>(count));
  std::vector<Eigen::VectorXf> transfers(static_cast<std::size_t>(count));
  SimulatedImages<float> sample;
  sample.weights = ensemble.weights;
  Eigen::MatrixXf& simulated = sample.images;
  simulated.resize(basis.size(), count);
  parallel_for(static_cast<std::size_t>(count), [&](std::size_t i) {
    const auto column = static_cast<Eigen::Index>(i);
    conditions[i] = law_.sample(moment.step, i);
    transfers[i] = doubled_transfer(basis, conditions[i], scale_.contrast);
    const auto workspace = renderer_.workspace();
    Eigen::Matrix3Xd positions;
    model_.positions(ensemble.coordinates.col(column), positions);
    renderer_.render(positions, conditions[i].pose, *workspace, simulated.col(column));
    simulated.col(column).array() *= transfers[i].array();
  });
  const double rms_norm = std::sqrt(simulated.cast<double>().colwise().squaredNorm().mean());
  if (!(rms_norm > 0)) {
    throw Error(ErrorKind::Numerical,
                "the drawn images are empty; does the molecule lie inside the box?");
  }

  const double relative_bandwidth = annealed(options_.initial_bandwidth,
                                             options_.final_bandwidth,
                                             options_.annealing_share,
                                             moment.fraction);
  const Kernel kernel = options_.kernel == KernelKind::Gaussian
                            ? Kernel{{.bandwidth = relative_bandwidth * rms_norm}}
                            : energy_kernel();
  // The real and the imaginary part of the mean are left out.
  const PixelNoise noise{.variance = scale_.noise_sigma * scale_.noise_sigma,
                         .degrees_of_freedom = static_cast<double>(basis.size() - 2),
                         .integrated = true};
  const DiscrepancyResult pairs =
      KernelDiscrepancy<float>(engine_, kernel, noise)
          .evaluate(sample, observed_matrix(images_, batches_.batch(moment.step)));

  FlowEvaluation result;
  result.velocity = Eigen::MatrixXd::Zero(ensemble.dimension(), count);
  parallel_for(static_cast<std::size_t>(count), [&](std::size_t i) {
    const auto column = static_cast<Eigen::Index>(i);
    if (ensemble.weights(column) <= 0) {
      return;
    }
    const auto workspace = renderer_.workspace();
    Eigen::Matrix3Xd positions;
    Eigen::VectorXf drawn(basis.size());
    model_.positions(ensemble.coordinates.col(column), positions);
    renderer_.render(positions, conditions[i].pose, *workspace, drawn);
    const Eigen::VectorXf adjoint =
        pairs.gradient.col(column).cast<float>().cwiseProduct(transfers[i]);
    RenderGradient gradient;
    renderer_.pull_back(adjoint, *workspace, gradient);
    result.velocity.col(column) =
        -model_.pull_back(ensemble.coordinates.col(column), gradient.positions);
  });
  result.objective = pairs.value;
  if (options_.kernel == KernelKind::Gaussian) {
    result.diagnostics = {{"sipBandwidth", relative_bandwidth}};
  }
  return result;
}

double estimate_contrast_from_energy(const ConformationModel& model,
                                     const Renderer<float>& renderer,
                                     const ImageCoefficients& images,
                                     const Ensemble& ensemble,
                                     PoseLaw poses,
                                     double noise_sigma,
                                     std::uint64_t seed,
                                     std::size_t max_images) {
  const std::size_t total = images.images().size();
  const std::size_t used = std::min(total, max_images);
  const FourierDisc& basis = images.basis();
  std::vector<std::size_t> indices(used);
  for (std::size_t u = 0; u < used; ++u) {
    indices[u] = u * total / used;
  }
  const Eigen::MatrixXd observed = observed_matrix(images, indices).cast<double>();
  // The imaginary and the real part of the mean are left out.
  const double noise_energy = noise_sigma * noise_sigma * static_cast<double>(basis.size() - 2);
  const double signal = observed.colwise().squaredNorm().mean() - noise_energy;

  const NuisanceLaw law(images.images(), poses, seed);
  const double drawn_energy = parallel_sum(used, [&](std::size_t u) {
    const ImagingCondition condition = law.sample(0, u);
    const auto workspace = renderer.workspace();
    Eigen::Matrix3Xd positions;
    const Eigen::Index conformation = static_cast<Eigen::Index>(u) % ensemble.size();
    model.positions(ensemble.coordinates.col(conformation), positions);
    Eigen::VectorXf drawn(basis.size());
    renderer.render(positions, condition.pose, *workspace, drawn);
    return drawn.cwiseProduct(doubled_transfer(basis, condition, 1)).cast<double>().squaredNorm();
  });
  const double drawn = drawn_energy / static_cast<double>(used);
  if (!(signal > 0) || !(drawn > 0)) {
    throw Error(ErrorKind::Numerical,
                "contrast: the images hold no more energy than the noise; give --contrast");
  }
  return std::sqrt(signal / drawn);
}

}  // namespace cryosip

#include "libcryosip/report/image_panels.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>

#include "formats/error.hpp"
#include "libcryosip/core/fourier.hpp"
#include "libcryosip/core/parallel.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

double correlation(const Eigen::VectorXf& a, const Eigen::VectorXf& b) {
  const float product = a.norm() * b.norm();
  return product > 0 ? static_cast<double>(a.dot(b) / product) : 0;
}

// The conformation whose drawing lies nearest to the image, of at most 500 with weight.
Index nearest_conformation(const ImageDrawing& drawing, const Ensemble& ensemble, std::size_t i) {
  std::vector<Index> candidates;
  for (Index c = 0; c < ensemble.size(); ++c) {
    if (ensemble.weights(c) > 0) {
      candidates.push_back(c);
    }
  }
  constexpr std::size_t kMost = 500;
  const std::size_t count = std::min(kMost, candidates.size());
  std::vector<double> distances(count);
  const auto candidate = [&](std::size_t c) { return candidates[c * candidates.size() / count]; };
  parallel_for(count, [&](std::size_t c) {
    distances[c] = (drawing.draw_clear(ensemble.coordinates.col(candidate(c)), i) -
                    drawing.observed().col(static_cast<Index>(i)))
                       .squaredNorm();
  });
  return candidate(static_cast<std::size_t>(std::min_element(distances.begin(), distances.end()) -
                                            distances.begin()));
}

// Mean power in rings 0 .. radius of the box's frequencies.
Eigen::VectorXd ring_power(const Eigen::MatrixXf& images, const ImageBasis& basis, int radius) {
  const int box = basis.grid().box;
  const ImageTransform transform(box);
  Eigen::MatrixXd power = Eigen::MatrixXd::Zero(radius + 1, images.cols());
  parallel_for(static_cast<std::size_t>(images.cols()), [&](std::size_t i) {
    const auto column = static_cast<Index>(i);
    const Eigen::VectorXd pixels = basis.synthesise(images.col(column).cast<double>());
    std::vector<std::complex<double>> spectrum(transform.spectrum_size());
    transform.forward({pixels.data(), static_cast<std::size_t>(pixels.size())}, spectrum);
    Eigen::VectorXd members = Eigen::VectorXd::Zero(radius + 1);
    const int half = box / 2 + 1;
    for (int ky = 0; ky < box; ++ky) {
      const int y = ky > box / 2 ? ky - box : ky;
      for (int kx = 0; kx < half; ++kx) {
        const Index ring = std::lround(std::hypot(kx, y));
        if (ring <= radius && std::hypot(kx, y) <= radius) {
          const auto at = static_cast<std::size_t>(ky) * static_cast<std::size_t>(half) +
                          static_cast<std::size_t>(kx);
          const double twice = kx > 0 && 2 * kx < box ? 2 : 1;  // the other half plane
          power(ring, column) += twice * std::norm(spectrum[at]) / (static_cast<double>(box) * box);
          members(ring) += twice;
        }
      }
    }
    power.col(column).array() /= members.array().max(1);
  });
  return power.rowwise().mean();
}

// Signs of components mean nothing: take those that agree.
void align_signs(PrincipalComponents& components, const PrincipalComponents& with) {
  const Index count = std::min(components.components.cols(), with.components.cols());
  for (Index p = 0; p < count; ++p) {
    if (components.components.col(p).dot(with.components.col(p)) < 0) {
      components.components.col(p) *= -1;
    }
  }
}

std::vector<Eigen::VectorXd> component_images(const PrincipalComponents& components,
                                              const ImageBasis& basis) {
  std::vector<Eigen::VectorXd> images;
  for (const auto& component : components.components.colwise()) {
    images.push_back(basis.synthesise(component));
  }
  return images;
}

void add_examples(ImagePanels& panels,
                  const ImageDrawing& drawing,
                  const Eigen::MatrixXf& simulated,
                  const Ensemble& ensemble,
                  std::size_t wanted) {
  const ImageBasis& basis = drawing.model().basis();
  const auto pixels = [&](const Eigen::VectorXf& image) -> Eigen::VectorXd {
    return basis.synthesise(image.cast<double>());
  };
  const std::size_t count = std::min(wanted, drawing.chosen().size());
  for (std::size_t e = 0; e < count; ++e) {
    const std::size_t i = e * drawing.chosen().size() / count;
    const auto column = static_cast<Index>(i);
    ImagePanels::Example example;
    example.image = drawing.chosen()[i];
    const Eigen::VectorXf observed = drawing.observed().col(column);
    example.observed = pixels(observed);
    if (panels.poses == PoseLaw::Given) {
      const Index nearest = nearest_conformation(drawing, ensemble, i);
      const Eigen::VectorXf clear = drawing.draw_clear(ensemble.coordinates.col(nearest), i);
      example.clear = pixels(clear);
      example.simulated = pixels(drawing.draw_noisy(ensemble.coordinates.col(nearest), i));
      example.correlation = correlation(observed, clear);
    } else {
      example.simulated = pixels(simulated.col(column));
    }
    panels.examples.push_back(std::move(example));
  }
}

}  // namespace

ImagePanels image_panels(const ConformationModel& model,
                         const ImageSet& images,
                         const Ensemble& ensemble,
                         const ImagePanelOptions& options,
                         Progress& progress) {
  require_dimension(model, ensemble);
  const ImageDrawing drawing(model, images, ensemble, options.drawing, progress);
  const ImageBasis& basis = drawing.model().basis();
  const Eigen::MatrixXf& observed = drawing.observed();
  const Eigen::MatrixXf simulated = drawing.draw(ensemble, DrawnSet::Compared, "the ensemble");

  ImagePanels panels;
  panels.grid = images.grid();
  panels.poses = drawing.poses();
  panels.compared = drawing.chosen().size();
  panels.resolution_angstrom = basis.resolution_angstrom();
  panels.noise_sigma = drawing.scale().noise_sigma;
  panels.contrast = drawing.scale().contrast;
  panels.coefficients = drawing.model().compared();
  panels.noise_power = panels.noise_sigma * panels.noise_sigma;
  const ProgressStage stage(progress, "spectra and principal components", 0);
  add_examples(panels, drawing, simulated, ensemble, options.examples);

  panels.observed_mean = basis.synthesise(observed.rowwise().mean().cast<double>());
  panels.simulated_mean = basis.synthesise(simulated.rowwise().mean().cast<double>());
  if (panels.grid.box > 1) {
    const int radius = static_cast<int>(
        std::floor(panels.grid.edge_angstrom() / panels.resolution_angstrom + 1e-9));
    // The mean of an image is not compared: ring 0 is left out.
    const auto rings = [&](const Eigen::MatrixXf& of) -> Eigen::VectorXd {
      return ring_power(of, basis, radius).tail(radius);
    };
    panels.observed_power = rings(observed);
    panels.simulated_power = rings(simulated);
    panels.frequencies =
        Eigen::VectorXd::LinSpaced(radius, 1, radius) / panels.grid.edge_angstrom();
  }
  panels.observed_components = principal_components(observed, options.components);
  panels.simulated_components = principal_components(simulated, options.components);
  align_signs(panels.simulated_components, panels.observed_components);
  panels.observed_component_images = component_images(panels.observed_components, basis);
  panels.simulated_component_images = component_images(panels.simulated_components, basis);
  panels.observed_projections = panels.observed_components.project(observed);
  panels.simulated_projections = panels.observed_components.project(simulated);
  return panels;
}

}  // namespace cryosip

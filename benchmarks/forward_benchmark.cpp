// Drawing molecules, its adjoint, and analysing observed images, in both Fourier bases.
#include <vector>

#include "benchmarks/molecule.hpp"
#include "benchmarks/rates.hpp"
#include "libcryosip/forward/bessel_grid.hpp"

namespace cryosip::benchmarks {
namespace {

constexpr std::size_t kImages = 64;  // an iteration
constexpr std::size_t kImagesAWorkspace = 8;

double atoms() {
  return static_cast<double>(molecule().atoms().positions_angstrom.cols());
}

// Draws kImages views, and pulls back from each where asked.  As in a flow, a few follow each other
// in a workspace.
template <typename Model>
void draw_views(benchmark::State& state, const Model& model, bool pull_back, double flops) {
  const ThreadLimit limit(threads_of(state));
  std::vector<View> views;
  std::vector<std::unique_ptr<typename Model::Workspace>> workspaces;
  for (std::size_t i = 0; i < kImages; ++i) {
    views.push_back(random_view(2, i));
  }
  for (std::size_t i = 0; i < kImages / kImagesAWorkspace; ++i) {
    workspaces.push_back(model.workspace());
  }
  Eigen::MatrixXf images(model.size(), kImages);
  const Eigen::VectorXf adjoint = Eigen::VectorXf::Random(model.size());
  for ([[maybe_unused]] const auto _ : state) {
    parallel_for(workspaces.size(), [&](std::size_t w) {
      for (std::size_t i = w * kImagesAWorkspace; i < (w + 1) * kImagesAWorkspace; ++i) {
        model.draw(views[i].coordinates,
                   views[i].pose,
                   *workspaces[w],
                   images.col(static_cast<Eigen::Index>(i)));
        if (pull_back) {
          benchmark::DoNotOptimize(model.pull_back(*workspaces[w], adjoint));
        }
      }
    });
    benchmark::ClobberMemory();
  }
  report(state, {.flops = kImages * flops, .items = kImages, .unit = "images"});
}

// As FourierRenderer counts: 8 (radius + 1)^2 an atom, twice that on the way back.
void draw_in_disc(benchmark::State& state, bool pull_back) {
  const auto model = molecule().image_model(kGrid, kResolutionAngstrom, {});
  const double across = kGrid.edge_angstrom() / kResolutionAngstrom + 1;
  draw_views(state, *model, pull_back, (pull_back ? 24 : 8) * across * across * atoms());
}
void disc_draw(benchmark::State& state) {
  draw_in_disc(state, false);
}
void disc_draw_and_pull_back(benchmark::State& state) {
  draw_in_disc(state, true);
}
BENCHMARK(disc_draw)->Apply(on_one_thread_and_all);
BENCHMARK(disc_draw_and_pull_back)->Apply(on_one_thread_and_all);

// As PolarRenderer counts: 4 an atom, tap and angular frequency, 8 on the way back.
void draw_in_polar_basis(benchmark::State& state, bool pull_back) {
  const auto model = polar_model();
  const PolarLayout& layout = model->basis().layout();
  const double taps = BesselGrid<float>::kTaps;
  draw_views(state,
             *model,
             pull_back,
             (pull_back ? 12 : 4) * taps * layout.angular_frequencies() * atoms());
}
void polar_draw(benchmark::State& state) {
  draw_in_polar_basis(state, false);
}
void polar_draw_and_pull_back(benchmark::State& state) {
  draw_in_polar_basis(state, true);
}
BENCHMARK(polar_draw)->Apply(on_one_thread_and_all);
BENCHMARK(polar_draw_and_pull_back)->Apply(on_one_thread_and_all);

std::vector<float> random_pixels() {
  const Eigen::VectorXf pixels = Eigen::VectorXf::Random(kGrid.pixels());
  return {pixels.begin(), pixels.end()};
}

// A Fourier transform: its pixels must be read and its coefficients written.
void disc_analyse(benchmark::State& state) {
  const ThreadLimit limit(threads_of(state));
  const FourierDisc disc(kGrid, kResolutionAngstrom);
  const std::vector<float> pixels = random_pixels();
  for ([[maybe_unused]] const auto _ : state) {
    parallel_for(kImages, [&](std::size_t) { benchmark::DoNotOptimize(disc.analyse(pixels)); });
  }
  report(state,
         {.bytes = kImages * (4.0 * static_cast<double>(kGrid.pixels()) +
                              8.0 * static_cast<double>(disc.size())),
          .items = kImages,
          .unit = "images"});
}
BENCHMARK(disc_analyse)->Apply(on_one_thread_and_all);

// A product with the basis' matrix, which the symmetries leave a quarter of, even and odd.
void polar_analyse(benchmark::State& state) {
  const ThreadLimit limit(threads_of(state));
  const auto model = polar_model();
  const std::vector<float> pixels = random_pixels();
  const std::vector<PolarInput> images(kImages, PolarInput{.pixels = pixels});
  for ([[maybe_unused]] const auto _ : state) {
    benchmark::DoNotOptimize(model->basis().analyse(images));
  }
  const double quarter = kGrid.box / 2.0 + 1;
  report(state,
         {.flops = kImages * 2 * static_cast<double>(model->size()) * quarter * quarter,
          .items = kImages,
          .unit = "images"});
}
BENCHMARK(polar_analyse)->Apply(on_one_thread_and_all);

}  // namespace
}  // namespace cryosip::benchmarks

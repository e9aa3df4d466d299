// The molecule that benchmarks draw: testdata/hinge_dimer.pdb, 300 residues as Gaussians of 4
// angstrom, moving along four normal modes; images of 48 x 48 pixels of 3 angstrom, kept to 9.6.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <Eigen/Core>

#include "formats/pdb.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/core/random.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "libcryosip/structure/normal_modes.hpp"

namespace cryosip::benchmarks {

inline constexpr ImageGrid kGrid{48, 3.0};
inline constexpr double kResolutionAngstrom = 9.6;

inline const NormalModeModel& molecule() {
  static const NormalModeModel model = [] {
    const Atoms atoms = select_atoms(
        formats::read_atomic_model(std::string(CRYOSIP_TESTDATA) + "/hinge_dimer.pdb"), "ca");
    return NormalModeModel(to_nmd(atoms, normal_modes(atoms.positions_angstrom, {}), ""));
  }();
  return model;
}

/// The molecule in a random conformation, seen from a random side: what image `index` shows.
struct View {
  Eigen::VectorXd coordinates;
  Pose pose;
};
inline View random_view(std::uint64_t seed, std::uint64_t index) {
  RandomStream stream(seed, StreamPurpose::Test, index);
  View view;
  view.coordinates =
      Eigen::VectorXd::NullaryExpr(molecule().dimension(), [&](Eigen::Index k) -> double {
        // Two states along the first mode, one along the others.
        const double state = k > 0 ? 0 : (stream.uniform() < 0.5 ? -1 : 1);
        return state + 0.4 * stream.normal();
      });
  view.pose.rotation = stream.rotation();
  return view;
}

inline std::unique_ptr<PolarImageModel> polar_model() {
  Eigen::MatrixXd coordinates(molecule().dimension(), 200);
  for (Eigen::Index i = 0; i < coordinates.cols(); ++i) {
    coordinates.col(i) = random_view(1, static_cast<std::uint64_t>(i)).coordinates;
  }
  return molecule().polar_image_model(
      kGrid, kResolutionAngstrom, molecule().radius_angstrom(coordinates), {});
}

/// Noise-free images of random views: (basis().size(), count).
inline Eigen::MatrixXf draw(const PolarImageModel& model, Eigen::Index count, std::uint64_t seed) {
  Eigen::MatrixXf images(model.size(), count);
  parallel_for(static_cast<std::size_t>(count), [&](std::size_t i) {
    const View view = random_view(seed, i);
    const auto workspace = model.workspace();
    model.draw(view.coordinates, view.pose, *workspace, images.col(static_cast<Eigen::Index>(i)));
  });
  return images;
}

}  // namespace cryosip::benchmarks

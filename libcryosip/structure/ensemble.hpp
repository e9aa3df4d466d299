// The ensemble: weighted conformations, and its STAR file.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include "formats/star.hpp"

namespace cryosip {

/// How far a flow has come, so that the next call goes on with the same bits.
struct FlowProgress {
  std::int64_t step = 0;            ///< steps done since the initial ensemble
  std::int64_t schedule_begin = 0;  ///< step at which the present schedule began
  std::int64_t schedule_end = 0;    ///< step at which it ends; equal to begin: no schedule
  Eigen::MatrixXd momentum;         ///< (coordinates, conformations), or empty
  /// Scalars and short vectors the flow carries on, e.g. ("sipVelocityScale1", 0.3).
  std::vector<std::pair<std::string, double>> values;

  /// The value of that label, or nothing.
  [[nodiscard]] std::optional<double> carried(std::string_view label) const;
  /// Sets or adds the value of that label.
  void carry(const std::string& label, double value);
};

/// Another outcome of the same flow, from images or seeds a little different.
struct Refit {
  Eigen::MatrixXd coordinates;  ///< (coordinates, conformations)
  Eigen::VectorXd weights;      ///< (conformations), >= 0, sum 1
};

struct Ensemble {
  std::string model;  ///< what --model was: a path or a built-in name
  std::uint64_t seed = 1;
  std::string objective;        ///< name and parameters of what made it, or empty
  Eigen::MatrixXd coordinates;  ///< (coordinates, conformations): column i is conformation i
  Eigen::VectorXd weights;      ///< (conformations), >= 0, sum 1
  FlowProgress flow;
  std::vector<Refit> refits;       ///< to images drawn again with other seeds: how certain it is
  std::optional<Refit> perturbed;  ///< to images changed a little: how stable it is

  [[nodiscard]] Eigen::Index size() const { return coordinates.cols(); }
  [[nodiscard]] Eigen::Index dimension() const { return coordinates.rows(); }
};

/// Reads blocks sip_ensemble (pairs: sipModel, sipStep, sipSeed, sipObjective, ...) and
/// sip_conformations (loop: sipWeight, sipCoordinate1..K [, sipMomentum1..K]; sipWeight alone for a
/// rigid model, which has no coordinates).  Weights are normalised to sum 1 unless they already do
/// to 1e-12 (so that a round trip keeps the bits).  Where there are refits, also sip_refits (loop:
/// sipRefit 1..B in ascending order, sipWeight, sipCoordinate1..K) and sip_perturbed (the same
/// without sipRefit).
/// @throws Error(Input) naming file and line: missing blocks or labels, no rows, a negative weight,
///                      weights that sum to 0, not a finite number, refits out of order or of
///                      another number of coordinates
Ensemble read_ensemble(const formats::StarFile& file);
/// Every number reads back to the same bits.
/// @param comments  provenance, see formats::StarFile
formats::StarFile to_star(const Ensemble& ensemble, std::vector<std::string> comments);

}  // namespace cryosip

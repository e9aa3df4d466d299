// Each image's own conformation: its posterior over the conformations of an ensemble,
//
//   r_k = w_k p(y | k) / sum_l w_l p(y | l),   log p(y | k) = log mean over omega of
//   N(y; contrast C R_omega x_k, sigma^2)   (paper section 3.1, equation 22),
//
// omega the image's own pose, shift and CTF where poses are given (its own view where all but the
// in-plane angle is, which is integrated out: docs/theory.md 14); else views spread evenly over
// the sphere, the in-plane angle integrated out, the image's own CTF (docs/theory.md 10).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <Eigen/Core>

#include "formats/star.hpp"
#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/image_set.hpp"
#include "libcryosip/flow/image_scale.hpp"
#include "libcryosip/forward/conformation_model.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

struct AssignmentOptions {
  std::optional<PoseLaw> poses;  ///< none: Given where the data set has poses, else Uniform
  ImagingOptions imaging;
  /// Finest detail compared, in angstrom; 0: ConformationModel::finest_detail_angstrom().
  double resolution_angstrom = 0;
  /// Of a pixel's white noise; none: the ensemble's record, else measured.  Whitened, unless it was
  /// given, here or when the ensemble was made.
  std::optional<double> noise_sigma;
  std::optional<double> contrast;  ///< none: the ensemble's record, else estimated
  /// Of uniform poses: views of every conformation, the same for all.  0: as many as leave no
  /// atom's place further apart in two neighbouring views than the finest detail, doubled until an
  /// image's likelihood, given the conformation, spreads over three cells of views by
  /// angles, or the views are some ten thousand.
  std::size_t views = 0;
  /// Of the in-plane average: a multiple of 8, or 0: 72, and under PoseLaw::InPlane as many as
  /// choose_angles() takes.
  int angles = 0;
  /// Of unknown shifts along x and y, one drawn for each view; under PoseLaw::InPlane beside those
  /// that are given, see InPlaneIntegral.
  double shift_sigma_angstrom = 0;
  std::uint64_t seed = 1;
};

struct Assignments {
  Eigen::MatrixXd means;   ///< (K, images)
  Eigen::MatrixXd sigmas;  ///< (K, images): standard deviations of the posterior
  /// (K (K-1) / 2, images), of coordinates (1, 2), (1, 3), .., (2, 3), ..; 0 where a sigma is 0.
  Eigen::MatrixXd correlations;
  Eigen::VectorXd effective_conformations;  ///< (images): 1 / sum r^2
  std::vector<Eigen::Index> best;           ///< (images): conformation of the largest r, 0-based
  Eigen::VectorXd best_probability;         ///< (images): its r
  /// (images): log [p(y | ensemble) / p(y | noise alone)]; below 0 where there is less of the
  /// molecule in an image than the ensemble says.
  Eigen::VectorXd log_evidence;
  /// (conformations): mean of r over the images; of an ensemble that is right, its weights.
  Eigen::VectorXd mean_posterior;

  [[nodiscard]] Eigen::Index images() const { return log_evidence.size(); }
};

/// Blockwise over the images: beside the answer memory grows with neither their number nor its
/// product with the conformations'.  The same bits on any number of threads.  What was taken from
/// the ensemble, chosen and estimated is said through progress.note(); a warning where the views
/// lie further apart than the images can tell.
/// @throws Error(Usage) an option out of range, poses asked for that are not there, an ensemble of
///                      another dimension than the model's; Error(Input), Error(Numerical) as
///                      image_scale(); Error(Cancelled)
Assignments assign_images(const Ensemble& ensemble,
                          const ConformationModel& model,
                          const ImageSet& images,
                          const AssignmentOptions& options,
                          Progress& progress);

/// Adds to the file's particle block, in this order: sipMean1..K, sipSigma1..K, sipCorrelation1_2,
/// .., sipEffectiveConformations, sipConformation (counted from 1), sipConformationProbability,
/// sipLogEvidence.  Rows are those of the image set, which must have been read from this file.
/// @param copies  (column added, label of a further column with the same values), for programs that
///                know only labels of their own
/// @throws Error(Input)  a column that is there already; rows that are other images
/// @throws Error(Usage)  copies of a column that is not one of these
void add_assignments(formats::StarFile& particles,
                     const Assignments& assignments,
                     const ImageSet& images,
                     const std::vector<std::pair<std::string, std::string>>& copies);

}  // namespace cryosip

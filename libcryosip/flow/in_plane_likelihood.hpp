// The likelihood of an image whose view is known and whose in-plane angle is not: every
// conformation is drawn once in the image's view and stands for all angles (docs/theory.md 14):
//
//   log [p(y | x) / p(y | noise alone)] = log 1/S sum_s 1/A sum_alpha exp(E(s, alpha)),
//   E(s, alpha) = exponent of steered_likelihood.hpp for the image with the molecule's origin, at
//   the known shift and the unknown one s, brought to the box's centre.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/dataset/polar_coefficients.hpp"
#include "libcryosip/discrepancy/steered_engine.hpp"
#include "libcryosip/flow/image_scale.hpp"
#include "libcryosip/flow/steered_likelihood.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

/// What of an image's pose is not known, and is integrated out.
struct InPlaneIntegral {
  int angles = 72;                  ///< a multiple of 8
  double shift_sigma_angstrom = 0;  ///< of shifts along x and y, beside those that are known
  std::uint64_t seed = 1;           ///< of the shifts
};

/// Images and what they are compared by.
class InPlaneLikelihood {
 public:
  /// @param images, engine  must outlive this object
  /// @throws Error(Usage) images without views, a shift's or the noise's sigma or a contrast that
  ///                      makes no sense
  InPlaneLikelihood(const PolarCoefficients& images,
                    const SteeredEngine& engine,
                    const ImageScale& scale,
                    const InPlaneIntegral& integral);

  [[nodiscard]] const PolarCoefficients& images() const { return images_; }
  /// The same with another number of angles.
  [[nodiscard]] InPlaneLikelihood with_angles(int angles) const;
  /// The same at another contrast: image = contrast * drawing + noise.
  [[nodiscard]] InPlaneLikelihood with_contrast(double contrast) const;

  /// One image, at the shifts that are drawn for it.
  struct Image {
    Pose view;                       ///< the molecule centred, psi 0
    Eigen::MatrixXf filtered;        ///< (size, shifts): C y
    Eigen::VectorXd transfer_power;  ///< (rings): C^2
  };
  /// @param draw  names the shifts: a step's are its own
  [[nodiscard]] Image read(std::size_t image, std::int64_t draw) const;
  /// Every conformation in the image's view: (size, conformations).
  /// @param coordinates  (K, conformations)
  [[nodiscard]] Eigen::MatrixXf draw(const Image& image, const Eigen::MatrixXd& coordinates) const;
  /// (drawings): log [p(y | x) / p(y | noise alone)], of exp(E / temperature).
  [[nodiscard]] Eigen::VectorXd log_likelihoods(const Image& image,
                                                const Eigen::MatrixXf& drawings,
                                                double temperature = 1) const;

  /// Means over the posterior of shift and angle, of drawings by shares of the image.
  struct Means {
    Eigen::MatrixXf gradient;  ///< (size, drawings): share * d log_likelihood / d drawing
    double overlap = 0;        ///< sum over drawings, share * contrast <x, C y> / sigma^2
    double norm = 0;           ///< the same of contrast^2 |C x|^2 / sigma^2
  };
  /// @param log_likelihoods  (drawings): as log_likelihoods() has them at that temperature
  /// @param shares           (drawings): > 0
  [[nodiscard]] Means means(const Image& image,
                            const Eigen::MatrixXf& drawings,
                            const Eigen::VectorXd& log_likelihoods,
                            const Eigen::VectorXd& shares,
                            double temperature) const;

 private:
  [[nodiscard]] SteeredLikelihood likelihood(double temperature) const;
  [[nodiscard]] SteeredOperand observed(const Image& image) const;

  const PolarCoefficients& images_;
  const SteeredEngine& engine_;
  double contrast_;
  InPlaneIntegral integral_;
  std::size_t shifts_;        // drawn for an image
  Eigen::VectorXd variance_;  // (size): of the noise
};

/// The number of angles, 72 or that doubled, beyond which twice as many change the log evidence of
/// an image by less than 0.02 (mean over the images looked at).
/// @param likelihood  with any number of angles
int choose_angles(const InPlaneLikelihood& likelihood,
                  const Ensemble& ensemble,
                  Progress& progress,
                  std::size_t max_images = 32);

/// As choose_initial_temperature() for given poses: at which an image's posterior spreads over a
/// fifth of the ensemble; between doublings, where it is looked at, by interpolation.
double choose_initial_temperature(const InPlaneLikelihood& likelihood,
                                  const Ensemble& ensemble,
                                  Progress& progress,
                                  std::size_t max_images = 100);

}  // namespace cryosip

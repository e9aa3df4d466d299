// The images that an ensemble would give, drawn to be held against those observed.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/image_coefficients.hpp"
#include "libcryosip/dataset/image_set.hpp"
#include "libcryosip/flow/image_scale.hpp"
#include "libcryosip/flow/nuisance_law.hpp"
#include "libcryosip/forward/conformation_model.hpp"
#include "libcryosip/structure/ensemble.hpp"

namespace cryosip {

struct ImageDrawingOptions {
  std::optional<PoseLaw> poses;  ///< none: Given where the data set has poses, else Uniform
  ImagingOptions imaging;
  /// Finest detail compared, in angstrom; 0: ConformationModel::finest_detail_angstrom().
  double resolution_angstrom = 0;
  /// Of a pixel's white noise; none: measured outside the particles' circle, and whitened.
  std::optional<double> noise_sigma;
  std::optional<double> contrast;  ///< none: estimated against the reference
  std::size_t image_count = 4000;  ///< most observed images that are compared; > 3
  std::uint64_t seed = 1;
};

/// Names of random streams.  Every ensemble compared is drawn with the same numbers; a stand-in for
/// the observed images, and the conformations the contrast and the weights are estimated with, have
/// their own.
enum class DrawnSet : std::uint64_t { Compared = 0, StandIn = 1, ForContrast = 2, ForPower = 3 };

/// Observed images, and for each one a drawing: its optics, its pose (PoseLaw::Given), that turned
/// in the plane at random (InPlane) or a rotation uniform on SO(3), and white noise of the observed
/// level on every coefficient compared; both are whitened where the observed noise is coloured.
/// Where there are more observed images than image_count, as many are chosen at random.  Random
/// numbers are of streams keyed by (seed, image), so that equal ensembles get equal images.
class ImageDrawing {
 public:
  /// Reads the images; what was estimated is said through progress.note().
  /// @param model, images, options, progress  must outlive this object
  /// @param reference  what the contrast is estimated against where it is not given
  /// @throws Error(Usage) fewer than four images, poses wanted from images that have none;
  /// Error(Input) images whose noise cannot be measured
  ImageDrawing(const ConformationModel& model,
               const ImageSet& images,
               const Ensemble& reference,
               const ImageDrawingOptions& options,
               Progress& progress);

  [[nodiscard]] const ImageModel& model() const { return *model_; }
  [[nodiscard]] const ImageScale& scale() const { return scale_; }
  [[nodiscard]] PoseLaw poses() const { return poses_; }
  /// Which of the images are compared, in the order of the file.
  [[nodiscard]] const std::vector<std::size_t>& chosen() const { return chosen_; }
  [[nodiscard]] const Eigen::MatrixXf& observed() const { return observed_; }  ///< (size, chosen)
  /// (size): 1 where coefficients are compared and carry noise, else 0.
  [[nodiscard]] const Eigen::VectorXf& compared() const { return compared_; }
  /// One image for each observed one, of a conformation drawn by weight: (size, chosen).
  /// @param name  for progress: "the truth"
  /// @throws Error(Cancelled)
  [[nodiscard]] Eigen::MatrixXf draw(const Ensemble& ensemble,
                                     DrawnSet set,
                                     std::string_view name) const;
  /// The same without noise, of the first `count` of them: (size, count).
  [[nodiscard]] Eigen::MatrixXf draw_noise_free(const Ensemble& ensemble,
                                                DrawnSet set,
                                                std::size_t count) const;
  /// That of one conformation without noise, under the conditions of observed image chosen()[i]:
  /// (size).
  [[nodiscard]] Eigen::VectorXf draw_clear(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                                           std::size_t i,
                                           DrawnSet set = DrawnSet::Compared) const;
  /// The same with noise.
  [[nodiscard]] Eigen::VectorXf draw_noisy(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                                           std::size_t i,
                                           DrawnSet set = DrawnSet::Compared) const;

 private:
  // Of the first `count` images, by draw_clear or draw_noisy.
  [[nodiscard]] Eigen::MatrixXf draw_each(
      const Ensemble& ensemble,
      DrawnSet set,
      std::size_t count,
      Eigen::VectorXf (ImageDrawing::*draw_one)(const Eigen::Ref<const Eigen::VectorXd>&,
                                                std::size_t,
                                                DrawnSet) const) const;
  void choose_images();
  [[nodiscard]] Pose pose_of(std::size_t i, DrawnSet set) const;
  [[nodiscard]] ImageScale scale_of(const ConformationModel& model,
                                    const Ensemble& reference) const;

  bool has_views_;
  const ImageDrawingOptions& options_;
  Progress& progress_;
  std::unique_ptr<const ImageModel> model_;
  Eigen::VectorXf compared_;
  ImageCoefficients coefficients_;
  PoseLaw poses_;
  ImageScale scale_;
  std::vector<std::size_t> chosen_;
  Eigen::MatrixXf observed_;
};

}  // namespace cryosip

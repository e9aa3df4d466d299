// Observed images beside those that an ensemble would give: examples, means, power spectra,
// principal components.
#pragma once

#include <cstddef>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/assess/image_drawing.hpp"
#include "libcryosip/assess/principal_components.hpp"

namespace cryosip {

struct ImagePanels {
  ImageGrid grid;
  PoseLaw poses = PoseLaw::Given;
  std::size_t compared = 0;        ///< images
  double resolution_angstrom = 0;  ///< finest detail compared
  double noise_sigma = 0;
  Eigen::Index coefficients = 0;  ///< of an image that are compared
  double contrast = 0;

  /// Pixels (box * box) of the detail compared.
  struct Example {
    std::size_t image = 0;  ///< number in the file, from 0
    Eigen::VectorXd observed;
    Eigen::VectorXd simulated;  ///< with noise of the observed level
    Eigen::VectorXd clear;      ///< the same without
    double correlation = 0;     ///< of observed and clear
  };
  /// Given poses: the conformation is the one that explains the image best, by least squares.  Else
  /// it is drawn by weight, in a view of its own: then the two are no pair.
  std::vector<Example> examples;

  Eigen::VectorXd observed_mean;  ///< (box * box)
  Eigen::VectorXd simulated_mean;

  /// Mean power of a coefficient in rings of equal frequency, unitary transform.
  Eigen::VectorXd frequencies;  ///< in 1 / angstrom; empty where an image is one pixel
  Eigen::VectorXd observed_power;
  Eigen::VectorXd simulated_power;
  double noise_power = 0;

  PrincipalComponents observed_components;
  PrincipalComponents simulated_components;  ///< of their own, signs as the observed ones'
  std::vector<Eigen::VectorXd> observed_component_images;  ///< (box * box) each
  std::vector<Eigen::VectorXd> simulated_component_images;
  Eigen::MatrixXd observed_projections;  ///< (components, images), on the observed components
  Eigen::MatrixXd simulated_projections;
};

struct ImagePanelOptions {
  ImageDrawingOptions drawing;
  std::size_t examples = 6;
  Eigen::Index components = 4;
};

/// @throws Error as ImageDrawing, principal_components()
ImagePanels image_panels(const ConformationModel& model,
                         const ImageSet& images,
                         const Ensemble& ensemble,
                         const ImagePanelOptions& options,
                         Progress& progress);

}  // namespace cryosip

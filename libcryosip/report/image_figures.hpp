// A report's figures of images: observed ones beside those that the ensemble would give.
#pragma once

#include <vector>

#include "libcryosip/report/figure.hpp"
#include "libcryosip/report/image_panels.hpp"

namespace cryosip {

std::vector<Figure> example_figures(const ImagePanels& panels);
/// Means, power spectra, principal components, and images along the first two of them; of images
/// of one pixel the densities of their values.
std::vector<Figure> image_set_figures(const ImagePanels& panels, bool in_angstrom);

}  // namespace cryosip

// How an image came about: view and optics of one molecule, and how molecules are drawn.
#pragma once

#include <optional>

#include "libcryosip/forward/ctf.hpp"
#include "libcryosip/forward/pose.hpp"
#include "libcryosip/forward/scattering.hpp"

namespace cryosip {

/// One draw of the nuisances omega, pixel noise left out.
struct ImagingCondition {
  Pose pose;
  std::optional<Ctf> ctf;  ///< none: no transfer function
};

/// What a pixel's value is.
enum class PixelModel {
  Bandlimited,  ///< the projection cut to the Nyquist circle, sampled: what RELION assumes
  Average,      ///< mean of the projection over the pixel's square (cryoJAX 0.5's default)
  Point,        ///< the projection at the pixel's centre; aliases when atoms are narrow
};

struct ImagingOptions {
  ScatteringOptions scattering;
  PixelModel pixel = PixelModel::Bandlimited;
};

}  // namespace cryosip

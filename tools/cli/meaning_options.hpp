// Options of every tool that compares drawings with particle images.
#pragma once

#include <optional>

#include "libcryosip/flow/nuisance_law.hpp"
#include "tools/cli/imaging_options.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip::cli {

/// --poses, --noise-sigma, --contrast, --resolution.
po::options_description meaning_option_group();

/// --poses: nothing where the tool is to choose.
std::optional<PoseLaw> pose_law(const Invocation& invocation);
/// A number where one was given.
std::optional<double> optional_number(const Invocation& invocation, const std::string& option);

/// Sets what all options structs of such tools have in common: poses, imaging, resolution_angstrom,
/// noise_sigma, contrast.
template <typename Options>
void set_meaning(const Invocation& invocation, Options& options) {
  options.poses = pose_law(invocation);
  options.imaging = imaging_options(invocation);
  options.resolution_angstrom = invocation.options["resolution"].as<double>();
  options.noise_sigma = optional_number(invocation, "noise-sigma");
  options.contrast = optional_number(invocation, "contrast");
}

}  // namespace cryosip::cli

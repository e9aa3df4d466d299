// Options of every tool that reads particle images.
#pragma once

#include "libcryosip/dataset/inspection.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip::cli {

/// --datadir, --strip-prefix, --passthrough, --angpix.
po::options_description data_option_group();
ImageSetOptions image_set_options(const Invocation& invocation);

}  // namespace cryosip::cli

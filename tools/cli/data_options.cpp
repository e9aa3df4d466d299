#include "tools/cli/data_options.hpp"

#include <string>
#include <vector>

namespace cryosip::cli {

po::options_description data_option_group() {
  po::options_description group("Data");
  group.add_options()  //
      ("datadir",
       po::value<std::string>()->default_value("")->value_name("DIR"),
       "where stacks lie that are not where the particle file says")  //
      ("strip-prefix",
       po::value<std::string>()->default_value("")->value_name("DIR"),
       "folders that stacks' names begin with and that are not here, such as J12/extract")  //
      ("passthrough",
       po::value<std::vector<std::string>>()->composing()->value_name("FILE"),
       "cryoSPARC passthrough file, joined with a .cs file on uid; may be given again")  //
      ("angpix",
       po::value<double>()->default_value(0)->value_name("A"),
       "pixel size in angstrom instead of the files'; 0: the files'");
  return group;
}

ImageSetOptions image_set_options(const Invocation& invocation) {
  ImageSetOptions options;
  options.image_directory = invocation.text("datadir");
  options.pixel_size_angstrom = invocation.options["angpix"].as<double>();
  options.strip_prefix = invocation.text("strip-prefix");
  if (invocation.has("passthrough")) {
    options.passthroughs = invocation.options["passthrough"].as<std::vector<std::string>>();
  }
  return options;
}

}  // namespace cryosip::cli

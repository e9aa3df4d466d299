#include "tools/cli/data_options.hpp"

namespace cryosip::cli {

po::options_description data_option_group() {
  po::options_description group("Data");
  group.add_options()  //
      ("datadir",
       po::value<std::string>()->default_value("")->value_name("DIR"),
       "where stacks lie that are not where the STAR file says")  //
      ("angpix",
       po::value<double>()->default_value(0)->value_name("A"),
       "pixel size in angstrom instead of the files'; 0: the files'");
  return group;
}

ImageSetOptions image_set_options(const Invocation& invocation) {
  ImageSetOptions options;
  options.image_directory = invocation.text("datadir");
  options.pixel_size_angstrom = invocation.options["angpix"].as<double>();
  return options;
}

}  // namespace cryosip::cli

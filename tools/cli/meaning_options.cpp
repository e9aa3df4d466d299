#include "tools/cli/meaning_options.hpp"

namespace cryosip::cli {

po::options_description meaning_option_group() {
  po::options_description group("What the images mean");
  group.add_options()  //
      ("poses",
       po::value<std::string>()->default_value("auto")->value_name("WORD"),
       "given (by the STAR file), in-plane (given but for psi, which is unknown) or uniform "
       "(unknown, the molecule centred); auto: given where the file has them")  //
      ("noise-sigma",
       po::value<double>()->value_name("SIGMA"),
       "standard deviation of a pixel's noise; by default measured outside the circle")  //
      ("contrast",
       po::value<double>()->value_name("C"),
       "image = C * drawing + noise; by default estimated")  //
      ("resolution",
       po::value<double>()->default_value(0)->value_name("A"),
       "finest detail compared, in angstrom; 0: where the drawing fades, at most 6");
  return group;
}

std::optional<PoseLaw> pose_law(const Invocation& invocation) {
  return word_option<std::optional<PoseLaw>>(invocation,
                                             "poses",
                                             {{"auto", std::nullopt},
                                              {"given", PoseLaw::Given},
                                              {"in-plane", PoseLaw::InPlane},
                                              {"uniform", PoseLaw::Uniform}});
}

std::optional<double> optional_number(const Invocation& invocation, const std::string& option) {
  return invocation.has(option) ? std::optional(invocation.options[option].as<double>())
                                : std::nullopt;
}

}  // namespace cryosip::cli

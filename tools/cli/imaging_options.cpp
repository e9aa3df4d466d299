#include "tools/cli/imaging_options.hpp"

#include "formats/error.hpp"

namespace cryosip::cli {

void fail_word(const std::string& option, const std::string& found, const std::string& expected) {
  throw Error(ErrorKind::Usage, "--" + option + ": '" + found + "' found, expected " + expected);
}

po::options_description imaging_option_group() {
  const ImagingOptions defaults;
  po::options_description group("How molecules are drawn");
  group.add_options()  //
      ("atoms",
       po::value<std::string>()->default_value("auto")->value_name("WORD"),
       "residue: a Gaussian for each node; element: electron scattering factors for each atom; "
       "auto: residue where the model has C-alphas only")  //
      ("residue-sigma",
       po::value<double>()
           ->default_value(defaults.scattering.residue_sigma_angstrom)
           ->value_name("A"),
       "standard deviation of a residue's Gaussian, in angstrom")  //
      ("b-factor",
       po::value<double>()
           ->default_value(defaults.scattering.extra_b_factor_angstrom2)
           ->value_name("B"),
       "added to every atom's B-factor, in square angstrom (element)")             //
      ("no-b-factors", "leave out the B-factors of the structure file (element)")  //
      ("pixel",
       po::value<std::string>()->default_value("bandlimited")->value_name("WORD"),
       "what a pixel's value is: bandlimited (the projection cut at Nyquist, sampled), average "
       "(its mean over the pixel) or point (its value at the centre; narrow atoms alias)");
  return group;
}

ImagingOptions imaging_options(const Invocation& invocation) {
  ImagingOptions options;
  options.scattering.resolution =
      word_option<AtomResolution>(invocation,
                                  "atoms",
                                  {{"auto", AtomResolution::Auto},
                                   {"residue", AtomResolution::Residue},
                                   {"element", AtomResolution::Element}});
  options.scattering.residue_sigma_angstrom = invocation.options["residue-sigma"].as<double>();
  options.scattering.extra_b_factor_angstrom2 = invocation.options["b-factor"].as<double>();
  options.scattering.use_b_factors = !invocation.has("no-b-factors");
  options.pixel = word_option<PixelModel>(invocation,
                                          "pixel",
                                          {{"bandlimited", PixelModel::Bandlimited},
                                           {"average", PixelModel::Average},
                                           {"point", PixelModel::Point}});
  return options;
}

}  // namespace cryosip::cli

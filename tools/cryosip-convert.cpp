// cryosip-convert: particles between RELION and cryoSPARC, stacks between MRC and TIFF.
#include <string>
#include <vector>

#include "formats/image_file.hpp"
#include "formats/npy.hpp"
#include "formats/star.hpp"
#include "libcryosip/dataset/particle_file.hpp"
#include "tools/cli/data_options.hpp"
#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip {
namespace {

void say(const cli::Invocation& invocation,
         const ConversionNotes& notes,
         const std::string& source,
         const std::string& form) {
  for (const std::string& warning : notes.warnings) {
    invocation.progress.warn(warning);
  }
  if (!notes.left_out.empty()) {
    std::string names;
    for (const std::string& name : notes.left_out) {
      names += (names.empty() ? "" : ", ") + name;
    }
    invocation.progress.warn(source + ": left out, " + form + " has no place for it: " + names);
  }
}

cli::ExitStatus to_star(const cli::Invocation& invocation, const std::string& out) {
  const std::string& in = invocation.text("IN");
  const ImageSetOptions options = cli::image_set_options(invocation);
  ParticleFile file = read_particle_file(in, options.passthroughs);
  if (!file.is_cryosparc) {
    throw Error(ErrorKind::Usage, in + ": a STAR file already, expected a cryoSPARC .cs file");
  }
  set_pixel_size(file.star, options.pixel_size_angstrom);
  rename_stacks(file.star, options);
  file.star.comments = invocation.provenance;
  cli::with_output(out, [&](std::ostream& stream) { formats::write_star(stream, file.star); });
  say(invocation, file.notes, in, "a STAR file");
  return cli::ExitStatus::Success;
}

cli::ExitStatus to_cryosparc(const cli::Invocation& invocation, const std::string& out) {
  const std::string& in = invocation.text("IN");
  const ImageSetOptions options = cli::image_set_options(invocation);
  ParticleFile file = read_particle_file(in);
  if (file.is_cryosparc) {
    throw Error(ErrorKind::Usage, in + ": a .cs file already, expected a RELION STAR file");
  }
  rename_stacks(file.star, options);
  ParticleTable table = particle_table(file, options.pixel_size_angstrom);
  complete_boxes(table, options);
  std::vector<formats::NpyArray> originals;
  for (const std::string& path : options.passthroughs) {
    originals.push_back(formats::read_npy(path));
  }
  file.notes.warnings = table.warnings;
  const formats::NpyArray array = cryosparc_of_star(file.star, table, originals, file.notes);
  cli::with_output(out, [&](std::ostream& stream) { formats::write_npy(stream, array); });
  say(invocation, file.notes, in, "a cryoSPARC data set");
  return cli::ExitStatus::Success;
}

cli::ExitStatus to_stack(const cli::Invocation& invocation, const std::string& out) {
  const auto in = formats::open_image_file(invocation.text("IN"));
  const double pixel_size = invocation.options["angpix"].as<double>();
  const auto stack = formats::create_stack(
      out,
      {.width = in->width(),
       .height = in->height(),
       .pixel_size_angstrom = pixel_size > 0 ? pixel_size : in->pixel_size_angstrom()});
  const ProgressStage stage(invocation.progress, "converting images", in->sections());
  std::vector<float> pixels(in->width() * in->height());
  for (std::size_t i = 0; i < in->sections(); ++i) {
    in->read(i, pixels);
    stack->append(pixels);
    invocation.progress.advance(i + 1);
    if (invocation.progress.cancelled()) {
      return cli::ExitStatus::Interrupted;
    }
  }
  stack->commit();
  return cli::ExitStatus::Success;
}

cli::ExitStatus run(const cli::Invocation& invocation) {
  const std::string& out = invocation.text("OUT");
  if (out == "-" || out.ends_with(".star")) {
    return to_star(invocation, out);
  }
  if (out.ends_with(".cs")) {
    return to_cryosparc(invocation, out);
  }
  if (formats::is_stack_name(out)) {
    return to_stack(invocation, out);
  }
  throw Error(ErrorKind::Usage,
              out + ": expected a name that ends with .star, .cs, .mrcs, .mrc, .tif or .tiff");
}

cli::Tool tool() {
  cli::Tool tool;
  tool.name = "cryosip-convert";
  tool.summary = "convert particles between RELION and cryoSPARC, stacks between MRC and TIFF";
  tool.description =
      "Reads IN, whose content says what it is, and writes OUT, whose ending says as what:\n"
      "\n"
      "a .cs file of cryoSPARC as a RELION STAR file (3.1 form; - writes it to standard output); "
      "a RELION STAR file as a .cs file; a stack of images as .mrcs, .mrc, .tif or .tiff, in "
      "32-bit "
      "floats.\n"
      "\n"
      "Poses, shifts, CTFs, optics groups, half sets, classes, micrographs and cryoSPARC's uid are "
      "kept. What the other form has no place for is named on standard error. On the way back, "
      "--passthrough with the .cs file that cryoSPARC wrote gives each particle all its other "
      "fields "
      "again.\n"
      "\n"
      "Stacks are named as IN names them, less --strip-prefix; with --datadir each is looked for "
      "and "
      "named by the path where it is.";
  tool.positionals = {{"IN", "particle file (.cs, STAR) or stack (MRC, TIFF)"},
                      {"OUT", "file to write; its ending says what"}};
  tool.groups.push_back(cli::data_option_group());
  tool.examples = {
      {"What cryoSPARC exported, for RELION and for cryosip",
       "cryosip-convert J42_particles.cs particles.star --passthrough "
       "J42_passthrough_particles.cs"},
      {"A selection of it, back to cryoSPARC",
       "cryosip-convert selected.star selected.cs --passthrough J42_particles.cs"},
      {"A stack for a program that reads TIFF", "cryosip-convert particles.mrcs particles.tiff"}};
  tool.see_also = {"cryosip-check(1)", "cryosip-flow-step(1)"};
  tool.run = run;
  return tool;
}

}  // namespace
}  // namespace cryosip

int main(int argc, char** argv) {
  return cryosip::cli::run_tool(cryosip::tool(), argc, argv);
}

#include "libcryosip/dataset/data_check.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include "formats/star.hpp"
#include "libcryosip/dataset/background.hpp"

namespace cryosip {

DataCheck check_data_set(const std::string& star_path,
                         const ImageSetOptions& options,
                         Progress& progress) {
  DataCheck check;
  check.table = read_particles(formats::read_star(star_path), options.pixel_size_angstrom);
  check.inspection = inspect(check.table, options);
  const ProgressStage stage(progress, "reading images", check.table.records.size());
  double variance_sum = 0;
  std::size_t measured = 0;
  std::vector<float> pixels;
  for (std::size_t i = 0; i < check.table.records.size() && !check.cancelled; ++i) {
    const StackFile& stack = check.inspection.stacks[check.inspection.stack_of_record[i]];
    const std::size_t section = check.table.records[i].image.index;
    progress.advance(i + 1);
    check.cancelled = progress.cancelled();
    if (stack.file == nullptr || section >= stack.file->sections() ||
        stack.file->width() != stack.file->height()) {
      continue;
    }
    pixels.resize(stack.file->width() * stack.file->height());
    stack.file->read(section, pixels);
    const std::string place = check.table.where[i] + ": image " + std::to_string(section + 1) +
                              " of '" + stack.name + "'";
    auto& faults = check.inspection.faults;
    if (!std::all_of(pixels.begin(), pixels.end(), [](float p) { return std::isfinite(p); })) {
      add_fault(faults,
                DataFault::Kind::PixelsNotFinite,
                place + " has a pixel that is not a finite number");
      continue;
    }
    if (pixels.size() == 1) {
      continue;  // the one-dimensional system: nothing to vary, no background
    }
    if (std::all_of(pixels.begin(), pixels.end(), [&](float p) { return p == pixels.front(); })) {
      add_fault(faults, DataFault::Kind::PixelsConstant, place + " has the same value everywhere");
      continue;
    }
    const Background background = background_of(pixels, static_cast<int>(stack.file->width()));
    variance_sum += background.sigma * background.sigma;
    ++measured;
    if (std::abs(background.mean) > 0.5 * background.sigma || background.sigma < 0.5 ||
        background.sigma > 2) {
      add_fault(faults,
                DataFault::Kind::NotNormalised,
                place + ": background of mean " + formats::format_number(background.mean) +
                    " and standard deviation " + formats::format_number(background.sigma) +
                    ", RELION expects 0 and 1");
    }
  }
  check.mean_background_sigma =
      measured == 0 ? 0 : std::sqrt(variance_sum / static_cast<double>(measured));
  return check;
}

}  // namespace cryosip

#include "libcryosip/dataset/data_check.hpp"

#include <algorithm>
#include <cmath>
#include <string>
#include <vector>

#include "formats/star.hpp"
#include "libcryosip/dataset/background.hpp"
#include "libcryosip/dataset/particle_file.hpp"

namespace cryosip {
namespace {

// What is out of range first in a CTF, or nothing.
std::string out_of_range(const CtfParameters& ctf) {
  struct Range {
    const char* what;
    double value;
    double lowest;
    double highest;
    const char* unit;
  };
  const double defocus = (ctf.defocus_u_angstrom + ctf.defocus_v_angstrom) / 2;
  const double astigmatism = std::abs(ctf.defocus_u_angstrom - ctf.defocus_v_angstrom);
  for (const Range& range :
       {Range{"defocus", defocus, 500, 90000, "angstrom underfocus"},
        Range{"astigmatism", astigmatism, 0, std::max(0.5 * defocus, 1000.0), "angstrom"},
        Range{"voltage", ctf.voltage_kv, 50, 1500, "kV"},
        Range{"spherical aberration", ctf.spherical_aberration_mm, 0, 10, "mm"},
        Range{"amplitude contrast", ctf.amplitude_contrast, 0, 0.5, ""},
        Range{"phase shift", ctf.phase_shift_degree, -360, 360, "degrees"},
        Range{"B-factor", ctf.b_factor_angstrom2, -1000, 1000, "square angstrom"},
        Range{"CTF scale", ctf.scale, 1e-3, 1000, ""}}) {
    if (!(range.value >= range.lowest && range.value <= range.highest)) {
      return std::string(range.what) + " " + formats::format_number(range.value) + ", expected " +
             formats::format_number(range.lowest) + " to " + formats::format_number(range.highest) +
             (*range.unit == '\0' ? "" : " ") + range.unit;
    }
  }
  return {};
}

void check_ctfs(const ParticleTable& table, std::vector<DataFault>& faults) {
  for (std::size_t i = 0; table.has_ctf && i < table.records.size(); ++i) {
    if (const std::string fault = out_of_range(table.records[i].ctf); !fault.empty()) {
      add_fault(faults, DataFault::Kind::CtfOutOfRange, table.where[i] + ": " + fault);
    }
  }
}

// The 3.1 form has them in its optics table, the 3.0 form in its only one.
void check_labels(const formats::StarFile& star, std::vector<DataFault>& faults) {
  const formats::StarTable* const optics = star.find("optics");
  const formats::StarTable& table = optics == nullptr ? particle_block(star) : *optics;
  std::vector<std::string> needed = {"rlnVoltage", "rlnSphericalAberration"};
  for (const char* const label : {"rlnImagePixelSize", "rlnImageSize"}) {
    if (optics != nullptr) {
      needed.emplace_back(label);
    }
  }
  for (const char* const label : {"rlnMagnification", "rlnDetectorPixelSize"}) {
    if (optics == nullptr) {
      needed.emplace_back(label);
    }
  }
  for (const std::string& label : needed) {
    if (!table.has(label)) {
      add_fault(faults,
                DataFault::Kind::LabelMissing,
                star.source + ": block 'data_" + table.name() + "' has no column '" + label +
                    "', which RELION needs");
    }
  }
}

// Mean of the pixels within half the radius of the box.
double centre_mean(const std::vector<float>& pixels, int box) {
  double sum = 0;
  double count = 0;
  for (int y = 0; y < box; ++y) {
    for (int x = 0; x < box; ++x) {
      const double dx = x - box / 2.0;
      const double dy = y - box / 2.0;
      if (16 * (dx * dx + dy * dy) <= static_cast<double>(box) * box) {
        sum +=
            static_cast<double>(pixels[static_cast<std::size_t>(y) * static_cast<std::size_t>(box) +
                                       static_cast<std::size_t>(x)]);
        ++count;
      }
    }
  }
  return count == 0 ? 0 : sum / count;
}

// Sums of what each image tells of the contrast.
class ContrastSums {
 public:
  void add(double difference) {
    ++count_;
    sum_ += difference;
    sum_of_squares_ += difference * difference;
  }
  [[nodiscard]] Contrast contrast() const {
    constexpr double kFewest = 8;
    constexpr double kStandardErrors = 5;
    const double mean = sum_ / std::max(count_, 1.0);
    const double variance = std::max(0.0, sum_of_squares_ / std::max(count_, 1.0) - mean * mean);
    if (count_ < kFewest ||
        std::abs(mean) <= kStandardErrors * std::sqrt(variance / (count_ - 1))) {
      return Contrast::Unclear;
    }
    return mean > 0 ? Contrast::Bright : Contrast::Dark;
  }

 private:
  double count_ = 0;
  double sum_ = 0;
  double sum_of_squares_ = 0;
};

}  // namespace

DataCheck check_data_set(const std::string& path,
                         const ImageSetOptions& options,
                         Progress& progress) {
  DataCheck check;
  const ParticleFile file = read_particle_file(path, options.passthroughs);
  check.table = particle_table(file, options.pixel_size_angstrom);
  check.inspection = inspect(check.table, options);
  check_ctfs(check.table, check.inspection.faults);
  if (!file.is_cryosparc) {
    check_labels(file.star, check.inspection.faults);
  }
  const ProgressStage stage(progress, "reading images", check.table.records.size());
  ContrastSums contrast;
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
    const int box = static_cast<int>(stack.file->width());
    const Background background = background_of(pixels, box);
    if (background.sigma > 0) {
      contrast.add((centre_mean(pixels, box) - background.mean) / background.sigma);
    }
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
  check.contrast = contrast.contrast();
  if (check.contrast == Contrast::Dark) {
    add_fault(check.inspection.faults,
              DataFault::Kind::DarkMolecules,
              check.table.source +
                  ": molecules are darker than the background, RELION expects brighter ones "
                  "(relion_preprocess --invert_contrast)");
  }
  check.mean_background_sigma =
      measured == 0 ? 0 : std::sqrt(variance_sum / static_cast<double>(measured));
  return check;
}

}  // namespace cryosip

#include "libcryosip/dataset/inspection.hpp"

#include <algorithm>
#include <cmath>
#include <unordered_map>
#include <unordered_set>

#include <boost/filesystem.hpp>

#include "formats/error.hpp"
#include "formats/star.hpp"

namespace cryosip {
namespace {

namespace fs = boost::filesystem;

// The name itself and the name with .mrc and .mrcs exchanged.
std::vector<fs::path> spellings(const fs::path& path) {
  std::vector<fs::path> result = {path};
  if (path.extension() == ".mrc" || path.extension() == ".mrcs") {
    fs::path other = path;
    other.replace_extension(path.extension() == ".mrc" ? ".mrcs" : ".mrc");
    result.push_back(other);
  }
  return result;
}

// Path of a stack, or an empty one.
std::string resolve(const std::string& name,
                    const ImageSetOptions& options,
                    const std::string& star_path) {
  std::vector<fs::path> places = {name};
  if (!options.image_directory.empty()) {
    places.push_back(fs::path(options.image_directory) / name);
    places.push_back(fs::path(options.image_directory) / fs::path(name).filename());
  }
  places.push_back(fs::path(star_path).parent_path() / name);
  places.push_back(fs::path(star_path).parent_path() / fs::path(name).filename());
  for (const fs::path& place : places) {
    for (const fs::path& candidate : spellings(place)) {
      boost::system::error_code ignored;
      if (fs::is_regular_file(candidate, ignored)) {
        return candidate.string();
      }
    }
  }
  return {};
}

StackFile open_stack(const std::string& name,
                     const std::string& where,
                     const std::string& star_path,
                     const ImageSetOptions& options,
                     std::vector<DataFault>& faults) {
  StackFile stack{name, resolve(name, options, star_path), nullptr};
  if (stack.resolved.empty()) {
    add_fault(faults,
              DataFault::Kind::StackMissing,
              where + ": stack '" + name +
                  "' not found, expected it relative to the working directory" +
                  (options.image_directory.empty() ? "" : ", to " + options.image_directory) +
                  " or to the STAR file's folder");
    return stack;
  }
  try {
    stack.file = formats::open_image_file(stack.resolved);
  } catch (const Error& error) {
    add_fault(faults, DataFault::Kind::StackUnreadable, where + ": " + error.what());
  }
  return stack;
}

std::string size_text(std::size_t width, std::size_t height) {
  return std::to_string(width) + " x " + std::to_string(height);
}

// The pixel size of the whole set, or 0 with a fault.
double common_pixel_size(const ParticleTable& table,
                         const ImageSetOptions& options,
                         const std::vector<StackFile>& stacks,
                         std::vector<DataFault>& faults) {
  if (options.pixel_size_angstrom > 0) {
    return options.pixel_size_angstrom;
  }
  double size = 0;
  for (std::size_t i = 0; i < table.records.size(); ++i) {
    const double here = table.optics_groups[table.records[i].optics_group].pixel_size_angstrom;
    if (size == 0) {
      size = here;
    }
    if (here > 0 && std::abs(here - size) > 1e-4 * size) {
      add_fault(faults,
                DataFault::Kind::PixelSizeDiffers,
                table.where[i] + ": pixel size " + formats::format_number(here) +
                    " angstrom, expected " + formats::format_number(size) +
                    " as before (mixed pixel sizes are not supported)");
    }
  }
  for (const StackFile& stack : stacks) {
    if (size == 0 && stack.file != nullptr) {
      size = stack.file->pixel_size_angstrom();
      if (size > 0) {
        add_fault(faults,
                  DataFault::Kind::PixelSizeAssumed,
                  table.source + ": no pixel size in the STAR file, " +
                      formats::format_number(size) + " angstrom is taken from the header of " +
                      stack.resolved + " (or give --angpix)");
      }
    }
  }
  if (size == 0) {
    add_fault(faults,
              DataFault::Kind::PixelSizeUnknown,
              table.source +
                  ": no pixel size in the STAR file or in the stacks' headers, expected "
                  "rlnImagePixelSize (or give --angpix)");
  }
  return size;
}

}  // namespace

bool DataFault::fatal() const {
  return kind != Kind::DuplicateImage && kind != Kind::PixelSizeAssumed &&
         kind != Kind::PixelsConstant && kind != Kind::NotNormalised;
}

void add_fault(std::vector<DataFault>& faults, DataFault::Kind kind, const std::string& message) {
  const auto known = std::find_if(
      faults.begin(), faults.end(), [&](const DataFault& fault) { return fault.kind == kind; });
  if (known == faults.end()) {
    faults.push_back({kind, message, 1});
  } else {
    ++known->count;
  }
}

DataInspection inspect(const ParticleTable& table, const ImageSetOptions& options) {
  DataInspection result;
  std::unordered_map<std::string, std::size_t> stack_by_name;
  std::unordered_set<std::string> seen;
  for (std::size_t i = 0; i < table.records.size(); ++i) {
    const ParticleRecord& record = table.records[i];
    const std::string& where = table.where[i];
    const auto [entry, is_new] = stack_by_name.try_emplace(record.image.path, result.stacks.size());
    if (is_new) {
      result.stacks.push_back(
          open_stack(record.image.path, where, table.source, options, result.faults));
    }
    result.stack_of_record.push_back(entry->second);
    const auto& file = result.stacks[entry->second].file;
    const std::string name = std::to_string(record.image.index + 1) + "@" + record.image.path;
    if (!seen.insert(name).second) {
      add_fault(result.faults,
                DataFault::Kind::DuplicateImage,
                where + ": image '" + name + "' stands in the table more than once");
    }
    if (file == nullptr) {
      continue;
    }
    if (record.image.index >= file->sections()) {
      add_fault(result.faults,
                DataFault::Kind::ImageOutOfRange,
                where + ": image " + std::to_string(record.image.index + 1) + " of '" +
                    record.image.path + "', expected at most " + std::to_string(file->sections()));
    }
    const std::size_t box = file->width();
    if (is_new && (box != file->height() || !is_usable_box(static_cast<std::int64_t>(box)))) {
      add_fault(result.faults,
                DataFault::Kind::BoxUnusable,
                where + ": images of " + size_text(box, file->height()) +
                    " pixels, expected an even square box");
    }
    if (result.grid.box == 0) {
      result.grid.box = static_cast<int>(box);
    }
    if (static_cast<int>(box) != result.grid.box) {
      add_fault(result.faults,
                DataFault::Kind::BoxDiffers,
                where + ": box of " + std::to_string(box) + " pixels, expected " +
                    std::to_string(result.grid.box) + " as before");
    }
    const int declared = table.optics_groups[record.optics_group].box;
    if (declared > 0 && static_cast<int>(box) != declared) {
      add_fault(result.faults,
                DataFault::Kind::BoxDiffers,
                where + ": box of " + std::to_string(box) + " pixels, expected " +
                    std::to_string(declared) + " as rlnImageSize says");
    }
  }
  result.grid.pixel_size_angstrom = common_pixel_size(table, options, result.stacks, result.faults);
  return result;
}

}  // namespace cryosip

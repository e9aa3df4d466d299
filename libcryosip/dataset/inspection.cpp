#include "libcryosip/dataset/inspection.hpp"

#include <algorithm>
#include <cmath>
#include <set>
#include <unordered_map>
#include <utility>

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

StackFile open_stack(const std::string& name,
                     const std::string& resolved,
                     const std::string& where,
                     const ImageSetOptions& options,
                     std::vector<DataFault>& faults) {
  StackFile stack{name, resolved, nullptr};
  if (stack.resolved.empty()) {
    add_fault(faults,
              DataFault::Kind::StackMissing,
              where + ": stack '" + name + "' not found, " + places_of_stacks(options));
    return stack;
  }
  try {
    stack.file = formats::open_image_file(stack.resolved);
  } catch (const Error& error) {
    add_fault(faults, DataFault::Kind::StackUnreadable, where + ": " + error.what());
  }
  return stack;
}

// What is the same for all names of one file.
std::string identity(const std::string& name, const std::string& resolved) {
  boost::system::error_code ignored;
  const fs::path path = fs::canonical(resolved, ignored);
  return resolved.empty() || ignored ? "?" + fs::absolute(name).lexically_normal().string()
                                     : path.string();
}

// Stacks by whatever name they are called.
class StackList {
 public:
  StackList(const ParticleTable& table, const ImageSetOptions& options, DataInspection& result)
      : table_(table), options_(options), result_(result) {}

  /// Index of the stack of a record, and whether it was not seen before.
  std::pair<std::size_t, bool> find(std::size_t record) {
    const std::string& name = table_.records[record].image.path;
    const auto [named, is_new_name] = by_name_.try_emplace(name, result_.stacks.size());
    if (!is_new_name) {
      return {named->second, false};
    }
    const std::string resolved = find_stack(name, options_, table_.source);
    const auto [known, is_new] = by_identity_.try_emplace(identity(name, resolved), named->second);
    named->second = known->second;
    if (is_new) {
      result_.stacks.push_back(
          open_stack(name, resolved, table_.where[record], options_, result_.faults));
    }
    return {known->second, is_new};
  }

 private:
  const ParticleTable& table_;
  const ImageSetOptions& options_;
  DataInspection& result_;
  std::unordered_map<std::string, std::size_t> by_name_;
  std::unordered_map<std::string, std::size_t> by_identity_;
};

// RELION's programs write 0, others 1, where they do not know.
void compare_pixel_sizes(const OpticsGroup& group,
                         const StackFile& stack,
                         const std::string& where,
                         std::vector<DataFault>& faults) {
  const double header = stack.file->pixel_size_angstrom();
  const double table = group.pixel_size_angstrom;
  if (header > 0 && table > 0 && std::abs(header - 1) > 1e-4 &&
      std::abs(header - table) > 0.01 * table) {
    add_fault(faults,
              DataFault::Kind::HeaderPixelSizeDiffers,
              where + ": pixel size " + formats::format_number(table) +
                  " angstrom, the header of " + stack.resolved + " has " +
                  formats::format_number(header));
  }
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

std::string without_prefix(const std::string& name, const std::string& prefix) {
  if (prefix.empty() || !name.starts_with(prefix) ||
      (prefix.back() != '/' && name.size() > prefix.size() && name[prefix.size()] != '/')) {
    return name;
  }
  const std::size_t rest = name.find_first_not_of('/', prefix.size());
  return rest == std::string::npos ? name : name.substr(rest);
}

std::string find_stack(const std::string& name,
                       const ImageSetOptions& options,
                       const std::string& particle_file) {
  const fs::path path = without_prefix(name, options.strip_prefix);
  std::vector<fs::path> places = {path};
  if (!options.image_directory.empty()) {
    places.push_back(options.image_directory / path);
    places.push_back(options.image_directory / path.filename());
  }
  places.push_back(fs::path(particle_file).parent_path() / path);
  places.push_back(fs::path(particle_file).parent_path() / path.filename());
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

std::string places_of_stacks(const ImageSetOptions& options) {
  return "expected it relative to the working directory" +
         (options.image_directory.empty() ? "" : ", to " + options.image_directory) +
         " or to the particle file's folder (--datadir names another place, --strip-prefix takes "
         "leading folders off)";
}

bool DataFault::fatal() const {
  switch (kind) {
    case Kind::PixelSizeAssumed:
    case Kind::HeaderPixelSizeDiffers:
    case Kind::DuplicateImage:
    case Kind::CtfOutOfRange:
    case Kind::LabelMissing:
    case Kind::PixelsConstant:
    case Kind::NotNormalised:
    case Kind::DarkMolecules:
      return false;
    default:
      return true;
  }
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
  StackList stacks(table, options, result);
  std::set<std::pair<std::size_t, std::size_t>> seen;
  for (std::size_t i = 0; i < table.records.size(); ++i) {
    const ParticleRecord& record = table.records[i];
    const std::string& where = table.where[i];
    const auto [stack, is_new] = stacks.find(i);
    result.stack_of_record.push_back(stack);
    const auto& file = result.stacks[stack].file;
    if (!seen.emplace(stack, record.image.index).second) {
      add_fault(result.faults,
                DataFault::Kind::DuplicateImage,
                where + ": image '" + std::to_string(record.image.index + 1) + "@" +
                    record.image.path + "' stands in the table more than once");
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
    if (is_new) {
      compare_pixel_sizes(
          table.optics_groups[record.optics_group], result.stacks[stack], where, result.faults);
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

#include "formats/image_file.hpp"

#include <array>
#include <fstream>
#include <string_view>

#include "formats/error.hpp"
#include "formats/mrc.hpp"
#include "formats/tiff.hpp"

namespace cryosip::formats {

std::unique_ptr<ImageFile> open_image_file(const std::string& path) {
  // TIFF and BigTIFF in both byte orders.  What is none of these is for MrcFile to take or refuse;
  // so is a file that is not there.
  constexpr std::array<std::string_view, 4> kTiffMagics{std::string_view("II*\0", 4),
                                                        std::string_view("MM\0*", 4),
                                                        std::string_view("II+\0", 4),
                                                        std::string_view("MM\0+", 4)};
  std::array<char, 4> start{};
  std::ifstream(path, std::ios::binary).read(start.data(), start.size());
  for (const std::string_view magic : kTiffMagics) {
    if (std::string_view(start.data(), start.size()) == magic) {
      return std::make_unique<TiffFile>(path);
    }
  }
  return std::make_unique<MrcFile>(path);
}

bool is_stack_name(std::string_view path) {
  return path.ends_with(".mrcs") || path.ends_with(".mrc") || path.ends_with(".tif") ||
         path.ends_with(".tiff");
}

std::unique_ptr<StackWriter> create_stack(const std::string& path, const StackShape& shape) {
  if (!is_stack_name(path)) {
    throw Error(ErrorKind::Usage,
                path + ": expected a stack's name to end with .mrcs, .mrc, .tif or .tiff");
  }
  if (path.ends_with(".tif") || path.ends_with(".tiff")) {
    return std::make_unique<TiffStackWriter>(path, shape);
  }
  return std::make_unique<MrcStackWriter>(
      path, shape.width, shape.height, shape.pixel_size_angstrom);
}

}  // namespace cryosip::formats

// Image stacks and volumes of any format cryosip reads, opened by content and read one section at a
// time.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace cryosip::formats {

/// Sections of equal size; a stack's images or a volume's slices.
/// Axis order as RELION: section, then y, then x, with x fastest; no flips.
class ImageFile {
 public:
  ImageFile() = default;
  ImageFile(const ImageFile&) = delete;
  ImageFile& operator=(const ImageFile&) = delete;
  virtual ~ImageFile() = default;

  [[nodiscard]] virtual std::size_t width() const = 0;     ///< pixels along x
  [[nodiscard]] virtual std::size_t height() const = 0;    ///< pixels along y
  [[nodiscard]] virtual std::size_t sections() const = 0;  ///< images, or slices along z
  /// Pixel size in angstrom as the file's own header has it; 0 where it does not say (RELION's
  /// relion_stack_create writes none).
  [[nodiscard]] virtual double pixel_size_angstrom() const = 0;
  /// Copies one section, converted to float.  Thread-safe.
  /// @param index  0-based
  /// @param out    width() * height() values
  /// @throws Error(Input) index beyond the last section; Error(Usage) wrong size of out
  virtual void read(std::size_t index, std::span<float> out) const = 0;
};

/// Opens MRC/MRCS/CCP4 (mmap) or TIFF by content, whatever the name's ending.
/// @throws Error(Input) naming the file: missing, no known format, truncated, unsupported mode
std::unique_ptr<ImageFile> open_image_file(const std::string& path);

}  // namespace cryosip::formats

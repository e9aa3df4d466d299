// Image stacks and volumes of any format cryosip knows: opened by content and read one section at a
// time; stacks written image by image.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>

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

/// A stack being written, image by image; the file appears with commit().
class StackWriter {
 public:
  StackWriter() = default;
  StackWriter(const StackWriter&) = delete;
  StackWriter& operator=(const StackWriter&) = delete;
  virtual ~StackWriter() = default;

  /// @param image  height rows of width values
  /// @throws Error(Usage) wrong size; Error(Numerical) a value that is not finite; Error(Output)
  virtual void append(std::span<const float> image) = 0;
  /// @throws Error(Usage) without any image; Error(Output)
  virtual void commit() = 0;
};

/// How a stack's images are laid out.
struct StackShape {
  std::size_t width = 0;
  std::size_t height = 0;
  double pixel_size_angstrom = 0;  ///< 0: unknown
};

/// Whether a name ends as those of create_stack() do.
bool is_stack_name(std::string_view path);
/// Starts a stack in the format that its name's ending says: .mrcs and .mrc, .tif and .tiff.
/// @throws Error(Usage) another ending; Error(Output) when it cannot be created
std::unique_ptr<StackWriter> create_stack(const std::string& path, const StackShape& shape);

/// Opens MRC/MRCS/CCP4 (mmap) or TIFF by content, whatever the name's ending.
/// @throws Error(Input) naming the file: missing, no known format, truncated, unsupported mode
std::unique_ptr<ImageFile> open_image_file(const std::string& path);

}  // namespace cryosip::formats

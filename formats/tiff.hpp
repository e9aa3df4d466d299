// TIFF stacks, through libtiff: one image a page.
//
// Read: 8, 16 and 32-bit signed and unsigned integers and 32-bit floats, one sample a pixel, in
// strips, with any compression libtiff knows.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "formats/image_file.hpp"
#include "formats/output_file.hpp"

namespace cryosip::formats {

class TiffFile final : public ImageFile {
 public:
  /// @throws Error(Input) missing, damaged, pages of unequal size, or pixels not of the kinds above
  explicit TiffFile(const std::string& path);
  ~TiffFile() override;

  [[nodiscard]] std::size_t width() const override;
  [[nodiscard]] std::size_t height() const override;
  [[nodiscard]] std::size_t sections() const override;
  /// From a resolution per centimetre, as IMOD and SerialEM write it; else 0.
  [[nodiscard]] double pixel_size_angstrom() const override;
  /// The page's last row comes first, as in RELION and IMOD: TIFF counts rows from the top, MRC
  /// from the bottom.
  void read(std::size_t index, std::span<float> out) const override;

 private:
  class Handle;
  std::string path_;
  std::unique_ptr<Handle> handle_;
};

/// Appends pages of 32-bit floats, not compressed, the last row first as TiffFile reads them, with
/// the pixel size as a resolution per centimetre; a BigTIFF, for stacks beyond 4 GB.
class TiffStackWriter final : public StackWriter {
 public:
  /// @throws Error(Usage) images of no size; Error(Output) when the file cannot be created
  TiffStackWriter(const std::string& path, const StackShape& shape);
  ~TiffStackWriter() override;

  void append(std::span<const float> image) override;
  void commit() override;

 private:
  class Handle;
  OutputFile file_;
  StackShape shape_;
  std::size_t count_ = 0;
  std::unique_ptr<Handle> handle_;
};

}  // namespace cryosip::formats

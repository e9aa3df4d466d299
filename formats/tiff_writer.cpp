// TIFF stacks written.
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

#include "formats/error.hpp"
#include "formats/tiff.hpp"
#include "formats/tiff_handle.hpp"

namespace cryosip::formats {

namespace {

constexpr std::size_t kLargestSide = 1U << 16U;  // what TiffFile takes
constexpr double kAngstromInCentimetre = 1e8;

}  // namespace

/// libtiff's file and its complaints.
class TiffStackWriter::Handle {
 public:
  explicit Handle(const OutputFile& file) : path_(file.path()), tiff_(file.part_path(), "w8") {
    check(tiff_.get() != nullptr);
  }

  void append(std::span<const float> image, const StackShape& shape) {
    set(TIFFTAG_IMAGEWIDTH, static_cast<std::uint32_t>(shape.width));
    set(TIFFTAG_IMAGELENGTH, static_cast<std::uint32_t>(shape.height));
    set(TIFFTAG_ROWSPERSTRIP, static_cast<std::uint32_t>(shape.height));
    set(TIFFTAG_BITSPERSAMPLE, 32);
    set(TIFFTAG_SAMPLESPERPIXEL, 1);
    set(TIFFTAG_SAMPLEFORMAT, SAMPLEFORMAT_IEEEFP);
    set(TIFFTAG_PHOTOMETRIC, PHOTOMETRIC_MINISBLACK);
    set(TIFFTAG_PLANARCONFIG, PLANARCONFIG_CONTIG);
    set(TIFFTAG_COMPRESSION, COMPRESSION_NONE);
    if (shape.pixel_size_angstrom > 0) {
      const double resolution = kAngstromInCentimetre / shape.pixel_size_angstrom;
      set(TIFFTAG_RESOLUTIONUNIT, RESUNIT_CENTIMETER);
      set(TIFFTAG_XRESOLUTION, resolution);
      set(TIFFTAG_YRESOLUTION, resolution);
    }
    row_.resize(shape.width);
    for (std::size_t y = 0; y < shape.height; ++y) {
      const auto from = image.subspan((shape.height - 1 - y) * shape.width, shape.width);
      std::copy(from.begin(), from.end(), row_.begin());  // libtiff may swap it
      check(TIFFWriteScanline(tiff_.get(), row_.data(), static_cast<std::uint32_t>(y), 0) == 1);
    }
    check(TIFFWriteDirectory(tiff_.get()) == 1);
  }

  void close() {
    check(TIFFFlush(tiff_.get()) == 1);
    tiff_.close();
    check(tiff_.message().empty());
  }

 private:
  void check(bool is_well) const {
    if (!is_well) {
      throw Error(ErrorKind::Output, path_ + ": cannot be written: " + tiff_.reason());
    }
  }
  template <typename T>
  void set(std::uint32_t tag, T value) {
    check(TIFFSetField(tiff_.get(), tag, value) == 1);  // NOLINT(*-vararg)
  }

  std::string path_;
  TiffHandle tiff_;
  std::vector<float> row_;
};

TiffStackWriter::TiffStackWriter(const std::string& path, const StackShape& shape)
    : file_(path), shape_(shape), handle_(std::make_unique<Handle>(file_)) {
  if (std::min(shape.width, shape.height) == 0 ||
      std::max(shape.width, shape.height) > kLargestSide) {
    throw Error(ErrorKind::Usage,
                path + ": images of " + std::to_string(shape.width) + " x " +
                    std::to_string(shape.height) + " pixels cannot be written");
  }
}

TiffStackWriter::~TiffStackWriter() = default;

void TiffStackWriter::append(std::span<const float> image) {
  const std::string what = file_.path() + ": image " + std::to_string(count_ + 1);
  if (image.size() != shape_.width * shape_.height) {
    throw Error(ErrorKind::Usage,
                what + " of " + std::to_string(image.size()) + " values, expected " +
                    std::to_string(shape_.width * shape_.height));
  }
  if (!std::all_of(image.begin(), image.end(), [](float value) { return std::isfinite(value); })) {
    throw Error(ErrorKind::Numerical, what + " to be written holds a value that is not finite");
  }
  handle_->append(image, shape_);
  ++count_;
}

void TiffStackWriter::commit() {
  if (count_ == 0) {
    throw Error(ErrorKind::Usage, file_.path() + ": a stack without images cannot be written");
  }
  handle_->close();
  file_.commit();
}

}  // namespace cryosip::formats

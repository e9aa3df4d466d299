#include "formats/tiff.hpp"

#include <array>
#include <cstdint>
#include <cstring>
#include <mutex>
#include <vector>

#include <tiffio.h>

#include "formats/error.hpp"
#include "formats/tiff_handle.hpp"

namespace cryosip::formats {

namespace {

/// What kind of number a pixel is.
struct PixelKind {
  std::uint16_t bits = 1;
  std::uint16_t format = SAMPLEFORMAT_UINT;

  [[nodiscard]] bool is(int of_bits, int of_format) const noexcept {
    return bits == of_bits && format == of_format;
  }
};

template <typename T>
void convert(const std::vector<std::byte>& row, float* out, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) {
    T value{};
    std::memcpy(&value, row.data() + i * sizeof(T), sizeof(T));
    out[i] = static_cast<float>(value);
  }
}

using Converter = void (*)(const std::vector<std::byte>&, float*, std::size_t);

/// Null where the kind is not read.
Converter converter_of(const PixelKind& kind) noexcept {
  struct Choice {
    int bits;
    int format;
    Converter converter;
  };
  constexpr std::array<Choice, 7> kChoices{{{8, SAMPLEFORMAT_UINT, convert<std::uint8_t>},
                                            {8, SAMPLEFORMAT_INT, convert<std::int8_t>},
                                            {16, SAMPLEFORMAT_UINT, convert<std::uint16_t>},
                                            {16, SAMPLEFORMAT_INT, convert<std::int16_t>},
                                            {32, SAMPLEFORMAT_UINT, convert<std::uint32_t>},
                                            {32, SAMPLEFORMAT_INT, convert<std::int32_t>},
                                            {32, SAMPLEFORMAT_IEEEFP, convert<float>}}};
  for (const Choice& choice : kChoices) {
    if (kind.is(choice.bits, choice.format)) {
      return choice.converter;
    }
  }
  return nullptr;
}

constexpr std::uint32_t kLargestSide = 1U << 16U;

}  // namespace

/// libtiff's handle is not thread-safe; the mutex makes reading so.
class TiffFile::Handle {
 public:
  explicit Handle(const std::string& path) : path_(path), tiff_(path, "rm") {
    if (tiff_.get() == nullptr) {
      fail();
    }
    do {
      add_page();
    } while (TIFFReadDirectory(tiff_.get()) == 1);
    if (!tiff_.message().empty()) {  // a page that cannot be read, and not the end
      fail();
    }
    check_strips_are_there();
  }

  [[nodiscard]] std::size_t width() const noexcept { return width_; }
  [[nodiscard]] std::size_t height() const noexcept { return height_; }
  [[nodiscard]] std::size_t pages() const noexcept { return page_offsets_.size(); }
  [[nodiscard]] double pixel_size_angstrom() const noexcept { return pixel_size_angstrom_; }

  void read(std::size_t index, std::span<float> out) {
    const std::lock_guard lock(mutex_);
    tiff_.clear_message();
    if (TIFFSetSubDirectory(tiff_.get(), page_offsets_[index]) != 1) {
      fail();
    }
    const Converter converter = converter_of(pixel_kind());
    std::vector<std::byte> row(TIFFScanlineSize64(tiff_.get()));
    for (std::size_t y = 0; y < height_; ++y) {
      if (TIFFReadScanline(tiff_.get(), row.data(), static_cast<std::uint32_t>(y), 0) != 1) {
        fail();
      }
      converter(row, out.data() + (height_ - 1 - y) * width_, width_);
    }
  }

 private:
  [[noreturn]] void fail() const {
    throw Error(ErrorKind::Input, path_ + ": not readable as TIFF: " + tiff_.reason());
  }
  [[noreturn]] void refuse(const std::string& found) const {
    throw Error(ErrorKind::Input,
                path_ + ": page " + std::to_string(page_offsets_.size() + 1) + ": found " + found);
  }

  template <typename T>
  T field(std::uint32_t tag) const {
    T value{};
    TIFFGetFieldDefaulted(tiff_.get(), tag, &value);  // NOLINT(*-vararg)
    return value;
  }

  [[nodiscard]] PixelKind pixel_kind() const {
    return {.bits = field<std::uint16_t>(TIFFTAG_BITSPERSAMPLE),
            .format = field<std::uint16_t>(TIFFTAG_SAMPLEFORMAT)};
  }

  void add_page() {
    const auto width = field<std::uint32_t>(TIFFTAG_IMAGEWIDTH);
    const auto height = field<std::uint32_t>(TIFFTAG_IMAGELENGTH);
    const std::string size = std::to_string(width) + " x " + std::to_string(height) + " pixels";
    if (width == 0 || height == 0 || width > kLargestSide || height > kLargestSide) {
      refuse(size + ", expected at most 65536 along a side");
    }
    if (!page_offsets_.empty() && (width != width_ || height != height_)) {
      refuse(size + ", expected " + std::to_string(width_) + " x " + std::to_string(height_) +
             " as on page 1");
    }
    const PixelKind kind = pixel_kind();
    if (const auto samples = field<std::uint16_t>(TIFFTAG_SAMPLESPERPIXEL); samples != 1) {
      refuse(std::to_string(samples) + " samples a pixel, expected 1 (grey)");
    }
    if (converter_of(kind) == nullptr) {
      refuse(std::to_string(kind.bits) + "-bit pixels of TIFF sample format " +
             std::to_string(kind.format) + ", expected 8, 16 or 32-bit integers or 32-bit floats");
    }
    if (TIFFIsTiled(tiff_.get()) != 0) {
      refuse("tiles, expected strips");
    }
    width_ = width;
    height_ = height;
    if (page_offsets_.empty()) {
      read_resolution();
    }
    page_offsets_.push_back(TIFFCurrentDirOffset(tiff_.get()));
  }

  void read_resolution() {
    constexpr double kAngstromInCentimetre = 1e8;
    constexpr double kCoarsest = 1000;  // beyond it is a printer's resolution, not a microscope's
    const auto resolution = static_cast<double>(field<float>(TIFFTAG_XRESOLUTION));
    if (field<std::uint16_t>(TIFFTAG_RESOLUTIONUNIT) == RESUNIT_CENTIMETER &&
        resolution > kAngstromInCentimetre / kCoarsest) {
      pixel_size_angstrom_ = kAngstromInCentimetre / resolution;
    }
  }

  /// So that a stack cut off is refused when it is opened, and not at its last image.
  void check_strips_are_there() {
    // No compression here gets beyond it; a damaged size would ask for memory without end.
    constexpr std::uint64_t kLargestRatio = 4096;
    const std::uint64_t file_size = TIFFGetSizeProc(tiff_.get())(TIFFClientdata(tiff_.get()));
    if (width_ * height_ > kLargestRatio * file_size) {
      throw Error(ErrorKind::Input,
                  path_ + ": found " + std::to_string(file_size) + " bytes, too few for pages of " +
                      std::to_string(width_) + " x " + std::to_string(height_) + " pixels");
    }
    for (std::size_t page = 0; page < pages(); ++page) {
      if (TIFFSetSubDirectory(tiff_.get(), page_offsets_[page]) != 1) {
        fail();
      }
      for (std::uint32_t strip = 0; strip < TIFFNumberOfStrips(tiff_.get()); ++strip) {
        const std::uint64_t begin = TIFFGetStrileOffset(tiff_.get(), strip);
        const std::uint64_t length = TIFFGetStrileByteCount(tiff_.get(), strip);
        if (begin > file_size || length > file_size - begin) {
          throw Error(ErrorKind::Input,
                      path_ + ": truncated: found " + std::to_string(file_size) +
                          " bytes, expected page " + std::to_string(page + 1) + " of " +
                          std::to_string(pages()) + " to end at byte " +
                          std::to_string(begin + length));
        }
      }
    }
  }

  std::string path_;
  TiffHandle tiff_;
  std::size_t width_ = 0;
  std::size_t height_ = 0;
  double pixel_size_angstrom_ = 0;
  std::vector<std::uint64_t> page_offsets_;
  std::mutex mutex_;
};

TiffFile::TiffFile(const std::string& path)
    : path_(path), handle_(std::make_unique<Handle>(path)) {}

TiffFile::~TiffFile() = default;

std::size_t TiffFile::width() const {
  return handle_->width();
}

std::size_t TiffFile::height() const {
  return handle_->height();
}

std::size_t TiffFile::sections() const {
  return handle_->pages();
}

double TiffFile::pixel_size_angstrom() const {
  return handle_->pixel_size_angstrom();
}

void TiffFile::read(std::size_t index, std::span<float> out) const {
  if (index >= sections()) {
    throw Error(ErrorKind::Input,
                path_ + ": found " + std::to_string(sections()) + " pages, expected a page " +
                    std::to_string(index + 1));
  }
  if (out.size() != width() * height()) {
    throw Error(ErrorKind::Usage,
                path_ + ": room for " + std::to_string(out.size()) + " values, a page has " +
                    std::to_string(width() * height()));
  }
  handle_->read(index, out);
}

}  // namespace cryosip::formats

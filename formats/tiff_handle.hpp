// libtiff's open file with its complaints kept instead of printed; shared by reading and writing.
#pragma once

#include <memory>
#include <string>

#include <tiffio.h>

namespace cryosip::formats {

class TiffHandle {
 public:
  /// @param mode  libtiff's: "rm", "w8"; get() is null where it cannot be opened
  TiffHandle(const std::string& path, const char* mode);
  TiffHandle(const TiffHandle&) = delete;  // libtiff keeps its address
  TiffHandle& operator=(const TiffHandle&) = delete;
  ~TiffHandle() = default;

  [[nodiscard]] TIFF* get() const noexcept { return tiff_.get(); }
  void close() noexcept { tiff_.reset(); }
  /// libtiff's first complaint since clear_message(), or nothing.
  [[nodiscard]] const std::string& message() const noexcept { return message_; }
  void clear_message() noexcept { message_.clear(); }
  /// For people: the complaint, or that there is none.
  [[nodiscard]] std::string reason() const;

 private:
  struct Close {
    void operator()(TIFF* tiff) const noexcept { TIFFClose(tiff); }
  };

  std::string message_;
  std::unique_ptr<TIFF, Close> tiff_;
};

}  // namespace cryosip::formats

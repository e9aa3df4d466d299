#include "formats/tiff_handle.hpp"

#include <array>
#include <cstdarg>
#include <cstdio>

namespace cryosip::formats {

namespace {

struct FreeOptions {
  void operator()(TIFFOpenOptions* options) const noexcept { TIFFOpenOptionsFree(options); }
};

int keep_message(
    TIFF*, void* kept, const char* module, const char* format, std::va_list arguments) {
  std::array<char, 256> text{};
  // NOLINTNEXTLINE(clang-analyzer-valist.Uninitialized): libtiff has started the list
  if (std::vsnprintf(text.data(), text.size(), format, arguments) < 0) {
    text.fill('\0');
  }
  auto& message = *static_cast<std::string*>(kept);
  if (message.empty()) {  // the first is the cause
    message = std::string(module == nullptr ? "" : module) + ": " + text.data();
  }
  return 1;
}

int drop_message(TIFF*, void*, const char*, const char*, std::va_list) {
  return 1;
}

}  // namespace

TiffHandle::TiffHandle(const std::string& path, const char* mode) {
  const std::unique_ptr<TIFFOpenOptions, FreeOptions> options(TIFFOpenOptionsAlloc());
  TIFFOpenOptionsSetErrorHandlerExtR(options.get(), keep_message, &message_);
  TIFFOpenOptionsSetWarningHandlerExtR(options.get(), drop_message, nullptr);
  tiff_.reset(TIFFOpenExt(path.c_str(), mode, options.get()));
}

std::string TiffHandle::reason() const {
  return message_.empty() ? "no reason given" : message_;
}

}  // namespace cryosip::formats

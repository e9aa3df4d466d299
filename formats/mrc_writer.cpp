#include <algorithm>
#include <cmath>
#include <ostream>
#include <string_view>

#include "formats/error.hpp"
#include "formats/mrc.hpp"
#include "formats/mrc_header.hpp"

namespace cryosip::formats {

namespace {

// What MrcFile takes for sizes.
constexpr std::size_t kLargestSide = 1U << 16U;
constexpr std::size_t kMostSections = 1U << 28U;

void write_values(std::ostream& out, std::span<const float> values) {
  out.write(reinterpret_cast<const char*>(values.data()),
            static_cast<std::streamsize>(values.size_bytes()));
}

/// Sum and sum of squares; they are finite only where every value is.
struct Sums {
  double sum = 0;
  double sum_of_squares = 0;
};

Sums sums_of(std::span<const float> values, const std::string& path, std::string_view what) {
  Sums sums;
  for (const float value : values) {
    const auto x = static_cast<double>(value);
    sums.sum += x;
    sums.sum_of_squares += x * x;
  }
  if (!std::isfinite(sums.sum_of_squares)) {
    throw Error(
        ErrorKind::Numerical,
        path + ": " + std::string(what) + " to be written holds a value that is not finite");
  }
  return sums;
}

MrcStatistics statistics_of(const Sums& sums, std::size_t count, float lowest, float highest) {
  const double mean = sums.sum / static_cast<double>(count);
  const double variance = sums.sum_of_squares / static_cast<double>(count) - mean * mean;
  return {.lowest = lowest,
          .highest = highest,
          .mean = mean,
          .deviation = std::sqrt(std::max(variance, 0.0))};
}

void check_size(std::size_t width, std::size_t height, const std::string& path) {
  if (width == 0 || height == 0 || width > kLargestSide || height > kLargestSide) {
    throw Error(ErrorKind::Usage,
                path + ": images of " + std::to_string(width) + " x " + std::to_string(height) +
                    " pixels cannot be written");
  }
}

}  // namespace

MrcStackWriter::MrcStackWriter(const std::string& path,
                               std::size_t width,
                               std::size_t height,
                               double pixel_size_angstrom)
    : file_(path), width_(width), height_(height), pixel_size_angstrom_(pixel_size_angstrom) {
  check_size(width, height, path);
  // Room for the header, whose numbers are known only at the end.
  const std::array<char, kMrcHeaderBytes> room{};
  file_.stream().write(room.data(), room.size());
}

void MrcStackWriter::append(std::span<const float> image) {
  if (image.size() != width_ * height_ || count_ == kMostSections) {
    throw Error(ErrorKind::Usage,
                file_.path() + ": image " + std::to_string(count_ + 1) + " of " +
                    std::to_string(image.size()) + " values, expected " +
                    std::to_string(width_ * height_) + " in each of at most " +
                    std::to_string(kMostSections));
  }
  const Sums sums = sums_of(image, file_.path(), "image " + std::to_string(count_ + 1));
  const auto [low, high] = std::minmax_element(image.begin(), image.end());
  lowest_ = count_ == 0 ? *low : std::min(lowest_, *low);
  highest_ = count_ == 0 ? *high : std::max(highest_, *high);
  sum_ += sums.sum;
  sum_of_squares_ += sums.sum_of_squares;
  write_values(file_.stream(), image);
  ++count_;
}

void MrcStackWriter::commit() {
  if (count_ == 0) {
    throw Error(ErrorKind::Usage, file_.path() + ": a stack without images cannot be written");
  }
  const MrcStatistics statistics = statistics_of({.sum = sum_, .sum_of_squares = sum_of_squares_},
                                                 count_ * width_ * height_,
                                                 lowest_,
                                                 highest_);
  const auto header =
      make_mrc_header({width_, height_, count_}, pixel_size_angstrom_, 0, statistics);
  file_.stream().seekp(0);
  file_.stream().write(reinterpret_cast<const char*>(header.data()), header.size());
  file_.commit();
}

void write_volume(const std::string& path, const Volume& volume) {
  const auto& [nx, ny, nz] = volume.size;
  check_size(nx, ny, path);
  check_size(nx, nz, path);
  if (volume.values.size() != nx * ny * nz) {
    throw Error(ErrorKind::Usage,
                path + ": a volume of " + std::to_string(volume.values.size()) +
                    " values, expected " + std::to_string(nx * ny * nz));
  }
  const Sums sums = sums_of(volume.values, path, "the volume");
  const auto [low, high] = std::minmax_element(volume.values.begin(), volume.values.end());
  const auto header = make_mrc_header(volume.size,
                                      volume.pixel_size_angstrom,
                                      1,
                                      statistics_of(sums, volume.values.size(), *low, *high));
  OutputFile file(path);
  file.stream().write(reinterpret_cast<const char*>(header.data()), header.size());
  write_values(file.stream(), volume.values);
  file.commit();
}

}  // namespace cryosip::formats

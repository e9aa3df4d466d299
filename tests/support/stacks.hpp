// Small stacks of images for tests.
#pragma once

#include <cstddef>
#include <fstream>
#include <string>
#include <vector>

#include "formats/image_file.hpp"
#include "formats/mrc.hpp"
#include "libcryosip/core/random.hpp"

namespace cryosip::testing {

using Pixels = std::vector<float>;

/// White noise of mean 0 and variance 1: images as RELION likes them.
inline std::vector<Pixels> noise_images(std::size_t count, std::size_t box) {
  std::vector<Pixels> images(count, Pixels(box * box));
  RandomStream stream(5, StreamPurpose::Test, count, box);
  for (Pixels& image : images) {
    for (float& pixel : image) {
      pixel = static_cast<float>(stream.normal());
    }
  }
  return images;
}

inline void write_stack(const std::string& path,
                        const std::vector<Pixels>& images,
                        std::size_t box,
                        double pixel_size_angstrom = 0) {
  formats::MrcStackWriter stack(path, box, images.front().size() / box, pixel_size_angstrom);
  for (const Pixels& image : images) {
    stack.append(image);
  }
  stack.commit();
}

/// A stack of noise.
inline void write_stack(const std::string& path, std::size_t count, std::size_t box) {
  write_stack(path, noise_images(count, box), box);
}

/// Changes one value of a stack on disk, to one that the writer would refuse.
inline void set_pixel(const std::string& path, std::size_t pixel, float value) {
  constexpr std::size_t kHeader = 1024;
  std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
  file.seekp(static_cast<std::streamoff>(kHeader + pixel * sizeof value));
  file.write(reinterpret_cast<const char*>(&value), sizeof value);
}

inline std::vector<Pixels> read_stack(const std::string& path) {
  const auto file = formats::open_image_file(path);
  std::vector<Pixels> images(file->sections(), Pixels(file->width() * file->height()));
  for (std::size_t i = 0; i < images.size(); ++i) {
    file->read(i, images[i]);
  }
  return images;
}

}  // namespace cryosip::testing

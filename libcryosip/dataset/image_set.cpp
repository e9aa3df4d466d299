#include "libcryosip/dataset/image_set.hpp"

#include <cmath>
#include <utility>

#include "formats/error.hpp"
#include "libcryosip/dataset/particle_file.hpp"

namespace cryosip {

ImageSet::ImageSet(ParticleTable table, const ImageSetOptions& options)
    : table_(std::move(table)), inspection_(inspect(table_, options)) {
  for (const DataFault& fault : inspection_.faults) {
    if (fault.fatal()) {
      throw Error(ErrorKind::Input, fault.first);
    }
    table_.warnings.push_back(fault.first);
  }
}

ImageSet ImageSet::open(const std::string& path, const ImageSetOptions& options) {
  return {
      particle_table(read_particle_file(path, options.passthroughs), options.pixel_size_angstrom),
      options};
}

ImagingCondition ImageSet::condition(std::size_t index) const {
  const ParticleRecord& record = table_.records.at(index);
  ImagingCondition condition;
  condition.pose = record.pose;
  if (table_.has_ctf) {
    condition.ctf.emplace(record.ctf);
  }
  return condition;
}

void ImageSet::read(std::size_t index, std::span<float> pixels) const {
  const StackFile& stack = inspection_.stacks[inspection_.stack_of_record.at(index)];
  stack.file->read(table_.records[index].image.index, pixels);
  for (const float pixel : pixels) {
    if (!std::isfinite(pixel)) {
      throw Error(ErrorKind::Input,
                  table_.where[index] + ": image " +
                      std::to_string(table_.records[index].image.index + 1) + " of '" +
                      stack.resolved + "' has a pixel that is not a finite number");
    }
  }
}

}  // namespace cryosip

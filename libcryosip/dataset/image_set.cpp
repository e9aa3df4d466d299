#include "libcryosip/dataset/image_set.hpp"

#include <algorithm>
#include <cmath>
#include <utility>
#include <vector>

#include "formats/error.hpp"
#include "libcryosip/core/random.hpp"
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

ImageSet ImageSet::resampled(std::uint64_t seed, std::uint64_t draw) const {
  RandomStream stream(seed, StreamPurpose::BootstrapChoice, draw);
  std::vector<std::size_t> chosen(size());
  for (std::size_t& index : chosen) {
    index = stream.below(size());
  }
  std::sort(chosen.begin(), chosen.end());
  ImageSet result = *this;
  for (std::size_t i = 0; i < chosen.size(); ++i) {
    result.table_.records[i] = table_.records[chosen[i]];
    result.table_.where[i] = table_.where[chosen[i]];
    result.inspection_.stack_of_record[i] = inspection_.stack_of_record[chosen[i]];
  }
  return result;
}

ImageSet ImageSet::perturbed(double correlation, std::uint64_t seed) const {
  if (!(correlation > 0) || !(correlation <= 1)) {
    throw Error(ErrorKind::Usage,
                "images perturbed to a correlation of " + std::to_string(correlation) +
                    ", expected more than 0, at most 1");
  }
  ImageSet result = *this;
  result.perturbation_ = std::sqrt(1 / (correlation * correlation) - 1);
  result.perturbation_seed_ = seed;
  return result;
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
  if (perturbation_ > 0) {
    perturb(index, pixels);
  }
}

void ImageSet::perturb(std::size_t index, std::span<float> pixels) const {
  double sum = 0;
  for (const float pixel : pixels) {
    sum += static_cast<double>(pixel) * static_cast<double>(pixel);
  }
  const double sigma = perturbation_ * std::sqrt(sum / static_cast<double>(pixels.size()));
  RandomStream noise(perturbation_seed_, StreamPurpose::ImagePerturbation, index);
  for (float& pixel : pixels) {
    pixel += static_cast<float>(sigma * noise.normal());
  }
}

}  // namespace cryosip

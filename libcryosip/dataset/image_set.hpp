// Observed images with their poses and optics: a particle STAR file with the stacks it names.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "formats/image_file.hpp"
#include "libcryosip/core/progress.hpp"
#include "libcryosip/dataset/relion_particles.hpp"
#include "libcryosip/forward/forward_model.hpp"

namespace cryosip {

struct ImageSetOptions {
  /// Where stacks lie, beside the working directory (RELION's project) and the STAR file's folder.
  std::string image_directory;
  double pixel_size_angstrom = 0;  ///< > 0: instead of what the files say
};

/// Something wrong with a data set; of each kind the first is described and the others counted.
struct DataFault {
  enum class Kind {
    StackMissing,
    StackUnreadable,
    ImageOutOfRange,
    BoxDiffers,
    BoxUnusable,
    PixelSizeUnknown,
    PixelSizeAssumed,  ///< of a stack's header, where programs write 1 when they do not know
    PixelSizeDiffers,
    DuplicateImage,
    PixelsNotFinite,
    PixelsConstant,
    NotNormalised,
  };
  Kind kind = Kind::StackMissing;
  std::string first;      ///< "FILE:LINE: what was found, what was expected"
  std::size_t count = 0;  ///< how many images (for stacks: stacks) have it

  /// False where the images can be used all the same.
  [[nodiscard]] bool fatal() const;
};

/// One stack a particle table names.
struct StackFile {
  std::string name;      ///< as the table has it
  std::string resolved;  ///< path found, or empty
  std::shared_ptr<const formats::ImageFile> file;
};

/// Opens every stack a table names and checks shapes; pixels are not read.
/// Looked for, in this order: as named (from the working directory), in image_directory (with its
/// folders, then by its last part alone), in the STAR file's folder; each also with .mrc and .mrcs
/// exchanged.
struct DataInspection {
  std::vector<StackFile> stacks;
  std::vector<std::size_t> stack_of_record;  ///< (records): index into stacks
  ImageGrid grid;                            ///< of the first usable stack
  std::vector<DataFault> faults;
};
DataInspection inspect(const ParticleTable& table, const ImageSetOptions& options);

class ImageSet {
 public:
  /// Faults that let the images be used are added to the table's warnings.
  /// @throws Error(Input) with the first fatal fault
  ImageSet(ParticleTable table, const ImageSetOptions& options);
  /// Reads the STAR file and opens its stacks.
  static ImageSet open(const std::string& star_path, const ImageSetOptions& options);

  [[nodiscard]] std::size_t size() const { return table_.records.size(); }
  [[nodiscard]] const ImageGrid& grid() const { return inspection_.grid; }
  [[nodiscard]] bool has_poses() const { return table_.has_poses; }
  [[nodiscard]] bool has_ctf() const { return table_.has_ctf; }
  [[nodiscard]] const ParticleTable& table() const { return table_; }
  /// Pose (identity where unknown) and CTF of an image.
  [[nodiscard]] ImagingCondition condition(std::size_t index) const;
  /// Copies an image's pixels (box * box, x fastest).  Thread-safe.
  /// @throws Error(Input) a pixel that is not finite
  void read(std::size_t index, std::span<float> pixels) const;

 private:
  ParticleTable table_;
  DataInspection inspection_;
};

/// Reads every pixel of a data set and says what is wrong with it, stopping at nothing.
/// NotNormalised: background (outside the circle of diameter box) of mean beyond 0.5 standard
/// deviations or of standard deviation outside 0.5 .. 2, where RELION warns.
/// @throws Error(Input) only where the STAR file itself cannot be read
struct DataCheck {
  ParticleTable table;
  DataInspection inspection;  ///< with the faults of the pixels added
  double mean_background_sigma = 0;
  bool cancelled = false;
};
DataCheck check_data_set(const std::string& star_path,
                         const ImageSetOptions& options,
                         Progress& progress);

/// Mean and standard deviation of an image outside the circle of diameter box.
struct Background {
  double mean = 0;
  double sigma = 0;
};
Background background_of(std::span<const float> pixels, int box);

/// Root of the mean background variance over at most max_images images spread over the set: sigma
/// of white noise, as relion_preprocess measures it. Reads outside the particle's circle, where a
/// delocalised CTF leaves little signal.
double estimate_noise_sigma(const ImageSet& images, std::size_t max_images = 1000);

}  // namespace cryosip

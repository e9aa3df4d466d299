// The stacks a particle table names: found, opened, and held against the table.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "formats/image_file.hpp"
#include "libcryosip/dataset/relion_particles.hpp"
#include "libcryosip/forward/image_basis.hpp"

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

/// Counts a fault; of a kind seen before the first message stays.
void add_fault(std::vector<DataFault>& faults, DataFault::Kind kind, const std::string& message);

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

}  // namespace cryosip

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
  std::string image_directory{};
  double pixel_size_angstrom = 0;  ///< > 0: instead of what the files say
  /// Folders that stacks' names begin with and their places do not; taken off before a look.
  std::string strip_prefix{};
  /// Further .cs files of the same particles, beside a cryoSPARC data set.
  std::vector<std::string> passthroughs{};
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
    HeaderPixelSizeDiffers,  ///< a stack's header has another than the table
    DuplicateImage,
    CtfOutOfRange,
    LabelMissing,  ///< that RELION needs, not we
    PixelsNotFinite,
    PixelsConstant,
    NotNormalised,
    DarkMolecules,
  };
  Kind kind = Kind::StackMissing;
  std::string first;      ///< "FILE:LINE: what was found, what was expected"
  std::size_t count = 0;  ///< how many images (for stacks: stacks) have it

  /// False where the images can be used all the same.
  [[nodiscard]] bool fatal() const;
};

/// Counts a fault; of a kind seen before the first message stays.
void add_fault(std::vector<DataFault>& faults, DataFault::Kind kind, const std::string& message);

/// A name without the folders it begins with: "J1/a.mrc" without "J1", or "J1/", is "a.mrc".
std::string without_prefix(const std::string& name, const std::string& prefix);

/// Path of a stack, or an empty one.  Looked for, in this order: as named (from the working
/// directory), in image_directory (with its folders, then by its last part alone), in the particle
/// file's folder; each also with .mrc and .mrcs exchanged.
std::string find_stack(const std::string& name,
                       const ImageSetOptions& options,
                       const std::string& particle_file);
/// "expected it ..": where find_stack() looks, for messages.
std::string places_of_stacks(const ImageSetOptions& options);

/// One stack a particle table names.
struct StackFile {
  std::string name;      ///< as the table has it first
  std::string resolved;  ///< path found, or empty
  std::shared_ptr<const formats::ImageFile> file;
};

/// Opens every stack a table names and checks shapes; pixels are not read.  Names that lead to one
/// file ("a.mrcs", "./a.mrcs") are one stack.
struct DataInspection {
  std::vector<StackFile> stacks;
  std::vector<std::size_t> stack_of_record;  ///< (records): index into stacks
  ImageGrid grid;                            ///< of the first usable stack
  std::vector<DataFault> faults;
};
DataInspection inspect(const ParticleTable& table, const ImageSetOptions& options);

}  // namespace cryosip

// What a job has done so far, so that run again it goes on where it was.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace cryosip::relion {

/// One tool of a job: what it is told, what it reads and what it leaves.
struct Step {
  std::string name;                  ///< a word: "flow"
  std::vector<std::string> command;  ///< without what leaves the result as it is, such as threads
  std::vector<std::string> reads;    ///< files
  std::vector<std::string> writes;   ///< files or folders
};

/// Kept in a STAR file: of each step whether it was begun or done, and a fingerprint of its
/// command, of the version of cryosip, and of size and time of change of each file that it reads.
class StepRecord {
 public:
  /// Reads the file where there is one; one that cannot be read is as good as none.
  explicit StepRecord(std::string path);

  /// The same step was done, and what it wrote is there.
  [[nodiscard]] bool done(const Step& step) const;
  /// The same step was begun: a checkpoint of it is worth something.
  [[nodiscard]] bool begun(const Step& step) const;
  /// @throws Error(Output) when the record cannot be written
  void begin(const Step& step);
  void finish(const Step& step);

 private:
  struct Entry {
    std::string fingerprint;
    bool done = false;
  };
  void enter(const Step& step, bool done);

  std::string path_;
  std::map<std::string, Entry> entries_;
};

}  // namespace cryosip::relion

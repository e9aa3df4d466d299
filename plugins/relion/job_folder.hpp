// The folder of a RELION External job: RELION learns from files in it how the job ended, and asks
// it to stop by another.
#pragma once

#include <string>
#include <string_view>

namespace cryosip::relion {

/// How a job ended, as RELION knows it.
enum class JobEnd { Success, Failure, Aborted };

/// Sees to it that exactly one of RELION_JOB_EXIT_SUCCESS, _FAILURE and _ABORTED is in the folder
/// once the job is over, whatever ends it.
///
/// RELION looks for these files while the job runs, and a job that has one is over to it: none may
/// be there before the end.  So a file of another name is made first, and renamed in the end, which
/// works on a full disk too.  A process that lives no longer than this one, out of reach of the
/// signals that end it, renames the file to FAILURE should this process die without a word: by
/// `kill -9`, for want of memory, by a bug.
class JobFolder {
 public:
  static constexpr const char* kUnfinished = "cryosip_unfinished";

  /// Makes the folder where there is none, takes hold of it, and removes what an older run told
  /// RELION.
  /// Call it first of all, while the process has one thread.
  /// @throws Error(Output) when nothing can be written there, or another run is at work in it
  explicit JobFolder(std::string path);
  JobFolder(const JobFolder&) = delete;
  JobFolder& operator=(const JobFolder&) = delete;
  /// Leaves FAILURE where leave() was not called.
  ~JobFolder();

  /// Of a file in the folder, as RELION names it: relative to the project.
  [[nodiscard]] std::string file(std::string_view name) const;
  [[nodiscard]] bool has(std::string_view name) const;
  /// Whether RELION has asked the job to stop.
  [[nodiscard]] bool abort_requested() const;
  /// Says how the job ended.  Only the first call counts.
  void leave(JobEnd end) noexcept;

 private:
  void take_hold();
  void start_watch();

  std::string path_;
  int folder_ = -1;      // open for as long as we and our children live; carries the lock
  int watch_pipe_ = -1;  // never written to: it closes when this process ends
  bool left_ = false;
};

}  // namespace cryosip::relion

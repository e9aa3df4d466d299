#include "plugins/relion/job_folder.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <thread>

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include "formats/error.hpp"

namespace cryosip::relion {
namespace {

constexpr const char* kAbortNow = "RELION_JOB_ABORT_NOW";
constexpr auto kPatience = std::chrono::seconds(60);

const char* marker(JobEnd end) {
  switch (end) {
    case JobEnd::Success:
      return "RELION_JOB_EXIT_SUCCESS";
    case JobEnd::Aborted:
      return "RELION_JOB_EXIT_ABORTED";
    case JobEnd::Failure:
      break;
  }
  return "RELION_JOB_EXIT_FAILURE";
}

[[noreturn]] void fail(const std::string& what) {
  throw Error(ErrorKind::Output, what + ": " + std::strerror(errno));
}

void rename_unfinished(int folder, JobEnd end) noexcept {
  renameat(folder, JobFolder::kUnfinished, folder, marker(end));
}

// What the watching process does.  It has the folder's lock too, so that a next run cannot begin
// before the mark is there.
[[noreturn]] void watch(int pipe_end, int folder) {
  setsid();  // a signal to the job's process group passes by
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) {
    std::signal(signal, SIG_IGN);
  }
  // Whoever waits for the end of the job's output must not wait for this process.
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    close(stream);
  }
  char nothing = 0;
  while (read(pipe_end, &nothing, 1) < 0 && errno == EINTR) {
  }
  rename_unfinished(folder, JobEnd::Failure);  // finds nothing where the job left a mark itself
  _exit(0);
}

}  // namespace

JobFolder::JobFolder(std::string path) : path_(std::move(path)) {
  if (path_.empty() || path_.back() != '/') {
    path_ += '/';
  }
  std::error_code failure;
  std::filesystem::create_directories(path_, failure);
  folder_ = open(path_.c_str(), O_RDONLY | O_DIRECTORY);
  if (folder_ < 0) {
    fail(path_ + ": cannot be used as the folder of a job");
  }
  take_hold();
  for (const char* const older : {marker(JobEnd::Success),
                                  marker(JobEnd::Failure),
                                  marker(JobEnd::Aborted),
                                  kAbortNow,
                                  "RELION_OUTPUT_NODES.star",
                                  kUnfinished}) {
    unlinkat(folder_, older, 0);
  }
  const int made = openat(folder_, kUnfinished, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
  if (made < 0) {
    const int reason = errno;
    // Another name for a file that RELION made takes no room where no file can be made.
    linkat(folder_, "run.out", folder_, marker(JobEnd::Failure), 0);
    errno = reason;
    fail(file(kUnfinished) + ": cannot be created");
  }
  // Who is at work; a disk that is full holds no more than the name.
  const std::string process = std::to_string(getpid()) + '\n';
  [[maybe_unused]] const ssize_t written = write(made, process.data(), process.size());
  close(made);
  start_watch();
}

JobFolder::~JobFolder() {
  leave(JobEnd::Failure);
  close(folder_);
  close(watch_pipe_);
}

// Children of a run that was killed may be about to write what they have: wait for them.  Where the
// file system has no locks, do without.
void JobFolder::take_hold() {
  using namespace std::chrono_literals;
  const auto began = std::chrono::steady_clock::now();
  while (flock(folder_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    if (std::chrono::steady_clock::now() - began > kPatience) {
      throw Error(ErrorKind::Output, path_ + ": another run of this job is still at work in it");
    }
    std::this_thread::sleep_for(100ms);
  }
}

void JobFolder::start_watch() {
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    rename_unfinished(folder_, JobEnd::Failure);
    fail("a pipe cannot be made");
  }
  const pid_t process = fork();
  if (process == 0) {
    close(ends[1]);
    watch(ends[0], folder_);
  }
  if (process < 0) {
    rename_unfinished(folder_, JobEnd::Failure);
    fail("a process cannot be made");
  }
  close(ends[0]);
  watch_pipe_ = ends[1];
}

std::string JobFolder::file(std::string_view name) const {
  return path_ + std::string(name);
}

bool JobFolder::has(std::string_view name) const {
  return faccessat(folder_, std::string(name).c_str(), F_OK, 0) == 0;
}

bool JobFolder::abort_requested() const {
  return has(kAbortNow);
}

void JobFolder::leave(JobEnd end) noexcept {
  if (!left_) {
    left_ = true;
    rename_unfinished(folder_, end);
    unlinkat(folder_, kAbortNow, 0);
  }
}

}  // namespace cryosip::relion

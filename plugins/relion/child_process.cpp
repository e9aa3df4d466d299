#include "plugins/relion/child_process.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstring>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "formats/error.hpp"

namespace cryosip::relion {
namespace {

constexpr int kPollMilliseconds = 100;

// Holds back the signals that we hand on, so that none is lost between fork() and execv().
class SignalPause {
 public:
  SignalPause() {
    sigset_t held;
    sigemptyset(&held);
    sigaddset(&held, SIGINT);
    sigaddset(&held, SIGTERM);
    sigprocmask(SIG_BLOCK, &held, &before_);
  }
  SignalPause(const SignalPause&) = delete;
  SignalPause& operator=(const SignalPause&) = delete;
  ~SignalPause() { end(); }
  void end() { sigprocmask(SIG_SETMASK, &before_, nullptr); }

 private:
  sigset_t before_{};
};

[[noreturn]] void become(std::vector<char*>& arguments,
                         int error_stream,
                         pid_t parent,
                         SignalPause& pause) {
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  pause.end();
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (getppid() != parent) {
    _exit(1);  // it died before the line above
  }
  setpgid(0, 0);
  dup2(open("/dev/null", O_RDONLY), STDIN_FILENO);
  dup2(error_stream, STDERR_FILENO);
  execv(arguments[0], arguments.data());
  std::perror(arguments[0]);
  _exit(1);
}

// Calls on_line for each whole line, and keeps the rest.
void split_lines(std::string& text, const std::function<void(std::string_view)>& on_line) {
  std::size_t begin = 0;
  for (std::size_t end = 0; (end = text.find('\n', begin)) != std::string::npos; begin = end + 1) {
    on_line(std::string_view(text).substr(begin, end - begin));
  }
  text.erase(0, begin);
}

}  // namespace

ChildEnd run_child(const std::vector<std::string>& command,
                   const std::function<void(std::string_view line)>& on_line,
                   const std::function<bool()>& stopping) {
  if (access(command[0].c_str(), X_OK) != 0) {
    throw Error(ErrorKind::Unavailable, command[0] + ": " + std::strerror(errno));
  }
  std::vector<char*> arguments;
  for (const std::string& argument : command) {
    arguments.push_back(const_cast<char*>(argument.c_str()));  // as execv() will have it
  }
  arguments.push_back(nullptr);

  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw Error(ErrorKind::Output, std::string("a pipe cannot be made: ") + std::strerror(errno));
  }
  const pid_t parent = getpid();
  pid_t child = -1;
  {
    SignalPause pause;
    child = fork();
    if (child == 0) {
      become(arguments, ends[1], parent, pause);
    }
  }
  close(ends[1]);
  if (child < 0) {
    close(ends[0]);
    throw Error(ErrorKind::Output,
                std::string("a process cannot be made: ") + std::strerror(errno));
  }

  std::string text;
  bool told = false;
  for (bool open = true; open;) {
    if (!told && stopping()) {
      kill(child, SIGTERM);
      told = true;
    }
    pollfd waiting{.fd = ends[0], .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, kPollMilliseconds) > 0) {
      std::array<char, 4096> buffer{};
      const ssize_t count = read(ends[0], buffer.data(), buffer.size());
      open = count > 0 || (count < 0 && errno == EINTR);
      text.append(buffer.data(), count > 0 ? static_cast<std::size_t>(count) : 0);
      split_lines(text, on_line);
    }
  }
  close(ends[0]);
  if (!text.empty()) {
    on_line(text);
  }
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  return WIFSIGNALED(status) ? ChildEnd{.exit_status = 0, .signal = WTERMSIG(status)}
                             : ChildEnd{.exit_status = WEXITSTATUS(status), .signal = 0};
}

}  // namespace cryosip::relion

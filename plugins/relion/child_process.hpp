// A tool run as a child of the job.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace cryosip::relion {

struct ChildEnd {
  int exit_status = 0;  ///< where no signal killed it
  int signal = 0;       ///< 0: none
};

/// Runs a program and waits for it.  Its standard input is empty, its standard output ours.
///
/// A signal to our process group (Ctrl-C in a terminal) does not reach it: we pass on what is worth
/// passing on.  Should this process die, it gets SIGTERM, at which cryosip's tools write what they
/// have.
/// @param command   path of the program and its arguments
/// @param on_line   called with each line of its standard error as it comes
/// @param stopping  asked several times a second; when true the program gets one SIGTERM
/// @throws Error(Unavailable)  the program is not there
ChildEnd run_child(const std::vector<std::string>& command,
                   const std::function<void(std::string_view line)>& on_line,
                   const std::function<bool()>& stopping);

}  // namespace cryosip::relion

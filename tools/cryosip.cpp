// cryosip NAME ...: runs cryosip-NAME, which stands beside this program.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <exception>
#include <filesystem>
#include <iostream>
#include <limits>
#include <numeric>
#include <string>
#include <string_view>
#include <vector>

#include <unistd.h>

#include "tools/cli/tool.hpp"

namespace {

using namespace cryosip;

constexpr std::string_view kPrefix = "cryosip-";

std::string executable(const std::string& name) {
  return std::string(kPrefix) + name;
}

std::filesystem::path folder() {
  return std::filesystem::read_symlink("/proc/self/exe").parent_path();
}

std::vector<std::string> names() {
  std::vector<std::string> found;
  for (const auto& entry : std::filesystem::directory_iterator(folder())) {
    const std::string name = entry.path().filename();
    if (name.starts_with(kPrefix) && name.find('.') == std::string::npos &&
        entry.is_regular_file() && access(entry.path().c_str(), X_OK) == 0) {
      found.push_back(name.substr(kPrefix.size()));
    }
  }
  std::sort(found.begin(), found.end());
  return found;
}

// Asked of the tool itself, where it is written down.
std::string summary(const std::string& name) {
  std::string command = "'";
  for (const char c : (folder() / executable(name)).string()) {
    command += c == '\'' ? std::string("'\\''") : std::string(1, c);
  }
  command += "' --help-summary 2>/dev/null";
  std::string text;
  if (std::FILE* const pipe = popen(command.c_str(), "r"); pipe != nullptr) {
    for (int c = std::fgetc(pipe); c != EOF && c != '\n'; c = std::fgetc(pipe)) {
      text += static_cast<char>(c);
    }
    pclose(pipe);
  }
  return text;
}

// Letters to insert, delete or replace.
std::size_t edit_distance(const std::string& a, const std::string& b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i] == b[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({replaced, row[j] + 1, row[j + 1] + 1});
    }
  }
  return row.back();
}

std::string nearest(const std::string& name) {
  std::string best;
  std::size_t best_distance = std::numeric_limits<std::size_t>::max();
  for (const std::string& candidate : names()) {
    if (const std::size_t distance = edit_distance(name, candidate); distance < best_distance) {
      best = candidate;
      best_distance = distance;
    }
  }
  return best_distance <= std::max<std::size_t>(2, name.size() / 2) ? best : "";
}

cli::Tool manual() {
  cli::Tool tool;
  tool.name = "cryosip";
  tool.summary = "recover distributions of molecular conformations from cryo-EM images";
  tool.description =
      "cryosip NAME ... runs the tool cryosip-NAME, which stands beside this program, with the "
      "arguments that follow.";
  tool.positionals = {{"NAME", "the tool to run"}};
  return tool;
}

void print_help() {
  std::cout << "Usage: cryosip NAME [arguments]\n"
            << "cryosip: " << manual().summary << "\n\nTools:\n";
  for (const std::string& name : names()) {
    std::cout << "  " << name << std::string(16 - std::min<std::size_t>(name.size(), 15), ' ')
              << summary(name) << '\n';
  }
  std::cout << "\n'cryosip NAME --help' tells about one of them.\n";
}

int fail(cli::ExitStatus status, const std::string& message) {
  std::cerr << "cryosip: error: " << message << '\n';
  return static_cast<int>(status);
}

int dispatch(char** argv) {
  const std::string name = argv[0];
  std::string full_name = executable(name);
  const std::string program = folder() / full_name;
  argv[0] = full_name.data();  // what the outputs record
  execv(program.c_str(), argv);
  if (errno != ENOENT) {
    return fail(cli::ExitStatus::Usage, program + ": " + std::strerror(errno));
  }
  const std::string near = nearest(name);
  return fail(cli::ExitStatus::Usage,
              "there is no tool '" + name +
                  (near.empty() ? "'." : "', did you mean '" + near + "'?") +
                  " Try 'cryosip --help'.");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const std::string first = argc > 1 ? argv[1] : "";
    if (first == "--help-man") {
      std::cout << cli::man_page(manual());
    } else if (first == "--version" || first == "-V") {
      std::cout << "cryosip " << cli::version() << '\n';
    } else if (first == "--help" || first == "-h") {
      print_help();
    } else if (first.empty()) {
      return fail(cli::ExitStatus::Usage, "no tool named. Try 'cryosip --help'.");
    } else if (first.starts_with('-')) {
      return fail(cli::ExitStatus::Usage,
                  "unrecognised option '" + first + "'. Try 'cryosip --help'.");
    } else {
      return dispatch(argv + 1);
    }
    std::cout.flush();
    return std::cout ? 0 : fail(cli::ExitStatus::Output, "standard output: cannot be written");
  } catch (const std::exception& error) {
    return fail(cli::ExitStatus::Bug, std::string("bug: unexpected ") + error.what());
  }
}

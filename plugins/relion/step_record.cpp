#include "plugins/relion/step_record.hpp"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <system_error>

#include <sys/stat.h>

#include "formats/error.hpp"
#include "formats/star.hpp"
#include "tools/cli/streams.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip::relion {
namespace {

// FNV-1a: it must be the same in every build, which std::hash need not be.
std::string hash(const std::string& text) {
  std::uint64_t value = 0xcbf29ce484222325U;
  for (const char c : text) {
    value = (value ^ static_cast<unsigned char>(c)) * 0x100000001b3U;
  }
  std::array<char, 17> digits{};
  std::snprintf(digits.data(), digits.size(), "%016llx", static_cast<unsigned long long>(value));
  return digits.data();
}

std::string fingerprint(const Step& step) {
  constexpr char kBetween = '\0';  // no argument holds it
  std::string text = cli::version();
  for (const std::string& argument : step.command) {
    text += kBetween + argument;
  }
  for (const std::string& file : step.reads) {
    struct stat facts {};
    text += kBetween + file;
    if (stat(file.c_str(), &facts) == 0) {
      text += kBetween + std::to_string(facts.st_size) + ' ' +
              std::to_string(facts.st_mtim.tv_sec) + ' ' + std::to_string(facts.st_mtim.tv_nsec);
    }
  }
  return hash(text);
}

}  // namespace

StepRecord::StepRecord(std::string path) : path_(std::move(path)) {
  try {
    const formats::StarFile file = formats::read_star(path_);
    const formats::StarTable& table = file.table("sip_steps");
    for (std::size_t row = 0; row < table.rows(); ++row) {
      entries_[std::string(table.text(row, table.column("sipStep")))] = {
          std::string(table.text(row, table.column("sipFingerprint"))),
          table.text(row, table.column("sipState")) == "done"};
    }
  } catch (const Error&) {
    entries_.clear();
  }
}

bool StepRecord::done(const Step& step) const {
  const auto entry = entries_.find(step.name);
  std::error_code unknown;
  return begun(step) && entry->second.done &&
         std::all_of(step.writes.begin(), step.writes.end(), [&](const std::string& file) {
           return std::filesystem::exists(file, unknown);
         });
}

bool StepRecord::begun(const Step& step) const {
  const auto entry = entries_.find(step.name);
  return entry != entries_.end() && entry->second.fingerprint == fingerprint(step);
}

void StepRecord::begin(const Step& step) {
  enter(step, false);
}

void StepRecord::finish(const Step& step) {
  enter(step, true);
}

void StepRecord::enter(const Step& step, bool done) {
  entries_[step.name] = {fingerprint(step), done};
  formats::StarTable table("sip_steps", {"sipStep", "sipState", "sipFingerprint"});
  for (const auto& [name, entry] : entries_) {
    const std::size_t row = table.add_row();
    table.set(row, 0, name);
    table.set(row, 1, std::string_view(entry.done ? "done" : "begun"));
    table.set(row, 2, entry.fingerprint);
  }
  formats::StarFile file;
  file.tables.push_back(std::move(table));
  cli::with_output(path_, [&](std::ostream& out) { formats::write_star(out, file); });
}

}  // namespace cryosip::relion

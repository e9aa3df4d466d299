// A file of given bytes for one test, removed behind it.
#pragma once

#include <cstdio>
#include <fstream>
#include <string>
#include <string_view>

#include <gtest/gtest.h>
#include <unistd.h>

#include "formats/error.hpp"

namespace cryosip::testing {

class TemporaryFile {
 public:
  /// The name holds the running test's and the process's, so that tests may run side by side, of
  /// several checkouts too.
  explicit TemporaryFile(std::string_view name) {
    const auto* const test = ::testing::UnitTest::GetInstance()->current_test_info();
    path_ = ::testing::TempDir() + "cryosip_" + test->test_suite_name() + "_" + test->name() + "_" +
            std::to_string(getpid()) + "_" + std::string(name);
  }
  TemporaryFile(std::string_view name, std::string_view bytes) : TemporaryFile(name) {
    write(bytes);
  }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile() { std::remove(path_.c_str()); }

  void write(std::string_view bytes) const {
    std::remove(path_.c_str());  // overwriting makes some file systems flush: ten times slower
    std::ofstream out(path_, std::ios::binary);
    out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }

 private:
  std::string path_;
};

/// What an Input error says, or that there was none.
template <typename Call>
std::string input_error_of(Call call) {
  try {
    call();
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::Input) << error.what();
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos) << error.what();
    return error.what();
  }
  return "no error";
}

}  // namespace cryosip::testing

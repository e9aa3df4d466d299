#include "plugins/relion/relion_bar.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <ostream>
#include <string>

namespace cryosip::relion {
namespace {

constexpr std::size_t kDots = 60;
constexpr const char* kMouse = "~~(,_,\">";

// "  12/  30 sec", "1.25/3.10 min", "1.25/3.10 hrs".
std::string clock_text(double elapsed_seconds, double total_seconds) {
  std::array<char, 64> text{};
  if (total_seconds > 60) {
    const bool hours = total_seconds > 3600;
    const double unit = hours ? 3600 : 60;
    std::snprintf(text.data(),
                  text.size(),
                  "%3.2f/%3.2f %s",
                  elapsed_seconds / unit,
                  total_seconds / unit,
                  hours ? "hrs" : "min");
  } else {
    std::snprintf(text.data(),
                  text.size(),
                  "%4ld/%4ld sec",
                  std::lround(elapsed_seconds),
                  std::lround(total_seconds));
  }
  return text.data();
}

}  // namespace

void RelionBar::show(std::size_t done, std::size_t total, double elapsed_seconds) {
  if (!drawn_) {
    out_ << "000/??? sec " << kMouse << std::string(kDots - 2, ' ') << "[oo]";
    drawn_ = true;
  }
  if (done > 0) {
    const double share = std::min(1.0, static_cast<double>(done) / static_cast<double>(total));
    const auto dots = static_cast<std::size_t>(share * static_cast<double>(kDots));
    out_ << '\r' << clock_text(elapsed_seconds, elapsed_seconds / share) << ' '
         << std::string(dots, '.') << kMouse;
  }
  out_.flush();
  if (done >= total) {
    end();
  }
}

void RelionBar::end() {
  if (drawn_) {
    out_ << std::endl;
    drawn_ = false;
  }
}

}  // namespace cryosip::relion

#include "libcryosip/discrepancy/kernel.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <limits>
#include <optional>

#include "formats/error.hpp"
#include "formats/text.hpp"
#include "libcryosip/core/parallel.hpp"

namespace cryosip {
namespace {

struct KindName {
  std::string_view name;
  KernelKind kind;
};
constexpr std::array kNames = {KindName{"gaussian", KernelKind::Gaussian},
                               KindName{"laplace", KernelKind::Laplace},
                               KindName{"imq", KernelKind::InverseMultiquadric},
                               KindName{"riesz", KernelKind::Riesz}};

bool in_range(const KernelTerm& term) {
  const bool has_exponent =
      term.kind == KernelKind::Riesz || term.kind == KernelKind::InverseMultiquadric;
  const bool exponent_fits =
      !has_exponent || (term.exponent > 0 && std::isfinite(term.exponent) &&
                        (term.kind != KernelKind::Riesz || term.exponent < 2));
  const bool bandwidth_fits =
      term.kind == KernelKind::Riesz || (term.bandwidth > 0 && std::isfinite(term.bandwidth));
  return exponent_fits && bandwidth_fits && term.weight > 0 && std::isfinite(term.weight);
}

// The parts of text between separators; as many as there are separators and one more.
std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  std::size_t begin = 0;
  for (std::size_t end = text.find(separator); end != std::string_view::npos;
       end = text.find(separator, begin)) {
    parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  parts.push_back(text.substr(begin));
  return parts;
}

[[noreturn]] void refuse(std::string_view term, const std::string& expected) {
  throw Error(ErrorKind::Usage, "kernel term " + formats::excerpt(term) + ": expected " + expected);
}

KernelTerm parse_term(std::string_view text) {
  KernelTerm term;
  std::string_view rest = text;
  if (const std::size_t star = text.find('*'); star != std::string_view::npos) {
    const std::optional<double> weight = formats::parse_number(text.substr(0, star));
    if (!weight || !(*weight > 0)) {
      refuse(text, "a positive weight before '*'");
    }
    term.weight = *weight;
    rest = text.substr(star + 1);
  }
  const std::vector<std::string_view> parts = split(rest, ':');
  if (parts[0] == "energy" && parts.size() == 1) {
    term.kind = KernelKind::Riesz;
    term.exponent = 1;
    return term;
  }
  const auto* const found = std::find_if(
      kNames.begin(), kNames.end(), [&](const KindName& known) { return known.name == parts[0]; });
  if (found == kNames.end()) {
    refuse(text, "[WEIGHT*]NAME[:FACTOR], with NAME one of gaussian, laplace, imq, riesz, energy");
  }
  term.kind = found->kind;
  const std::size_t numbers = parts.size() - 1;
  if (numbers > (term.kind == KernelKind::InverseMultiquadric ? 2U : 1U)) {
    refuse(text, "fewer numbers after the name");
  }
  std::array<std::optional<double>, 2> given;
  for (std::size_t k = 0; k < numbers; ++k) {
    given.at(k) = formats::parse_number(parts[k + 1]);
    if (!given.at(k)) {
      refuse(text, "a number after ':'");
    }
  }
  if (term.kind == KernelKind::Riesz) {
    term.exponent = given[0].value_or(1);
  } else {
    term.bandwidth = given[0].value_or(term.bandwidth);
    term.exponent = given[1].value_or(term.exponent);
  }
  if (!in_range(term)) {
    refuse(text,
           term.kind == KernelKind::Riesz ? "an exponent between 0 and 2" : "positive numbers");
  }
  return term;
}

// The shortest text that reads as the same number.
std::string shortest(double value) {
  std::array<char, 32> text{};
  const auto result = std::to_chars(text.data(), text.data() + text.size(), value);
  return {text.data(), result.ptr};
}

}  // namespace

Kernel energy_kernel() {
  return {{.kind = KernelKind::Riesz, .exponent = 1}};
}

void check_kernel(const Kernel& kernel) {
  if (kernel.empty() || !std::all_of(kernel.begin(), kernel.end(), in_range)) {
    throw Error(ErrorKind::Usage,
                "kernel: expected at least one term, positive bandwidths and weights, a positive "
                "exponent for the inverse multiquadric and one between 0 and 2 for Riesz");
  }
}

Kernel parse_kernel(std::string_view text) {
  // A plus may belong to an exponent (1e+2): no name ends in a digit or a point before an 'e'.
  Kernel kernel;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    const bool in_number = i >= 2 && i < text.size() &&
                           (text[i - 1] == 'e' || text[i - 1] == 'E') &&
                           ((text[i - 2] >= '0' && text[i - 2] <= '9') || text[i - 2] == '.');
    if (i == text.size() || (text[i] == '+' && !in_number)) {
      kernel.push_back(parse_term(text.substr(begin, i - begin)));
      begin = i + 1;
    }
  }
  return kernel;
}

std::string to_string(const Kernel& kernel) {
  std::string text;
  for (const KernelTerm& term : kernel) {
    if (!text.empty()) {
      text += '+';
    }
    if (term.weight != 1) {
      text += shortest(term.weight) + "*";
    }
    text += std::find_if(kNames.begin(), kNames.end(), [&](const KindName& known) {
              return known.kind == term.kind;
            })->name;
    const KernelTerm standard;
    const bool shows_exponent =
        term.kind == KernelKind::InverseMultiquadric && term.exponent != standard.exponent;
    if (term.kind == KernelKind::Riesz) {
      text += ":" + shortest(term.exponent);
    } else if (term.bandwidth != standard.bandwidth || shows_exponent) {
      text += ":" + shortest(term.bandwidth);
    }
    if (shows_exponent) {
      text += ":" + shortest(term.exponent);
    }
  }
  return text;
}

bool has_bandwidth(const Kernel& kernel) {
  return std::any_of(kernel.begin(), kernel.end(), [](const KernelTerm& term) {
    return term.kind != KernelKind::Riesz;
  });
}

Kernel with_common_bandwidth(Kernel kernel, double common) {
  for (KernelTerm& term : kernel) {
    term.bandwidth *= term.kind == KernelKind::Riesz ? 1 : common;
  }
  check_kernel(kernel);
  return kernel;
}

template <typename Scalar>
double median_distance(const Eigen::MatrixX<Scalar>& images, Eigen::Index max_images) {
  const Eigen::Index used = std::min(images.cols(), max_images);
  if (used < 2) {
    throw Error(ErrorKind::Usage, "median distance: expected at least two images");
  }
  Eigen::MatrixXd some(images.rows(), used);
  for (Eigen::Index u = 0; u < used; ++u) {
    some.col(u) = images.col(u * images.cols() / used).template cast<double>();
  }
  std::vector<double> squares(static_cast<std::size_t>(used * (used - 1) / 2));
  parallel_for(static_cast<std::size_t>(used), [&](std::size_t i) {
    const auto a = static_cast<Eigen::Index>(i);
    for (Eigen::Index b = 0; b < a; ++b) {
      squares[static_cast<std::size_t>(a * (a - 1) / 2 + b)] =
          (some.col(a) - some.col(b)).squaredNorm();
    }
  });
  const auto middle = squares.begin() + static_cast<std::ptrdiff_t>(squares.size() / 2);
  // Where a NaN ends up in a partial sort is anybody's guess.
  const bool finite =
      std::all_of(squares.begin(), squares.end(), [](double t) { return std::isfinite(t); });
  std::nth_element(squares.begin(), middle, squares.end());
  if (!finite || !(*middle > 0)) {
    throw Error(ErrorKind::Numerical,
                "median distance: expected images that are finite and differ, found the median " +
                    std::to_string(finite ? std::sqrt(*middle) : std::nan("")));
  }
  return std::sqrt(*middle);
}

template double median_distance(const Eigen::MatrixXf&, Eigen::Index);
template double median_distance(const Eigen::MatrixXd&, Eigen::Index);

double kernel_log_scale(const Kernel& kernel, const PixelNoise& noise) {
  double largest = -std::numeric_limits<double>::infinity();
  for (const KernelTerm& term : kernel) {
    const double h2 = term.bandwidth * term.bandwidth;
    largest = std::max(largest,
                       term.kind == KernelKind::Gaussian
                           ? -noise.degrees_of_freedom / 2 * std::log1p(noise.variance / h2)
                           : 0);
  }
  return noise.integrated ? largest : 0;
}

}  // namespace cryosip

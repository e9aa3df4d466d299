#include <algorithm>
#include <cmath>
#include <complex>
#include <limits>
#include <numbers>
#include <string>
#include <vector>

#include "formats/error.hpp"
#include "libcryosip/discrepancy/steered_engine.hpp"

namespace cryosip {

void check_steered_shapes(const PolarLayout& layout,
                          const SteeredOperand& left,
                          const SteeredOperand& right,
                          const SteeredOptions& options) {
  for (const SteeredOperand* side : {&left, &right}) {
    const Eigen::Index count = side->count();
    if (side->images.rows() != layout.size() || side->factors.cols() != count ||
        side->offsets.size() != count ||
        (side->labels.size() != 0 && side->labels.size() != count)) {
      throw Error(ErrorKind::Usage,
                  "steered engine: expected images of the layout's size, with factors, an offset "
                  "and a label (or no labels at all) for each");
    }
  }
  if (left.factors.rows() != right.factors.rows()) {
    throw Error(ErrorKind::Usage,
                "steered engine: expected equal numbers of factors on both sides");
  }
  if (options.angles < 8 || options.angles % 8 != 0) {
    throw Error(
        ErrorKind::Usage,
        "steered engine: " + std::to_string(options.angles) + " angles, expected a multiple of 8");
  }
  if (!(options.negligible_log < std::numeric_limits<double>::infinity())) {
    throw Error(ErrorKind::Usage, "steered engine: negligible_log must be a number or -infinity");
  }
}

SteeredFlops::SteeredFlops(const PolarLayout& layout, Eigen::Index factors, int angles) {
  const auto frequencies = static_cast<double>(layout.angular_frequencies());
  const auto size = static_cast<double>(layout.size());
  // Real and imaginary parts of a correlation take two multiply-adds for each real coefficient;
  // of m = 0 only the real part is needed.
  const double zero = 2 * static_cast<double>(layout.count(0));
  products = 4 * (size - zero) + 2 * zero + 2 * static_cast<double>(factors);
  // Frequencies m = 0, 1, 2, 3 modulo 4; sines of m = 0 are none.
  const double n = angles;
  for (int m = 0; m < layout.angular_frequencies(); ++m) {
    transform += 2 * (m == 0 ? 1 : 2) * n / (m % 2 == 0 ? 8 : 4);
  }
  naive = 16 * static_cast<double>(layout.rings()) * frequencies + 8 * frequencies * n;
}

namespace {

// Calls use(i, j, constant, correlation) for every pair that is not of equal labels: what no
// rotation changes of its exponent, and sum_n conj(a_mn) z_mn for every m.
template <typename Use>
void each_pair(const PolarLayout& layout,
               const SteeredOperand& left,
               const SteeredOperand& right,
               const Use& use) {
  const int frequencies = layout.angular_frequencies();
  const bool labelled = left.labels.size() > 0 && right.labels.size() > 0;
  for (Eigen::Index i = 0; i < left.count(); ++i) {
    const Eigen::VectorXd a = left.images.col(i).cast<double>();
    for (Eigen::Index j = 0; j < right.count(); ++j) {
      if (labelled && left.labels(i) == right.labels(j)) {
        continue;
      }
      const Eigen::VectorXd z = right.images.col(j).cast<double>();
      const double constant =
          left.factors.col(i).cast<double>().dot(right.factors.col(j).cast<double>()) +
          left.offsets(i) + right.offsets(j);
      Eigen::VectorXcd correlation(frequencies);
      for (int m = 0; m < frequencies; ++m) {
        const Eigen::Index count = layout.count(m);
        const auto a_re = a.segment(layout.offset(m), count);
        const auto a_im = a.segment(layout.offset(m) + count, count);
        const auto z_re = z.segment(layout.offset(m), count);
        const auto z_im = z.segment(layout.offset(m) + count, count);
        correlation(m) = {a_re.dot(z_re) + a_im.dot(z_im), a_re.dot(z_im) - a_im.dot(z_re)};
      }
      use(i, j, constant, correlation);
    }
  }
}

// exp(i m alpha): (frequencies, angles)
Eigen::MatrixXcd phases_of(const PolarLayout& layout, int angles) {
  Eigen::MatrixXcd phases(layout.angular_frequencies(), angles);
  for (int k = 0; k < angles; ++k) {
    for (int m = 0; m < layout.angular_frequencies(); ++m) {
      phases(m, k) = std::polar(1.0, 2 * std::numbers::pi * m * (k + 0.5) / angles);
    }
  }
  return phases;
}

}  // namespace

SteeredResult ReferenceSteeredEngine::evaluate(const PolarLayout& layout,
                                               const SteeredOperand& left,
                                               const SteeredOperand& right,
                                               const SteeredOptions& options) const {
  check_steered_shapes(layout, left, right, options);
  const int frequencies = layout.angular_frequencies();
  const Eigen::MatrixXcd phases = phases_of(layout, options.angles);
  SteeredResult result;
  result.sums = Eigen::VectorXd::Zero(left.count());
  result.images_gradient = Eigen::MatrixXd::Zero(layout.size(), left.count());
  result.factors_gradient = Eigen::MatrixXd::Zero(left.factors.rows(), left.count());
  result.work.asked = left.count() * right.count();
  each_pair(
      layout,
      left,
      right,
      [&](Eigen::Index i, Eigen::Index j, double constant, const Eigen::VectorXcd& correlation) {
        // mean_alpha exp(E) exp(i m alpha)
        Eigen::VectorXcd mean = Eigen::VectorXcd::Zero(frequencies);
        for (int k = 0; k < options.angles; ++k) {
          const double exponent = constant + phases.col(k).cwiseProduct(correlation).real().sum();
          mean += std::exp(exponent) / options.angles * phases.col(k);
        }
        const Eigen::VectorXd z = right.images.col(j).cast<double>();
        result.sums(i) += mean(0).real();
        result.factors_gradient.col(i) += mean(0).real() * right.factors.col(j).cast<double>();
        for (int m = 0; m < frequencies; ++m) {
          const Eigen::Index count = layout.count(m);
          const auto z_re = z.segment(layout.offset(m), count);
          const auto z_im = z.segment(layout.offset(m) + count, count);
          const std::complex<double> w = mean(m);
          auto gradient = result.images_gradient.col(i).segment(layout.offset(m), 2 * count);
          gradient.head(count) += w.real() * z_re - w.imag() * z_im;
          gradient.tail(count) += w.real() * z_im + w.imag() * z_re;
        }
      });
  const SteeredFlops flops(layout, left.factors.rows(), options.angles);
  result.work.useful_flops = static_cast<double>(result.work.asked) * flops.both_ways();
  return result;
}

Eigen::VectorXd ReferenceSteeredEngine::log_sums(const PolarLayout& layout,
                                                 const SteeredOperand& left,
                                                 const SteeredOperand& right,
                                                 const SteeredOptions& options) const {
  check_steered_shapes(layout, left, right, options);
  const Eigen::MatrixXcd phases = phases_of(layout, options.angles);
  std::vector<std::vector<double>> exponents(static_cast<std::size_t>(left.count()));
  each_pair(
      layout,
      left,
      right,
      [&](Eigen::Index i, Eigen::Index, double constant, const Eigen::VectorXcd& correlation) {
        for (int k = 0; k < options.angles; ++k) {
          exponents[static_cast<std::size_t>(i)].push_back(
              constant + phases.col(k).cwiseProduct(correlation).real().sum());
        }
      });
  Eigen::VectorXd logs(left.count());
  for (Eigen::Index i = 0; i < left.count(); ++i) {
    const auto& own = exponents[static_cast<std::size_t>(i)];
    const double largest =
        own.empty() ? -std::numeric_limits<double>::infinity() : *std::ranges::max_element(own);
    double sum = 0;
    for (const double exponent : own) {
      sum += largest > -std::numeric_limits<double>::infinity() ? std::exp(exponent - largest) : 0;
    }
    logs(i) = largest + std::log(sum / options.angles);
  }
  return logs;
}

}  // namespace cryosip

#include "libcryosip/flow/steered_likelihood.hpp"

#include <utility>

#include "libcryosip/core/parallel.hpp"

namespace cryosip {

Eigen::MatrixXd ring_powers(const PolarLayout& layout,
                            const Eigen::MatrixXf& images,
                            const Eigen::VectorXd& weight) {
  Eigen::MatrixXd powers = Eigen::MatrixXd::Zero(layout.rings(), images.cols());
  parallel_for(static_cast<std::size_t>(images.cols()), [&](std::size_t i) {
    const auto column = static_cast<Eigen::Index>(i);
    for (int m = 0; m < layout.angular_frequencies(); ++m) {
      const Eigen::Index count = layout.count(m);
      for (const Eigen::Index part : {layout.offset(m), layout.offset(m) + count}) {
        powers.col(column).tail(count).array() +=
            weight.segment(part, count).array() *
            images.col(column).segment(part, count).cast<double>().array().square();
      }
    }
  });
  return powers;
}

Eigen::MatrixXf on_coefficients(const PolarLayout& layout, const Eigen::MatrixXd& on_rings) {
  Eigen::MatrixXf values(layout.size(), on_rings.cols());
  for (int m = 0; m < layout.angular_frequencies(); ++m) {
    const Eigen::Index count = layout.count(m);
    for (const Eigen::Index part : {layout.offset(m), layout.offset(m) + count}) {
      values.middleRows(part, count) = on_rings.bottomRows(count).cast<float>();
    }
  }
  return values;
}

Eigen::VectorXd evened(const PolarLayout& layout, Eigen::VectorXd values) {
  for (int m = 1; m < layout.angular_frequencies(); ++m) {
    auto real = values.segment(layout.offset(m), layout.count(m));
    auto imaginary = values.segment(layout.offset(m) + layout.count(m), layout.count(m));
    real = (real + imaginary).eval() / 2;
    imaginary = real;
  }
  return values;
}

Eigen::VectorXd noise_variance(const PolarBasis& basis, const ImageScale& scale) {
  return scale.noise_sigma * scale.noise_sigma * evened(basis.layout(), basis.noise_variance());
}

SteeredLikelihood::SteeredLikelihood(const PolarLayout& layout,
                                     double contrast,
                                     const Eigen::VectorXd& variance)
    : layout_(layout),
      contrast_(contrast),
      precision_(variance.unaryExpr([](double value) { return value > 0 ? 1 / value : 0; })),
      per_variance_(contrast * precision_) {}

SteeredOperand SteeredLikelihood::drawings(const Eigen::MatrixXf& images,
                                           const Eigen::VectorXd& log_prior) const {
  SteeredOperand operand;
  operand.images = per_variance_.cast<float>().asDiagonal() * images;
  operand.factors = (-0.5 * contrast_ * ring_powers(layout_, images, per_variance_)).cast<float>();
  operand.offsets = log_prior;
  return operand;
}

SteeredOperand SteeredLikelihood::observed(Eigen::MatrixXf filtered,
                                           const Eigen::MatrixXd& transfers_squared) const {
  SteeredOperand operand;
  operand.images = std::move(filtered);
  // No exponent of an image may overflow: the largest that any drawing could reach, but for
  // frequencies where the CTF leaves next to nothing.
  constexpr double kFaint = 0.01;
  const Eigen::MatrixXd filled = ring_powers(layout_, operand.images, precision_).array() /
                                 (transfers_squared.array() + kFaint);
  operand.offsets = -0.5 * filled.colwise().sum().transpose();
  operand.factors = transfers_squared.cast<float>();
  return operand;
}

}  // namespace cryosip

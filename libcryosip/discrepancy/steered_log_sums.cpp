#include <algorithm>
#include <cmath>

#include "libcryosip/discrepancy/steered_engine.hpp"

namespace cryosip {

Eigen::VectorXd steered_log_sums(const SteeredEngine& engine,
                                 const PolarLayout& layout,
                                 const SteeredOperand& left,
                                 const SteeredOperand& right,
                                 const SteeredOptions& options) {
  // What single precision holds of an exponent, with room for the logarithm of a sum of many.
  constexpr double kRoom = 40;
  const auto largest = [](const Eigen::MatrixXf& columns) {
    return columns.cols() > 0 ? std::sqrt(columns.cast<double>().colwise().squaredNorm().maxCoeff())
                              : 0;
  };
  double right_offset = 0;
  for (const double offset : right.offsets) {
    right_offset = std::isfinite(offset) ? std::max(right_offset, std::abs(offset)) : right_offset;
  }
  const double range = largest(left.images) * largest(right.images) +
                       largest(left.factors) * largest(right.factors) +
                       (left.count() > 0 ? left.offsets.cwiseAbs().maxCoeff() : 0) + right_offset;
  // A sum at a share s of the exponents tells the largest of them to log(partners, angles) / s.
  const double uncertainty =
      std::log(static_cast<double>(std::max<Eigen::Index>(right.count(), 1) * options.angles));
  double share = std::min(1.0, kRoom / std::max(range, kRoom));
  Eigen::ArrayXd lift = Eigen::ArrayXd::Zero(left.count());  // of the shares of exponents
  while (true) {
    SteeredOperand shrunk = left;
    shrunk.images *= static_cast<float>(share);
    shrunk.factors *= static_cast<float>(share);
    shrunk.offsets = share * left.offsets.array() + lift;
    SteeredOperand partners = right;
    partners.offsets *= share;
    const Eigen::ArrayXd logs =
        engine.evaluate(layout, shrunk, partners, options).sums.array().log() - lift;
    if (share == 1) {
      return logs;
    }
    const double next = std::min(1.0, share * 2 * kRoom / uncertainty);
    lift = kRoom - next / share * logs;
    share = next;
  }
}

}  // namespace cryosip

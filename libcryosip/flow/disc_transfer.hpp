// The transfer function as flows use it: without the image's mean, which is the background's.
#pragma once

#include <Eigen/Core>

#include "libcryosip/forward/forward_model.hpp"
#include "libcryosip/forward/image_basis.hpp"

namespace cryosip {

/// The CTF (1 where there is none) at every frequency of the disc; 0 at frequency zero.
inline Eigen::VectorXd transfer_without_mean(const FourierDisc& basis,
                                             const ImagingCondition& condition) {
  Eigen::VectorXd transfer =
      condition.ctf ? basis.transfer(*condition.ctf) : Eigen::VectorXd::Ones(basis.frequencies());
  transfer(0) = 0;
  return transfer;
}

/// The same for every real coefficient, times the contrast: (basis.size()).
inline Eigen::VectorXf doubled_transfer(const FourierDisc& basis,
                                        const ImagingCondition& condition,
                                        double contrast) {
  const Eigen::VectorXd transfer = contrast * transfer_without_mean(basis, condition);
  Eigen::VectorXf twice(basis.size());
  twice << transfer.cast<float>(), transfer.cast<float>();
  return twice;
}

}  // namespace cryosip

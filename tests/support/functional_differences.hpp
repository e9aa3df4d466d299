// What a functional of an ensemble says of velocities and first variations, by central differences.
#pragma once

#include <functional>

#include <Eigen/Core>

#include "libcryosip/structure/ensemble.hpp"

namespace cryosip::testing {

/// Of coordinates (K, conformations) and weights (conformations).
using Functional = std::function<double(const Eigen::MatrixXd&, const Eigen::VectorXd&)>;

/// Minus its derivative by every coordinate over the conformation's weight: (K, conformations).
inline Eigen::MatrixXd descent_of(const Functional& value,
                                  const Ensemble& ensemble,
                                  double difference) {
  Eigen::MatrixXd velocity(ensemble.dimension(), ensemble.size());
  for (Eigen::Index i = 0; i < ensemble.size(); ++i) {
    for (Eigen::Index k = 0; k < ensemble.dimension(); ++k) {
      Eigen::MatrixXd up = ensemble.coordinates;
      Eigen::MatrixXd down = ensemble.coordinates;
      up(k, i) += difference;
      down(k, i) -= difference;
      velocity(k, i) = -(value(up, ensemble.weights) - value(down, ensemble.weights)) /
                       (2 * difference * ensemble.weights(i));
    }
  }
  return velocity;
}

/// Its first variation at one conformation less that at another: weight goes from there to here.
inline double variation_between(const Functional& value,
                                const Ensemble& ensemble,
                                Eigen::Index here,
                                Eigen::Index there,
                                double difference) {
  Eigen::VectorXd moved = Eigen::VectorXd::Zero(ensemble.size());
  moved(here) = difference;
  moved(there) = -difference;
  return (value(ensemble.coordinates, ensemble.weights + moved) -
          value(ensemble.coordinates, ensemble.weights - moved)) /
         (2 * difference);
}

}  // namespace cryosip::testing

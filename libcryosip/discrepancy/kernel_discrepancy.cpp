#include "libcryosip/discrepancy/kernel_discrepancy.hpp"

#include "formats/error.hpp"

namespace cryosip {
namespace {

double integrated_variance(const PixelNoise& noise) {
  return noise.integrated ? noise.variance : 0;
}

}  // namespace

template <typename Scalar>
KernelDiscrepancy<Scalar>::KernelDiscrepancy(const PairEngine<Scalar>& engine,
                                             const Kernel& kernel,
                                             const PixelNoise& noise)
    : engine_(engine),
      log_scale_(kernel_log_scale(kernel, noise)),
      to_observed_(kernel, integrated_variance(noise), noise.degrees_of_freedom, log_scale_),
      to_simulated_(kernel, 2 * integrated_variance(noise), noise.degrees_of_freedom, log_scale_),
      among_observed_(kernel, 0, 0, log_scale_) {}

template <typename Scalar>
double KernelDiscrepancy<Scalar>::observed_term(const Eigen::MatrixX<Scalar>& observed) const {
  const auto count = static_cast<double>(observed.cols());
  if (observed.cols() < 2) {
    throw Error(ErrorKind::Usage, "discrepancy: expected at least two observed images");
  }
  const std::vector<int> origin = own_origins(observed.cols());
  const Eigen::VectorXd weights = equal_weights(observed.cols());
  const PairSums sums =
      engine_.kernel_sums({observed, observed, weights, {origin, {}, {}}}, among_observed_, false);
  return sums.value.mean() * count / (count - 1);
}

template <typename Scalar>
DiscrepancyResult KernelDiscrepancy<Scalar>::evaluate_at(
    const SimulatedImages<Scalar>& simulated,
    const Eigen::MatrixX<Scalar>* points,
    const std::vector<int>& origin,
    const Eigen::MatrixX<Scalar>& observed) const {
  check_sample(simulated, observed);
  const Eigen::VectorXd& weights = simulated.weights;
  const Eigen::VectorXd independent = independent_weights(simulated);
  const double pairs = weights.dot(independent);
  if (!(pairs > 0)) {
    throw Error(ErrorKind::Usage,
                "discrepancy: expected at least two independent simulated images with weight");
  }
  const std::vector<int> own = own_origins(simulated.images.cols());
  const Eigen::VectorXd observed_weights = equal_weights(observed.cols());
  const auto with_simulated =
      [&](const Eigen::MatrixX<Scalar>& at, const std::vector<int>& from, bool with_gradient) {
        return engine_.kernel_sums(
            {at, simulated.images, weights, {from, simulated.conformation, simulated.nuisance}},
            to_simulated_,
            with_gradient);
      };
  const auto with_observed = [&](const Eigen::MatrixX<Scalar>& at, bool with_gradient) {
    return engine_.kernel_sums({at, observed, observed_weights, {}}, to_observed_, with_gradient);
  };

  PairSums self = with_simulated(simulated.images, own, points == nullptr);
  PairSums cross = with_observed(simulated.images, points == nullptr);
  const double self_mean = weights.dot(self.value) / pairs;
  DiscrepancyResult result;
  result.value = self_mean - 2 * weights.dot(cross.value);
  result.log_scale = log_scale_;
  if (points != nullptr) {
    self = with_simulated(*points, origin, true);
    cross = with_observed(*points, true);
  }
  const std::vector<int>& from = points == nullptr ? own : origin;
  result.first_variation.resize(self.value.size());
  result.gradient.resize(self.gradient.rows(), self.gradient.cols());
  for (Eigen::Index i = 0; i < self.value.size(); ++i) {
    const int image = from.empty() ? -1 : from[static_cast<std::size_t>(i)];
    // What is left of the weight at this point, whose kernel sum stands for more or less of it than
    // the average; a point that belongs to no image misses nothing.
    const double left = image < 0 ? 1 : independent(image);
    const double total = image < 0 ? 1 : pairs;
    result.first_variation(i) =
        2 * ((self.value(i) + (total - left) * self_mean) / total - cross.value(i));
    result.gradient.col(i) = 2 * (self.gradient.col(i) / total - cross.gradient.col(i));
  }
  return result;
}

template class KernelDiscrepancy<float>;
template class KernelDiscrepancy<double>;

}  // namespace cryosip

#include <algorithm>
#include <vector>

#include "libcryosip/core/parallel.hpp"
#include "libcryosip/discrepancy/pair_engine.hpp"
#include "libcryosip/discrepancy/pair_kernel.hpp"

namespace cryosip {
namespace {

constexpr Eigen::Index kRowBlock = 64;      // simulated images a task
constexpr Eigen::Index kColumnBlock = 512;  // partners a matrix product
// Below this share of the norms a squared distance by matrix product has lost its digits.
constexpr double kCancelled = 1e-4;

// Sum over partners of weight * k(x_i, partner), and its gradient by x_i as if the partners stood
// still, for one block of images.
struct BlockSum {
  Eigen::VectorXd value;     // (block)
  Eigen::MatrixXd gradient;  // (coefficients, block)
};

BlockSum sum_over_partners(const Eigen::Ref<const Eigen::MatrixXf>& images,
                           const Eigen::MatrixXf& partners,
                           const Eigen::VectorXf& partner_norms,
                           const Eigen::VectorXd& partner_weights,
                           const PairTerm& term,
                           Eigen::Index first_image_among_partners) {
  const Eigen::Index count = images.cols();
  BlockSum sum{Eigen::VectorXd::Zero(count), Eigen::MatrixXd::Zero(images.rows(), count)};
  Eigen::VectorXd pull = Eigen::VectorXd::Zero(count);
  const Eigen::VectorXf norms = images.colwise().squaredNorm();
  Eigen::MatrixXf products;
  for (Eigen::Index first = 0; first < partners.cols(); first += kColumnBlock) {
    const Eigen::Index width = std::min(kColumnBlock, partners.cols() - first);
    const auto block = partners.middleCols(first, width);
    products.noalias() = block.transpose() * images;  // (width, count)
    for (Eigen::Index i = 0; i < count; ++i) {
      for (Eigen::Index j = 0; j < width; ++j) {
        const Eigen::Index partner = first + j;
        float& product = products(j, i);
        if (first_image_among_partners >= 0 && partner == first_image_among_partners + i) {
          product = 0;
          continue;
        }
        const double both =
            static_cast<double>(norms(i)) + static_cast<double>(partner_norms(partner));
        double r2 = both - 2 * static_cast<double>(product);
        if (r2 < kCancelled * both) {
          r2 = static_cast<double>((block.col(j) - images.col(i)).squaredNorm());
        }
        const PairTerm::Value value = term(r2);
        const double weight = partner_weights(partner);
        sum.value(i) += weight * value.term;
        const double slope = weight * 2 * value.by_square;
        pull(i) += slope;
        product = static_cast<float>(slope);
      }
    }
    sum.gradient -= (block * products).cast<double>();
  }
  for (Eigen::Index i = 0; i < count; ++i) {
    sum.gradient.col(i) += pull(i) * images.col(i).cast<double>();
  }
  return sum;
}

}  // namespace

PairResult BlockedPairEngine::evaluate(const Eigen::MatrixXf& simulated,
                                       const Eigen::VectorXd& weights,
                                       const Eigen::MatrixXf& observed,
                                       const PairKernelOptions& options) const {
  check_pair_shapes(simulated.rows(), simulated.cols(), weights, observed.rows(), observed.cols());
  const Eigen::VectorXf mean = observed.rowwise().mean();
  const Eigen::MatrixXf x = simulated.colwise() - mean;
  const Eigen::MatrixXf y = observed.colwise() - mean;
  const Eigen::VectorXf x_norms = x.colwise().squaredNorm();
  const Eigen::VectorXf y_norms = y.colwise().squaredNorm();
  const Eigen::VectorXd y_weights =
      Eigen::VectorXd::Constant(y.cols(), 1 / static_cast<double>(y.cols()));
  const PairTerm cross(options, NoisySides::One, x.rows());
  const PairTerm self(options, NoisySides::Two, x.rows());
  const double distinct = 1 - weights.squaredNorm();

  PairResult result;
  result.gradient.resize(x.rows(), x.cols());
  const Eigen::Index blocks = (x.cols() + kRowBlock - 1) / kRowBlock;
  result.value = parallel_sum(static_cast<std::size_t>(blocks), [&](std::size_t block) {
    const Eigen::Index first = static_cast<Eigen::Index>(block) * kRowBlock;
    const Eigen::Index count = std::min(kRowBlock, x.cols() - first);
    const auto images = x.middleCols(first, count);
    const BlockSum to_observed = sum_over_partners(images, y, y_norms, y_weights, cross, -1);
    const BlockSum to_simulated = sum_over_partners(images, x, x_norms, weights, self, first);
    double value = 0;
    for (Eigen::Index i = 0; i < count; ++i) {
      const double weight = weights(first + i);
      value += weight * (2 * to_observed.value(i) - to_simulated.value(i) / distinct);
      result.gradient.col(first + i) =
          2 * weight * (to_observed.gradient.col(i) - to_simulated.gradient.col(i) / distinct);
    }
    return value;
  });
  return result;
}

}  // namespace cryosip

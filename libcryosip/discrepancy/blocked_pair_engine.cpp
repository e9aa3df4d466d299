#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/discrepancy/pair_engine.hpp"

namespace cryosip {
namespace {

constexpr Eigen::Index kPointBlock = 64;     // points a task
constexpr Eigen::Index kPartnerBlock = 512;  // partners a matrix product
// Below this share of the norms a squared distance by matrix product has lost its digits.
constexpr double kCancelled = 1e-4;
// Up to here a matrix product saves no time: images are subtracted, in double precision.
constexpr Eigen::Index kFewCoefficients = 8;
constexpr double kInfinity = std::numeric_limits<double>::infinity();

void check_finite(double number) {
  if (!std::isfinite(number)) {
    throw Error(ErrorKind::Numerical, "the images to be compared are not finite");
  }
}

std::size_t block_count(Eigen::Index count, Eigen::Index block) {
  return static_cast<std::size_t>((count + block - 1) / block);
}

// A function of squared distances t on its way into a sum over partners.
struct PairStep {
  Eigen::ArrayXd value;  // (width): what is summed, weight included
  Eigen::ArrayXd slope;  // (width): derivative of the sum by t
  double rescale = 1;    // what the sums so far are to be multiplied by
};

// sum_j w_j k(t_j)
class KernelStep {
 public:
  explicit KernelStep(const PairTable& kernel) : kernel_(kernel) {}
  void operator()(const Eigen::ArrayXd& t, const Eigen::ArrayXd& weights, PairStep& step) const {
    kernel_.evaluate(t, step.value, step.slope);
    step.value *= weights;
    step.slope *= weights;
  }

 private:
  const PairTable& kernel_;
};

// sum_j w_j exp(-t_j / 2 variance - offset), the offset following the largest exponent seen.
class ExponentialStep {
 public:
  explicit ExponentialStep(double variance) : rate_(1 / (2 * variance)) {}
  void operator()(const Eigen::ArrayXd& t, const Eigen::ArrayXd& weights, PairStep& step) {
    const double largest = std::max(offset_, -rate_ * t.minCoeff());
    step.rescale = std::exp(offset_ - largest);
    offset_ = largest;
    step.value = weights * (-rate_ * t - offset_).exp();
    step.slope = -rate_ * step.value;
  }
  [[nodiscard]] double offset() const { return offset_; }

 private:
  double rate_;
  double offset_ = -kInfinity;
};

// The images of a problem, moved so that their squared distances keep their digits.
template <typename Scalar>
class PairBlocks {
 public:
  explicit PairBlocks(const PairProblem<Scalar>& problem)
      : problem_(problem),
        few_(problem.points.rows() <= kFewCoefficients),
        weights_(problem.weights.array()) {
    const Eigen::VectorX<Scalar> mean =
        problem.partners.template cast<double>().rowwise().mean().template cast<Scalar>();
    points_ = problem.points.colwise() - mean;
    partners_ = problem.partners.colwise() - mean;
    point_norms_ = squared_norms(points_);
    partner_norms_ = squared_norms(partners_);
    if (few_) {
      rows_ = partners_.transpose().template cast<double>();
    }
  }

  // No squared distance is larger.
  [[nodiscard]] double largest_square() const {
    const double sum = std::sqrt(point_norms_.maxCoeff()) + std::sqrt(partner_norms_.maxCoeff());
    // NaN is lost in a maximum.
    return std::isfinite(point_norms_.sum() + partner_norms_.sum()) ? sum * sum : kInfinity;
  }

  // Adds up steps[i], for each point of a block, over all partners.
  template <typename Step>
  void add_up(Eigen::Index first_point,
              std::vector<Step>& steps,
              bool with_gradient,
              Eigen::Ref<Eigen::VectorXd> value,
              Eigen::Ref<Eigen::MatrixXd> gradient) const {
    const auto count = static_cast<Eigen::Index>(steps.size());
    const auto points = points_.middleCols(first_point, count);
    Eigen::MatrixX<Scalar> products;
    Eigen::ArrayXd pull = Eigen::ArrayXd::Zero(count);
    Eigen::ArrayXd scale(count);
    Scratch scratch;
    for (Eigen::Index first = 0; first < partners_.cols(); first += kPartnerBlock) {
      const Eigen::Index width = std::min(kPartnerBlock, partners_.cols() - first);
      const auto partners = partners_.middleCols(first, width);
      if (few_) {
        products.resize(width, count);
      } else {
        products.noalias() = partners.transpose() * points;  // (width, count)
      }
      for (Eigen::Index i = 0; i < count; ++i) {
        scale(i) = 0;
        const bool any = squared_distances(first_point + i, first, products.col(i), scratch);
        if (!any) {
          products.col(i).setZero();
          continue;
        }
        steps[static_cast<std::size_t>(i)](scratch.squares, scratch.weights, scratch.step);
        PairStep& step = scratch.step;
        value(i) = value(i) * step.rescale + step.value.sum();
        if (!with_gradient) {
          continue;
        }
        gradient.col(i) *= step.rescale;
        pull(i) *= step.rescale;
        if (few_) {
          for (Eigen::Index k = 0; k < points.rows(); ++k) {
            const auto x = static_cast<double>(points(k, i));
            gradient(k, i) +=
                2 * (step.slope * (x - rows_.col(k).segment(first, width).array())).sum();
          }
          continue;
        }
        // What is close is subtracted before it is multiplied, or it loses its digits.
        for (const Eigen::Index j : scratch.close) {
          gradient.col(i) += 2 * step.slope(j) * difference(first_point + i, first + j);
          step.slope(j) = 0;
        }
        pull(i) += 2 * step.slope.sum();
        // In units of the largest, which Scalar may not hold.
        scale(i) = step.slope.abs().maxCoeff();
        products.col(i) =
            (step.slope / (scale(i) > 0 ? scale(i) : 1)).matrix().template cast<Scalar>();
      }
      if (with_gradient && !few_) {
        gradient -=
            (partners * products).template cast<double>() * (2 * scale).matrix().asDiagonal();
      }
    }
    if (with_gradient) {
      gradient += points.template cast<double>() * pull.matrix().asDiagonal();
    }
  }

 private:
  // Of one point against a block of partners.
  struct Scratch {
    Eigen::ArrayXd squares;
    Eigen::ArrayXd weights;
    std::vector<Eigen::Index> close;
    PairStep step;
  };

  static Eigen::ArrayXd squared_norms(const Eigen::MatrixX<Scalar>& images) {
    Eigen::ArrayXd norms(images.cols());
    parallel_for(block_count(images.cols(), kPartnerBlock), [&](std::size_t block) {
      const Eigen::Index first = static_cast<Eigen::Index>(block) * kPartnerBlock;
      for (Eigen::Index i = first; i < std::min(first + kPartnerBlock, images.cols()); ++i) {
        norms(i) = images.col(i).template cast<double>().squaredNorm();
      }
    });
    return norms;
  }

  // Of the images as they came: moving them may have rounded them.
  auto difference(Eigen::Index point, Eigen::Index partner) const {
    return problem_.points.col(point).template cast<double>() -
           problem_.partners.col(partner).template cast<double>();
  }

  // Squares, weights (0 where a pair is left out) and close pairs; false where nothing is left.
  bool squared_distances(Eigen::Index point,
                         Eigen::Index first,
                         const Eigen::Ref<const Eigen::VectorX<Scalar>>& products,
                         Scratch& scratch) const {
    const Eigen::Index width = products.size();
    Eigen::ArrayXd& squares = scratch.squares;
    Eigen::ArrayXd& weights = scratch.weights;
    weights = weights_.segment(first, width);
    leave_out(point, first, weights);
    scratch.close.clear();
    if (few_) {
      squares.setZero(width);
      for (Eigen::Index k = 0; k < points_.rows(); ++k) {
        const auto x = static_cast<double>(points_(k, point));
        squares += (rows_.col(k).segment(first, width).array() - x).square();
      }
    } else {
      const auto both = point_norms_(point) + partner_norms_.segment(first, width);
      squares = both - 2 * products.array().template cast<double>();
      for (Eigen::Index j = 0; j < width; ++j) {
        if (weights(j) > 0 && squares(j) < kCancelled * both(j)) {
          squares(j) = difference(point, first + j).squaredNorm();
          scratch.close.push_back(j);
        }
      }
    }
    const double smallest = (weights > 0).select(squares, kInfinity).minCoeff();
    // What does not count must not be singular either.
    squares = (weights > 0).select(squares, smallest);
    return smallest < kInfinity;
  }

  void leave_out(Eigen::Index point, Eigen::Index first, Eigen::ArrayXd& weights) const {
    const PairExclusions& exclusions = problem_.exclusions;
    const int from =
        exclusions.origin.empty() ? -1 : exclusions.origin[static_cast<std::size_t>(point)];
    if (from < 0) {
      return;
    }
    if (from >= first && from < first + weights.size()) {
      weights(from - first) = 0;
    }
    for (const std::span<const int> labels : {exclusions.conformation, exclusions.nuisance}) {
      if (labels.empty()) {
        continue;
      }
      const int own = labels[static_cast<std::size_t>(from)];
      for (Eigen::Index j = 0; j < weights.size(); ++j) {
        weights(j) = labels[static_cast<std::size_t>(first + j)] == own ? 0 : weights(j);
      }
    }
  }

  const PairProblem<Scalar>& problem_;
  bool few_;
  Eigen::MatrixXd rows_;  // (partners, d) where there are few coefficients
  Eigen::ArrayXd weights_;
  Eigen::MatrixX<Scalar> points_;
  Eigen::MatrixX<Scalar> partners_;
  Eigen::ArrayXd point_norms_;
  Eigen::ArrayXd partner_norms_;
};

}  // namespace

template <typename Scalar>
PairSums BlockedPairEngine<Scalar>::kernel_sums(const PairProblem<Scalar>& problem,
                                                const PairFunction& kernel,
                                                bool with_gradient) const {
  const PairBlocks<Scalar> blocks(problem);
  const PairTable table(kernel, blocks.largest_square());
  PairSums sums;
  sums.value = Eigen::VectorXd::Zero(problem.points.cols());
  if (with_gradient) {
    sums.gradient = Eigen::MatrixXd::Zero(problem.points.rows(), problem.points.cols());
  }
  parallel_for(block_count(problem.points.cols(), kPointBlock), [&](std::size_t block) {
    const Eigen::Index first = static_cast<Eigen::Index>(block) * kPointBlock;
    const Eigen::Index count = std::min(kPointBlock, problem.points.cols() - first);
    std::vector<KernelStep> steps(static_cast<std::size_t>(count), KernelStep(table));
    blocks.add_up(first,
                  steps,
                  with_gradient,
                  sums.value.segment(first, count),
                  sums.gradient.middleCols(with_gradient ? first : 0, with_gradient ? count : 0));
  });
  return sums;
}

template <typename Scalar>
PairSums BlockedPairEngine<Scalar>::log_gaussian_sums(const PairProblem<Scalar>& problem,
                                                      double variance) const {
  const PairBlocks<Scalar> blocks(problem);
  check_finite(blocks.largest_square());
  PairSums sums;
  sums.value = Eigen::VectorXd::Zero(problem.points.cols());
  sums.gradient = Eigen::MatrixXd::Zero(problem.points.rows(), problem.points.cols());
  parallel_for(block_count(problem.points.cols(), kPointBlock), [&](std::size_t block) {
    const Eigen::Index first = static_cast<Eigen::Index>(block) * kPointBlock;
    const Eigen::Index count = std::min(kPointBlock, problem.points.cols() - first);
    std::vector<ExponentialStep> steps(static_cast<std::size_t>(count), ExponentialStep(variance));
    blocks.add_up(first,
                  steps,
                  true,
                  sums.value.segment(first, count),
                  sums.gradient.middleCols(first, count));
    for (Eigen::Index i = first; i < first + count; ++i) {
      if (sums.value(i) > 0) {
        sums.gradient.col(i) /= sums.value(i);
      }
      sums.value(i) = std::log(sums.value(i)) + steps[static_cast<std::size_t>(i - first)].offset();
    }
  });
  return sums;
}

namespace {

// log p(y_j | x_i) for blocks of both, and what of it comes back.
template <typename Scalar>
class LikelihoodBlocks {
 public:
  LikelihoodBlocks(const Eigen::MatrixX<Scalar>& images,
                   const Eigen::MatrixX<Scalar>& observed,
                   const Eigen::MatrixX<Scalar>& transfer,
                   double variance)
      : images_(images), observed_(observed), transfer_(transfer), variance_(variance) {}

  // C_j y_j and C_j^2 of a block of observed images.
  struct Observed {
    Eigen::MatrixX<Scalar> filtered;          // (d, block)
    Eigen::MatrixX<Scalar> transfer_squared;  // (d, block)
    Eigen::ArrayXd norms;                     // (block): |y_j|^2
  };
  [[nodiscard]] Observed observed(Eigen::Index first, Eigen::Index count) const {
    const auto y = observed_.middleCols(first, count);
    const auto c = transfer_.middleCols(first, count);
    return {c.cwiseProduct(y),
            c.cwiseAbs2(),
            y.template cast<double>().colwise().squaredNorm().transpose().array()};
  }

  // (images, observed)
  [[nodiscard]] Eigen::ArrayXXd log_likelihoods(Eigen::Index first,
                                                Eigen::Index count,
                                                const Observed& observed) const {
    const auto x = images_.middleCols(first, count);
    const Eigen::MatrixX<Scalar> overlap = x.transpose() * observed.filtered;
    const Eigen::MatrixX<Scalar> norm =
        Eigen::MatrixX<Scalar>(x.cwiseAbs2()).transpose() * observed.transfer_squared;
    const Eigen::ArrayXXd misfit =
        norm.template cast<double>().array() - 2 * overlap.template cast<double>().array();
    return (misfit.rowwise() + observed.norms.transpose()) / (-2 * variance_);
  }

 private:
  const Eigen::MatrixX<Scalar>& images_;
  const Eigen::MatrixX<Scalar>& observed_;
  const Eigen::MatrixX<Scalar>& transfer_;
  double variance_;
};

}  // namespace

template <typename Scalar>
LikelihoodSums BlockedPairEngine<Scalar>::likelihood(const Eigen::MatrixX<Scalar>& images,
                                                     const Eigen::VectorXd& weights,
                                                     const Eigen::MatrixX<Scalar>& observed,
                                                     const Eigen::MatrixX<Scalar>& transfer,
                                                     double variance) const {
  const LikelihoodBlocks<Scalar> blocks(images, observed, transfer, variance);
  const Eigen::ArrayXd log_weights = weights.array().log();  // of 0: -infinity, a share of 0
  LikelihoodSums sums;
  sums.log_evidence.resize(observed.cols());
  parallel_for(block_count(observed.cols(), kPointBlock), [&](std::size_t block) {
    const Eigen::Index first = static_cast<Eigen::Index>(block) * kPointBlock;
    const Eigen::Index count = std::min(kPointBlock, observed.cols() - first);
    const auto seen = blocks.observed(first, count);
    Eigen::ArrayXd offset = Eigen::ArrayXd::Constant(count, -kInfinity);
    Eigen::ArrayXd sum = Eigen::ArrayXd::Zero(count);
    for (Eigen::Index image = 0; image < images.cols(); image += kPartnerBlock) {
      const Eigen::Index width = std::min(kPartnerBlock, images.cols() - image);
      const Eigen::ArrayXXd logs =
          blocks.log_likelihoods(image, width, seen).colwise() + log_weights.segment(image, width);
      for (Eigen::Index j = 0; j < count; ++j) {
        const double largest = std::max(offset(j), logs.col(j).maxCoeff());
        if (largest > -kInfinity) {
          sum(j) = sum(j) * std::exp(offset(j) - largest) + (logs.col(j) - largest).exp().sum();
          offset(j) = largest;
        }
      }
    }
    sums.log_evidence.segment(first, count) = offset + sum.log();
  });
  check_finite(sums.log_evidence.sum());

  sums.share = Eigen::VectorXd::Zero(images.cols());
  sums.pull = Eigen::MatrixXd::Zero(images.rows(), images.cols());
  parallel_for(block_count(images.cols(), kPointBlock), [&](std::size_t block) {
    const Eigen::Index first = static_cast<Eigen::Index>(block) * kPointBlock;
    const Eigen::Index count = std::min(kPointBlock, images.cols() - first);
    const Eigen::MatrixXd x = images.middleCols(first, count).template cast<double>();
    auto share = sums.share.segment(first, count);
    auto pull = sums.pull.middleCols(first, count);
    for (Eigen::Index image = 0; image < observed.cols(); image += kPartnerBlock) {
      const Eigen::Index width = std::min(kPartnerBlock, observed.cols() - image);
      const auto seen = blocks.observed(image, width);
      const Eigen::ArrayXXd logs = blocks.log_likelihoods(first, count, seen);
      // Of each image, given y_j.
      const Eigen::MatrixXd posterior =
          ((logs.colwise() + log_weights.segment(first, count)).rowwise() -
           sums.log_evidence.segment(image, width).transpose().array())
              .exp();
      share += posterior.rowwise().sum();
      // In units of the largest, which Scalar may not hold.
      const Eigen::VectorXd largest = posterior.rowwise().maxCoeff();
      const Eigen::VectorXd scale = (largest.array() > 0).select(largest, 1);
      const Eigen::MatrixX<Scalar> shares =
          (posterior.transpose() * scale.cwiseInverse().asDiagonal()).template cast<Scalar>();
      pull += ((seen.filtered * shares).template cast<double>() -
               x.cwiseProduct((seen.transfer_squared * shares).template cast<double>())) *
              scale.asDiagonal();
    }
    for (Eigen::Index i = 0; i < count; ++i) {
      const double weight = weights(first + i);
      share(i) = weight > 0 ? share(i) / weight : 0;
      pull.col(i) *= weight > 0 ? 1 / (weight * variance) : 0;
    }
  });
  return sums;
}

template class BlockedPairEngine<float>;
template class BlockedPairEngine<double>;

}  // namespace cryosip

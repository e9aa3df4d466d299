#include "libcryosip/discrepancy/density_divergence.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <numbers>
#include <sstream>
#include <string>

#include "formats/error.hpp"
#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

// log(1 + exp(l)), without overflow.
double softplus(double l) {
  return std::max(l, 0.0) + std::log1p(std::exp(-std::abs(l)));
}

constexpr std::array kDivergences = {
    FDivergence{"kl",
                [](double l) { return l; },
                [](double l) { return l + 1; },
                [](double) { return 1.0; }},
    FDivergence{"reverse-kl",
                [](double l) { return -std::expm1(-l) - l * std::exp(-l); },
                [](double l) { return -std::expm1(-l); },
                [](double l) { return std::exp(-l); }},
    FDivergence{"chi-squared",
                [](double l) { return std::expm1(l); },
                [](double l) { return 2 * std::exp(l) - 1; },
                [](double l) { return 2 * std::exp(l); }},
    FDivergence{"hellinger",
                [](double l) { return -std::expm1(-l / 2); },
                [](double l) { return 1 - std::exp(-l / 2) / 2; },
                [](double l) { return std::exp(-l / 2) / 4; }},
    // f = (u log u - (1 + u) log((1 + u) / 2)) / 2
    FDivergence{
        "jensen-shannon",
        [](double l) { return (l - (1 + std::exp(-l)) * (softplus(l) - std::numbers::ln2)) / 2; },
        [](double l) { return (l - softplus(l) + std::numbers::ln2) / 2; },
        [](double l) { return std::exp(-softplus(l)) / 2; }}};

}  // namespace

const FDivergence& find_divergence(std::string_view name) {
  const auto* const found =
      std::find_if(kDivergences.begin(), kDivergences.end(), [&](const FDivergence& known) {
        return known.name == name;
      });
  if (found == kDivergences.end()) {
    throw Error(ErrorKind::Usage,
                "divergence '" + std::string(name) +
                    "': expected kl, reverse-kl, chi-squared, hellinger or jensen-shannon");
  }
  return *found;
}

double silverman_factor(double count, Eigen::Index dimension) {
  const auto d = static_cast<double>(dimension);
  return std::pow(4 / ((d + 2) * count), 1 / (d + 4));
}

template <typename Scalar>
double silverman_bandwidth(const Eigen::MatrixX<Scalar>& images) {
  if (images.cols() < 2 || images.rows() < 1) {
    throw Error(ErrorKind::Usage, "Silverman's rule: expected at least two images");
  }
  const auto count = static_cast<double>(images.cols());
  const auto size = static_cast<double>(images.rows());
  const Eigen::VectorXd mean = images.template cast<double>().rowwise().mean();
  double squares = 0;
  for (Eigen::Index i = 0; i < images.cols(); ++i) {
    squares += (images.col(i).template cast<double>() - mean).squaredNorm();
  }
  const double sigma = std::sqrt(squares / (count - 1) / size);
  if (!(sigma > 0) || !std::isfinite(sigma)) {
    throw Error(ErrorKind::Numerical,
                "Silverman's rule: expected images that are finite and differ");
  }
  return sigma * silverman_factor(count, images.rows());
}

template double silverman_bandwidth(const Eigen::MatrixXf&);
template double silverman_bandwidth(const Eigen::MatrixXd&);

template <typename Scalar>
DensityDivergence<Scalar>::DensityDivergence(const PairEngine<Scalar>& engine,
                                             const FDivergence& divergence,
                                             std::optional<double> bandwidth,
                                             const PixelNoise& noise)
    : engine_(engine), divergence_(divergence), bandwidth_(bandwidth), noise_(noise) {
  if ((bandwidth && (!(*bandwidth > 0) || !std::isfinite(*bandwidth))) || !(noise.variance >= 0) ||
      !std::isfinite(noise.variance) || !(noise.degrees_of_freedom >= 0)) {
    throw Error(ErrorKind::Usage,
                "density estimate: expected a positive bandwidth and a noise variance that is not "
                "negative");
  }
}

template <typename Scalar>
double DensityDivergence<Scalar>::observed_term(const Eigen::MatrixX<Scalar>& /*observed*/) const {
  return 0;
}

template <typename Scalar>
DiscrepancyResult DensityDivergence<Scalar>::evaluate_at(
    const SimulatedImages<Scalar>& simulated,
    const Eigen::MatrixX<Scalar>* points,
    const std::vector<int>& origin,
    const Eigen::MatrixX<Scalar>& observed) const {
  check_sample(simulated, observed);
  const bool integrated = noise_.integrated && noise_.variance > 0;
  if (integrated && (origin.empty() || *std::min_element(origin.begin(), origin.end()) < 0)) {
    throw Error(
        ErrorKind::Usage,
        "density estimate: where noise is integrated out, expected points that carry noise, "
        "each of a simulated image");
  }
  const double h = bandwidth_ ? *bandwidth_ : silverman_bandwidth(observed);
  const double q_variance = h * h;
  const double p_variance = q_variance + (integrated ? noise_.variance : 0);
  // Normalising constants of p over that of q.
  const double log_constant =
      integrated ? -noise_.degrees_of_freedom / 2 * std::log(p_variance / q_variance) : 0;
  const Eigen::VectorXd independent = independent_weights(simulated);
  const Eigen::VectorXd observed_weights = equal_weights(observed.cols());

  struct Ratios {
    Eigen::VectorXd log_ratio;  // l = log p/q
    Eigen::MatrixXd gradient;
  };
  const auto ratios_at = [&](const Eigen::MatrixX<Scalar>& at, const std::vector<int>& from) {
    const PairSums p =
        engine_.log_gaussian_sums({at,
                                   simulated.images,
                                   simulated.weights,
                                   {from, simulated.conformation, simulated.nuisance}},
                                  p_variance);
    const PairSums q = engine_.log_gaussian_sums({at, observed, observed_weights, {}}, q_variance);
    Ratios ratios{(p.value - q.value).array() + log_constant, p.gradient - q.gradient};
    for (Eigen::Index i = 0; i < at.cols() && !from.empty(); ++i) {
      if (const int image = from[static_cast<std::size_t>(i)]; image >= 0) {
        if (!(independent(image) > 0)) {
          throw Error(
              ErrorKind::Usage,
              "density estimate: expected every image to be independent of another one with "
              "weight");
        }
        ratios.log_ratio(i) -= std::log(independent(image));
      }
    }
    return ratios;
  };
  const auto finite = [&](double number, double log_ratio) {
    if (!std::isfinite(number)) {
      std::ostringstream message;
      message
          << "divergence " << divergence_.name << ": at log p/q = " << log_ratio
          << " its terms are not finite; the estimated densities hardly overlap: expected a wider "
             "bandwidth, images of fewer coefficients, or another discrepancy";
      throw Error(ErrorKind::Numerical, message.str());
    }
    return number;
  };
  // Mean of f(u) / u over p, of which the points are a sample with those weights.
  const auto mean_over = [&](const Eigen::VectorXd& log_ratio, const Eigen::VectorXd& weights) {
    double sum = 0;
    for (Eigen::Index i = 0; i < log_ratio.size(); ++i) {
      if (weights(i) > 0) {
        sum += weights(i) * finite(divergence_.sample_term(log_ratio(i)), log_ratio(i));
      }
    }
    return sum;
  };

  const std::vector<int> own = own_origins(simulated.images.cols());
  const Ratios ratios =
      points == nullptr ? ratios_at(simulated.images, own) : ratios_at(*points, origin);
  DiscrepancyResult result;
  if (integrated) {
    Eigen::VectorXd shared = Eigen::VectorXd::Zero(simulated.images.cols());
    for (const int image : origin) {
      shared(image) += 1;
    }
    Eigen::VectorXd weights(points->cols());
    for (Eigen::Index i = 0; i < weights.size(); ++i) {
      const int image = origin[static_cast<std::size_t>(i)];
      weights(i) = simulated.weights(image) / shared(image);
    }
    result.value = mean_over(ratios.log_ratio, weights / weights.sum());
  } else {
    result.value =
        mean_over(points == nullptr ? ratios.log_ratio : ratios_at(simulated.images, own).log_ratio,
                  simulated.weights);
  }
  result.first_variation.resize(ratios.log_ratio.size());
  result.gradient.resize(ratios.gradient.rows(), ratios.gradient.cols());
  for (Eigen::Index i = 0; i < ratios.log_ratio.size(); ++i) {
    const double l = ratios.log_ratio(i);
    result.first_variation(i) = finite(divergence_.first_variation(l), l);
    result.gradient.col(i) = finite(divergence_.slope(l), l) * ratios.gradient.col(i);
  }
  return result;
}

template class DensityDivergence<float>;
template class DensityDivergence<double>;

}  // namespace cryosip

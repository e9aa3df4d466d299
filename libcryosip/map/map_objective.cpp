#include "libcryosip/map/map_objective.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <memory>
#include <numeric>
#include <utility>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"
#include "libcryosip/discrepancy/likelihood.hpp"

namespace cryosip {
namespace {

using Workspaces = std::vector<std::unique_ptr<ImageModel::Workspace>>;

Eigen::Index signed_index(std::size_t value) {
  return static_cast<Eigen::Index>(value);
}

std::size_t blocks_of(std::size_t count, std::size_t block) {
  return (count + block - 1) / block;
}

}  // namespace

// Sums over images; each thread's shares are added in a fixed order.
struct MapObjective::Sums {
  Sums(Eigen::Index coordinates, Eigen::Index structures)
      : gradient(Eigen::MatrixXd::Zero(coordinates, structures)),
        posteriors(Eigen::VectorXd::Zero(structures)) {}

  void add(const Sums& share) {
    log_evidence += share.log_evidence;
    gradient += share.gradient;
    posteriors += share.posteriors;
    overlap += share.overlap;
    norm += share.norm;
    structures_per_image += share.structures_per_image;
    nuisances_per_image += share.nuisances_per_image;
  }

  double log_evidence = 0;
  Eigen::MatrixXd gradient;    // of the log evidence
  Eigen::VectorXd posteriors;  // (structures)
  double overlap = 0;          // <C x, y> / sigma^2 under the posterior
  double norm = 0;             // |C x|^2 / sigma^2
  double structures_per_image = 0;
  double nuisances_per_image = 0;
  Eigen::MatrixXd log_likelihoods;  // (structures, images), of all images: not a sum
};

MapObjective::MapObjective(const ImageCoefficients& images,
                           std::vector<std::size_t> indices,
                           double noise_sigma,
                           const MapObjectiveOptions& options)
    : images_(images),
      indices_(std::move(indices)),
      noise_variance_(noise_sigma * noise_sigma),
      options_(options) {
  if (indices_.empty() || !(noise_sigma > 0) || !std::isfinite(noise_sigma) ||
      (options.prior_sigma && !(*options.prior_sigma > 0)) || options.nuisances == 0) {
    throw Error(ErrorKind::Usage,
                "map: expected images, a positive noise sigma, a positive prior sigma and at least "
                "one nuisance");
  }
  if (options.poses == PoseLaw::Uniform) {
    const NuisanceLaw law(images.images(), options.poses, options.seed);
    for (std::size_t n = 0; n < options.nuisances; ++n) {
      nuisances_.push_back(law.sample(0, n).pose);
    }
  }
}

MapEvaluation MapObjective::evaluate(const MapPoint& point) const {
  Sums sums = options_.poses == PoseLaw::Given ? evaluate_given(point) : evaluate_uniform(point);
  const auto count = static_cast<double>(indices_.size());
  MapEvaluation result;
  result.objective = -sums.log_evidence / count;
  result.gradient = -sums.gradient / count;
  result.posteriors = sums.posteriors / count;
  result.contrast_gradient = -(sums.overlap - sums.norm) / (count * point.contrast);
  result.signal = sums.norm / count;
  result.log_likelihoods = std::move(sums.log_likelihoods);
  result.structures_per_image = sums.structures_per_image / count;
  result.nuisances_per_image = sums.nuisances_per_image / count;
  if (options_.prior_sigma) {
    // The prior counts once for a data set, not once for an image.
    const double precision = 1 / (*options_.prior_sigma * *options_.prior_sigma * count);
    result.objective += 0.5 * precision * point.coordinates.squaredNorm();
    result.gradient += precision * point.coordinates;
  }
  return result;
}

MapObjective::Sums MapObjective::evaluate_given(const MapPoint& point) const {
  // Below the rounding of single precision a responsibility changes no bit of a gradient.
  constexpr double kNegligible = 1e-7;
  constexpr std::size_t kBlock = 16;
  const ImageModel& model = images_.model();
  const Eigen::Index structures = point.coordinates.cols();
  Eigen::MatrixXd log_likelihoods(structures, signed_index(indices_.size()));

  std::vector<Sums> shares(blocks_of(indices_.size(), kBlock),
                           Sums(point.coordinates.rows(), structures));
  parallel_for(shares.size(), [&](std::size_t block) {
    Sums& share = shares[block];
    // One for each structure: a drawing is kept until its adjoint is asked for.
    Workspaces workspaces(static_cast<std::size_t>(structures));
    for (auto& workspace : workspaces) {
      workspace = model.workspace();
    }
    Eigen::MatrixXf drawn(model.size(), structures);
    Eigen::VectorXf adjoint(model.size());
    std::vector<ImageLikelihood::Fit> fits(workspaces.size());
    const std::size_t end = std::min(indices_.size(), (block + 1) * kBlock);
    for (std::size_t j = block * kBlock; j < end; ++j) {
      const ImagingCondition condition = images_.images().condition(indices_[j]);
      const ImageLikelihood likelihood(
          images_.read(indices_[j]),
          static_cast<float>(point.contrast) * images_.transfer(indices_[j]),
          noise_variance_);
      auto logs = log_likelihoods.col(signed_index(j));
      for (Eigen::Index k = 0; k < structures; ++k) {
        const auto at = static_cast<std::size_t>(k);
        model.draw(point.coordinates.col(k), condition.pose, *workspaces[at], drawn.col(k));
        fits[at] = likelihood.fit(drawn.col(k));
        logs(k) = fits[at].log_likelihood();
      }
      const Responsibilities posterior = responsibilities(logs, point.fractions, 1);
      share.log_evidence += posterior.log_evidence;
      share.posteriors += posterior.values;
      share.structures_per_image += 1 / posterior.values.squaredNorm();
      share.nuisances_per_image += 1;
      for (Eigen::Index k = 0; k < structures; ++k) {
        const auto at = static_cast<std::size_t>(k);
        const double responsibility = posterior.values(k);
        if (responsibility <= kNegligible) {
          continue;
        }
        share.overlap += responsibility * fits[at].overlap;
        share.norm += responsibility * fits[at].norm;
        likelihood.gradient(drawn.col(k), responsibility, adjoint);
        share.gradient.col(k) += model.pull_back(*workspaces[at], adjoint);
      }
    }
  });

  Sums sums(point.coordinates.rows(), structures);
  for (const Sums& share : shares) {
    sums.add(share);
  }
  sums.log_likelihoods = std::move(log_likelihoods);
  return sums;
}

namespace {

// Images side by side, ready for matrix products with many drawings.
struct Tile {
  Eigen::MatrixXf filtered;          // (size, images): C y / sigma^2
  Eigen::MatrixXf transfer_squared;  // (size, images): C^2 / sigma^2
};

Tile read_tile(const ImageCoefficients& images,
               const std::size_t* indices,
               std::size_t count,
               double contrast,
               double noise_variance) {
  Tile tile{Eigen::MatrixXf(images.model().size(), signed_index(count)),
            Eigen::MatrixXf(images.model().size(), signed_index(count))};
  parallel_for(count, [&](std::size_t b) {
    const Eigen::VectorXd transfer = contrast * images.transfer(indices[b]).cast<double>();
    tile.filtered.col(signed_index(b)) =
        (transfer.cwiseProduct(images.read(indices[b]).cast<double>()) / noise_variance)
            .cast<float>();
    tile.transfer_squared.col(signed_index(b)) =
        (transfer.cwiseAbs2() / noise_variance).cast<float>();
  });
  return tile;
}

// log of the mean of exp(values).
double log_mean_exp(const Eigen::Ref<const Eigen::VectorXd>& values) {
  const double largest = values.maxCoeff();
  return largest + std::log((values.array() - largest).exp().mean());
}

}  // namespace

MapObjective::Sums MapObjective::evaluate_uniform(const MapPoint& point) const {
  constexpr std::size_t kTile = 128;    // images
  constexpr std::size_t kColumns = 64;  // drawings a task
  constexpr double kNegligibleImages = 1e-7;
  const ImageModel& model = images_.model();
  const Eigen::Index structures = point.coordinates.cols();
  const auto m = signed_index(nuisances_.size());
  const Eigen::Index drawings = structures * m;  // structure by structure
  const std::size_t blocks = blocks_of(static_cast<std::size_t>(drawings), kColumns);
  const auto for_columns = [&](const std::function<void(Eigen::Index, Eigen::Index)>& body) {
    parallel_for(blocks, [&](std::size_t block) {
      const auto first = signed_index(block * kColumns);
      body(first, std::min(signed_index(kColumns), drawings - first));
    });
  };

  Eigen::MatrixXf drawn(model.size(), drawings);
  for_columns([&](Eigen::Index first, Eigen::Index count) {
    const auto workspace = model.workspace();
    for (Eigen::Index d = first; d < first + count; ++d) {
      model.draw(point.coordinates.col(d / m),
                 nuisances_[static_cast<std::size_t>(d % m)],
                 *workspace,
                 drawn.col(d));
    }
  });

  // Adjoint of drawing d: sum_j r_jd C_j (y_j - C_j x_d) / sigma^2 = pull - x_d * push.
  Eigen::MatrixXf pull = Eigen::MatrixXf::Zero(model.size(), drawings);
  Eigen::MatrixXf push = Eigen::MatrixXf::Zero(model.size(), drawings);
  Eigen::VectorXd images_of_drawing = Eigen::VectorXd::Zero(drawings);
  Eigen::MatrixXd log_likelihoods(structures, signed_index(indices_.size()));
  Sums sums(point.coordinates.rows(), structures);
  for (std::size_t start = 0; start < indices_.size(); start += kTile) {
    const std::size_t count = std::min(kTile, indices_.size() - start);
    const Tile tile =
        read_tile(images_, indices_.data() + start, count, point.contrast, noise_variance_);
    Eigen::MatrixXf overlaps(drawings, signed_index(count));
    Eigen::MatrixXf norms(drawings, signed_index(count));
    for_columns([&](Eigen::Index first, Eigen::Index width) {
      const auto columns = drawn.middleCols(first, width);
      overlaps.middleRows(first, width).noalias() = columns.transpose() * tile.filtered;
      norms.middleRows(first, width).noalias() =
          columns.cwiseAbs2().transpose() * tile.transfer_squared;
    });

    Eigen::MatrixXf shares_of_drawings(drawings, signed_index(count));
    std::vector<Sums> shares(count, Sums(point.coordinates.rows(), structures));
    parallel_for(count, [&](std::size_t b) {
      const auto column = signed_index(b);
      Sums& share = shares[b];
      const Eigen::VectorXd overlap = overlaps.col(column).cast<double>();
      const Eigen::VectorXd norm = norms.col(column).cast<double>();
      Eigen::VectorXd posterior = overlap - 0.5 * norm;  // log likelihoods at first
      auto logs = log_likelihoods.col(signed_index(start + b));
      for (Eigen::Index k = 0; k < structures; ++k) {
        logs(k) = log_mean_exp(posterior.segment(k * m, m));
      }
      const Responsibilities of_structures = responsibilities(logs, point.fractions, 1);
      for (Eigen::Index k = 0; k < structures; ++k) {
        auto of_nuisances = posterior.segment(k * m, m).array();
        of_nuisances = (of_nuisances - logs(k)).exp() / static_cast<double>(m);
        share.nuisances_per_image += of_structures.values(k) / of_nuisances.matrix().squaredNorm();
        of_nuisances *= of_structures.values(k);
      }
      share.log_evidence = of_structures.log_evidence;
      share.posteriors = of_structures.values;
      share.structures_per_image = 1 / of_structures.values.squaredNorm();
      share.overlap = posterior.dot(overlap);
      share.norm = posterior.dot(norm);
      shares_of_drawings.col(column) = posterior.cast<float>();
    });
    for (const Sums& share : shares) {
      sums.add(share);
    }

    for_columns([&](Eigen::Index first, Eigen::Index width) {
      const Eigen::MatrixXf share = shares_of_drawings.middleRows(first, width).transpose();
      images_of_drawing.segment(first, width) += share.cast<double>().colwise().sum();
      pull.middleCols(first, width).noalias() += tile.filtered * share;
      push.middleCols(first, width).noalias() += tile.transfer_squared * share;
    });
  }

  Eigen::MatrixXd gradients = Eigen::MatrixXd::Zero(point.coordinates.rows(), drawings);
  for_columns([&](Eigen::Index first, Eigen::Index count) {
    const auto workspace = model.workspace();
    Eigen::VectorXf image(model.size());
    Eigen::VectorXf adjoint(model.size());
    for (Eigen::Index d = first; d < first + count; ++d) {
      if (images_of_drawing(d) <= kNegligibleImages) {
        continue;
      }
      // Once more, for the workspace.
      model.draw(point.coordinates.col(d / m),
                 nuisances_[static_cast<std::size_t>(d % m)],
                 *workspace,
                 image);
      adjoint = pull.col(d) - push.col(d).cwiseProduct(image);
      gradients.col(d) = model.pull_back(*workspace, adjoint);
    }
  });
  for (Eigen::Index k = 0; k < structures; ++k) {
    sums.gradient.col(k) = gradients.middleCols(k * m, m).rowwise().sum();
  }
  sums.log_likelihoods = std::move(log_likelihoods);
  return sums;
}

Eigen::VectorXd MapObjective::information(const MapPoint& point) const {
  constexpr std::size_t kImages = 32;
  constexpr double kStep = 0.01;
  const ImageModel& model = images_.model();
  const std::size_t used = std::min(kImages, indices_.size());
  const Eigen::Index coordinates = point.coordinates.rows();
  std::vector<Eigen::VectorXd> shares(used, Eigen::VectorXd::Zero(coordinates));
  parallel_for(used, [&](std::size_t u) {
    const std::size_t image = indices_[u * indices_.size() / used];
    ImagingCondition condition = images_.images().condition(image);
    if (!nuisances_.empty()) {
      condition.pose = nuisances_[u % nuisances_.size()];
    }
    const Eigen::VectorXf transfer = images_.transfer(image);
    const auto workspace = model.workspace();
    Eigen::VectorXf up(model.size());
    Eigen::VectorXf down(model.size());
    for (Eigen::Index k = 0; k < point.coordinates.cols(); ++k) {
      for (Eigen::Index c = 0; c < coordinates; ++c) {
        const Eigen::VectorXd step = kStep * Eigen::VectorXd::Unit(coordinates, c);
        model.draw(point.coordinates.col(k) + step, condition.pose, *workspace, up);
        model.draw(point.coordinates.col(k) - step, condition.pose, *workspace, down);
        shares[u](c) += (up - down).cwiseProduct(transfer).squaredNorm();
      }
    }
  });
  const Eigen::VectorXd sum =
      std::accumulate(shares.begin(), shares.end(), Eigen::VectorXd::Zero(coordinates).eval());
  const double drawn = static_cast<double>(used) * static_cast<double>(point.coordinates.cols());
  return sum * (point.contrast * point.contrast / (4 * kStep * kStep * noise_variance_ * drawn));
}

}  // namespace cryosip

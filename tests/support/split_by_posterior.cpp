// split_by_posterior ENSEMBLE.star PARTICLES.star: each image's population, a line each.
//
// Prints "+" for an image whose posterior over the ensemble's conformations lies for the greater
// part at positive values of the first coordinate, else "-".
#include <exception>
#include <iostream>

#include "formats/star.hpp"
#include "libcryosip/dataset/image_coefficients.hpp"
#include "libcryosip/discrepancy/likelihood.hpp"
#include "libcryosip/flow/image_scale.hpp"
#include "libcryosip/forward/conformation_model.hpp"

int main(int argc, char** argv) {
  using namespace cryosip;
  try {
    if (argc != 3) {
      std::cerr << "usage: split_by_posterior ENSEMBLE.star PARTICLES.star\n";
      return 2;
    }
    const Ensemble ensemble = read_ensemble(formats::read_star(argv[1]));
    const auto conformations = load_conformation_model(ensemble.model);
    const ImageSet images = ImageSet::open(argv[2], {});
    const auto model = conformations->image_model(images.grid(), 0, {});
    SilentProgress progress;
    const ImageCoefficients coefficients(images, *model, progress);
    const double sigma = ensemble.flow.carried(kNoiseLabel).value();
    const double contrast = ensemble.flow.carried(kContrastLabel).value();
    const auto workspace = model->workspace();
    Eigen::VectorXf drawn(model->size());
    Eigen::VectorXd log_likelihoods(ensemble.size());
    for (std::size_t image = 0; image < images.size(); ++image) {
      const ImagingCondition condition = images.condition(image);
      const ImageLikelihood likelihood(
          coefficients.read(image),
          static_cast<float>(contrast) * model->transfer(condition.ctf),
          sigma * sigma);
      for (Eigen::Index i = 0; i < ensemble.size(); ++i) {
        model->draw(ensemble.coordinates.col(i), condition.pose, *workspace, drawn);
        log_likelihoods(i) = likelihood.log_likelihood(drawn);
      }
      const Eigen::VectorXd posterior =
          responsibilities(log_likelihoods, ensemble.weights, 1).values;
      const double positive =
          (ensemble.coordinates.row(0).array() > 0).cast<double>().matrix().dot(posterior);
      std::cout << (positive > 0.5 ? '+' : '-') << '\n';
    }
    return 0;
  } catch (const std::exception& error) {
    std::cerr << "split_by_posterior: " << error.what() << '\n';
    return 1;
  }
}

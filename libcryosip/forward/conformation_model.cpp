#include "libcryosip/forward/conformation_model.hpp"

#include "formats/error.hpp"
#include "formats/pdb.hpp"
#include "libcryosip/forward/atomic_model.hpp"
#include "libcryosip/forward/identity_model.hpp"
#include "libcryosip/forward/volume_model.hpp"

namespace cryosip {

std::unique_ptr<PolarImageModel> ConformationModel::polar_image_model(
    const ImageGrid& /*grid*/,
    double /*resolution_angstrom*/,
    double /*radius_angstrom*/,
    const ImagingOptions& /*options*/) const {
  throw Error(ErrorKind::Usage, "the model has no views: its images do not turn");
}

double ConformationModel::radius_angstrom(const Eigen::MatrixXd& /*coordinates*/) const {
  throw Error(ErrorKind::Usage, "the model has no views: its images have no radius");
}

formats::Volume ConformationModel::density(const Eigen::VectorXd& /*coordinates*/,
                                           const ImageGrid& /*grid*/,
                                           double /*resolution_angstrom*/,
                                           const ImagingOptions& /*options*/) const {
  throw Error(ErrorKind::Usage, "the model has no density: there is no map of it");
}

std::unique_ptr<ConformationModel> load_conformation_model(const std::string& name) {
  if (name == "identity") {
    return std::make_unique<IdentityModel>();
  }
  if (name == "nanocluster") {
    return std::make_unique<NanoclusterModel>();
  }
  if (name.ends_with(".nmd")) {
    return std::make_unique<NormalModeModel>(formats::read_nmd(name));
  }
  if (name.ends_with(".star")) {
    return std::make_unique<VolumeModel>(read_volume_model(name));
  }
  return std::make_unique<RigidModel>(select_atoms(formats::read_atomic_model(name), "all"));
}

void require_dimension(const ConformationModel& model, const Ensemble& ensemble) {
  if (ensemble.dimension() != model.dimension()) {
    throw Error(ErrorKind::Usage,
                "the ensemble has " + std::to_string(ensemble.dimension()) +
                    " coordinates, the model " + std::to_string(model.dimension()));
  }
}

}  // namespace cryosip

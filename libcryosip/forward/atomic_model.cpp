#include "libcryosip/forward/atomic_model.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <utility>

#include <gemmi/elem.hpp>

#include "formats/error.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/forward/density.hpp"
#include "libcryosip/forward/forward_model.hpp"
#include "libcryosip/forward/polar_renderer.hpp"

namespace cryosip {
namespace {

void centre(Atoms& atoms) {
  const Eigen::Vector3d mean = atoms.positions_angstrom.rowwise().mean();
  atoms.positions_angstrom.colwise() -= mean;
}

// The NMD's list, or that many empty values where it has none.
template <typename Value>
std::vector<Value> list_of(const std::vector<Value>& list, std::size_t count, Value fallback) {
  return list.empty() ? std::vector<Value>(count, std::move(fallback)) : list;
}

Atoms atoms_of(const formats::Nmd& nmd) {
  const std::size_t count = nmd.coordinates_angstrom.size() / 3;
  Atoms atoms;
  atoms.positions_angstrom = Eigen::Map<const Eigen::Matrix3Xd>(
      nmd.coordinates_angstrom.data(), 3, static_cast<Eigen::Index>(count));
  // A node without a name is taken for a C-alpha, as NMWiz does.
  atoms.names = list_of<std::string>(nmd.atom_names, count, "CA");
  atoms.residue_names = list_of<std::string>(nmd.residue_names, count, "UNK");
  atoms.chains = list_of<std::string>(nmd.chains, count, "A");
  atoms.residue_numbers = list_of(nmd.residue_numbers, count, 0);
  atoms.insertion_codes.assign(count, ' ');
  const std::vector<double> b_factors = list_of(nmd.b_factors, count, 0.0);
  atoms.b_factors_angstrom2 =
      Eigen::Map<const Eigen::VectorXd>(b_factors.data(), static_cast<Eigen::Index>(count));
  for (std::size_t i = 0; i < count; ++i) {
    atoms.atomic_numbers.push_back(atomic_number_of(atoms.names[i], atoms.residue_names[i]));
  }
  return atoms;
}

// Where the widest-drawn atoms still carry signal: exp(-b q^2 / 4) = 2 %.
double fading_detail_angstrom(const Scattering& scattering) {
  constexpr double kFaint = 0.02;
  const double variance = scattering.narrowest_variance_angstrom2();
  return 1 / std::sqrt(-std::log(kFaint) / (2 * kPi * kPi * variance));
}

PixelModel in_band(PixelModel pixel) {
  return pixel == PixelModel::Point ? PixelModel::Bandlimited : pixel;
}

// What drawing through a renderer has in common, whatever the basis.
template <typename Interface, typename AnyRenderer>
class DrawnAtoms : public Interface {
 public:
  using typename Interface::Workspace;

  template <typename Basis>
  DrawnAtoms(const AtomicModel& model,
             std::shared_ptr<const Basis> basis,
             const ImagingOptions& options)
      : model_(model),
        renderer_(std::move(basis), model.scattering(options.scattering), in_band(options.pixel)) {}

  [[nodiscard]] Eigen::Index dimension() const override { return model_.dimension(); }
  [[nodiscard]] std::unique_ptr<Workspace> workspace() const override {
    return std::make_unique<Scratch>(renderer_.workspace());
  }
  void draw(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
            const Pose& pose,
            Workspace& workspace,
            Eigen::Ref<Eigen::VectorXf> image) const override {
    Scratch& scratch = bend(coordinates, workspace);
    renderer_.render(scratch.positions, pose, *scratch.renderer, image);
  }
  [[nodiscard]] Eigen::VectorXd pull_back(
      Workspace& workspace, const Eigen::Ref<const Eigen::VectorXf>& adjoint) const override {
    auto& scratch = static_cast<Scratch&>(workspace);
    renderer_.pull_back(adjoint, *scratch.renderer, scratch.gradient);
    return model_.pull_back(scratch.coordinates, scratch.gradient.positions);
  }

 protected:
  struct Scratch final : Workspace {
    explicit Scratch(std::unique_ptr<typename AnyRenderer::Workspace> of_renderer)
        : renderer(std::move(of_renderer)) {}
    std::unique_ptr<typename AnyRenderer::Workspace> renderer;
    Eigen::VectorXd coordinates;
    Eigen::Matrix3Xd positions;
    Eigen::VectorXf adjoint;
    RenderGradient gradient;
  };

  [[nodiscard]] const AnyRenderer& renderer() const { return renderer_; }
  // Puts the atoms where the coordinates want them.
  Scratch& bend(const Eigen::Ref<const Eigen::VectorXd>& coordinates, Workspace& workspace) const {
    auto& scratch = static_cast<Scratch&>(workspace);
    scratch.coordinates = coordinates;
    model_.positions(coordinates, scratch.positions);
    return scratch;
  }

 private:
  const AtomicModel& model_;
  AnyRenderer renderer_;
};

class AtomicImages final : public DrawnAtoms<ImageModel, FourierRenderer<float>> {
 public:
  using DrawnAtoms::DrawnAtoms;

  [[nodiscard]] const ImageBasis& basis() const override { return disc(); }
  [[nodiscard]] Eigen::Index compared() const override { return disc().compared(); }
  void draw(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
            const Pose& pose,
            Workspace& workspace,
            Eigen::Ref<Eigen::VectorXf> image) const override {
    DrawnAtoms::draw(coordinates, pose, workspace, image);
    disc().clear_mean(image);
  }
  [[nodiscard]] Eigen::VectorXd pull_back(
      Workspace& workspace, const Eigen::Ref<const Eigen::VectorXf>& adjoint) const override {
    // The mean is no part of the image.
    Eigen::VectorXf& without_mean = static_cast<Scratch&>(workspace).adjoint;
    without_mean = adjoint;
    disc().clear_mean(without_mean);
    return DrawnAtoms::pull_back(workspace, without_mean);
  }
  [[nodiscard]] Eigen::VectorXf transfer(const std::optional<Ctf>& ctf) const override {
    return disc().compared_transfer(ctf);
  }

 private:
  [[nodiscard]] const FourierDisc& disc() const { return renderer().basis(); }
};

class AtomicPolarImages final : public DrawnAtoms<PolarImageModel, PolarRenderer<float>> {
 public:
  AtomicPolarImages(const AtomicModel& model,
                    std::shared_ptr<const PolarBasis> basis,
                    const ImagingOptions& options)
      : DrawnAtoms(model, std::move(basis), options) {
    const Scattering scattering = model.scattering(options.scattering);
    for (const int type : scattering.type_of_atom) {
      pixel_sum_ += form_factor(scattering.types[static_cast<std::size_t>(type)], 0);
    }
    const double pixel_size = this->basis().grid().pixel_size_angstrom;
    pixel_sum_ /= pixel_size * pixel_size;
  }

  [[nodiscard]] const PolarBasis& basis() const override { return renderer().basis(); }
  [[nodiscard]] double pixel_sum() const override { return pixel_sum_; }
  void place(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
             const Pose& pose,
             Workspace& workspace) const override {
    Scratch& scratch = bend(coordinates, workspace);
    renderer().place(scratch.positions, pose, *scratch.renderer);
  }

 private:
  double pixel_sum_ = 0;
};

class AtomicSimulator final : public PixelSimulator {
 public:
  AtomicSimulator(const AtomicModel& model, std::shared_ptr<const Renderer<double>> renderer)
      : forward_(model, std::move(renderer)) {}

  [[nodiscard]] const ImageGrid& grid() const override { return forward_.basis().grid(); }
  // A band-limited drawing is put back into pixels.
  [[nodiscard]] Eigen::VectorXd image(const Eigen::VectorXd& coordinates,
                                      const ImagingCondition& condition) const override {
    return forward_.basis().synthesise(forward_.image(coordinates, condition));
  }

 private:
  ForwardModel forward_;
};

}  // namespace

double AtomicModel::finest_detail_angstrom(const ImagingOptions& options) const {
  return std::max(kFinestDetailAngstrom, fading_detail_angstrom(scattering(options.scattering)));
}

std::unique_ptr<ImageModel> AtomicModel::image_model(const ImageGrid& grid,
                                                     double resolution_angstrom,
                                                     const ImagingOptions& options) const {
  const double resolution =
      resolution_angstrom > 0 ? resolution_angstrom : finest_detail_angstrom(options);
  return std::make_unique<AtomicImages>(
      *this, std::make_shared<const FourierDisc>(grid, resolution), options);
}

std::unique_ptr<PolarImageModel> AtomicModel::polar_image_model(
    const ImageGrid& grid,
    double resolution_angstrom,
    double radius_angstrom,
    const ImagingOptions& options) const {
  if (!has_views()) {
    return ConformationModel::polar_image_model(
        grid, resolution_angstrom, radius_angstrom, options);
  }
  const double resolution =
      resolution_angstrom > 0 ? resolution_angstrom : finest_detail_angstrom(options);
  return std::make_unique<AtomicPolarImages>(
      *this, std::make_shared<const PolarBasis>(grid, resolution, radius_angstrom), options);
}

double AtomicModel::radius_angstrom(const Eigen::MatrixXd& coordinates) const {
  if (!has_views()) {
    return ConformationModel::radius_angstrom(coordinates);
  }
  Eigen::Matrix3Xd at(3, atoms().count());
  double squared = 0;
  for (Eigen::Index i = 0; i < coordinates.cols(); ++i) {
    positions(coordinates.col(i), at);
    squared = std::max(squared, at.colwise().squaredNorm().maxCoeff());
  }
  return std::sqrt(squared);
}

formats::Volume AtomicModel::density(const Eigen::VectorXd& coordinates,
                                     const ImageGrid& grid,
                                     double resolution_angstrom,
                                     const ImagingOptions& options) const {
  if (!has_views()) {
    return ConformationModel::density(coordinates, grid, resolution_angstrom, options);
  }
  Eigen::Matrix3Xd at(3, atoms().count());
  positions(coordinates, at);
  return density_of_atoms(scattering(options.scattering), at, grid, resolution_angstrom);
}

Eigen::MatrixXd AtomicModel::embedding(const Eigen::MatrixXd& coordinates) const {
  Eigen::MatrixXd points(3 * atoms().count(), coordinates.cols());
  Eigen::Matrix3Xd at(3, atoms().count());
  for (Eigen::Index i = 0; i < coordinates.cols(); ++i) {
    positions(coordinates.col(i), at);
    points.col(i) = at.reshaped() / std::sqrt(static_cast<double>(atoms().count()));
  }
  return points;
}

std::unique_ptr<PixelSimulator> AtomicModel::pixel_simulator(const ImageGrid& grid,
                                                             const ImagingOptions& options) const {
  const Scattering drawn = scattering(options.scattering);
  std::shared_ptr<const Renderer<double>> renderer;
  if (options.pixel == PixelModel::Bandlimited) {
    constexpr double kToNyquist = 0;
    renderer = std::make_shared<FourierRenderer<double>>(
        std::make_shared<FourierDisc>(grid, kToNyquist), drawn, options.pixel);
  } else {
    renderer =
        std::make_shared<PixelRenderer>(std::make_shared<PixelBasis>(grid), drawn, options.pixel);
  }
  return std::make_unique<AtomicSimulator>(*this, std::move(renderer));
}

NormalModeModel::NormalModeModel(const formats::Nmd& nmd) : atoms_(atoms_of(nmd)) {
  if (nmd.modes.empty()) {
    throw Error(ErrorKind::Input, "the NMD file '" + nmd.title + "' has no modes");
  }
  centre(atoms_);
  displacements_.resize(3 * atoms_.count(), static_cast<Eigen::Index>(nmd.modes.size()));
  for (Eigen::Index k = 0; k < displacements_.cols(); ++k) {
    const formats::NmdMode& mode = nmd.modes[static_cast<std::size_t>(k)];
    displacements_.col(k) =
        mode.scale * Eigen::Map<const Eigen::VectorXd>(mode.vector.data(), displacements_.rows());
  }
}

void NormalModeModel::positions(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                                Eigen::Matrix3Xd& positions) const {
  positions = atoms_.positions_angstrom;
  positions.reshaped().noalias() += displacements_ * coordinates;
}

Eigen::VectorXd NormalModeModel::pull_back(const Eigen::Ref<const Eigen::VectorXd>& /*coordinates*/,
                                           const Eigen::Matrix3Xd& position_gradient) const {
  return displacements_.transpose() * position_gradient.reshaped();
}

RigidModel::RigidModel(Atoms atoms) : atoms_(std::move(atoms)) {
  centre(atoms_);
}

void RigidModel::positions(const Eigen::Ref<const Eigen::VectorXd>& /*coordinates*/,
                           Eigen::Matrix3Xd& positions) const {
  positions = atoms_.positions_angstrom;
}

Eigen::VectorXd RigidModel::pull_back(const Eigen::Ref<const Eigen::VectorXd>& /*coordinates*/,
                                      const Eigen::Matrix3Xd& /*position_gradient*/) const {
  return {};
}

NanoclusterModel::NanoclusterModel() {
  constexpr Eigen::Index kAtoms = 4;
  atoms_.positions_angstrom = Eigen::Matrix3Xd::Zero(3, kAtoms);
  atoms_.b_factors_angstrom2 = Eigen::VectorXd::Zero(kAtoms);
  atoms_.atomic_numbers.assign(kAtoms, 0);
  atoms_.names.assign(kAtoms, "X");
  atoms_.residue_names.assign(kAtoms, "UNK");
  atoms_.chains.assign(kAtoms, "A");
  atoms_.residue_numbers = {1, 2, 3, 4};
  atoms_.insertion_codes.assign(kAtoms, ' ');
}

Scattering NanoclusterModel::scattering(const ScatteringOptions& /*options*/) const {
  constexpr double kVariance = kSigma * kSigma;
  Scattering scattering;
  scattering.types = {{{2 * kPi * kVariance, 8 * kPi * kPi * kVariance}}};
  scattering.type_of_atom.assign(static_cast<std::size_t>(atoms_.count()), 0);
  scattering.b_factors_angstrom2 = Eigen::VectorXd::Zero(atoms_.count());
  return scattering;
}

double NanoclusterModel::finest_detail_angstrom(const ImagingOptions& options) const {
  return fading_detail_angstrom(scattering(options.scattering));
}

namespace {

// Signs of x and y of the four corners.
Eigen::Matrix<double, 2, 4> corners() {
  Eigen::Matrix<double, 2, 4> signs;
  signs << -1, 1, 1, -1,  //
      -1, -1, 1, 1;
  return signs;
}

}  // namespace

void NanoclusterModel::positions(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
                                 Eigen::Matrix3Xd& positions) const {
  positions = Eigen::Matrix3Xd::Zero(3, atoms_.count());
  positions.topRows<2>() = 0.5 * coordinates.asDiagonal() * corners();
}

Eigen::VectorXd NanoclusterModel::pull_back(
    const Eigen::Ref<const Eigen::VectorXd>& /*coordinates*/,
    const Eigen::Matrix3Xd& position_gradient) const {
  return 0.5 * position_gradient.topRows<2>().cwiseProduct(corners()).rowwise().sum();
}

int atomic_number_of(const std::string& atom_name, const std::string& residue_name) {
  std::string letters;
  for (const char c : atom_name) {
    if (std::isalpha(static_cast<unsigned char>(c)) != 0) {
      letters += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
    }
  }
  if (letters.empty()) {
    return 0;
  }
  // A monatomic residue carries its element's name (ZN, MG, CA, CL); selenium sits in MSE and SEC,
  // and FE is the iron of haems and clusters.
  const bool is_ion = letters == residue_name;
  const bool is_selenium = letters == "SE" && (residue_name == "MSE" || residue_name == "SEC");
  const bool is_whole = is_ion || is_selenium || letters == "FE";
  const std::string symbol = is_whole ? letters : letters.substr(0, 1);
  return gemmi::Element(symbol).atomic_number();
}

}  // namespace cryosip

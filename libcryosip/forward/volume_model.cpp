#include "libcryosip/forward/volume_model.hpp"

#include <algorithm>
#include <cmath>
#include <complex>
#include <filesystem>
#include <functional>
#include <numbers>
#include <utility>
#include <vector>

#include "formats/error.hpp"
#include "formats/star.hpp"
#include "libcryosip/core/fourier.hpp"
#include "libcryosip/core/units.hpp"
#include "libcryosip/forward/polar_rays.hpp"
#include "libcryosip/forward/renderer.hpp"

namespace cryosip {
namespace {

// Central slices of volumes as an image's unitary Fourier coefficients.
class Slices {
 public:
  Slices(const Volumes& volumes, const ImageGrid& grid, double highest, PixelModel pixel)
      : spectra_(volumes, highest),
        grid_(grid),
        pixel_(pixel == PixelModel::Point ? PixelModel::Bandlimited : pixel),
        scale_(std::pow(volumes.voxel_size_angstrom / grid.pixel_size_angstrom, 2) / grid.box) {}

  [[nodiscard]] Eigen::Index count() const { return spectra_.count(); }
  /// @param k       cycles a box, (x, y)
  /// @param values  (count), overwritten: F(k), the image's origin at pixel box/2
  void read(const Eigen::Vector2d& k, const Pose& pose, Eigen::VectorXcf& values) const {
    // A sum of voxels along the ray is an integral in units of a voxel's edge; a sum over pixels
    // one in units of a pixel's area.
    const Eigen::Vector2d frequency = k / grid_.edge_angstrom();
    spectra_.read(pose.rotation.topRows<2>().transpose() * frequency, values);
    const double turns = frequency.dot(pose.shift_angstrom);
    const double factor = scale_ * pixel_transfer(pixel_, k.x() / grid_.box, k.y() / grid_.box);
    values *= static_cast<std::complex<float>>(
        std::polar(factor, -2 * kPi * (turns - std::round(turns))));
  }

 private:
  VolumeSpectra spectra_;
  ImageGrid grid_;
  PixelModel pixel_;
  double scale_;
};

// Images that are linear in the coordinates: mean + sum_k theta_k component_k.  Those of mean and
// components are drawn anew only where the pose is another than the time before.
template <typename Interface>
class LinearImages : public Interface {
 public:
  using typename Interface::Workspace;

  LinearImages(const Volumes& volumes,
               const ImageGrid& grid,
               double resolution_angstrom,
               PixelModel pixel)
      : slices_(volumes, grid, 1 / resolution_angstrom, pixel) {}

  [[nodiscard]] Eigen::Index dimension() const override { return slices_.count() - 1; }
  [[nodiscard]] std::unique_ptr<Workspace> workspace() const override {
    return std::make_unique<Scratch>();
  }
  void draw(const Eigen::Ref<const Eigen::VectorXd>& coordinates,
            const Pose& pose,
            Workspace& workspace,
            Eigen::Ref<Eigen::VectorXf> image) const override {
    const Eigen::MatrixXf& parts = parts_at(pose, workspace);
    image = parts.col(0);
    for (Eigen::Index k = 0; k < dimension(); ++k) {
      image += static_cast<float>(coordinates(k)) * parts.col(k + 1);
    }
  }
  [[nodiscard]] Eigen::VectorXd pull_back(
      Workspace& workspace, const Eigen::Ref<const Eigen::VectorXf>& adjoint) const override {
    const auto& parts = static_cast<Scratch&>(workspace).parts;
    return (parts.rightCols(dimension()).transpose() * adjoint).template cast<double>();
  }

 protected:
  [[nodiscard]] const Slices& slices() const { return slices_; }
  /// Images of the mean and the components (size, 1 + K), made once for each pose.
  const Eigen::MatrixXf& parts_at(const Pose& pose, Workspace& workspace) const {
    auto& scratch = static_cast<Scratch&>(workspace);
    if (scratch.parts.size() == 0 || scratch.pose.rotation != pose.rotation ||
        scratch.pose.shift_angstrom != pose.shift_angstrom) {
      scratch.parts.resize(this->size(), slices_.count());
      draw_parts(pose, scratch.parts);
      scratch.pose = pose;
    }
    return scratch.parts;
  }
  /// @param parts  (size, 1 + K), overwritten: images of the mean and the components
  virtual void draw_parts(const Pose& pose, Eigen::MatrixXf& parts) const = 0;

 private:
  struct Scratch final : Workspace {
    Pose pose;
    Eigen::MatrixXf parts;
  };

  Slices slices_;
};

// Every frequency of a disc: visit(index, F) with its normalisation.
void for_each_coefficient(const FourierDisc& disc,
                          const Slices& slices,
                          const Pose& pose,
                          const std::function<void(Eigen::Index, const Eigen::VectorXcf&)>& visit) {
  Eigen::VectorXcf values(slices.count());
  for (Eigen::Index i = 0; i < disc.frequencies(); ++i) {
    slices.read(disc.frequency(i).cast<double>(), pose, values);
    if (i > 0) {
      values *= std::numbers::sqrt2_v<float>;
    }
    visit(i, values);
  }
}

class VolumeImages final : public LinearImages<ImageModel> {
 public:
  VolumeImages(const Volumes& volumes, std::shared_ptr<const FourierDisc> disc, PixelModel pixel)
      : LinearImages(volumes, disc->grid(), disc->resolution_angstrom(), pixel),
        disc_(std::move(disc)) {}

  [[nodiscard]] const ImageBasis& basis() const override { return *disc_; }
  [[nodiscard]] Eigen::Index compared() const override { return disc_->compared(); }
  [[nodiscard]] Eigen::VectorXf transfer(const std::optional<Ctf>& ctf) const override {
    return disc_->compared_transfer(ctf);
  }

 private:
  void draw_parts(const Pose& pose, Eigen::MatrixXf& parts) const override {
    for_each_coefficient(
        *disc_, slices(), pose, [&](Eigen::Index i, const Eigen::VectorXcf& values) {
          parts.row(i) = values.real().transpose();
          parts.row(disc_->frequencies() + i) = values.imag().transpose();
        });
    for (Eigen::Index part = 0; part < parts.cols(); ++part) {
      disc_->clear_mean(parts.col(part));
    }
  }

  std::shared_ptr<const FourierDisc> disc_;
};

class VolumePolarImages final : public LinearImages<PolarImageModel> {
 public:
  VolumePolarImages(const Volumes& volumes,
                    std::shared_ptr<const PolarBasis> basis,
                    PixelModel pixel)
      : LinearImages(volumes, basis->grid(), basis->resolution_angstrom(), pixel),
        basis_(std::move(basis)),
        rays_(basis_->layout()) {
    const ImageGrid& grid = basis_->grid();
    const double area = std::pow(volumes.voxel_size_angstrom / grid.pixel_size_angstrom, 2);
    const Eigen::VectorXd sums = area * volumes.values.cast<double>().colwise().sum().transpose();
    pixel_sum_ = sums(0);
    const Eigen::VectorXf ones = Eigen::VectorXf::Ones(grid.pixels());
    const Eigen::VectorXf constant =
        basis_->analyse(PolarInput{{ones.data(), static_cast<std::size_t>(ones.size())}});
    constants_ = constant * (sums / static_cast<double>(grid.pixels())).cast<float>().transpose();
    constants_.col(0).setZero();
  }

  [[nodiscard]] const PolarBasis& basis() const override { return *basis_; }
  [[nodiscard]] double pixel_sum() const override { return pixel_sum_; }

  void place(const Eigen::Ref<const Eigen::VectorXd>& /*coordinates*/,
             const Pose& pose,
             Workspace& workspace) const override {
    parts_at(pose, workspace);
  }

 private:
  void draw_parts(const Pose& pose, Eigen::MatrixXf& parts) const override {
    const Eigen::Index count = parts.cols();
    const Eigen::MatrixXf empty(basis_->rings(), rays_.count());
    std::vector<Eigen::MatrixXf> real(static_cast<std::size_t>(count), empty);
    std::vector<Eigen::MatrixXf> imaginary = real;
    Eigen::VectorXcf values(count);
    for (Eigen::Index ray = 0; ray < rays_.count(); ++ray) {
      const double angle = rays_.angle_radian(ray);
      const Eigen::Vector2d direction(std::cos(angle), std::sin(angle));
      for (int ring = 1; ring <= basis_->rings(); ++ring) {
        slices().read(ring * direction, pose, values);
        const auto weight = static_cast<float>(std::sqrt(basis_->ring_weights()(ring - 1)));
        for (Eigen::Index part = 0; part < count; ++part) {
          const auto at = static_cast<std::size_t>(part);
          real[at](ring - 1, ray) = weight * values(part).real();
          imaginary[at](ring - 1, ray) = weight * values(part).imag();
        }
      }
    }
    PolarRays<float>::Workspace analysis;
    for (Eigen::Index part = 0; part < count; ++part) {
      const auto at = static_cast<std::size_t>(part);
      rays_.analyse(real[at], imaginary[at], analysis, parts.col(part));
    }
    parts -= constants_;
  }

  std::shared_ptr<const PolarBasis> basis_;
  PolarRays<float> rays_;
  double pixel_sum_ = 0;
  Eigen::MatrixXf constants_;  // (size, 1 + K): what takes a component's sum of pixels away
};

class VolumeSimulator final : public PixelSimulator {
 public:
  VolumeSimulator(const Volumes& volumes, const ImageGrid& grid, PixelModel pixel)
      : disc_(grid, kToNyquist), slices_(volumes, grid, 1 / disc_.resolution_angstrom(), pixel) {}

  [[nodiscard]] const ImageGrid& grid() const override { return disc_.grid(); }
  [[nodiscard]] Eigen::VectorXd image(const Eigen::VectorXd& coordinates,
                                      const ImagingCondition& condition) const override {
    Eigen::VectorXcd factors(slices_.count());
    factors << 1, coordinates.cast<std::complex<double>>();
    Eigen::VectorXd drawn(disc_.size());
    for_each_coefficient(
        disc_, slices_, condition.pose, [&](Eigen::Index i, const Eigen::VectorXcf& values) {
          const std::complex<double> sum =
              values.cast<std::complex<double>>().cwiseProduct(factors).sum();
          drawn(i) = sum.real();
          drawn(disc_.frequencies() + i) = i == 0 ? 0 : sum.imag();
        });
    return disc_.synthesise(condition.ctf ? disc_.apply_ctf(*condition.ctf, drawn) : drawn);
  }

 private:
  static constexpr double kToNyquist = 0;
  FourierDisc disc_;
  Slices slices_;
};

// Of the rows of a volume model's table.
struct Term {
  std::size_t row = 0;
  std::string path;
  Eigen::Index component = 0;
  double factor = 1;
};

std::vector<Term> read_terms(const formats::StarTable& table, const std::string& path) {
  const std::filesystem::path folder = std::filesystem::path(path).parent_path();
  const std::size_t name = table.column("sipVolumeName");
  const std::size_t component = table.column("sipComponent");
  const auto factor = table.find("sipFactor");
  std::vector<Term> terms;
  std::vector<bool> is_given;
  for (std::size_t row = 0; row < table.rows(); ++row) {
    const std::int64_t number = table.integer(row, component);
    constexpr std::int64_t kMost = 1000;
    if (number < 0 || number > kMost) {
      table.fail(row,
                 component,
                 "'" + std::to_string(number) + "' found, expected 0 for the mean or a component");
    }
    is_given.resize(std::max(is_given.size(), static_cast<std::size_t>(number) + 1));
    is_given[static_cast<std::size_t>(number)] = true;
    terms.push_back({row,
                     (folder / table.text(row, name)).string(),
                     number,
                     factor ? table.number(row, *factor) : 1});
  }
  const auto missing = std::find(is_given.begin(), is_given.end(), false);
  if (is_given.empty() || missing != is_given.end()) {
    throw Error(ErrorKind::Input,
                path + ": block 'sip_volume_model' has no volume for component " +
                    std::to_string(missing - is_given.begin()) +
                    ", expected the mean (0) and components from 1 on without a gap");
  }
  return terms;
}

void check_map(const formats::Volume& map, const std::string& path) {
  const auto& [x, y, z] = map.size;
  if (x != y || x != z || x % 2 != 0) {
    throw Error(ErrorKind::Input,
                path + ": a map of " + std::to_string(x) + " x " + std::to_string(y) + " x " +
                    std::to_string(z) + " voxels, expected a cube with an even edge");
  }
  if (!(map.pixel_size_angstrom > 0)) {
    throw Error(ErrorKind::Input,
                path +
                    ": no pixel size in the header, expected one "
                    "(relion_image_handler --force_header_angpix)");
  }
  if (!std::all_of(
          map.values.begin(), map.values.end(), [](float v) { return std::isfinite(v); })) {
    throw Error(ErrorKind::Input, path + ": values that are not finite");
  }
}

}  // namespace

Volumes read_volume_model(const std::string& path) {
  const formats::StarFile file = formats::read_star(path);
  const formats::StarTable& table = file.table("sip_volume_model");
  const std::vector<Term> terms = read_terms(table, path);
  Eigen::Index components = 0;
  for (const Term& term : terms) {
    components = std::max(components, term.component);
  }
  Volumes volumes;
  for (const Term& term : terms) {
    const formats::Volume map = formats::read_volume(term.path);
    check_map(map, term.path);
    const int edge = static_cast<int>(map.size[0]);
    if (volumes.edge == 0) {
      volumes.edge = edge;
      volumes.voxel_size_angstrom = map.pixel_size_angstrom;
      volumes.values =
          Eigen::MatrixXf::Zero(static_cast<Eigen::Index>(map.values.size()), 1 + components);
    }
    // Programs write the size of a box or of a voxel, with few digits.
    constexpr double kSame = 1e-3;
    if (edge != volumes.edge || std::abs(map.pixel_size_angstrom - volumes.voxel_size_angstrom) >
                                    kSame * volumes.voxel_size_angstrom) {
      throw Error(ErrorKind::Input,
                  table.where(term.row) + ": " + term.path + " has " + std::to_string(edge) +
                      " voxels of " + std::to_string(map.pixel_size_angstrom) +
                      " angstrom along an edge, the first map " + std::to_string(volumes.edge) +
                      " of " + std::to_string(volumes.voxel_size_angstrom));
    }
    volumes.values.col(term.component) +=
        static_cast<float>(term.factor) *
        Eigen::Map<const Eigen::VectorXf>(map.values.data(), volumes.values.rows());
  }
  return volumes;
}

VolumeModel::VolumeModel(Volumes volumes) : volumes_(std::move(volumes)) {
  if (volumes_.values.cols() < 1 ||
      volumes_.values.rows() != Eigen::Index{volumes_.edge} * volumes_.edge * volumes_.edge) {
    throw Error(ErrorKind::Usage, "volume model: expected at least a mean volume, and cubes");
  }
  constexpr float kBackground = 0.01F;
  const Eigen::RowVectorXf least = kBackground * volumes_.values.cwiseAbs().colwise().maxCoeff();
  Eigen::Index voxel = 0;
  int squared = 0;
  for (int z = 0; z < volumes_.edge; ++z) {
    for (int y = 0; y < volumes_.edge; ++y) {
      for (int x = 0; x < volumes_.edge; ++x, ++voxel) {
        const Eigen::Vector3i at(
            volumes_.from_origin(x), volumes_.from_origin(y), volumes_.from_origin(z));
        if (at.squaredNorm() > squared &&
            (volumes_.values.row(voxel).cwiseAbs().array() >= least.array()).any()) {
          squared = at.squaredNorm();
        }
      }
    }
  }
  radius_angstrom_ = std::min(std::sqrt(static_cast<double>(squared)), volumes_.edge / 2.0) *
                     volumes_.voxel_size_angstrom;
}

double VolumeModel::finest_detail_angstrom(const ImagingOptions& /*options*/) const {
  return std::max(kFinestDetailAngstrom, 2 * volumes_.voxel_size_angstrom);
}

double VolumeModel::resolution(double asked_angstrom, const ImagingOptions& options) const {
  if (!(asked_angstrom > 0)) {
    return finest_detail_angstrom(options);
  }
  const double finest = 2 * volumes_.voxel_size_angstrom;
  constexpr double kRounding = 1e-6;
  if (asked_angstrom < finest * (1 - kRounding)) {
    throw Error(ErrorKind::Usage,
                "resolution limit of " + formats::format_number(asked_angstrom) +
                    " angstrom: the model's volumes hold nothing finer than two voxels, " +
                    formats::format_number(finest));
  }
  return asked_angstrom;
}

std::unique_ptr<ImageModel> VolumeModel::image_model(const ImageGrid& grid,
                                                     double resolution_angstrom,
                                                     const ImagingOptions& options) const {
  return std::make_unique<VolumeImages>(
      volumes_,
      std::make_shared<const FourierDisc>(grid, resolution(resolution_angstrom, options)),
      options.pixel);
}

std::unique_ptr<PolarImageModel> VolumeModel::polar_image_model(
    const ImageGrid& grid,
    double resolution_angstrom,
    double radius_angstrom,
    const ImagingOptions& options) const {
  return std::make_unique<VolumePolarImages>(
      volumes_,
      std::make_shared<const PolarBasis>(
          grid, resolution(resolution_angstrom, options), radius_angstrom),
      options.pixel);
}

double VolumeModel::radius_angstrom(const Eigen::MatrixXd& /*coordinates*/) const {
  return radius_angstrom_;
}

std::unique_ptr<PixelSimulator> VolumeModel::pixel_simulator(const ImageGrid& grid,
                                                             const ImagingOptions& options) const {
  return std::make_unique<VolumeSimulator>(volumes_, grid, options.pixel);
}

formats::Volume VolumeModel::density(const Eigen::VectorXd& coordinates,
                                     const ImageGrid& grid,
                                     double resolution_angstrom,
                                     const ImagingOptions& /*options*/) const {
  constexpr double kSame = 1e-3;
  if (grid.box != volumes_.edge ||
      std::abs(grid.pixel_size_angstrom - volumes_.voxel_size_angstrom) >
          kSame * volumes_.voxel_size_angstrom) {
    throw Error(ErrorKind::Usage,
                "maps of a volume model have the size of its volumes, " +
                    std::to_string(volumes_.edge) + " voxels of " +
                    std::to_string(volumes_.voxel_size_angstrom) + " angstrom");
  }
  Eigen::VectorXd values = volumes_.values.col(0).cast<double>();
  values += volumes_.values.rightCols(dimension()).cast<double>() * coordinates;
  if (resolution_angstrom > 0) {
    const int n = volumes_.edge;
    const int radius = band_radius(grid, resolution_angstrom);
    const VolumeTransform transform(n);
    std::vector<std::complex<double>> spectrum(transform.spectrum_size());
    transform.forward({values.data(), transform.voxels()}, spectrum);
    std::size_t i = 0;
    for (int z = 0; z < n; ++z) {
      for (int y = 0; y < n; ++y) {
        for (int x = 0; x <= n / 2; ++x, ++i) {
          const int kz = z <= n / 2 ? z : z - n;
          const int ky = y <= n / 2 ? y : y - n;
          if (x * x + ky * ky + kz * kz > radius * radius) {
            spectrum[i] = 0;
          }
        }
      }
    }
    transform.inverse(spectrum, {values.data(), transform.voxels()});
  }
  const auto edge = static_cast<std::size_t>(volumes_.edge);
  formats::Volume map{{edge, edge, edge}, volumes_.voxel_size_angstrom, {}};
  const Eigen::VectorXf single = values.cast<float>();
  map.values.assign(single.begin(), single.end());
  return map;
}

}  // namespace cryosip

// Where images live: linear maps from pixel images to coefficients, isometric on their band, so
// that distances between coefficient vectors mean the same as distances between images.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/core/fourier.hpp"
#include "libcryosip/forward/ctf.hpp"

namespace cryosip {

/// Sampling of a square image.
struct ImageGrid {
  int box = 0;                     ///< pixels along an edge; even (RELION's centre is pixel box/2)
  double pixel_size_angstrom = 0;  ///< > 0

  [[nodiscard]] double edge_angstrom() const { return box * pixel_size_angstrom; }
  [[nodiscard]] Eigen::Index pixels() const { return Eigen::Index{box} * box; }
  bool operator==(const ImageGrid&) const = default;
};

/// Even, or a single pixel (IdentityModel).
[[nodiscard]] constexpr bool is_usable_box(std::int64_t box) {
  return box == 1 || (box > 0 && box % 2 == 0);
}
/// @throws Error(Usage) a box that is not usable, non-positive pixel size
void check_grid(const ImageGrid& grid);
/// Radius of the band with this finest detail, in whole cycles a box; cut to the Nyquist circle,
/// whose row is left out.  @param resolution_angstrom  0: to the Nyquist circle
/// @throws Error(Usage) see check_grid; a resolution that leaves no frequency but zero
[[nodiscard]] int band_radius(const ImageGrid& grid, double resolution_angstrom);

class ImageBasis {
 public:
  ImageBasis() = default;
  ImageBasis(const ImageBasis&) = delete;
  ImageBasis& operator=(const ImageBasis&) = delete;
  virtual ~ImageBasis() = default;

  [[nodiscard]] virtual const ImageGrid& grid() const = 0;
  /// Real numbers an image.
  [[nodiscard]] virtual Eigen::Index size() const = 0;
  /// Finest detail it can hold.
  [[nodiscard]] virtual double resolution_angstrom() const = 0;
  /// Coefficients of an image.  @param pixels  box * box values, x fastest
  [[nodiscard]] virtual Eigen::VectorXd analyse(std::span<const float> pixels) const = 0;
  /// The image with these coefficients and nothing outside the band; the transpose of analyse().
  [[nodiscard]] virtual Eigen::VectorXd synthesise(const Eigen::VectorXd& coefficients) const = 0;
  /// Multiplies the image's spectrum by the CTF.  Symmetric: it is its own adjoint.
  [[nodiscard]] virtual Eigen::VectorXd apply_ctf(const Ctf& ctf,
                                                  const Eigen::VectorXd& coefficients) const = 0;
  /// |k| of every coefficient (size), in cycles a box; empty where they are no frequencies.
  [[nodiscard]] virtual Eigen::VectorXd cycles() const { return {}; }
  /// Gradient of <adjoint, apply_ctf(ctf, coefficients)> by the CTF's parameters.
  [[nodiscard]] virtual Ctf::Gradient ctf_gradient(const Ctf& ctf,
                                                   const Eigen::VectorXd& coefficients,
                                                   const Eigen::VectorXd& adjoint) const = 0;
};

/// Pixels themselves.
class PixelBasis final : public ImageBasis {
 public:
  /// @throws Error(Usage) see check_grid
  explicit PixelBasis(const ImageGrid& grid);

  [[nodiscard]] const ImageGrid& grid() const override { return grid_; }
  [[nodiscard]] Eigen::Index size() const override { return grid_.pixels(); }
  [[nodiscard]] double resolution_angstrom() const override {
    return (grid_.box > 1 ? 2 : 1) * grid_.pixel_size_angstrom;
  }
  [[nodiscard]] Eigen::VectorXd analyse(std::span<const float> pixels) const override;
  [[nodiscard]] Eigen::VectorXd synthesise(const Eigen::VectorXd& coefficients) const override;
  [[nodiscard]] Eigen::VectorXd apply_ctf(const Ctf& ctf,
                                          const Eigen::VectorXd& coefficients) const override;
  [[nodiscard]] Ctf::Gradient ctf_gradient(const Ctf& ctf,
                                           const Eigen::VectorXd& coefficients,
                                           const Eigen::VectorXd& adjoint) const override;

 private:
  ImageGrid grid_;
  ImageTransform transform_;
};

/// Fourier coefficients k = (kx, ky), |k| <= radius, of the half plane, in cycles a box.
///
/// coefficients = [real parts (frequencies), imaginary parts (frequencies)], those of k != 0 times
/// sqrt(2), of the unitary transform with its origin at pixel box/2.  Order of the frequencies: kx
/// = 0 with ky = 0 .. radius; then for kx = 1, 2, ..: ky = 0 .. top(kx), then ky = -1 .. -top(kx).
/// The imaginary part at k = 0 is always 0.
class FourierDisc final : public ImageBasis {
 public:
  /// @param resolution_angstrom  finest detail kept, see band_radius
  /// @throws Error(Usage) see band_radius
  FourierDisc(const ImageGrid& grid, double resolution_angstrom);

  [[nodiscard]] const ImageGrid& grid() const override { return grid_; }
  [[nodiscard]] Eigen::Index size() const override { return 2 * frequencies(); }
  [[nodiscard]] double resolution_angstrom() const override {
    return grid_.edge_angstrom() / radius_;
  }
  [[nodiscard]] Eigen::VectorXd analyse(std::span<const float> pixels) const override;
  [[nodiscard]] Eigen::VectorXd synthesise(const Eigen::VectorXd& coefficients) const override;
  [[nodiscard]] Eigen::VectorXd apply_ctf(const Ctf& ctf,
                                          const Eigen::VectorXd& coefficients) const override;
  [[nodiscard]] Ctf::Gradient ctf_gradient(const Ctf& ctf,
                                           const Eigen::VectorXd& coefficients,
                                           const Eigen::VectorXd& adjoint) const override;

  [[nodiscard]] Eigen::VectorXd cycles() const override;

  /// Number of complex coefficients.
  [[nodiscard]] Eigen::Index frequencies() const {
    return static_cast<Eigen::Index>(frequency_.size());
  }
  [[nodiscard]] int radius() const { return radius_; }
  /// Highest |ky| kept beside this kx.
  [[nodiscard]] int top(int kx) const { return top_[static_cast<std::size_t>(kx)]; }
  /// (kx, ky) of one frequency, in cycles a box.
  [[nodiscard]] const Eigen::Vector2i& frequency(Eigen::Index index) const {
    return frequency_[static_cast<std::size_t>(index)];
  }
  /// The CTF at every frequency: (frequencies).
  [[nodiscard]] Eigen::VectorXd transfer(const Ctf& ctf) const;

  /// Coefficients of an image but for its mean, which is the background's: what is compared.
  [[nodiscard]] Eigen::Index compared() const { return size() - 2; }
  /// The factor of every coefficient (size): the CTF, or 1 where there is none; the mean's is 0.
  [[nodiscard]] Eigen::VectorXf compared_transfer(const std::optional<Ctf>& ctf) const;
  void clear_mean(Eigen::Ref<Eigen::VectorXf> coefficients) const {
    coefficients(0) = 0;
    coefficients(frequencies()) = 0;
  }

 private:
  ImageGrid grid_;
  int radius_;
  std::vector<int> top_;
  std::vector<Eigen::Vector2i> frequency_;
  ImageTransform transform_;
};

}  // namespace cryosip

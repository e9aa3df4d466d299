// The image basis in which an in-plane rotation is a phase (docs/theory.md 10): angular Fourier
// coefficients on rings of the image's Fourier transform.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include <Eigen/Core>

#include "libcryosip/core/fourier.hpp"
#include "libcryosip/forward/ctf.hpp"
#include "libcryosip/forward/image_basis.hpp"
#include "libcryosip/forward/polar_layout.hpp"

namespace cryosip {

/// An observed image, and what is done to it before it is analysed.
struct PolarInput {
  std::span<const float> pixels;  ///< box * box, x fastest
  /// Multiplies the image's spectrum, on its own full Fourier grid: signal that the microscope
  /// carried off comes back, whatever the astigmatism.
  std::optional<Ctf> times = std::nullopt;
  /// Sum that the pixels are given by adding a constant, before the CTF.  An observed image's own
  /// sum is its background's: give it what a drawing has (PolarImageModel::pixel_sum() times
  /// contrast and the CTF at 0), and no background reaches the rings.
  std::optional<double> pixel_sum = std::nullopt;
  /// What lies here comes to the box's centre, by a phase of the spectrum: exactly, what leaves the
  /// box on one side coming in on the other.  A CTF and white noise stay what they are.
  Eigen::Vector2d shift_angstrom = Eigen::Vector2d::Zero();
};

/// With F(r, phi) the image's unitary Fourier transform at the frequency r (cos phi, sin phi), its
/// origin at pixel box/2 as in FourierDisc,
///
///   f(m, n) = 1/2pi integral of F(n / L, phi) exp(-i m phi) dphi,
///   c(m, n) = sqrt(weight(n)) (m > 0 ? sqrt 2 : 1) f(m, n),
///
/// rings n = 1 .. R at whole cycles a box (L: the box's edge), m >= 0 since images are real.  The
/// weight is the ring's area in cells of the Fourier lattice, 2 pi n; at the band's edge, where the
/// integral ends on a ring, that of Gregory's rule.  Distances of images of molecules are those
/// in a FourierDisc of the same band: to 5e-4 where the molecule's diameter is 2/3 of the box and
/// its signal fades within the band, to 6e-3 where it is 9/10 or the signal does not fade.
///
/// Rotating a molecule in the image by psi -> psi + alpha (rotation_matrix()) multiplies c(m, n) by
/// exp(+i m alpha).
///
/// Rows of the analysis are exact Fourier sums over pixels, in double precision, kept in float.  A
/// box larger than 2 (R + kMargin) is first cut to that in Fourier space.  With b the edge of what
/// is left the matrix has size() (b/2 + 1)^2 floats: it is even or odd in x and in y.
class PolarBasis {
 public:
  /// Fourier cells kept beyond the outermost ring, whose values spread over their neighbours.
  static constexpr int kMargin = 10;
  /// What an atom at the molecule's rim may lose on any ring to angular frequencies left out, as a
  /// fraction of its energy there.  With 1e-5 molecules lose less than 1e-7 of theirs.
  static constexpr double kRimLoss = 1e-5;

  /// @param resolution_angstrom       finest detail kept, as FourierDisc
  /// @param molecule_radius_angstrom  largest distance of an atom's centre from the origin, with
  ///     the largest shift added; cut to half the box.  An atom's width asks for no more
  ///     angular frequencies.
  /// @param rim_loss  see kRimLoss
  /// @throws Error(Usage) as FourierDisc; a radius or a loss that is not positive
  PolarBasis(const ImageGrid& grid,
             double resolution_angstrom,
             double molecule_radius_angstrom,
             double rim_loss = kRimLoss);

  [[nodiscard]] const ImageGrid& grid() const { return grid_; }
  [[nodiscard]] const PolarLayout& layout() const { return layout_; }
  [[nodiscard]] Eigen::Index size() const { return layout_.size(); }
  [[nodiscard]] int rings() const { return layout_.rings(); }
  /// Finest detail it can hold.
  [[nodiscard]] double resolution_angstrom() const { return grid_.edge_angstrom() / rings(); }
  /// Quadrature weights of the rings (rings), in cells of the Fourier lattice.
  [[nodiscard]] const Eigen::VectorXd& ring_weights() const { return ring_weights_; }

  /// Coefficients (size, images).  Thread-safe; many images at once are quicker.
  /// @throws Error(Usage) an image of another size
  [[nodiscard]] Eigen::MatrixXf analyse(std::span<const PolarInput> images) const;
  [[nodiscard]] Eigen::VectorXf analyse(const PolarInput& image) const {
    return analyse({&image, 1});
  }

  /// Variance of every coefficient (size) when pixels carry white noise of variance 1: exact; to
  /// 1e-3 where the box is cut.  The imaginary parts of m = 0 have none.  Coefficients of one m on
  /// neighbouring rings are correlated where m is near its limit: 6 to 11 % of the covariance's
  /// square lie off its diagonal.
  [[nodiscard]] const Eigen::VectorXd& noise_variance() const { return noise_variance_; }
  /// The same for noise whose power varies slowly with the frequency.  Where it swings like a CTF's
  /// square a coefficient's variance is good to about 20 %, their sum to 1 %.
  /// @param power  (rings): variance of a pixel's noise if all frequencies had this ring's power
  [[nodiscard]] Eigen::VectorXd noise_variance(const Eigen::VectorXd& power) const;

  /// Mean of the CTF's square on every ring (rings): |C x|^2 is the sum of it times |c|^2, exactly
  /// so without astigmatism (docs/decisions/0007-polar-basis.md says what astigmatism does).
  [[nodiscard]] Eigen::VectorXd ring_transfer_squared(const Ctf& ctf) const;

  /// Coefficients after psi -> psi + turn.
  [[nodiscard]] Eigen::VectorXd turned(const Eigen::VectorXd& coefficients,
                                       double turn_radian) const;

 private:
  [[nodiscard]] std::vector<double> band_pixels(const PolarInput& image) const;

  ImageGrid grid_;
  PolarLayout layout_;
  int band_box_;  // pixels along an edge once cut
  ImageTransform transform_;
  ImageTransform band_transform_;
  Eigen::VectorXd ring_weights_;
  Eigen::MatrixXf matrix_;  // (size, quarter of the pixels)
  Eigen::VectorXd noise_variance_;
};

}  // namespace cryosip

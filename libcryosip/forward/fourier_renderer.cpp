#include <cmath>
#include <numbers>
#include <utility>

#include "libcryosip/core/units.hpp"
#include "libcryosip/forward/renderer.hpp"

namespace cryosip {
namespace {

// exp(2 pi i k x / L) for k = 0 .. radius, all atoms at once: columns 0 .. radius hold cosines,
// columns radius + 1 .. 2 radius + 1 sines.  One sine and cosine an atom, the rest by recurrence.
template <typename Matrix>
void fill_waves(const Eigen::RowVectorXd& coordinate_angstrom,
                double edge_angstrom,
                Eigen::Index radius,
                Matrix& waves) {
  using Scalar = typename Matrix::Scalar;
  auto cosine = waves.leftCols(radius + 1).array();
  auto sine = waves.rightCols(radius + 1).array();
  cosine.col(0).setOnes();
  sine.col(0).setZero();
  // The angle is reduced to one turn in double precision before float sees it.
  const Eigen::ArrayXd turns = coordinate_angstrom.transpose().array() / edge_angstrom;
  const auto angle_radian = ((turns - turns.round()) * (2 * kPi)).template cast<Scalar>().eval();
  cosine.col(1) = angle_radian.cos();
  sine.col(1) = angle_radian.sin();
  for (Eigen::Index k = 2; k <= radius; ++k) {
    cosine.col(k) = cosine.col(k - 1) * cosine.col(1) - sine.col(k - 1) * sine.col(1);
    sine.col(k) = sine.col(k - 1) * cosine.col(1) + cosine.col(k - 1) * sine.col(1);
  }
}

}  // namespace

template <typename Scalar>
struct FourierRenderer<Scalar>::Scratch final : Workspace {
  Pose pose;
  Eigen::MatrixX3d view;  // (atoms, 3): our order, rotated; not shifted
  Matrix x_waves;         // (atoms, 2 (radius + 1)): cosines, then sines
  Matrix y_waves;
  Matrix products;   // (2 (radius + 1), 2 (radius + 1)): rows y, columns x
  Matrix x_adjoint;  // as x_waves
  Matrix y_adjoint;
};

template <typename Scalar>
FourierRenderer<Scalar>::FourierRenderer(std::shared_ptr<const FourierDisc> basis,
                                         const Scattering& scattering,
                                         PixelModel pixel)
    : basis_(std::move(basis)) {
  const ImageGrid& grid = basis_->grid();
  const double edge = grid.edge_angstrom();
  for (const Scattering::TypeMembers& members : scattering.members_of_types()) {
    Segment segment;
    segment.first = static_cast<Eigen::Index>(order_.size());
    segment.count = static_cast<Eigen::Index>(members.atoms.size());
    order_.insert(order_.end(), members.atoms.begin(), members.atoms.end());
    segment.envelope.resize(basis_->frequencies());
    for (Eigen::Index i = 0; i < basis_->frequencies(); ++i) {
      const Eigen::Vector2d k = basis_->frequency(i).cast<double>();
      // A sum over pixels is the integral over the area in units of a pixel's.
      const double unitary = (i == 0 ? 1 : std::numbers::sqrt2) /
                             (grid.box * grid.pixel_size_angstrom * grid.pixel_size_angstrom);
      segment.envelope(i) =
          static_cast<Scalar>(form_factor(scattering.types[members.type], k.norm() / edge) *
                              pixel_transfer(pixel, k.x() / grid.box, k.y() / grid.box) * unitary);
    }
    segments_.push_back(std::move(segment));
  }

  has_b_factors_ = (scattering.b_factors_angstrom2.array() != 0).any();
  if (has_b_factors_) {
    attenuation_.resize(scattering.count(), basis_->radius() + 1);
    for (Eigen::Index i = 0; i < scattering.count(); ++i) {
      const double b = scattering.b_factors_angstrom2(order_[static_cast<std::size_t>(i)]);
      for (Eigen::Index k = 0; k < attenuation_.cols(); ++k) {
        const double q = static_cast<double>(k) / edge;
        attenuation_(i, k) = static_cast<Scalar>(std::exp(-b * q * q / 4));
      }
    }
  }
}

template <typename Scalar>
auto FourierRenderer<Scalar>::workspace() const -> std::unique_ptr<Workspace> {
  auto scratch = std::make_unique<Scratch>();
  const auto atoms = static_cast<Eigen::Index>(order_.size());
  const Eigen::Index columns = 2 * (Eigen::Index{basis_->radius()} + 1);
  scratch->view.resize(atoms, 3);
  scratch->x_waves.resize(atoms, columns);
  scratch->y_waves.resize(atoms, columns);
  scratch->products.resize(columns, columns);
  scratch->x_adjoint.resize(atoms, columns);
  scratch->y_adjoint.resize(atoms, columns);
  return scratch;
}

template <typename Scalar>
void FourierRenderer<Scalar>::render(const Eigen::Matrix3Xd& positions,
                                     const Pose& pose,
                                     Workspace& workspace,
                                     Eigen::Ref<Vector> image) const {
  auto& scratch = static_cast<Scratch&>(workspace);
  const Eigen::Index radius = basis_->radius();
  const Eigen::Index frequencies = basis_->frequencies();
  const double edge = basis_->grid().edge_angstrom();
  scratch.pose = pose;
  for (std::size_t i = 0; i < order_.size(); ++i) {
    scratch.view.row(static_cast<Eigen::Index>(i)).noalias() =
        (pose.rotation * positions.col(order_[i])).transpose();
  }
  const auto x = (scratch.view.col(0).transpose().array() + pose.shift_angstrom.x()).matrix();
  const auto y = (scratch.view.col(1).transpose().array() + pose.shift_angstrom.y()).matrix();
  fill_waves(x, edge, radius, scratch.x_waves);
  fill_waves(y, edge, radius, scratch.y_waves);
  if (has_b_factors_) {
    for (Matrix* waves : {&scratch.x_waves, &scratch.y_waves}) {
      waves->leftCols(radius + 1).array() *= attenuation_.array();
      waves->rightCols(radius + 1).array() *= attenuation_.array();
    }
  }

  image.setZero();
  auto real = image.head(frequencies);
  auto imaginary = image.tail(frequencies);
  const Matrix& products = scratch.products;
  for (const Segment& segment : segments_) {
    scratch.products.noalias() =
        scratch.y_waves.middleRows(segment.first, segment.count).transpose() *
        scratch.x_waves.middleRows(segment.first, segment.count);
    // exp(-2 pi i (kx x + ky y)) = (cx - i sx)(cy - i sy); -ky changes the sign of sy.
    Eigen::Index next = 0;
    for (Eigen::Index kx = 0; kx <= radius; ++kx) {
      const Eigen::Index top = basis_->top(static_cast<int>(kx));
      const Eigen::Index sine = radius + 1;
      const auto add = [&](Eigen::Index ky, Eigen::Index count, Scalar side) {
        const auto cc = products.col(kx).segment(ky, count).array();
        const auto ss = products.col(sine + kx).segment(sine + ky, count).array();
        const auto cos_x_sin_y = products.col(kx).segment(sine + ky, count).array();
        const auto sin_x_cos_y = products.col(sine + kx).segment(ky, count).array();
        const auto envelope = segment.envelope.segment(next, count).array();
        real.segment(next, count).array() += envelope * (cc - side * ss);
        imaginary.segment(next, count).array() -= envelope * (sin_x_cos_y + side * cos_x_sin_y);
        next += count;
      };
      add(0, top + 1, Scalar{1});
      if (kx > 0 && top > 0) {
        add(1, top, Scalar{-1});
      }
    }
  }
}

template <typename Scalar>
void FourierRenderer<Scalar>::pull_back(const Eigen::Ref<const Vector>& adjoint,
                                        Workspace& workspace,
                                        RenderGradient& gradient) const {
  auto& scratch = static_cast<Scratch&>(workspace);
  const Eigen::Index radius = basis_->radius();
  const Eigen::Index frequencies = basis_->frequencies();
  const auto real = adjoint.head(frequencies).array();
  const auto imaginary = adjoint.tail(frequencies).array();
  Matrix& by_products = scratch.products;
  for (const Segment& segment : segments_) {
    by_products.setZero();
    Eigen::Index next = 0;
    for (Eigen::Index kx = 0; kx <= radius; ++kx) {
      const Eigen::Index top = basis_->top(static_cast<int>(kx));
      const Eigen::Index sine = radius + 1;
      const auto add = [&](Eigen::Index ky, Eigen::Index count, Scalar side) {
        const auto envelope = segment.envelope.segment(next, count).array();
        const auto by_real = (envelope * real.segment(next, count)).eval();
        const auto by_imaginary = (envelope * imaginary.segment(next, count)).eval();
        by_products.col(kx).segment(ky, count).array() += by_real;
        by_products.col(sine + kx).segment(sine + ky, count).array() -= side * by_real;
        by_products.col(sine + kx).segment(ky, count).array() -= by_imaginary;
        by_products.col(kx).segment(sine + ky, count).array() -= side * by_imaginary;
        next += count;
      };
      add(0, top + 1, Scalar{1});
      if (kx > 0 && top > 0) {
        add(1, top, Scalar{-1});
      }
    }
    scratch.x_adjoint.middleRows(segment.first, segment.count).noalias() =
        scratch.y_waves.middleRows(segment.first, segment.count) * by_products;
    scratch.y_adjoint.middleRows(segment.first, segment.count).noalias() =
        scratch.x_waves.middleRows(segment.first, segment.count) * by_products.transpose();
  }

  // d cos(w x) = -w sin(w x) dx, d sin(w x) = w cos(w x) dx, with w = 2 pi k / L.
  const double step = 2 * kPi / basis_->grid().edge_angstrom();
  const auto by_coordinate = [&](const Matrix& by_waves, const Matrix& waves) {
    Vector sum = Vector::Zero(waves.rows());
    for (Eigen::Index k = 1; k <= radius; ++k) {
      const Eigen::Index sine = radius + 1 + k;
      sum.array() += static_cast<Scalar>(k) * (by_waves.col(sine).array() * waves.col(k).array() -
                                               by_waves.col(k).array() * waves.col(sine).array());
    }
    return (sum.template cast<double>() * step).eval();
  };
  const Eigen::VectorXd by_x = by_coordinate(scratch.x_adjoint, scratch.x_waves);
  const Eigen::VectorXd by_y = by_coordinate(scratch.y_adjoint, scratch.y_waves);

  pull_back_view(scratch.pose, order_, scratch.view, by_x, by_y, gradient);
}

template class FourierRenderer<float>;
template class FourierRenderer<double>;

}  // namespace cryosip

#include "libcryosip/forward/polar_renderer.hpp"

#include <array>
#include <cmath>
#include <utility>

#include "libcryosip/core/units.hpp"

namespace cryosip {
namespace {

// A register's worth of atoms, and as many of them at once as keep the multipliers busy: the steps
// of one progression must wait for each other.
template <typename Scalar>
constexpr int kLanes = EIGEN_MAX_ALIGN_BYTES / sizeof(Scalar);
constexpr int kAtOnce = 4;
template <typename Scalar>
constexpr int kBlock = kLanes<Scalar>* kAtOnce;

template <typename Scalar>
using Lanes = Eigen::Array<Scalar, kLanes<Scalar>, 1>;
// Progressions of one block of atoms.
template <typename Scalar>
using Block = std::array<Lanes<Scalar>, kAtOnce>;

template <typename Scalar>
Lanes<Scalar> load(const Scalar* from) {
  return Eigen::Map<const Lanes<Scalar>, Eigen::AlignedMax>(from);
}

// exp(-2 pi i turns): the step from ring to ring.
template <typename Scalar>
void wave_step(const Scalar* x,
               const Scalar* y,
               Scalar cosine,
               Scalar sine,
               Block<Scalar>& real,
               Block<Scalar>& imaginary) {
  for (int k = 0; k < kAtOnce; ++k) {
    const auto at = static_cast<std::size_t>(k);
    const Lanes<Scalar> turns =
        load(x + k * kLanes<Scalar>) * cosine + load(y + k * kLanes<Scalar>) * sine;
    const Lanes<Scalar> angle = turns * static_cast<Scalar>(-2 * kPi);
    real[at] = angle.cos();
    imaginary[at] = angle.sin();
  }
}

template <typename Scalar>
void multiply(Block<Scalar>& real,
              Block<Scalar>& imaginary,
              const Block<Scalar>& by_real,
              const Block<Scalar>& by_imaginary) {
  for (std::size_t k = 0; k < kAtOnce; ++k) {
    const Lanes<Scalar> product = real[k] * by_real[k] - imaginary[k] * by_imaginary[k];
    imaginary[k] = real[k] * by_imaginary[k] + imaginary[k] * by_real[k];
    real[k] = product;
  }
}

}  // namespace

template <typename Scalar>
struct PolarRenderer<Scalar>::Scratch final : Workspace {
  Pose pose;
  Eigen::Matrix3Xd view;  // (3, atoms): our order, rotated; not shifted
  Matrix places;          // (slots, 2): x and y with the shift, in box edges
  Matrix by_places;       // as places
  Matrix real;            // (rings, rays): F, or the gradient by it
  Matrix imaginary;
  Matrix segment_real;  // one segment's
  Matrix segment_imaginary;
  typename PolarRays<Scalar>::Workspace analysis;
  Eigen::Array<Scalar, kLanes<Scalar>, Eigen::Dynamic> real_sums;  // (lanes, rings)
  Eigen::Array<Scalar, kLanes<Scalar>, Eigen::Dynamic> imaginary_sums;
};

template <typename Scalar>
PolarRenderer<Scalar>::PolarRenderer(std::shared_ptr<const PolarBasis> basis,
                                     const Scattering& scattering,
                                     PixelModel pixel)
    : basis_(std::move(basis)), rays_(basis_->layout()) {
  const ImageGrid& grid = basis_->grid();
  const double edge = grid.edge_angstrom();
  const int rings = basis_->rings();
  for (const Scattering::TypeMembers& members : scattering.members_of_types()) {
    Segment segment;
    segment.first_atom = static_cast<Eigen::Index>(order_.size());
    segment.atoms = static_cast<Eigen::Index>(members.atoms.size());
    segment.first_slot = slots();
    segment.slots = (segment.atoms + kBlock<Scalar> - 1) / kBlock<Scalar> * kBlock<Scalar>;
    order_.insert(order_.end(), members.atoms.begin(), members.atoms.end());
    segment.envelope.resize(rings, rays_.count());
    for (int ring = 1; ring <= rings; ++ring) {
      // A sum over pixels is the integral over the area in units of a pixel's.
      const double amplitude = form_factor(scattering.types[members.type], ring / edge) *
                               std::sqrt(basis_->ring_weights()(ring - 1)) /
                               (grid.box * grid.pixel_size_angstrom * grid.pixel_size_angstrom);
      for (Eigen::Index ray = 0; ray < rays_.count(); ++ray) {
        const double cycles_a_pixel = static_cast<double>(ring) / grid.box;
        const double angle = rays_.angle_radian(ray);
        segment.envelope(ring - 1, ray) =
            static_cast<Scalar>(amplitude * pixel_transfer(pixel,
                                                           cycles_a_pixel * std::cos(angle),
                                                           cycles_a_pixel * std::sin(angle)));
      }
    }
    segments_.push_back(std::move(segment));
  }

  presence_ = Matrix::Zero(slots(), 1);
  const bool has_b_factors = (scattering.b_factors_angstrom2.array() != 0).any();
  attenuation_ = Matrix::Ones(has_b_factors ? slots() : 0, rings);
  for (const Segment& segment : segments_) {
    presence_.middleRows(segment.first_slot, segment.atoms).setOnes();
    for (Eigen::Index i = 0; has_b_factors && i < segment.atoms; ++i) {
      const Eigen::Index atom = order_[static_cast<std::size_t>(segment.first_atom + i)];
      for (int ring = 1; ring <= rings; ++ring) {
        const double r = ring / edge;
        attenuation_(segment.first_slot + i, ring - 1) =
            static_cast<Scalar>(std::exp(-scattering.b_factors_angstrom2(atom) * r * r / 4));
      }
    }
  }
}

template <typename Scalar>
auto PolarRenderer<Scalar>::workspace() const -> std::unique_ptr<Workspace> {
  auto scratch = std::make_unique<Scratch>();
  const Eigen::Index rings = basis_->rings();
  scratch->view.resize(3, static_cast<Eigen::Index>(order_.size()));
  scratch->places = Matrix::Zero(slots(), 2);
  scratch->by_places.resize(slots(), 2);
  for (Matrix* matrix :
       {&scratch->real, &scratch->imaginary, &scratch->segment_real, &scratch->segment_imaginary}) {
    matrix->resize(rings, rays_.count());
  }
  scratch->real_sums.resize(kLanes<Scalar>, rings);
  scratch->imaginary_sums.resize(kLanes<Scalar>, rings);
  return scratch;
}

template <typename Scalar>
template <bool kAttenuated>
void PolarRenderer<Scalar>::sum_waves(const Segment& segment, Scratch& scratch) const {
  const Eigen::Index rings = basis_->rings();
  const Scalar* x = scratch.places.col(0).data();
  const Scalar* y = scratch.places.col(1).data();
  const Matrix& rays = rays_.directions();
  for (Eigen::Index ray = 0; ray < rays.rows(); ++ray) {
    scratch.real_sums.setZero();
    scratch.imaginary_sums.setZero();
    for (Eigen::Index slot = segment.first_slot; slot < segment.first_slot + segment.slots;
         slot += kBlock<Scalar>) {
      Block<Scalar> step_real;
      Block<Scalar> step_imaginary;
      wave_step(x + slot, y + slot, rays(ray, 0), rays(ray, 1), step_real, step_imaginary);
      Block<Scalar> real;
      Block<Scalar> imaginary;
      for (int k = 0; k < kAtOnce; ++k) {
        const auto at = static_cast<std::size_t>(k);
        const Lanes<Scalar> present = load(presence_.data() + slot + k * kLanes<Scalar>);
        real[at] = step_real[at] * present;
        imaginary[at] = step_imaginary[at] * present;
      }
      for (Eigen::Index ring = 0; ring < rings; ++ring) {
        if constexpr (kAttenuated) {
          const Scalar* attenuation = attenuation_.col(ring).data() + slot;
          for (int k = 0; k < kAtOnce; ++k) {
            const auto at = static_cast<std::size_t>(k);
            const Lanes<Scalar> factor = load(attenuation + k * kLanes<Scalar>);
            scratch.real_sums.col(ring) += factor * real[at];
            scratch.imaginary_sums.col(ring) += factor * imaginary[at];
          }
        } else {
          scratch.real_sums.col(ring) += (real[0] + real[1]) + (real[2] + real[3]);
          scratch.imaginary_sums.col(ring) +=
              (imaginary[0] + imaginary[1]) + (imaginary[2] + imaginary[3]);
        }
        multiply(real, imaginary, step_real, step_imaginary);
      }
    }
    scratch.segment_real.col(ray) = scratch.real_sums.colwise().sum().transpose();
    scratch.segment_imaginary.col(ray) = scratch.imaginary_sums.colwise().sum().transpose();
  }
}

template <typename Scalar>
void PolarRenderer<Scalar>::place(const Eigen::Matrix3Xd& positions,
                                  const Pose& pose,
                                  Workspace& workspace) const {
  auto& scratch = static_cast<Scratch&>(workspace);
  const double edge = basis_->grid().edge_angstrom();
  scratch.pose = pose;
  for (std::size_t i = 0; i < order_.size(); ++i) {
    scratch.view.col(static_cast<Eigen::Index>(i)).noalias() =
        pose.rotation * positions.col(order_[i]);
  }
  for (const Segment& segment : segments_) {
    for (Eigen::Index axis = 0; axis < 2; ++axis) {
      scratch.places.col(axis).segment(segment.first_slot, segment.atoms) =
          ((scratch.view.row(axis).segment(segment.first_atom, segment.atoms).array() +
            pose.shift_angstrom(axis)) /
           edge)
              .matrix()
              .transpose()
              .template cast<Scalar>();
    }
  }
}

template <typename Scalar>
void PolarRenderer<Scalar>::render(const Eigen::Matrix3Xd& positions,
                                   const Pose& pose,
                                   Workspace& workspace,
                                   Eigen::Ref<Vector> image) const {
  place(positions, pose, workspace);
  auto& scratch = static_cast<Scratch&>(workspace);
  scratch.real.setZero();
  scratch.imaginary.setZero();
  for (const Segment& segment : segments_) {
    if (attenuation_.size() > 0) {
      sum_waves<true>(segment, scratch);
    } else {
      sum_waves<false>(segment, scratch);
    }
    scratch.real += segment.envelope.cwiseProduct(scratch.segment_real);
    scratch.imaginary += segment.envelope.cwiseProduct(scratch.segment_imaginary);
  }
  rays_.analyse(scratch.real, scratch.imaginary, scratch.analysis, image);
}

template <typename Scalar>
template <bool kAttenuated>
void PolarRenderer<Scalar>::pull_back_waves(const Segment& segment, Scratch& scratch) const {
  const Eigen::Index rings = basis_->rings();
  const Scalar* x = scratch.places.col(0).data();
  const Scalar* y = scratch.places.col(1).data();
  const Matrix& rays = rays_.directions();
  for (Eigen::Index slot = segment.first_slot; slot < segment.first_slot + segment.slots;
       slot += kBlock<Scalar>) {
    Block<Scalar> by_x;
    Block<Scalar> by_y;
    for (std::size_t k = 0; k < kAtOnce; ++k) {
      by_x[k].setZero();
      by_y[k].setZero();
    }
    for (Eigen::Index ray = 0; ray < rays.rows(); ++ray) {
      Block<Scalar> step_real;
      Block<Scalar> step_imaginary;
      wave_step(x + slot, y + slot, rays(ray, 0), rays(ray, 1), step_real, step_imaginary);
      Block<Scalar> real = step_real;
      Block<Scalar> imaginary = step_imaginary;
      Block<Scalar> by_turns;
      for (std::size_t k = 0; k < kAtOnce; ++k) {
        by_turns[k].setZero();
      }
      for (Eigen::Index ring = 0; ring < rings; ++ring) {
        // d exp(-i w t) = -i w exp(-i w t) dt: the real part grows with the imaginary one.
        const Scalar by_real = scratch.segment_real(ring, ray);
        const Scalar by_imaginary = scratch.segment_imaginary(ring, ray);
        for (int k = 0; k < kAtOnce; ++k) {
          const auto at = static_cast<std::size_t>(k);
          if constexpr (kAttenuated) {
            const Lanes<Scalar> factor =
                load(attenuation_.col(ring).data() + slot + k * kLanes<Scalar>);
            by_turns[at] += factor * (by_real * imaginary[at] - by_imaginary * real[at]);
          } else {
            by_turns[at] += by_real * imaginary[at];
            by_turns[at] -= by_imaginary * real[at];
          }
        }
        multiply(real, imaginary, step_real, step_imaginary);
      }
      for (std::size_t k = 0; k < kAtOnce; ++k) {
        by_x[k] += by_turns[k] * rays(ray, 0);
        by_y[k] += by_turns[k] * rays(ray, 1);
      }
    }
    for (int k = 0; k < kAtOnce; ++k) {
      const auto at = static_cast<std::size_t>(k);
      const Eigen::Index first = slot + k * kLanes<Scalar>;
      scratch.by_places.col(0).template segment<kLanes<Scalar>>(first) = by_x[at].matrix();
      scratch.by_places.col(1).template segment<kLanes<Scalar>>(first) = by_y[at].matrix();
    }
  }
}

template <typename Scalar>
void PolarRenderer<Scalar>::pull_back(const Eigen::Ref<const Vector>& adjoint,
                                      Workspace& workspace,
                                      RenderGradient& gradient) const {
  auto& scratch = static_cast<Scratch&>(workspace);
  rays_.spread(adjoint, scratch.analysis, scratch.real, scratch.imaginary);
  // The derivative of a wave by its turns brings down 2 pi times the ring's number.
  const double edge = basis_->grid().edge_angstrom();
  const Vector rates =
      (Vector::LinSpaced(basis_->rings(), 1, static_cast<Scalar>(basis_->rings())) *
       static_cast<Scalar>(2 * kPi / edge));
  scratch.real = rates.asDiagonal() * scratch.real;
  scratch.imaginary = rates.asDiagonal() * scratch.imaginary;
  const auto atoms = static_cast<Eigen::Index>(order_.size());
  Eigen::VectorXd by_x(atoms);
  Eigen::VectorXd by_y(atoms);
  for (const Segment& segment : segments_) {
    scratch.segment_real = segment.envelope.cwiseProduct(scratch.real);
    scratch.segment_imaginary = segment.envelope.cwiseProduct(scratch.imaginary);
    if (attenuation_.size() > 0) {
      pull_back_waves<true>(segment, scratch);
    } else {
      pull_back_waves<false>(segment, scratch);
    }
    const auto by_places = scratch.by_places.middleRows(segment.first_slot, segment.atoms);
    by_x.segment(segment.first_atom, segment.atoms) = by_places.col(0).template cast<double>();
    by_y.segment(segment.first_atom, segment.atoms) = by_places.col(1).template cast<double>();
  }
  pull_back_view(scratch.pose, order_, scratch.view, by_x, by_y, gradient);
}

template class PolarRenderer<float>;
template class PolarRenderer<double>;

}  // namespace cryosip

#include "libcryosip/assess/principal_components.hpp"

#include <algorithm>
#include <cstddef>
#include <string>

#include <Eigen/Eigenvalues>
#include <Spectra/MatOp/DenseSymMatProd.h>
#include <Spectra/SymEigsSolver.h>

#include "formats/error.hpp"
#include "libcryosip/core/parallel.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// left^T right, by columns of the result.
Eigen::MatrixXd product(const Eigen::MatrixXd& left, const Eigen::MatrixXd& right) {
  constexpr Index kColumns = 64;
  Eigen::MatrixXd result(left.cols(), right.cols());
  const Index blocks = (right.cols() + kColumns - 1) / kColumns;
  parallel_for(static_cast<std::size_t>(blocks), [&](std::size_t block) {
    const Index first = static_cast<Index>(block) * kColumns;
    const Index count = std::min(kColumns, right.cols() - first);
    result.middleCols(first, count).noalias() = left.transpose() * right.middleCols(first, count);
  });
  return result;
}

struct Eigenpairs {
  Eigen::VectorXd values;   // largest first
  Eigen::MatrixXd vectors;  // columns
};

Eigenpairs largest_eigenpairs(const Eigen::MatrixXd& symmetric, Index wanted) {
  constexpr Index kDirect = 400;
  // Eigenvalues of noise lie close together: a generous subspace converges in few restarts.
  const Index krylov = 4 * wanted + 40;
  if (symmetric.rows() <= std::max(kDirect, krylov)) {
    const Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd> solver(symmetric);
    return {solver.eigenvalues().tail(wanted).reverse(),
            solver.eigenvectors().rightCols(wanted).rowwise().reverse()};
  }
  Spectra::DenseSymMatProd<double> by_product(symmetric);
  Spectra::SymEigsSolver<Spectra::DenseSymMatProd<double>> solver(by_product, wanted, krylov);
  solver.init();  // a fixed start: the same components every time
  constexpr Index kIterations = 1000;
  constexpr double kTolerance = 1e-10;
  solver.compute(Spectra::SortRule::LargestAlge, kIterations, kTolerance);
  if (solver.info() != Spectra::CompInfo::Successful) {
    throw Error(ErrorKind::Numerical,
                "the principal components did not converge in " + std::to_string(kIterations) +
                    " iterations");
  }
  return {solver.eigenvalues(), solver.eigenvectors()};
}

}  // namespace

Eigen::MatrixXd PrincipalComponents::project(const Eigen::MatrixXf& images) const {
  return product(components, images.cast<double>().colwise() - mean);
}

PrincipalComponents principal_components(const Eigen::MatrixXf& images, Index wanted) {
  if (images.cols() < 2 || wanted < 1) {
    throw Error(ErrorKind::Usage,
                std::to_string(wanted) + " principal components of " +
                    std::to_string(images.cols()) + " images, expected at least 1 and 2");
  }
  PrincipalComponents result;
  Eigen::MatrixXd centred = images.cast<double>();
  result.mean = centred.rowwise().mean();
  centred.colwise() -= result.mean;
  const auto degrees = static_cast<double>(images.cols() - 1);
  result.total_variance = centred.squaredNorm() / degrees;

  // X X^T and X^T X have the same eigenvalues; the smaller one is taken.
  const bool by_coefficients = images.rows() <= images.cols();
  if (by_coefficients) {
    centred.transposeInPlace();
  }
  const Index order = centred.cols();
  const Eigenpairs pairs = largest_eigenpairs(product(centred, centred), std::min(wanted, order));

  // Below this share a direction is rounding.
  constexpr double kNothing = 1e-12;
  const Index found = (pairs.values.array() > kNothing * pairs.values(0)).count();
  result.variances = pairs.values.head(found) / degrees;
  result.components = by_coefficients ? pairs.vectors.leftCols(found)
                                      : Eigen::MatrixXd(centred * pairs.vectors.leftCols(found));
  for (auto component : result.components.colwise()) {
    component.normalize();
    Index largest = 0;
    component.cwiseAbs().maxCoeff(&largest);
    if (component(largest) < 0) {
      component = -component;
    }
  }
  return result;
}

}  // namespace cryosip

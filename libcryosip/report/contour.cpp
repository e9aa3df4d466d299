#include "libcryosip/report/contour.hpp"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>

namespace cryosip {
namespace {

using Index = Eigen::Index;

// An edge of the grid, by the point it starts from and whether it runs along y.
using Edge = std::uint64_t;

// Two ends of a line through one square.
struct Piece {
  Edge from;
  Edge to;
};

class Squares {
 public:
  Squares(const Eigen::MatrixXd& values,
          const Eigen::VectorXd& x,
          const Eigen::VectorXd& y,
          double level)
      : values_(values), x_(x), y_(y), level_(level) {}

  [[nodiscard]] std::vector<Piece> pieces() const {
    std::vector<Piece> found;
    for (Index i = 0; i + 1 < x_.size(); ++i) {
      for (Index j = 0; j + 1 < y_.size(); ++j) {
        add(i, j, found);
      }
    }
    return found;
  }

  [[nodiscard]] Eigen::Vector2d place(Edge edge) const {
    const bool along_y = (edge & 1U) != 0;
    const auto point = static_cast<Index>(edge >> 1U);
    const Index i = point / y_.size();
    const Index j = point % y_.size();
    const Index i2 = along_y ? i : i + 1;
    const Index j2 = along_y ? j + 1 : j;
    const double share = (level_ - values_(i, j)) / (values_(i2, j2) - values_(i, j));
    return {x_(i) + share * (x_(i2) - x_(i)), y_(j) + share * (y_(j2) - y_(j))};
  }

 private:
  [[nodiscard]] Edge edge(Index i, Index j, bool along_y) const {
    return static_cast<Edge>(i * y_.size() + j) << 1U | (along_y ? 1U : 0U);
  }
  [[nodiscard]] bool above(Index i, Index j) const { return values_(i, j) >= level_; }

  void add(Index i, Index j, std::vector<Piece>& found) const {
    const std::array<bool, 4> corners = {
        above(i, j), above(i + 1, j), above(i + 1, j + 1), above(i, j + 1)};
    // Edge k joins corners k and k + 1.
    const std::array<Edge, 4> edges = {
        edge(i, j, false), edge(i + 1, j, true), edge(i, j + 1, false), edge(i, j, true)};
    std::vector<std::size_t> crossed;
    for (std::size_t k = 0; k < 4; ++k) {
      if (corners[k] != corners[(k + 1) % 4]) {
        crossed.push_back(k);
      }
    }
    if (crossed.size() == 2) {
      found.push_back({edges[crossed[0]], edges[crossed[1]]});
    } else if (crossed.size() == 4) {
      const double middle = values_.block<2, 2>(i, j).mean();
      // Lines part the corners that differ from the middle.
      const bool cut_first = corners[0] != (middle >= level_);
      found.push_back({edges[0], edges[cut_first ? 3 : 1]});
      found.push_back({edges[2], edges[cut_first ? 1 : 3]});
    }
  }

  const Eigen::MatrixXd& values_;
  const Eigen::VectorXd& x_;
  const Eigen::VectorXd& y_;
  double level_;
};

}  // namespace

std::vector<std::vector<Eigen::Vector2d>> contour_lines(const Eigen::MatrixXd& values,
                                                        const Eigen::VectorXd& x,
                                                        const Eigen::VectorXd& y,
                                                        double level) {
  const Squares squares(values, x, y, level);
  const std::vector<Piece> pieces = squares.pieces();
  std::multimap<Edge, std::size_t> at;  // pieces by their ends
  for (std::size_t p = 0; p < pieces.size(); ++p) {
    at.emplace(pieces[p].from, p);
    at.emplace(pieces[p].to, p);
  }
  std::vector<bool> used(pieces.size());
  // The end across an unused piece that meets this one.
  const auto follow = [&](Edge end, Edge& next) {
    const auto [first, last] = at.equal_range(end);
    for (auto it = first; it != last; ++it) {
      if (!used[it->second]) {
        used[it->second] = true;
        const Piece& piece = pieces[it->second];
        next = piece.from == end ? piece.to : piece.from;
        return true;
      }
    }
    return false;
  };
  std::vector<std::vector<Eigen::Vector2d>> lines;
  for (std::size_t p = 0; p < pieces.size(); ++p) {
    if (used[p]) {
      continue;
    }
    used[p] = true;
    std::deque<Edge> chain = {pieces[p].from, pieces[p].to};
    Edge next = 0;
    while (follow(chain.back(), next)) {
      chain.push_back(next);
    }
    while (follow(chain.front(), next)) {
      chain.push_front(next);
    }
    std::vector<Eigen::Vector2d>& line = lines.emplace_back();
    for (const Edge edge : chain) {
      line.push_back(squares.place(edge));
    }
  }
  return lines;
}

double enclosing_level(const Eigen::MatrixXd& density, double share) {
  std::vector<double> values(density.data(), density.data() + density.size());
  std::sort(values.begin(), values.end(), std::greater<>());
  const double wanted = share * density.sum();
  double sum = 0;
  for (const double value : values) {
    sum += value;
    if (sum >= wanted) {
      return value;
    }
  }
  return values.back();
}

}  // namespace cryosip

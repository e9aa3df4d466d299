// make_hinge_dimer: writes testdata/hinge_dimer.pdb to standard output.
//
// A molecule from plain geometry, owing nothing to any deposited structure: two chains of 150
// C-alphas in the shape of a V, as Hsp90 is.  Each arm has an outer domain (four helices) and an
// inner one (three); two more helices of each chain make the base that joins the arms.  The second
// chain is the first one turned half around z.
//
// Helices: radius 2.3 A, rise 1.5 A and 100 degrees a residue.  Loops: circular arcs of 3.8 A
// steps. The phases of the helices and the bulges of the loops were found by a random search for a
// chain without clashes (no two residues but next neighbours nearer than 5 A) whose four softest
// modes stand well apart from the fifth.
#include <array>
#include <cmath>
#include <cstdio>
#include <numbers>
#include <string>
#include <vector>

#include <Eigen/Core>
#include <Eigen/Geometry>

namespace {

using Eigen::Vector3d;

constexpr double kStep = 3.8;     // between neighbouring C-alphas, angstrom
constexpr double kRise = 1.5;     // of a helix along its axis, a residue
constexpr double kPacking = 9.8;  // between axes of neighbouring helices

double radian(double degree) {
  return degree * std::numbers::pi / 180;
}

struct Residue {
  Vector3d position;
  bool in_helix;
  int index;  // within its helix or loop
};

struct Helix {
  Vector3d centre;
  Vector3d axis;  // unit, the way the chain runs
  int residues;
  double phase_degree;
};

struct Loop {
  int residues;
  Vector3d bulge;  // the side to which it curves
};

void append_helix(const Helix& helix, std::vector<Residue>& chain) {
  const Vector3d x = (Vector3d::UnitY() - helix.axis.y() * helix.axis).normalized();
  const Vector3d y = helix.axis.cross(x);
  for (int i = 0; i < helix.residues; ++i) {
    const double angle = radian(100 * i + helix.phase_degree);
    const double along = (i - 0.5 * (helix.residues - 1)) * kRise;
    chain.push_back(
        {helix.centre + along * helix.axis + 2.3 * (std::cos(angle) * x + std::sin(angle) * y),
         true,
         i});
  }
}

// From the chain's end to @p to, on a circle whose chords are kStep.
void append_loop(const Loop& loop, const Vector3d& to, std::vector<Residue>& chain) {
  const Vector3d from = chain.back().position;
  const int steps = loop.residues + 1;
  const double distance = (to - from).norm();
  const Vector3d across = (to - from) / distance;
  const Vector3d out = (loop.bulge - loop.bulge.dot(across) * across).normalized();
  // The angle of a step: sin(steps a / 2) / sin(a / 2) = distance / kStep, falling in a.
  double low = 1e-9;
  double high = 2 * std::numbers::pi / steps;
  for (int i = 0; i < 100; ++i) {
    const double middle = 0.5 * (low + high);
    const double ratio = std::sin(0.5 * steps * middle) / std::sin(0.5 * middle);
    (ratio > distance / kStep ? low : high) = middle;
  }
  const double radius = kStep / (2 * std::sin(0.5 * low));
  const Vector3d centre = 0.5 * (from + to) - radius * std::cos(0.5 * steps * low) * out;
  for (int k = 1; k < steps; ++k) {
    const double angle = (k - 0.5 * steps) * low;
    chain.push_back(
        {centre + radius * (std::sin(angle) * across + std::cos(angle) * out), false, k - 1});
  }
}

std::vector<Helix> helices() {
  constexpr int kArmResidues = 14;
  constexpr int kBaseResidues = 10;
  const double half_opening = radian(22);
  const Vector3d along(std::sin(half_opening), 0, std::cos(half_opening));  // of the arm, outwards
  const Vector3d side = Vector3d::UnitY();
  const Vector3d front = side.cross(along);
  const Vector3d root(6, 0, 4);
  const double length = kArmResidues * kRise;
  const Vector3d inner = root + (10.4 + 0.5 * length) * along;
  const Vector3d outer = inner + (length + 8.9) * along;

  std::vector<Helix> all;
  const double half = 0.5 * kPacking;
  all.push_back({outer - half * side + half * front, along, kArmResidues, 297});
  all.push_back({outer + half * side + half * front, -along, kArmResidues, 127});
  all.push_back({outer + half * side - half * front, along, kArmResidues, 65});
  all.push_back({outer - half * side - half * front, -along, kArmResidues, 206});
  const std::array<double, 3> inner_phases = {302, 287, 219};
  for (std::size_t k = 0; k < inner_phases.size(); ++k) {
    const double angle = radian(56 + 120 * static_cast<double>(k));
    all.push_back({inner + kPacking / std::numbers::sqrt3 *
                               (std::cos(angle) * side + std::sin(angle) * front),
                   k % 2 == 0 ? Vector3d(-along) : along,
                   kArmResidues,
                   inner_phases.at(k)});
  }
  all.push_back({Vector3d(6.4, -6.8, -13.4), -Vector3d::UnitZ(), kBaseResidues, 119});
  all.push_back({Vector3d(6.4, 6.8, -13.4), Vector3d::UnitZ(), kBaseResidues, 67});
  return all;
}

std::vector<Residue> build_chain() {
  const std::vector<Helix> all = helices();
  const std::array<Loop, 8> loops = {{{3, {0.8, 0.5, 0.4}},
                                      {5, {0.7, 0.6, -0.3}},
                                      {5, {0.8, -0.5, 0.4}},
                                      {3, {0.8, 0.2, -0.6}},
                                      {3, {0.3, -0.7, -0.6}},
                                      {3, {0.2, -0.4, 0.9}},
                                      {6, {0.8, 0.5, 0.3}},
                                      {4, {0.2, 0.2, -1.0}}}};
  std::vector<Residue> chain;
  append_helix(all[0], chain);
  for (std::size_t k = 0; k < loops.size(); ++k) {
    std::vector<Residue> next;
    append_helix(all[k + 1], next);
    append_loop(loops.at(k), next.front().position, chain);
    chain.insert(chain.end(), next.begin(), next.end());
  }
  return chain;
}

// Two hydrophobic stripes a turn and charges between them; loops of small residues.
const char* residue_name(const Residue& residue) {
  constexpr std::array<const char*, 7> kHelix = {"GLU", "LEU", "ALA", "LYS", "LEU", "ALA", "LYS"};
  constexpr std::array<const char*, 2> kLoop = {"GLY", "SER"};
  const auto index = static_cast<std::size_t>(residue.index);
  return residue.in_helix ? kHelix.at(index % kHelix.size()) : kLoop.at(index % kLoop.size());
}

// Mobile ends of the arms and loops, a quiet base.
double b_factor(const Residue& residue) {
  const double from_base = (residue.position - Vector3d(0, 0, -13.4)).norm();
  return 18 + 0.4 * from_base + (residue.in_helix ? 0 : 8);
}

// As "%8.3f", but never "-0.000".
std::string coordinate(double value) {
  std::array<char, 32> text{};
  std::snprintf(text.data(), text.size(), "%8.3f", std::round(value * 1000) / 1000 + 0.0);
  return text.data();
}

}  // namespace

int main() {
  const std::vector<Residue> chain = build_chain();
  // The mean over both chains lies on the axis.
  double mean_z = 0;
  for (const Residue& residue : chain) {
    mean_z += residue.position.z() / static_cast<double>(chain.size());
  }
  std::printf("REMARK   1 HINGE DIMER: BUILT FROM PLAIN GEOMETRY BY CRYOSIP'S\n");
  std::printf("REMARK   1 TESTDATA/MAKE_HINGE_DIMER.CPP; NOT A MOLECULE OF NATURE.\n");
  int serial = 0;
  for (const char name : {'A', 'B'}) {
    const double turn = name == 'A' ? 1 : -1;
    int number = 0;
    for (const Residue& residue : chain) {
      const Vector3d& p = residue.position;
      std::printf("ATOM  %5d  CA  %s %c%4d    %s%s%s  1.00%6.2f           C  \n",
                  ++serial,
                  residue_name(residue),
                  name,
                  ++number,
                  coordinate(turn * p.x()).c_str(),
                  coordinate(turn * p.y()).c_str(),
                  coordinate(p.z() - mean_z).c_str(),
                  b_factor(residue));
    }
    ++serial;
    std::printf("TER   %5d      %s %c%4d\n", serial, residue_name(chain.back()), name, number);
  }
  std::printf("END\n");
  return 0;
}

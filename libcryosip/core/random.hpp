// Random numbers from counter-based streams (Random123's Philox 4x32-10).
//
// A stream is named by what it is for: (seed, purpose, a, b).  The numbers depend on that name
// alone, never on the order in which streams are used or on the number of threads.
#pragma once

#include <array>
#include <cstdint>

#include <Eigen/Core>

namespace cryosip {

/// What a stream is for.  Values are part of the reproducibility promise: never reuse or renumber.
enum class StreamPurpose : std::uint32_t {
  Conformation = 1,  ///< drawing image i's conformation
  Pose = 2,          ///< image i's viewing direction and shift
  Optics = 3,        ///< image i's CTF
  PixelNoise = 4,    ///< image i's noise
  InitialEnsemble = 5,
  FlowPose = 6,         ///< (step, conformation)
  FlowOptics = 7,       ///< (step, conformation)
  FlowBatch = 8,        ///< (step): which images
  TruthLayout = 9,      ///< (component, coordinate) of a mixture laid out as points
  FlowNoise = 10,       ///< (step, nuisance): noise of simulated images
  FlowInjection = 11,   ///< (step, conformation): where a velocity is asked for
  FlowShift = 12,       ///< (step, drawing): its shift
  FlowInflation = 13,   ///< (step, image): noise added to an observed image
  FlowResampling = 14,  ///< (step): which conformations are copied, and where the copies go
  PoseError = 14,       ///< image i's error of the pose that is written
  MapStart = 20,        ///< (conformation, restart): which conformations a restart begins with

  ComparisonConformation = 30,  ///< (image, set) drawn to be compared with observed images
  ComparisonPose = 31,          ///< (image, set)
  ComparisonNoise = 32,         ///< (image, set)
  ComparisonChoice = 33,        ///< which observed images

  AssignmentView = 50,     ///< (0): how the even views are turned
  AssignmentShift = 51,    ///< (view): its shift
  ClusterStart = 52,       ///< (start): first centres of a clustering
  BootstrapChoice = 40,    ///< (refit): which images
  BootstrapSeed = 41,      ///< (refit): the seed of everything else
  ImagePerturbation = 42,  ///< (image): change of its pixels
  Permutation = 43,        ///< (permutation): which points change sides
  PermutationSample = 44,  ///< (set): points that stand for a weighted set
  Slice = 45,              ///< (slice): its direction

  Test = 100,
};

class RandomStream {
 public:
  /// @param a,b  indices within the purpose, e.g. (image) or (step, conformation); b < 2^32
  RandomStream(std::uint64_t seed, StreamPurpose purpose, std::uint64_t a, std::uint64_t b = 0);

  std::uint32_t bits();
  /// Uniform in (0, 1), 53 bits.
  double uniform();
  double uniform(double low, double high) { return low + (high - low) * uniform(); }
  /// Uniform in 0 .. count-1.  @param count  > 0
  std::uint64_t below(std::uint64_t count);
  /// Standard normal, by Box and Muller.
  double normal();
  /// A rotation uniform on SO(3) (normalised Gaussian quaternion).
  Eigen::Matrix3d rotation();

 private:
  std::array<std::uint32_t, 2> key_{};
  std::array<std::uint32_t, 4> counter_{};
  std::array<std::uint32_t, 4> block_{};
  unsigned used_ = 4;
  bool has_spare_ = false;
  double spare_ = 0;
};

}  // namespace cryosip

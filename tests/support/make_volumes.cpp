// make_volumes FOLDER: writes three_arms() there as mean.mrc, arm1.mrc .. arm3.mrc and
// volumes.star.
#include <exception>
#include <fstream>
#include <iostream>
#include <string>

#include "formats/mrc.hpp"
#include "tests/support/volume_family.hpp"

int main(int argc, char** argv) {
  using namespace cryosip;
  try {
    if (argc != 2) {
      std::cerr << "usage: make_volumes FOLDER\n";
      return 2;
    }
    const std::string folder = std::string(argv[1]) + "/";
    const Volumes volumes = testing::three_arms();
    const auto edge = static_cast<std::size_t>(volumes.edge);
    std::ofstream star(folder + "volumes.star");
    star << "data_sip_volume_model\n\nloop_\n_sipVolumeName #1\n_sipComponent #2\n";
    for (Eigen::Index k = 0; k < volumes.values.cols(); ++k) {
      const std::string name = k == 0 ? "mean.mrc" : "arm" + std::to_string(k) + ".mrc";
      const auto values = volumes.values.col(k);
      formats::write_volume(
          folder + name,
          {{edge, edge, edge}, volumes.voxel_size_angstrom, {values.begin(), values.end()}});
      star << name << ' ' << k << '\n';
    }
    star << '\n';
    return star.flush() ? 0 : 1;
  } catch (const std::exception& error) {
    std::cerr << "make_volumes: " << error.what() << '\n';
    return 1;
  }
}

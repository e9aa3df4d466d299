#include "libcryosip/assess/ensemble_export.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <utility>

#include <Eigen/Geometry>

#include "formats/error.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;
using Positions = std::vector<std::array<double, 3>>;

std::vector<formats::AtomRecord> records_of(const Atoms& atoms) {
  std::vector<formats::AtomRecord> records(atoms.names.size());
  for (std::size_t i = 0; i < records.size(); ++i) {
    records[i].name = atoms.names[i];
    records[i].residue_name = atoms.residue_names[i];
    records[i].chain = atoms.chains[i];
    records[i].residue_number = atoms.residue_numbers[i];
    records[i].insertion_code = atoms.insertion_codes[i];
    records[i].atomic_number = atoms.atomic_numbers[i];
    records[i].b_factor = atoms.b_factors_angstrom2(static_cast<Index>(i));
  }
  return records;
}

Positions listed(const Eigen::Matrix3Xd& positions) {
  Positions list(static_cast<std::size_t>(positions.cols()));
  for (Index i = 0; i < positions.cols(); ++i) {
    list[static_cast<std::size_t>(i)] = {positions(0, i), positions(1, i), positions(2, i)};
  }
  return list;
}

// From blue by pale yellow to red, as 0 goes to 1.
std::string colour(double share) {
  using Rgb = std::array<double, 3>;
  constexpr std::array<Rgb, 3> kStops{{{69, 117, 180}, {255, 255, 191}, {215, 48, 39}}};
  const double at = 2 * std::clamp(share, 0.0, 1.0);
  const std::size_t below = at < 1 ? 0 : 1;
  const double part = at - static_cast<double>(below);
  std::string text = "#";
  for (std::size_t channel = 0; channel < 3; ++channel) {
    const double value =
        kStops[below][channel] + part * (kStops[below + 1][channel] - kStops[below][channel]);
    std::array<char, 3> hex{};
    std::snprintf(hex.data(), hex.size(), "%02x", static_cast<unsigned>(std::lround(value)) & 255U);
    text += hex.data();
  }
  return text;
}

// As ChimeraX's commands take a file name.
std::string in_quotes(const std::string& path) {
  if (path.find('"') == std::string::npos) {
    return '"' + path + '"';
  }
  if (path.find('\'') == std::string::npos) {
    return "'" + path + "'";
  }
  throw Error(ErrorKind::Output,
              path +
                  ": a name with both kinds of quotes, which ChimeraX cannot "
                  "be told");
}

}  // namespace

formats::WeightedModels weighted_models(const AtomicModel& model,
                                        const Ensemble& ensemble,
                                        const Representatives& representatives,
                                        const CarriedAtoms* carried,
                                        ModelFrame frame) {
  const auto positions = [&model, &ensemble, carried](Index conformation) {
    Eigen::Matrix3Xd at(3, model.atoms().count());
    model.positions(ensemble.coordinates.col(conformation), at);
    return carried == nullptr ? at : carried->positions(at);
  };
  formats::WeightedModels models;
  models.title = "ensemble of " + ensemble.model;
  models.atoms = carried == nullptr ? records_of(model.atoms()) : carried->atoms();
  const std::size_t count = representatives.conformations.size();
  for (std::size_t m = 0; m < count; ++m) {
    models.populations.push_back(representatives.populations(static_cast<Index>(m)));
    models.names.push_back("conformation " + std::to_string(representatives.conformations[m] + 1));
  }
  Eigen::Matrix3Xd reference;
  if (frame == ModelFrame::Aligned) {
    Index most = 0;
    representatives.populations.maxCoeff(&most);
    reference = positions(representatives.conformations[static_cast<std::size_t>(most)]);
  }
  models.positions = [positions, reference, conformations = representatives.conformations](
                         std::size_t m) -> Positions {
    const Eigen::Matrix3Xd at = positions(conformations.at(m));
    if (reference.size() == 0) {
      return listed(at);
    }
    constexpr bool kScaled = false;
    const Eigen::Matrix4d move = Eigen::umeyama(at, reference, kScaled);
    return listed((move.topLeftCorner<3, 3>() * at).colwise() +
                  Eigen::Vector3d(move.topRightCorner<3, 1>()));
  };
  return models;
}

formats::WeightedModels single_model(const formats::WeightedModels& models, std::size_t index) {
  formats::WeightedModels one = models;
  one.populations = {models.populations.at(index)};
  one.names = {models.names.at(index)};
  one.positions = [all = models.positions, index](std::size_t) { return all(index); };
  return one;
}

formats::StarTable to_star(const Representatives& representatives,
                           const Ensemble& ensemble,
                           const std::vector<std::string>& maps) {
  std::vector<std::string> labels = {"sipModel", "sipConformation", "sipPopulation", "sipSpread"};
  for (Index k = 0; k < ensemble.dimension(); ++k) {
    labels.push_back("sipCoordinate" + std::to_string(k + 1));
  }
  if (!maps.empty()) {
    labels.emplace_back("sipMap");
  }
  formats::StarTable table("sip_representatives", labels);
  for (std::size_t m = 0; m < representatives.conformations.size(); ++m) {
    const std::size_t row = table.add_row();
    const Index conformation = representatives.conformations[m];
    std::size_t column = 0;
    table.set_integer(row, column++, static_cast<std::int64_t>(m) + 1);
    table.set_integer(row, column++, conformation + 1);
    table.set(row, column++, representatives.populations(static_cast<Index>(m)));
    table.set(row, column++, representatives.spreads(static_cast<Index>(m)));
    for (Index k = 0; k < ensemble.dimension(); ++k) {
      table.set(row, column++, ensemble.coordinates(k, conformation));
    }
    if (!maps.empty()) {
      table.set(row, column++, maps.at(m));
    }
  }
  return table;
}

std::string chimerax_commands(const ChimeraxScene& scene,
                              const std::vector<std::string>& comments) {
  constexpr int kFrames = 25;  // between two neighbours
  const std::size_t count = scene.populations.size();
  const bool has_models = !scene.models.empty();
  const auto [least, most] =
      std::minmax_element(scene.populations.begin(), scene.populations.end());
  const auto colour_of = [&, low = *least, high = *most](std::size_t m) {
    return colour(high > low ? (scene.populations[m] - low) / (high - low) : 1);
  };
  // A file of several models opens as #1 with submodels, of one as #1 itself.
  const auto model_id = [&](std::size_t m) {
    return count > 1 ? "#1." + std::to_string(m + 1) : std::string("#1");
  };
  const std::size_t first_map = has_models ? 2 : 1;
  const auto map_id = [&](std::size_t m) { return "#" + std::to_string(first_map + m); };
  const auto range = [&](std::size_t first) {
    return "#" + std::to_string(first) + "-" + std::to_string(first + count - 1);
  };

  std::string text;
  for (const std::string& comment : comments) {
    text += "# " + comment + '\n';
  }
  text += "# Open this file in ChimeraX.  What is open there is closed.\nclose\n";
  if (has_models) {
    text += "open " + in_quotes(scene.models) + '\n';
    for (std::size_t m = 0; m < count; ++m) {
      text += "# population " + formats::format_number(scene.populations[m]) + '\n';
      text += "color " + model_id(m) + ' ' + colour_of(m) + '\n';
    }
  }
  for (std::size_t m = 0; m < scene.maps.size(); ++m) {
    text += "open " + in_quotes(scene.maps[m]) + '\n';
    if (!has_models) {
      text += "# population " + formats::format_number(scene.populations[m]) + '\n';
    }
    text += "volume " + map_id(m) + " originIndex " + std::to_string(scene.box / 2) + '\n';
    text += "color " + map_id(m) + ' ' + colour_of(m) + '\n';
    text += "transparency " + map_id(m) + " 50\n";
  }
  text += "view\n";
  if (count > 1) {
    const std::string frames = std::to_string(kFrames);
    if (has_models) {
      text += "morph #1.1-" + std::to_string(count) + " frames " + frames + " same true\n";
      if (!scene.maps.empty()) {
        text += "hide " + range(first_map) + " models\n";
      }
    } else {
      text += "volume morph " + range(first_map) + " frames " +
              std::to_string(static_cast<std::size_t>(kFrames) * count) + '\n';
    }
  }
  return text;
}

}  // namespace cryosip

#include "libcryosip/assess/class3d.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iterator>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "formats/error.hpp"
#include "formats/image_name.hpp"
#include "libcryosip/assess/one_to_one.hpp"
#include "libcryosip/assess/volume_set.hpp"
#include "libcryosip/structure/numbered_columns.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

// "1@a.mrcs" and "000001@a.mrcs" are one image.
std::string one_spelling(const formats::StarTable& table, std::size_t row, std::size_t column) {
  const formats::ImageName name = formats::parse_image_name(table.text(row, column));
  return formats::format_image_name(name.index, name.path);
}

// A number from 1 to count, as an index from 0.
Index numbered_from_1(const formats::StarTable& table,
                      std::size_t row,
                      std::size_t column,
                      Index count) {
  const std::int64_t number = table.integer(row, column);
  if (number < 1 || number > count) {
    table.fail(
        row, column, std::to_string(number) + " found, expected 1 to " + std::to_string(count));
  }
  return number - 1;
}

const formats::StarTable& block_with(const formats::StarFile& file,
                                     std::initializer_list<std::string_view> labels,
                                     const std::string& expected) {
  for (const formats::StarTable& table : file.tables) {
    if (std::all_of(labels.begin(), labels.end(), [&](std::string_view label) {
          return table.has(label);
        })) {
      return table;
    }
  }
  throw Error(ErrorKind::Input, file.source + ": no block with " + expected);
}

struct StateColumn {
  const char* label;
  bool of_conformations;
};
constexpr StateColumn kStateColumns[] = {{"sipState", false},
                                         {"sipConformation", true},
                                         {"sipStructure", true},
                                         {"rlnClassNumber", false}};

// Images that both name: (states, classes).
Eigen::MatrixXd shared_images(const Class3d& class3d,
                              const States& states,
                              const ImageStates& image_states) {
  std::unordered_map<std::string_view, Index> class_of;
  for (std::size_t i = 0; i < class3d.images.size(); ++i) {
    class_of.emplace(class3d.images[i], class3d.class_of[i]);
  }
  Eigen::MatrixXd images = Eigen::MatrixXd::Zero(states.size(), class3d.fractions.size());
  for (std::size_t i = 0; i < image_states.images.size(); ++i) {
    const auto found = class_of.find(image_states.images[i]);
    if (found != class_of.end()) {
      images(image_states.state_of[i], found->second) += 1;
    }
  }
  if (!(images.sum() > 0)) {
    throw Error(ErrorKind::Input,
                class3d.optimiser + ": none of its " + std::to_string(class3d.images.size()) +
                    " images is among those with a state, such as " +
                    (image_states.images.empty() ? "(none)" : image_states.images.front()));
  }
  return images;
}

// Rows matched by maps.
std::vector<StateAndClass> match_by_maps(const Class3d& class3d,
                                         const States& states,
                                         const std::string& mask,
                                         Progress& progress) {
  VolumeList of_classes;
  std::vector<Index> class_of_map;
  for (Index k = 0; k < class3d.fractions.size(); ++k) {
    if (class3d.fractions(k) > 0) {
      class_of_map.push_back(k);
      of_classes.paths.push_back(class3d.maps[static_cast<std::size_t>(k)]);
    }
  }
  of_classes.populations = class3d.fractions(class_of_map);
  const VolumeSet state_maps = load_volumes({states.maps, states.populations});
  const VolumeSet class_maps = load_volumes(of_classes);
  VolumeComparisonOptions options;
  options.populations.pool = states.size() + 1;  // no replicates: there are few states
  const VolumeComparison comparison =
      compare_volumes(state_maps,
                      class_maps,
                      mask.empty() ? Eigen::VectorXf() : load_mask(mask, state_maps),
                      options,
                      progress);
  std::vector<StateAndClass> rows;
  for (const auto& [state, map] : comparison.pairs) {
    rows.push_back({state,
                    class_of_map[static_cast<std::size_t>(map)],
                    numbers_of_pair(comparison, state_maps.pixel_size_angstrom, state, map)});
  }
  return rows;
}

std::vector<StateAndClass> match_by_images(const Eigen::MatrixXd& images) {
  std::vector<StateAndClass> rows;
  const std::vector<Index> class_of = match_one_to_one(images);
  for (std::size_t state = 0; state < class_of.size(); ++state) {
    if (class_of[state] >= 0) {
      rows.push_back({static_cast<Index>(state), class_of[state], std::nullopt});
    }
  }
  return rows;
}

// States without a class in their place, classes without a state at the end.
void add_unmatched(Index states, Index classes, std::vector<StateAndClass>& rows) {
  std::vector<char> has_class(static_cast<std::size_t>(states), 0);
  std::vector<char> has_state(static_cast<std::size_t>(classes), 0);
  for (const StateAndClass& row : rows) {
    has_class[static_cast<std::size_t>(*row.state)] = 1;
    has_state[static_cast<std::size_t>(*row.class3d)] = 1;
  }
  for (Index state = 0; state < states; ++state) {
    if (has_class[static_cast<std::size_t>(state)] == 0) {
      rows.push_back({state, std::nullopt, std::nullopt});
    }
  }
  std::sort(rows.begin(), rows.end(), [](const StateAndClass& a, const StateAndClass& b) {
    return *a.state < *b.state;
  });
  for (Index k = 0; k < classes; ++k) {
    if (has_state[static_cast<std::size_t>(k)] == 0) {
      rows.push_back({std::nullopt, k, std::nullopt});
    }
  }
}

}  // namespace

Class3d read_class3d(const std::string& optimiser_path) {
  const formats::StarFile file = formats::read_star(optimiser_path);
  const formats::StarTable& optimiser = file.table("optimiser_general");
  if (optimiser.has("rlnModelStarFile2")) {
    throw Error(ErrorKind::Input,
                optimiser_path +
                    ": a refinement with half-sets found, expected the optimiser of a Class3D");
  }
  const auto named = [&](const char* label) {
    return formats::read_star(named_file(optimiser, 0, optimiser.column(label), optimiser_path));
  };
  Class3d class3d;
  class3d.optimiser = optimiser_path;
  class3d.iteration = optimiser.integer("rlnCurrentIteration");

  const formats::StarFile model = named("rlnModelStarFile");
  const formats::StarTable& classes = model.table("model_classes");
  class3d.fractions = normalised_weights(classes, "rlnClassDistribution");
  const std::size_t map_column = classes.column("rlnReferenceImage");
  for (std::size_t row = 0; row < classes.rows(); ++row) {
    class3d.maps.push_back(named_file(classes, row, map_column, model.source));
  }

  const formats::StarFile data = named("rlnExperimentalDataStarFile");
  const formats::StarTable& particles =
      block_with(data, {"rlnImageName", "rlnClassNumber"}, "_rlnImageName and _rlnClassNumber");
  const std::size_t name_column = particles.column("rlnImageName");
  const std::size_t class_column = particles.column("rlnClassNumber");
  for (std::size_t row = 0; row < particles.rows(); ++row) {
    class3d.images.push_back(one_spelling(particles, row, name_column));
    class3d.class_of.push_back(
        numbered_from_1(particles, row, class_column, class3d.fractions.size()));
  }
  return class3d;
}

std::vector<Index> States::nearest(const Eigen::MatrixXd& conformations) const {
  if (coordinates.rows() != conformations.rows()) {
    throw Error(ErrorKind::Usage,
                "conformations of " + std::to_string(conformations.rows()) +
                    " coordinates cannot be held against states of " +
                    std::to_string(coordinates.rows()));
  }
  std::vector<Index> states;
  for (Index i = 0; i < conformations.cols(); ++i) {
    Index state = 0;
    (coordinates.colwise() - conformations.col(i)).colwise().squaredNorm().minCoeff(&state);
    states.push_back(state);
  }
  return states;
}

States read_states(const formats::StarFile& file) {
  struct Form {
    const char* block;
    const char* weight;
    const char* stem;
  };
  constexpr Form kForms[] = {{"sip_representatives", "sipPopulation", "sipCoordinate"},
                             {"sip_mixture", "sipWeight", "sipMean"},
                             {"sip_conformations", "sipWeight", "sipCoordinate"}};
  const Form* form = std::find_if(std::begin(kForms), std::end(kForms), [&](const Form& candidate) {
    return file.find(candidate.block) != nullptr;
  });
  form = form == std::end(kForms) ? std::prev(form) : form;
  const formats::StarTable& table = file.table(form->block);  // says so when it is missing
  States states;
  states.populations = normalised_weights(table, form->weight);
  static_cast<void>(table.column(std::string(form->stem) + "1"));
  states.coordinates = transposed_numbers(table, numbered_columns(table, form->stem));
  if (const auto column = table.find("sipMap")) {
    for (std::size_t row = 0; row < table.rows(); ++row) {
      states.maps.push_back(named_file(table, row, *column, file.source));
    }
  }
  return states;
}

ImageStates read_image_states(const formats::StarFile& file,
                              const States& states,
                              const Ensemble& ensemble) {
  const formats::StarTable* table = nullptr;
  const StateColumn* kind = nullptr;
  for (const StateColumn& candidate : kStateColumns) {
    for (const formats::StarTable& block : file.tables) {
      if (table == nullptr && block.has("rlnImageName") && block.has(candidate.label)) {
        table = &block;
        kind = &candidate;
      }
    }
  }
  if (table == nullptr) {
    throw Error(ErrorKind::Input,
                file.source +
                    ": no block with _rlnImageName and one of _sipState, _sipConformation, "
                    "_sipStructure, _rlnClassNumber");
  }
  std::vector<Index> state_of_conformation;
  if (kind->of_conformations) {
    state_of_conformation = states.nearest(ensemble.coordinates);
  }
  ImageStates result;
  const std::size_t name_column = table->column("rlnImageName");
  const std::size_t state_column = table->column(kind->label);
  std::unordered_map<std::string, std::size_t> seen;
  for (std::size_t row = 0; row < table->rows(); ++row) {
    std::string name = one_spelling(*table, row, name_column);
    if (!seen.emplace(name, row).second) {
      table->fail(row, name_column, "image '" + name + "' stands twice");
    }
    result.images.push_back(std::move(name));
    if (kind->of_conformations) {
      result.state_of.push_back(state_of_conformation[static_cast<std::size_t>(
          numbered_from_1(*table, row, state_column, ensemble.size()))]);
    } else {
      result.state_of.push_back(numbered_from_1(*table, row, state_column, states.size()));
    }
  }
  return result;
}

Class3dComparison compare_with_class3d(const Class3d& class3d,
                                       const States& states,
                                       const Ensemble& ensemble,
                                       const ImageStates* image_states,
                                       const std::string& mask,
                                       Progress& progress) {
  Class3dComparison result;
  if (image_states != nullptr) {
    result.images = shared_images(class3d, states, *image_states);
  }
  if (!states.maps.empty()) {
    result.rows = match_by_maps(class3d, states, mask, progress);
  } else if (image_states != nullptr) {
    result.rows = match_by_images(result.images);
  } else {
    throw Error(ErrorKind::Usage,
                "nothing to match classes with states by: expected maps of the states or states "
                "of the images");
  }
  add_unmatched(states.size(), class3d.fractions.size(), result.rows);
  Eigen::VectorXd& populations = result.ensemble_populations;
  populations.setZero(states.size());
  const std::vector<Index> state_of = states.nearest(ensemble.coordinates);
  for (std::size_t i = 0; i < state_of.size(); ++i) {
    populations(state_of[i]) += ensemble.weights(static_cast<Index>(i));
  }
  for (const StateAndClass& row : result.rows) {
    const double fraction = row.class3d ? class3d.fractions(*row.class3d) : 0;
    const double population = row.state ? populations(*row.state) : 0;
    result.population_distance += std::abs(fraction - population) / 2;
  }
  return result;
}

std::vector<formats::StarTable> to_star(const Class3dComparison& comparison,
                                        const Class3d& class3d,
                                        const States& states) {
  const bool has_images = comparison.images.cols() > 0;
  const Index classes = class3d.fractions.size();
  Eigen::VectorXd images_of_class = Eigen::VectorXd::Zero(classes);
  for (const Index k : class3d.class_of) {
    images_of_class(k) += 1;
  }

  std::vector<std::string> labels = {"sipState",
                                     "sipPopulation",
                                     "sipEnsemblePopulation",
                                     "rlnClassNumber",
                                     "rlnClassDistribution",
                                     "sipClassImages",
                                     "sipMapCorrelation",
                                     "sipCryobenchAuc",
                                     "sipFlatironMeanFsc",
                                     "sipResolution143",
                                     "sipResolution5",
                                     "sipAgreement"};
  const std::size_t first_image_column = labels.size();
  const auto image_labels = numbered_labels("sipImagesInClass", classes);
  labels.insert(labels.end(), image_labels.begin(), image_labels.end());
  formats::StarTable table("sip_class3d", labels);
  double agreeing = 0;
  for (const StateAndClass& row : comparison.rows) {
    const std::size_t at = table.add_row();
    for (std::size_t column = 0; column < table.columns(); ++column) {
      table.set(at, column, std::string_view("None"));
    }
    const auto set = [&](const char* label, double value) {
      table.set(at, table.column(label), value);
    };
    if (row.state) {
      table.set_integer(at, 0, *row.state + 1);
      set("sipPopulation", states.populations(*row.state));
      set("sipEnsemblePopulation", comparison.ensemble_populations(*row.state));
    }
    if (row.class3d) {
      table.set_integer(at, table.column("rlnClassNumber"), *row.class3d + 1);
      set("rlnClassDistribution", class3d.fractions(*row.class3d));
      set("sipClassImages", images_of_class(*row.class3d) / images_of_class.sum());
    }
    if (row.maps) {
      set("sipMapCorrelation", row.maps->correlation);
      set("sipCryobenchAuc", row.maps->cryobench_auc);
      set("sipFlatironMeanFsc", row.maps->flatiron_mean_fsc);
      set("sipResolution143", row.maps->cryobench_resolution_143_angstrom);
      set("sipResolution5", row.maps->cryobench_resolution_5_angstrom);
    }
    if (has_images && row.state) {
      const double of_state = comparison.images.row(*row.state).sum();
      const double in_its_class = row.class3d ? comparison.images(*row.state, *row.class3d) : 0;
      agreeing += in_its_class;
      if (of_state > 0) {
        set("sipAgreement", in_its_class / of_state);
      }
      for (Index k = 0; k < classes; ++k) {
        table.set_integer(at,
                          first_image_column + static_cast<std::size_t>(k),
                          static_cast<std::int64_t>(comparison.images(*row.state, k)));
      }
    }
  }

  formats::StarTable general("sip_class3d_general", {}, formats::StarTable::Form::Pairs);
  general.add_pair("sipOptimiser", std::string_view(class3d.optimiser));
  general.add_pair_integer("rlnCurrentIteration", class3d.iteration);
  const double shared = has_images ? comparison.images.sum() : 0;
  general.add_pair_integer("sipImages", static_cast<std::int64_t>(shared));
  if (has_images) {
    general.add_pair("sipAgreement", agreeing / shared);
  } else {
    general.add_pair("sipAgreement", std::string_view("None"));
  }
  general.add_pair("sipPopulationDistance", comparison.population_distance);
  return {std::move(general), std::move(table)};
}

}  // namespace cryosip

#include "libcryosip/assess/volume_comparison.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <functional>
#include <limits>

#include "formats/error.hpp"
#include "libcryosip/assess/one_to_one.hpp"
#include "libcryosip/assess/shell_correlation.hpp"

namespace cryosip {
namespace {

using Index = Eigen::Index;

void check(const VolumeSet& truth, const VolumeSet& maps, MapPairing pairing) {
  if (truth.box != maps.box) {
    throw Error(ErrorKind::Usage,
                "the maps have " + std::to_string(maps.box) +
                    " voxels along an edge, the true ones " + std::to_string(truth.box));
  }
  if (std::abs(truth.pixel_size_angstrom - maps.pixel_size_angstrom) >
      1e-3 * truth.pixel_size_angstrom) {
    throw Error(ErrorKind::Usage,
                "the maps have a pixel size of " +
                    formats::format_number(maps.pixel_size_angstrom) + " A, the true ones " +
                    formats::format_number(truth.pixel_size_angstrom));
  }
  if (pairing == MapPairing::InOrder && truth.size() != maps.size()) {
    throw Error(ErrorKind::Usage,
                std::to_string(maps.size()) + " maps cannot be paired in order with " +
                    std::to_string(truth.size()) + " true ones");
  }
}

std::vector<std::pair<Index, Index>> pairs_of(const Eigen::MatrixXd& pearson, MapPairing pairing) {
  std::vector<std::pair<Index, Index>> pairs;
  if (pairing == MapPairing::InOrder) {
    for (Index i = 0; i < pearson.rows(); ++i) {
      pairs.emplace_back(i, i);
    }
    return pairs;
  }
  const std::vector<Index> map_of = match_one_to_one(pearson);
  for (Index i = 0; i < pearson.rows(); ++i) {
    if (map_of[static_cast<std::size_t>(i)] >= 0) {
      pairs.emplace_back(i, map_of[static_cast<std::size_t>(i)]);
    }
  }
  return pairs;
}

// A number of each curve: (true maps, maps).
Eigen::MatrixXd of_each_curve(const std::vector<Eigen::MatrixXd>& curves,
                              const std::function<double(const Eigen::VectorXd&)>& number) {
  return Eigen::MatrixXd::NullaryExpr(
      curves.front().rows(), curves.front().cols(), [&](Index truth, Index map) {
        return number(VolumeComparison::curve(curves, truth, map));
      });
}

void correlate_shells(const VolumeSet& truth,
                      const VolumeSet& maps,
                      const Eigen::VectorXf& mask,
                      VolumeComparison& result) {
  const auto correlate = [&](const Eigen::VectorXf& factor,
                             const Eigen::VectorXd& offsets_of_truth,
                             const Eigen::VectorXd& offsets_of_maps,
                             bool of_cryobench,
                             bool of_flatiron) {
    const ShellSpectra a(truth, factor, offsets_of_truth);
    const ShellSpectra b(maps, factor, offsets_of_maps);
    if (of_cryobench) {
      result.cryobench_curves = shell_correlations(a, b, ShellConvention::CryoBench);
    }
    if (of_flatiron) {
      result.flatiron_curves = shell_correlations(a, b, ShellConvention::Flatiron);
    }
  };
  if (mask.size() == 0) {
    // The challenge's offset and scale change nothing but the coefficient at 0, which it leaves
    // out.
    correlate({}, {}, {}, true, true);
    return;
  }
  correlate(mask, {}, {}, true, false);
  const Eigen::VectorXf inside = (mask.array() != 0).cast<float>();
  correlate(inside,
            map_normalisation(truth, mask).medians,
            map_normalisation(maps, mask).medians,
            false,
            true);
}

VolumeComparisonRow row_of(std::string metric, std::string cost, std::vector<double> values) {
  VolumeComparisonRow row{std::move(metric), std::move(cost), values.size(), 0, 0, 0};
  const auto count = static_cast<double>(values.size());
  for (const double value : values) {
    row.mean += value / count;
  }
  double variance = 0;
  for (const double value : values) {
    variance += (value - row.mean) * (value - row.mean) / count;
  }
  row.standard_deviation = std::sqrt(variance);
  std::sort(values.begin(), values.end());
  const std::size_t last = values.size() - 1;
  row.median = (values[last / 2] + values[last - last / 2]) / 2;
  return row;
}

void set_number(formats::StarTable& table, std::size_t row, std::size_t column, double value) {
  if (std::isfinite(value)) {
    table.set(row, column, value);
  } else {
    table.set(row, column, std::string_view(std::isnan(value) ? "None" : "inf"));
  }
}

}  // namespace

Eigen::VectorXd VolumeComparison::curve(const std::vector<Eigen::MatrixXd>& curves,
                                        Index truth,
                                        Index map) {
  return Eigen::VectorXd::NullaryExpr(static_cast<Index>(curves.size()), [&](Index point) {
    return curves[static_cast<std::size_t>(point)](truth, map);
  });
}

MapPairNumbers numbers_of_pair(const VolumeComparison& comparison,
                               double pixel_size_angstrom,
                               Index truth,
                               Index map) {
  const Eigen::VectorXd curve = VolumeComparison::curve(comparison.cryobench_curves, truth, map);
  MapPairNumbers numbers;
  numbers.correlation = comparison.distances.pearson(truth, map);
  numbers.cryobench_auc = cryobench_area(curve);
  numbers.cryobench_clipped_auc = cryobench_clipped_area(curve);
  numbers.cryobench_resolution_143_angstrom =
      pixel_size_angstrom * cryobench_resolution_voxels(curve, 0.143);
  numbers.cryobench_resolution_5_angstrom =
      pixel_size_angstrom * cryobench_resolution_voxels(curve, 0.5);
  numbers.flatiron_mean_fsc = 1 - comparison.fsc(truth, map);
  numbers.flatiron_resolution_angstrom = comparison.resolution_angstrom(truth, map);
  return numbers;
}

VolumeComparison compare_volumes(const VolumeSet& truth,
                                 const VolumeSet& maps,
                                 const Eigen::VectorXf& mask,
                                 const VolumeComparisonOptions& options,
                                 Progress& progress) {
  check(truth, maps, options.pairing);
  const auto stop_if_cancelled = [&] {
    if (progress.cancelled()) {
      throw Error(ErrorKind::Cancelled, "the comparison of maps was interrupted");
    }
  };
  VolumeComparison result;
  MapComparison products = compare_maps(truth, maps, mask);
  result.distances = std::move(products.distances);
  if (truth.size() > 1 && maps.size() > 1) {
    result.captured = products.captured;
  }
  result.pairs = pairs_of(result.distances.pearson, options.pairing);
  stop_if_cancelled();
  correlate_shells(truth, maps, mask, result);
  result.fsc = of_each_curve(result.flatiron_curves, flatiron_cost);
  result.resolution_angstrom =
      of_each_curve(result.flatiron_curves, [&](const Eigen::VectorXd& curve) {
        return truth.pixel_size_angstrom * flatiron_resolution_voxels(curve);
      });
  for (const auto& [name, cost] :
       {std::pair("l2", result.distances.l2),
        std::pair("correlation", Eigen::MatrixXd(-result.distances.correlation)),
        std::pair("bioem", result.distances.bioem),
        std::pair("fsc", result.fsc),
        std::pair("res", result.resolution_angstrom)}) {
    stop_if_cancelled();
    std::vector<PopulationDistance> distances =
        population_distances(cost, truth.populations, maps.populations, options.populations);
    if (!distances.empty()) {
      result.populations.emplace_back(name, std::move(distances));
    }
  }
  return result;
}

std::vector<VolumeComparisonRow> summary_rows(const VolumeComparison& comparison,
                                              double pixel_size_angstrom) {
  std::vector<VolumeComparisonRow> rows;
  std::vector<MapPairNumbers> numbers;
  for (const auto& [truth, map] : comparison.pairs) {
    numbers.push_back(numbers_of_pair(comparison, pixel_size_angstrom, truth, map));
  }
  const auto over_pairs = [&](const char* metric, double MapPairNumbers::*number) {
    std::vector<double> values;
    for (const MapPairNumbers& of_pair : numbers) {
      values.push_back(of_pair.*number);
    }
    rows.push_back(row_of(metric, "", std::move(values)));
  };
  over_pairs("cryobench_auc", &MapPairNumbers::cryobench_auc);
  over_pairs("cryobench_clipped_auc", &MapPairNumbers::cryobench_clipped_auc);
  over_pairs("cryobench_resolution_0.143", &MapPairNumbers::cryobench_resolution_143_angstrom);
  over_pairs("cryobench_resolution_0.5", &MapPairNumbers::cryobench_resolution_5_angstrom);
  over_pairs("flatiron_mean_fsc", &MapPairNumbers::flatiron_mean_fsc);
  over_pairs("flatiron_resolution_0.5", &MapPairNumbers::flatiron_resolution_angstrom);
  over_pairs("correlation", &MapPairNumbers::correlation);

  for (const auto& [cost, replicates] : comparison.populations) {
    const auto over_replicates = [&rows, &of = replicates, &name = cost](
                                     const char* metric, double PopulationDistance::*distance) {
      std::vector<double> values;
      for (const PopulationDistance& replicate : of) {
        values.push_back(replicate.*distance);
      }
      rows.push_back(row_of(metric, name, std::move(values)));
    };
    over_replicates("emd", &PopulationDistance::emd);
    over_replicates("emd_optimal", &PopulationDistance::emd_optimal);
    over_replicates("kl", &PopulationDistance::kl);
    over_replicates("kl_reverse", &PopulationDistance::kl_reverse);
    over_replicates("kl_optimal", &PopulationDistance::kl_optimal);
    over_replicates("kl_reverse_optimal", &PopulationDistance::kl_reverse_optimal);
  }
  if (comparison.captured) {
    rows.push_back(row_of("captured_variance_of_truth", "", {comparison.captured->of_a_by_b}));
    rows.push_back(row_of("captured_variance_of_maps", "", {comparison.captured->of_b_by_a}));
    rows.push_back(row_of("captured_variance", "", {comparison.captured->similarity()}));
  }
  return rows;
}

formats::StarTable to_star(const std::vector<VolumeComparisonRow>& rows) {
  formats::StarTable table(
      "sip_volume_comparison",
      {"sipMetric", "sipCost", "sipCount", "sipMean", "sipStandardDeviation", "sipMedian"});
  for (const VolumeComparisonRow& row : rows) {
    const std::size_t at = table.add_row();
    table.set(at, 0, row.metric);
    table.set(at, 1, row.cost.empty() ? std::string_view("None") : std::string_view(row.cost));
    table.set_integer(at, 2, static_cast<std::int64_t>(row.count));
    set_number(table, at, 3, row.mean);
    set_number(table, at, 4, row.standard_deviation);
    set_number(table, at, 5, row.median);
  }
  return table;
}

formats::StarTable distances_to_star(const VolumeComparison& comparison) {
  formats::StarTable table("sip_map_distances",
                           {"sipTruth",
                            "sipMap",
                            "sipL2",
                            "sipCorrelation",
                            "sipBioem",
                            "sipFsc",
                            "sipResolution",
                            "sipCryobenchAuc",
                            "sipPaired"});
  const MapDistances& distances = comparison.distances;
  for (Index truth = 0; truth < distances.l2.rows(); ++truth) {
    for (Index map = 0; map < distances.l2.cols(); ++map) {
      const std::size_t row = table.add_row();
      table.set_integer(row, 0, truth + 1);
      table.set_integer(row, 1, map + 1);
      table.set(row, 2, distances.l2(truth, map));
      table.set(row, 3, distances.correlation(truth, map));
      table.set(row, 4, distances.bioem(truth, map));
      table.set(row, 5, comparison.fsc(truth, map));
      table.set(row, 6, comparison.resolution_angstrom(truth, map));
      table.set(
          row, 7, cryobench_area(VolumeComparison::curve(comparison.cryobench_curves, truth, map)));
      const bool paired =
          std::find(comparison.pairs.begin(), comparison.pairs.end(), std::pair(truth, map)) !=
          comparison.pairs.end();
      table.set_integer(row, 8, paired ? 1 : 0);
    }
  }
  return table;
}

formats::StarTable curves_to_star(const VolumeComparison& comparison, double pixel_size_angstrom) {
  formats::StarTable table(
      "sip_shell_correlations",
      {"sipTruth", "sipMap", "sipShell", "sipFrequency", "sipCryobench", "sipFlatiron"});
  const std::size_t points = comparison.cryobench_curves.size();
  const double step = 1 / (static_cast<double>(2 * points) * pixel_size_angstrom);
  for (const auto& [truth, map] : comparison.pairs) {
    for (std::size_t shell = 0; shell <= points; ++shell) {
      const std::size_t row = table.add_row();
      table.set_integer(row, 0, truth + 1);
      table.set_integer(row, 1, map + 1);
      table.set_integer(row, 2, static_cast<std::int64_t>(shell));
      table.set(row, 3, static_cast<double>(shell) * step);
      constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
      set_number(
          table, row, 4, shell < points ? comparison.cryobench_curves[shell](truth, map) : kNone);
      set_number(
          table, row, 5, shell > 0 ? comparison.flatiron_curves[shell - 1](truth, map) : kNone);
    }
  }
  return table;
}

}  // namespace cryosip

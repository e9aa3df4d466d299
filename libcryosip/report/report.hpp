// The report of a run: one HTML page that needs nothing but itself.
#pragma once

#include <string>
#include <vector>

#include "libcryosip/core/progress.hpp"
#include "libcryosip/report/figure.hpp"
#include "libcryosip/report/image_panels.hpp"
#include "libcryosip/report/run_folder.hpp"

namespace cryosip {

struct ReportOptions {
  RunPaths paths;
  ImageSetOptions data;
  /// Noise and contrast that are not given here are those the ensemble was found with.
  ImagePanelOptions images;
  Eigen::Index states = 4;  ///< most representative structures; > 0
  std::string title;        ///< empty: from the folder's name
};

struct Report {
  std::string html;
  std::vector<Figure> figures;  ///< all of the page, in its order
};

/// What is missing in the folder is said on the page.
/// @param footer  e.g. version and command, or empty
/// @throws Error as read_run(), image_panels(); Error(Usage) no states; Error(Cancelled)
Report make_report(const ReportOptions& options, const std::string& footer, Progress& progress);

}  // namespace cryosip

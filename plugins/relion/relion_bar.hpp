// RELION's progress bar, which its GUI shows from run.out.
#pragma once

#include <cstddef>
#include <iosfwd>

namespace cryosip::relion {

/// As RELION's own programs draw it: a header "000/??? sec ~~(,_,">  ...  [oo]", then behind "\r",
/// over and over, time gone by and time in all, up to sixty dots, and in the end a line end.
class RelionBar {
 public:
  explicit RelionBar(std::ostream& out) : out_(out) {}

  /// @p done of @p total steps, which is not 0; all done ends the bar.
  void show(std::size_t done, std::size_t total, double elapsed_seconds);
  /// Ends the line of a bar under way, so that something else can be written.
  void end();

 private:
  std::ostream& out_;
  bool drawn_ = false;
};

}  // namespace cryosip::relion

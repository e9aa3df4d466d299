// Options of every tool that draws molecules: one definition for simulate, flow-step and their kin,
// so that the same command line means the same images.
#pragma once

#include <initializer_list>
#include <string>

#include "libcryosip/forward/forward_model.hpp"
#include "tools/cli/tool.hpp"

namespace cryosip::cli {

/// What --model takes, see load_conformation_model().
inline constexpr const char* kModelHelp =
    "normal modes (NMD), a mean volume and its components (STAR), a rigid structure (PDB, mmCIF), "
    "or a built-in model: identity, nanocluster";

/// The same where an ensemble names one.
inline constexpr const char* kOwnModelHelp =
    "by default the ensemble's own; else normal modes (NMD), volumes (STAR) or a built-in model";

/// --atoms, --residue-sigma, --b-factor, --no-b-factors, --pixel.
po::options_description imaging_option_group();
/// @throws Error(Usage) an unknown word
ImagingOptions imaging_options(const Invocation& invocation);

/// One of a few words.  @throws Error(Usage) naming the option, the word found and those expected
template <typename Value>
struct Word {
  const char* word;
  Value value;
};
[[noreturn]] void fail_word(const std::string& option,
                            const std::string& found,
                            const std::string& expected);

template <typename Value>
Value word_option(const Invocation& invocation,
                  const std::string& option,
                  std::initializer_list<Word<Value>> words) {
  std::string expected;
  for (const Word<Value>& word : words) {
    if (invocation.text(option) == word.word) {
      return word.value;
    }
    expected += (expected.empty() ? "" : ", ") + std::string(word.word);
  }
  fail_word(option, invocation.text(option), expected);
}

}  // namespace cryosip::cli

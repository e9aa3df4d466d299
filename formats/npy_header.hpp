// The text a .npy file starts with: a dictionary as Python writes it.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "formats/npy.hpp"

namespace cryosip::formats {

struct NpyHeader {
  bool has_named_fields = false;
  std::vector<NpyField> fields;  ///< one without a name where it has none
  bool fortran_order = false;
  std::vector<std::size_t> shape;
};

/// @param text    UTF-8, e.g. {'descr': [('uid', '<u8')], 'fortran_order': False, 'shape': (7,), }
/// @param source  for messages
/// @throws Error(Input) no such dictionary, keys missing, records within records
NpyHeader parse_npy_header(std::string_view text, const std::string& source);

/// As NumPy writes it, without the padding.
std::string npy_header_text(const NpyHeader& header);

}  // namespace cryosip::formats

#!/bin/sh
# check_layers.sh SOURCE_DIR: fails when a file includes from a layer it may not know, or when a
# folder of the library has no line here.
#
# A line is a folder and the folders its files may include from.
set -eu
cd "$1"
table='
formats                  formats
libcryosip/core          formats libcryosip/core
libcryosip/structure     formats libcryosip/core libcryosip/structure
libcryosip/forward       formats libcryosip/core libcryosip/structure libcryosip/forward
libcryosip/dataset       formats libcryosip/core libcryosip/structure libcryosip/forward libcryosip/dataset
libcryosip/discrepancy   formats libcryosip/core libcryosip/structure libcryosip/forward libcryosip/dataset libcryosip/discrepancy
libcryosip/flow          formats libcryosip/core libcryosip/structure libcryosip/forward libcryosip/dataset libcryosip/discrepancy libcryosip/flow
libcryosip/map           formats libcryosip/core libcryosip/structure libcryosip/forward libcryosip/dataset libcryosip/discrepancy libcryosip/flow libcryosip/map
libcryosip/assess        formats libcryosip/core libcryosip/structure libcryosip/forward libcryosip/dataset libcryosip/discrepancy libcryosip/flow libcryosip/map libcryosip/assess
libcryosip/report        formats libcryosip/core libcryosip/structure libcryosip/forward libcryosip/dataset libcryosip/discrepancy libcryosip/flow libcryosip/map libcryosip/assess libcryosip/report
tools                    formats libcryosip tools
plugins                  formats libcryosip tools/cli plugins
'
failed=0
for folder in libcryosip/*/; do
  echo "$table" | grep -q "^${folder%/} " || { echo "$folder has no line in $0" >&2; failed=1; }
done
while read -r folder allowed; do
  [ -n "$folder" ] || continue
  [ -d "$folder" ] || continue
  pattern=$(echo "$allowed" | tr ' ' '|')
  bad=$(grep -rn '^#include "' --include='*.hpp' --include='*.cpp' "$folder" |
    grep -vE "#include \"($pattern)/" || true)
  if [ -n "$bad" ]; then
    printf '%s may include only: %s\n%s\n' "$folder" "$allowed" "$bad" >&2
    failed=1
  fi
done <<TABLE
$table
TABLE
exit "$failed"

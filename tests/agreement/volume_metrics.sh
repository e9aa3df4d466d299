#!/bin/sh
# volume_metrics.sh TOOL_DIR: the metrics of maps and embeddings are those of their originals,
# recomputed in Python; skipped where it has no NumPy and SciPy.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
PATH=$1:$PATH
python3 -c 'import numpy, scipy.optimize' 2>/dev/null ||
  { echo "SKIP: python3 has no NumPy and SciPy"; exit 77; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
OPENBLAS_NUM_THREADS=1 python3 "$here/volume_metrics.py"

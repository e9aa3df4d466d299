#!/bin/sh
# volume_metrics.sh TOOL_DIR TESTDATA: the metrics of maps and embeddings are those of their originals,
# recomputed in Python; skipped where it has no NumPy and SciPy.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../cli/common.sh
. "$(dirname "$0")/../cli/common.sh"
find_scientific_python
OPENBLAS_NUM_THREADS=1 "$python" "$here/volume_metrics.py"

#!/bin/sh
# evaluation_metrics.sh TOOL_DIR TESTDATA: every number of cryosip-evaluate about ensembles, and its
# densities, against NumPy, SciPy and POT from the definitions (docs/evaluation.md), to 1e-4.
# Needs a Python with them: python3 -m venv V && V/bin/pip install numpy scipy POT, and
# CRYOSIP_PYTHON=V/bin/python.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../cli/common.sh
. "$(dirname "$0")/../cli/common.sh"
python=${CRYOSIP_PYTHON:-python3}
if ! "$python" -c 'import numpy, scipy, ot' 2>/dev/null; then
  echo "SKIP: '$python' has no numpy, scipy and POT (CRYOSIP_PYTHON names another)"
  exit 77
fi
"$python" "$here/evaluation_metrics.py" "$testdata" "$work"

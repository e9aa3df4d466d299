#!/bin/sh
# evaluation_metrics.sh TOOL_DIR TESTDATA: every number of cryosip-evaluate about ensembles, and its
# densities, against NumPy, SciPy and, where it is installed, POT (else linear programming) from the
# definitions (docs/evaluation.md), to 1e-4.  CRYOSIP_PYTHON names a Python that has them, by default
# python3; for one with POT: python3 -m venv V && V/bin/pip install numpy scipy POT.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../cli/common.sh
. "$(dirname "$0")/../cli/common.sh"
find_scientific_python
"$python" "$here/evaluation_metrics.py" "$testdata" "$work"

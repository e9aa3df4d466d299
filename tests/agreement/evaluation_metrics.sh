#!/bin/sh
# evaluation_metrics.sh TOOL_DIR TESTDATA: every number of cryosip-evaluate about ensembles, and its
# densities, against NumPy, SciPy and, where it is installed, POT (else linear programming) from the
# definitions (docs/evaluation.md), to 1e-4.  CRYOSIP_PYTHON names a Python that has them, by default
# python3; for one with POT: python3 -m venv V && V/bin/pip install numpy scipy POT.
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=../cli/common.sh
. "$(dirname "$0")/../cli/common.sh"
python=${CRYOSIP_PYTHON:-}
for candidate in python3 /usr/bin/python3; do  # the system's, if another goes first and has less
  [ -n "$python" ] || ! "$candidate" -c 'import numpy, scipy' 2>/dev/null || python=$candidate
done
if [ -z "$python" ]; then
  echo "SKIP: python3 has no numpy and scipy (CRYOSIP_PYTHON names another)"
  exit 77
fi
"$python" "$here/evaluation_metrics.py" "$testdata" "$work"

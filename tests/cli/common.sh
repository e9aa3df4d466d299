# What the checks of tools share: a folder of their own, complaints, and small inputs.
# Sourced as their first step, with their arguments TOOL_DIR TESTDATA.  In the end: exit "$failed".
# shellcheck shell=sh
set -u
PATH=$1:$PATH
testdata=$2
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
# shellcheck disable=SC2034  # for the one who sources this
complain() { echo "FAIL: $*" >&2; failed=1; }

# two_wells WEIGHT SIGMA1 SIGMA2: modes.nmd, two modes of the hinge dimer, and mixture.star, two wells
# along the first, of which the one at -1 has that weight.
two_wells() {
  cryosip-normal-modes --quiet "$testdata/hinge_dimer.pdb" --modes 2 -o modes.nmd || exit 1
  cat >mixture.star <<MIXTURE
data_sip_mixture

loop_
_sipWeight #1
_sipMean1 #2
_sipMean2 #3
_sipSigma1 #4
_sipSigma2 #5
$1 -1 0 $2 $3
$(echo "$1" | awk '{ print 1 - $1 }') 1 0 $2 $3

MIXTURE
}

# particles_and_start: sixty images of that mixture, and twelve conformations to start from.
particles_and_start() {
  cryosip-simulate --quiet --no-provenance --model modes.nmd --mixture mixture.star --count 60 \
    --box 32 --angpix 4.5 --snr 1 -o particles || exit 1
  cryosip-init-particles --quiet --no-provenance --model modes.nmd --count 12 -o start.star || exit 1
}

# expect_failure TOOL FILES STATUS STDERR_PATTERN COMMAND...: one line of standard error, nothing on
# standard output, and none of the files, a list of words.
expect_failure() {
  tool=$1; files=$2; status=$3; pattern=$4; shift 4
  got=0
  "$@" >out 2>err </dev/null || got=$?
  [ "$got" -eq "$status" ] || complain "'$*' gave status $got, expected $status"
  [ "$(wc -l <err)" -eq 1 ] || complain "'$*' said: $(cat err)"
  grep -qE "^$tool: error: $pattern" err || complain "'$*' said '$(cat err)', expected /$pattern/"
  [ ! -s out ] || complain "'$*' wrote to standard output"
  for left in $files; do
    [ ! -e "$left" ] || { complain "'$*' left $left"; rm -f "$left"; }
  done
}

# Sets python to one with NumPy and SciPy, or skips the test: CRYOSIP_PYTHON, python3, or the system's,
# where another goes first and has less.
find_scientific_python() {
  python=${CRYOSIP_PYTHON:-}
  for candidate in python3 /usr/bin/python3; do
    [ -n "$python" ] || ! "$candidate" -c 'import numpy, scipy' 2>/dev/null || python=$candidate
  done
  [ -n "$python" ] ||
    { echo "SKIP: python3 has no NumPy and SciPy (CRYOSIP_PYTHON names another)"; exit 77; }
}

#!/bin/sh
# relion_reconstructs.sh TOOL_DIR TESTDATA MAP_CORRELATION: images without noise, put together by
# relion_reconstruct with the poses and CTFs that simulate wrote, give the model back.  A wrong sign,
# axis order or angle sense gives a correlation far below.
set -eu
command -v relion_reconstruct >/dev/null || { echo "SKIP: RELION is not installed"; exit 77; }
PATH=$1:$PATH
testdata=$2
map_correlation=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
cryosip-normal-modes --quiet "$testdata/hinge_dimer.pdb" --modes 1 -o modes.nmd
cat >rest.star <<'MIXTURE'
data_sip_mixture

loop_
_sipWeight #1
_sipMean1 #2
_sipSigma1 #3
1 0 0

MIXTURE
reconstruct() { # reconstruct NAME CTF RECONSTRUCT_OPTIONS...
  name=$1; ctf=$2; shift 2
  cryosip-simulate --quiet --model modes.nmd --mixture rest.star --count 1000 --box 48 --angpix 3 \
    --noise-sigma 0 --poses uniform --shift-sigma 3 --ctf "$ctf" -o "$name"
  relion_reconstruct --i "$name.star" --o "$name.mrc" "$@" >log 2>&1 || { cat log; exit 1; }
  "$map_correlation" modes.nmd "$name.mrc" 0.998
}
reconstruct without_ctf none
reconstruct with_ctf uniform --ctf

#!/bin/sh
# relion_selects.sh TOOL_DIR TESTDATA MAP_CORRELATION: what assign and export write, RELION takes: it
# keeps the columns it does not know, selects by a copy under a label it does, reconstructs what was
# selected, and its reconstruction of each of two states is the map that export draws of it.
set -eu
command -v relion_reconstruct >/dev/null || { echo "SKIP: RELION is not installed"; exit 77; }
PATH=$1:$PATH
testdata=$2
map_correlation=$3
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
fail() { echo "FAIL: $*" >&2; exit 1; }
relion() { # relion RESULT PROGRAM ARGS...
  result=$1; shift
  "$@" >log 2>&1 || { cat log; fail "$* gave status $?"; }
  if grep -qi 'error' log; then cat log; fail "$* complained"; fi
  [ -s "$result" ] || { cat log; fail "$* did not write $result"; }
}
images() { grep -c '@' "$1"; }

cryosip-normal-modes --quiet "$testdata/hinge_dimer.pdb" --modes 1 -o modes.nmd
cat >states.star <<'STATES'
data_sip_ensemble

_sipModel  modes.nmd
_sipSeed  1
_sipStep  0
_sipScheduleBegin  0
_sipScheduleEnd  0

data_sip_conformations

loop_
_sipWeight #1
_sipCoordinate1 #2
0.6 -1
0.4 1

STATES
cryosip-simulate --quiet --model modes.nmd --ensemble states.star --count 1600 --box 48 --angpix 3 \
  --snr 1 --poses uniform --ctf uniform --shift-sigma 2 -o particles
cryosip-assign --quiet states.star --images particles.star --copy sipMean1=rlnParticleFigureOfMerit -o assigned.star

# All of it is kept, our columns too.
relion kept.star relion_star_handler --i assigned.star --o kept.star --select rlnDefocusU --minval 1
[ "$(images kept.star)" -eq 1600 ] || fail "star_handler kept $(images kept.star) images"
for label in sipMean1 sipSigma1 sipConformation sipLogEvidence rlnRandomSubset; do
  grep -q "^_$label " kept.star || fail "star_handler dropped $label"
done

relion low.star relion_star_handler --i assigned.star --o low.star --select rlnParticleFigureOfMerit --maxval -0.5
relion high.star relion_star_handler --i assigned.star --o high.star --select rlnParticleFigureOfMerit --minval 0.5
[ $(($(images low.star) + $(images high.star))) -gt 1580 ] ||
  fail "selected $(images low.star) and $(images high.star) of 1600"

# The maps that export draws; reconstructions of noise-free images of one state, and of those selected.
cryosip-export --quiet states.star --volumes maps --images particles.star -o states_table.star
for state in 1 2; do
  awk -v keep=$state '/^0\.[46] / { n++; if (n != keep) next; $1 = 1 } { print }' states.star >one.star
  cryosip-simulate --quiet --model modes.nmd --ensemble one.star --count 1000 --box 48 --angpix 3 \
    --noise-sigma 0 --poses uniform --ctf none -o clear
  relion clear.mrc relion_reconstruct --i clear.star --o clear.mrc
  "$map_correlation" "maps/map_00$state.mrc" clear.mrc 0.98 || fail "state $state: clear images"
done
relion low.mrc relion_reconstruct --i low.star --o low.mrc --ctf --maxres 8
relion high.mrc relion_reconstruct --i high.star --o high.mrc --ctf --maxres 8
"$map_correlation" maps/map_001.mrc low.mrc 0.95 || fail "the low selection"
"$map_correlation" maps/map_002.mrc high.mrc 0.95 || fail "the high selection"
if "$map_correlation" maps/map_001.mrc high.mrc 0.95; then fail "the two selections are alike"; fi

# Half-sets are as they were: both have images of both selections, and reconstruct.
relion half.star relion_star_handler --i low.star --o half.star --select rlnRandomSubset --minval 1 --maxval 1
[ "$(images half.star)" -gt 0 ] || fail "no images of half 1"

# The 3.0 form stays one: RELION's converter refuses it where it finds a version of later forms.
if [ -d "${CRYOSIP_SHARED_DATA:-}/fixtures/b_stack30" ]; then
  cp -r "$CRYOSIP_SHARED_DATA/fixtures/a_stack31/Particles" .
  sed 's/^/ /; s/^ //' "$CRYOSIP_SHARED_DATA/fixtures/b_stack30/particles30.star" >particles30.star
  cryosip-assign --quiet states.star --images particles30.star --contrast 1 --noise-sigma 1 -o assigned30.star
  relion converted.star relion_convert_star --i assigned30.star --o converted.star
  [ "$(images converted.star)" -eq 300 ] || fail "convert_star kept $(images converted.star) of 300"
fi

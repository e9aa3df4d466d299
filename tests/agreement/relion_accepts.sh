#!/bin/sh
# relion_accepts.sh TOOL_DIR TESTDATA: RELION's programs take what simulate writes, and keep all of it.
set -eu
command -v relion_refine >/dev/null || { echo "SKIP: RELION is not installed"; exit 77; }
PATH=$1:$PATH
testdata=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
images=60
fail() { echo "FAIL: $*" >&2; exit 1; }
# RELION's exit status is not to be relied upon: look for its words, and for the file.
relion() { # relion RESULT PROGRAM ARGS...
  result=$1; shift
  "$@" >log 2>&1 || { cat log; fail "$* gave status $?"; }
  if grep -qiE 'error|warning' log; then cat log; fail "$* complained"; fi
  [ -s "$result" ] || { cat log; fail "$* did not write $result"; }
}

cryosip-normal-modes --quiet "$testdata/hinge_dimer.pdb" --modes 2 -o modes.nmd
cat >mixture.star <<'MIXTURE'
data_sip_mixture

loop_
_sipWeight #1
_sipMean1 #2
_sipMean2 #3
_sipSigma1 #4
_sipSigma2 #5
1 0 0 0.5 0.5

MIXTURE
cryosip-simulate --quiet --model modes.nmd --mixture mixture.star --count "$images" --box 32 \
  --angpix 4.5 --snr 1 --poses uniform --ctf uniform --shift-sigma 3 -o particles

relion map.mrc relion_reconstruct --i particles.star --o map.mrc --ctf
relion selected.star relion_star_handler --i particles.star --o selected.star \
  --select rlnDefocusU --minval 1
[ "$(grep -c '@' selected.star)" -eq "$images" ] || fail "star_handler kept $(grep -c '@' selected.star) images"
relion stack.star relion_stack_create --i particles.star --o stack
[ "$(grep -c '@' stack.star)" -eq "$images" ] || fail "stack_create kept $(grep -c '@' stack.star) images"

# Same pixels: the statistics that RELION prints agree image by image.
relion particles.mrcs relion_image_handler --i particles.mrcs --stats
[ "$(grep -c 'angpix = 4.5' log)" -eq "$images" ] || { cat log; fail "wrong pixel size or image count"; }
sed -n 's/.*\(avg=.*\) angpix.*/\1/p' log >ours
relion stack.mrcs relion_image_handler --i stack.mrcs --stats
sed -n 's/.*\(avg=.*\) angpix.*/\1/p' log | cmp - ours || fail "stack_create changed the pixels"

# It warns of images that are not normalised, which ours need not be.
mkdir Class3D
relion_refine --i particles.star --ref map.mrc --o Class3D/run --K 1 --iter 1 --skip_align --ctf \
  --particle_diameter 120 --ini_high 30 --zero_mask --flatten_solvent --norm --scale --pad 1 \
  --random_seed 1 --j 1 >log 2>&1 || { cat log; fail "relion_refine gave status $?"; }
if grep -qi 'error' log; then cat log; fail "relion_refine complained"; fi
[ "$(grep -c '@' Class3D/run_it001_data.star)" -eq "$images" ] || { cat log; fail "refine lost images"; }

# And back: what RELION wrote can be read.
cryosip-check --quiet stack.star >log || fail "check refuses what stack_create wrote"
cryosip-check --quiet Class3D/run_it001_data.star >log || fail "check refuses what refine wrote"

#!/bin/sh
# real_particles.sh TOOL_DIR TESTDATA: check and flow-step take particle files that others wrote, or
# say in one line why not.  The model does not belong to these images: what is tested is reading.
set -u
PATH=$1:$PATH
testdata=$2
export LC_ALL=C
shared=${CRYOSIP_SHARED_DATA:-}
if [ ! -d "$shared/fixtures/a_stack31" ] || [ ! -d "$shared/data/cryodrgn" ]; then
  echo "SKIP: CRYOSIP_SHARED_DATA names no folder with fixtures/a_stack31 and data/cryodrgn"
  exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
failed=0
complain() { echo "FAIL: $*" >&2; failed=1; }

cd "$work" || exit 1
cryosip-normal-modes --quiet "$testdata/hinge_dimer.pdb" --modes 2 -o modes.nmd || exit 1
cryosip-init-particles --quiet --model "$work/modes.nmd" --count 6 -o start.star || exit 1

# Paths are relative to RELION's project, which cannot be written to.
project=$shared/fixtures/a_stack31
cd "$project" || exit 1

run() { # run STATUS COMMAND...: keeps report and messages
  status=$1; shift
  got=0
  "$@" >"$work/out" 2>"$work/err" </dev/null || got=$?
  [ "$got" -eq "$status" ] || complain "'$*' gave $got, expected $status: $(cat "$work/err")"
}
checks() { # checks STATUS ARGS...
  status=$1; shift
  run "$status" cryosip-check --quiet "$@"
}
reports() { # reports LABEL VALUE...: pairs of the report of check
  while [ $# -gt 0 ]; do
    grep -qE "^_$1 +$2\$" "$work/out" || complain "expected _$1 $2: $(head -20 "$work/out")"
    shift 2
  done
}
flows() { # flows STATUS ARGS...: two steps
  status=$1; shift
  rm -f "$work/end.star"
  run "$status" cryosip-flow-step "$work/start.star" --steps 2 -o "$work/end.star" --images "$@"
  if [ "$status" -eq 0 ]; then
    [ "$(sed -n 's/^_sipStep  *//p' "$work/end.star")" = 2 ] || complain "$1: no ensemble after 2 steps"
    if grep -qiE '(nan|inf) ' "$work/end.star"; then complain "$1: not finite"; fi
  else
    [ ! -e "$work/end.star" ] || complain "$1: an output in spite of the error"
    [ "$(grep -c 'error: ' "$work/err")" -eq 1 ] || complain "$1 said: $(cat "$work/err")"
  fi
}
says() { grep -qE "$1" "$work/err" || complain "expected /$1/: $(cat "$work/err")"; }
does_not_say() { if grep -qE "$1" "$work/err"; then complain "unexpected /$1/: $(cat "$work/err")"; fi; }

# RELION 3.1.3: 300 normalised particles, in three forms.
for star in particles.star ../b_stack30/particles30.star ../b_stack30/particles30_converted_by_relion.star; do
  checks 0 "$star"
  [ ! -s "$work/err" ] || complain "check $star said: $(cat "$work/err")"
  reports sipImages 300 sipBox 48 sipPixelSize 4 sipPoses given sipCtf given sipBackgroundSigma '1\.000.*'
  flows 0 "$star"
  says 'objective: likelihood'
  does_not_say warning
done
sed '/^_sipObjective/d' "$work/end.star" | grep -qE '^_sipContrast +[0-9.]+$' || complain "no positive contrast"

# From elsewhere, with --datadir.
cd "$work" || exit 1
checks 3 "$shared/fixtures/b_stack30/particles30.star"
says "error: .*particles30.star:24: stack 'Particles/norm.mrcs' not found"
checks 0 "$shared/fixtures/b_stack30/particles30.star" --datadir "$project"
reports sipImages 300

drgn=$shared/data/cryodrgn
# RELION 3.1 with a header without MAP; the same with its optics behind the particles.
for star in relion31.star relion31.v2.star; do
  checks 0 "$drgn/$star"
  reports sipImages 5 sipBox 256 sipPixelSize 2.806 sipPoses given sipCtf given
  flows 0 "$drgn/$star"
  says 'objective: likelihood'
done

# No pixel size but the stack's 1 angstrom, no poses, no noise.
checks 0 "$drgn/toy_projections.star"
says 'no pixel size in the STAR file, 1 angstrom is taken from the header of .*toy_projections.mrcs'
reports sipImages 1000 sipBox 30 sipPixelSize 1 sipPoses none sipCtf given
checks 0 "$drgn/toy_projections.star" --angpix 5
does_not_say 'no pixel size'
reports sipPixelSize 5
flows 3 "$drgn/toy_projections.star" --angpix 5
says 'the images have no noise outside'
flows 0 "$drgn/toy_projections.star" --angpix 5 --noise-sigma 1 --contrast 1 --views 8
says 'objective: likelihood steered poses=uniform'
flows 0 "$drgn/toy_projections.star" --noise-sigma 1 --contrast 1 --views 8
says 'warning: .*no pixel size in the STAR file, 1 angstrom is taken'

# EMPIAR-10076: 3.0 form, a stack called .mrc, no poses.
checks 0 "$drgn/empiar_10076_7.star"
reports sipImages 7 sipBox 320 sipPixelSize '1\.3099979.*' sipPoses none sipCtf given
flows 0 "$drgn/empiar_10076_7.star" --views 8
says 'objective: likelihood steered poses=uniform'

# RELION 5, its stacks not there.
checks 3 "$drgn/relion5.star"
says "error: .*relion5.star:54: stack 'toy_images_a.mrcs' not found"
reports sipImages 17 sipPixelSize 0.89 sipPoses given
flows 3 "$drgn/relion5.star"
says "error: .*relion5.star:54: stack 'toy_images_a.mrcs' not found"

# TRPV1: the stack has another name and ending than the STAR file says; dark molecules.
trpv1=$shared/data/cryojax/trpv1_small_stack
checks 3 "$trpv1.star"
says "error: .*trpv1_small_stack.star:32: stack './batch_0_restacked.mrc' not found"
mkdir links
ln -s "$trpv1.mrcs" links/batch_0_restacked.mrcs
checks 0 "$trpv1.star" --datadir links
reports sipImages 10 sipBox 48 sipPixelSize 4.88 sipPoses given sipCtf given
says 'RELION expects 0 and 1 \(10 such\)'
flows 0 "$trpv1.star" --datadir links
says 'warning: the contrast is negative: molecules are darker than the background'
exit "$failed"

#!/bin/sh
# relion_converts.sh TOOL_DIR TESTDATA: what convert makes of a cryoSPARC data set goes through RELION's
# programs, and comes back, with every value to the digits that RELION writes (six behind the point,
# five where a number is negative).  The stack is called .mrc, as cryoSPARC's are.
set -eu
command -v relion_refine >/dev/null || { echo "SKIP: RELION is not installed"; exit 77; }
PATH=$1:$PATH
testdata=$2
export LC_ALL=C
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
images=40
fail() { echo "FAIL: $*" >&2; exit 1; }
# RELION's exit status is not to be relied upon: look for its words, and for the file.
relion() { # relion RESULT PROGRAM ARGS...
  result=$1; shift
  "$@" >log 2>&1 || { cat log; fail "$* gave status $?"; }
  if grep -i 'error\|warning' log | grep -v 'unknown label: ucsfUid'; then fail "$* complained"; fi
  [ -s "$result" ] || { cat log; fail "$* did not write $result"; }
}
convert() { cryosip-convert --quiet "$@" 2>err || fail "convert $*: $(cat err)"; }
column() { # column FILE LABEL: of the particles
  awk -v label="_$2" '$1 == label { n = substr($2, 2) } /@/ { print $n }' "$1"
}
# keeps STAR DATA_SET: the particles of STAR, in the order of their uids, are those of the data set that
# RELION was given, in all columns of ours.
keeps() {
  # shellcheck disable=SC2013  # labels hold no blanks
  for label in $(sed -n 's/^_\(rln[A-Za-z]*\) #.*/\1/p; s/^_\(ucsfUid\) #.*/\1/p' given.star | sort -u); do
    case $label in
      rlnVoltage | rlnSphericalAberration | rlnAmplitudeContrast | rlnImagePixelSize | rlnImageSize | \
        rlnImageDimensionality | rlnOpticsGroupName) continue ;;  # looked at below
      rlnImageName) [ "$2" = same_stack ] || continue ;;
    esac
    for file in given.star "$1"; do
      column "$file" ucsfUid >uids
      column "$file" "$label" | paste uids - | sort >"$(basename "$file").column"
    done
    paste given.star.column "$(basename "$1").column" | awk -v wanted="$images" '
      { if ($1 != $3) exit 1
        if ($2 == $4) next
        d = $2 - $4; a = $2 < 0 ? -$2 : $2
        e = 6e-6 + 1e-6 * a
        if ($2 + 0 != $2 || d > e || d < -e) { print; exit 1 } }
      END { if (NR != wanted) exit 1 }' >difference ||
      fail "$1: $label: $(cat difference) $(paste given.star.column "$(basename "$1").column" | head -3)"
  done
  # Optics, and back to a data set: poses to RELION's digits, all other fields of the first as they were.
  cryosip-check --quiet --no-provenance "$1" >report 2>err || fail "check of $1: $(cat err)"
  grep -qE '^exp_group_0 4\.50* 32 40$' report || fail "$1: $(cat report)"
  convert "$1" back.cs --passthrough given.cs
  convert back.cs back.star
  for label in rlnAngleRot rlnOriginXAngst rlnDefocusU rlnRandomSubset; do
    [ "$(column back.star "$label" | wc -l)" -eq "$images" ] || fail "$1: back without $label"
  done
}

cryosip-normal-modes --quiet "$testdata/hinge_dimer.pdb" --modes 1 -o modes.nmd
cat >mixture.star <<'MIXTURE'
data_sip_mixture

loop_
_sipWeight #1
_sipMean1 #2
_sipSigma1 #3
1 0 1

MIXTURE
cryosip-simulate --quiet --model modes.nmd --mixture mixture.star --count "$images" --box 32 \
  --angpix 4.5 --snr 1 --poses uniform --ctf uniform --shift-sigma 3 -o p
mv p.mrcs p.mrc
sed "s/@p.mrcs/@p.mrc/" p.star >called_mrc.star
convert called_mrc.star given.cs
convert given.cs given.star
grep -q '000001@p.mrc:mrcs' given.star || fail "not as RELION takes a stack called .mrc"

relion handled.star relion_star_handler --i given.star --o handled.star --select rlnDefocusU --minval 1
keeps handled.star same_stack
relion stack.star relion_stack_create --i given.star --o stack
keeps stack.star other_stack
relion map.mrc relion_reconstruct --i given.star --o map.mrc --ctf
mkdir Class3D
relion_refine --i given.star --ref map.mrc --o Class3D/run --K 1 --iter 1 --skip_align --ctf \
  --particle_diameter 120 --ini_high 30 --zero_mask --flatten_solvent --norm --scale --pad 1 \
  --random_seed 1 --j 1 >log 2>&1 || { cat log; fail "relion_refine gave status $?"; }
if grep -qi 'error' log; then cat log; fail "relion_refine complained"; fi
keeps Class3D/run_it001_data.star same_stack

# relion_convert_star is for the 3.0 form: the same particles in it, through RELION and .cs, are the same.
awk '
  FNR == 1 { block = "" }
  /^data_/ { block = $1 }
  block != "data_particles" { next }
  /^data_/ { print "data_\n\nloop_"; next }
  /^_rlnOriginXAngst/ { x = substr($2, 2); print "_rlnOriginX " $2; n++; next }
  /^_rlnOriginYAngst/ { y = substr($2, 2); print "_rlnOriginY " $2; n++; next }
  /^_rlnOpticsGroup/ { group = substr($2, 2); print "_rlnVoltage " $2; n++; next }
  /^_/ { print; n++; next }
  /@/ {
    if (!written++) {
      print "_rlnSphericalAberration #" n + 1 "\n_rlnAmplitudeContrast #" n + 2
      print "_rlnMagnification #" n + 3 "\n_rlnDetectorPixelSize #" n + 4
    }
    $x = $x / 4.5; $y = $y / 4.5; $group = 300
    print $0, 2.7, 0.1, 10000, 4.5
  }
  END { print "" }' CONVFMT=%.12g OFMT=%.12g given.star >old.star
relion new.star relion_convert_star --i old.star --o new.star
convert new.star new.cs
convert new.cs again.star
for label in rlnDefocusU rlnDefocusV rlnDefocusAngle rlnOriginXAngst rlnOriginYAngst rlnClassNumber rlnRandomSubset; do
  for file in given.star again.star; do
    column "$file" ucsfUid >uids
    column "$file" "$label" | paste uids - | sort >"$file.column"
  done
  paste given.star.column again.star.column | awk -v wanted="$images" '
    { d = $2 - $4; a = $2 < 0 ? -$2 : $2; e = 3e-5 + 1e-6 * a; if ($1 != $3 || d > e || d < -e) { print; exit 1 } }
    END { if (NR != wanted) exit 1 }' >difference || fail "through relion_convert_star: $label: $(cat difference)"
done

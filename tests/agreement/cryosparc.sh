#!/bin/sh
# cryosparc.sh TOOL_DIR TESTDATA: cryoSPARC's files mean what its peers take them for.  Of cryoDRGN's own
# tests: the same images as a .cs and as a STAR file; and poses, as it takes them of either.
set -u
PATH=$1:$PATH
export LC_ALL=C
drgn=${CRYOSIP_SHARED_DATA:-}/data/cryodrgn
[ -d "$drgn" ] || { echo "SKIP: CRYOSIP_SHARED_DATA names no folder with data/cryodrgn"; exit 77; }
command -v python3 >/dev/null || { echo "SKIP: python3 is not installed"; exit 77; }
peers=$(cd "$(dirname "$0")" && pwd)/cryosparc_peers.py
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failed=0
complain() { echo "FAIL: $*" >&2; failed=1; }
column() { # column FILE LABEL: of the particles
  awk -v label="_$2" '$1 == label { n = substr($2, 2) } /@/ { print $n }' "$1"
}

# EMPIAR-10076 as cryoSPARC imported it, and the STAR file that it imported.
cryosip-convert --quiet "$drgn/empiar_10076_7.cs" ours.star 2>err || complain "convert: $(cat err)"
grep -q 'left out, a STAR file has no place for it: blob/sign, blob/import_sig$' err ||
  complain "said: $(cat err)"
for label in rlnDefocusU rlnDefocusV rlnDefocusAngle; do
  column "$drgn/empiar_10076_7.star" "$label" >theirs
  [ "$(wc -l <theirs)" -eq 7 ] || complain "no $label in the STAR file"
  column ours.star "$label" | paste theirs - | awk '{ d = ($1 - $2) / $1; if (d > 1e-7 || d < -1e-7) exit 1 }' ||
    complain "$label: $(column ours.star "$label" | paste theirs -)"
done
column "$drgn/empiar_10076_7.star" rlnImageName | sed 's/^/00000/; s/$/:mrcs/' >theirs
column ours.star rlnImageName | cmp -s theirs - || complain "rlnImageName: $(column ours.star rlnImageName)"
grep -qE '^1 exp_group_23 300 2.7 0.07 1.3099979 320 2' ours.star || complain "optics: $(sed -n 1,25p ours.star)"
cryosip-check --quiet --no-provenance "$drgn/empiar_10076_7.cs" >cs.report || complain "check of the .cs"
cryosip-check --quiet --no-provenance "$drgn/empiar_10076_7.star" >star.report 2>err || complain "check: $(cat err)"
for label in sipImages sipBox sipPoses sipCtf sipBackgroundSigma sipContrast; do
  [ "$(grep "^_$label " cs.report)" = "$(grep "^_$label " star.report)" ] || complain "check differs in $label"
done
# Back, the data set is the same to the last bit.
cryosip-convert --quiet ours.star back.cs --passthrough "$drgn/empiar_10076_7.cs" 2>err || complain "back: $(cat err)"
python3 - "$peers" "$drgn/empiar_10076_7.cs" back.cs <<'E2' || complain "fields differ"
import importlib.util, sys
spec = importlib.util.spec_from_file_location("peers", sys.argv[1])
peers = importlib.util.module_from_spec(spec)
spec.loader.exec_module(peers)
before, after = (peers.read_cs(path) for path in sys.argv[2:])
text = lambda row: {k: v.rstrip(b"\0") if isinstance(v, bytes) else v for k, v in row.items()}
assert [text(r) for r in before] == [text(r) for r in after]
E2

# cryoDRGN sees the same poses in a STAR file of RELION and in our data set of it.
fixtures=$CRYOSIP_SHARED_DATA/fixtures/a_stack31
for star in "$drgn/relion31.star" "$fixtures/particles.star"; do
  cryosip-convert --quiet "$star" poses.cs 2>err || complain "$star: $(cat err)"
  for label in rlnAngleRot rlnAngleTilt rlnAnglePsi rlnOriginXAngst rlnOriginYAngst; do
    column "$star" "$label" >"$label.column"
  done
  paste rlnAngleRot.column rlnAngleTilt.column rlnAnglePsi.column rlnOriginXAngst.column \
    rlnOriginYAngst.column >poses
  python3 "$peers" poses poses.cs poses || complain "cryoDRGN sees other poses in $star"
done
cryosip-convert --quiet "$drgn/relion31.star" relion31.cs 2>err || complain "relion31: $(cat err)"
echo 'ctf/df1_A ctf/df2_A ctf/bfactor ctf/scale' >table
for label in rlnDefocusU rlnDefocusV rlnCtfBfactor rlnCtfScalefactor; do
  column "$drgn/relion31.star" "$label" >"$label.column"
done
paste rlnDefocusU.column rlnDefocusV.column rlnCtfBfactor.column rlnCtfScalefactor.column >>table
python3 "$peers" fields relion31.cs table || complain "the CTFs are others"
exit "$failed"

#!/bin/sh
# relion_populations.sh TOOL_DIR MAP_CORRELATION: images that RELION made of two volumes, the flow
# along the line between these, each image's own population, and RELION's reconstruction of either.
set -eu
command -v relion_reconstruct >/dev/null || { echo "SKIP: RELION is not installed"; exit 77; }
data=${CRYOSIP_SHARED_DATA:-}/fixtures/a_stack31
[ -e "$data/confA.mrc" ] || { echo "SKIP: fixtures/a_stack31 is not at hand"; exit 77; }
data=$(cd "$data" && pwd)
PATH=$1:$PATH
map_correlation=$2
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"
ln -s "$data/Particles" "$data/particles.star" .
cat >path.star <<MODEL
data_sip_volume_model

loop_
_sipVolumeName #1
_sipComponent #2
_sipFactor #3
$data/confA.mrc 0 0.5
$data/confB.mrc 0 0.5
$data/confA.mrc 1 0.5
$data/confB.mrc 1 -0.5

MODEL
cryosip-init-particles --quiet --model path.star --count 60 |
  cryosip-flow-step --quiet --images particles.star --steps 60 -o ensemble.star

# Which side of the middle an image's posterior lies on, in a column that RELION selects by.
cryosip-assign --quiet ensemble.star --images particles.star \
  --copy sipMean1=rlnParticleFigureOfMerit -o assigned.star
population() { # population NAME OPTION
  relion_star_handler --i assigned.star --o "$1.star" --select rlnParticleFigureOfMerit "$2" 0 \
    >log 2>&1 || { cat log; exit 1; }
}
population a --minval
population b --maxval
of_a=$(grep -c @ a.star)
of_b=$(grep -c @ b.star)
echo "$of_a images of A, $of_b of B; 180 and 120 were made"
if [ $((of_a + of_b)) -ne 300 ] || [ "$of_a" -lt 150 ] || [ "$of_a" -gt 210 ]; then
  echo "FAIL: populations"
  exit 1
fi
# RELION's own Class3D of this stack comes to 24 A; beyond that there is noise.
reconstruct() { # reconstruct NAME OWN OTHER
  relion_reconstruct --i "$1.star" --o "$1.mrc" --ctf --maxres 24 >log 2>&1 || { cat log; exit 1; }
  "$map_correlation" "$data/$2.mrc" "$1.mrc" 0.9
  own=$("$map_correlation" "$data/$2.mrc" "$1.mrc" 0 | sed 's/.* //')
  other=$("$map_correlation" "$data/$3.mrc" "$1.mrc" 0 | sed 's/.* //')
  echo "with $3: $other"
  awk "BEGIN { exit !($own > $other + 0.05) }" || { echo "FAIL: no nearer to its own volume"; exit 1; }
}
reconstruct a confA confB
reconstruct b confB confA

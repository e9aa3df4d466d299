#!/bin/sh
# check_volumes.sh TOOL_DIR TESTDATA MAKE_VOLUMES: every tool takes a mean volume and its components in
# place of a molecule.
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"
mkdir maps
"$3" maps || exit 1
cat >mixture.star <<'MIXTURE'
data_sip_mixture

loop_
_sipWeight #1
_sipMean1 #2
_sipMean2 #3
_sipMean3 #4
_sipSigma1 #5
_sipSigma2 #6
_sipSigma3 #7
0.5 -1 0 0.5 0.2 0.2 0.2
0.5 1 0 0.5 0.2 0.2 0.2

MIXTURE
options="--quiet --no-provenance"

# shellcheck disable=SC2086  # a list of words
{
  # Images as large as the volumes, where nothing else is asked for.
  cryosip-simulate $options --model maps/volumes.star --mixture mixture.star --count 60 --snr 1 -o p ||
    complain "simulating failed"
  grep -A 20 '^data_optics' p.star | grep -q ' 5 24 ' || complain "another box than the volumes': $(head -30 p.star)"
  cryosip-init-particles $options --model maps/volumes.star --count 12 -o start.star ||
    complain "no start"
  for poses in given uniform; do
    flow="cryosip-flow-step $options start.star --images p.star --steps 2 --poses $poses --views 20"
    $flow -j 1 -o $poses.star || complain "flowing with $poses poses failed"
    $flow -j 2 -o again.star || complain "flowing with $poses poses failed"
    cmp $poses.star again.star || complain "two threads gave another ensemble than one, with $poses poses"
  done
  cryosip-map $options start.star --images p.star --structures 2 --steps 5 -o map.star || complain "no MAP"
  cryosip-evaluate --quiet --truth mixture.star --initial start.star given.star --images p.star >table ||
    complain "no evaluation"
  grep -q '^image' table || complain "images were not compared: $(cat table)"

  # Maps of its conformations, on the volumes' own grid.
  cryosip-export $options given.star --clusters 2 --volumes states -o states.star || complain "exporting failed"
  [ -s states/map_002.mrc ] || complain "no maps of states: $(ls states)"
  [ "$(wc -c <states/map_001.mrc)" -eq "$(wc -c <maps/arm1.mrc)" ] || complain "maps of another size than the volumes'"
  # Another model's ensemble, a resolution that voxels of 5 angstrom have not got, files that are none.
  flow="cryosip-flow-step --quiet start.star --images p.star -o x.star"
  expect_failure cryosip-flow-step x.star 2 '.*9.* angstrom: .*two voxels, 10' $flow --resolution 9
  expect_failure cryosip-flow-step x.star 3 'mixture.star: .*sip_volume_model' $flow --model mixture.star
  rm maps/arm2.mrc
  expect_failure cryosip-flow-step x.star 3 '.*maps/arm2.mrc' $flow
}
exit "$failed"

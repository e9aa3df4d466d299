#!/bin/sh
# check_map.sh TOOL_DIR TESTDATA: statuses, messages, streams and reproducibility of cryosip-map.
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

two_wells 0.3 0.1 0.1
particles_and_start
map="cryosip-map --quiet --no-provenance --images particles.star --structures 2"

# expect STATUS STDERR_PATTERN COMMAND...
expect() { expect_failure cryosip-map "never.star" "$@"; }
# value LABEL FILE: of a pair
value() { sed -n "s/^_$1  *//p" "$2"; }

# shellcheck disable=SC2086  # the commands are lists of words
{
  for how in '--poses given' '--fractions equal --prior-sigma 1' \
    '--poses uniform --nuisances 40 --steps 3 --contrast 1'; do
    $map $how start.star -j 1 -o once.star 2>err || complain "$how: failed: $(cat err)"
    # The same bytes on any number of threads.
    $map $how start.star -j 2 -o threads.star 2>err || complain "$how: failed on two threads"
    cmp once.star threads.star || complain "$how: one thread and two differ"
  done
  grep -q '^cryosip-map: warning: not converged after 3 iterations' err || complain "3 steps said: $(cat err)"
  [ "$(value sipTermination once.star)" = iterations ] || complain "3 steps ended as $(cat once.star)"
  $map --poses uniform --nuisances 2 --steps 1 start.star 2>&1 >few.star |
    grep -q 'warning: of the 2 poses drawn' || complain 'two poses were enough'

  # The two states, and the fraction of images in each; evaluate takes the answer.
  $map start.star -o once.star || complain "failed"
  [ "$(value sipTermination once.star)" = converged ] || complain "did not converge: $(cat once.star)"
  awk '/^0/ { if ($2 < 0) { low = $2; share = $1 } else high = $2 }
    END { exit !(low < -0.9 && low > -1.1 && high > 0.9 && high < 1.1 && share > 0.12 && share < 0.48) }' once.star ||
    complain "the states were not found: $(cat once.star)"
  cryosip-evaluate --quiet --truth mixture.star --initial start.star once.star >evaluation.star ||
    complain "evaluate refused the answer"
  # So does the flow.
  cryosip-flow-step --quiet --images particles.star --steps 1 once.star -o moved.star ||
    complain "flow-step refused the answer"

  # A filter: standard input to standard output.
  $map <start.star >piped.star || complain "the pipe failed"
  cmp once.star piped.star || complain "the pipe gave something else than the files"
  $map - -o - <start.star | cmp once.star || complain "- gave something else"

  # Another seed begins elsewhere.
  for seed in 1 2; do
    $map start.star --steps 0 --seed $seed -o seed$seed.star 2>/dev/null || complain "seed $seed failed"
  done
  if cmp -s seed1.star seed2.star; then complain "another seed began alike"; fi

  # The log falls; an assignment for each image; the lowest of the restarts is kept.
  $map start.star --restarts 3 --log log.star --assignments assigned.star -o best.star || complain "restarts failed"
  grep -q '^data_sip_map_log' log.star || complain "the log's block has another name"
  awk '/^[0-9]/ { if ($1 == restart && $4 >= last) exit 1; restart = $1; last = $4 } END { exit restart != 3 }' log.star ||
    complain "the log does not fall three times: $(cat log.star)"
  lowest=$(awk '/^[0-9]/ { end[$1] = $4 } END { for (r in end) print end[r] }' log.star | sort -g | head -1)
  [ "$(value sipFinalObjective best.star)" = "$lowest" ] || complain "the lowest of the restarts was not kept"
  grep -q '^data_sip_assignments' assigned.star || complain "the assignments' block has another name"
  [ "$(grep -c '^0000[0-9]*@particles.mrcs [12] ' assigned.star)" -eq 60 ] ||
    complain "60 images have the assignments $(cat assigned.star)"

  # All of an ensemble of just K, so that an answer can be gone on from.
  $map once.star -o again.star || complain "its own answer was refused"
  awk '/^0/ { print $2 }' once.star again.star | awk '
    NR <= 2 { was[NR] = $1 } NR > 2 { d = $1 - was[NR - 2]; if (d * d > 1e-6) exit 1 }' ||
    complain "going on from the answer moved it"

  # Ctrl-C: the structures so far are in the checkpoint, there is no output.
  cryosip-map --no-provenance --images particles.star --structures 6 --tolerance 0 --restarts 1000 \
    start.star -o broken.star 2>err &
  running=$!
  tries=0
  until grep -q minimising err || [ "$tries" -ge 500 ]; do sleep 0.02; tries=$((tries + 1)); done
  sleep 0.1
  kill -INT "$running"
  got=0; wait "$running" || got=$?
  [ "$got" -eq 130 ] || complain "SIGINT gave $got, expected 130: $(cat err)"
  [ ! -e broken.star ] || complain "SIGINT left an output"
  grep -q 'stopped after .* iterations; go on with cryosip-map broken.star.checkpoint' err ||
    complain "SIGINT said: $(cat err)"
  [ "$(value sipTermination broken.star.checkpoint)" = cancelled ] ||
    complain "SIGINT left the checkpoint $(cat broken.star.checkpoint)"
  cryosip-map --quiet --images particles.star --structures 6 broken.star.checkpoint -o mended.star ||
    complain "the checkpoint was refused"

  expect 2 '.*--images' cryosip-map start.star
  expect 2 "--fractions: 'half' found, expected equal, estimated" $map --fractions half start.star -o never.star
  expect 2 '--structures: -1 found' cryosip-map --quiet --images particles.star --structures -1 start.star -o never.star
  expect 2 'map: expected at least one structure' cryosip-map --quiet --images particles.star --structures 0 start.star -o never.star
  expect 2 'map: the ensemble has 12 conformations to start from, expected at least the 13' \
    cryosip-map --quiet --images particles.star --structures 13 start.star -o never.star
  expect 2 'map: the ensemble has as many' $map once.star --restarts 2 -o never.star
  expect 2 'map: .*positive prior sigma' $map --prior-sigma 0 start.star -o never.star
  expect 2 'map: poses are given or uniform' $map --poses in-plane start.star -o never.star
  expect 2 'map: .*at least one nuisance' $map --poses uniform --nuisances 0 start.star -o never.star
  expect 2 'expected a number of iterations and a tolerance' $map --tolerance -1 start.star -o never.star
  cryosip-normal-modes --quiet "$testdata/hinge_dimer.pdb" --modes 3 -o three.nmd
  expect 2 'the ensemble has 2 coordinates, the model 3' $map --model three.nmd start.star -o never.star
  sed '/rlnAngle/d; s/@\([^ ]*\) \([^ ]*\) [^ ]* [^ ]* [^ ]*/@\1 \2/' particles.star >no_poses.star
  expect 2 'no_poses.star: poses are to be taken from the images, which have none' \
    cryosip-map --quiet --images no_poses.star --structures 2 --poses given start.star -o never.star
  expect 3 '/no/such.star: cannot be opened' $map /no/such.star -o never.star
  expect 3 '/no/such.star: ' cryosip-map --quiet --images /no/such.star start.star -o never.star
  expect 3 'standard input: ' $map -o never.star
  expect 4 '/no/such/folder/e.star' $map start.star -o /no/such/folder/e.star
  expect 4 '/no/such/folder/l.star' $map start.star --log /no/such/folder/l.star -o never.star
  got=0; $map --steps 1 start.star >/dev/full 2>err || got=$?
  [ "$got" -eq 4 ] || complain "a full disk gave $got, expected 4"

  # A model without views: the paper's system of one dimension.
  printf 'data_sip_mixture\n\nloop_\n_sipWeight #1\n_sipMean1 #2\n_sipSigma1 #3\n0.5 -1.2 0.1\n0.5 1.2 0.1\n\n' >line.star
  cryosip-simulate --quiet --model identity --mixture line.star --count 400 --noise-sigma 0.3 -o line || complain "simulate failed"
  cryosip-init-particles --quiet --model identity --count 20 |
    cryosip-map --quiet --images line.star --structures 2 --noise-sigma 0.3 -o line_map.star ||
    complain "the model identity failed"
}
exit "$failed"

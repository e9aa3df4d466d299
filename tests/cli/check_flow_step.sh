#!/bin/sh
# check_flow_step.sh TOOL_DIR TESTDATA: statuses, messages, streams, checkpoints and reproducibility
# of cryosip-flow-step.
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

two_wells 0.5 0.25 0.5
particles_and_start
flow="cryosip-flow-step --quiet --no-provenance --images particles.star --images-per-step 10"

# expect STATUS STDERR_PATTERN COMMAND...
expect() { expect_failure cryosip-flow-step "never.star" "$@"; }

# shellcheck disable=SC2086  # the commands are lists of words
{
  for how in '--poses given' '--poses in-plane' '--poses in-plane --shift-sigma 2 --injection 0.1' '--angle-error 2 --shift-error 3' '--poses uniform --views 4' '--poses uniform --objective mmd' \
    '--poses uniform --objective mmd --in-plane drawn' '--poses uniform --objective energy' \
    '--integrator euler --step-size 1e-3' '--integrator momentum --step-size 1e-3 --momentum 0.5' \
    '--weight-rate 0.1 --injection 0.1' \
    '--poses uniform --objective mmd --kernel laplace+imq:2+0.1*riesz:1.5 --sampling C --nuisances 2' \
    '--objective energy --noise drawn --sampling B --nuisances 3 --integrator euler'; do
    $flow $how start.star --steps 30 -j 1 -o once.star || complain "$how: failed"
    cmp -s start.star once.star && complain "$how: nothing moved"

    # The same bytes on any number of threads.
    $flow $how start.star --steps 30 -j 2 -o threads.star || complain "$how: failed on two threads"
    cmp once.star threads.star || complain "$how: one thread and two differ"

    # The same bytes in three parts, the last of which takes what is left.
    $flow $how start.star --steps 10 --schedule-steps 30 -o part1.star || complain "$how: part 1 failed"
    $flow $how part1.star --steps 10 --schedule-steps 30 -o part2.star || complain "$how: part 2 failed"
    $flow $how part2.star -o part3.star || complain "$how: part 3 failed"
    cmp once.star part3.star || complain "$how: three parts differ from the whole"
  done

  # Another seed, another flow.
  $flow start.star --steps 30 --seed 2 -o seed.star || complain "another seed failed"
  $flow start.star --steps 30 -o once.star || complain "failed"
  if cmp -s once.star seed.star; then complain "another seed gave the same ensemble"; fi

  # A filter: standard input to standard output.
  $flow --steps 30 <start.star >piped.star || complain "the pipe failed"
  cmp once.star piped.star || complain "the pipe gave something else than the files"
  $flow - --steps 30 -o - <start.star | cmp once.star || complain "- gave something else"

  # A row of the log for each step.
  $flow start.star --steps 4 --log log.star -o logged.star || complain "--log failed"
  [ "$(grep -c '^[0-9]' log.star)" -eq 4 ] || complain "4 steps gave the log $(cat log.star)"
  grep -q '^data_sip_flow_log' log.star || complain "the log's block has another name"

  # The likelihood changes weights unless they shall stay, and the log says how much.
  weights() { sed -n 's/^\(0[.0-9e-]*\) .*/\1/p' "$1" | sort -u; }
  [ "$(weights logged.star | wc -l)" -gt 1 ] || complain "no weight has changed"
  grep -q sipWeightChange log.star || complain "the log has no change of weights"
  $flow start.star --steps 4 --weight-rate 0 --log log.star -o unweighed.star || complain "--weight-rate failed"
  weights start.star >before
  weights unweighed.star | cmp -s before - || complain "weights changed at --weight-rate 0"
  if grep -q sipWeightChange log.star; then complain "the log has a change of weights that stay"; fi

  # Refits for bands: beside the same ensemble, on any number of threads, and one by one.
  $flow start.star --steps 4 --bands 2 -j 1 -o bands.star || complain "--bands failed"
  $flow start.star --steps 4 --bands 2 -j 2 -o bands2.star || complain "--bands failed on two threads"
  cmp bands.star bands2.star || complain "--bands: one thread and two differ"
  conformations() { sed -n '/^data_sip_conformations/,/^data_sip_refits/p' "$1" | sed -n '/^[0-9]/p' | cut -d ' ' -f 1-3; }
  conformations logged.star >alone
  conformations bands.star | cmp - alone || complain "--bands changed the ensemble"
  grep -q '^data_sip_perturbed' bands.star || complain "--bands: no ensemble of perturbed images"
  for refit in 1 2; do
    $flow start.star --steps 4 --bootstrap $refit --log log.star -o alone.star || complain "--bootstrap failed"
    [ "$(grep -c '^[0-9]' log.star)" -eq 4 ] || complain "--bootstrap: the log is $(cat log.star)"
    conformations alone.star >alone
    sed -n '/^data_sip_refits/,/^data_sip_perturbed/s/^'$refit' //p' bands.star | cmp - alone ||
      complain "--bootstrap $refit differs from that refit of --bands"
  done
  # A refit in parts, and an ensemble that goes on, without the refits of where it was.
  $flow start.star --steps 2 --schedule-steps 4 --bootstrap 2 -o part.star || complain "a refit's first part failed"
  $flow part.star --bootstrap 2 -o whole.star || complain "a refit's last part failed"
  cmp whole.star alone.star || complain "a refit in parts differs from the whole"
  $flow bands.star --steps 1 -o on.star || complain "an ensemble with refits does not go on"
  if grep -q sipRefit on.star; then complain "refits of another ensemble were kept"; fi
  $flow bands.star --steps 1 --bands 2 -o on.star 2>err || complain "bands of an ensemble that goes on failed"
  cryosip-flow-step --no-provenance --images particles.star --images-per-step 10 bands.star --steps 1 --bands 2 2>&1 >/dev/null |
    grep -q 'has taken 4 steps before' || complain "no warning of bands of the last steps alone"
  expect 2 '--bands: 1 refits have no spread' $flow --bands 1 start.star -o never.star
  expect 2 '--bootstrap: 0 found, expected 1 or more' $flow --bootstrap 0 start.star -o never.star
  expect 2 '--bootstrap is one of the refits of --bands' $flow --bands 5 --bootstrap 1 start.star -o never.star

  # Ctrl-C: the state is in the checkpoint, there is no output, and going on loses no bit.
  many=600
  $flow start.star --steps $many -o whole.star || complain "$many steps failed"
  cryosip-flow-step --no-provenance --images particles.star --images-per-step 10 start.star \
    --steps $many -o broken.star 2>err &
  running=$!
  tries=0
  until grep -q flowing err || [ "$tries" -ge 500 ]; do sleep 0.02; tries=$((tries + 1)); done
  sleep 0.1
  kill -INT "$running"
  got=0; wait "$running" || got=$?
  [ "$got" -eq 130 ] || complain "SIGINT gave $got, expected 130: $(cat err)"
  [ ! -e broken.star ] || complain "SIGINT left an output"
  [ -s broken.star.checkpoint ] || complain "SIGINT left no checkpoint"
  reached=$(sed -n 's/^_sipStep  *//p' broken.star.checkpoint)
  { [ "${reached:-0}" -gt 0 ] && [ "$reached" -lt $many ]; } || complain "the checkpoint is of step '$reached'"
  grep -q "stopped after step $reached; go on with cryosip-flow-step broken.star.checkpoint" err ||
    complain "SIGINT said: $(cat err)"
  $flow broken.star.checkpoint -o mended.star || complain "the checkpoint was refused"
  cmp whole.star mended.star || complain "going on from the checkpoint ended elsewhere"

  expect 2 '.*--images' cryosip-flow-step start.star
  expect 2 "--objective: 'guess' found, expected auto, likelihood, mmd, energy" $flow --objective guess start.star -o never.star
  expect 2 "--kernel: only the objective mmd has one" \
    $flow --objective energy --kernel laplace start.star -o never.star
  expect 2 ".*gaussian, laplace, imq" $flow --objective mmd --kernel tophat start.star -o never.star
  expect 2 '.*in-plane angle can be integrated out' \
    $flow --poses uniform --objective energy --in-plane integrated start.star -o never.star
  expect 2 '.*for the likelihood alone' \
    $flow --poses in-plane --objective mmd --in-plane integrated start.star -o never.star
  expect 2 '.*multiple of 8' $flow --poses in-plane --angles 20 start.star -o never.star
  $flow --poses in-plane --objective energy --steps 2 start.star -o energy.star || complain 'the energy distance with in-plane poses failed'
  expect 2 '.*multiple of 8' $flow --poses uniform --angles 20 start.star -o never.star
  expect 2 '.*nuisances' $flow --objective mmd --sampling A --nuisances 2 start.star -o never.star
  expect 2 'errors of poses are integrated out by the likelihood with given poses alone' \
    $flow --poses uniform --shift-error 2 start.star -o never.star
  expect 2 'likelihood objective: expected .*errors of poses' $flow --angle-error -1 start.star -o never.star
  expect 5 '.*finite' $flow --objective chi-squared start.star --steps 1 -o never.star

  # Coloured noise is found, said, and the same on any number of threads and in parts.
  cryosip-simulate --quiet --model modes.nmd --mixture mixture.star --count 60 --box 32 --angpix 4.5 \
    --snr 0.2 --noise-b-factor 300 -o coloured || complain "--noise-b-factor failed"
  flow_coloured="cryosip-flow-step --no-provenance --images coloured.star --images-per-step 10"
  for how in '--poses given' '--poses in-plane' '--poses uniform --views 4' '--poses uniform --objective mmd'; do
    $flow_coloured $how start.star --steps 10 -j 1 -o once.star 2>err || complain "$how, coloured: failed"
    grep -q 'noise of optics group opticsGroup1: sigma .*, coloured: ' err || complain "$how, coloured: said $(cat err)"
    $flow_coloured -q $how start.star --steps 10 -j 2 -o threads.star || complain "$how, coloured: failed"
    cmp once.star threads.star || complain "$how, coloured: one thread and two differ"
    $flow_coloured -q $how start.star --steps 4 --schedule-steps 10 -o part1.star || complain "$how: part 1"
    $flow_coloured -q $how part1.star -o part2.star || complain "$how: part 2"
    cmp once.star part2.star || complain "$how, coloured: two parts differ from the whole"
  done
  cryosip-flow-step --images particles.star --steps 1 -o once.star start.star 2>err
  grep -q 'noise of optics group opticsGroup1: sigma .*, white' err || complain "white noise: said $(cat err)"

  # The trap of drawn poses is named.
  $flow --poses uniform --objective likelihood --in-plane drawn --steps 1 start.star -o trapped.star 2>err ||
    complain 'one step of the likelihood with drawn poses failed'
  grep -q 'warning: the likelihood with poses drawn at random is biased' err ||
    complain "the likelihood with drawn poses said: $(cat err)"
  expect 2 '--steps: -1 found' $flow --steps -1 start.star -o never.star
  expect 2 'flow: expected a positive step size' $flow --step-size 0 start.star -o never.star
  expect 2 'flow: expected' $flow --momentum 1 start.star -o never.star
  expect 2 "--integrator: 'heun' found, expected normalised, momentum, euler" $flow --integrator heun start.star -o never.star
  expect 2 'flow: forward Euler has no momentum' $flow --integrator euler --momentum 0.5 start.star -o never.star
  expect 2 'flow: momentum 0 is forward Euler' $flow --integrator momentum --momentum 0 start.star -o never.star
  expect 2 'flow: expected an injection' $flow --injection -1 start.star -o never.star
  expect 2 'flow: expected an injection' $flow --weight-rate 0.1 --min-effective-share 2 start.star -o never.star
  expect 2 '.*--temperature' $flow --temperature hot start.star -o never.star
  expect 2 '.*positional' $flow start.star again.star -o never.star
  cryosip-normal-modes --quiet "$testdata/hinge_dimer.pdb" --modes 3 -o three.nmd
  expect 2 'the ensemble has 2 coordinates, the model 3' $flow --model three.nmd start.star -o never.star
  sed '/rlnAngle/d; s/@\([^ ]*\) \([^ ]*\) [^ ]* [^ ]* [^ ]*/@\1 \2/' particles.star >no_poses.star
  expect 2 'no_poses.star: poses are to be taken from the images, which have none' \
    cryosip-flow-step --quiet --images no_poses.star --poses given --objective mmd start.star -o never.star
  expect 2 'no_poses.star: all of the poses but the in-plane angle is to be taken .* \(rlnAngleRot, rlnAngleTilt\)' \
    cryosip-flow-step --quiet --images no_poses.star --poses in-plane start.star -o never.star

  # Psi is not looked at with in-plane poses: any others do, or none.  With given ones they mislead.
  cryosip-simulate --quiet --model modes.nmd --mixture mixture.star --count 300 --box 32 --angpix 4.5 --snr 0.3 --ctf none -o states
  psi=$(sed -n 's/^_rlnAnglePsi #//p' states.star)
  awk -v n="$psi" '/@/ { $n = (NR * 77) % 360 } { print }' states.star >scrambled.star
  sed 's/rlnAnglePsi/rlnAngleOdd/' states.star >views.star
  cryosip-init-particles --quiet --model modes.nmd --count 60 -o many.star
  distance() { cryosip-evaluate --quiet --truth states_truth.star "$1" | awk '$1 == "w1" && $2 == 1 { print $4 }'; }
  find_states() { # NAME ARGS..: W1 along the first mode
    to=$1; shift
    cryosip-flow-step --quiet --images-per-step 24 --steps 50 "$@" many.star -o "$to.star" 2>err || complain "$*: failed"
    distance "$to.star"
  }
  start=$(distance many.star)
  found=$(find_states found --images scrambled.star --poses in-plane)
  alone=$(find_states alone --images views.star --poses in-plane)
  misled=$(find_states misled --images scrambled.star --poses given)
  true=$(find_states true --images states.star --poses given)
  echo "$start $found $alone $misled $true" |
    awk '{ exit !($2 < 0.5 * $1 && $2 < 1.1 * $5 && $3 < 1.1 * $5 && $4 > 2 * $2) }' ||
    complain "in-plane poses: W1 $start -> $found, without psi $alone, misled $misled, with true poses $true"
  expect 3 '/no/such.star: cannot be opened' $flow /no/such.star -o never.star
  expect 3 '/no/such.star: ' cryosip-flow-step --quiet --images /no/such.star start.star -o never.star
  row=$(grep -n '^[0-9]' start.star | head -1 | cut -d : -f 1)
  sed "${row}s/ / bad/" start.star >bad.star
  expect 3 "bad.star:$row: block 'sip_conformations', column '_?sipCoordinate1'" $flow bad.star -o never.star
  row=$(grep -n '@' particles.star | head -1 | cut -d : -f 1)
  sed "${row}s/@particles/@elsewhere/" particles.star >lost.star
  expect 3 "lost.star:$row: stack 'elsewhere.mrcs' not found" \
    cryosip-flow-step --quiet --images lost.star start.star -o never.star
  expect 3 'standard input: ' $flow -o never.star
  expect 4 '/no/such/folder/e.star' $flow --steps 1 start.star -o /no/such/folder/e.star
  got=0; $flow --steps 1 start.star >/dev/full 2>err || got=$?
  [ "$got" -eq 4 ] || complain "a full disk gave $got, expected 4"
}
exit "$failed"

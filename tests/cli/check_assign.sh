#!/bin/sh
# check_assign.sh TOOL_DIR TESTDATA: statuses, messages, streams and reproducibility of cryosip-assign.
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

two_wells 0.3 0.1 0.1
particles_and_start
assign="cryosip-assign --quiet --no-provenance --images particles.star"

# expect STATUS STDERR_PATTERN COMMAND...
expect() { expect_failure cryosip-assign "never.star" "$@"; }
# column LABEL FILE: its values
column() { awk -v label="_$1" '$1 == label { sub("#", "", $2); n = $2 } /@/ { print $n }' "$2"; }

# shellcheck disable=SC2086  # the commands are lists of words
{
  for how in '--poses given' '--poses in-plane --shift-sigma 1' '--poses uniform --views 40 --noise-sigma 1 --contrast 1 --shift-sigma 2'; do
    $assign $how start.star -j 1 -o once.star 2>err || complain "$how: failed: $(cat err)"
    $assign $how start.star -j 2 -o threads.star 2>err || complain "$how: failed on two threads"
    cmp once.star threads.star || complain "$how: one thread and two differ"
  done

  # A filter: standard input to standard output.
  $assign start.star -o once.star || complain "failed"
  $assign <start.star | cmp once.star || complain "the pipe gave something else than the files"
  $assign - -o - <start.star | cmp once.star || complain "- gave something else"

  # Every column and row of the input is there, as it was, and the same in whatever order images come.
  columns=$(grep -c '^_' particles.star)
  added=$(($(grep -c '^_' once.star) - columns))
  [ "$added" -eq 9 ] || complain "$added columns were added, expected 9"
  awk '/@/ { NF -= 9; print }' once.star >kept
  awk '/@/ { NF -= 0; print }' particles.star | cmp - kept || complain "values of the input were changed"
  { sed '/@/d; /^$/d' particles.star; grep '@' particles.star | sort -k 2 -r; echo; } >shuffled.star
  cryosip-assign --quiet --images shuffled.star --noise-sigma 1 --contrast 1 start.star -o shuffled_out.star ||
    complain "the shuffled file failed"
  $assign --noise-sigma 1 --contrast 1 start.star -o straight_out.star || complain "failed"
  grep '@' shuffled_out.star | sort >a
  grep '@' straight_out.star | sort | cmp - a || complain "the order of the rows changed the assignments"

  # Noise and contrast of the flow, said; else estimated, said.
  cryosip-flow-step --quiet --images particles.star --steps 30 start.star -o ensemble.star || complain "flow failed"
  cryosip-assign --images particles.star ensemble.star -o assigned.star 2>err || complain "failed: $(cat err)"
  grep -q 'noise sigma as the flow recorded it in the ensemble' err || complain "not said whose noise it is: $(cat err)"
  grep -q "mean posterior differs from the ensemble's weights by 0" err || complain "not said how far it is off: $(cat err)"
  cryosip-assign --images particles.star start.star -o never_mind.star 2>err
  grep -q 'noise sigma of a pixel: .* (estimated)' err || complain "not said that the noise was estimated: $(cat err)"

  # The side of the first coordinate that an image is truly on.
  column sipMean1 assigned.star >mean
  awk '/^0|^1|^-/ && NF == 3 { print $2 }' particles_truth.star | paste - mean |
    awk '{ n++; if ($1 * $2 > 0) right++ } END { exit !(n == 60 && right >= 57) }' ||
    complain "the means are on the wrong side"

  $assign --copy sipMean1=rlnParticleFigureOfMerit,_sipConformation=_rlnSelected start.star -o copied.star ||
    complain "--copy failed"
  column sipMean1 copied.star >a
  column rlnParticleFigureOfMerit copied.star | cmp - a || complain "the copy is another"
  column sipConformation copied.star >a
  column rlnSelected copied.star | cmp - a || complain "the second copy is another"

  # A model without views: the paper's system of one dimension.
  printf 'data_sip_mixture\n\nloop_\n_sipWeight #1\n_sipMean1 #2\n_sipSigma1 #3\n0.5 -1.2 0.1\n0.5 1.2 0.1\n\n' >line.star
  cryosip-simulate --quiet --model identity --mixture line.star --count 20 --noise-sigma 0.3 -o line || complain "simulate failed"
  cryosip-init-particles --quiet --model identity --count 40 |
    cryosip-assign --quiet --images line.star --noise-sigma 0.3 -o line_assigned.star || complain "the model identity failed"

  expect 2 '.*--images' cryosip-assign start.star
  expect 2 "--copy: 'sipMean1' found, expected COLUMN=LABEL" $assign --copy sipMean1 start.star -o never.star
  expect 2 "'sipMean9' is not a column that is added" $assign --copy sipMean9=rlnClassNumber start.star -o never.star
  expect 3 "particles.star: block 'data_particles' has a column '_rlnDefocusU' already" \
    $assign --copy sipMean1=rlnDefocusU start.star -o never.star
  expect 3 "assigned.star: block 'data_particles' has a column '_sipMean1' already" \
    cryosip-assign --quiet --images assigned.star start.star -o never.star
  expect 2 'assignment: expected shifts' $assign --shift-sigma -1 start.star -o never.star
  expect 2 'assignment: expected a positive noise sigma' $assign --noise-sigma 0 start.star -o never.star
  cryosip-normal-modes --quiet "$testdata/hinge_dimer.pdb" --modes 3 -o three.nmd
  expect 2 'the ensemble has 2 coordinates, the model 3' $assign --model three.nmd start.star -o never.star
  sed '/rlnAngle/d; s/@\([^ ]*\) \([^ ]*\) [^ ]* [^ ]* [^ ]*/@\1 \2/' particles.star >no_poses.star
  expect 2 'no_poses.star: poses are to be taken from the images, which have none' \
    cryosip-assign --quiet --images no_poses.star --poses given start.star -o never.star
  expect 3 '/no/such.star: cannot be opened' $assign /no/such.star -o never.star
  expect 3 '/no/such.star: ' cryosip-assign --quiet --images /no/such.star start.star -o never.star
  expect 3 'standard input: ' $assign -o never.star
  expect 4 '/no/such/folder/p.star' $assign start.star -o /no/such/folder/p.star
  got=0; $assign start.star >/dev/full 2>err || got=$?
  [ "$got" -eq 4 ] || complain "a full disk gave $got, expected 4"
}
exit "$failed"

#!/bin/sh
# check_compare.sh TOOL_DIR TESTDATA: statuses, messages, streams and reproducibility of
# cryosip-compare-volumes, cryosip-compare-embeddings and cryosip-evaluate --class3d.  What their
# numbers are is for agreement/volume_metrics and agreement/class3d_test.
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

# map FILE SEED: four images as the slices of a map of 4 x 4 x 4.
map() {
  cryosip-simulate --quiet --no-provenance --model modes.nmd --mixture mixture.star --count 4 --box 4 --angpix 30 \
    --noise-sigma 1 --seed "$2" -o slices || exit 1
  cp slices.mrcs "$1"
}
two_wells 0.5 0.25 0.5
mkdir truth maps
for i in 1 2 3 10; do
  map truth/v$i.mrc $i
  map maps/v$i.mrc $((i + 20))
done
cp truth/v1.mrc maps/v2.mrc

compare="cryosip-compare-volumes --quiet --no-provenance --truth truth"
expect() { expect_failure cryosip-compare-volumes "never.star d.star c.star" "$@"; }
# shellcheck disable=SC2086  # the commands are lists of words
{
  $compare --pool 1 maps -o one.star --distances d1.star --curves c1.star -j 1 || complain "failed"
  $compare --pool 1 maps --distances d2.star --curves c2.star -j 2 >two.star || complain "failed on two threads"
  for file in one:two d1:d2 c1:c2; do
    cmp "${file%:*}.star" "${file#*:}.star" || complain "one thread and two differ"
  done
  grep -q '^data_sip_volume_comparison$' one.star || complain "another block"
  for metric in 'cryobench_auc None 4' 'flatiron_resolution_0.5 None 4' 'emd l2 30' 'kl_reverse_optimal res 30' \
    'captured_variance None 1'; do
    grep -q "^$metric " one.star || complain "no row '$metric': $(cat one.star)"
  done
  # The copy is found, and is the same to the last digit that single precision has.
  awk '$1 == 1 && $2 == 2 && $9 == 1 && $6 < 1e-6 { found = 1 } END { exit !found }' d1.star ||
    complain "the copy was not paired: $(cat d1.star)"
  [ "$(grep -c '^[1-4] [1-4] ' d1.star)" -eq 16 ] || complain "distances: $(cat d1.star)"
  [ "$(grep -c '^[1-4] [1-4] ' c1.star)" -eq 12 ] || complain "curves: $(cat c1.star)"
  $compare --pairs in-order maps >order.star 2>/dev/null || complain "--pairs in-order failed"
  cmp -s order.star one.star && complain "--pairs changed nothing"
  $compare maps 2>&1 >/dev/null | grep -q 'warning: too few true maps for emd and kl' || complain "no warning of a small set"
  $compare --json --pool 1 maps | grep -q '"metric": "emd", "cost": "l2", "count": 30, "mean": ' || complain "--json"
  printf 'data_x\n\nloop_\n_sipMap\n_sipWeight\ntruth/v2.mrc 3\ntruth/v1.mrc 1\n\n' >list.star
  $compare --pool 1 list.star >list.out || complain "a list failed"
  $compare --mask truth/v3.mrc --angpix 3 maps >masked.star 2>/dev/null || complain "--mask failed"
  cmp -s masked.star order.star && complain "--mask and --angpix changed nothing"

  expect 2 "--pairs: 'guess' found, expected one-to-one, in-order" $compare --pairs guess maps -o never.star
  expect 2 '2 maps cannot be paired in order with 4' $compare --pairs in-order list.star -o never.star
  expect 2 'the number of maps in a pool' $compare --pool 0 maps -o never.star
  expect 2 'the fraction of maps' $compare --fraction 2 maps -o never.star
  expect 3 'no_such' $compare no_such -o never.star
  mkdir empty
  expect 3 'empty: no .mrc or .map files' $compare empty -o never.star
  expect 3 '.*particles.mrcs: ' $compare particles.mrcs -o never.star
  sed 's/v1/v9/' list.star >lost.star
  expect 3 "lost.star:7: .*: file 'truth/v9.mrc' not found" $compare lost.star -o never.star
  expect 3 'no_mask' $compare --mask no_mask maps -o never.star
  expect 4 '/no/such/d.star' $compare --distances /no/such/d.star maps -o never.star

  # Embeddings.
  particles_and_start
  embeddings="cryosip-compare-embeddings --quiet --no-provenance --truth particles_truth.star"
  $embeddings particles_truth.star -j 1 >same.star || complain "embeddings failed"
  $embeddings particles_truth.star -j 2 | cmp - same.star || complain "embeddings: one thread and two differ"
  grep -q '^neighbourhood_similarity 3 60 1 0$' same.star || complain "an embedding unlike itself: $(cat same.star)"
  grep -q '^information_imbalance_to_truth 1 60 ' same.star || complain "no imbalance: $(cat same.star)"
  $embeddings --columns rlnAngle particles.star >/dev/null 2>err && complain "columns without numbers were taken"
  grep -q 'particles.star: no columns _rlnAngle1' err || complain "said $(cat err)"
  $embeddings --json --columns sipCoordinate particles_truth.star | grep -q '"neighbours": 3' || complain "--json"
  expect_failure cryosip-compare-embeddings never.star 3 'start.star: 12 images found, expected 60' \
    $embeddings start.star -o never.star
  expect_failure cryosip-compare-embeddings never.star 2 '12 neighbours wanted, expected 1 to 11' \
    $embeddings --neighbours 12 particles_truth.star -o never.star

  # A classification.
  mkdir job
  printf 'data_optimiser_general\n_rlnModelStarFile job/m.star\n_rlnExperimentalDataStarFile job/d.star\n%s\n\n' \
    '_rlnCurrentIteration 3' >job/o.star
  printf 'data_model_classes\nloop_\n_rlnReferenceImage\n_rlnClassDistribution\n%s\n%s\n\n' \
    'truth/v2.mrc 0.25' 'truth/v1.mrc 0.75' >job/m.star
  printf 'data_particles\nloop_\n_rlnImageName\n_rlnClassNumber\n1@s.mrcs 2\n2@s.mrcs 2\n3@s.mrcs 1\n\n' >job/d.star
  printf 'data_sip_mixture\nloop_\n_sipWeight\n_sipMean1\n_sipMean2\n_sipSigma1\n_sipSigma2\n_sipMap\n%s\n%s\n\n' \
    '1 -1 0 1 1 truth/v1.mrc' '1 1 0 1 1 truth/v2.mrc' >states.star
  printf 'data_\nloop_\n_rlnImageName\n_sipState\n1@s.mrcs 1\n2@s.mrcs 2\n3@s.mrcs 2\n\n' >assigned.star
  evaluate="cryosip-evaluate --quiet --no-provenance --truth states.star"
  $evaluate --class3d job/o.star --assigned assigned.star start.star -o class.star || complain "--class3d failed"
  $evaluate start.star >plain.star || complain "evaluate failed"
  head -n "$(wc -l <plain.star)" class.star | sed '$d' >head.star
  sed '$d' plain.star | cmp - head.star || complain "--class3d changed the rows before"
  grep -qE '^1 0.5 [^ ]+ 2 0.75 0.6666666666666666 1 .* 1 0 1$' class.star || complain "classes: $(cat class.star)"
  grep -qE '^2 0.5 [^ ]+ 1 0.25 .* 0.5 1 1$' class.star || complain "classes: $(cat class.star)"
  grep -qE '^_sipAgreement +0.6666666666666666$' class.star || complain "classes: $(cat class.star)"
  $evaluate --class3d job/o.star --json start.star | grep -q '"rlnClassNumber": 2' || complain "--json"
  # States of their own go before those of the truth, and need none.
  sed 's/sip_mixture/sip_representatives/; s/sipWeight/sipPopulation/; s/sipMean/sipCoordinate/' states.star >own.star
  cryosip-evaluate --quiet --no-provenance --states own.star --class3d job/o.star --assigned assigned.star start.star \
    >own.out || complain "--states failed"
  sed -n '/^data_sip_class3d_general/,$p' class.star >class.tail
  sed -n '/^data_sip_class3d_general/,$p' own.out | cmp - class.tail || complain "--states: $(cat own.out)"
  $compare --pool 1 own.star >/dev/null || complain "a table of representatives is no list of maps"
  for option in states assigned mask; do
    expect_failure cryosip-evaluate never.star 2 "--$option is about classes: give --class3d too" \
      $evaluate --$option assigned.star start.star -o never.star
  done
  expect_failure cryosip-evaluate never.star 2 '--class3d is held against states: give --states or --truth too' \
    cryosip-evaluate --class3d job/o.star start.star -o never.star
  expect_failure cryosip-evaluate never.star 3 'no_such.star' $evaluate --class3d no_such.star start.star -o never.star
  sed 's/s.mrcs/other.mrcs/' assigned.star >other.star
  expect_failure cryosip-evaluate never.star 3 'job/o.star: none of its 3 images' \
    $evaluate --class3d job/o.star --assigned other.star start.star -o never.star
}
exit "$failed"

#!/bin/sh
# check_evaluate.sh TOOL_DIR TESTDATA: statuses, messages, streams and reproducibility of
# cryosip-evaluate where it compares images and writes densities.
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

two_wells 0.5 0.25 0.5
particles_and_start
evaluate="cryosip-evaluate --quiet --no-provenance --truth mixture.star"
with_images="$evaluate --images particles.star"

# expect STATUS STDERR_PATTERN COMMAND...
expect() { expect_failure cryosip-evaluate "never.star components.star densities.star" "$@"; }

# shellcheck disable=SC2086  # the commands are lists of words
{
  # Rows about images come behind those about coordinates, which stay as they are.
  $evaluate --initial start.star start.star -o without.star || complain "failed without images"
  $with_images --initial start.star start.star --principal-components pc.star --components 3 \
    --densities density.star -j 1 -o with.star || complain "failed with images"
  head -n "$(wc -l <without.star)" with.star | sed '$d' >head.star
  sed '$d' without.star | cmp - head.star || complain "--images changed the rows about coordinates"
  for metric in image_energy_distance image_mmd2 weighted_image_energy_distance weighted_image_mmd2; do
    for suffix in '' _error _truth _truth_error _floor _floor_error; do
      [ "$(grep -c "^$metric$suffix 0 " with.star)" -eq 1 ] || complain "no row $metric$suffix"
    done
  done
  grep -q '^image_mmd2_bandwidth 0 ' with.star || complain "no bandwidth"
  # Initial and final are the same ensemble.
  awk '/image_/ && $3 != $4 { exit 1 }' with.star || complain "one ensemble, two distances: $(cat with.star)"

  # The same bytes on two threads, and from standard input; others of another seed.
  cp start.star again.star
  $with_images --initial again.star --principal-components pc2.star --components 3 \
    --densities density2.star -j 2 <start.star >with2.star || complain "failed on two threads"
  for pair in 'with.star with2.star' 'pc.star pc2.star' 'density.star density2.star'; do
    cmp $pair || complain "one thread and two differ"
  done
  $with_images --seed 2 --initial start.star start.star | cmp -s with.star &&
    complain "another seed gave the same table"

  # 60 images of each of four sets, 3 components.
  [ "$(grep -cE '^(observed|truth|initial|final) [^ ]+ [^ ]+ [^ ]+$' pc.star)" -eq 240 ] ||
    complain "--principal-components wrote: $(head -30 pc.star)"
  grep -q '^_sipExplainedVariance3 ' pc.star || complain "no explained variances"
  grep -q '^data_sip_principal_components$' pc.star || complain "another block of components"
  grep -q '^data_sip_densities$' density.star || complain "no block of densities"
  grep -q '^data_sip_plane_densities$' density.star || complain "no block of densities in the plane"

  # Bands of whatever an ensemble with refits is asked for, and those of other machines.
  flow="cryosip-flow-step --quiet --no-provenance --images particles.star --images-per-step 10 --steps 4"
  $flow --bands 2 start.star -o end.star || complain "--bands failed"
  sed '/^data_sip_refits/,$d' end.star >bare.star
  for refit in 1 2; do $flow --bootstrap $refit start.star -o r$refit.star || complain "--bootstrap failed"; done
  $evaluate --initial start.star end.star >bands.star || complain "failed on an ensemble with refits"
  grep -qE '^w2 0 [^ ]+ [^ ]+ [0-9][^ ]* [0-9][^ ]*$' bands.star || complain "no bands: $(cat bands.star)"
  grep -q '^perturbation_l1 0 None ' bands.star || complain "no stability: $(cat bands.star)"
  $evaluate --initial start.star bare.star --refits r1.star r2.star >others.star || complain "--refits failed"
  grep -v '^perturbation' bands.star | cmp - others.star || complain "--refits gave other bands"
  $evaluate --initial start.star bare.star >bare_table.star || complain "failed without refits"
  grep -q sipFinalLower bare_table.star && complain "bands without refits"

  # Free energies and the ensemble's own densities want no truth.
  alone="cryosip-evaluate --quiet --no-provenance"
  $alone --bands density.star --free-energy energy.star end.star -j 1 >table.star || complain "failed without a truth"
  [ "$(grep -c '^effective_sample_size\|^perturbation_l1' table.star)" -eq 4 ] || complain "without a truth: $(cat table.star)"
  $alone --bands density2.star --free-energy energy2.star end.star -j 2 >table2.star || complain "failed on two threads"
  for pair in 'density.star density2.star' 'energy.star energy2.star' 'table.star table2.star'; do
    cmp $pair || complain "one thread and two differ"
  done
  for block in sip_free_energy sip_free_energy_plane sip_basins; do
    grep -q "^data_$block$" energy.star || complain "no block $block"
  done
  grep -q '^data_sip_plane_density_bands$' density.star || complain "no band in the plane"
  $alone --free-energy kcal.star --kt 0.593 end.star >/dev/null || complain "--kt failed"
  cmp -s kcal.star energy.star && complain "--kt changed nothing"

  # Atoms and tests where they are asked for.
  $evaluate --rmsd --permutations 99 start.star >atoms.star || complain "--rmsd failed"
  grep -qE '^rmsd_w1 0 None [0-9]' atoms.star || complain "no RMSD: $(cat atoms.star)"
  grep -qE '^energy_distance_p 0 None (0|1)' atoms.star || complain "no p-value: $(cat atoms.star)"
  $with_images --permutations 19 --image-count 20 start.star >tested.star || complain "--permutations failed with images"
  grep -qE '^weighted_image_mmd2_p 0 None 0?\.?[0-9]' tested.star || complain "no p-value of images: $(cat tested.star)"
  cryosip-init-particles --quiet --model identity --count 5 -o line.star
  expect 2 '--rmsd: the model has no atoms' $alone --truth line.star --rmsd line.star -o never.star
  expect 2 '--rmsd compares with the truth: give --truth too' $alone --rmsd start.star -o never.star
  expect 2 '--densities compares with the truth: give --truth too' $alone --densities d.star start.star -o never.star
  expect 2 '--images compares with the truth: give --truth too' $alone --images particles.star start.star -o never.star
  expect 2 '--model is what images or atoms are of' $evaluate --model modes.nmd start.star -o never.star
  expect 2 'line.star: 1 coordinates found' $evaluate start.star -o never.star --refits line.star
  expect 2 'free energy: expected kT' $alone --free-energy never.star --kt 0 end.star -o never.star
  expect 2 '--permutations: -1 found' $evaluate --permutations -1 start.star -o never.star
  expect 4 '/no/such/d.star' $alone --bands /no/such/d.star start.star -o never.star

  # Densities need no images; without --initial there is no number.
  $evaluate --densities alone.star start.star >/dev/null || complain "--densities failed"
  grep -qE '^1 [^ ]+ [^ ]+ None [^ ]+$' alone.star || complain "densities without --initial: $(head -12 alone.star)"
  $with_images --json start.star >json || complain "--json failed"
  grep -q '"metric": "image_energy_distance", "coordinate": 0, "initial": null, "final": ' json ||
    complain "--json gave $(cat json)"

  # Given values are used as they are; both laws of poses.
  $with_images --poses uniform --noise-sigma 0.01 --contrast 1 --resolution 20 --image-count 20 start.star \
    >given.star || complain "given values were refused"
  cmp -s given.star with.star && complain "given values changed nothing"
  cryosip-evaluate --no-provenance --truth mixture.star --images particles.star start.star 2>&1 >/dev/null |
    grep -q 'noise sigma of a pixel: .* (estimated)' || complain "the estimated noise is not said"

  # What is about images wants images.
  for option in '--poses given' '--noise-sigma 1' '--contrast 1' '--resolution 9' '--image-count 9' \
    '--principal-components components.star' '--components 3' '--datadir .' \
    '--angpix 3' '--atoms residue' '--residue-sigma 3' '--b-factor 1' '--no-b-factors' '--pixel point'; do
    expect 2 "${option%% *} is about images: give --images too" $evaluate $option start.star -o never.star
  done
  expect 2 '--components counts those of --principal-components' $with_images --components 3 start.star -o never.star
  expect 2 '--components: 0 found' \
    $with_images --components 0 --principal-components components.star start.star -o never.star
  expect 2 "--poses: 'guess' found, expected auto, given, in-plane, uniform" $with_images --poses guess start.star -o never.star
  expect 2 '3 observed images to compare, expected at least 4' $with_images --image-count 3 start.star -o never.star
  expect 2 '--image-count: -1 found' $with_images --image-count -1 start.star -o never.star
  expect 2 'the noise sigma must not be negative' $with_images --noise-sigma -1 start.star -o never.star
  expect 2 'the contrast must not be zero' $with_images --contrast 0 start.star -o never.star
  expect 2 '.*--contrast' $with_images --contrast high start.star -o never.star
  cryosip-normal-modes --quiet "$testdata/hinge_dimer.pdb" --modes 3 -o three.nmd
  expect 2 'the true ensemble has 2 coordinates, the model 3' \
    $with_images --model three.nmd start.star -o never.star
  sed '/rlnAngle/d; s/@\([^ ]*\) \([^ ]*\) [^ ]* [^ ]* [^ ]*/@\1 \2/' particles.star >no_poses.star
  expect 2 'no_poses.star: poses are to be taken from the images, which have none' \
    $evaluate --images no_poses.star --poses given start.star -o never.star
  expect 3 '/no/such.star: ' $evaluate --images /no/such.star start.star -o never.star
  expect 3 '.*/no/such.nmd' $with_images --model /no/such.nmd start.star -o never.star
  row=$(grep -n '@' particles.star | head -1 | cut -d : -f 1)
  sed "${row}s/@particles/@elsewhere/" particles.star >lost.star
  expect 3 "lost.star:$row: stack 'elsewhere.mrcs' not found" $evaluate --images lost.star start.star -o never.star
  head -c 40000 particles.mrcs >cut.mrcs
  sed 's/@particles/@cut/' particles.star >cut.star
  expect 3 '.*cut.mrcs' $evaluate --images cut.star start.star -o never.star
  expect 4 '/no/such/pc.star' $with_images --principal-components /no/such/pc.star start.star -o never.star
  expect 4 '/no/such/d.star' $with_images --densities /no/such/d.star start.star -o never.star
  expect 4 '/no/such/d.star' $evaluate --densities /no/such/d.star start.star -o never.star
  got=0; $with_images start.star >/dev/full 2>err || got=$?
  [ "$got" -eq 4 ] || complain "a full disk gave $got, expected 4"
}
exit "$failed"

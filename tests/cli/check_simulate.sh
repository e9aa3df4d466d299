#!/bin/sh
# check_simulate.sh TOOL_DIR TESTDATA: statuses, messages and reproducibility of cryosip-simulate.
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

two_wells 0.5 0.25 0.5
simulate="cryosip-simulate --quiet --no-provenance --model $work/modes.nmd --count 40 --box 32 --angpix 4.5"
with_mixture="$simulate --mixture $work/mixture.star"

# expect STATUS STDERR_PATTERN COMMAND...
expect() { expect_failure cryosip-simulate "p.mrcs p.star p_truth.star" "$@"; }

# shellcheck disable=SC2086  # the commands are lists of words
{
  # The same bytes on any number of threads, with the noise scaled to the signal too.
  mkdir one two
  (cd one && $with_mixture --snr 0.1 --shift-sigma 3 -j 1 -o p) || complain "simulating failed"
  (cd two && $with_mixture --snr 0.1 --shift-sigma 3 -j 2 -o p) || complain "simulating failed"
  for file in p.mrcs p.star p_truth.star; do
    cmp one/$file two/$file || complain "$file differs between one thread and two"
  done

  # Errors of poses change what is written of them, and no image; coloured noise keeps its size.
  mkdir errors coloured
  (cd errors && $with_mixture --snr 0.1 --shift-sigma 3 --angle-error 3 --shift-error 2 -o p) ||
    complain "errors of poses were refused"
  cmp one/p.mrcs errors/p.mrcs || complain "errors of poses changed images"
  grep '@' one/p.star >exact; grep '@' errors/p.star >wrong
  paste -d ' ' exact wrong | awk -v half="$(head -n 1 exact | wc -w)" '
    { sum += ($6 - $(6 + half))^2 + ($7 - $(7 + half))^2; different += $4 != $(4 + half) }
    END { rms = sqrt(sum / (2 * NR)); exit !(rms > 1.5 && rms < 2.5 && different == NR) }' ||
    complain "errors of poses are not of the size asked for"
  (cd coloured && $with_mixture --snr 0.1 --shift-sigma 3 --noise-b-factor 200 -o p) ||
    complain "coloured noise was refused"
  if cmp -s one/p.mrcs coloured/p.mrcs; then complain "coloured noise is white"; fi
  expect 2 'simulation: errors of poses must not be negative' $with_mixture --angle-error -1 -o p

  # Another seed, other images; the ensemble that one run wrote is a law and a table for another.
  mkdir three
  (cd three && $with_mixture --snr 0.1 --seed 2 -o p) || complain "simulating failed"
  if cmp -s one/p.mrcs three/p.mrcs; then complain "another seed gave the same images"; fi
  mkdir four
  (cd four && $simulate --ensemble ../one/p_truth.star --poses ../one/p.star --ctf ../one/p.star -o p) ||
    complain "poses, optics and ensemble of another run were refused"
  grep '@' one/p.star | cut -d ' ' -f 3-13 >poses_one
  grep '@' four/p.star | cut -d ' ' -f 3-13 >poses_four
  [ "$(wc -l <poses_one)" -eq 40 ] || complain "expected 40 rows: $(cat poses_one)"
  # To 1e-6: angles went through a matrix.
  paste -d ' ' poses_one poses_four | awk '{ for (i = 1; i <= 11; ++i) {
      d = $i - $(i + 11); if (d < -1e-6 || d > 1e-6) { print; exit 1 } } }' ||
    complain "poses or optics differ from the table's"

  # Standard input takes the ensemble.
  mkdir five
  (cd five && $simulate --ensemble - --poses ../one/p.star --ctf ../one/p.star -o p <../one/p_truth.star) ||
    complain "standard input was refused"
  cmp four/p.mrcs five/p.mrcs || complain "standard input gave other images than the file"

  expect 2 'give either --ensemble or --mixture' $simulate -o p
  expect 2 'give either --ensemble or --mixture' $with_mixture --ensemble one/p_truth.star -o p
  expect 2 'give either --snr or --noise-sigma' $with_mixture --snr 1 --noise-sigma 1 -o p
  expect 2 '--snr: expected a positive number' $with_mixture --snr 0 -o p
  expect 2 '.*--output' $with_mixture
  expect 2 '.*--snr' $with_mixture --snr much -o p
  expect 2 "--pixel: 'square' found, expected bandlimited, average, point" $with_mixture --pixel square -o p
  expect 2 '--count: -1 found' cryosip-simulate --quiet --model modes.nmd --mixture mixture.star --count -1 -o p
  expect 2 '.*(box|even)' cryosip-simulate --quiet --model modes.nmd --mixture mixture.star --box 33 -o p
  expect 2 'CTF: the voltage must be positive' $with_mixture --voltage 0 -o p
  expect 2 'simulation: the smallest defocus' $with_mixture --defocus-min 30000 -o p
  sed 's/^0.5.*/1 0 0.5/; /Mean2/d; /Sigma2/d' mixture.star | uniq >narrow.star
  expect 2 'simulation: the distribution has 1 coordinates, the model 2' $simulate --mixture narrow.star -o p
  expect 3 '/no/such.nmd: ' cryosip-simulate --quiet --model /no/such.nmd --mixture mixture.star -o p
  expect 3 '/no/such.star: cannot be opened' $simulate --mixture /no/such.star -o p
  sed '9s/-1/minus/' mixture.star >bad.star
  expect 3 "bad.star:9: block 'sip_mixture', column '_?sipMean1': 'minus' found" $simulate --mixture bad.star -o p
  expect 3 '/no/such.star: cannot be opened' $with_mixture --poses /no/such.star -o p
  expect 3 'mixture.star: no block' $with_mixture --ctf mixture.star -o p
  expect 4 '/no/such/folder/p.mrcs' $with_mixture -o /no/such/folder/p
}
exit "$failed"

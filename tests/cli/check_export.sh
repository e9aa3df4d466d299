#!/bin/sh
# check_export.sh TOOL_DIR TESTDATA: statuses, messages, files and reproducibility of cryosip-export.
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

two_wells 0.3 0.1 0.1
cryosip-init-particles --quiet --model modes.nmd --count 120 -o many.star || exit 1
cryosip-init-particles --quiet --model modes.nmd --count 12 -o few.star || exit 1
export="cryosip-export --quiet --no-provenance"

# expect STATUS STDERR_PATTERN COMMAND...
expect() { expect_failure cryosip-export "never.cif never.pdb never.cxc never.star never" "$@"; }
# populations FILE.star: their sum
total() { awk 'NF >= 6 && $1 ~ /^[0-9]+$/ { sum += $3 } END { printf "%.9f", sum }' "$1"; }

# shellcheck disable=SC2086  # the commands are lists of words
{
  # All conformations, as they are.
  $export few.star --pdb all.cif -o all.star || complain "all conformations failed"
  [ "$(grep -c '^ATOM' all.cif)" -eq $((12 * $(grep -c '^ATOM' "$testdata/hinge_dimer.pdb"))) ] ||
    complain "not every atom of every conformation was written"
  [ "$(total all.star)" = 1.000000000 ] || complain "populations sum to $(total all.star)"
  $export <few.star --pdb all.pdb | cmp all.star || complain "the pipe gave another table"
  [ "$(grep -c '^REMARK   6 MODEL .* POPULATION 0.08333333333333333' all.pdb)" -eq 12 ] ||
    complain "the PDB file does not say the populations"
  [ "$(grep -c '^MODEL ' all.pdb)" -eq 12 ] || complain "the PDB file has $(grep -c '^MODEL ' all.pdb) models"

  # Five that stand for them: structures, maps, a script, the same bytes on any number of threads.
  five="$export many.star --clusters 5 --box 24 --angpix 5"
  $five -j 1 --pdb five.cif --volumes maps --chimerax five.cxc -o five.star || complain "five failed"
  $five -j 2 --pdb five2.cif --volumes maps2 --chimerax five2.cxc -o five2.star || complain "five failed on two threads"
  sed 's/maps2/maps/' five2.star | cmp five.star - || complain "one thread and two give other tables"
  cmp five.cif five2.cif || complain "one thread and two give other structures"
  [ "$(total five.star)" = 1.000000000 ] || complain "populations of five sum to $(total five.star)"
  for k in 1 2 3 4 5; do
    cmp "maps/map_00$k.mrc" "maps2/map_00$k.mrc" || complain "one thread and two give other maps"
    grep -q "^open \"maps/map_00$k.mrc\"" five.cxc || complain "the script does not open map $k"
  done
  grep -q '^open "five.cif"' five.cxc || complain "the script does not open the structures"
  grep -q '^morph #1.1-5 ' five.cxc || complain "the script plays no morph"
  mkdir scripts
  $five --pdb five.cif --chimerax scripts/five.cxc -o five3.star || complain "a script in another folder failed"
  grep -q '^open "../five.cif"' scripts/five.cxc || complain "the script does not find its files: $(cat scripts/five.cxc)"

  # The bundle: whole models from C-alphas' modes.
  $export many.star --clusters 10 --structure "$testdata/hinge_dimer.pdb" --bundle bundle -o bundle.star ||
    complain "the bundle failed"
  [ "$(find bundle -name 'model_0*.cif' | wc -l)" -eq 10 ] || complain "the bundle holds $(ls bundle)"
  awk -F, 'NR == 1 { exit ($0 != "model,population") }' bundle/populations.csv || complain "the bundle's table begins otherwise"
  awk -F, 'NR > 1 { n++; sum += $2 } END { exit !(n == 10 && sum > 1 - 1e-9 && sum < 1 + 1e-9) }' bundle/populations.csv ||
    complain "the bundle's populations are $(cat bundle/populations.csv)"
  # A model that we write is a model that we read.
  cryosip-normal-modes --quiet bundle/model_001.cif --modes 1 -o read_back.nmd || complain "our own mmCIF was refused"

  # A rigid structure is an ensemble of one; a model that is no atoms has none to write.
  printf 'data_sip_ensemble\n\n_sipModel %s\n_sipSeed 1\n_sipStep 0\n_sipScheduleBegin 0\n_sipScheduleEnd 0\n\ndata_sip_conformations\n\nloop_\n_sipWeight #1\n1\n\n' \
    "$testdata/hinge_dimer.pdb" | $export --pdb one.pdb -o one.star || complain "a rigid structure failed"
  [ "$(grep -c '^ATOM' one.pdb)" -eq "$(grep -c '^ATOM' "$testdata/hinge_dimer.pdb")" ] || complain "a rigid structure lost atoms"
  cryosip-init-particles --quiet --model identity --count 20 >line.star
  $export line.star --clusters 2 -o two.star || complain "clusters of a model without atoms failed"
  expect 2 "--pdb: the model 'identity' has no atoms" $export line.star --pdb never.pdb
  expect 2 'the model has no density' $export line.star --clusters 2 --volumes never --box 16 --angpix 3

  expect 2 '--clusters: -1 found' $export few.star --clusters -1
  expect 2 '13 clusters of 12 conformations' $export few.star --clusters 13
  expect 2 '--volumes: 120 conformations, expected at most 100: give --clusters' $export many.star --volumes never --box 24 --angpix 5
  expect 2 '--bundle: 9 conformations, expected 10 to 100' $export many.star --clusters 9 --bundle never
  expect 2 '--volumes: give --images, or --box and --angpix' $export few.star --clusters 2 --volumes never
  expect 2 '--chimerax shows what is written' $export few.star --chimerax never.cxc
  expect 2 'the molecule reaches beyond a box' $export few.star --clusters 2 --volumes never --box 8 --angpix 3
  sed 's/ A  / Z  /; s/ B  / Y  /' "$testdata/hinge_dimer.pdb" | sed 's/^\(ATOM.................\)[AB]/\1Z/' >other.pdb
  expect 3 'other.pdb: .* expected the structure that the model was made of' \
    $export many.star --clusters 10 --structure other.pdb --bundle never
  expect 3 '/no/such.star: cannot be opened' $export /no/such.star --pdb never.pdb
  expect 3 'standard input: ' $export --pdb never.pdb
  expect 4 '/no/such/folder/e.cif' $export few.star --pdb /no/such/folder/e.cif
  expect 4 '/dev/null/maps: cannot be made' $export few.star --clusters 2 --volumes /dev/null/maps --box 24 --angpix 5
  got=0; $export few.star --clusters 2 >/dev/full 2>err || got=$?
  [ "$got" -eq 4 ] || complain "a full disk gave $got, expected 4"
}
exit "$failed"

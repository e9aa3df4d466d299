#!/bin/sh
# check_relion_job.sh TOOL_DIR TESTDATA: markers, statuses and messages of cryosip-relion-job however it ends, and
# what a next run keeps.  What RELION makes of it: tests/agreement/relion_job.sh.
# shellcheck source=common.sh
. "$(dirname "$0")/common.sh"

two_wells 0.6 0.3 0.3
particles_and_start
cp "$testdata/hinge_dimer.pdb" model.pdb
inputs="--in_parts particles.star --model model.pdb --modes 1 --conformations 10"
short="$inputs --representatives 2"

# left FOLDER MARKER: just this one, and nothing of a run under way.
left() {
  found=$(cd "$1" && echo RELION_JOB_*)
  [ "$found" = "RELION_JOB_EXIT_$2" ] || complain "$1: left '$found', expected $2: $(cat err)"
  [ ! -e "$1/cryosip_unfinished" ] || complain "$1: left cryosip_unfinished"
  [ "$2" = SUCCESS ] || [ ! -e "$1/RELION_OUTPUT_NODES.star" ] || complain "$1: nodes of a job that failed"
}
# expect STATUS STDERR_PATTERN ARGUMENTS...: of a job in the folder job/.
expect() {
  status=$1; pattern=$2; shift 2
  got=0; cryosip-relion-job --o job/ "$@" >out 2>err || got=$?
  [ "$got" -eq "$status" ] || complain "'$*' gave status $got, expected $status"
  { [ "$(grep -c ': error: ' err)" -eq 1 ] && grep -qE -e "$pattern" err; } || complain "'$*' said: $(cat err)"
  left job FAILURE
}
# flowing: a job in the folder job/, until its flow is under way; $worker is its process.
flowing() {
  # shellcheck disable=SC2086  # a list of words
  cryosip-relion-job --o job/ $short --steps 200 --j 1 >out 2>err &
  worker=$!
  tries=0
  until grep -q '^   flowing' out || [ "$tries" -ge 3000 ]; do sleep 0.02; tries=$((tries + 1)); done
  sleep 0.1
}
# ended STATUS MARKER
ended() {
  got=0; wait "$worker" || got=$?
  [ "$got" -eq "$1" ] || complain "status $got, expected $1: $(cat err)"
  # The watch of a job that was killed needs a moment.
  tries=0
  while [ -e job/cryosip_unfinished ] && [ "$tries" -lt 100 ]; do sleep 0.02; tries=$((tries + 1)); done
  left job "$2"
}
succeeds() { # succeeds FOLDER ARGUMENTS...
  folder=$1; shift
  cryosip-relion-job --o "$folder" "$@" >out 2>err || complain "'$*' failed: $(cat err)"
  left "$folder" SUCCESS
}

# Wrong usage and bad input: the job makes its folder itself.
expect 2 "^cryosip-relion-job: error: unrecognised option '--step'" --step 3
expect 2 '^cryosip-relion-job: error: --modes: its value is missing' --in_parts p.star --modes --steps 5
expect 2 "--in_parts' is required" --model model.pdb
expect 2 '--modes has no meaning for modes.nmd' --in_parts particles.star --model modes.nmd --modes 2
expect 2 '--conformations: 0 found, expected 1 to' --in_parts particles.star --model modes.nmd --conformations 0
expect 2 '--representatives: 11 found, expected 1 to 10' --in_parts particles.star --model modes.nmd \
  --conformations 10 --representatives 11
expect 2 '--in_mask has no meaning' --in_parts particles.star --model modes.nmd --in_mask mask.mrc
expect 3 '^cryosip-normal-modes: error: no_such.pdb: ' --in_parts particles.star --model no_such.pdb
expect 3 '^cryosip-check: error: no_such.star: ' --in_parts no_such.star --model modes.nmd
cryosip-relion-job --o job/ --help >out || complain "--help failed"
left job FAILURE  # help is not what was promised to RELION
expect_failure cryosip-relion-job never 4 '/proc/no/: cannot be used' cryosip-relion-job --o /proc/no --in_parts p.star

# Whatever ends it, the folder says so, and a next run goes on to the same bits.
# shellcheck disable=SC2086
{
  succeeds whole/ $short --steps 200 --no-provenance
  sed 's/whole/job/' whole/ensemble.star >whole.star
  for signal in KILL TERM; do
    rm -f job/ensemble.star
    flowing
    kill -$signal "$worker"
    case $signal in KILL) ended 137 FAILURE ;; TERM) ended 130 FAILURE ;; esac
    succeeds job $short --steps 200 --no-provenance
    grep -q 'Going on after step [1-9]' out || complain "after $signal the flow began again: $(cat out)"
    cmp whole.star job/ensemble.star || complain "after $signal the flow ended elsewhere"
  done
  rm -f job/ensemble.star
  flowing
  touch job/RELION_JOB_ABORT_NOW
  ended 130 ABORTED
  flowing
  kill -KILL "$(pgrep -P "$worker" -f flow-step)"
  ended 5 FAILURE
  grep -q '^cryosip-relion-job: error: cryosip-flow-step was killed' err || complain "a tool's death is told so: $(cat err)"
  succeeds job $short --steps 200 --no-provenance
  grep -q 'Going on after step [1-9]' out || complain "the abort's checkpoint is lost: $(cat out)"
  cmp whole.star job/ensemble.star || complain "after an abort the flow ended elsewhere"

  # What depends on a parameter or a file is done again, and no more.
  kept() { [ "$(grep -c ': done before' out)" -eq "$1" ] || complain "$2: kept other than $1 steps: $(cat out)"; }
  succeeds job $short --steps 200 --no-provenance --j 2
  kept 6 "another number of threads"
  succeeds job $inputs --representatives 3 --steps 200
  kept 5 "more representatives"
  succeeds job $inputs --representatives 3 --steps 5
  kept 3 "fewer steps"
  rm job/particles.star
  succeeds job $inputs --representatives 3 --steps 5
  kept 5 "an output that is gone"
  touch model.pdb
  succeeds job $inputs --representatives 3 --steps 5
  kept 1 "another model"
}

# The nodes in the form of the RELION that made job.star; made by hand there is none, and the form is for all.
nodes() { # nodes LABELS ROW
  # shellcheck disable=SC2086
  succeeds job $inputs --representatives 3 --steps 5 --pipeline_control job/
  sed -n '/^_rln/s/ #.*//p' job/RELION_OUTPUT_NODES.star | tr '\n' ' ' >labels
  [ "$(cat labels)" = "$1 " ] || complain "the nodes have the labels $(cat labels), expected $1"
  grep -qx "$2" job/RELION_OUTPUT_NODES.star || complain "$(cat job/RELION_OUTPUT_NODES.star), expected $2"
}
made_by() { printf '\n# version %s\n\ndata_job\n\n%s\n_rlnJobIsContinue 0\n\n' "$@" >job/job.star; }
name=_rlnPipeLineNodeName number=_rlnPipeLineNodeType label=_rlnPipeLineNodeTypeLabel
nodes "$name $number $label" 'job/particles.star 3 ParticleGroupMetadata.star.relion'
made_by 30001 '_rlnJobType                            99'
nodes "$name $number" 'job/particles.star 3'
nodes "$name $number" 'job/map.mrc 6'
made_by 30001 '_rlnJobTypeLabel relion.external'
nodes "$name $label" 'job/particles.star ParticlesData.star.relion'
made_by 50001 '_rlnJobTypeLabel relion.external'
nodes "$name $label" 'job/particles.star ParticleGroupMetadata.star.relion'
nodes "$name $label" 'job/map.mrc DensityMap.mrc'

# What the particles and the table say fits what there is.
[ "$(grep -c '@' job/particles.star)" -eq 60 ] || complain "particles.star has not all images"
grep -q '^_rlnParticleFigureOfMerit' job/particles.star || complain "no column that RELION selects by"
[ "$(ls job/maps)" = "$(printf 'map_001.mrc\nmap_002.mrc\nmap_003.mrc')" ] || complain "maps: $(ls job/maps)"
# shellcheck disable=SC2086
{
  # A reference: the mean map shows the model where it is, and not the model elsewhere.
  cp job/map.mrc reference.mrc
  succeeds job $inputs --representatives 3 --steps 5 --in_3dref reference.mrc
  grep -q 'Correlation of the model with reference.mrc: 0\.[6-9]' out || complain "correlation: $(grep Corr out)"
  if grep warning err; then complain "a warning of a model in its place"; fi
  # Turned by 90 degrees: x becomes y, y -x.
  awk '/^ATOM/ { $0 = substr($0, 1, 30) sprintf("%8.3f%8.3f", -substr($0, 39, 8), substr($0, 31, 8)) substr($0, 47) }
    { print }' model.pdb >turned.pdb
  succeeds turned --in_parts particles.star --model turned.pdb --modes 1 --conformations 10 --steps 1 --in_3dref reference.mrc
  grep -q '^cryosip-relion-job: warning: the model does not seem to lie in reference.mrc' err ||
    complain "a model turned: $(grep Corr out)"
  cryosip-simulate --quiet --model modes.nmd --mixture mixture.star --count 20 --box 40 --angpix 4.5 -o wide
  expect 3 'reference.mrc: edge of 32 voxels of 4.5 A found, expected a cube of 40 voxels' \
    --in_parts wide.star --model modes.nmd --in_3dref reference.mrc
}

# A full disk: the outputs find no room, the marker does.
fails_for_want_of_room() { # after the run, its status in $status
  [ "$status" -eq 4 ] || complain "$1: status $status, expected 4: $(cat err)"
  found=$(grep -E '^(RELION_|cryosip_unfinished)' listing)
  [ "$found" = RELION_JOB_EXIT_FAILURE ] || complain "$1: left '$found'"
  [ "$(grep -c ': error: ' err)" -eq 1 ] || complain "$1: said '$(cat err)'"
}
mkdir full
# shellcheck disable=SC2016,SC2086  # the inner shell's variables; lists of words
if unshare -rm mount -t tmpfs none full 2>/dev/null; then
  for room in size=32k size=72k nr_inodes=3 nr_inodes=7; do
    status=0
    unshare -rm sh -c 'mount -t tmpfs -o "$1" none full; shift
      status=0; cryosip-relion-job "$@" >full/run.out 2>err || status=$?; ls full >listing; exit $status' \
      sh "$room" --o full/ $short --steps 5 || status=$?
    fails_for_want_of_room "$room"
  done
fi
# shellcheck disable=SC2086
{
  for blocks in 8 128; do
    status=0
    (ulimit -f "$blocks"; exec cryosip-relion-job --o full/ $short --steps 5) >out 2>err || status=$?
    ls full >listing
    fails_for_want_of_room "ulimit -f $blocks"
  done
  succeeds full $short --steps 5
  grep -q 'Normal modes of the structure: done before' out || complain "with room again nothing was kept"
}

# Where not even the first file can be made.
mkdir -p stuck/cryosip_unfinished
: >stuck/run.out
expect_failure cryosip-relion-job stuck/RELION_JOB_EXIT_SUCCESS 4 'stuck/cryosip_unfinished: cannot be created' \
  cryosip-relion-job --o stuck/ --in_parts particles.star --model modes.nmd
[ -e stuck/RELION_JOB_EXIT_FAILURE ] || complain "no file can be made: left $(ls stuck)"
exit "$failed"
